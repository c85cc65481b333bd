"""What a run does whose checkpoint was made with another model or by another Trainer, as assertions that take the module."""

import warnings

import pytest
import torch
from properties_resuming import half, resumed, run, saved
from properties_training import network, weights


def other_settings_are_used_and_named(parts, folder):
    """Assert that each setting of the trainer that differs is named, and the scaler of float16 converted."""
    saved(parts, folder / "plain")
    cases = {"accumulate was 1, is 2": {"accumulate": 2}, "max_norm was inf, is 0.5": {"max_norm": 0.5},
             "compile was False, is True": {"compile": True}, "precision was 'float32', is 'bfloat16'": {"precision": "bfloat16"},
             "the schedule's factor at step 3 was None, is 0.5": {"schedule": half}}
    for expected, options in cases.items():
        resumed(parts, folder / "plain", [expected], **options)
    resumed(parts, folder / "plain", list(cases)[:2], accumulate=2, max_norm=0.5)
    saved(parts, folder / "schedule", schedule=half)
    resumed(parts, folder / "schedule", ["factor at step 3 was 0.5, is 0.75"], schedule=lambda step: step / 4)
    resumed(parts, folder / "schedule", schedule=lambda step: 0.5 if step < 4 else 1 / step)
    resumed(parts, folder / "schedule", ["factor at step 3 was 0.5, is None"])
    for then, now in (("float32", "float16"), ("float16", "float32"), ("float16", "bfloat16")):
        place = folder / f"{then} {now}"
        saved(parts, place, precision=then, model=single)
        again = resumed(parts, place, [f"precision was '{then}', is '{now}'"], precision=now, model=single)
        again.train(5)
        assert again.scaler.is_enabled() == (now == "float16") and weights(again.model).isfinite().all()


def single():
    return network(dtype=torch.float32)


class Heads(torch.nn.Module):
    """A model of which the state dict does not know all."""

    def __init__(self, heads=2, options=None, activation=torch.relu):
        super().__init__()
        self.inner, self.heads, self.activation = network(), heads, activation
        self.options = options or {"heads": heads}

    def forward(self, ids):
        return self.inner(ids)


def other_models_are_named(parts, folder):
    """Assert that what the weights do not show is named: options of the model, of a part, of PyTorch's layers, and dtypes."""
    saved(parts, folder / "heads", model=Heads)
    resumed(parts, folder / "heads", model=Heads)
    resumed(parts, folder / "heads", ["heads of the model was 2, is 4", "options.heads of the model was 2, is 4"], model=lambda: Heads(4))
    resumed(parts, folder / "heads", ["activation of the model was 'relu', is 'tanh'"], model=lambda: Heads(activation=torch.tanh))

    def frozen():
        model = Heads()
        model.inner[0].weight.requires_grad = False
        return model

    resumed(parts, folder / "heads", ["parameters without a gradient of the model was '', is 'inner.0.weight'"], model=frozen)
    saved(parts, folder / "plain")
    resumed(parts, folder / "plain", ["1.p of the model was 0.0, is 0.3"], model=lambda: network(dropout=0.3))
    resumed(parts, folder / "plain", ["0.weight of the model was torch.float64, is torch.float32"], model=single)


def options_of_a_gpt_are_named(parts, folder):
    """Assert that the course's models are told apart by heads and activation, with the same weights."""
    def gpt(num_heads=2, **options):
        return lambda: parts.GPTModel(11, 8, 1, num_heads, max_seq_len=8, **options).double()

    saved(parts, folder, model=gpt())
    for changed, expected in ((gpt(4), "options.num_heads of the model was 2, is 4"),
                              (gpt(activation="relu"), "options.activation of the model was")):
        again = run(parts, folder, model=changed)
        with pytest.warns(UserWarning, match=expected):
            again.resume()
    resumed(parts, folder, model=gpt())


def wrapped_models_fit(parts, folder):
    """Assert that a model, a compiled one, one in another wrapper and one of which a part is compiled take each other's checkpoints."""
    class Wrapped(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, ids):
            return self.module(ids)

    def part_compiled():
        model = network()
        model[2] = torch.compile(model[2], backend="eager")
        return model

    kinds = {"plain": network, "compiled": lambda: torch.compile(network(), backend="eager"), "wrapped": lambda: Wrapped(network()),
             "both": lambda: Wrapped(torch.compile(network(), backend="eager")), "a part": part_compiled}
    whole = run(parts, None)
    whole.train(5)
    for then, make in kinds.items():
        saved(parts, folder / then, model=make)
        for now, other in kinds.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")             # the class of the model differs for Wrapped
                again = run(parts, folder / then, model=other)
                assert again.resume() == 3
            again.checkpoints = None
            again.train(5)
            assert weights(again.model).equal(weights(whole.model)), (then, now)
