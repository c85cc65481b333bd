"""Small notebooks for tests: made here, written into a temporary folder, never into the project."""

import pathlib
import re

import nbformat
from nbformat import v4

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def notebook(*sources):
    """A notebook that was never executed. A source that begins with `md: ` is a markdown cell."""
    cells = [v4.new_markdown_cell(source[4:]) if source.startswith("md: ") else v4.new_code_cell(source)
             for source in sources]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def executed(*pairs):
    """A notebook of (source, what it printed) as if it had been executed; a source alone printed nothing."""
    pairs = [(pair, "") if isinstance(pair, str) else pair for pair in pairs]
    made = notebook(*(source for source, _ in pairs))
    count = 0
    for cell, (_, printed) in zip(made.cells, pairs, strict=True):
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [v4.new_output("stream", name="stdout", text=printed)] if printed else []
    return made


def write(made, path):
    """Write a notebook, and return its path."""
    nbformat.write(made, path)
    return path


def lines(text):
    """The lines of what a command wrote, without make's own closing remark."""
    return [line for line in text.splitlines() if line and not re.match(r"make(\[\d+\])?: \*\*\*", line)]
