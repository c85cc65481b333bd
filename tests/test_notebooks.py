"""Every lesson as it is committed passes the checks of hygiene.py, and every check is shown to find what it is for."""

import json
import subprocess
import sys

import hygiene
import made
import pytest
from nbformat import v4

IGNORED = {}            # notebook's name → ids of its cells that are tagged nbval-ignore-output: what trained weights wrote

each_lesson = pytest.mark.parametrize("path", made.NOTEBOOKS, ids=lambda path: path.stem)


def test_there_is_a_lesson():
    assert made.NOTEBOOKS


@each_lesson
@pytest.mark.parametrize("check", hygiene.CHECKS, ids=lambda check: check.__name__)
def test_lesson(check, path):
    if path.name.startswith("00_") and check in hygiene.OF_LESSONS_ONLY:
        pytest.skip("the first page has no lab and few claims")
    assert list(check(hygiene.load(path))) == []


@each_lesson
def test_only_listed_outputs_are_ignored(path):
    assert hygiene.ignored_cells(hygiene.load(path)) == IGNORED.get(path.name, [])


@each_lesson
def test_file_is_small(path):
    assert path.stat().st_size < hygiene.LARGEST


@each_lesson
def test_a_learner_who_has_installed_nothing_is_told_what_to_run(path, tmp_path):
    codes = [cell["source"] for cell in hygiene.load(path)["cells"] if cell["cell_type"] == "code"]
    first = next(code for code in codes if any(line and not line.startswith("#") for line in code.splitlines()))
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", first]      # sees the standard library only
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (1, "")
    if not path.name.startswith("00_") and done.stderr.endswith("ModuleNotFoundError: No module named 'shared'\n"):
        return                              # a lesson may begin with its one import: the first page says what to run
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "make lab" in done.stderr or "pip install -r requirements.txt" in done.stderr


# ---- the checks themselves

def lesson():
    """A made lesson that passes every check."""
    printed = "".join(f"✓ claim {number}: 1 = 1\n" for number in range(8))
    notebook = made.executed("md: # A lesson", "import math", ("\n".join(["claim('a', 1, '=', 1)"] * 8), printed),
                             ("check('1.1', None)", "1.1 not attempted yet\n"), "show(figure, 'a line')", "md: ## Lab", "2")
    picture = v4.new_output("display_data", {"image/png": "aGVsbG8=", "text/plain": "[picture: a line]"})
    picture.metadata = {"image/png": {"alt": "a line"}}
    notebook.cells[4].outputs = [picture]
    return notebook


def planted(change, tmp_path):
    notebook = lesson()
    change(notebook)
    path = tmp_path / "01_planted.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return hygiene.load(path)


def output(cell, *arguments, **options):
    return lambda notebook: notebook.cells[cell].outputs.append(v4.new_output(*arguments, **options))


def source(cell, text):
    return lambda notebook: notebook.cells[cell].update(source=text)


def value(cell, name, new):
    return lambda notebook: notebook.cells[cell].update({name: new})


def tags(*names):
    return lambda notebook: notebook.cells[1].metadata.update(tags=list(names))


def more(make, text, times):
    return lambda notebook: [notebook.cells.insert(1, make(text)) for _ in range(times)]


def alt(text):
    return lambda notebook: notebook.cells[4].outputs[0].metadata.update({"image/png": {"alt": text}})


VIOLATIONS = {
    "never run": (hygiene.never_ran, value(1, "execution_count", None)),
    "not in order": (hygiene.never_ran, value(2, "execution_count", 7)),
    "error": (hygiene.error_outputs, output(1, "error", ename="ValueError", evalue="no", traceback=[])),
    "stderr": (hygiene.error_outputs, output(1, "stream", name="stderr", text="a warning")),
    "state of widgets": (hygiene.widget_state, lambda notebook: notebook.metadata.update(widgets={})),
    "view of a widget": (hygiene.widget_state, output(1, "display_data", {"application/vnd.jupyter.widget-view+json": {}})),
    "svg": (hygiene.pictures, output(1, "display_data", {"image/svg+xml": "<svg/>"}, metadata={"image/png": {"alt": "a"}})),
    "svg in html": (hygiene.pictures, output(1, "display_data", {"text/html": "<p><svg/></p>"})),
    "picture without alt": (hygiene.pictures, output(1, "display_data", {"image/png": "aGVsbG8="})),
    "empty alt": (hygiene.pictures, alt(" ")),
    "picture as a result": (hygiene.pictures, output(1, "execute_result", {"image/png": "aA=="}, metadata={"image/png": {"alt": "a"}})),
    "no lab": (hygiene.core_length, source(5, "## Labour")),
    "too many cells": (hygiene.core_length, more(v4.new_code_cell, "1", 57)),
    "too many words": (hygiene.core_length, more(v4.new_markdown_cell, "word " * 2499, 2)),
    "long cells": (hygiene.cell_lengths, more(v4.new_code_cell, "\n".join("12345678901"), 6)),
    "a very long cell": (hygiene.cell_lengths, source(1, "1\n" * 31)),
    "path in a source": (hygiene.machine_paths, source(1, "open('/home/me/x')")),
    "path in text": (hygiene.machine_paths, source(0, r"see C:\Users\me")),
    "path in an output": (hygiene.machine_paths, output(1, "stream", name="stdout", text="in /tmp/x")),
    "path in a result": (hygiene.machine_paths, output(1, "execute_result", {"text/plain": r"'C:\\Users\\me'"})),
    "no id": (hygiene.cell_ids, value(1, "id", "")),
    "id twice": (hygiene.cell_ids, value(1, "id", "cell-2")),
    "skipped by nbval": (hygiene.nbval_marks, tags("nbval-skip")),
    "allowed to raise": (hygiene.nbval_marks, tags("raises-exception")),
    "ignored by a comment": (hygiene.nbval_marks, source(1, "# NBVAL_IGNORE_OUTPUT\n1")),
    "exercise done": (hygiene.exercises_attempted, lambda notebook: notebook.cells[3].outputs[0].update(text="✓ 1.1 a weight: correct\n")),
    "hint": (hygiene.exercises_attempted, source(1, "hint('1.1')")),
    "solution": (hygiene.exercises_attempted, source(1, "x = 1; solution('1.1')")),
    "too few claims": (hygiene.number_of_claims, source(2, "disclaim(1)\n" + "claim(1)\n" * 4)),
    "too many claims": (hygiene.number_of_claims, source(2, "claim(1)\n" * 13)),
}


@pytest.mark.parametrize("check", hygiene.CHECKS, ids=lambda check: check.__name__)
def test_a_good_lesson_passes(check, tmp_path):
    assert list(check(planted(lambda notebook: None, tmp_path))) == []


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_planted_violation_is_found_and_no_other_check_complains_of_it(name, tmp_path):
    check, change = VIOLATIONS[name]
    notebook = planted(change, tmp_path)
    assert list(check(notebook))
    others = {other.__name__ for other in hygiene.CHECKS if list(other(notebook))} - {check.__name__}
    assert others <= ({"never_ran", "cell_lengths", "cell_ids"} if "too many" in name or "long" in name else set())


def test_every_check_has_a_planted_violation():
    assert {check for check, _ in VIOLATIONS.values()} == set(hygiene.CHECKS)


def test_limits_themselves_are_allowed(tmp_path):
    def fill(notebook):
        more(v4.new_code_cell, "1", 56)(notebook)
        source(0, "word " * 4999)(notebook)
        source(-2, "last\n\n# Lab\nand more words\n")(notebook)
    assert list(hygiene.core_length(planted(fill, tmp_path))) == []


def test_ignored_cells_are_found(tmp_path):
    assert hygiene.ignored_cells(planted(tags("nbval-ignore-output"), tmp_path)) == ["cell-1"]
