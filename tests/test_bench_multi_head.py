"""The benchmark of multi-head attention: its sides do the same work, each on its own path, and its results are kept."""

import json

import pytest
import torch
from benchmarks import bench_multi_head

from shared import settings
from shared.transformer import fused


def test_every_row_is_measured_and_printed():
    rows = bench_multi_head.run(lengths=(8,), seconds=0)
    assert len(rows) == 2 * 2 * 2
    assert all(row["ratio"] > 0 and row["turns"] >= 3 for row in rows)
    assert len(bench_multi_head.lines(rows).splitlines()) == 1 + len(rows)


@pytest.mark.parametrize("work", bench_multi_head.WORKS)
@pytest.mark.parametrize("dtype", bench_multi_head.DTYPES)
def test_each_side_takes_its_own_path(dtype, work, monkeypatch):
    paths, explicit, fast = [], fused.explicit, torch.nn.functional.scaled_dot_product_attention

    def noted(name, function):
        def call(*arguments, **options):
            paths.append(name)
            return function(*arguments, **options)
        return call

    monkeypatch.setattr(fused, "explicit", noted("explicit", explicit))
    monkeypatch.setattr(fused.F, "scaled_dot_product_attention", noted("SDPA", fast))
    rule = fused.explicit_is_faster
    functions = bench_multi_head.steps(8, dtype, work, batch=2, d_model=8, num_heads=2)
    for name in ("explicit", "SDPA"):
        paths.clear()
        results = functions[name]()
        assert paths == [name]
        assert len(results) == (2 if work == "training step" else 1)
        assert results[0].requires_grad is False
    assert fused.explicit_is_faster is rule


def test_the_sides_must_agree(monkeypatch):
    monkeypatch.setattr(bench_multi_head, "causal_mask", lambda n, device: torch.ones(n, n, dtype=torch.bool, device=device))
    with pytest.raises(AssertionError):
        bench_multi_head.run(lengths=(8,), seconds=0)


def test_the_results_are_recorded(monkeypatch, tmp_path, capsys):
    rows = bench_multi_head.run(lengths=(8,), seconds=0)
    monkeypatch.setattr(bench_multi_head, "run", lambda: rows)
    monkeypatch.setattr(settings, "RESULTS", tmp_path)
    bench_multi_head.main()
    assert json.loads((tmp_path / "bench_multi_head.json").read_text(encoding="utf-8"))["rows"] == rows
    assert bench_multi_head.lines(rows) in capsys.readouterr().out
