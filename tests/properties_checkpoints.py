"""What must hold where training stops and goes on, as assertions that take the module with its parts."""

import errno
import io
import math
import os
import pathlib
import random
import warnings

import numpy
import pytest
import torch
from properties_training import loss_of, network, texts, trainer, weights


def noisy(model, batch):
    """A loss that draws from every source of randomness there is."""
    summed, count = loss_of(model, batch)
    return summed * (1 + 0.1 * random.random() + 0.1 * numpy.random.rand() + 0.1 * torch.rand(())), count


class Noise:
    """A loss that draws from generators of its own, too."""

    def __init__(self):
        self.sources = [torch.Generator().manual_seed(1), random.Random(2), numpy.random.default_rng(3), numpy.random.Generator(numpy.random.MT19937(4))]

    def __call__(self, model, batch):
        summed, count = noisy(model, batch)
        own, plain, *arrays = self.sources
        return summed * (1 + 0.1 * (torch.rand((), generator=own) + plain.random() + sum(array.random() for array in arrays))), count


def run(parts, folder, **options):
    """A trainer whose every step draws random numbers, seeded as at its start."""
    random.seed(0)
    numpy.random.seed(0)
    noise = Noise()
    model = options.pop("model", None) or network(dropout=0.3, dtype=options.pop("dtype", torch.float64))
    return trainer(parts, model=model, loss=noise, generators=noise.sources, folder=folder, save_every=3, max_norm=0.5,
                   schedule=lambda step: min(1.0, step / 5), **options)[0]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def resumes_to_the_same_weights(parts, folder):
    """Assert bit-identical weights, moments, random states and data position, stopped at any step, in any precision."""
    for options in ({}, {"accumulate": 2}, {"precision": "float16", "dtype": torch.float32}, {"precision": "bfloat16", "dtype": torch.float32}):
        whole = run(parts, folder / f"whole {options}", **options)
        whole.train(11)
        for stop in (1, 3, 7):
            place = folder / f"{stop} {options}"
            run(parts, place, **options).train(stop)
            torch.manual_seed(9)
            again = run(parts, place, **options)
            for source in again.generators[:1]:
                source.manual_seed(77)
            assert again.resume() == stop
            again.train(11)
            assert weights(again.model).equal(weights(whole.model)), (options, stop)
            assert again.position == whole.position and again.scaler.state_dict() == whole.scaler.state_dict()
            moments = [trainer.optimizer.state_dict()["state"][0] for trainer in (again, whole)]
            assert moments[0]["mean"].equal(moments[1]["mean"]) and moments[0]["square"].equal(moments[1]["square"]) and moments[0]["step"] == 11
            assert parts.random_states()["torch"].equal(torch.get_rng_state())
    assert run(parts, folder / "nothing here").resume() == 0


def random_states_come_back(parts):
    """Assert that every source gives the same numbers again."""
    sources = Noise().sources

    def draw():
        own, plain, *arrays = sources
        return [torch.rand(3).tolist(), random.random(), random.gauss(0, 1), numpy.random.randn(3).tolist(), torch.rand(2, generator=own).tolist(),
                plain.random(), *(array.standard_normal(3).tolist() for array in arrays)]

    random.gauss(0, 1), numpy.random.randn()                # so that half a pair of normal numbers is kept
    states = parts.random_states(sources)
    first = draw()
    parts.restore_random_states(states, sources)
    assert draw() == first


def keeps_the_last_and_the_best(parts, folder):
    """Assert which files stay, that the best is found and made when it comes, and that anybody can read them."""
    losses = iter([5.0, 2.0, 3.0, 4.0, math.nan, 6.0])
    made, _ = trainer(parts, folder=folder, save_every=2, keep=2, evaluate=lambda model: {"loss": next(losses)}, evaluate_every=1)
    made.train(6)
    kept = [name.split("_")[1:4:2] for name in names(folder)]
    assert kept == [["00000002", "2.000000"], ["00000004", "4.000000"], ["00000006", "6.000000"]]
    assert made.checkpoints.best().name == names(folder)[0]
    assert [made.checkpoints.is_best(loss) for loss in (1.9, 2.0, math.nan, None)] == [True, False, False, False]
    state = torch.load(folder / names(folder)[-1], weights_only=True)
    assert state["step"] == 6 and state["model"]["2.weight"].equal(made.model[2].weight)
    assert parts.read_checkpoint(str(folder / names(folder)[-1]))["position"] == (0, 6)
    losses = iter([1.0, 9.0])
    made.train(8)
    assert [name.split("_")[1] for name in names(folder)] == ["00000007", "00000008"]
    again, _ = trainer(parts, folder=folder)
    again.checkpoints.keep = 1
    again.resume()
    again.save()
    assert [name.split("_")[1:4:2] for name in names(folder)] == [["00000007", "1.000000"], ["00000008", "nan"]]


def damage_is_noticed(parts, folder):
    """Assert that a file with any byte changed or missing is refused, and that the one before it is read."""
    made = run(parts, folder)
    made.train(6)
    old, new = made.checkpoints.paths()
    content = new.read_bytes()
    draw = random.Random(0)
    lengths = [0, 1, 100, len(content) // 2, len(content) - 1]
    flipped = [bytes(content[:place]) + bytes([content[place] ^ 1]) + content[place + 1:] for place in (0, len(content) - 1, *draw.sample(range(len(content)), 20))]
    for wrong in [content[:length] for length in lengths] + [content + b"\0"] + flipped:
        new.write_bytes(wrong)
        with pytest.raises(ValueError, match="is damaged: its .* bytes do not have the checksum in its name"):
            parts.read_checkpoint(new)
    again = run(parts, folder)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert again.resume() == 3
    assert "is damaged" in str(told[0].message) and new.name in str(told[0].message)
    again.train(6)
    assert weights(again.model).equal(weights(made.model))
    assert names(folder) == sorted([old.name, new.with_suffix(".damaged").name, again.checkpoints.paths()[-1].name])
    for path in again.checkpoints.paths():
        path.write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="no checkpoint can be read: .*; .*"):
            run(parts, folder).resume()


def a_loss_that_is_not_finite_stops(parts, folder):
    """Assert that step and batch are named, that neither weights nor files change, and that training can go on after it."""
    for wrong, precision in ((math.nan, "float32"), (math.inf, "float32"), (math.nan, "float16")):
        place, poison = folder / f"{wrong} {precision}", [wrong]

        def loss(model, batch):
            summed, count = loss_of(model, batch)
            return (summed * poison[0] if batch[0].equal(texts(1)[2][0]) else summed), count

        made, told = trainer(parts, loss=loss, folder=place, save_every=1, accumulate=3, precision=precision, dtype=torch.float32)
        with pytest.raises(FloatingPointError, match=f"the loss is {wrong} at step 3, in batch 3 of epoch 1"):
            made.train(9)
        before, moments = weights(made.model), made.optimizer.state_dict()["state"][0]["mean"].clone()
        assert (made.step, len(told), len(made.checkpoints.paths())) == (2, 2, 2) and before.isfinite().all()
        again, _ = trainer(parts, loss=loss, folder=place, accumulate=3, precision=precision, dtype=torch.float32)
        assert again.resume() == 2 and weights(again.model).equal(before)
        again.checkpoints = None
        assert again.optimizer.state_dict()["state"][0]["mean"].equal(moments)
        poison[0] = 1.0
        made.train(4)
        again.train(4)
        assert weights(made.model).equal(weights(again.model)) and made.step == 4


def a_gradient_that_is_not_finite_stops(parts):
    """Assert that a loss may be finite and its gradient not: sqrt at 0."""
    def loss(model, batch):
        summed, count = loss_of(model, batch)
        return summed + (model[2].bias * 0).sum().sqrt() * 0, count

    for precision in ("float32", "float16"):
        made, _ = trainer(parts, loss=loss, precision=precision, dtype=torch.float32)
        before = weights(made.model)
        with pytest.raises(FloatingPointError, match="the gradient's length is nan at step"):
            made.train(40)
        assert weights(made.model).equal(before)


def no_space_left(parts, folder, monkeypatch):
    """Assert a clear error wherever the disk fails, nothing left behind, and a run that can go on as if nothing had been."""
    whole = run(parts, folder / "whole")
    whole.train(9)
    for name in ("write", "fsync", "replace", "mkdir"):
        place = folder / name
        made = run(parts, place)
        made.train(0 if name == "mkdir" else 3)
        before = {path.name: path.read_bytes() for path in place.iterdir()} if place.exists() else None
        with monkeypatch.context() as full:
            full.setattr(*FULL[name])
            with pytest.raises(OSError, match=r"step_0000000\d_loss_nan cannot be saved, what is in .* is unharmed: .*No space left"):
                made.train(9)
        if name != "mkdir":
            assert {path.name: path.read_bytes() for path in place.iterdir()} == before
        made.train(9)
        assert weights(made.model).equal(weights(whole.model)) and names(place)[-1].startswith("step_00000009")


def _full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _HalfWritten:
    """A file on a disk that is full after a hundred bytes."""

    def __init__(self, path, mode):
        self.file = io.FileIO(path, mode)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        self.file.write(bytes(content[:100]))
        _full()


FULL = {"write": ("builtins.open", _HalfWritten), "fsync": (os, "fsync", _full), "replace": (os, "replace", _full), "mkdir": (pathlib.Path, "mkdir", _full)}
