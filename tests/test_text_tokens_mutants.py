"""Every known mistake in a lesson's tokenizers, planted into the exported part: the comparison rejects each one."""

import pathlib

import pytest
from properties_tokenizers import compare

from shared.transformer import text_tokens
from tests.mistakes.text_tokens import MISTAKES

SOURCE = pathlib.Path(text_tokens.__file__).read_text(encoding="utf-8")


def test_without_a_mistake_the_comparison_accepts(changed, tmp_path):
    compare(changed(SOURCE), tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_comparison_rejects(mistake, changed, tmp_path):
    with pytest.raises((AssertionError, ValueError, TypeError, KeyError, IndexError, AttributeError, pytest.fail.Exception)):
        compare(changed(mistake.plant(SOURCE)), tmp_path)
