"""The command line that trains: every task makes its steps, writes its log, and goes on; an error is one line."""

import math

import pytest

from shared import callbacks, datasets, train

ROWS = [("a dog sleeps", "ein Hund schläft", "un chien dort"), ("two dogs", "zwei Hunde", "deux chiens"), ("a cat", "eine Katze", "un chat")] * 4


@pytest.fixture(autouse=True)
def made_captions(monkeypatch):
    """Multi30k in small: no test downloads anything."""
    monkeypatch.setattr(datasets, "load", lambda name: {"train": ROWS, "val": ROWS[:3]})


def command(task, folder, **options):
    """The words of a command line for a very small model."""
    options = {"steps": 2, "every": 1, "batch": 2, "accumulate": 1, "d-model": 8, "num-layers": 1} | options
    return [task, "--folder", str(folder), *(word for name, value in options.items() for word in (f"--{name}", str(value)))]


@pytest.mark.parametrize("task", train.TASKS)
def test_every_task_trains_and_goes_on(task, tmp_path, capsys):
    assert train.main(command(task, tmp_path, steps=1)) == 0
    assert train.main(command(task, tmp_path)) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if not line.startswith("step")] == ["starts with step 1", "goes on after step 1"]
    assert [line.split(":")[0] for line in told if line.startswith("step")] == ["step 1", "step 2"]
    rows = callbacks.read_log(tmp_path / "log.csv")
    assert [row["step"] for row in rows] == [1, 2]
    assert all(math.isfinite(row["loss"]) and row["tokens"] > 0 for row in rows)


def test_an_error_is_one_line(tmp_path, capsys):
    assert train.main(command("stories", tmp_path, accumulate=0)) == 1
    assert capsys.readouterr().err.splitlines() == ["process 0 of 1: accumulate must be at least 1, got 0"]
