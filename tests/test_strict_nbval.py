"""Strict nbval with our settings: it overlooks a claim's measured number, and nothing else."""

import re
import subprocess
import sys

import made
import pytest
from nbval.plugin import get_sanitize_patterns

from shared.claims import claim

SANITISER = made.ROOT / "tests" / "nbval_sanitiser.cfg"
CLAIM = "✓ two heads solve it: 0.998 ≥ 0.99"
# name: (what the committed notebook shows, what the cell prints now, does it pass)
CASES = {
    "same": (CLAIM, CLAIM, True),
    "measured number differs": (CLAIM, "✓ two heads solve it: 1 ≥ 0.99", True),
    "measured numbers of two claims differ": (f"{CLAIM}\n✓ b: 1e-17 ≤ 1e-06", "✓ two heads solve it: 0.99 ≥ 0.99\n✓ b: 0 ≤ 1e-06", True),
    "bound altered": (CLAIM, "✓ two heads solve it: 0.998 ≥ 0.9", False),
    "name altered": (CLAIM, "✓ two heads solved it: 0.998 ≥ 0.99", False),
    "operator altered": (CLAIM, "✓ two heads solve it: 0.998 > 0.99", False),
    "measured is no number": (CLAIM, "✓ two heads solve it: much ≥ 0.99", False),
    "claim missing": (CLAIM, "", False),
    "claim added": (CLAIM, f"{CLAIM}\n✓ b: 1 = 1", False),
    "claim failed": (CLAIM, "✗ two heads solve it: measured 0.5, claimed ≥ 0.99", False),
    "a number on a line without the mark": ("accuracy: 0.998 ≥ 0.99", "accuracy: 0.997 ≥ 0.99", False),
    "a number on a line that goes on": (f"{CLAIM} now", "✓ two heads solve it: 0.997 ≥ 0.99 now", False),
    "plain output altered": ("torch.Size([2, 3])", "torch.Size([3, 2])", False),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Cell number → whether nbval passed it. One cell a case, and last a cell that raises and one that was never run."""
    cells = [(f"print({now!r})" if now else "pass", f"{shown}\n") for shown, now, _ in CASES.values()]
    notebook = made.executed(*cells, "1 / 0", ("print('never run')", ""))
    notebook.cells[-1].execution_count = None
    path = made.write(notebook, tmp_path_factory.mktemp("nbval") / "01_cases.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "no:cacheprovider", "-rA", "--color=no", path]
    done = subprocess.run(command, cwd=made.ROOT, capture_output=True, text=True, encoding="utf-8")
    verdicts = re.findall(r"^(PASSED|FAILED) .*::Cell (\d+)", done.stdout, flags=re.MULTILINE)
    assert len(verdicts) == len(notebook.cells), done.stdout + done.stderr
    return {int(cell): verdict == "PASSED" for verdict, cell in verdicts}


@pytest.mark.parametrize("case", CASES)
def test_nbval_passes_what_it_should_and_nothing_else(case, outcomes):
    assert outcomes[list(CASES).index(case)] == CASES[case][2]


def test_nbval_fails_a_cell_that_raises(outcomes):
    assert not outcomes[len(CASES)]


def test_nbval_passes_over_a_cell_that_was_never_run(outcomes):
    """So the hygiene tests must refuse it: `never_ran` in test_notebooks.py. Should this fail one day, all the better."""
    assert outcomes[len(CASES) + 1]


@pytest.mark.parametrize("measured, op, bound", [
    (0.998, "≥", 0.99), (12, "=", 12), (-0.5, "<", 0.0), (1e-17, "≤", 1e-6), (1234567.0, ">", 1e6), (3.0, "≤", float("inf")),
    (float("inf"), ">", 5), (-1e-9, "≥", -1e-8),
])
def test_the_sanitiser_knows_every_line_that_a_claim_prints(measured, op, bound, capsys):
    claim("a name, with 1 = 1 in it", measured, op, bound)
    line = capsys.readouterr().out
    (pattern, replacement), = get_sanitize_patterns(SANITISER.read_text(encoding="ascii"))
    blanked = re.sub(pattern, replacement, line)
    assert blanked.startswith("✓ a name, with 1 = 1 in it: MEASURED ")
    assert blanked.endswith(f" {op} {line.split()[-1]}\n")
