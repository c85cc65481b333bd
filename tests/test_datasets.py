"""Real data sets: where a file is looked for, that it is checked, what the manifest says; and texts of the user's."""

import hashlib
import re

import made_sets
import pytest
from refusals import refused

from shared import datasets, parsers

TRAIN, DEV, TEST = made_sets.CONTENTS


@pytest.fixture
def cache(monkeypatch, tmp_path):
    return made_sets.install(monkeypatch, tmp_path)


@pytest.fixture
def elsewhere(cache, monkeypatch, tmp_path):
    """The folder of LESSON_DATA, which is empty."""
    monkeypatch.setenv("LESSON_DATA", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def whole():
    loaded = datasets.load(made_sets.NAME)
    assert list(loaded) == ["train", "dev", "test"] and len(loaded["train"]) == 301
    return loaded | {"train": loaded["train"][:2]} == made_sets.LOADED


def test_a_set_in_the_cache(cache):
    made_sets.place(cache)
    assert whole()


def test_a_set_in_the_folder_of_lesson_data(elsewhere):
    made_sets.place(elsewhere)
    assert whole()


def test_each_file_is_looked_for_by_itself_and_first_in_the_cache(cache, elsewhere):
    made_sets.place(cache, DEV)
    made_sets.place(elsewhere, TRAIN, TEST)
    (elsewhere / DEV).write_bytes(b"something else")
    assert whole()


@pytest.mark.parametrize("folder", ["not set", "", "no such folder"])
def test_a_missing_file_says_how_to_get_it(folder, cache, monkeypatch):
    if folder != "not set":
        monkeypatch.setenv("LESSON_DATA", folder)
    made_sets.place(cache, TRAIN)
    refused(FileNotFoundError, f"{DEV} is neither in {cache} … LESSON_DATA names ({folder or 'not set'}) … "
            "`make data DATA=wnut17` … python -m shared.datasets wnut17 … set the environment's LESSON_DATA to the folder that holds",
            lambda: datasets.load("wnut17"))


def test_an_unknown_name_is_told_the_known_ones():
    known = "tinyshakespeare, multi30k, ud_english_ewt, clinc150, wnut17"
    for call in (datasets.load, datasets.describe, datasets.download):
        refused(ValueError, f"name must be one of {known}, got 'imagenet'", lambda call=call: call("imagenet"))


@pytest.mark.parametrize("damage", [lambda good: good[:-1], lambda good: good + b"\n", lambda good: b"",
                                    lambda good: b"e" + good[1:]], ids=["cut", "longer", "empty", "one letter"])
@pytest.mark.parametrize("place", ["cache", "elsewhere"])
def test_a_damaged_file_is_refused_even_after_a_good_one_was_read(damage, place, cache, elsewhere):
    folder = {"cache": cache, "elsewhere": elsewhere}[place]
    made_sets.place(folder)
    datasets.load("wnut17")
    bad = damage(made_sets.CONTENTS[TEST])
    (folder / TEST).write_bytes(bad)
    good, found = (f"{hashlib.sha256(content).hexdigest()} ({len(content)} bytes)" for content in (made_sets.CONTENTS[TEST], bad))
    refused(ValueError, f"{folder / TEST} is damaged … expected sha256 {good}, found {found} … `make data DATA=wnut17`",
            lambda: datasets.load("wnut17"))


def test_what_is_loaded_belongs_to_the_caller(cache):
    made_sets.place(cache)
    datasets.load("wnut17")["dev"].clear()
    assert whole()


def test_the_manifest_is_complete_and_pinned():
    assert datasets.names() == list(parsers.BY_SET)
    for name in datasets.names():
        about = datasets._entry(name)
        assert list(about) == ["title", "task", "licence", "citation", "note", "repository", "files"] and all(about.values())
        for file in about["files"]:
            assert list(file) == ["path", "url", "bytes", "sha256"]
            assert file["path"].startswith(f"{name}/") and re.fullmatch("[0-9a-f]{64}", file["sha256"]) and file["bytes"] > 0
            owner = about["repository"].removeprefix("https://github.com/")
            assert re.match(f"https://raw.githubusercontent.com/{owner}/[0-9a-f]{{40}}/", file["url"])
            assert file["url"].rpartition("/")[2] == file["path"].rpartition("/")[2]


def test_a_description_says_what_whose_and_on_what_terms():
    printed = datasets.describe("ud_english_ewt")
    about = datasets._entry("ud_english_ewt")
    assert printed.startswith("Universal Dependencies English Web Treebank (EWT) (ud_english_ewt)\n")
    assert "17.8 MB, 3 files" in printed and "1.1 MB, 1 file\n" in datasets.describe("tinyshakespeare")
    for part in ("task", "licence", "citation", "note", "repository"):
        assert about[part] in " ".join(printed.split())
    assert max(len(line) for name in datasets.names() for line in datasets.describe(name).splitlines()) <= 100


@pytest.mark.parametrize("content, meant", [
    (b"one line", "one line"),
    (b"\xef\xbb\xbfA mark of byte order.\n", "A mark of byte order.\n"),
    (b"Windows\r\nold Mac\rLinux\n\r\n", "Windows\nold Mac\nLinux\n\n"),
    ("Grüße, 世界 \u2028 \u0085 \ufeff🙂".encode(), "Grüße, 世界 \u2028 \u0085 \ufeff🙂"),
    (b" ", " "),
    (b"a\0b", "a\0b"),
])
def test_a_text(content, meant, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    assert datasets.text(path) == datasets.text(str(path)) == meant


@pytest.mark.parametrize("content, message", [
    (b"", "is empty"),
    (b"\xef\xbb\xbf", "is empty"),
    ("Grüße".encode("latin-1"), "is not UTF-8 (byte 0xfc at position 2)"),
    ("\ufeffa\n".encode() + b"\xff", "is not UTF-8 (byte 0xff at position 5)"),
    ("text".encode("utf-16"), "is not UTF-8 (byte 0x"),
    ("cut in the middle of ü".encode()[:-1], "is not UTF-8 (byte 0xc3 at position 21)"),
])
def test_a_file_that_is_no_text(content, message, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    refused(ValueError, f"{path} {message}", lambda: datasets.text(path))


def test_a_text_that_is_not_there(tmp_path):
    refused(FileNotFoundError, f"{tmp_path / 'none.txt'} is not there", lambda: datasets.text(tmp_path / "none.txt"))
    refused(IsADirectoryError, f"{tmp_path} is a folder", lambda: datasets.text(tmp_path))
    with pytest.raises(TypeError):
        datasets.text(3)
