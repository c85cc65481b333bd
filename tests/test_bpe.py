"""The fast and exact parts of byte-pair encoding: splitting by Unicode on every Python, learning, merging; equal to the lesson's."""

import sys
import unicodedata

import properties_tokenizers as laws
import pytest

from shared.transformer import BPETokenizer, bpe, pre_tokenize, text_tokens


def pieces_of_the_library(text):
    return len(laws.BYTE_LEVEL.pre_tokenize_str(text))


def test_every_character_is_of_the_librarys_kind():
    """All code points: also those that came after the Unicode of this Python, or are assigned to none yet."""
    kinds = {"L": [], "N": [], "o": [], "s": [], " ": []}
    for code in range(sys.maxunicode + 1):
        if not 0xD800 <= code <= 0xDFFF:
            kinds[bpe.kind_of_character.__wrapped__(chr(code))].append(chr(code))
    differ = []
    for kind, before in (("L", "a"), ("N", "1"), ("o", "!")):               # characters of one kind are one piece
        blocks = ["".join(kinds[kind][start:start + 2000]) for start in range(0, len(kinds[kind]), 2000)]
        differ += [one for block in blocks if pieces_of_the_library(before + block) > 1 for one in block if pieces_of_the_library(before + one) > 1]
    if unicodedata.unidata_version > "16.0.0":              # such a Python knows letters that the library does not
        differ = [character for character in differ if unicodedata.ucd_3_2_0.category(character) != "Cn"]
    assert differ == []
    assert kinds[" "] == [" "] and len(kinds["s"]) == 24 and all(pieces_of_the_library(f"a{one}1{one}!") == 5 for one in kinds["s"])


def test_the_table_holds_what_this_python_may_not_know():
    listed = [(code, kind) for first, last, kind in bpe._NEWER for code in range(first, last + 1)]
    assert len(listed) == len(dict(listed)) == 9392 and listed == sorted(listed)
    ours = {code: unicodedata.category(chr(code))[0] for code, _ in listed}
    assert all(ours[code] in (kind, "C") for code, kind in listed)          # the same, or not assigned here
    if unicodedata.unidata_version == "14.0.0":
        assert set(ours.values()) == {"C"}


def test_letters_of_unicode_15_and_16_stay_in_their_word():
    assert pre_tokenize("a\U00031350b\U0001E4D0 \U00011F50\U00011F511") == ["a\U00031350b\U0001E4D0", " \U00011F50\U00011F511"]


def test_a_lesson_s_tokenizer_on_these_parts_is_the_librarys(tmp_path):
    laws.compare(text_tokens, tmp_path)


@pytest.mark.parametrize("names", [[], ["<a>"], ["<a>", "<a><b>", "<b>"], ["a|b", "(", "."]])
def test_a_text_is_split_at_names_and_joined_again(names):
    text = "<a><b> x<a>.(a|b)"
    parts = bpe.split_at(text, names)
    assert "".join(parts) == text and "" not in parts
    assert [part for part in parts if part in names] == {
        0: [], 1: ["<a>", "<a>"], 3: ["<a><b>", "<a>"] if "<a>" in names else [".", "(", "a|b"]}[len(names)]


def test_pieces_are_remembered_up_to_a_number(monkeypatch):
    monkeypatch.setattr(bpe.Pieces, "MOST", 3)
    made = BPETokenizer.train(laws.CORPUS, 300)
    ids = [made.encode(text).tolist() for text in laws.TEXTS * 2]
    assert ids == [BPETokenizer(made.merges).encode(text).tolist() for text in laws.TEXTS * 2] and len(made._piece_ids.seen) == 3


def test_a_long_piece_takes_the_queue_and_a_short_one_the_lessons_function():
    called = []

    def noticed(ids, made):
        called.append(len(ids))
        return ids

    pieces = bpe.Pieces(noticed, {}, list(range(256)))
    assert pieces("ab") == [64, 65] and pieces("a" * 5000) == [64] * 5000 and called == [2]
