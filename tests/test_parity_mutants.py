"""Every class of bug in attention that was ever published: the parity comparison rejects each one."""

import functools
import math

import pytest
import torch
import torch.nn.functional as F
from parity_attention import Parts, compare
from torch import nn

from shared.transformer import causal_mask


def attention(query, key, value, mask=None, dropout=0.0, fault=None):
    """A correct attention written once more, and each `fault` that can be planted into it."""
    d_k = query.size(-1)
    scale = {"no scaling": 1.0, "√d_model": math.sqrt(2 * d_k), "d_k": d_k}.get(fault, math.sqrt(d_k))
    scores = query @ key.transpose(-2, -1) / scale
    if fault == "keys detached":
        scores = query @ key.detach().transpose(-2, -1) / scale
    additive = _additive(mask, scores, fault)
    axis = -2 if fault == "softmax over queries" else -1
    if fault == "mask before scaling":
        additive = additive / scale
    if fault == "mask ignored":
        additive = torch.zeros_like(scores)
    if fault == "zero after softmax":
        allowed = additive > -math.inf
        weights = (scores + additive.masked_fill(~allowed, 0.0)).softmax(dim=-1) * allowed
    else:
        scores = scores + additive
        blocked = (scores == -math.inf).all(dim=axis, keepdim=True)
        if fault != "NaN on a fully masked row":
            scores = scores.masked_fill(blocked, 0.0)
        weights = scores.softmax(dim=axis)
        if fault not in ("NaN on a fully masked row", "uniform on a fully masked row"):
            weights = weights.masked_fill(blocked, 0.0)
    if fault == "softmax twice":
        weights = weights.softmax(dim=-1)
    if fault == "weights detached":
        weights = weights.detach()
    if fault == "softmax in float32":
        weights = weights.float().to(weights.dtype)
    used = F.dropout(weights, dropout) if dropout > 0 else weights
    if fault == "dropout not rescaled":
        used = used * (1 - dropout)
    output = used @ value
    return output, weights if fault == "weights before dropout" else used


def _additive(mask, scores, fault):
    """The mask as numbers to add to the scores."""
    if mask is None:
        return torch.zeros_like(scores)
    if fault == "mask transposed" and mask.dim() >= 2 and mask.size(-1) == mask.size(-2):
        mask = mask.transpose(-2, -1)
    if mask.dtype != torch.bool:
        if fault == "additive as boolean":
            return torch.zeros_like(mask).masked_fill(mask == -math.inf, -math.inf)
        return mask.clamp(min=-1e9) if fault == "−1e9 for −inf" else mask
    if fault == "boolean as numbers":
        return mask.to(scores.dtype)
    blocked = mask if fault == "inverted mask" else ~mask
    low = -1e9 if fault == "−1e9 for −inf" else -math.inf
    return torch.zeros_like(mask, dtype=scores.dtype).masked_fill(blocked, low)


ATTENTION_FAULTS = [
    "no scaling", "√d_model", "d_k", "softmax over queries", "inverted mask", "zero after softmax", "−1e9 for −inf",
    "NaN on a fully masked row", "uniform on a fully masked row", "mask ignored", "mask transposed", "mask before scaling",
    "additive as boolean", "boolean as numbers", "softmax twice", "weights detached", "keys detached", "softmax in float32",
]


class Module(nn.Module):
    def __init__(self, dropout=0.0, fault=None):
        super().__init__()
        self.dropout = dropout
        self.fault = fault

    def forward(self, query, key, value, mask=None):
        active = self.training != (self.fault == "the wrong way round") or self.fault == "alive in eval"
        return attention(query, key, value, mask, self.dropout if active and self.fault != "never" else 0.0, self.fault)


MODULE_FAULTS = ["alive in eval", "the wrong way round", "never", "dropout not rescaled", "weights before dropout"]


def top_left(T, S=None, device=None):
    return torch.ones(T, S or T, dtype=torch.bool, device=device).tril()


def strict(T, S=None, device=None):
    return torch.ones(T, S or T, dtype=torch.bool, device=device).tril(diagonal=(S or T) - T - 1)


def generous(T, S=None, device=None):
    return torch.ones(T, S or T, dtype=torch.bool, device=device).tril(diagonal=(S or T) - T + 1)


CAUSAL_FAULTS = {
    "aligned top-left": top_left,
    "not even itself": strict,
    "one too many": generous,
    "True = may not": lambda T, S=None, device=None: ~causal_mask(T, S, device),
}
PADDING_FAULTS = {
    "inverted": lambda ids, pad_id=0: (ids == pad_id)[:, None, None, :],
    "on the queries": lambda ids, pad_id=0: (ids != pad_id)[:, None, :, None],
    "without the head axis": lambda ids, pad_id=0: (ids != pad_id)[:, None, :],
    "another pad id": lambda ids, pad_id=0: (ids != pad_id + 5)[:, None, None, :],
}


def test_without_a_fault_the_comparison_accepts():
    compare(Parts(attention=attention, module=Module))


@pytest.mark.parametrize("parts", [
    *[pytest.param(Parts(attention=functools.partial(attention, fault=fault)), id=fault) for fault in ATTENTION_FAULTS],
    *[pytest.param(Parts(module=functools.partial(Module, fault=fault)), id=f"dropout {fault}") for fault in MODULE_FAULTS],
    *[pytest.param(Parts(causal_mask=mask), id=f"causal {name}") for name, mask in CAUSAL_FAULTS.items()],
    *[pytest.param(Parts(padding_mask=mask), id=f"padding {name}") for name, mask in PADDING_FAULTS.items()],
])
def test_the_comparison_rejects(parts):
    with pytest.raises(AssertionError):
        compare(parts)
