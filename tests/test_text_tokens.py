"""Tokenizers of a lesson: any text comes back, ids and merges are those of HuggingFace's `tokenizers`, bad input is refused."""

import pickle

import numpy as np
import properties_tokenizers as laws
import pytest
import torch
from hypothesis import given, settings, strategies
from refusals import refused

from shared.transformer import (BPETokenizer, CharTokenizer, apply_merges, files, learn_merges, learn_merges_by_recounting, merge_pair, pre_tokenize,
                                text_tokens)

TRAINED = BPETokenizer.train(laws.CORPUS, 400, laws.SPECIAL)
THEIRS = laws.library(laws.CORPUS, 397)
WRITTEN = strategies.text(max_size=40)                                      # every character but halves of one


@settings(max_examples=300, deadline=None)
@given(WRITTEN)
def test_any_text_comes_back(text):
    ids = TRAINED.encode(text)
    assert TRAINED.decode(ids) == text
    assert "".join(pre_tokenize(text)) == text
    assert ids.tolist() == [number for piece in pre_tokenize(text) for number in BPETokenizer(TRAINED.merges).encode(piece).tolist()]


@settings(max_examples=300, deadline=None)
@given(WRITTEN)
def test_ids_are_the_librarys(text):
    assert TRAINED.encode(text).tolist() == THEIRS.encode(text).ids


@settings(max_examples=30, deadline=None)
@given(strategies.lists(strategies.text("abc ", max_size=20), max_size=8), strategies.integers(256, 290))
def test_merges_are_the_librarys(texts, vocab_size):
    theirs, ours = laws.library(texts, vocab_size), BPETokenizer.train(texts, vocab_size)
    assert ours.readable(laws.range_of(ours)) == sorted(theirs.get_vocab(), key=theirs.get_vocab().get)


@settings(max_examples=100, deadline=None)
@given(strategies.dictionaries(strategies.text("abc", max_size=12), strategies.integers(0, 4), max_size=12), strategies.integers(0, 30))
def test_learning_fast_is_learning_by_the_definition(pieces, num_merges):
    assert learn_merges(pieces, num_merges) == learn_merges_by_recounting(pieces, num_merges)


@settings(max_examples=100, deadline=None)
@given(strategies.lists(strategies.integers(0, 399), max_size=12))
def test_any_ids_decode_as_the_librarys(ids):
    assert TRAINED.decode(ids, skip_special=True) == THEIRS.decode([number for number in ids if number < 397])


def test_it_splits_as_gpt2():
    laws.splits_as_gpt2(text_tokens)


def test_it_learns_the_librarys_merges():
    laws.trains_as_the_library(text_tokens)


def test_it_learns_what_the_definition_says():
    laws.learned_by_the_definition(text_tokens)


def test_it_encodes_and_saves_as_the_library(tmp_path):
    laws.encodes_as_the_library(text_tokens, tmp_path)


def test_a_long_piece_is_merged_as_a_short_one():
    laws.merges_long_lists_as_short_ones(text_tokens)


def test_any_order_of_ids_in_a_file(tmp_path):
    laws.numbers_tokens_as_a_file_does(text_tokens, tmp_path)


def test_round_trips():
    laws.round_trips(text_tokens)


def test_special_tokens_are_no_text():
    laws.special_tokens_are_no_text(text_tokens)


def test_training_stops_where_no_pair_is_left():
    laws.stops_where_nothing_is_left(text_tokens)


def test_it_can_be_pickled_and_texts_may_come_one_by_one():
    again = pickle.loads(pickle.dumps(BPETokenizer.train(iter(laws.CORPUS), 400, laws.SPECIAL)))
    assert again.tokens == TRAINED.tokens and again.encode("the cat").equal(TRAINED.encode("the cat"))


def test_merging_by_hand():
    assert merge_pair([1, 1, 1, 2, 1, 1], (1, 1), 9) == [9, 1, 2, 9]
    assert merge_pair([], (1, 1), 9) == [] and merge_pair([1, 2, 1, 2], (1, 2), 9) == [9, 9]
    assert apply_merges([1, 2, 3], {(2, 3): 256, (1, 2): 257, (1, 256): 258}) == [258]
    for learn in (learn_merges, learn_merges_by_recounting):
        assert learn({"aab": 2, "ab": 1}, 2) == [(64, 65), (64, 256)]
        assert learn({"cd": 0, "ab": 1}, 9) == [(64, 65)]                   # what never occurs is not learned


def test_a_long_word_is_quick():
    assert TRAINED.decode(TRAINED.encode("a" * 30_000 + "b")) == "a" * 30_000 + "b"


def test_a_save_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    TRAINED.save(tmp_path / "tokenizer.json")
    before = (tmp_path / "tokenizer.json").read_bytes()

    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        BPETokenizer().save(tmp_path / "tokenizer.json")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


# --- characters

@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(vocabulary=strategies.text(min_size=1, max_size=12), data=strategies.data())
def test_any_text_of_known_characters_comes_back(vocabulary, data):
    tokenizer = CharTokenizer(vocabulary)
    text = data.draw(strategies.text(strategies.sampled_from(vocabulary), max_size=30))
    ids = tokenizer.encode(text)
    assert ids.dtype == torch.int64 and ids.shape == (len(text),)
    assert tokenizer.decode(ids) == tokenizer.decode(ids.tolist()) == text
    assert tokenizer.decode(torch.arange(tokenizer.vocab_size)) == tokenizer.characters == "".join(sorted(set(vocabulary)))


def test_an_empty_text_has_no_tokens():
    assert CharTokenizer("ab").encode("").tolist() == [] and CharTokenizer("ab").decode([]) == ""
    assert CharTokenizer("ab").decode(torch.zeros(0, dtype=torch.int64)) == ""


def test_ids_are_positions_among_the_sorted_characters():
    laws.tokens_are_characters(text_tokens)


def test_ids_of_numpy_are_ids():
    ids = np.array([0, 1, 1])
    assert CharTokenizer("ab").decode(ids) == CharTokenizer("ab").decode(list(ids)) == "abb"
    assert TRAINED.decode(ids + 64) == TRAINED.decode(list(ids + 64)) == "abb" and TRAINED.readable(ids + 64) == ["a", "b", "b"]
    assert BPETokenizer([tuple(ids[:2] + 64)]).encode("ab").tolist() == [256]


# --- bad input

REFUSED = {
    "counts below 0": (lambda: learn_merges({"ab": -1}, 3), ValueError, "pieces must occur 0 times or more, got -1"),
    "counts no integers": (lambda: learn_merges_by_recounting({"ab": 0.5}, 3), TypeError, "pieces must be {text: how often … got {'ab': 0.5}"),
    "ids of a file twice": (lambda: BPETokenizer(ids=[0, *range(255)]), ValueError, "ids must hold each integer from 0 to 255 once"),
    "ids of a file, too few": (lambda: BPETokenizer([(1, 2)], ids=list(range(256))), ValueError, "from 0 to 256 once … 1 merges … got 256 of them"),
    "ids of a file, no list": (lambda: BPETokenizer(ids=3), TypeError, "ids must be a list of integers, or None, got 3"),
    "no characters": (lambda: CharTokenizer(""), ValueError, "text must have at least one character"),
    "characters in a list": (lambda: CharTokenizer(["a"]), TypeError, "text must be a str, got list"),
    "unknown character": (lambda: CharTokenizer("abc").encode("abxc"), ValueError, "'x' at position 2 is not one of the 3 characters 'abc'"),
    "unknown capital": (lambda: CharTokenizer("abc").encode("ABC"), ValueError, "'A' at position 0"),
    "unknown line feed": (lambda: CharTokenizer("abc").encode("ab\n"), ValueError, "'\\n' at position 2"),
    "a number as text": (lambda: CharTokenizer("abc").encode(3), TypeError, "text must be a str, got int"),
    "None as text": (lambda: CharTokenizer("abc").encode(None), TypeError, "text must be a str, got NoneType"),
    "character id too large": (lambda: CharTokenizer("abc").decode([0, 3]), ValueError, "integers from 0 to 2, got 3"),
    "character id below 0": (lambda: CharTokenizer("abc").decode([-1]), ValueError, "integers from 0 to 2, got -1"),
    "character ids, floats": (lambda: CharTokenizer("abc").decode(torch.tensor([1.0])), ValueError, "integers from 0 to 2, got 1.0"),
    "character ids of a batch": (lambda: CharTokenizer("abc").decode(torch.tensor([[0, 1]])), ValueError, "integers from 0 to 2, got [0, 1]"),
    "one character id": (lambda: CharTokenizer("abc").decode(torch.tensor(1)), TypeError, "ids must be a tensor or a list of shape (T,), got 1"),
    "character ids, a str": (lambda: CharTokenizer("abc").decode("ab"), TypeError, "ids must be a tensor or a list of shape (T,), got 'ab'"),
    "no text": (lambda: TRAINED.encode(b"a"), TypeError, "text must be a str, got bytes"),
    "no text to split": (lambda: pre_tokenize(None), TypeError, "text must be a str, got NoneType"),
    "no text, special": (lambda: TRAINED.encode(["a"], allow_special=True), TypeError, "text must be a str, got list"),
    "half a character": (lambda: TRAINED.encode("a\ud800"), ValueError, "text must be of whole characters, got '\\ud800'"),
    "train on half a character": (lambda: BPETokenizer.train("a\udfff", 300), ValueError, "whole characters, got '\\udfff'"),
    "train on numbers": (lambda: BPETokenizer.train([1], 300), TypeError, "text must be a str, got int"),
    "vocab_size too small": (lambda: BPETokenizer.train("a", 256, ("<pad>",)), ValueError, "at least 257 … 1 special … got 256"),
    "vocab_size a float": (lambda: BPETokenizer.train("a", 300.0), TypeError, "vocab_size must be an integer, got 300.0"),
    "vocab_size a bool": (lambda: BPETokenizer.train("a", True), TypeError, "vocab_size must be an integer, got True"),
    "special, one name": (lambda: BPETokenizer(special="<pad>"), TypeError, "special must be names … got '<pad>'"),
    "special, a number": (lambda: BPETokenizer(special=(0,)), TypeError, "special must be names … got (0,)"),
    "special twice": (lambda: BPETokenizer(special=("a", "a")), ValueError, "names that differ and are not empty, got ('a', 'a')"),
    "special, named as a byte": (lambda: BPETokenizer.train("banana", 258, special=["<pad>", "a"]), ValueError, "named as ordinary ones, got 'a'"),
    "special, named as merged": (lambda: BPETokenizer([(65, 66)], special=[BPETokenizer([(65, 66)]).tokens[256].decode()]), ValueError, "named as ordinary ones"),
    "special empty": (lambda: BPETokenizer(special=("",)), ValueError, "not empty, got ('',)"),
    "merge of what is not there": (lambda: BPETokenizer([(64, 257)]), ValueError, "merge 0 must join ids from 0 to 255, got (64, 257)"),
    "merge of three": (lambda: BPETokenizer([(64, 65), (1, 2, 3)]), TypeError, "merge 1 must be a pair of ids, got (1, 2, 3)"),
    "merge of bytes": (lambda: BPETokenizer([(b"a", b"b")]), TypeError, "merge 0 must be a pair of ids"),
    "merge twice": (lambda: BPETokenizer([(64, 65), (64, 65)]), ValueError, "must make a new token, got two that make b'ab'"),
    "id too large": (lambda: TRAINED.decode([400]), ValueError, "ids must be one row of integers from 0 to 399, got 400"),
    "id below 0": (lambda: TRAINED.decode(torch.tensor([-1])), ValueError, "from 0 to 399, got -1"),
    "ids of a batch": (lambda: TRAINED.decode(torch.zeros(2, 3, dtype=torch.int64)), ValueError, "one row of integers … got [0, 0, 0]"),
    "ids, floats": (lambda: TRAINED.readable([1.0]), ValueError, "from 0 to 399, got 1.0"),
    "ids, one": (lambda: TRAINED.decode(3), TypeError, "ids must be a tensor or a list of shape (T,), got 3"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input(call, error, message):
    refused(error, message, call)
