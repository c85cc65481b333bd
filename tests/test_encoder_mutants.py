"""Every class of bug in encoders that was ever published, planted into the exported part: the comparison rejects each one."""

import pathlib

import encoder_laws
import encoder_words_and_spans
import parity_encoder
import pytest
from parity_encoder import Parts

from shared import transformer
from tests.mistakes.encoder import MISTAKES

SOURCE = pathlib.Path(transformer.encoder.__file__).read_text(encoding="utf-8")


def compare(parts):
    """All that the tests compare, on small grids: first what is fast."""
    encoder_words_and_spans.compare(parts)
    parity_encoder.compare(parts)
    encoder_laws.compare(parts)


def test_without_a_mistake_the_comparison_accepts(changed):
    compare(changed(SOURCE, Parts))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_comparison_rejects(mistake, changed):
    parts = changed(mistake.plant(SOURCE), Parts)
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, IndexError, pytest.fail.Exception)):
        compare(parts)
