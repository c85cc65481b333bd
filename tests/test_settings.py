"""The settings of a run, read from the environment anew each time."""

import pytest
import torch

from shared import settings


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for variable in ("LESSON_SEED", "LESSON_SCALE", "LESSON_DEVICE"):
        monkeypatch.delenv(variable, raising=False)


def test_defaults():
    assert settings.seed() == 0
    assert settings.scale() == "quick"
    assert settings.pick(quick=1, full=2) == 1
    assert settings.device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert settings.RESULTS.parts[-2:] == ("data", "results")


def test_the_environment_changes_them_at_once(monkeypatch):
    monkeypatch.setenv("LESSON_SEED", "12")
    monkeypatch.setenv("LESSON_SCALE", "full")
    monkeypatch.setenv("LESSON_DEVICE", "cpu")
    assert (settings.seed(), settings.seed(3)) == (12, 15)
    assert settings.pick(quick=1, full=2) == 2
    assert settings.device() == torch.device("cpu")


def test_a_generator_repeats_itself_and_takes_its_number_from_the_run(monkeypatch):
    def drawn(*number):
        return torch.randn(4, generator=settings.generator(*number), device=settings.device())

    first = drawn()
    assert first.equal(drawn())
    assert first.equal(drawn(0))
    assert not first.equal(drawn(1))
    monkeypatch.setenv("LESSON_SEED", "1")
    assert drawn().equal(drawn(1))
    assert first.equal(drawn(0))
    assert settings.generator().device.type == settings.device().type
