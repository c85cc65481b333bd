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


@pytest.mark.parametrize("seconds, fastest", [((1e-3, 1e-2), "float32"), ((1e-2, 1e-3), "bfloat16")])
def test_the_faster_precision_is_that_whose_products_take_less_time(monkeypatch, seconds, fastest):
    monkeypatch.setenv("LESSON_DEVICE", "cpu")
    for_each = [duration for duration in seconds for _ in range(4)]             # as many products of each precision
    clock = iter([reading for duration in for_each for reading in (0.0, duration)])
    monkeypatch.setattr(settings.time, "perf_counter", lambda: next(clock))
    threads = torch.get_num_threads()
    assert settings.fast_precision.__wrapped__() == fastest
    assert torch.get_num_threads() == threads


def test_a_device_without_a_measure_computes_in_float32(monkeypatch):
    monkeypatch.setenv("LESSON_DEVICE", "meta")         # stands for a device that is neither CPU nor CUDA
    assert settings.fast_precision.__wrapped__() == "float32"


def test_a_generator_repeats_itself_and_takes_its_number_from_the_run(monkeypatch):
    def drawn(*number):
        return settings.generator(*number).normal(4)

    first = drawn()
    assert first.equal(drawn())
    assert first.equal(drawn(0))
    assert not first.equal(drawn(1))
    monkeypatch.setenv("LESSON_SEED", "1")
    assert drawn().equal(drawn(1))
    assert first.equal(drawn(0))


def test_a_generator_draws_the_same_on_every_device(monkeypatch):
    on_cpu = settings.generator(3)
    expected = on_cpu.normal(2, 3), on_cpu.uniform(5), on_cpu.integers(7, 4)
    monkeypatch.setenv("LESSON_DEVICE", "meta")         # stands for a device that is not the CPU
    elsewhere = settings.generator(3)
    drawn = elsewhere.normal(2, 3), elsewhere.uniform(5), elsewhere.integers(7, 4)
    assert all(tensor.device.type == "meta" for tensor in drawn)
    assert [tensor.shape for tensor in drawn] == [tensor.shape for tensor in expected]
    assert expected[0].equal(torch.randn(2, 3, generator=torch.Generator().manual_seed(3)))
    assert expected[1].min() >= 0 and expected[1].max() < 1
    assert set(expected[2].tolist()) <= set(range(7))
