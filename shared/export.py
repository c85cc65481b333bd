"""`make export`: collects the `#| export` cells of the notebooks into `shared/transformer`, with nbdev."""

import pathlib
import sys

from nbdev.export import nb_export

ROOT = pathlib.Path(__file__).resolve().parent.parent
INIT_DOC = '"""What the lessons build, generated from the notebooks by `make export`: it imports torch and itself only."""\n'


def export(notebooks=ROOT / "notebooks", package=ROOT / "shared"):
    """Write `package`/transformer from `notebooks`, and return the modules' paths in the order of the lessons."""
    target = package / "transformer"
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.glob("*.py"):
        stale.unlink()
    modules = []
    for notebook in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        before = set(target.glob("*.py"))
        nb_export(notebook, lib_path=package)
        modules += sorted(set(target.glob("*.py")) - before)
    imports = "".join(f"from .{module.stem} import *  # noqa: F403\n" for module in modules)
    (target / "__init__.py").write_text(INIT_DOC + imports, encoding="utf-8")
    return modules


if __name__ == "__main__":
    for written in export():
        print(written.relative_to(ROOT))
    sys.exit(0)
