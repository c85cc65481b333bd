"""What the tests of planted mistakes share."""

import dataclasses
import sys
import types

import pytest


@pytest.fixture
def changed(monkeypatch):
    """Makes a module of a part's changed source; with `kind`, a dataclass of names, an instance of it with what they name there."""
    def make(source, kind=None):
        module = types.ModuleType("shared.transformer.changed")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(source, "changed.py", "exec"), vars(module))
        return kind(**{field.name: getattr(module, field.name) for field in dataclasses.fields(kind)}) if kind else module
    return make
