"""`make grade`: what was handed in is executed anew and judged by its answers, not by what it shows."""

import csv

import made
import pytest

from shared import grade
from shared.exercises import all_exercises

START = 'from shared.lesson import check, start\nstart("01")'
RIGHT = """
import torch
def previous_token(n):
    print("✓ a noisy answer")
    return 100 * torch.eye(n), torch.eye(n).roll(1, dims=1)
"""
FAKED = 'check = lambda *arguments: None\nprint("✓ 1.4 a causal window: correct")\ndef window_mask(n, width):\n    return torch.ones(n, n, dtype=torch.bool).tril()'


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """Exercise 1.2 is right, 1.1 and 1.4 are wrong, the others missing; a cell raises, and outputs boast."""
    name = dict(grade.answers("01"))["1.1"]
    sources = (START, "1 / 0", RIGHT, f"{name} = 16", (FAKED, "✓ 1.4 a causal window: correct\n"), "import os; os.chdir('/')")
    return made.write(made.executed(*sources), tmp_path_factory.mktemp("handed in") / "ann's 01.ipynb")


def test_every_exercise_of_every_lesson_has_an_answer_by_name():
    found = [number for path in made.NOTEBOOKS for number, _ in grade.answers(path.name[:2])]
    assert found == list(all_exercises())


def test_answers_are_judged_and_nothing_that_is_shown(handed_in):
    told = grade.grade(handed_in)
    assert [number for number, text in told.items() if grade.is_right(text)] == ["1.2"]
    assert told["1.1"].startswith("✗ 1.1: that is the value of the best key alone")
    assert told["1.4"].startswith("✗ 1.4: causal, but the window is missing")
    assert told["1.3"].startswith("1.3 not attempted yet") and list(told) == [number for number, _ in grade.answers("01")]


def test_the_table_is_printed_and_written_and_other_files_are_named(handed_in, tmp_path, capsys):
    other, text = made.write(made.notebook("print(1)"), tmp_path / "other.ipynb"), tmp_path / "text.ipynb"
    text.write_text("no notebook")
    target = tmp_path / "build" / "grades.csv"
    assert grade.main([str(path) for path in (other, text, tmp_path / "none.ipynb", handed_in)], target) == 1
    printed = capsys.readouterr()
    assert f"{handed_in}: 1 of {len(grade.answers('01'))}" in printed.out
    first, second, third = printed.err.splitlines()
    assert "is no lesson: it has no start" in first and "text.ipynb is not a notebook" in second and "none.ipynb" in third
    with open(target, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["exercise"]: row["right"] for row in rows}["1.2"] == "1" and sum(int(row["right"]) for row in rows) == 1
    assert all(row["file"] == str(handed_in) for row in rows)


@pytest.mark.parametrize(("source", "error", "message"), [
    ("import os\nos._exit(1)", RuntimeError, "the kernel died"), ("import time\ntime.sleep(60)", TimeoutError, "takes longer than 3 s")])
def test_what_cannot_be_graded_says_why(source, error, message, tmp_path):
    path = made.write(made.notebook(START, source), tmp_path / "bad.ipynb")
    with pytest.raises(error, match=message):
        grade.grade(path, seconds=3 if error is TimeoutError else 60)
