"""An attention of plain loops, which shares no idea with the course's, and the comparison of any attention with it."""

import dataclasses
import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch.nn.attention.bias import causal_lower_right

from shared import settings, transformer

DEVICE = settings.device()
EXACT = {"rtol": 1e-10, "atol": 1e-10}


@dataclasses.dataclass(frozen=True)
class Parts:
    """What is compared: the course's parts, or parts of which one is wrong on purpose."""

    attention: Callable = transformer.scaled_dot_product_attention
    causal_mask: Callable = transformer.causal_mask
    padding_mask: Callable = transformer.padding_mask
    module: type = transformer.ScaledDotProductAttention


def numbers(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(DEVICE, dtype).requires_grad_()


def loops(query, key, value, mask=None):
    """Attention by loops over examples, queries and keys; what is not allowed is left out of the sum."""
    leading = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    T, S = query.size(-2), key.size(-2)
    query, key, value = (x.expand(*leading, *x.shape[-2:]) for x in (query, key, value))
    mask = None if mask is None else mask.expand(*leading, T, S)
    outputs, weights = [], []
    for *index, t in itertools.product(*map(range, leading), range(T)):
        index = tuple(index)
        terms = {}
        for s in range(S):
            score = (query[index][t] * key[index][s]).sum() / math.sqrt(query.size(-1))
            entry = True if mask is None else mask[index][t, s]
            if mask is not None and mask.dtype != torch.bool:
                score = score + entry
                entry = entry > -math.inf
            if entry:
                terms[s] = torch.exp(score)
        total = sum(terms.values())
        row = [terms[s] / total if s in terms else torch.zeros_like(query[index][t, 0]) for s in range(S)]
        weights.append(torch.stack(row))
        outputs.append(sum(row[s] * value[index][s] for s in range(S)))
    return torch.stack(outputs).reshape(*leading, T, value.size(-1)), torch.stack(weights).reshape(*leading, T, S)


def results(attention, tensors, use_weights):
    """Output, weights and the gradients of a fixed random combination of them, for (query, key, value[, mask])."""
    output, weights = attention(*tensors)
    total = (output * numbers(*output.shape, seed=1, dtype=output.dtype).detach()).sum()
    if use_weights:
        total = total + (weights * numbers(*weights.shape, seed=2, dtype=weights.dtype).detach()).sum()
    wanted = [tensor for tensor in tensors if tensor is not None and tensor.requires_grad]
    gradients = [torch.zeros_like(tensor) for tensor in wanted]
    if total.requires_grad:
        gradients = torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True)
    return [output, *([weights] if use_weights else []), *gradients]


def pytorch(query, key, value, mask=None):
    """PyTorch's attention, with leading dimensions and mask broadcast beforehand."""
    leading = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    query, key, value = (x.expand(*leading, *x.shape[-2:]) for x in (query, key, value))
    mask = None if mask is None else mask.expand(*leading, query.size(-2), key.size(-2))
    return F.scaled_dot_product_attention(query, key, value, mask), None


def lower_right(query, key, value):
    """PyTorch's causal attention, aligned bottom-right."""
    mask = causal_lower_right(query.size(-2), key.size(-2))
    return F.scaled_dot_product_attention(query, key, value, mask), None


def agree(attention, query, key, value, mask=None, tolerance=EXACT):
    """Assert that `attention` equals the loops and PyTorch: output, weights, gradients of query, key, value, mask."""
    tensors = (query, key, value, mask)
    torch.testing.assert_close(results(attention, tensors, True), results(loops, tensors, True), **tolerance)
    torch.testing.assert_close(results(attention, tensors, False), results(pytorch, tensors, False), **tolerance)


def triple(query, key, d_v, seed=0):
    """Query and key of these shapes, and a value as long as the key and d_v wide."""
    return numbers(*query, seed=seed), numbers(*key, seed=seed + 10), numbers(*key[:-1], d_v, seed=seed + 20)


SHAPES = {
    "no batch": ((3, 4), (3, 4), 4),
    "batch": ((2, 3, 4), (2, 3, 4), 4),
    "batch and heads": ((2, 2, 3, 4), (2, 2, 3, 4), 4),
    "longer source": ((2, 2, 3), (2, 5, 3), 3),
    "longer target": ((2, 5, 3), (2, 2, 3), 3),
    "other value width": ((2, 3, 4), (2, 3, 4), 1),
    "one query": ((2, 1, 4), (2, 4, 4), 3),
    "one key": ((2, 3, 4), (2, 1, 4), 2),
    "width one": ((4, 1), (4, 1), 2),
    "shared keys": ((2, 3, 3, 4), (1, 3, 4), 2),
}


def random_mask(kind, *shape, seed=5):
    """A boolean mask, an additive one that is finite, or one with -inf; all with some fully masked rows if large enough."""
    values = numbers(*shape, seed=seed).detach()
    if kind == "boolean":
        return values > 0
    return (values if kind == "finite" else values.masked_fill(values < 0, -math.inf)).requires_grad_()


def compare(parts):
    """Raise AssertionError unless every part agrees with the references; a fixed grid, a second or two."""
    for query, key, d_v in SHAPES.values():
        tensors = triple(query, key, d_v)
        agree(parts.attention, *tensors)
        for kind in ("boolean", "finite", "additive"):
            agree(parts.attention, *tensors, random_mask(kind, query[-2], key[-2]))
    nothing = torch.zeros(3, 3, dtype=torch.bool, device=DEVICE)
    for blocked in (nothing, nothing.double().masked_fill(~nothing, -math.inf)):
        agree(parts.attention, *triple((2, 3, 4), (2, 3, 4), 4), blocked)
    _compare_masks(parts)
    _compare_module(parts)


def _compare_masks(parts):
    for T, S in ((1, 1), (4, 4), (1, 4), (2, 5)):
        tensors = triple((2, T, 3), (2, S, 3), 3)
        ours = results(parts.attention, (*tensors, parts.causal_mask(T, S, device=DEVICE)), False)
        torch.testing.assert_close(ours, results(lower_right, tensors, False), **EXACT)
    ids = torch.tensor([[5, 7, 9, 0], [0, 0, 6, 8]], device=DEVICE)          # padded on the right, on the left
    allowed = [[[bool(ids[b, s]) and s <= t for s in range(4)] for t in range(4)] for b in range(2)]
    explicit = torch.tensor(allowed, device=DEVICE)[:, None]
    mask = parts.padding_mask(ids) & parts.causal_mask(4, device=DEVICE)
    assert mask.shape == (2, 1, 4, 4), f"padding and causal mask combine to {tuple(mask.shape)}"
    assert mask.equal(explicit), "padding and causal mask combine to something else"
    tensors = triple((2, 2, 4, 3), (2, 2, 4, 3), 3)
    ours = results(parts.attention, (*tensors, mask), True)
    torch.testing.assert_close(ours, results(loops, (*tensors, explicit), True), **EXACT)


def _compare_module(parts):
    tensors = triple((2, 3, 4), (2, 3, 4), 4)
    for module in (parts.module(dropout=0.0).train(), parts.module(dropout=0.5).eval()):
        agree(module, *tensors, random_mask("boolean", 3, 3))
    keys = torch.zeros(1, 2000, 1, device=DEVICE, dtype=torch.float64)                        # 2,000 equal weights
    torch.manual_seed(0)
    output, weights = parts.module(dropout=0.25).train()(keys[:, :1], keys, keys + 1)
    survived = weights[weights > 0]
    torch.testing.assert_close(survived, torch.full_like(survived, 1 / (2000 * 0.75)), **EXACT)
    assert abs(survived.numel() / 2000 - 0.75) < 0.05, f"{survived.numel()} of 2000 weights survived dropout 0.25"
    torch.testing.assert_close(output.squeeze(), weights.sum(), **EXACT)
