"""Processes that train together: who they are, what each of them does, what they tell each other. Written by hand.

Alone, a process does all the work, and nothing here costs it anything. Several are started by `torchrun`.
"""

import contextlib
import itertools

import torch
import torch.distributed as dist


def rank():
    """Which process this is, counted from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world():
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def dealt(batches):
    """The batches of this process: every world-th one, beginning with its own."""
    return itertools.islice(batches, rank(), None, world())


def summed(numbers, device):
    """Each of these numbers, summed over all processes."""
    if world() == 1:
        return numbers
    numbers = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(numbers)
    return numbers.tolist()


def gathered(thing):
    """The things of all processes, as a list."""
    things = [thing] * world()
    if len(things) > 1:
        dist.all_gather_object(things, thing)
    return things


def of_first(thing):
    """The thing of the first process, in all of them."""
    things = [thing]
    if world() > 1:
        dist.broadcast_object_list(things)
    return things[0]


def wrapped(model, compile):
    """What the loss calls: the model, compiled if asked for, with gradients averaged over all processes."""
    model = torch.compile(model) if compile else model
    return torch.nn.parallel.DistributedDataParallel(model) if world() > 1 else model


def apart(model, last):
    """The context of one micro-batch: gradients stay in their process until the `last` one of a step."""
    return contextlib.nullcontext() if last or world() == 1 else model.no_sync()
