"""What a computation costs, counted: no clock is involved, so the numbers are the same on every machine."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from . import checks


def flops(function, *inputs):
    """Floating-point operations of the matrix products in `function(*inputs)`; a multiplication and an addition are two."""
    with FlopCounterMode(display=False) as counter:
        function(*inputs)
    return counter.get_total_flops()


def longest_chain(output):
    """The most operations between an input and `output` that had to wait for one another, as autograd recorded them."""
    checks.kind("output", output, torch.Tensor)
    if output.grad_fn is None:
        raise ValueError("autograd recorded nothing: no input of `output` has requires_grad=True")
    length = {}                                     # node → longest chain that ends there
    waiting = [output.grad_fn]
    while waiting:
        node = waiting[-1]
        before = [earlier for earlier, _ in node.next_functions if earlier is not None]
        missing = [earlier for earlier in before if earlier not in length]
        waiting += missing
        if not missing:
            length[node] = 1 + max((length[earlier] for earlier in before), default=0)
            waiting.pop()
    return length[output.grad_fn]


def kept_for_backward(function, *inputs):
    """How many numbers autograd keeps from `function(*inputs)` for the backward pass, each tensor counted once."""
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // tensor.element_size()
        alive.append(tensor)        # or its address could be given to another tensor
        return tensor

    alive = []
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        function(*inputs)
    return sum(kept.values())
