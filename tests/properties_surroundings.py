"""What must hold of the loop in other people's hands, as assertions that take the module: their loaders, optimisers, rates, numbers."""

import numpy
import pytest
import torch
from properties_training import loss_of, network, texts, weights
from torch.utils.data import DataLoader


def loaded(epoch):
    """Batches by PyTorch's DataLoader, which draws from PyTorch's randomness when it begins."""
    return DataLoader([pair for batch in texts(epoch) for pair in zip(*batch)], batch_size=3)


def a_loader_of_pytorch_resumes(parts, folder):
    """Assert the same weights with dropout, stopped within an epoch of six batches, and at its end."""
    def run(place):
        torch.manual_seed(5)
        model = network(dropout=0.3)
        return parts.Trainer(model, parts.AdamW(model.parameters(), lr=0.05), loss_of, loaded, folder=folder / place)

    whole = run("whole")
    whole.train(9)
    for stop in (2, 6, 8):
        run(str(stop)).train(stop)
        again = run(str(stop))
        again.resume()
        again.train(9)
        assert weights(again.model).equal(weights(whole.model)), stop


def only_what_the_optimizer_has_is_clipped(parts):
    """Assert the length of the gradient where the optimizer has the last layer alone, and the others have gradients, too."""
    model, reports = network(), []
    made = parts.Trainer(model, parts.AdamW(model[2].parameters(), lr=0.0), loss_of, lambda epoch: texts(0)[:1], max_norm=0.01,
                         callbacks=[lambda trainer, step: reports.append(step["norm"])])
    made.train(3)
    summed, count = loss_of(model, texts(0)[0])
    alone = torch.autograd.grad(summed / count, model[2].parameters())
    assert reports == pytest.approx(3 * [float(torch.cat([part.flatten() for part in alone]).norm())])


def without_a_schedule_the_rate_is_the_optimizer_s(parts):
    """Assert that a callback may set it."""
    def halve(trainer, report):
        rates.append(report["lr"])
        trainer.optimizer.param_groups[0]["lr"] *= 0.5

    rates, model = [], network()
    parts.Trainer(model, parts.AdamW(model.parameters(), lr=0.4), loss_of, texts, callbacks=[halve]).train(3)
    assert rates == [0.4, 0.2, 0.1]


class Counts:
    """A callback with a state."""

    def __init__(self, number):
        self.number = number

    def __call__(self, trainer, report):
        pass

    def state_dict(self):
        return {"number": self.number}

    def load_state_dict(self, state):
        self.number = state["number"]


def what_is_saved_can_be_read(parts, folder):
    """Assert that a schedule of NumPy's numbers resumes, and that a callback's are refused when they are saved."""
    def run(place, number):
        model = network()
        return parts.Trainer(model, parts.AdamW(model.parameters(), lr=0.05), loss_of, texts, schedule=lambda step: numpy.minimum(step / 3, 1.0),
                             folder=folder / place, callbacks=[Counts(number)])

    run("plain", 7).train(2)
    again = run("plain", 0)
    assert again.resume() == 2 and again.callbacks[0].number == 7
    with pytest.raises(TypeError, match="the state_dict of Counts 0 must hold plain numbers, texts and tensors, got {'number': np.float64"):
        run("numpy", numpy.float64(7)).train(1)


def small_losses_are_told_apart(parts, folder):
    """Assert which checkpoint is the best, where losses differ in the seventh decimal."""
    checkpoints = parts.Checkpoints(folder / "small", keep=1)
    for step, loss in enumerate((4e-7, 1e-7, 3e-7), 1):
        assert checkpoints.is_best(loss) == (step < 3)
        checkpoints.save(step, {"step": step}, loss)
    assert checkpoints.best().name.startswith("step_00000002")
