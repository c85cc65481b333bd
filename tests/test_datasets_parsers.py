"""What real files are full of, each oddity on a few made lines: the parsers drop what is no data, and nothing else."""

import gzip
import json

import pytest
from refusals import refused

from shared import parsers


def row(place, form, tag="NOUN"):
    """A row of CoNLL-U."""
    return "\t".join([place, form, "lemma", tag, "NN", "_", "0", "root", "_", "SpaceAfter=No"]) + "\n"


def words(sentences):
    return [" ".join(words) for words, _ in sentences]


def test_nine_tenths_of_the_characters_train():
    read = parsers.tinyshakespeare({"input.txt": b"A:\nBe, 3\n\n$&"})
    assert read == {"train": "A:\nBe, 3\n\n", "val": "$&"}             # 0.9 · 12 = 10.8, and 10 characters train


@pytest.mark.parametrize("line", ["  A dog runs.", "A dog runs. ", "A  dog runs.", "A dog\u00a0runs.", "A\tdog runs.",
                                  "A \u00a0 dog runs.\u00a0", "\tA dog runs.\t ", "A dog runs.\r"])
def test_white_space_in_captions_becomes_one_blank(line):
    assert parsers.captions(f"{line}\n", "Ein Hund läuft.\n") == [("A dog runs.", "Ein Hund läuft.")]


def test_a_lost_translation_takes_its_pair_along_and_no_other():
    english, german = "One.\nTwo.\nThree.\nFour.\nFive.\n", "Eins.\n@@\nDrei @@.\n @@ \nFünf.\n"
    assert parsers.captions(english, german) == [("One.", "Eins."), ("Three.", "Drei @@."), ("Five.", "Fünf.")]


def test_captions_keep_everything_else():
    english = 'A man\n"Two" men\nA man\nA man\u2028\n'                    # no full stop, quotes, repeats; U+2028 ends no line
    french = "s'embrassent\n\"Deux hommes.\"\nœuf\nUn homme"
    assert parsers.captions(english, french) == [("A man", "s'embrassent"), ('"Two" men', '"Deux hommes."'), ("A man", "œuf"),
                                                 ("A man", "Un homme")]


def test_captions_that_are_not_aligned_are_refused():
    refused(ValueError, "expected a line in each for every caption, got 2, 1 lines", lambda: parsers.captions("a\nb\n", "a\n"))


def test_captions_of_a_set_are_english_german_french():
    files = {f"{split}.{language}.gz": gzip.compress(f"{split} {language}\n".encode())
             for split in ("train", "val", "test_2016_flickr") for language in ("fr", "de", "en")}
    read = parsers.multi30k(files)
    assert read == {"train": [("train en", "train de", "train fr")], "val": [("val en", "val de", "val fr")],
                    "test": [("test_2016_flickr en", "test_2016_flickr de", "test_2016_flickr fr")]}


def test_only_words_are_words():
    """A multiword range stands before its parts; an empty node is a word that nobody wrote."""
    text = ("# text = I don't # now\n" + row("1", "I", "PRON") + row("2-3", "don't", "_") + row("2", "do", "AUX")
            + row("3", "n't", "PART") + row("3.1", "know", "VERB") + "\n")
    assert parsers.conllu(text) == [(["I", "do", "n't"], ["PRON", "AUX", "PART"])]


@pytest.mark.parametrize("form", ["_", "-", ".", "#", "#tag", "3-4", "8.1", "basic\u00adally", "a\u00a0b", "a\u2028b", "a\u0085b",
                                  ":-)", "'"])
def test_a_word_is_what_stands_there(form):
    text = row("1", form, "X") + row("2", "after", "ADP") + "\n"
    assert parsers.conllu(text) == [([form, "after"], ["X", "ADP"])]


def test_sentences_of_one_word_repeated_ones_and_the_last_without_an_end():
    text = "# sent_id = 1\n" + row("1", "Thanks") + "\n" + row("1", "Thanks") + "\n\n# newpar\n" + row("1", "Bye", "INTJ").rstrip()
    assert parsers.conllu(text) == [(["Thanks"], ["NOUN"]), (["Thanks"], ["NOUN"]), (["Bye"], ["INTJ"])]
    assert parsers.conllu("") == parsers.conllu("# nothing\n\n") == []


def test_a_treebank_has_three_splits():
    files = {f"en_ewt-ud-{split}.conllu": row("1", split).encode() for split in ("train", "dev", "test")}
    assert {split: words(read) for split, read in parsers.ud_english_ewt(files).items()} == {
        "train": ["train"], "dev": ["dev"], "test": ["test"]}


@pytest.mark.parametrize("end", ["\n", "\t\n", " \n", "\n\n", "\t\n\t\n\n"], ids=repr)
def test_a_line_without_anything_visible_ends_a_sentence(end):
    text = f"ESB\tB-location\n.\tO\n{end}hello\tO\n{end}"
    assert parsers.tagged(text) == parsers.tagged(text.rstrip()) == [(["ESB", "."], ["B-location", "O"]), (["hello"], ["O"])]


@pytest.mark.parametrize("word", ["#photography", "#", "Dubbz\ufeff", "watched\u200bwas", "\ufeff", "😂", "“", "’s", "a\u0085b",
                                  "\u00a0"])
def test_odd_words_stay_as_they_are(word):
    assert parsers.tagged(f"{word}\tB-person\nx\tO\n") == [([word, "x"], ["B-person", "O"])]


@pytest.mark.parametrize("parse, text, message", [
    (parsers.tagged, "a\tO\nb O\n", "line 2: expected 2 columns parted by tabs, got 'b O'"),
    (parsers.tagged, "a\tO\tO\n", "line 1: expected 2 columns"),
    (parsers.conllu, "# x\n\n1\tI\n", "line 3: expected 10 columns parted by tabs, got '1\\tI'"),
])
def test_a_bad_row_is_refused_with_its_line(parse, text, message):
    refused(ValueError, message, lambda: parse(text))


def test_intents_domains_and_what_is_in_none():
    splits = ["oos_val", "val", "train", "oos_test", "test", "oos_train"]
    lists = {split: [[f"it’s {split}", "oos" if "oos" in split else "weather"], ["a  b", "x"]] for split in splits}
    domains = {"home": ["weather", "x"]}
    read = parsers.clinc150({"data_full.json": json.dumps(lists).encode(), "domains.json": json.dumps(domains).encode()})
    assert list(read) == ["train", "val", "test", "oos_train", "oos_val", "oos_test", "domains"]
    assert read["train"] == [("it’s train", "weather"), ("a  b", "x")]
    assert read["oos_val"][0] == ("it’s oos_val", "oos")
    assert read["domains"] == domains
