"""Which attention is fastest for given queries and keys. Written by hand; equal to lesson 01's function in values and gradients.

`fused.use(False)`, or LESSON_FUSED=0 in the environment, sends every model through lesson 01's function itself, so that a
change of it reaches every model.
"""

import math
import os

import torch
import torch.nn.functional as F

from . import attention as lesson_01

_wanted = os.environ.get("LESSON_FUSED", "1") != "0"


def use(wanted):
    """Whether the fastest attention is used from now on (True), or lesson 01's function (False)."""
    global _wanted
    _wanted = bool(wanted)


def attention(query, key, value, mask=None, dropout=0.0, is_causal=False):
    """The output of `scaled_dot_product_attention`, (..., T, d_v), without its weights. Arguments as there.

    is_causal: each query sees only itself and the keys before it; the queries are the last T of S positions.
    """
    if not _wanted:
        mask = with_causal(mask, query, key) if is_causal else mask
        return lesson_01.scaled_dot_product_attention(query, key, value, mask, dropout)[0]
    if explicit_is_faster(query, key):
        return explicit(query, key, value, with_causal(mask, query, key) if is_causal else mask, dropout)
    if is_causal and mask is None and query.size(-2) == key.size(-2):
        return F.scaled_dot_product_attention(query, key, value, None, dropout, True)       # PyTorch skips what it blocks
    if is_causal:
        mask = with_causal(mask, query, key)
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.to(query.dtype)
    return F.scaled_dot_product_attention(query, key, value, mask, dropout)


def explicit_is_faster(query, key):
    """Whether the explicit form is faster than PyTorch's fused attention (measured by `make bench`).

    It is in bfloat16 training on a CPU, up to 256 keys.
    """
    return (query.dtype == torch.bfloat16 and query.device.type == "cpu" and query.requires_grad
            and torch.is_grad_enabled() and key.size(-2) <= 256)


def explicit(query, key, value, mask=None, dropout=0.0):
    """Lesson 01's formula, keeping one copy of its weights: rows that may attend to nothing become 0 in the output."""
    scores, blocked = lesson_01.masked_scores(query, key, mask)                     # (B, H, T, S)
    output = F.dropout(scores.softmax(dim=-1), dropout) @ value                     # (B, H, T, d_head)
    return output if blocked is None else output.masked_fill(blocked, 0.0)


def with_causal(mask, query, key):
    """`mask`, which may be None, boolean or additive, with what lies after a query blocked, too."""
    T, S = query.size(-2), key.size(-2)
    if T == 1:
        return mask                                                                 # the last position sees all
    triangle = lesson_01.causal_mask(T, S, query.device)
    if mask is None:
        return triangle
    return mask & triangle if mask.dtype == torch.bool else mask.masked_fill(~triangle, -math.inf)
