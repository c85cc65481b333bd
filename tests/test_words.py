"""Real words as ids: what stands in for a word, which are known, and the batches for a tagger and for a classifier."""

import pytest
import torch
from refusals import refused

from shared import settings, words
from shared.words import ANY, PAD, Vocabulary, batches, stand_ins

TEXTS = [["the", "cat", "sat"], ["the", "Dog", "ran", "off"], ["a", "cat", "sat", "down", "at", "10:30"]]


@pytest.mark.parametrize("word, expected", [
    ("unfriended", ("<a>ded", "<a>")), ("Zürich", ("<Aa>ich", "<Aa>")), ("3.14", ("<1.1>.14", "<1.1>")),
    ("USA", ("<A>usa", "<A>")), ("iPhone", ("<aAa>one", "<aAa>")), (":-)", ("<:-)>:-)", "<:-)>")), ("a", ("<a>a", "<a>")),
])
def test_stand_ins(word, expected):
    assert stand_ins(word) == expected


def test_a_word_or_its_finest_stand_in():
    vocabulary = Vocabulary(TEXTS)
    the, cat, sat, ran, dog = vocabulary.ids(["the", "cat", "sat", "ran", "Dog"])
    assert len({the, cat, sat, ran}) == 4 and min(the, cat, sat, ran) > ANY
    assert vocabulary.ids(["ran", "xyz", "off"]) == [ran] * 3           # each once, or never: only <a> is left
    assert vocabulary.ids(["at", "chat"]) == [ran, ran]
    assert vocabulary.ids(["wcat"])[0] == vocabulary.ids(["cat"], coarse=True)[0] not in (cat, ran)
    assert dog == ANY == vocabulary.ids(["10:30"])[0]                   # no other word has these kinds of character
    assert vocabulary.size == 2 + len({"the", "cat", "sat", "<a>the", "<a>cat", "<a>sat", "<a>"})
    assert max(vocabulary.ids(["the", "cat", "sat", "ran"])) < vocabulary.size


def test_padded():
    vocabulary = Vocabulary(TEXTS)
    ids = vocabulary.padded(TEXTS)
    assert (ids.shape, ids.dtype) == ((3, 6), torch.int64)
    assert (ids == PAD).sum(1).tolist() == [3, 2, 0]
    assert ids[1, :4].tolist() == vocabulary.ids(TEXTS[1])


def test_batches_of_labels_are_of_one_length_and_padded_with_what_is_ignored():
    texts = [["the"] * length for length in range(1, 41)]
    draw = batches(Vocabulary(texts), texts, [[length] * length for length in range(1, 41)], size=4, coarse=0.0)
    rng, lengths = settings.generator(0), set()
    for _ in range(60):
        ids, labels = draw(rng)
        assert ids.shape == labels.shape == (4, labels.max())
        assert ((ids == PAD) == (labels == -100)).all()
        assert labels.max() - labels[labels > 0].min() <= 3
        lengths |= set(labels[labels > 0].tolist())
    assert lengths == set(range(1, 41))


def test_batches_of_classes_draw_all_and_keep_pairs_together():
    texts = [["the"] * length for length in range(1, 11)]
    ids, classes = batches(Vocabulary(texts), texts, list(range(1, 11)), size=10, coarse=0.0)(settings.generator(0))
    assert ((ids != PAD).sum(1) == classes).all()
    assert len(set(classes.tolist())) > 3


def test_the_share_of_stand_ins():
    texts = [["the"] * 50 for _ in range(8)]
    vocabulary = Vocabulary(texts)
    (word,), (coarse,) = vocabulary.ids(["the"]), vocabulary.ids(["the"], coarse=True)
    draw = batches(vocabulary, texts, [0] * 8, size=8, coarse=0.25)
    ids = torch.cat([draw(rng)[0] for rng in [settings.generator(1)] for _ in range(20)])
    assert ((ids == word) | (ids == coarse)).all()
    assert (ids == coarse).double().mean().item() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / ids.numel()) ** 0.5)


def test_too_few():
    vocabulary = Vocabulary(TEXTS)
    refused(ValueError, "as many answers as texts, and at least 4, got 3 and 3", lambda: words.batches(vocabulary, TEXTS, [0, 1, 2], size=4))
    refused(ValueError, "as many answers as texts, … got 3 and 2", lambda: words.batches(vocabulary, TEXTS, [0, 1], size=2))


def test_the_usual_label_of_a_word():
    label = words.usual_labels([["may", "may", "I"], ["may"]], [["date", "verb", "O"], ["verb"]], "unknown")
    assert label(["may", "I", "June"]) == ["verb", "O", "unknown"]


def test_the_usual_label_of_a_spelling_is_that_of_words_that_occur_once():
    texts, labels = [["run", "run", "walking", "sing", "Ann"]], [["verb", "verb", "verb", "noun", "name"]]
    label = words.usual_labels(texts, labels, "?", spelling=True)
    assert label(["sing", "jumping", "Bob", "fun", "7"]) == ["noun", "verb", "name", "verb", "?"]
    alone = words.usual_labels(texts, labels, "?")
    assert alone(["sing", "jumping", "Bob", "fun", "7"]) == ["noun", "?", "?", "?", "?"]


def test_naive_bayes():
    texts = [["play", "jazz"], ["play", "rock"], ["book", "a", "flight"]]
    best = words.naive_bayes(texts, ["music", "music", "travel"])
    assert [best(["play", "something"]), best(["a", "flight"]), best(["play", "a", "flight"])] == ["music", "travel", "travel"]
    exact = {"music": (2.1 / 4.6) * (0.1 / 4.6), "travel": (0.1 / 3.6) * (1.1 / 3.6)}       # 0.1 is added to 6 words
    assert best(["play", "book"]) == max(exact, key=exact.get)


@pytest.mark.parametrize("per_word", [True, False])
def test_what_a_model_says(per_word):
    class Longest(torch.nn.Module):
        """Says of each word 1 if its id is above 1, and 0 of padding; of each text the number of its words."""
        def forward(self, ids):
            assert not self.training
            known = (ids > 1).long()
            return torch.nn.functional.one_hot(known if per_word else known.sum(1), 9)

    vocabulary, model = Vocabulary(TEXTS), Longest()
    said = words.answered(model, vocabulary, TEXTS, size=2)
    rows = [[int(k > 1) for k in vocabulary.ids(text)] for text in TEXTS]
    assert said == (rows if per_word else [sum(row) for row in rows])
    assert model.training
