"""What helpers ask of their arguments. Each check raises an error that names the argument, what was given and what is allowed."""

from numbers import Real

import torch


def whole(name, value, at_least=1):
    """A whole number of at least so much, or with None any: TypeError or ValueError."""
    if type(value) is not int:
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if at_least is not None and value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value}")


def number(name, value):
    """A number, which may be infinite or NaN: TypeError."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")


def kind(name, value, *kinds):
    """An object of one of these types: TypeError."""
    if not isinstance(value, kinds):
        raise TypeError(f"{name} must be of type {' or '.join(one.__name__ for one in kinds)}, got {type(value).__name__}")


def lists_of_words(name, texts):
    """A list of lists of words: TypeError, also for a text that is not cut into words."""
    kind(name, texts, list, tuple)
    for place, text in enumerate(texts):
        kind(f"{name}[{place}]", text, list, tuple)
        for word in text:
            kind(f"{name}: a word", word, str)


def tensors(**named):
    """Tensors: TypeError."""
    for name, value in named.items():
        kind(name, value, torch.Tensor)


def broadcasts(name, tensor, shape):
    """A tensor that can be spread to a shape: ValueError."""
    try:
        tensor.expand(shape)
    except RuntimeError:
        raise ValueError(f"{name} must broadcast to {tuple(shape)}, got shape {tuple(tensor.shape)}") from None
