"""What must hold where training stops and goes on, as assertions that take the module with its parts."""

import math
import random

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


def resumes_to_the_same_weights(parts, folder, stops=(1, 3, 7)):
    """Assert bit-identical weights, moments, random states and data position, stopped at any step, in any precision."""
    for options in ({}, {"accumulate": 2}, {"precision": "float16", "dtype": torch.float32}, {"precision": "bfloat16", "dtype": torch.float32}):
        whole = run(parts, folder / f"whole {options}", **options)
        whole.train(11)
        for stop in stops:
            place = folder / f"{stop} {options}"
            run(parts, place, **options).train(stop)
            torch.manual_seed(9)
            again = run(parts, place, **options)
            for source in again.generators[:1]:
                source.manual_seed(77)
            assert again.resume() == stop
            again.train(11)
            assert weights(again.model).equal(weights(whole.model)), (options, stop)
            assert again.progress == whole.progress and again.scaler.state_dict() == whole.scaler.state_dict()
            moments = [trainer.optimizer.state_dict()["state"][0] for trainer in (again, whole)]
            assert moments[0]["mean"].equal(moments[1]["mean"]) and moments[0]["square"].equal(moments[1]["square"]) and moments[0]["step"] == 11
            assert parts.random_states()["torch"].equal(torch.get_rng_state())
    assert run(parts, folder / "nothing here").resume() == 0


def nothing_of_another_run_is_lost(parts, folder):
    """Assert that a folder of a longer run is left alone, that callbacks remember, and that what a killed process left goes."""
    values, memory = iter([3.0, 4.0, 5.0, 0.0]), {"waited": 0}

    class Memory:
        def __call__(self, trainer, report):
            memory["waited"] += 1

        def state_dict(self):
            return dict(memory)

        def load_state_dict(self, state):
            memory.update(state)

    options = {"folder": folder, "evaluate": lambda model: {"loss": next(values)}, "evaluate_every": 1}
    made, _ = trainer(parts, callbacks=[Memory()], **options)
    folder.mkdir(exist_ok=True)
    (folder / ".step_00000001_loss_nan_0.pt.half").write_bytes(b"half")
    made.train(3)
    before = names(folder)
    assert not [name for name in before if not name.endswith(".pt")]
    with pytest.raises(ValueError, match="is of a later step than 0: call resume"):
        trainer(parts, **options)[0].train(1)
    assert names(folder) == before
    memory["waited"] = 0
    again, _ = trainer(parts, callbacks=[Memory()], **options)
    assert again.resume() == 3 == memory["waited"]
    other, _ = trainer(parts, model=torch.nn.Linear(2, 2), folder=folder)
    with pytest.raises(RuntimeError, match="Missing key"):
        other.resume()
    assert other.step == 0                                  # so that training it would not pass for going on


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
    assert kept == [["00000002", "2"], ["00000004", "4"], ["00000006", "6"]]
    assert made.checkpoints.best().name == names(folder)[0]
    assert [made.checkpoints.is_best(loss) for loss in (1.9, 2.0, math.nan, None)] == [True, False, False, False]
    state = torch.load(folder / names(folder)[-1], weights_only=True)
    assert state["step"] == 6 and state["model"]["2.weight"].equal(made.model[2].weight)
    assert parts.read_checkpoint(str(folder / names(folder)[-1]))["progress"] == (0, 6)
    losses = iter([1.0, 9.0])
    made.train(8)
    assert [name.split("_")[1] for name in names(folder)] == ["00000007", "00000008"]
    again, _ = trainer(parts, folder=folder)
    again.checkpoints.keep = 1
    again.resume()
    again.save()
    assert [name.split("_")[1:4:2] for name in names(folder)] == [["00000007", "1"], ["00000008", "nan"]]


def a_loss_that_is_not_finite_stops(parts, folder):
    """Assert that step and batch are named, that neither weights nor files change, and that training can go on after it."""
    for wrong, precision in ((math.nan, "float32"), (math.inf, "float32"), (math.nan, "float16")):
        place, poison = folder / f"{wrong} {precision}", [wrong]

        def loss(model, batch):
            summed, count = loss_of(model, batch)
            return (summed * poison[0] if batch[0].equal(texts(1)[2][0]) else summed), count

        made, reports = trainer(parts, loss=loss, folder=place, save_every=1, accumulate=3, precision=precision, dtype=torch.float32)
        with pytest.raises(FloatingPointError, match=f"the loss is {wrong} at step 3, in batch 3 of epoch 1"):
            made.train(9)
        before, moments = weights(made.model), made.optimizer.state_dict()["state"][0]["mean"].clone()
        assert (made.step, len(reports), len(made.checkpoints.paths())) == (2, 2, 2) and before.isfinite().all()
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


def evaluating_leaves_no_trace(parts):
    """Assert that a run with evaluations has the weights of one without, and that they see no dropout and no gradient."""
    seen = []

    def evaluate(model):
        random.random(), numpy.random.rand(3), torch.rand(3)
        seen.append((model.training, model[1].training, torch.is_grad_enabled()))
        return {"loss": parts.mean_loss(model, texts(99), loss_of)}

    plain, _ = trainer(parts, dropout=0.5)
    plain.train(8)
    looked, reports = trainer(parts, dropout=0.5, evaluate=evaluate, evaluate_every=3)
    looked.train(8)
    assert weights(plain.model).equal(weights(looked.model)) and looked.model[1].training
    assert [step["step"] for step in reports if "evaluated" in step] == [3, 6, 8] and set(seen) == {(False, False, False)}
    assert reports[-1]["evaluated"]["loss"] == parts.mean_loss(looked.model.eval(), texts(99), loss_of)
