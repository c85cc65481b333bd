"""Every known mistake in the fast and exact parts of byte-pair encoding, planted: the comparison rejects each one."""

import pathlib

import pytest
from properties_tokenizers import compare

from shared.transformer import bpe, text_tokens
from tests.mistakes.bpe import MISTAKES

SOURCE = pathlib.Path(bpe.__file__).read_text(encoding="utf-8")
LESSON = pathlib.Path(text_tokens.__file__).read_text(encoding="utf-8")


@pytest.fixture
def lesson(changed):
    """The lesson's parts on a changed bpe."""
    def make(source):
        parts = changed(LESSON)
        parts.bpe = changed(source)
        return parts
    return make


def test_without_a_mistake_the_comparison_accepts(lesson, tmp_path):
    compare(lesson(SOURCE), tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_comparison_rejects(mistake, lesson, tmp_path):
    with pytest.raises((AssertionError, ValueError, TypeError, KeyError, IndexError, AttributeError, pytest.fail.Exception)):
        compare(lesson(mistake.plant(SOURCE)), tmp_path)
