"""The short training loop trains, is reproducible, refuses what cannot work, and leaves one stable line behind."""

import math

import pytest
import torch
from torch import nn

from shared import fit as module
from shared.fit import Progress, fit


def line():
    """A line to fit: a linear model, batches of points on y = 2x + 1, and their mean squared distance."""
    torch.manual_seed(0)
    model = nn.Linear(1, 1)

    def batches(rng):
        x = rng.normal(16, 1).cpu()
        return x, 2 * x + 1

    def loss(model, batch):
        x, y = batch
        return (model(x) - y).square().mean()

    return model, batches, loss


class Shown:
    """Takes the place of IPython's display and its handle, and keeps the texts that a reader would see."""

    def __init__(self):
        self.texts, self.ids = [], []

    def __call__(self, text, display_id):
        self.ids.append(display_id)
        self.update(text)
        return self

    def update(self, text):
        self.texts.append(repr(text))


@pytest.fixture
def shown(monkeypatch):
    monkeypatch.setattr(module, "display", Shown())
    return module.display


def test_a_line_is_learned():
    model, batches, loss = line()
    losses = fit(model, batches, loss, steps=200, lr=0.1)
    assert len(losses) == 200
    assert all(isinstance(value, float) for value in losses)
    assert losses[-1] < 1e-3 < losses[0]
    assert model.weight.item() == pytest.approx(2, abs=0.05)
    assert model.bias.item() == pytest.approx(1, abs=0.05)


def test_the_first_step_is_adam_s():
    model, batches, loss = line()
    before = model.weight.item()
    fit(model, batches, loss, steps=1, lr=0.25)
    assert abs(model.weight.item() - before) == pytest.approx(0.25, rel=1e-3)      # Adam's first step is as long as lr


def test_a_learning_rate_can_be_a_function_of_the_step_counted_from_1():
    model, batches, loss = line()
    asked = []

    def rate(step):
        asked.append(step)
        return 0.25 if step in (1, 3) else 0.0

    weights = []

    def noting(model, batch):
        weights.append(model.weight.item())
        return loss(model, batch)

    fit(model, batches, noting, steps=4, lr=rate)
    assert set(asked) == {1, 2, 3, 4}
    assert abs(weights[1] - weights[0]) == pytest.approx(0.25, rel=1e-3)
    assert weights[2] == weights[1] != weights[3] == model.weight.item()


def test_a_constant_function_is_the_same_as_its_number():
    assert fit(*line(), steps=5, lr=lambda step: 0.1) == fit(*line(), steps=5, lr=0.1)


def test_the_first_loss_is_that_of_the_untrained_model():
    model, batches, loss = line()
    expected = loss(model, batches(module.generator(0))).item()
    assert fit(model, batches, loss, steps=1)[0] == expected


def test_the_same_seed_gives_the_same_losses_and_another_others():
    losses = [fit(*line(), steps=5, seed=seed) for seed in (0, 0, 1)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_the_state_of_torch_does_not_change_the_batches():
    model, batches, loss = line()
    torch.manual_seed(123)
    assert fit(model, batches, loss, steps=5) == fit(*line(), steps=5)


def test_gradients_do_not_add_up():
    model, batches, loss = line()
    loss(model, batches(module.generator(9))).mul(1e6).backward()                  # a gradient is left from elsewhere
    assert fit(model, batches, loss, steps=5) == fit(*line(), steps=5)


def test_the_model_is_in_training_during_and_after():
    model, batches, loss = line()
    flags = []

    def noting(model, batch):
        flags.append(model.training)
        return loss(model, batch)

    fit(model.eval(), batches, noting, steps=3)
    assert flags == [True] * 3
    assert model.training


@pytest.mark.parametrize("steps", [0, -3])
def test_no_steps_are_refused(steps, shown):
    model, batches, loss = line()
    with pytest.raises(ValueError, match=f"steps must be at least 1, got {steps}"):
        fit(model, batches, loss, steps=steps)
    assert shown.texts == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_at_its_step(bad):
    model, batches, loss = line()
    seen = []

    def failing(model, batch):
        seen.append(model.weight.item())
        return loss(model, batch) + (bad if len(seen) == 3 else 0)

    with pytest.raises(FloatingPointError, match=f"the loss is {bad} at step 3"):
        fit(model, batches, failing, steps=5)
    assert model.weight.item() == seen[-1]                                          # the bad step was not taken
    assert model.weight.isfinite()


# --- progress

@pytest.mark.parametrize("steps", [1, 2, 19, 20, 21, 600])
def test_the_first_and_the_last_text_are_the_same(steps, shown):
    progress = Progress(steps)
    for step in range(1, steps + 1):
        progress(step, 0.12345)
    assert shown.ids == [True]
    assert shown.texts[0] == shown.texts[-1] == f"{steps} steps"
    assert len(shown.texts) <= 42
    assert all(f" of {steps}, loss 0.123" in text for text in shown.texts[1:-1])


def test_fit_shows_its_steps_and_losses(shown):
    model, batches, loss = line()
    losses = fit(model, batches, loss, steps=40)
    assert shown.texts[0] == shown.texts[-1] == "40 steps"
    assert shown.texts[1] == f"step 2 of 40, loss {losses[1]:.3f}"
    assert len(shown.texts) == 21


def test_outside_a_notebook_nothing_is_updated(capsys):
    progress = Progress(3)
    assert progress.handle is None
    progress(3, 0.5)
    model, batches, loss = line()
    assert len(fit(model, batches, loss, steps=3)) == 3
    assert "loss" not in capsys.readouterr().out
