"""Loaders that shuffle, or change their examples, by any source of random numbers: what other people give to a Trainer."""

import random

import numpy
import torch
from properties_training import texts
from torch.utils.data import DataLoader, RandomSampler, WeightedRandomSampler


class Pairs(torch.utils.data.Dataset):
    """Twelve examples, numbered. noise: a function without arguments → by what a number is changed, drawn at each reading."""

    def __init__(self, noise=lambda: 0, source=None):
        ids = torch.cat([batch[0] for batch in texts(0, 4)])
        ids[:, 0] = torch.arange(12) % 10 + 1
        self.pairs, self.noise, self.source = list(zip(ids, ids.roll(1, 0))), noise, source

    def __len__(self):
        return 12

    def __getitem__(self, number):
        ids, targets = self.pairs[number]
        changed = self.noise() if self.source is None else self.source.random()
        return (ids + int(4 * changed)) % 11, targets


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def always(loader):
    """The same loader in every epoch."""
    return lambda epoch: loader


def by_a_function():
    loader = DataLoader(Pairs(), batch_size=3, shuffle=True, generator=generator())

    def batches(epoch):
        for batch in loader:
            yield batch
    return batches


def by_an_expression():
    loader = DataLoader(Pairs(), batch_size=3, shuffle=True, generator=generator())
    return lambda epoch: (tuple(batch) for batch in loader)


def by_map():
    loader = DataLoader(Pairs(), batch_size=3, shuffle=True, generator=generator())
    return lambda epoch: map(tuple, loader)


def by_python():
    rows = list(DataLoader(Pairs(), batch_size=3))

    def batches(epoch):
        random.shuffle(rows)
        return list(rows)
    return batches


def by_numpy(epoch):
    pairs = Pairs()
    order = numpy.random.permutation(12)
    return [[torch.stack(side) for side in zip(*(pairs[k] for k in order[start:start + 3]))] for start in range(0, 12, 3)]


def workers(epoch):
    return DataLoader(Pairs(lambda: torch.rand(())), batch_size=3, shuffle=True, num_workers=2, generator=generator(epoch))


def persistent():
    return always(DataLoader(Pairs(), batch_size=3, shuffle=True, num_workers=2, persistent_workers=True))


LOADERS = {                                                 # each makes the loaders of one process
    "PyTorch's source, a loader an epoch": lambda: lambda epoch: DataLoader(Pairs(), batch_size=3, shuffle=True),
    "PyTorch's source, one loader": lambda: always(DataLoader(Pairs(), batch_size=3, shuffle=True)),
    "a generator made once": lambda: always(DataLoader(Pairs(), batch_size=3, shuffle=True, generator=generator())),
    "a generator an epoch": lambda: lambda epoch: DataLoader(Pairs(), batch_size=3, shuffle=True, generator=generator(epoch)),
    "a sampler's generator": lambda: always(DataLoader(Pairs(), batch_size=3, sampler=RandomSampler(Pairs(), generator=generator()))),
    "with replacement": lambda: always(DataLoader(Pairs(), batch_size=3, sampler=RandomSampler(range(12), True, 12, generator()))),
    "by weights": lambda: always(DataLoader(Pairs(), batch_size=3, sampler=WeightedRandomSampler([1.0] * 12, 12, generator=generator()))),
    "a generator function": by_a_function, "a generator expression": by_an_expression, "map": by_map,
    "numpy.random": lambda: by_numpy,
    "examples changed by PyTorch's source": lambda: always(DataLoader(Pairs(lambda: torch.rand(())), batch_size=3, shuffle=True)),
    "examples changed by Python's source": lambda: always(DataLoader(Pairs(random.random), batch_size=3)),
    "examples changed by a generator of the data": lambda: always(DataLoader(Pairs(source=random.Random(5)), batch_size=3)),
    "examples changed by NumPy's generator": lambda: always(DataLoader(Pairs(source=numpy.random.default_rng(5)), batch_size=3)),
}
