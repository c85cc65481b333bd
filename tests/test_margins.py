"""Margins of claims are right, and the committed record over ten seeds is about the claims that the lessons make now."""

import json
import re

import made
import pytest

from shared import margins, settings

SHOWN = re.compile(r"^✓ (.+): \S+ (≥|≤|=|>|<) (\S+)$", flags=re.MULTILINE)
RECORD = json.loads((made.ROOT / "data" / "results" / "claims.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("measured, op, bound, held, expected", [
    (1.1, "≥", 1.0, True, 0.1), (0.9, "≥", 1.0, False, -0.1), (0.9, "<", 1.0, True, 0.1), (-1.1, "≤", -1.0, True, 0.1),
    (-0.5, "≤", 0.0, True, 0.5), (2, "=", 2, True, None), (3, "=", 2, False, float("-inf")), (float("nan"), ">", 1.0, False, float("-inf")),
])
def test_margin(measured, op, bound, held, expected):
    entry = {"measured": measured, "op": op, "bound": bound, "held": held}
    assert margins.margin(entry) == (expected if expected is None else pytest.approx(expected))


def claim(name, measured, seed, op="≥", bound=1.0):
    held = {"≥": measured >= bound, "=": measured == bound}[op]
    return {"name": name, "measured": measured, "op": op, "bound": bound, "held": held, "seed": seed}


CLAIMS = [claim("near", 1.1, 0), claim("near", 0.9, 1), claim("near", 1.2, 2), claim("same", 1.0, 0, "="), claim("same", 1.0, 1, "=")]


def test_the_tightest_seed_is_found_and_one_that_failed_does_not_count():
    near, same = margins.over_seeds(CLAIMS)
    assert near == {"name": "near", "op": "≥", "bound": 1.0, "held": 2, "tightest": 0.9, "margin": pytest.approx(-0.1), "seed": 1}
    assert same == {"name": "same", "op": "=", "bound": 1.0, "held": 2, "tightest": None, "margin": None, "seed": None}
    assert list(margins.lines(CLAIMS, 3)) == ["    2/3   near ≥ 1: 0.9 (-10 %, seed 1)", "    2/3   same = 1: exact"]


def test_a_claim_made_twice_on_a_seed_holds_there_only_if_it_held_both_times():
    (row,) = margins.over_seeds([claim("near", 1.1, 0), claim("near", 0.5, 0), claim("near", 1.3, 1)])
    assert (row["held"], row["seed"]) == (1, 0)


def test_a_lesson_is_kept_and_the_others_stay(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "RESULTS", tmp_path)
    margins.keep("02_b", CLAIMS[:1], 10)
    margins.keep("01_a", CLAIMS, 10)
    margins.keep("02_b", CLAIMS[2:3], 12)
    kept = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))
    assert list(kept["lessons"]) == ["01_a", "02_b"]
    assert kept["lessons"]["02_b"]["seeds"] == 12
    assert kept["lessons"]["02_b"]["claims"] == list(margins.over_seeds(CLAIMS[2:3]))
    assert kept["command"] == "make run SEEDS=12"


def _printed(bound):
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def test_every_lesson_is_recorded():
    assert list(RECORD["lessons"]) == [path.stem for path in made.NOTEBOOKS]


@pytest.mark.parametrize("path", made.NOTEBOOKS, ids=lambda path: path.stem)
def test_the_record_is_about_the_lesson_s_claims_and_all_of_them_held(path):
    entry = RECORD["lessons"][path.stem]
    printed = "\n".join("".join(output["text"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
                        for output in cell.get("outputs", []) if output.get("name") == "stdout")
    assert [(row["name"], row["op"], _printed(row['bound'])) for row in entry["claims"]] == list(dict.fromkeys(SHOWN.findall(printed)))
    assert entry["seeds"] >= margins.RECORDED_FROM
    assert {row["held"] for row in entry["claims"]} == {entry["seeds"]}
