"""What the tests of planted mistakes share."""

import dataclasses
import pathlib
import sys
import types

import pytest

from shared import transformer


@pytest.fixture
def changed(monkeypatch):
    """Makes a module of a part's changed source; with `kind`, a dataclass of names, an instance of it with what they name there.

    part: its name, and then: of the parts that import it, in this order; these are made anew, and are searched for names, too.
    """
    def made(name, source):
        module = types.ModuleType(f"shared.transformer.{name}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        if hasattr(transformer, name):
            monkeypatch.setattr(transformer, name, module)
        exec(compile(source, f"{name}.py", "exec"), vars(module))
        return module

    def make(source, kind=None, part="changed", then=()):
        modules = [made(part, source)]
        for name in then:
            modules.append(made(name, pathlib.Path(transformer.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")))
        if kind is None:
            return modules[0]
        names = {name: thing for module in modules for name, thing in vars(module).items()}
        return kind(**{field.name: names.get(field.name, getattr(transformer, field.name)) for field in dataclasses.fields(kind)})
    return make
