"""What the inputs of exercises are drawn with, on the device of the generator. Sizes differ from trial to trial."""

import torch

FIRST_SEED = 1000           # of the first trial's generator; the next one's is one more


def of_trial(generator, *cases):
    """The case whose turn it is: the first trial takes the first one, and so on."""
    return cases[(generator.initial_seed() - FIRST_SEED) % len(cases)]


def drawn(generator, low, high):
    """A whole number from `low` to below `high`."""
    return int(torch.randint(low, high, (), generator=generator, device=generator.device))


def normal(generator, *shape):
    return torch.randn(*shape, generator=generator, device=generator.device)


def some_real(generator, B, T, shortest=2):
    """(B, T) booleans: at least `shortest` real tokens a row, then padding; the first row has none."""
    lengths = torch.randint(shortest, T, (B,), generator=generator, device=generator.device)
    lengths[0] = T
    return torch.arange(T, device=generator.device) < lengths[:, None]
