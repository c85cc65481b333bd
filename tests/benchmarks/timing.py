"""Fair times on a noisy machine: functions take turns in one process, and each turn gives one ratio."""

import dataclasses
import functools
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
    """Call `first` and `second` alternately and return a `Comparison`. The others, and errors: as in `take_turns`."""
    times = take_turns({"first": first, "second": second}, seconds, least, most)
    a, b = times["first"], times["second"]
    return Comparison(statistics.median(a), statistics.median(b), *ratios(a, b), len(a))


def ratios(a, b):
    """Median and quartiles of a / b, turn by turn: two lists of numbers of equal length, at least two each."""
    low, middle, high = statistics.quantiles((x / y for x, y in zip(a, b, strict=True)), n=4, method="inclusive")
    return middle, low, high


def take_turns(functions, seconds=1.0, least=3, most=40):
    """Call functions, name → function, one after another and again, after two calls each to warm up → name → seconds, one a turn.

    seconds: how long to go on; at least `least` turns, at most `most`.   ValueError for fewer than 2 turns.
    """
    calls = {name: max(1, round(SHORTEST / [measure(function) for _ in range(2)][1])) for name, function in functions.items()}
    return collect({name: functools.partial(measure, function, calls[name]) for name, function in functions.items()}, seconds, least, most)


def collect(measures, seconds, least, most):
    """Functions that return a number each, name → function, called in turn → name → numbers, one a turn. As in `take_turns`."""
    if not 2 <= least <= most:
        raise ValueError(f"a comparison needs 2 ≤ least ≤ most turns, got least = {least}, most = {most}")
    stop, numbers = time.perf_counter() + seconds, {name: [] for name in measures}
    for turn in range(most):
        if turn >= least and time.perf_counter() >= stop:
            break
        for name, function in measures.items():
            numbers[name].append(function())
    return numbers


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
