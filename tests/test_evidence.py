"""Evidence over seeds: what is recorded, how the live seed joins it, and which records are refused."""

import json
import re

import numpy
import pytest

from shared import evidence, settings
from shared.evidence import StaleEvidence, record

COMMITTED = sorted(settings.RESULTS.glob("*.json"))
MEANT = {"accuracy": 0.9, "curve": [1.0, 2.0, 3.0]}


def run(seed):
    """A deterministic experiment with one number and one curve."""
    return {"accuracy": 0.9 + seed / 100, "curve": numpy.array([1.0, 2.0, 3.0]) * (1 + seed)}


@pytest.fixture
def results(monkeypatch, tmp_path):
    """An empty folder of results, and no setting of the caller's."""
    for variable in ("LESSON_EVIDENCE", "LESSON_SEED", "LESSON_SCALE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(settings, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def recorded(results, monkeypatch):
    """The same with five seeds recorded."""
    monkeypatch.setenv("LESSON_EVIDENCE", "all")
    record("x", run)
    monkeypatch.delenv("LESSON_EVIDENCE")
    return results


def test_all_seeds_are_recorded_with_everything_one_must_know(recorded):
    entry = json.loads((recorded / "x.json").read_text(encoding="utf-8"))
    assert list(entry) == ["name", "command", "machine", "torch", "date", "commit", "values"]
    assert (entry["name"], entry["command"]) == ("x", "make evidence")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry["date"])
    assert entry["machine"]
    assert list(entry["values"]) == ["0", "1", "2", "3", "4"]
    assert entry["values"]["2"] == {"accuracy": 0.92, "curve": [3.0, 6.0, 9.0]}
    assert [file.name for file in recorded.iterdir()] == ["x.json"]


def test_the_file_appears_whole_or_not_at_all(recorded, monkeypatch):
    before = (recorded / "x.json").read_bytes()
    monkeypatch.setenv("LESSON_EVIDENCE", "all")

    def stops(seed):
        if seed == 3:
            raise KeyboardInterrupt
        return {"accuracy": 0.0}

    with pytest.raises(KeyboardInterrupt):
        record("x", stops)
    assert (recorded / "x.json").read_bytes() == before
    assert [file.name for file in recorded.iterdir()] == ["x.json"]


def test_one_live_seed_joins_the_recorded_ones(recorded):
    seeds = []

    def counted(seed):
        seeds.append(seed)
        return run(seed)

    evidence = record("x", counted)
    assert seeds == [0]
    assert evidence.live == MEANT
    assert evidence.seeds == (0, 1, 2, 3, 4)
    assert evidence.values["curve"].shape == (5, 3)
    assert evidence.values["accuracy"].tolist() == pytest.approx([0.9, 0.91, 0.92, 0.93, 0.94])
    mean, low, high = evidence.bands()["curve"]
    assert (mean.tolist(), low.tolist(), high.tolist()) == ([3, 6, 9], [1, 2, 3], [5, 10, 15])


def test_the_live_value_replaces_the_recorded_one_of_its_seed(recorded):
    evidence = record("x", lambda seed: run(seed) | {"accuracy": 0.95})
    assert evidence.values["accuracy"].tolist() == pytest.approx([0.95, 0.91, 0.92, 0.93, 0.94])


def test_another_seed_is_added(recorded, monkeypatch):
    monkeypatch.setenv("LESSON_SEED", "17")
    evidence = record("x", run)
    assert evidence.seeds == (0, 1, 2, 3, 4, 17)
    assert evidence.values["accuracy"][-1] == pytest.approx(1.07)


def test_recording_with_another_seed_returns_that_seed_live(results, monkeypatch):
    monkeypatch.setenv("LESSON_EVIDENCE", "all")
    monkeypatch.setenv("LESSON_SEED", "17")
    assert record("x", run, seeds=range(2)).live["accuracy"] == pytest.approx(1.07)
    assert list(json.loads((results / "x.json").read_text())["values"]) == ["0", "1"]


@pytest.mark.parametrize("changed", [{"accuracy": 0.7}, {"curve": [1.0, 2.0, 3.5]}, {"accuracy": float("nan")}])
def test_a_stale_record_is_refused(recorded, changed):
    named = next(iter(changed))
    with pytest.raises(StaleEvidence, match=f"x, '{named}', seed 0: .* apart, at most .* allowed.*make evidence"):
        record("x", lambda seed: run(seed) | changed)


def test_the_tolerance_is_a_share_of_the_largest_recorded_value(recorded):
    near = {"curve": [1.25, 2.0, 3.0]}
    record("x", lambda seed: run(seed) | near)
    with pytest.raises(StaleEvidence):
        record("x", lambda seed: run(seed) | near, tolerance=0.05)


def test_a_missing_record_says_how_to_make_it(results):
    with pytest.raises(FileNotFoundError, match=r"x\.json yet: run `make evidence`"):
        record("x", run)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", '{"values": {}}', '{"values": [1]}', '{"values": {"0": 3}}',
                                  '{"values": {"zero": {"accuracy": 1}}}', '{"values": {"0": {"accuracy": "high"}}}',
                                  '{"values": {"0": {"accuracy": [[1, 2], [3]]}}}'])
def test_a_damaged_record_is_refused(results, text):
    results.mkdir()
    (results / "x.json").write_text(text)
    with pytest.raises(ValueError, match=r"x\.json is damaged .*: restore it, or run `make evidence`"):
        record("x", run)


@pytest.mark.parametrize("result", [
    {"accuracy": 0.9}, {**MEANT, "more": 1.0}, {**MEANT, "curve": [1.0, 2.0]}, {**MEANT, "accuracy": [0.9]},
])
def test_a_record_of_another_shape_is_refused(recorded, result):
    with pytest.raises(ValueError, match="x: seed 0 was recorded with other names or lengths: run `make evidence`"):
        record("x", lambda seed: result)


# --- on real data

def test_full_measures_and_quick_reads(results, monkeypatch):
    monkeypatch.setenv("LESSON_SCALE", "full")
    assert evidence.recorded("y", lambda: {"score": 0.5, "places": (1, 2)}) == {"score": 0.5, "places": [1, 2]}
    entry = json.loads((results / "y.json").read_text(encoding="utf-8"))
    assert list(entry) == ["name", "command", "machine", "torch", "date", "commit", "result"]
    assert entry["command"] == "make full"
    monkeypatch.setenv("LESSON_SCALE", "quick")
    assert evidence.recorded("y", lambda: pytest.fail("it ran at quick")) == {"score": 0.5, "places": [1, 2]}


def test_an_experiment_that_fails_leaves_the_record(results, monkeypatch):
    monkeypatch.setenv("LESSON_SCALE", "full")
    evidence.recorded("y", lambda: {"score": 0.5})
    with pytest.raises(ZeroDivisionError):
        evidence.recorded("y", lambda: 1 / 0)
    with pytest.raises(TypeError):
        evidence.recorded("y", lambda: {"score": object()})
    monkeypatch.delenv("LESSON_SCALE")
    assert evidence.recorded("y", None) == {"score": 0.5}
    assert [file.name for file in results.iterdir()] == ["y.json"]


def test_without_a_record_quick_says_how_to_make_it(results):
    with pytest.raises(FileNotFoundError, match=r"y\.json yet: run `make full`"):
        evidence.recorded("y", dict)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"result": {}}'])
def test_a_damaged_record_of_real_data_is_refused(results, text):
    results.mkdir()
    (results / "y.json").write_text(text)
    with pytest.raises(ValueError, match=r"y\.json is damaged .*: restore it, or run `make full`"):
        evidence.recorded("y", dict)


# --- what is committed

def problems(entry):
    """What is missing in a committed record of evidence, as a list of words."""
    missing = [key for key in ("name", "command", "machine", "torch", "date", "commit") if not entry.get(key)]
    return missing + (["at least 5 seeds"] if len(entry.get("values", range(5))) < 5 else [])


def test_an_incomplete_record_is_noticed(recorded):
    entry = json.loads((recorded / "x.json").read_text())
    assert problems(entry) == []
    assert problems({**entry, "machine": "", "values": {"0": {}}}) == ["machine", "at least 5 seeds"]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_committed_records_are_complete(path):
    entry = json.loads(path.read_text(encoding="utf-8"))
    if "values" in entry or "result" in entry:
        assert problems(entry) == []
        assert entry["name"] == path.stem
