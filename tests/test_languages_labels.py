"""Whole texts, the labels of their words and their classes are those of the list of all texts."""

import collections
import re

import pytest
import torch
from enumerated import Enumerated
from small_grammars import BEFORE_AND_AFTER, LABELLED, SMALL

from shared import languages, settings
from shared.languages import Language

ALL = SMALL | LABELLED
SENTENCES = (languages.FOLDER / "sentences.txt").read_text(encoding="utf-8")


def made_and_listed(grammars):
    return pytest.mark.parametrize("made, listed", [(Language(text), Enumerated(text)) for text in grammars.values()],
                                   ids=grammars)


def within(listed):
    """How often a text has each (word, label), its last word left out."""
    counts = collections.Counter()
    for text, share in listed.labelled.items():
        for pair in text[:-1]:
            counts[pair] += share
    return counts


def near(count, total, share):
    return abs(count / total - share) <= 4 * (share * (1 - share) / total) ** 0.5 + 1 / total


@made_and_listed(ALL)
def test_labels_and_classes_are_all_there_are(made, listed):
    assert made.labels == tuple(sorted({label for _, label in within(listed)} | {"O"}))
    assert made.classes == tuple(sorted({text[-1][1] for text in listed.labelled}))


def test_labels_by_hand():
    made = Language(BEFORE_AND_AFTER)
    assert made.labels == ("B-date", "B-person", "I-date", "O")
    assert made.classes == ("ask", "date", "who")
    assert Language(SENTENCES).labels == Language(SENTENCES).classes == ("O",)


@made_and_listed(ALL)
def test_labelled_texts_come_as_often_as_they_are_probable(made, listed):
    ids, labels, classes = made.labelled_texts(settings.generator(1), 20_000, pad_id=-1)
    assert ids.shape == labels.shape == (20_000, max(map(len, listed.texts)))
    assert classes.shape == (20_000,)
    assert ids.dtype == labels.dtype == classes.dtype == torch.int64
    found = collections.Counter(zip(map(tuple, ids.tolist()), map(tuple, labels.tolist()), classes.tolist(), strict=True))
    expected = {}
    for text, share in listed.labelled.items():
        pad = ids.shape[1] - len(text)
        words = [made.words.index(word) for word, _ in text] + pad * [-1]
        names = [made.labels.index(label) for _, label in text[:-1]] + [made.labels.index("O")] + pad * [-100]
        expected[tuple(words), tuple(names), made.classes.index(text[-1][1])] = share
    assert found.keys() <= expected.keys()
    assert all(near(found[row], 20_000, share) for row, share in expected.items())


@made_and_listed(ALL)
def test_texts_are_those_of_labelled_texts(made, listed):
    ids = made.texts(settings.generator(2), 50, pad_id=made.vocab_size)
    assert ids.equal(made.labelled_texts(settings.generator(2), 50, made.vocab_size)[0])
    assert not ids.equal(made.texts(settings.generator(3), 50, pad_id=made.vocab_size))
    for row in ids:
        words = made.decode(row[row != made.vocab_size]).split()
        assert tuple(words) in listed.texts
        assert (row[len(words):] == made.vocab_size).all()


@pytest.mark.parametrize("name", sorted(path.stem for path in languages.FOLDER.glob("*.txt")))
def test_texts_are_as_long_as_the_longest_and_pay_their_entropy(name):
    made = languages.load(name)
    ids = made.texts(settings.generator(4), 20_000, pad_id=made.vocab_size)
    there = ids != made.vocab_size
    assert ids.shape[1] == there.sum(1).max()
    paid = -made.log_prob(ids.masked_fill(~there, 0)).where(there, 0).sum(1)
    assert abs(paid.mean() - made.text_entropy()) < 4 * paid.std() / 20_000 ** 0.5
    lengths = there.sum(1).double()
    assert abs(lengths.mean() - made.text_length()) < 4 * lengths.std() / 20_000 ** 0.5
    assert made.texts(settings.generator(4), 1, pad_id=made.vocab_size).shape[0] == 1


@made_and_listed(ALL)
def test_what_a_word_alone_tells_of_its_label(made, listed):
    counts, of_word = within(listed), collections.defaultdict(dict)
    for (word, label), count in counts.items():
        of_word[word][label] = count
    ambiguous = {word for word, labels in of_word.items() if len(labels) > 1}
    assert {made.words[place] for place in made.ambiguous.nonzero().flatten().tolist()} == ambiguous
    assert (made.ambiguous.shape, made.ambiguous.dtype) == ((made.vocab_size,), torch.bool)
    best = sum(max(labels.values()) for labels in of_word.values())
    assert made.per_word_accuracy() == pytest.approx(best / sum(counts.values()), abs=1e-12)
    for word, place in zip(made.words, made.per_word_labels().tolist(), strict=True):
        labels = of_word.get(word, {"O": 1.0})
        assert labels[made.labels[place]] == pytest.approx(max(labels.values()), abs=1e-12)
    if ambiguous:
        best = sum(max(of_word[word].values()) for word in ambiguous)
        total = sum(count for (word, _), count in counts.items() if word in ambiguous)
        assert made.per_word_accuracy(only_ambiguous=True) == pytest.approx(best / total, abs=1e-12)


def test_what_a_word_alone_tells_by_hand():
    made = Language("TEXT = in may/B-date ./when | 2: may/O i ./ask | 3: may/B-person ./ask")
    assert [made.words[place] for place in made.ambiguous.nonzero()] == ["may"]
    assert made.per_word_accuracy(only_ambiguous=True) == pytest.approx(3 / 6)
    assert made.per_word_accuracy() == pytest.approx((3 + 1 + 2) / (6 + 1 + 2))
    assert made.labels[made.per_word_labels()[made.words.index("may")]] == "B-person"
    assert made.labels[made.per_word_labels()[made.words.index(".")]] == "O"


@pytest.mark.parametrize("grammar", LABELLED.values(), ids=LABELLED)
def test_only_labelled_texts_see_labels(grammar):
    bare = re.sub(r"/[\w-]+", "", grammar)
    made, plain = Language(grammar), Language(bare)
    assert plain.labels == ("O",) != made.labels
    assert (made.words, made.num_states) == (plain.words, plain.num_states)
    ids = made.sample(settings.generator(5), 20, 9)
    assert ids.equal(plain.sample(settings.generator(5), 20, 9))
    assert made.next_probs(ids).equal(plain.next_probs(ids))


def test_o_is_no_label():
    made, plain = Language("TEXT = a/O b .\n | a c ./O"), Language("TEXT = a b .\n | a c .")
    assert made.num_states == plain.num_states
    assert (made.labels, made.classes) == (("O",), ("O",))


def test_the_default_device_does_not_matter():
    made = Language(BEFORE_AND_AFTER)
    expected = made.labelled_texts(settings.generator(6), 5, -1)
    torch.set_default_device("meta")                                # stands for a device that is not the CPU
    try:
        found = made.labelled_texts(settings.generator(6), 5, -1)
        tables = [made.ambiguous, made.per_word_labels(), *found]
    finally:
        torch.set_default_device(None)
    assert all(table.device.type == settings.device().type for table in tables)
    assert all(one.equal(other) for one, other in zip(found, expected, strict=True))
