"""Every class of bug in blocks that was ever published, planted into the exported part: the parity comparison rejects each one."""

import pathlib

import pytest
from parity_blocks import Parts, compare

from shared import transformer
from tests.mistakes.blocks import MISTAKES

SOURCE = pathlib.Path(transformer.blocks.__file__).read_text(encoding="utf-8")


def test_without_a_mistake_the_comparison_accepts(changed):
    compare(changed(SOURCE, Parts))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_comparison_rejects(mistake, changed):
    parts = changed(mistake.plant(SOURCE), Parts)
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, pytest.fail.Exception)):
        compare(parts)
