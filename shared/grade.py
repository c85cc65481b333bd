"""`make grade FILES="handed_in/*.ipynb"`: executes lessons that were handed in, and says which exercises are right.

What a notebook shows or prints does not count: each is executed anew, in a kernel of its own, and at its end the answers are taken
by their names and given to this course's `check`. The table is also written as build/grades.csv.
"""

import argparse
import csv
import json
import pathlib
import re
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from . import run

TARGET = run.NOTEBOOKS.parent / "build" / "grades.csv"
LESSON = re.compile(r'\bstart\("(\d\d)"\)')
CALL = re.compile(r'\bcheck\("(\d+\.\d+)", (\w+)\)')
GRADE = """
import contextlib, io, json
from shared import exercises
for number, name in {calls}:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):       # what the answer prints, and last what check does
            exercises.check(number, globals().get(name))
        told = printed.getvalue().splitlines()[-1]
    except exercises.WrongAnswer as wrong:
        told = str(wrong)
    print(json.dumps([number, told]))
"""


def answers(lesson):
    """(number of an exercise, name of its answer) for each exercise of a lesson, as its notebook calls `check`."""
    (path,) = run.find(lesson)
    return CALL.findall(_code(nbformat.read(path, as_version=4)))


def grade(path, seconds=600):
    """Execute the notebook handed in at `path` → {number of an exercise: what `check` says of its answer}.

    A cell that raises stops nothing; one that takes longer than `seconds` does.
    ValueError where it is no lesson of this course, TimeoutError, and RuntimeError where its kernel dies.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ValueError(f"{path} is not a notebook") from error
    lesson = LESSON.search(_code(notebook))
    if not lesson:
        raise ValueError(f'{path} is no lesson: it has no start("01")')
    calls = answers(lesson[1])
    last = nbformat.v4.new_code_cell(GRADE.format(calls=calls))
    notebook.cells.append(last)
    try:
        NotebookClient(notebook, kernel_name="python3", timeout=seconds, allow_errors=True, store_widget_state=False,
                       resources={"metadata": {"path": str(run.NOTEBOOKS)}}).execute()
    except CellTimeoutError as error:
        raise TimeoutError(f"{path}: a cell takes longer than {seconds} s") from error
    except DeadKernelError as error:
        raise RuntimeError(f"{path}: the kernel died") from error
    told = dict(map(json.loads, "".join(output.text for output in last.outputs if output.output_type == "stream").splitlines()))
    if list(told) != [number for number, _ in calls]:
        reasons = [output.evalue for output in last.outputs if output.output_type == "error"]
        raise RuntimeError(f"{path} could not be graded: {reasons[0] if reasons else 'its kernel stopped early'}")
    return told


def is_right(told):
    """Whether what `check` says means that the answer is right."""
    return told.startswith("✓")


def main(arguments=None, target=TARGET):
    """Grade the files that `arguments` name; print and write the table. → the exit status, 1 where a file could not be graded."""
    parser = argparse.ArgumentParser(prog="make grade", description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="file", help="a notebook that was handed in")
    rows, failed = [["file", "right", "exercise", "what check says"]], 0
    for path in parser.parse_args(arguments).files:
        try:
            told = grade(path)
        except (OSError, ValueError, RuntimeError) as error:
            failed = 1
            print(error, file=sys.stderr)
            continue
        print(f"{path}: {sum(map(is_right, told.values()))} of {len(told)}", flush=True)
        for number, text in told.items():
            print(f"    {text}")
            rows.append([path, int(is_right(text)), number, text])
    target.parent.mkdir(exist_ok=True)
    with open(target, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return failed


def _code(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")
    sys.exit(main())
