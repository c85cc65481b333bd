"""Tests on the real sets, each skipped where its set is not on this machine."""

import functools

import pytest

from shared import datasets


@functools.lru_cache
def load(name):
    """The set; skips, saying how to get it, where it is not on this machine. A damaged one fails."""
    try:
        return datasets.load(name)
    except FileNotFoundError as error:
        pytest.skip(str(error))
