"""Claims print one line, raise when they do not hold, and are recorded either way."""

import json
import math

import numpy
import pytest
import torch

from shared import claims, settings
from shared.claims import ClaimFailed, claim


@pytest.mark.parametrize(("measured", "op", "bound", "line"), [
    (0.99812, "≥", 0.99, "✓ x: 0.998 ≥ 0.99"),
    (0.0, "=", 0, "✓ x: 0 = 0"),
    (1234, "=", 1234, "✓ x: 1234 = 1234"),
    (123456789, "≤", 123456789, "✓ x: 123456789 ≤ 123456789"),
    (1234567.0, "<", 1e9, "✓ x: 1.23e+06 < 1e+09"),
    (1.2e-7, "≤", 1e-6, "✓ x: 1.2e-07 ≤ 1e-06"),
    (3, ">", 2.5, "✓ x: 3 > 2.5"),
    (torch.tensor(0.5), "<", torch.tensor(1), "✓ x: 0.5 < 1"),
    (torch.tensor([[7]]), "=", 7, "✓ x: 7 = 7"),
    (numpy.float32(0.25), "≤", numpy.int64(1), "✓ x: 0.25 ≤ 1"),
    (numpy.array([2.0]), "≥", 2, "✓ x: 2 ≥ 2"),
    (math.inf, ">", 1, "✓ x: inf > 1"),
])
def test_a_claim_that_holds_prints_one_line(measured, op, bound, line, capsys):
    claim("x", measured, op, bound)
    assert capsys.readouterr().out == line + "\n"


@pytest.mark.parametrize(("measured", "op", "bound"), [
    (0.98, "≥", 0.99), (1.1, "≤", 1), (1, ">", 1), (1, "<", 1), (1e-30, "=", 0), (2, "=", 3),
    *[(math.nan, op, 1) for op in claims.OPERATORS], *[(1, op, math.nan) for op in claims.OPERATORS],
    (torch.tensor(math.nan), "=", math.nan),
])
def test_a_claim_that_does_not_hold_raises(measured, op, bound, capsys):
    with pytest.raises(ClaimFailed, match=rf"^✗ x: measured .*, claimed {op} "):
        claim("x", measured, op, bound)
    assert capsys.readouterr().out == ""
    assert issubclass(ClaimFailed, AssertionError)


def test_the_failure_names_the_numbers_and_is_one_line_in_a_notebook():
    with pytest.raises(ClaimFailed) as caught:
        claim("two heads solve it", 0.5, "≥", 0.99)
    assert str(caught.value) == "✗ two heads solve it: measured 0.5, claimed ≥ 0.99"
    assert caught.value._render_traceback_() == [str(caught.value)]


def test_claims_are_appended_as_lines_of_json_held_or_not(monkeypatch, tmp_path):
    file = tmp_path / "claims.jsonl"
    monkeypatch.setenv("LESSON_CLAIMS", str(file))
    monkeypatch.setenv("LESSON_SEED", "7")
    monkeypatch.setattr(claims, "_lesson", None)
    claims.set_lesson("01")
    claim("größer", torch.tensor(2.0), "≥", 1)
    with pytest.raises(ClaimFailed):
        claim("smaller", 3, "<", 1.5)
    with pytest.raises(ValueError, match="op must be"):
        claim("not a claim", 3, "~", 1.5)
    held, failed = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    common = {"lesson": "01", "seed": 7, "device": settings.device().type}
    assert held == {**common, "name": "größer", "measured": 2.0, "op": "≥", "bound": 1, "held": True}
    assert failed == {**common, "name": "smaller", "measured": 3, "op": "<", "bound": 1.5, "held": False}


def test_without_the_setting_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.delenv("LESSON_CLAIMS", raising=False)
    monkeypatch.chdir(tmp_path)
    claim("x", 1, "=", 1)
    assert not list(tmp_path.iterdir())
