"""What a run does whose checkpoint was made by another one, as assertions that take the module: carry on, convert, or name it."""

import math
import warnings

import numpy
import pytest
import torch
from properties_data_order import silent
from properties_training import loss_of, network, texts, weights

NAMES = ("0.weight", "2.weight", "2.bias")


def half(step):
    return 0.5


def run(parts, folder, model=None, optimizer=None, **options):
    """A trainer of the small model. options: of the Trainer; model and optimizer: functions that make them."""
    model = network() if model is None else model()
    made = (optimizer or (lambda model: parts.AdamW(model.parameters(), lr=0.05)))(model)
    return parts.Trainer(model, made, loss_of, texts, folder=folder, **options)


def saved(parts, folder, steps=3, **options):
    run(parts, folder, **options).train(steps)


def resumed(parts, folder, expected=(), **options):
    """A trainer that has resumed, with one warning in which all that is expected stands, or with none."""
    again = run(parts, folder, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        again.resume()
    said = [str(warning.message) for warning in caught if "torch.cuda" not in str(warning.message)]
    assert len(said) == bool(expected), said
    for part in expected:
        assert part in said[0], (part, said)
    if expected:
        assert said[0].startswith(f"the checkpoint of step {again.step} differs from this run, which continues as it is now: ")
        assert said[0].count(";") == len(expected) - 1, said
    return again


def adamw(parts, **options):
    return lambda model: parts.AdamW(model.parameters(), **({"lr": 0.05} | options))


# --- options of the optimizer

def new_options_are_used_and_named(parts, folder):
    """Assert that an option that is constructed differently is used and named, with a schedule and without, and no other one."""
    for number, (options, expected) in enumerate((
            ({"lr": 0.02}, "lr of parameter group 0 was 0.05, is 0.02"),
            ({"weight_decay": 0.3}, "weight_decay of parameter group 0 was 0.01, is 0.3"),
            ({"betas": (0.8, 0.9)}, "betas of parameter group 0 was (0.9, 0.999), is (0.8, 0.9)"),
            ({"eps": 1e-4}, "eps of parameter group 0 was 1e-08, is 0.0001"))):
        for schedule in (None, half):
            place = folder / f"{number} {schedule}"
            saved(parts, place, schedule=schedule)
            again = resumed(parts, place, [expected], optimizer=adamw(parts, **options), schedule=schedule)
            fresh = parts.AdamW(network().parameters(), **({"lr": 0.05} | options)).param_groups[0]
            group = again.optimizer.param_groups[0]
            assert all(group[name] == fresh[name] for name in ("betas", "eps", "weight_decay")) and group["initial_lr"] == fresh["lr"]
            before = weights(again.model)
            again.train(4)
            assert not weights(again.model).equal(before) and group["lr"] == fresh["lr"] * (0.5 if schedule else 1)

    def groups(decay, lr):
        return lambda model: parts.AdamW([group | {"lr": lr} for group in parts.decay_groups(model, decay)])

    saved(parts, folder / "groups", optimizer=groups(0.1, 0.05))
    expected = ["lr of parameter group 0", "lr of parameter group 1", "weight_decay of parameter group 0 was 0.1, is 0.2"]
    again = resumed(parts, folder / "groups", expected, optimizer=groups(0.2, 0.03))
    assert [group["weight_decay"] for group in again.optimizer.param_groups] == [0.2, 0.0]
    again.train(4)                                          # what is asked for now is what the next checkpoint holds
    resumed(parts, folder / "groups", optimizer=groups(0.2, 0.03))


def changed_options_are_carried_on(parts, folder):
    """Assert that what a callback had set goes on where the run is constructed as before, to the weights of a run without a stop."""
    def halve(trainer, report):
        trainer.optimizer.param_groups[0]["lr"] *= 0.5
        trainer.optimizer.param_groups[0]["weight_decay"] = 0.2

    whole = run(parts, None, callbacks=[halve])
    whole.train(6)
    saved(parts, folder, callbacks=[halve])
    again = resumed(parts, folder, callbacks=[halve])
    assert (again.optimizer.param_groups[0]["lr"], again.optimizer.param_groups[0]["weight_decay"]) == (0.05 / 8, 0.2)
    again.train(6)
    assert weights(again.model).equal(weights(whole.model))


def another_optimizer_is_refused(parts, folder):
    """Assert an error before anything changes, for another class and for other parameters; other groups are converted."""
    saved(parts, folder)
    others = {"the state of the optimizer AdamW, which torch.optim.AdamW cannot continue": lambda model: torch.optim.AdamW(model.parameters()),
              "the optimizer AdamW, which torch.optim.SGD cannot": lambda model: torch.optim.SGD(model.parameters(), lr=0.05),
              "the same parameters as the checkpoint's, got one without 2.bias$": lambda model: parts.AdamW(list(model.parameters())[:2])}
    for message, optimizer in others.items():
        again = run(parts, folder, optimizer=optimizer)
        before = weights(again.model)
        with pytest.raises(ValueError, match=message):
            again.resume()
        assert weights(again.model).equal(before) and again.step == 0

    whole = run(parts, None)
    whole.train(5)
    reverse = resumed(parts, folder, optimizer=lambda model: parts.AdamW(list(model.parameters())[::-1], lr=0.05))
    reverse.train(5)
    assert weights(reverse.model).equal(weights(whole.model))               # moments follow their parameters
    saved(parts, folder / "one group", optimizer=adamw(parts, weight_decay=0.0))
    whole = run(parts, None, optimizer=adamw(parts, weight_decay=0.0))
    whole.train(5)
    apart = resumed(parts, folder / "one group", ["the optimizer had 1 groups of parameters, has 2"],
                    optimizer=lambda model: parts.AdamW(parts.decay_groups(model, 0.0), lr=0.05))
    apart.train(5)
    assert weights(apart.model).equal(weights(whole.model))


# --- callbacks, generators, older versions

class Counts:
    """A callback with a state."""

    def __init__(self, calls=0):
        self.calls = calls

    def __call__(self, trainer, report):
        self.calls += 1

    def state_dict(self):
        return {"calls": self.calls}

    def load_state_dict(self, state):
        self.calls = state["calls"]


class Average(Counts):
    """Another one."""


def callbacks_keep_their_states(parts, folder):
    """Assert that each gets its own state wherever it stands in the list, and that a state too many or too few is named."""
    saved(parts, folder, callbacks=[Counts(10), Average(20), Counts(30)])
    again = resumed(parts, folder, callbacks=[print, Average(), Counts(), Counts()])
    assert [part.calls for part in again.callbacks[1:]] == [23, 13, 33]
    resumed(parts, folder, ["the state of the callback Average is not used"], callbacks=[Counts(), Counts()])
    again = resumed(parts, folder, ["the callback Average has no state in the checkpoint"],
                    callbacks=[Average(), Counts(), Average(), Counts()])
    assert [part.calls for part in again.callbacks] == [23, 13, 0, 33]


def other_generators_are_refused(parts, folder):
    """Assert an error before anything changes, for another number of sources and for another kind."""
    saved(parts, folder, generators=[torch.Generator(), numpy.random.default_rng()])
    for sources, message in (([torch.Generator()], "generators must be 2, as before, got 1"),
                             ([numpy.random.default_rng(), torch.Generator()],
                              "of the same kinds as before, got Generator for the state of torch.Generator")):
        again = run(parts, folder, generators=sources)
        before = weights(again.model)
        with pytest.raises(ValueError, match=message):
            again.resume()
        assert weights(again.model).equal(before)


def older_checkpoints_resume(parts, folder):
    """Assert that a file without what this version adds, with progress under its older name, ends with the same weights and one warning."""
    whole = run(parts, folder / "whole", save_every=1, keep=9, schedule=half)
    whole.train(9)
    state = parts.read_checkpoint(whole.checkpoints.paths()[6])
    state["position"] = state.pop("progress")
    del state["run"], state["data"]
    parts.Checkpoints(folder / "old").save(7, state)
    older = "it is of an older version, so that neither the model's options nor the order of the data can be compared"
    again = resumed(parts, folder / "old", [older], schedule=half)
    assert again.progress == (1, 1)
    with silent():
        again.checkpoints = None
        again.train(9)
    assert weights(again.model).equal(weights(whole.model))
    expected = [older, "lr of parameter group 0 was 0.05, is 0.1"]
    again = resumed(parts, folder / "old", expected, schedule=half, optimizer=adamw(parts, lr=0.1))
    assert again.optimizer.param_groups[0]["initial_lr"] == 0.1
    with pytest.raises(ValueError, match="as many parameters as the checkpoint's: groups of .3., got .2."):
        run(parts, folder / "old", optimizer=lambda model: parts.AdamW(list(model.parameters())[:2], lr=0.05)).resume()


def the_same_run_is_not_named(parts, folder):
    """Assert no warning where nothing differs: PyTorch's optimizers, infinities, NumPy's numbers, before the first step and after."""
    options = {"max_norm": math.inf, "schedule": lambda step: numpy.float64(1 / step)}
    kinds = {"sgd": lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
             "adamw": lambda model: torch.optim.AdamW(model.parameters()),
             "numpy": lambda model: parts.AdamW(model.parameters(), lr=numpy.float64(0.05), betas=(numpy.float64(0.9), 0.999)),
             "named": lambda model: torch.optim.Adam(model.named_parameters())}
    for name, optimizer in kinds.items():
        whole = run(parts, None, optimizer=optimizer, **options)
        whole.train(5)
        for steps in (0, 3):
            made = run(parts, folder / f"{name} {steps}", optimizer=optimizer, **options)
            made.train(steps)
            made.save()
            again = resumed(parts, folder / f"{name} {steps}", optimizer=optimizer, **options)
            again.train(5)
            assert weights(again.model).equal(weights(whole.model)), (name, steps)
