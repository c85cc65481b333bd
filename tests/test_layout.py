"""The project as a whole: short files, plain settings, nothing that only one machine has."""

import re

import made
import pytest

LONGEST = 250
GENERATED = made.ROOT / "shared" / "transformer"
SOURCES = [path for folder in ("shared", "tests") for path in sorted((made.ROOT / folder).rglob("*.py"))
           if GENERATED not in path.parents]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(made.ROOT).as_posix())
def test_hand_written_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_the_sanitiser_is_ascii_and_one_rule():
    text = (made.ROOT / "tests" / "nbval_sanitiser.cfg").read_text(encoding="ascii")
    assert text.count("regex:") == text.count("replace:") == 1


def test_requirements_are_exact():
    lines = [line for line in (made.ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")]
    assert lines[0] == "-e ."
    assert all(line.count("==") == 1 for line in lines[1:])


def test_data_holds_what_the_readme_says():
    known = {"languages", "texts", "results", "datasets.json", "cache"}
    assert {path.name for path in (made.ROOT / "data").iterdir() if not path.name.startswith(".")} <= known
    assert "data/cache/" in (made.ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_files_to_copy_are_named_with_all_that_they_need():
    """README's table: each row's files import each other alone; "these" are those of the row before."""
    readme = (made.ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \| (.*) \|$", readme.split("| you want | files |")[1].split("```")[0], flags=re.MULTILINE)
    before, seen = set(), set()
    for row in rows[1:]:
        files = set(re.findall(r"`(\w+)`", row)) | (before if row.startswith("these") else set())
        for name in files:
            needed = set(re.findall(r"^from \.(\w+)", (GENERATED / f"{name}.py").read_text(encoding="utf-8"), flags=re.MULTILINE))
            assert needed <= files, f"{name} needs {needed - files}"
        before, seen = files, seen | files
    assert seen == {path.stem for path in GENERATED.glob("*.py")} - {"__init__"}
