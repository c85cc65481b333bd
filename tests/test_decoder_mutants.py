"""Every class of bug in decoders that was ever published, planted into the exported part: the comparison rejects each one."""

import pathlib
import sys
import types

import pytest
from properties_decoder import compare

from shared.transformer import decoder
from tests.mistakes.decoder import MISTAKES

SOURCE = pathlib.Path(decoder.__file__).read_text(encoding="utf-8")


@pytest.fixture
def parts(monkeypatch):
    """Makes the parts of a changed source."""
    def make(source):
        module = types.ModuleType("shared.transformer.changed")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(source, "changed.py", "exec"), vars(module))
        return module
    return make


def test_without_a_mistake_the_comparison_accepts(parts, tmp_path):
    compare(parts(SOURCE), tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_comparison_rejects(mistake, parts, tmp_path):
    changed = parts(mistake.plant(SOURCE))
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, KeyError, IndexError, OSError, pytest.fail.Exception)):
        compare(changed, tmp_path)
