"""Every known mistake can be planted, and the recorded matrix of `make mutants` says that each one is caught."""

import json

import pytest

from shared import exercises, settings
from tests import mutants
from tests.mistakes import Mistake, all_mistakes

MISTAKES = [(part, mistake) for part, mistakes in all_mistakes().items() for mistake in mistakes]
RECORD = json.loads((settings.RESULTS / "mutants.json").read_text(encoding="utf-8"))


def source(part):
    return (mutants.ROOT / "shared" / "transformer" / f"{part}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(("part", "mistake"), MISTAKES, ids=lambda value: getattr(value, "name", value))
def test_it_can_be_planted_and_is_python(part, mistake):
    planted = mistake.plant(source(part))
    assert planted != source(part)
    compile(planted, part, "exec")


def test_there_are_mistakes_for_every_part_and_tests_that_look_at_it():
    parts = {path.stem for path in (mutants.ROOT / "shared" / "transformer").glob("[a-z]*.py")}
    assert set(all_mistakes()) == parts
    assert all(mutants.tests_of(part) for part in parts)
    assert len(MISTAKES) == len({(part, mistake.name) for part, mistake in MISTAKES})


def test_the_recorded_matrix_is_of_mistakes_that_there_are_and_each_is_caught():
    """Between two runs of `make mutants` there may be newer mistakes: tests/test_*_mutants.py compare those of most parts every time."""
    known = {(part, mistake.name) for part, mistake in MISTAKES}
    assert RECORD["rows"] and {(row["part"], row["mistake"]) for row in RECORD["rows"]} <= known
    assert [row for row in RECORD["rows"] if not row["caught_by"]] == []


def test_the_exercises_that_know_a_mistake_exist():
    assert {mistake.exercise for _, mistake in MISTAKES} - {""} <= set(exercises.all_exercises())


def test_nothing_is_caught_where_nothing_is_planted_and_a_mistake_is():
    tests = ["test_settings.py"]
    harmless = Mistake("harmless", "import math\n", "import math  # nothing\n")
    harmful = Mistake("no Python", "import math\n", "import math math\n")
    assert mutants.caught_by("attention", harmless, tests) == []
    assert mutants.caught_by("attention", harmful, ["test_parity.py"]) == ["test_parity.py"]


def test_a_patch_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="stands 0 times in the part, not once"):
        Mistake("gone", "no such line", "x").plant(source("attention"))


def test_a_survivor_is_named():
    row = {"part": "attention", "mistake": "a", "exercise": "", "caught_by": []}
    assert mutants.line(row).endswith("NOT CAUGHT")
    assert mutants.line(row | {"caught_by": ["x.py::y", "x.py::z"]}).endswith("x.py::y, x.py::z")
