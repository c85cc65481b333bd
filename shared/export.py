"""`make export`: collects the `#| export` cells of the notebooks into `shared/transformer`, with nbdev."""

import pathlib
import sys

from nbdev.export import nb_export
from nbdev.maker import ModuleMaker

ROOT = pathlib.Path(__file__).resolve().parent.parent
INIT_DOC = '"""What the lessons build, generated from the notebooks by `make export`: it imports torch and itself only."""\n'


def export(notebooks=ROOT / "notebooks", package=ROOT / "shared"):
    """Write `package`/transformer from `notebooks`, and return the modules' paths in the order of the lessons.

    Raises SyntaxError, and leaves everything as it was, where an exported cell is not valid Python.
    """
    target = package / "transformer"
    target.mkdir(parents=True, exist_ok=True)
    before = {path: path.read_bytes() for path in target.glob("*.py")}
    try:
        modules = _export_into(target, notebooks, package)
    except BaseException:
        for path, content in before.items():        # a mistake in a cell must not cost the working package
            path.write_bytes(content)
        raise
    imports = "".join(f"from .{module.stem} import *  # noqa: F403\n" for module in modules)
    (target / "__init__.py").write_text(INIT_DOC + imports, encoding="utf-8")
    return modules


def _export_into(target, notebooks, package):
    for stale in target.glob("*.py"):
        stale.unlink()
    modules = []
    for notebook in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        before = set(target.glob("*.py"))
        nb_export(notebook, lib_path=package, mod_maker=_new_module)
        modules += sorted(set(target.glob("*.py")) - before)
    for module in modules:
        compile(module.read_text(encoding="utf-8"), module.name, "exec")
    return modules


def _new_module(**options):
    """A module is written anew, and a second one of the same notebook, `#| export transformer.<name>`, too."""
    return ModuleMaker(**(options | {"is_new": True}))


if __name__ == "__main__":
    try:
        written = export()
    except SyntaxError as error:
        sys.exit(f"nothing was written: {error}")
    for module in written:
        print(module.relative_to(ROOT))
