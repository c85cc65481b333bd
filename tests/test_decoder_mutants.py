"""Every class of bug in decoders that was ever published, planted into the exported part: the comparison rejects each one."""

import pathlib

import pytest
from properties_decoder import compare

from shared.transformer import decoder
from tests.mistakes.decoder import MISTAKES

SOURCE = pathlib.Path(decoder.__file__).read_text(encoding="utf-8")


def test_without_a_mistake_the_comparison_accepts(changed, tmp_path):
    compare(changed(SOURCE), tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_comparison_rejects(mistake, changed, tmp_path):
    parts = changed(mistake.plant(SOURCE))
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, KeyError, IndexError, OSError, pytest.fail.Exception)):
        compare(parts, tmp_path)
