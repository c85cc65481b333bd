"""The byte-pair tokenizer: any text comes back, ids and merges are those of HuggingFace's `tokenizers`, bad input is refused."""

import json
import pickle
import sys
import unicodedata

import properties_tokenizers as laws
import pytest
import tokenizers as library
import torch
from hypothesis import given, settings, strategies
from refusals import refused

from shared.transformer import BPETokenizer, apply_merges, learn_merges, merge_pair, pre_tokenize, tokenizers

TRAINED = BPETokenizer.train(laws.CORPUS, 400, laws.SPECIAL)
THEIRS = laws.library(laws.CORPUS, 397)
WRITTEN = strategies.text(max_size=40)                                      # every character but halves of one
IN_BOTH_TABLES = strategies.text(strategies.characters(exclude_categories=["Cn", "Cs"]).filter(      # as old as both
    lambda character: unicodedata.ucd_3_2_0.category(character) == unicodedata.category(character)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(WRITTEN)
def test_any_text_comes_back(text):
    ids = TRAINED.encode(text)
    assert TRAINED.decode(ids) == text
    assert "".join(pre_tokenize(text)) == text
    assert ids.tolist() == [number for piece in pre_tokenize(text) for number in BPETokenizer(TRAINED.merges).encode(piece).tolist()]


@settings(max_examples=300, deadline=None)
@given(IN_BOTH_TABLES)
def test_ids_are_the_librarys(text):
    assert TRAINED.encode(text).tolist() == THEIRS.encode(text).ids


@settings(max_examples=30, deadline=None)
@given(strategies.lists(strategies.text("abc ", max_size=20), max_size=8), strategies.integers(256, 290))
def test_merges_are_the_librarys(texts, vocab_size):
    theirs, ours = laws.library(texts, vocab_size), BPETokenizer.train(texts, vocab_size)
    assert ours.readable(laws.range_of(ours)) == sorted(theirs.get_vocab(), key=theirs.get_vocab().get)


@settings(max_examples=100, deadline=None)
@given(strategies.lists(strategies.integers(0, 399), max_size=12))
def test_any_ids_decode_as_the_librarys(ids):
    assert TRAINED.decode(ids, skip_special=True) == THEIRS.decode([number for number in ids if number < 397])


def test_every_assigned_character_is_of_the_librarys_kind():
    """A newer Unicode table than the library's may hold some letters that are signs to it: at most one in a hundred."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    differ = []
    for start in range(0, len(characters), 500):
        block = characters[start:start + 500]
        text = "".join(f"a{character}1 {character}\n" for character in block)
        ours = [laws.shown(tokenizers, piece) for piece in pre_tokenize(text)]
        if ours != [piece for piece, _ in laws.BYTE_LEVEL.pre_tokenize_str(text)]:
            differ += [c for c in block if [piece for piece, _ in laws.BYTE_LEVEL.pre_tokenize_str(f"a{c}1 {c}\n")]
                       != [laws.shown(tokenizers, piece) for piece in pre_tokenize(f"a{c}1 {c}\n")]]
    assert len(differ) <= len(characters) / 100
    assert not [c for c in differ if unicodedata.ucd_3_2_0.category(c) == unicodedata.category(c)]
    if unicodedata.unidata_version <= "14.0.0":
        assert differ == []


def test_it_splits_as_gpt2():
    laws.splits_as_gpt2(tokenizers)


def test_it_learns_the_librarys_merges():
    laws.trains_as_the_library(tokenizers)


def test_it_learns_what_the_definition_says():
    laws.learned_by_the_definition(tokenizers)


def test_it_encodes_and_saves_as_the_library(tmp_path):
    laws.encodes_as_the_library(tokenizers, tmp_path)


def test_round_trips():
    laws.round_trips(tokenizers)


def test_special_tokens_are_no_text():
    laws.special_tokens_are_no_text(tokenizers)


def test_training_stops_where_no_pair_is_left():
    laws.stops_where_nothing_is_left(tokenizers)


def test_the_librarys_own_file_is_read_and_so_is_an_older_one(tmp_path):
    THEIRS.save(str(tmp_path / "new.json"))
    content = json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    (tmp_path / "old.json").write_text(json.dumps(content), encoding="utf-8")
    for name in ("new.json", "old.json"):
        assert BPETokenizer.load(tmp_path / name).merges == TRAINED.merges
    assert BPETokenizer.load(str(tmp_path / "new.json")).special == {}


def test_it_can_be_pickled_and_texts_may_come_one_by_one():
    again = pickle.loads(pickle.dumps(BPETokenizer.train(iter(laws.CORPUS), 400, laws.SPECIAL)))
    assert again.tokens == TRAINED.tokens and again.encode("the cat").equal(TRAINED.encode("the cat"))


def test_merging_by_hand():
    assert merge_pair([1, 1, 1, 2, 1, 1], (1, 1), 9) == [9, 1, 2, 9]
    assert merge_pair([], (1, 1), 9) == [] and merge_pair([1, 2, 1, 2], (1, 2), 9) == [9, 9]
    assert apply_merges([1, 2, 3], {(2, 3): 256, (1, 2): 257, (1, 256): 258}) == [258]
    assert learn_merges({"aab": 2, "ab": 1}, 2) == [(64, 65), (64, 256)]


def test_a_long_word_is_quick():
    assert TRAINED.decode(TRAINED.encode("a" * 30_000 + "b")) == "a" * 30_000 + "b"


def test_a_save_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    TRAINED.save(tmp_path / "tokenizer.json")
    before = (tmp_path / "tokenizer.json").read_bytes()

    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tokenizers.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        BPETokenizer().save(tmp_path / "tokenizer.json")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


# --- bad input

REFUSED = {
    "no text": (lambda: TRAINED.encode(b"a"), TypeError, "text must be a str, got bytes"),
    "no text to split": (lambda: pre_tokenize(None), TypeError, "text must be a str, got NoneType"),
    "no text, special": (lambda: TRAINED.encode(["a"], allow_special=True), TypeError, "text must be a str, got list"),
    "half a character": (lambda: TRAINED.encode("a\ud800"), ValueError, "text must be of whole characters, got '\\ud800'"),
    "train on half a character": (lambda: BPETokenizer.train("a\udfff", 300), ValueError, "whole characters, got '\\udfff'"),
    "train on numbers": (lambda: BPETokenizer.train([1], 300), TypeError, "text must be a str, got int"),
    "vocab_size too small": (lambda: BPETokenizer.train("a", 256, ("<pad>",)), ValueError, "at least 257 … 1 special … got 256"),
    "vocab_size a float": (lambda: BPETokenizer.train("a", 300.0), TypeError, "vocab_size must be a whole number, got 300.0"),
    "vocab_size a bool": (lambda: BPETokenizer.train("a", True), TypeError, "vocab_size must be a whole number, got True"),
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
    "id too large": (lambda: TRAINED.decode([400]), ValueError, "ids must be a row of numbers from 0 to 399, got 400"),
    "id below 0": (lambda: TRAINED.decode(torch.tensor([-1])), ValueError, "from 0 to 399, got -1"),
    "ids of a batch": (lambda: TRAINED.decode(torch.zeros(2, 3, dtype=torch.int64)), ValueError, "a row of numbers … got [0, 0, 0]"),
    "ids, floats": (lambda: TRAINED.readable([1.0]), ValueError, "from 0 to 399, got 1.0"),
    "ids, one": (lambda: TRAINED.decode(3), TypeError, "ids must be a tensor or a list of shape (T,), got 3"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input(call, error, message):
    refused(error, message, call)


@pytest.mark.parametrize(("change", "message"), [
    (lambda content: content["model"].update(type="WordPiece"), "of another kind … got model WordPiece"),
    (lambda content: content["pre_tokenizer"].update(add_prefix_space=True), "of another kind"),
    (lambda content: content["pre_tokenizer"].update(use_regex=False), "of another kind"),
    (lambda content: content.update(normalizer={"type": "NFC"}), "of another kind … normalizer {'type': 'NFC'}"),
    (lambda content: content["model"].pop("merges"), "is no tokenizer.json of byte-pair encoding: KeyError('merges')"),
    (lambda content: content["model"]["merges"].pop(), "must number bytes, then merges in their order"),
    (lambda content: content["model"]["merges"].reverse(), "must number bytes, then merges in their order"),
    (lambda content: content["model"]["vocab"].update(extra=500), "must number bytes, then merges"),
    (lambda content: content["model"]["merges"].append(["q", "zz"]), "is no tokenizer.json"),
], ids=range(9))
def test_files_of_another_kind(change, message, tmp_path):
    TRAINED.save(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    change(content)
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    refused(ValueError, message, lambda: BPETokenizer.load(tmp_path / "a.json"))


def test_no_json(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff{")
    refused(ValueError, "is no tokenizer.json", lambda: BPETokenizer.load(tmp_path / "a.json"))
    with pytest.raises(FileNotFoundError):
        BPETokenizer.load(tmp_path / "b.json")


def test_a_file_with_special_tokens_first_is_refused_by_its_order(tmp_path):
    theirs = library.Tokenizer(library.models.BPE())
    theirs.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(vocab_size=270, special_tokens=["<pad>"], show_progress=False,
                                             initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet())
    theirs.train_from_iterator(["low lower lowest"], trainer)
    theirs.save(str(tmp_path / "c.json"))
    refused(ValueError, "must number bytes, then merges in their order, then special tokens", lambda: BPETokenizer.load(tmp_path / "c.json"))
