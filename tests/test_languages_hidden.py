"""What a language says of hidden words equals what the list of all texts says."""

import itertools

import pytest
import torch
from enumerated import Enumerated
from small_grammars import BEFORE_AND_AFTER, LABELLED, SMALL

from shared import languages, settings
from shared.languages import Language

ALL = SMALL | LABELLED


def expected_probs(texts, words, row, hidden):
    """By going through all `texts`, tuples of words → their probability: (T, words)."""
    table = torch.zeros(len(row), len(words), dtype=torch.float64)
    for text, share in texts.items():
        if all(unseen or one == other for one, other, unseen in zip(row, text, hidden, strict=True)):
            for place, word in enumerate(text):
                table[place, words.index(word)] += share
    return table / table.sum(1, keepdim=True)


@pytest.mark.parametrize("grammar", ALL.values(), ids=ALL)
@pytest.mark.parametrize("length", [1, 3, 6])
def test_hidden_words_of_the_stream(grammar, length):
    made, windows = Language(grammar), Enumerated(grammar).windows(length)
    ids = made.sample(settings.generator(length), 24, length)
    hidden = settings.generator(1).uniform(24, length) < torch.linspace(0, 1, 24)[:, None]
    hidden[-1] = True
    probs = made.fill_probs(ids.masked_fill(hidden, 10 ** 6), hidden)
    assert (probs.shape, probs.dtype) == ((24, length, made.vocab_size), torch.float64)
    for row in range(24):
        words = [made.words[number] for number in ids[row].tolist()]
        expected = expected_probs(windows, made.words, words, hidden[row].tolist())
        torch.testing.assert_close(probs[row], expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("grammar", ALL.values(), ids=ALL)
def test_hidden_words_of_one_text(grammar):
    made, listed = Language(grammar), Enumerated(grammar)
    ids = made.texts(settings.generator(7), 24, pad_id=-1)
    lengths = (ids >= 0).sum(1)
    hidden = settings.generator(2).uniform(*ids.shape) < torch.linspace(0, 1, 24)[:, None]
    hidden[-1] = True
    probs = made.fill_probs(ids, hidden, lengths)
    for row, length in enumerate(lengths.tolist()):
        words = [made.words[number] for number in ids[row, :length].tolist()]
        texts = {text: share for text, share in listed.texts.items() if len(text) == length}
        expected = expected_probs(texts, made.words, words, hidden[row, :length].tolist())
        torch.testing.assert_close(probs[row, :length], expected, atol=1e-12, rtol=0)
        assert (probs[row, length:] == 0).all()


def test_the_deciding_word_comes_after():
    made = Language(BEFORE_AND_AFTER)
    ids = made.encode("may sings .")
    probs = made.fill_probs(ids, torch.tensor([True, False, False]))
    assert probs[0, made.words.index("may")].item() == pytest.approx(1 / 4)
    assert probs[0, made.words.index("june")].item() == pytest.approx(2 / 4)
    assert probs[1, made.words.index("sings")] == probs[2, made.words.index(".")] == 1


def test_what_follows_a_row_is_not_known_unless_its_length_is():
    made = Language("TEXT = a . | a b .")
    ids, hidden = made.encode("a a"), torch.tensor([False, True])
    assert made.fill_probs(ids, hidden)[1].tolist() == pytest.approx([0.5, 0, 0.5])             # words: . a b
    assert made.fill_probs(ids, hidden, torch.tensor(2))[1].tolist() == [1, 0, 0]
    ids, hidden = made.encode("a a a"), torch.tensor([False, True, True])
    assert made.fill_probs(ids, hidden)[2].tolist() == pytest.approx([0.5, 0.5, 0])             # after "a .", a new text
    assert made.fill_probs(ids, hidden, torch.tensor(3))[1:].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_impossible_rows_have_all_0():
    made = Language(BEFORE_AND_AFTER)
    ids = torch.stack([made.encode(text) for text in ("may sings sings .", "may sings . may", "in may . may")])
    nothing, all_hidden = torch.zeros(3, 4, dtype=torch.bool), torch.ones(3, 4, dtype=torch.bool)
    assert made.fill_probs(ids, nothing).sum((1, 2)).tolist() == [0, 4, 4]
    assert made.fill_probs(ids, nothing, torch.tensor([3, 3, 3])).sum((1, 2)).tolist() == [0, 3, 3]
    assert made.fill_probs(ids, nothing, torch.tensor([4, 4, 2])).sum((1, 2)).tolist() == [0, 0, 0]
    assert made.fill_probs(ids, all_hidden, torch.tensor([1, 2, 3])).sum((1, 2)).tolist() == pytest.approx([0, 0, 3])


def test_with_all_before_seen_and_all_after_hidden_it_is_the_next_word():
    made = languages.load("sentences")
    ids = made.sample(settings.generator(8), 3, 12)
    for place in (0, 5, 11):
        hidden = torch.zeros(3, 12, dtype=torch.bool)
        hidden[:, place:] = True
        expected = made.next_probs(ids)[:, place]
        torch.testing.assert_close(made.fill_probs(ids, hidden)[:, place], expected, atol=1e-12, rtol=0)


def test_long_rows_do_not_vanish():
    made = languages.load("sentences")
    ids = made.sample(settings.generator(9), 1, 1200)
    assert made.log_prob(ids).sum() < -800                          # e^-800 is no float64
    hidden = settings.generator(9).uniform(1, 1200) < 0.15
    probs = made.fill_probs(ids, hidden)
    torch.testing.assert_close(probs.sum(-1), torch.ones(1, 1200, dtype=torch.float64), atol=1e-9, rtol=0)
    assert (probs.gather(-1, ids[..., None]) > 0).all()


def test_any_shape():
    made = Language(BEFORE_AND_AFTER)
    ids = made.sample(settings.generator(10), 6, 5)
    hidden, lengths = settings.generator(11).uniform(6, 5) < 0.4, torch.tensor([1, 2, 3, 4, 5, 5])
    for sizes in (None, lengths):
        expected = made.fill_probs(ids, hidden, sizes)
        shaped = made.fill_probs(ids.view(2, 3, 5), hidden.view(2, 3, 5), sizes if sizes is None else sizes.view(2, 3))
        assert shaped.equal(expected.view(2, 3, 5, -1))
        for row in range(6):
            alone = made.fill_probs(ids[row], hidden[row], sizes if sizes is None else sizes[row])
            torch.testing.assert_close(alone, expected[row], atol=1e-15, rtol=0)
    for shape in itertools.product((0, 2), (0, 3)):
        if 0 in shape:
            empty = torch.zeros(shape, dtype=torch.int64)
            assert made.fill_probs(empty, empty.bool()).shape == (*shape, made.vocab_size)
