"""Benchmarks, run by `make bench` and never collected as tests: ours against others, interleaved in one process."""

import pathlib
import sys

TESTS = str(pathlib.Path(__file__).resolve().parents[1])
if TESTS not in sys.path:
    sys.path.append(TESTS)              # as under pytest: the comparisons there, parity_….py, import one another by their bare names
