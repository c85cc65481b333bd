"""What the notebooks export: in step with the committed package, and of use without this project."""

import shutil
import subprocess
import sys

import made
import pytest

from shared.export import HEADER, export, is_generated

TRANSFORMER = made.ROOT / "shared" / "transformer"
COPIED = """
import sys
sys.path.insert(0, {folder!r})
import torch
before = set(sys.modules)
import parts.attention
new = {{name.partition(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names)
assert new == {{"parts"}}, f"it imports {{new}}"
output, weights = parts.attention.scaled_dot_product_attention(*torch.randn(3, 2, 4, 8), mask=parts.attention.causal_mask(4))
assert output.shape == (2, 4, 8) and weights[0, 0, 1] == 0
"""
TIMED = """
import sys, time
import torch
sys.dont_write_bytecode, sys.pycache_prefix = False, sys.argv[1]        # as for users: compiled the first time only
def add():
    for name in [name for name in sys.modules if name.startswith("shared")]:
        del sys.modules[name]
    start = time.process_time()
    import shared.transformer
    return time.process_time() - start
before = set(sys.modules)
print(min(add() for _ in range(5)))
print(*sorted(set(sys.modules) - before))
"""


def python(*arguments, **options):
    """The output of a fresh python, which must succeed."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def exported(folder, *made_notebooks):
    """Export the project's notebooks, or made ones, in a copy of its layout (the files name their notebooks)."""
    (folder / "notebooks").mkdir()
    for path in () if made_notebooks else made.NOTEBOOKS:
        shutil.copy(path, folder / "notebooks")
    for number, notebook in enumerate(made_notebooks, start=1):
        made.write(notebook, folder / "notebooks" / f"{number:02}_made.ipynb")
    return export(folder / "notebooks", folder / "shared")


def test_the_committed_package_is_what_the_notebooks_export(tmp_path):
    target = tmp_path / "shared" / "transformer"
    target.mkdir(parents=True)
    for path in TRANSFORMER.glob("*.py"):                   # those written by hand stay, and are public where they say so
        if not is_generated(path):
            shutil.copy(path, target)
    exported(tmp_path)
    new = {path.name: path.read_text(encoding="utf-8") for path in target.iterdir()}
    committed = {path.name: path.read_text(encoding="utf-8") for path in TRANSFORMER.glob("*.py")}
    assert new == committed, "run `make export`"


def test_export_joins_modules_in_the_order_of_the_lessons_and_removes_stale_ones(tmp_path):
    stale = tmp_path / "shared" / "transformer" / "old.py"
    stale.parent.mkdir(parents=True)
    stale.write_text(f"{HEADER}\nimport nothing")
    first = made.notebook("#| default_exp transformer.second", "#| export\ndef a():\n    return 1", "b = 2")
    last = made.notebook("#| default_exp transformer.first", "#| export\nfrom shared.transformer.second import a\nc = a()")
    modules = exported(tmp_path, first, last)
    assert [path.name for path in modules] == ["second.py", "first.py"]
    assert not stale.exists()
    assert "b = 2" not in modules[0].read_text(encoding="utf-8")
    assert "from .second import a" in modules[1].read_text(encoding="utf-8")
    assert python("-c", "import shared.transformer as made; print(made.c, made.a())", cwd=tmp_path) == "1 1\n"


def test_a_cell_that_cannot_be_parsed_does_not_cost_the_package(tmp_path):
    working = tmp_path / "shared" / "transformer" / "attention.py"
    working.parent.mkdir(parents=True)
    working.write_text(f"{HEADER}\nkept = True\n")
    with pytest.raises(SyntaxError):
        exported(tmp_path, made.notebook("#| default_exp transformer.attention", "#| export\ndef broken(:"))
    assert working.read_text() == f"{HEADER}\nkept = True\n"
    assert list(working.parent.iterdir()) == [working]


BY_HAND = '"""Written by hand."""\n\n__all__ = ["hard"]\nhard = 7\n'


def by_hand(folder, name="by_hand", text=BY_HAND):
    path = folder / "shared" / "transformer" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_written_by_hand_stay_and_what_they_make_public_can_be_imported(tmp_path):
    kept, private = by_hand(tmp_path), by_hand(tmp_path, "private", "hidden = 8\n")
    notebook = made.notebook("#| default_exp transformer.part", "#| export\nfrom shared.transformer import by_hand\na = by_hand.hard")
    for _ in range(2):
        assert [path.name for path in exported(tmp_path, notebook)] == ["part.py"]
        shutil.rmtree(tmp_path / "notebooks")
    assert (kept.read_text(), private.read_text()) == (BY_HAND, "hidden = 8\n")
    assert python("-c", "import shared.transformer as made; print(made.a, made.hard, hasattr(made, 'hidden'))", cwd=tmp_path) == "7 7 False\n"


def test_a_notebook_that_would_overwrite_a_file_written_by_hand_is_refused_and_nothing_changes(tmp_path):
    kept, first = by_hand(tmp_path), made.notebook("#| default_exp transformer.part", "#| export\na = 1")
    with pytest.raises(ValueError, match=r"02_made\.ipynb exports into by_hand\.py, which is written by hand"):
        exported(tmp_path, first, made.notebook("#| default_exp transformer.by_hand", "#| export\nhard = 8"))
    assert list(kept.parent.iterdir()) == [kept]
    assert kept.read_text() == BY_HAND


def test_a_failing_export_removes_what_is_new_and_gives_back_what_is_gone(tmp_path):
    old = by_hand(tmp_path, "old", f"{HEADER}\nold = 1\n")
    cells = made.notebook("#| default_exp transformer.part", "#| export\na = 1"), made.notebook("#| default_exp transformer.worse", "#| export\na = (")
    with pytest.raises(SyntaxError):
        exported(tmp_path, *cells)
    assert {path.name: path.read_text() for path in old.parent.iterdir()} == {"old.py": f"{HEADER}\nold = 1\n"}


def test_two_notebooks_may_write_one_module(tmp_path):
    first = made.notebook("#| default_exp transformer.part", "#| export\na = 1", "#| export transformer.shared_part\nb = 2")
    second = made.notebook("#| default_exp transformer.shared_part", "#| export\nc = b + 1")
    modules = exported(tmp_path, first, second)
    assert sorted(path.name for path in modules) == ["part.py", "shared_part.py"]
    assert python("-c", "import shared.transformer as made; print(made.a, made.b, made.c)", cwd=tmp_path) == "1 2 3\n"


def test_copied_into_an_empty_package_the_parts_need_pytorch_alone(tmp_path):
    (tmp_path / "parts").mkdir()
    for path in TRANSFORMER.glob("*.py"):
        shutil.copy(path, tmp_path / "parts")
    python("-I", "-c", COPIED.format(folder=str(tmp_path)), cwd=tmp_path)


def test_importing_the_parts_is_quick_and_brings_no_helper(tmp_path):
    seconds, names = python("-c", TIMED, str(tmp_path), cwd=made.ROOT).splitlines()
    assert float(seconds) <= 0.05
    assert {"shared.transformer.attention"} <= set(names.split())
    assert {name.partition(".")[0] for name in names.split()} == {"shared"}
    assert all(name in ("shared", "shared.transformer") or name.startswith("shared.transformer.") for name in names.split())
