"""The benchmarks' timing is right on functions whose times are known, and the benchmark's two sides do the same work."""

import time

import pytest
from benchmarks import bench_attention, timing

from shared.transformer import causal_mask


def test_functions_take_turns_and_the_ratio_is_theirs():
    calls = []

    def slow():
        calls.append("slow")
        time.sleep(0.006)

    def fast():
        calls.append("fast")
        time.sleep(0.003)

    compared = timing.compare(slow, fast, seconds=0.1)
    assert calls[4:8] == ["slow", "fast", "slow", "fast"]
    assert compared.turns >= 3
    assert compared.first >= 0.006
    assert compared.second >= 0.003
    assert 1.2 < compared.ratio < 3
    assert compared.low <= compared.ratio <= compared.high


def test_a_short_function_is_called_often():
    calls = []
    compared = timing.compare(lambda: calls.append(0), lambda: time.sleep(0.001), seconds=0, least=2)
    assert compared.turns == 2
    assert len(calls) > 100
    assert compared.ratio < 0.1


def test_the_number_of_turns_is_limited():
    assert timing.compare(lambda: None, lambda: None, seconds=9, most=4).turns == 4
    with pytest.raises(ValueError, match="2 ≤ least ≤ most turns, got least = 1"):
        timing.compare(lambda: None, lambda: None, least=1)


def test_tables_are_aligned():
    assert timing.table([{"n": 64, "ratio": "1.25"}, {"n": 2048, "ratio": "0.9"}]) == (
        "   n  ratio\n"
        "  64   1.25\n"
        "2048    0.9")
    with pytest.raises(ValueError, match="at least one row"):
        timing.table([])


def test_the_attention_benchmark_measures_prints_and_draws():
    rows = bench_attention.run(lengths=(8, 16), seconds=0)
    assert len(rows) == 2 * 2 * 2 * 2
    assert all(row["ratio"] > 0 and row["turns"] >= 3 for row in rows)
    assert len(bench_attention.lines(rows).splitlines()) == 1 + len(rows)
    assert len(bench_attention.draw(rows, "a machine").axes) == 4


def test_both_sides_of_the_benchmark_must_agree(monkeypatch):
    monkeypatch.setattr(bench_attention, "causal_mask", lambda n, device: ~causal_mask(n, device=device))
    with pytest.raises(AssertionError):
        bench_attention.run(lengths=(8,), seconds=0)
