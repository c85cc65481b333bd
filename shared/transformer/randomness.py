"""Sources of random numbers: their states as plain numbers and tensors, and the sources that a loader holds.

Written by hand.
"""

import inspect
import random
import sys
import types

import torch

DEEP, MANY = 6, 2000                    # how far sources are looked for in a loader: steps from it, objects in all
CLOSED = (torch.Tensor, torch.nn.Module, type, types.ModuleType, types.FunctionType, str, bytes, int, float)


def state_of(source):
    """The state of a torch.Generator, a random.Random, or a generator of NumPy."""
    if isinstance(source, torch.Generator):
        return source.get_state()
    if isinstance(source, random.Random):
        return source.getstate()
    return plain(source.bit_generator.state if hasattr(source, "bit_generator") else source.get_state(legacy=False))


def set_state(source, state):
    """Continue as at the moment of `state_of`."""
    if isinstance(source, torch.Generator):
        source.set_state(state)
    elif isinstance(source, random.Random):
        source.setstate(state)
    elif hasattr(source, "bit_generator"):
        source.bit_generator.state = state
    else:
        source.set_state(state)


def numpy_state():
    """The state of NumPy's own source; None if NumPy is not in use."""
    return plain(sys.modules["numpy"].random.get_state(legacy=False)) if "numpy" in sys.modules else None


def set_numpy_state(state):
    """Continue as at the moment of `numpy_state`."""
    if state is not None:
        try:
            import numpy
        except ImportError:                                                 # then nothing draws from it either
            return
        numpy.random.set_state(state)


def plain(state):
    """NumPy's arrays within a state as lists: whoever reads a checkpoint needs neither NumPy nor trust."""
    if isinstance(state, dict):
        return {name: plain(value) for name, value in state.items()}
    return state.tolist() if hasattr(state, "tolist") else state


def sources_in(loader):
    """The sources of random numbers in a loader: in its sampler, its data set, or the frame of a generator function."""
    found, seen, ahead = [], set(), [(loader, 0)]
    while ahead and len(seen) < MANY:
        thing, depth = ahead.pop(0)
        if id(thing) in seen or isinstance(thing, CLOSED):
            continue
        seen.add(id(thing))
        if _is_source(thing):
            found.append(thing)
        elif depth < DEEP:
            ahead += [(part, depth + 1) for part in _parts(thing)]
    return found


def _is_source(thing):
    if isinstance(thing, (torch.Generator, random.Random)):
        return True
    return type(thing).__module__.startswith("numpy.random") and type(thing).__name__ in ("Generator", "RandomState")


def _parts(thing):
    """What an object holds, in an order that is always the same."""
    if inspect.isgenerator(thing):
        return list(thing.gi_frame.f_locals.values()) if thing.gi_frame else []
    if isinstance(thing, (map, filter, zip, enumerate)):
        return list(thing.__reduce__()[1])
    if isinstance(thing, (list, tuple)):
        return thing if len(thing) <= 16 else []
    if isinstance(thing, dict):
        return list(thing.values()) if len(thing) <= 16 else []
    return list(getattr(thing, "__dict__", {}).values())
