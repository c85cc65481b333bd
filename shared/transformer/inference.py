"""A model in eval() for a while, and afterwards as it was. Written by hand."""

import contextlib

import torch


@contextlib.contextmanager
def evaluating(model):
    """In eval() and in inference mode, where nothing is recorded for a backward pass; afterwards every module is as it was.

    Tensors that are made within are inference tensors: `clone` them outside before they go into training.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


def all_true(mask):
    """Whether all entries are True; False where values cannot be looked at: while a program is traced, compiled or mapped."""
    if torch.compiler.is_compiling() or mask.is_meta:
        return False
    try:
        return bool(mask.all())
    except (RuntimeError, TypeError):
        return False
