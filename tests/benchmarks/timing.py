"""Fair times on a noisy machine: two functions take turns in one process, and each turn gives one ratio."""

import dataclasses
import statistics
import time

import torch

SHORTEST = 2e-3         # seconds that one measurement lasts at least: a shorter function is called several times in it


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Median seconds of two functions, and the median and quartiles of the ratio first / second, turn by turn."""

    first: float
    second: float
    ratio: float
    low: float
    high: float
    turns: int


def compare(first, second, seconds=1.0, least=3, most=40):
    """Call `first` and `second` alternately, after one call each to warm up, and return a `Comparison`.

    seconds: how long to go on; at least `least` turns, at most `most`.   ValueError for fewer than 2 turns.
    """
    if not 2 <= least <= most:
        raise ValueError(f"a comparison needs 2 ≤ least ≤ most turns, got least = {least}, most = {most}")
    once = [measure(function) for function in (first, second) for _ in range(2)]
    calls = [max(1, round(SHORTEST / once[1])), max(1, round(SHORTEST / once[3]))]
    stop, turns = time.perf_counter() + seconds, []
    while len(turns) < least or len(turns) < most and time.perf_counter() < stop:
        turns.append((measure(first, calls[0]), measure(second, calls[1])))
    ratios = [a / b for a, b in turns]
    low, ratio, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Comparison(statistics.median(a for a, _ in turns), statistics.median(b for _, b in turns), ratio, low, high, len(turns))


def measure(function, calls=1):
    """Seconds of one call of `function`, as the mean of `calls`; work that it left to a GPU is waited for."""
    synchronise()
    start = time.perf_counter()
    for _ in range(calls):
        function()
    synchronise()
    return (time.perf_counter() - start) / calls


def synchronise():
    """Wait until the GPU, if there is one in use, has done what it was asked to do."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def table(rows):
    """Dictionaries with the same keys as lines of text: the keys as heads, numbers to the right."""
    if not rows:
        raise ValueError("a table needs at least one row")
    cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)
