"""The comparison of any multi-head attention with PyTorch's, with the same weights: values and gradients, on every path."""

import contextlib
import math
from unittest import mock

import torch
from parity_attention import DEVICE, EXACT, numbers, random_mask
from torch import nn

from shared.transformer import MultiHeadAttention, causal_mask, fused, padding_mask

PATHS = ("explicit", "SDPA", "lesson 01")
PROJECTIONS = ("to_query", "to_key", "to_value", "to_output")
INPUTS = {                                          # shapes of query, key and value
    "self": ((2, 4, 6), None, None),
    "cross": ((2, 4, 6), (2, 3, 6), None),
    "other value": ((2, 3, 6), (2, 5, 6), (2, 5, 6)),
    "one query": ((2, 1, 6), (2, 4, 6), None),
    "one token": ((1, 1, 6), None, None),
}
MASKS = ("none", "boolean", "of each head", "additive", "finite", "causal", "padding", "padding and causal")


@contextlib.contextmanager
def forced(path):
    """Within it, need_weights=False takes this path."""
    rule = mock.patch.object(fused, "explicit_is_faster", lambda query, key: path == "explicit")
    with rule, mock.patch.object(fused, "_wanted", path != "lesson 01"):
        yield


def layer(d_model=6, num_heads=2, bias=True, dropout=0.0, make=MultiHeadAttention, dtype=torch.float64):
    """A layer, in eval(), whose every parameter is drawn at random."""
    made = make(d_model, num_heads, dropout=dropout, bias=bias).to(DEVICE, dtype).eval()
    with torch.no_grad():
        for seed, parameter in enumerate(made.parameters()):
            parameter.copy_(numbers(*parameter.shape, seed=100 + seed) / 2)
    return made


def inputs(name):
    """Query, key and value, of which key and value may be None."""
    return [None if shape is None else numbers(*shape, seed=seed) for seed, shape in enumerate(INPUTS[name])]


def mask_for(kind, query, key=None, num_heads=2):
    """A mask of this kind in which every query may attend to its first key at least; None for "none"."""
    (B, T), S = query.shape[:2], (query if key is None else key).size(1)
    if kind == "none":
        return None
    if "causal" in kind or "padding" in kind:
        ids = torch.arange(1, S + 1, device=DEVICE).repeat(B, 1)
        ids[0, S // 2 + 1:] = 0
        mask = torch.ones(1, 1, T, S, dtype=torch.bool, device=DEVICE)
        if "padding" in kind:
            mask = padding_mask(ids)
        if "causal" in kind and T <= S:
            mask = mask & causal_mask(T, S, device=DEVICE)
        return mask[0, 0] if kind == "causal" else mask
    shape = (B, num_heads, T, S) if kind == "of each head" else (T, S)
    mask = random_mask("boolean" if kind == "of each head" else kind, *shape)
    with torch.no_grad():
        mask[..., 0] = True if mask.dtype == torch.bool else 0.5
    return mask


def pytorch(ours):
    """PyTorch's layer with copies of our layer's weights."""
    bias = ours.to_query.bias is not None
    theirs = nn.MultiheadAttention(ours.d_model, ours.num_heads, ours.attention.dropout, bias, batch_first=True)
    theirs = theirs.to(ours.to_query.weight).train(ours.training)
    parts = [getattr(ours, name) for name in PROJECTIONS[:3]]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.out_proj.weight.copy_(ours.to_output.weight)
        if bias:
            theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
            theirs.out_proj.bias.copy_(ours.to_output.bias)
    return theirs


def our_results(ours, query, key, value, mask, **options):
    """Output, weights (or None), and the gradients of inputs, mask and parameters."""
    output, weights = ours(query, key, value, mask=mask, **options)
    parts = [getattr(ours, name) for name in PROJECTIONS]
    parameters = [part.weight for part in parts]
    if ours.to_query.bias is not None:
        parameters += [part.bias for part in parts]
    return [output, weights, *_gradients(output, weights, [query, key, value, mask], parameters)]


def their_results(theirs, query, key, value, mask, **options):
    """The same of PyTorch's layer; its masks are True where a query may *not* attend, one for each example and head."""
    keys = query if key is None else key
    theirs_mask = mask
    if mask is not None:
        scores = (len(query), theirs.num_heads, query.size(1), keys.size(1))
        theirs_mask = mask.expand(scores).flatten(0, 1)
        theirs_mask = ~theirs_mask if mask.dtype == torch.bool else theirs_mask
    names = {"need_weights": True, "average_weights": True} | options
    output, weights = theirs(query, keys, keys if value is None else value, attn_mask=theirs_mask,
                             need_weights=names["need_weights"], average_attn_weights=names["average_weights"])
    parameters = [theirs.in_proj_weight, theirs.out_proj.weight]
    if theirs.in_proj_bias is not None:
        parameters += [theirs.in_proj_bias, theirs.out_proj.bias]
    gradients = _gradients(output, weights, [query, key, value, mask], parameters)
    count = len(gradients) - len(parameters)
    split = [part for g in gradients[count:] for part in (g.chunk(3) if len(g) == 3 * theirs.embed_dim else [g])]
    return [output, weights, *gradients[:count], *split]


def _gradients(output, weights, tensors, parameters):
    """Of a fixed random combination of output and weights."""
    total = (output * numbers(*output.shape, seed=1).detach().to(output.dtype)).sum()
    if weights is not None:
        total = total + (weights * numbers(*weights.shape, seed=2).detach().to(weights.dtype)).sum()
    wanted = [tensor for tensor in tensors if tensor is not None and tensor.requires_grad] + parameters
    return list(torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True))


def agree(ours, query, key=None, value=None, mask=None):
    """Assert that `ours` equals PyTorch's layer: with both kinds of weights, and without on every path."""
    theirs = pytorch(ours)
    for average in (True, False):
        options = {"need_weights": True, "average_weights": average}
        expected = their_results(theirs, query, key, value, mask, **options)
        torch.testing.assert_close(our_results(ours, query, key, value, mask, **options), expected, **EXACT)
    expected = their_results(theirs, query, key, value, mask, need_weights=False)
    for path in PATHS:
        with forced(path):
            found = our_results(ours, query, key, value, mask, need_weights=False)
        assert found[1] is None, "need_weights=False returned weights"
        torch.testing.assert_close([found[0], *found[2:]], [expected[0], *expected[2:]], **EXACT)


def dropout_is_right(make, path, need_weights, mask=None):
    """Assert that a quarter of the weights is dropped in training, the others divided by 3/4, and none in eval()."""
    S, ours = 2001, make(1, 1, dropout=0.25).to(DEVICE, torch.float64)
    with torch.no_grad():                                           # equal weights, values 1: the output is their sum
        for name, weight, bias in zip(PROJECTIONS, (0, 0, 0, 1), (0, 0, 1, 0), strict=True):
            getattr(ours, name).weight.fill_(weight)
            getattr(ours, name).bias.fill_(bias)
    torch.manual_seed(0)
    x = torch.zeros(1, S, 1, device=DEVICE, dtype=torch.float64)
    with forced(path):
        trained = ours.train()(x[:, :1], x, mask=mask, need_weights=need_weights)[0].item()
        tested = ours.eval()(x[:, :1], x, mask=mask, need_weights=need_weights)[0].item()
    survived = trained * S * 0.75
    assert abs(survived - round(survived)) < 1e-6, f"dropout leaves {survived} weights, not an integer"
    assert abs(survived - 1500) < 100, f"{survived:.0f} of {S} weights survived dropout 0.25"
    assert abs(tested - 1) < 1e-10, f"dropout is alive in eval(): the weights sum to {tested}"


def nothing_allowed_is_right(ours, path, need_weights, kind):
    """Assert zero attention, hence the output's bias, and finite gradients where a query may attend to nothing."""
    query, key, value = inputs("other value")
    mask = torch.ones(3, 5, dtype=torch.bool, device=DEVICE)
    mask[1] = False
    if kind == "additive":
        mask = torch.zeros(3, 5, dtype=torch.float64, device=DEVICE).masked_fill(~mask, -math.inf)
    with forced(path):
        output, weights, *gradients = our_results(ours, query, key, value, mask, need_weights=need_weights)
    nothing = torch.zeros_like(output[:, 1])
    if ours.to_output.bias is not None:
        nothing = nothing + ours.to_output.bias
    torch.testing.assert_close(output[:, 1], nothing, **EXACT)
    assert weights is None or weights[:, 1].eq(0).all(), "weights of a row that may attend to nothing"
    assert all(gradient.isfinite().all() for gradient in gradients), "a gradient is not finite"
    assert gradients[0][:, 1].eq(0).all(), "a query that attends to nothing has a gradient"


def compare(make=MultiHeadAttention):
    """Raise AssertionError unless the layer agrees with PyTorch's everywhere; a fixed grid, about a second."""
    for name in ("self", "cross", "other value"):
        for kind in MASKS:
            query, key, value = inputs(name)
            agree(layer(make=make), query, key, value, mask_for(kind, query, key))
    agree(layer(make=make, num_heads=3, bias=False), *inputs("other value"))
    agree(layer(make=make, num_heads=1), *inputs("self"))
    agree(layer(make=make, dropout=0.5), *inputs("self"))
    for path in PATHS:
        for need_weights in (True, False):
            dropout_is_right(make, path, need_weights)
            for kind in ("boolean", "additive"):
                nothing_allowed_is_right(layer(make=make), path, need_weights, kind)
