"""The short training loop of lessons 02 to 07; lesson 02 writes it out, lesson 08 replaces it by `Trainer`."""

import torch
from IPython.display import TextDisplayObject, display

from . import checks
from .settings import generator


def fit(model, batches, loss, steps, lr=1e-3, seed=0, progress=True):
    """Train `model` for `steps` steps of Adam and return the loss of every step.

    batches: a function of a source of random tensors (`shared.settings.Random`) that returns a batch.
    loss: a function of the model and a batch that returns one number to make smaller.
    lr: the learning rate, or a function of the step (counted from 1) that returns it.
    seed: of the batches; the model's own parameters are drawn before.   progress: show a line that counts the steps.
    Raises ValueError for steps < 1, FloatingPointError as soon as a loss is NaN or infinite.
    """
    checks.whole("steps", steps)
    checks.whole("seed", seed, at_least=0)
    if not callable(lr):
        checks.number("lr", lr)
    rng, losses, counter = generator(seed), [], Progress(steps) if progress else None
    rate = lr if callable(lr) else lambda step: lr
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    model.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(step + 1)
        error = loss(model, batches(rng))
        if not error.isfinite():
            raise FloatingPointError(f"the loss is {error.item()} at step {step + 1}")
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        losses.append(error.item())
        if counter:
            counter(step + 1, losses[-1])
    return losses


class Progress:
    """One line that changes while a loop runs. Its first and last text are the same, so that saved outputs are stable."""

    def __init__(self, steps):
        checks.whole("steps", steps)
        self.steps, self.every = steps, max(1, steps // 20)
        self.handle = display(_Text(f"{steps} steps"), display_id=True)

    def __call__(self, step, loss):
        if self.handle is None:         # not in a notebook
            return
        if step == self.steps:
            self.handle.update(_Text(f"{self.steps} steps"))
        elif step % self.every == 0:
            self.handle.update(_Text(f"step {step} of {self.steps}, loss {loss:.3f}"))


class _Text(TextDisplayObject):
    def __repr__(self):
        return self.data
