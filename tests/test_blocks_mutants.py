"""Every class of bug in blocks that was ever published, planted into the exported part: the parity comparison rejects each one."""

import pathlib

import pytest
from parity_blocks import Parts, compare

from shared import transformer
from tests.mistakes.blocks import LAYER_NORM, MISTAKES, WRITTEN_OUT

SOURCE = pathlib.Path(transformer.blocks.__file__).read_text(encoding="utf-8")


def test_without_a_mistake_the_comparison_accepts(changed):
    compare(changed(SOURCE, Parts))


def test_the_formula_of_layer_norm_written_out_is_accepted_too(changed):
    compare(changed(SOURCE.replace(LAYER_NORM, WRITTEN_OUT), Parts))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_comparison_rejects(mistake, changed):
    parts = changed(mistake.plant(SOURCE), Parts)
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, pytest.fail.Exception)):
        compare(parts)
