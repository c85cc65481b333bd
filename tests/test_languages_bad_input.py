"""A bad grammar, and bad arguments, are refused: the message says where, what was given and what is allowed."""

import pytest
import torch
from refusals import refused

from shared import grammars, languages, settings
from shared.languages import Language

GOOD = Language("TEXT = a NAME .\nNAME = x | y")

GRAMMARS = {
    "no rules": ("# nothing\n", "toy: … rule TEXT, got no rule"),
    "no TEXT": ("NAME = a .", "toy: … rule TEXT, got NAME"),
    "no equals sign": ("TEXT = a .\nNAME b c", "toy, line 2: … NAME = words | other words, got 'NAME b c'"),
    "a rule in small letters": ("TEXT = a .\n\nname = b", "toy, line 3: … got 'name = b'"),
    "a rule without a name": ("= a .", "toy, line 1: … got '= a .'"),
    "a rule twice": ("TEXT = NAME .\nNAME = a\nNAME = b", "toy, line 3: NAME has a rule already: … |"),
    "goes on with nothing": ("| a .\nTEXT = b .", "toy, line 1: … | … none"),
    "unknown rule": ("TEXT = a .\n | the DOG .\n", "toy, line 2: there is no rule DOG, only TEXT"),
    "unknown rule deeper": ("TEXT = A .\nA = b | B", "toy, line 2: there is no rule B, only TEXT, A"),
    "unknown rule remembered": ("TEXT = x:A .", "toy, line 1: there is no rule A, only TEXT"),
    "unused rule": ("TEXT = a .\nNAME = b\n", "toy, line 2: nothing uses NAME"),
    "weight zero": ("TEXT = a .\n  | 0: b .", "toy, line 2: a weight is a whole number of at least 1, got 0"),
    "negative weight": ("TEXT = a . | -2: b .", "toy, line 1: a weight … got -2"),
    "half a weight": ("TEXT = 1.5: a .", "toy, line 1: a weight … got 1.5"),
    "a capital in a word": ("TEXT = Ann .", "toy, line 1: expected a word in small letters, RULE, … got 'Ann'"),
    "a capital in a name": ("TEXT = X:A .\nA = b", "toy, line 1: … name:RULE or =name, got 'X:A'"),
    "an equals sign alone": ("TEXT = a = .", "toy, line 1: … =name, got '='"),
    "never remembered": ("TEXT = a =x .", "toy, line 1: =x may have nothing to repeat: write x:RULE before it"),
    "remembered later": ("TEXT = =x x:A .\nA = b", "toy, line 1: =x may have nothing"),
    "remembered in one alternative": ("TEXT = B END\nB = x:A | c\nA = b\nEND = .\n | =x .", "toy, line 5: =x may"),
    "two words remembered": ("TEXT = x:A .\nA = b\n  | c d", "toy, line 3: x:A remembers one word, got 'c d' in A"),
    "no word remembered": ("TEXT = x:A .\nA = b |", "toy, line 2: x:A remembers one word, got '' in A"),
    "a rule remembered": ("TEXT = x:A .\nA = B\nB = c", "toy, line 2: x:A remembers one word, got 'B' in A"),
    "all remembered": ("TEXT = x:A y:A .\nA = b", "toy, line 2: y:A may find every word of A remembered already"),
    "uses itself": ("TEXT = a | b TEXT", "toy, line 1: TEXT uses itself (TEXT → TEXT): a text must have an end"),
    "uses itself through another": ("TEXT = A .\nA = b | B\nB = c\n | c A", "toy, line 4: A uses … (TEXT → A → B → A)"),
    "an empty text": ("TEXT = a . |", "toy, line 1: without a word a text may end or go on: end all texts"),
    "an end that cannot be seen": ("\nTEXT = a | a b", "toy, line 2: after 'a' a text may end or go on"),
    "an end that may be empty": ("TEXT = a B\nB = | b", "toy, line 1: without a word a text may end or go on"),
}


@pytest.mark.parametrize("text, message", GRAMMARS.values(), ids=GRAMMARS)
def test_bad_grammars(text, message):
    refused(ValueError, message, lambda: Language(text, "toy"))


def test_too_many_states(monkeypatch):
    text = "TEXT = a:W b:W c:W =a =b =c .\nW = " + " | ".join("pqrst")
    states = Language(text).num_states
    monkeypatch.setattr(grammars, "MAX_STATES", states)
    assert Language(text).num_states == states
    monkeypatch.setattr(grammars, "MAX_STATES", states - 1)
    refused(ValueError, f"toy: more than {states - 1} states: … shorter … less", lambda: Language(text, "toy"))


def test_languages_that_are_not_there():
    refused(ValueError, "name must be one of … sentences … got 'sentence'", lambda: languages.load("sentence"))


def test_a_bad_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    (tmp_path / "toy.txt").write_text("TEXT = a B .")
    refused(ValueError, "toy.txt, line 1: there is no rule B", lambda: languages.load("toy"))


IDS = {
    "too large": (torch.tensor([[0, 4]]), ValueError, "ids must lie from 0 to vocab_size - 1 = 3, got 0 to 4"),
    "negative": (torch.tensor([-1, 2]), ValueError, "ids must lie from 0 … = 3, got -1 to 2"),
    "floats": (torch.zeros(2, 3), TypeError, "a tensor of whole numbers … got torch.float32 of shape (2, 3)"),
    "booleans": (torch.zeros(2, dtype=torch.bool), TypeError, "whole numbers … got torch.bool"),
    "no shape": (torch.tensor(1), TypeError, "of shape (T,) or (batch, T), got torch.int64 of shape ()"),
    "a list": ([0, 1], TypeError, "ids must be a tensor … got [0, 1]"),
}


@pytest.mark.parametrize("ids, error, message", IDS.values(), ids=IDS)
@pytest.mark.parametrize("method", ["log_prob", "next_probs", "decode"])
def test_bad_ids(method, ids, error, message):
    refused(error, message, lambda: getattr(GOOD, method)(ids))


def test_words_that_are_not_there():
    refused(ValueError, "'z' is not one of the words . a x y", lambda: GOOD.encode("a z ."))


def test_bad_sizes():
    rng = settings.generator(0)
    refused(ValueError, "batch must be at least 1, got 0", lambda: GOOD.sample(rng, 0, 4))
    refused(ValueError, "length must be at least 1, got -1", lambda: GOOD.sample(rng, 4, -1))
    refused(ValueError, "length must be at least 1, got 0", lambda: GOOD.entropy(0))


def test_other_sources_of_random_numbers():
    for rng in (0, torch.Generator()):
        refused(TypeError, "rng must be a shared.settings.Random, … got", lambda: GOOD.sample(rng, 2, 2))


def test_no_tokens():
    assert GOOD.encode("").shape == (0,)
    assert GOOD.log_prob(GOOD.encode("")).shape == (0,)
    assert GOOD.next_probs(GOOD.encode("")).shape == (0, 4)
    assert GOOD.decode(GOOD.encode("")) == ""


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_any_whole_numbers_and_any_shape(dtype):
    ids = GOOD.sample(settings.generator(0), 6, 5)
    expected = GOOD.log_prob(ids)
    assert GOOD.log_prob(ids.to(dtype)).equal(expected)
    assert GOOD.log_prob(ids.view(2, 3, 5)).equal(expected.view(2, 3, 5))
    assert GOOD.decode(ids.to(dtype)) == GOOD.decode(ids)


# --- labels, whole texts, hidden words

LABELS = {
    "an empty label": ("TEXT = a\n | may/ .", "toy, line 2: a label follows a word … as in may/B-date, got 'may/'"),
    "two slashes": ("TEXT = may/B-date/X .", "toy, line 1: a label … got 'may/B-date/X'"),
    "two slashes in a row": ("TEXT = may//X .", "toy, line 1: a label … got 'may//X'"),
    "a label alone": ("TEXT = a .\nA = b\n | /B-date", "toy, line 3: a label … got '/B-date'"),
    "a slash alone": ("TEXT = a / b .", "toy, line 1: a label … got '/'"),
    "a label with a colon": ("TEXT = may/B:date .", "toy, line 1: a label … got 'may/B:date'"),
    "a capital before a label": ("TEXT = May/B-date .", "toy, line 1: a label … in small letters … got 'May/B-date'"),
    "on a rule": ("TEXT = A/B-date .\nA = b", "toy, line 1: a label … got 'A/B-date'"),
    "on what is remembered": ("TEXT = x:A/B-date .\nA = b", "toy, line 1: a label … got 'x:A/B-date'"),
    "on what is repeated": ("TEXT = x:A =x/B-date .\nA = b", "toy, line 1: a label … got '=x/B-date'"),
    "an end that only labels tell": ("TEXT = a/X | a/Y b", "toy, line 1: after 'a' a text may end or go on"),
    "the same word remembered": ("TEXT = x:A y:A .\nA = b/X | b/Y", "toy, line 2: y:A may find every word of A"),
}


@pytest.mark.parametrize("text, message", LABELS.values(), ids=LABELS)
def test_bad_labels(text, message):
    refused(ValueError, message, lambda: Language(text, "toy"))


def test_bad_arguments_of_texts():
    rng = settings.generator(0)
    refused(TypeError, "rng must be a shared.settings.Random, … got 0", lambda: GOOD.texts(0, 2, 4))
    refused(ValueError, "batch must be at least 1, got 0", lambda: GOOD.texts(rng, 0, 4))
    refused(ValueError, "pad_id must not be one of 0 to 3, which are . to y, got 3", lambda: GOOD.texts(rng, 2, 3))
    refused(ValueError, "ignore must not be … got 0", lambda: GOOD.labelled_texts(rng, 2, 4, ignore=0))
    refused(ValueError, "no word has more than one label", lambda: GOOD.per_word_accuracy(only_ambiguous=True))
    refused(ValueError, "no word stands before a last one", lambda: Language("TEXT = a").per_word_accuracy())


SEEN = torch.zeros(2, 3, dtype=torch.bool)
HIDDEN = {
    "ids": (torch.full((2, 3), 4), SEEN, None, ValueError, "ids must lie from 0 to vocab_size - 1 = 3, got 4 to 4"),
    "floats": (torch.zeros(2, 3), SEEN, None, TypeError, "ids must be a tensor of whole numbers"),
    "a list": ([0], SEEN, None, TypeError, "ids must be a tensor of whole numbers"),
    "hidden numbers": (SEEN.long(), SEEN.long(), None, TypeError, "a tensor of booleans, got torch.int64 of shape (2, 3)"),
    "hidden shape": (SEEN.long(), SEEN[0], None, ValueError, "hidden must have the shape of ids, (2, 3), got (3,)"),
    "lengths": (SEEN.long(), SEEN, 3, TypeError, "lengths must be a tensor of whole numbers, got 3"),
    "lengths shape": (SEEN.long(), SEEN, torch.ones(3).long(), ValueError, "the shape (2,), one for each row, got (3,)"),
    "too long": (SEEN.long(), SEEN, torch.tensor([1, 4]), ValueError, "lengths must lie from 1 to T = 3, got 1 to 4"),
    "no words": (SEEN.long(), SEEN, torch.tensor([0, 3]), ValueError, "lengths must lie from 1 to T = 3, got 0 to 3"),
}


@pytest.mark.parametrize("ids, hidden, lengths, error, message", HIDDEN.values(), ids=HIDDEN)
def test_bad_hidden_words(ids, hidden, lengths, error, message):
    refused(error, message, lambda: GOOD.fill_probs(ids, hidden, lengths))
