"""What the parts refuse: wrong shapes, masks, ids, sizes and files, where silence would be wrong. Written by hand.

Each function is named after what it protects, returns nothing, and raises TypeError or ValueError with what was given and
what is allowed. A part that loses its `refuse` line does the same as before with good arguments.
*Values* in tensors are looked at only where they can be: not while a program is traced, compiled, exported or mapped.
"""

import math
from numbers import Integral, Real

import torch

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
SYMBOLS = (torch.SymInt, torch.SymFloat)


# ---- What was given, in words


def described(thing):
    """A tensor's dtype and shape, the name of another thing's type."""
    return f"{thing.dtype} {tuple(thing.shape)}" if isinstance(thing, torch.Tensor) else type(thing).__name__


def kind_of(thing):
    """A tensor's dtype, the name of another thing's type."""
    return thing.dtype if isinstance(thing, torch.Tensor) else type(thing).__name__


def extremes(tensor):
    """The smallest and the largest value of a tensor as numbers; None where values cannot be looked at, or there are none.

    That is so while torch.compile or torch.export trace, on the meta device, within vmap, FakeTensorMode and make_fx.
    """
    if torch.compiler.is_compiling() or tensor.is_meta or tensor.numel() == 0:
        return None
    try:
        lowest, highest = (value.item() for value in tensor.detach().aminmax())
        return lowest, highest
    except (RuntimeError, TypeError):
        return None


def is_integer(number):
    """Python's, NumPy's and PyTorch's symbolic integers are; True and False are not."""
    return isinstance(number, (Integral, torch.SymInt)) and not isinstance(number, bool)


# ---- Numbers and types


def instance(name, thing, kind):
    if not isinstance(thing, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {type(thing).__name__}")


def number(name, value):
    if isinstance(value, bool) or not isinstance(value, (Real, *SYMBOLS)):
        raise TypeError(f"{name} must be a number, got {value!r}")


def sizes(at_least=1, **given):
    """Integers of at least `at_least`: refuse.sizes(d_model=d_model, num_heads=num_heads)."""
    for name, size in given.items():
        if not is_integer(size):
            raise TypeError(f"{name} must be an integer, got {size!r}")
        if size < at_least:
            raise ValueError(f"{name} must be at least {at_least}, got {size}")


def positive(**given):
    for name, value in given.items():
        number(name, value)
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {value}")


def dropout(probability):
    number("dropout", probability)
    if not 0.0 <= probability < 1.0:
        raise ValueError(f"dropout must be at least 0 and below 1, got {probability}")


def choice(name, value, allowed):
    """One of the texts in `allowed`: refuse.choice("norm", norm, ("layer", "rms"))."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def token_id(name, value, vocab_size):
    """An id from 0 to vocab_size - 1, or None."""
    if value is None:
        return
    sizes(at_least=0, **{name: value})
    if value >= vocab_size:
        raise ValueError(f"{name} must lie from 0 to {vocab_size - 1}, got {value}")


# ---- Attention and its masks (lessons 01 and 02)


# ---- Positions (lesson 03)


# ---- Blocks (lesson 04)


# ---- Token ids, masks of real tokens, models (lessons 05 and 06)


# ---- Generation and its cache (lesson 06)


# ---- Sequence to sequence, searches, BLEU (lesson 07)


# ---- Tokenizers and their files (lessons 06 and 08)


# ---- Optimisation, training, checkpoints (lesson 08)


# ---- Folders of other libraries
