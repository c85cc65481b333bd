"""Which batches a resumed run sees, as assertions that take the module: those of the run that was never interrupted, whoever shuffles."""

import contextlib
import random
import warnings

import numpy
import pytest
import torch
from loaders import LOADERS, Pairs, always, by_python, generator, persistent
from properties_training import loss_of, network, texts, weights
from torch.utils.data import DataLoader

STEPS, STOPS = 13, (1, 4, 6, 8, 9, 12)                      # four batches an epoch: in one, at its end, several epochs later


def run(parts, folder, make, seed=0, generators=(), noise=None, dropout=0.3, **options):
    """A trainer in a fresh process, and the list of the batches that it uses. noise: a source that the loss draws from."""
    torch.manual_seed(seed), random.seed(seed), numpy.random.seed(seed)
    model, seen = network(dropout=dropout), []

    def loss(model, batch):
        if model.training:
            seen.append(batch[0].tolist())
        total, count = loss_of(model, batch)
        return total * (1 + noise.random() if noise else 1), count
    optimizer = parts.AdamW(model.parameters(), lr=0.05)
    return parts.Trainer(model, optimizer, loss, make(), folder=folder, generators=generators, **options), seen


@contextlib.contextmanager
def silent():
    """Any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def resumes_with_the_same_batches(parts, folder, loaders=None, stops=STOPS, **options):
    """Assert the same batches and weights to the last bit, without a warning, for every loader that shuffles by some source."""
    for name, make in (loaders or LOADERS).items():
        with silent():
            whole, expected = run(parts, folder / f"{name}, whole", make, **options)
            whole.train(STEPS)
            for stop in stops:
                place = folder / f"{name}, {stop}"
                first, seen = run(parts, place, make, **options)
                first.train(stop)
                again, more = run(parts, place, make, seed=77, **options)
                assert again.resume() == stop
                again.train(STEPS)
                assert seen + more == expected, (name, stop)
                assert weights(again.model).equal(weights(whole.model)), (name, stop)


def resumes_twice_and_trains_in_pieces(parts, folder):
    """Assert the same batches and weights of a run resumed twice within an epoch, and of one trained in pieces by one process."""
    for name in ("PyTorch's source, one loader", "a generator made once", "examples changed by PyTorch's source"):
        whole, expected = run(parts, folder / f"{name}, whole", LOADERS[name])
        whole.train(STEPS)
        for place in (folder / name, None):
            pieces, seen = run(parts, place, LOADERS[name])
            with silent():
                for steps in (2, 3, 4, 7, 11):
                    pieces.train(steps)
                if place:
                    for steps in (11, 12, STEPS):           # a resumed run that saves at once, then after a step
                        pieces, more = run(parts, place, LOADERS[name], seed=steps)
                        pieces.resume()
                        pieces.save()
                        pieces.train(steps)
                        seen += more
                pieces.train(STEPS)
            assert seen == expected and weights(pieces.model).equal(weights(whole.model)), (name, place)


def accumulates_over_the_end_of_an_epoch(parts, folder):
    """Assert the same where a step takes three batches, so that it begins in one epoch and ends in the next."""
    names = ("PyTorch's source, one loader", "a generator made once", "examples changed by a generator of the data")
    resumes_with_the_same_batches(parts, folder, {name: LOADERS[name] for name in names}, stops=(1, 2, 4, 6), accumulate=3)


def a_source_is_shared_with_the_loss(parts, folder):
    """Assert the same for a source of the loader from which the loss draws, too, so that skipping alone does not bring it back."""
    def trained(place, steps, kind):
        source = kind(5)
        made, seen = run(parts, folder / place, lambda: always(DataLoader(Pairs(source=source), batch_size=3, shuffle=True)), noise=source)
        made.resume()
        made.train(steps)
        return weights(made.model)

    with silent():
        for name, kind in {"Python": random.Random, "NumPy": numpy.random.default_rng, "NumPy, older": numpy.random.RandomState}.items():
            whole = trained(f"{name}, whole", STEPS, kind)
            for stop in (2, 4, 9):
                trained(f"{name}, {stop}", stop, kind)
                assert trained(f"{name}, {stop}", STEPS, kind).equal(whole), (name, stop)


def generators_of_the_run_shuffle_too(parts, folder):
    """Assert the same for a source that the loader does not hold, if it is among the trainer's generators."""
    def trained(place, steps):
        source = generator()
        pairs = Pairs()

        def batches(epoch):
            order = torch.randperm(12, generator=source).tolist()
            return [[torch.stack(side) for side in zip(*(pairs[k] for k in order[start:start + 3]))] for start in range(0, 12, 3)]
        made, seen = run(parts, folder / place, lambda: batches, generators=[source])
        made.resume()
        made.train(steps)
        return weights(made.model)

    with silent():
        whole = trained("whole", STEPS)
        for stop in (2, 4, 9):
            trained(str(stop), stop)
            assert trained(str(stop), STEPS).equal(whole)


OTHERS = {                                                  # → what the warning says
    "another seed": (lambda: lambda epoch: list(DataLoader(Pairs(), batch_size=3, shuffle=True, generator=generator(9 + epoch))),
                     "gives other batches than"),
    "a list shuffled in place": (by_python, "gives other batches than"),
    "another batch size": (lambda: always(DataLoader(Pairs(), batch_size=2, shuffle=False)), "gives other batches than"),
    "fewer batches": (lambda: lambda epoch: texts(0, 1), "gives 1 batches, fewer than the 2 that were used"),
    "texts": (lambda: lambda epoch: [{"ids": [*batch], "text": "b"} for batch in texts(0, 4)], "gives other batches than"),
}


def other_batches_are_named(parts, folder):
    """Assert one warning where the batches before the interruption are others now, and none where they were changed in place."""
    def plain(epoch):
        return [{"ids": [side.contiguous() for side in batch], "text": "a"} for batch in texts(0, 4)]

    def loss(model, batch):
        ids, targets = batch["ids"] if isinstance(batch, dict) else batch
        return loss_of(model, (ids, targets))

    def destroying(model, batch):
        result = loss(model, {"ids": [side.clone() for side in batch["ids"]]})
        batch["ids"][0].fill_(3)
        return result

    for name, (make, message) in OTHERS.items():
        made, _ = run(parts, folder / name, by_python if make is by_python else lambda: plain)
        made.loss = loss
        made.train(6)
        again, _ = run(parts, folder / name, make, seed=5)
        again.loss = loss
        again.resume()
        with pytest.warns(UserWarning, match=f"^batches.1. {message}") as caught:
            again.train(7)
        assert len(caught) == 1
    for steps in (6, 8):
        made, _ = run(parts, folder / "in place", lambda: plain)
        made.loss = destroying
        with silent():
            assert made.resume() == (6 if steps == 8 else 0)
            made.train(steps)


def a_failed_step_loses_no_batch(parts, folder):
    """Assert that training goes on with the batches of a step that failed, also where that had begun the next epoch."""
    whole, expected = run(parts, None, LOADERS["PyTorch's source, one loader"])
    whole.train(4)
    made, seen = run(parts, None, LOADERS["PyTorch's source, one loader"])
    made.train(1)
    plain, made.loss = made.loss, lambda model, batch: (made.model[2].bias.sum() * float("nan"), 1)
    with pytest.raises(FloatingPointError, match="batch 2 of epoch 0"):
        made.train(2)
    made.loss = plain
    made.train(4)
    assert seen == expected
    whole, expected = run(parts, None, LOADERS["a generator an epoch"], accumulate=3)
    whole.train(4)
    made, seen = run(parts, None, LOADERS["a generator an epoch"], accumulate=3)
    made.train(1)
    plain, made.loss = made.loss, lambda model, batch: (made.model[2].bias.sum() * float("nan"), 1)
    with pytest.raises(FloatingPointError, match="batch 4 of epoch 0, batch 1 of epoch 1, batch 2 of epoch 1"):
        made.train(2)
    made.loss = plain
    with silent():
        made.train(4)
    assert seen == expected


def an_empty_epoch_is_refused(parts, folder):
    """Assert an error where an epoch has no batch, a later one, too."""
    made, _ = run(parts, folder, lambda: lambda epoch: texts(0, 2) if epoch == 0 else [])
    with pytest.raises(ValueError, match="batches must give at least one batch an epoch, got none in epoch 1"):
        made.train(3)


def trains_in_pieces_with_workers(parts, folder):
    """Assert the same batches where one process trains in pieces, with workers that stay from the first epoch to the last."""
    whole, expected = run(parts, None, persistent)
    whole.train(7)
    pieces, seen = run(parts, None, persistent)
    for steps in (2, 6, 7):
        pieces.train(steps)
    assert seen == expected


def epochs_differ(parts, folder):
    """Assert that a loader shuffles anew in each epoch, also where training itself draws no random number."""
    for workers in (0, 1):
        made, seen = run(parts, None, lambda: always(DataLoader(Pairs(), batch_size=3, shuffle=True, num_workers=workers)), dropout=0.0)
        made.train(8)
        assert sorted(sum(seen[:4], [])) == sorted(sum(seen[4:], [])) and seen[:4] != seen[4:], workers
