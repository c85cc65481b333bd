"""The comparison of any norms, feed-forward network and block with PyTorch's, with the same weights: values and gradients."""

import dataclasses
import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, EXACT, numbers
from torch import nn

from shared import counts, transformer
from shared.transformer import TransformerBlock, causal_mask, padding_mask, record_attention

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
               "squared_relu": lambda x: torch.where(x > 0, x * x, 0)}
MASKS = ("none", "causal", "padding", "padding and causal", "additive", "of each head")
WIDTH, HEADS, HIDDEN = 6, 2, 10


@dataclasses.dataclass(frozen=True)
class Parts:
    """What is compared: the course's parts, or parts of which one is wrong on purpose."""

    LayerNorm: type = transformer.LayerNorm
    RMSNorm: type = transformer.RMSNorm
    FeedForward: type = transformer.FeedForward
    TransformerBlock: type = transformer.TransformerBlock
    block_parameters: Callable = transformer.block_parameters
    block_flops: Callable = transformer.block_flops


def randomised(module, dtype=torch.float64):
    """The module in eval(), every parameter drawn at random: a gain of 1 and a bias of 0 would hide mistakes."""
    module = module.to(DEVICE, dtype).eval()
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):
            parameter.copy_(numbers(*parameter.shape, seed=100 + seed) / 2 + (0.5 if parameter.dim() == 1 else 0))
    return module


def same(ours, theirs, inputs, pairs):
    """Assert equal outputs, and equal gradients of the inputs and of pairs of parameters (ours, theirs)."""
    outputs = ours(), theirs()
    torch.testing.assert_close(*outputs, **EXACT)
    weighting = numbers(*outputs[0].shape, seed=1).detach()
    gradients = [torch.autograd.grad((output * weighting).sum(), [*inputs, *parameters], materialize_grads=True, allow_unused=True)
                 for output, parameters in zip(outputs, zip(*pairs))]
    torch.testing.assert_close(*gradients, **EXACT)


def norms_agree(parts, shape=(2, 3, 5)):
    """Assert that both norms equal PyTorch's: ordinary and faint vectors, large and usual eps, with and without bias."""
    width = shape[-1]
    for size, eps in itertools.product((1.0, 1e-3), (1e-5, 0.1)):
        x = (size * numbers(*shape) + size).detach().requires_grad_()
        for bias in (True, False):
            ours, theirs = randomised(parts.LayerNorm(width, eps, bias)), nn.LayerNorm(width, eps, bias=bias).to(x)
            theirs.load_state_dict(ours.state_dict())
            same(lambda: ours(x), lambda: theirs(x), [x], list(zip(ours.parameters(), theirs.parameters(), strict=True)))
        ours, theirs = randomised(parts.RMSNorm(width, eps)), nn.RMSNorm(width, eps).to(x)
        theirs.load_state_dict(ours.state_dict())
        same(lambda: ours(x), lambda: theirs(x), [x], [(ours.weight, theirs.weight)])
    for make, theirs in ((parts.LayerNorm, nn.LayerNorm(width)), (parts.RMSNorm, nn.RMSNorm(width, 1e-6))):
        x = (1e-3 * numbers(*shape)).detach()
        torch.testing.assert_close(make(width).to(x)(x), theirs.to(x)(x), **EXACT)          # as they are made: default eps
    for make in (parts.LayerNorm, parts.RMSNorm):
        x, ours = numbers(*shape, dtype=torch.float32).detach(), make(width).to(DEVICE)
        half = (300 * x).half()
        assert ours.half()(half).dtype == torch.float16
        torch.testing.assert_close(ours.half()(half).float(), ours.float()(half.float()), rtol=2e-3, atol=2e-3)


def feed_forward_agrees(parts):
    """Assert that it is activation(x W₁ᵀ + b₁) W₂ᵀ + b₂, for every activation, with and without bias, and with 4 d_model."""
    x = numbers(2, 3, 6)
    for (name, activation), bias, hidden in itertools.product(ACTIVATIONS.items(), (True, False), (None, 7)):
        ours = randomised(parts.FeedForward(6, hidden, name, bias=bias))
        assert ours.to_hidden.weight.shape == (hidden or 24, 6)
        first, last = ours.to_hidden, ours.to_output
        parameters = list(ours.parameters())
        same(lambda: ours(x), lambda: F.linear(activation(F.linear(x, first.weight, first.bias)), last.weight, last.bias), [x],
             list(zip(parameters, parameters)))


def pytorch(ours, dropout=0.0, activation="relu", norm_first=True, bias=True, cross_attention=False):
    """PyTorch's layer with copies of our block's weights, and pairs of parameters (ours, theirs) that are comparable."""
    make = nn.TransformerDecoderLayer if cross_attention else nn.TransformerEncoderLayer
    theirs = make(WIDTH, HEADS, HIDDEN, dropout, ACTIVATIONS[activation], batch_first=True, norm_first=norm_first, bias=bias)
    theirs = theirs.to(DEVICE, torch.float64).train(ours.training)
    names = {"linear1": "feed_forward.to_hidden", "linear2": "feed_forward.to_output", "norm1": "self_attention_norm",
             "norm2": "cross_attention_norm" if cross_attention else "feed_forward_norm", "self_attn.out_proj": "self_attention.to_output"}
    if cross_attention:
        names |= {"norm3": "feed_forward_norm", "multihead_attn.out_proj": "cross_attention.to_output"}
    pairs = []
    with torch.no_grad():
        for name, our_name in names.items():
            theirs.get_submodule(name).load_state_dict(ours.get_submodule(our_name).state_dict())
            pairs += zip(ours.get_submodule(our_name).parameters(), theirs.get_submodule(name).parameters(), strict=True)
        for name, our_name in (("self_attn", "self_attention"), ("multihead_attn", "cross_attention"))[:1 + cross_attention]:
            three = [ours.get_submodule(f"{our_name}.to_{part}") for part in ("query", "key", "value")]
            theirs.get_submodule(name).in_proj_weight.copy_(torch.cat([part.weight for part in three]))
            if bias:
                theirs.get_submodule(name).in_proj_bias.copy_(torch.cat([part.bias for part in three]))
    return theirs, pairs


def mask_for(kind, B, T, S=None):
    """A mask of this kind in which every query may attend to its first key at least; None for "none"."""
    S = T if S is None else S
    if kind == "none":
        return None
    if kind == "additive":
        return numbers(T, S, seed=5).detach()
    if kind == "of each head":
        mask = numbers(B, HEADS, T, S, seed=6) > 0
        mask[..., 0] = True
        return mask
    ids = torch.arange(1, S + 1, device=DEVICE).repeat(B, 1)
    ids[0, S // 2 + 1:] = 0
    mask = padding_mask(ids) if "padding" in kind else torch.ones(1, 1, T, S, dtype=torch.bool, device=DEVICE)
    return mask & causal_mask(T, S, device=DEVICE) if "causal" in kind else mask


def theirs_mask(mask, B, T, S):
    """As PyTorch's layers take it: one for each example and head, True = may *not* attend."""
    if mask is None:
        return None
    mask = mask.expand(B, HEADS, T, S).flatten(0, 1)
    return ~mask if mask.dtype == torch.bool else mask


def block_agrees(parts, mask="none", memory_mask="none", shape=(2, 4), S=5, **options):
    """Assert that a block equals PyTorch's layer of the same options."""
    (B, T), cross = shape, options.get("cross_attention", False)
    ours = randomised(parts.TransformerBlock(WIDTH, HEADS, HIDDEN, **options))
    theirs, pairs = pytorch(ours, **options)
    x, memory = numbers(B, T, WIDTH), numbers(B, S, WIDTH, seed=1)
    mask, memory_mask = mask_for(mask, B, T), mask_for(memory_mask, B, T, S)
    if cross:
        same(lambda: ours(x, mask, memory, memory_mask),
             lambda: theirs(x, memory, theirs_mask(mask, B, T, T), theirs_mask(memory_mask, B, T, S)), [x, memory], pairs)
    else:
        same(lambda: ours(x, mask), lambda: theirs(x, theirs_mask(mask, B, T, T)), [x], pairs)


def rms_block_agrees(parts, norm_first):
    """Assert that norm="rms" puts an RMSNorm of eps 1e-6, without bias, where the LayerNorm was."""
    ours = randomised(parts.TransformerBlock(WIDTH, HEADS, HIDDEN, norm="rms", norm_first=norm_first))
    x = numbers(2, 4, WIDTH)

    def layer(x, norm, sub_layer):
        def normalised(x):
            return F.rms_norm(x, (WIDTH,), norm.weight, 1e-6)
        return x + sub_layer(normalised(x)) if norm_first else normalised(x + sub_layer(x))

    def by_hand():
        middle = layer(x, ours.self_attention_norm, lambda x: ours.self_attention(x)[0])
        return layer(middle, ours.feed_forward_norm, ours.feed_forward)

    parameters = list(ours.parameters())
    same(lambda: ours(x), by_hand, [x], list(zip(parameters, parameters)))


def dropout_is_right(parts, norm_first=True, cross_attention=False):
    """Assert that training drops as PyTorch's layer does (mean and deviation over many draws), and eval() not at all."""
    ours = randomised(parts.TransformerBlock(WIDTH, HEADS, HIDDEN, 0.3, cross_attention=cross_attention, norm_first=norm_first))
    theirs, _ = pytorch(ours.train(), 0.3, cross_attention=cross_attention, norm_first=norm_first)
    many, memory = numbers(1, 3, WIDTH).detach().expand(20_000, 3, WIDTH), numbers(1, 2, WIDTH, seed=1).detach().expand(20_000, 2, WIDTH)
    found = []
    with torch.no_grad():
        for layer in (ours, theirs):
            torch.manual_seed(0)
            found.append(layer(many, memory=memory) if cross_attention else layer(many))
        for part in (torch.mean, torch.std):
            a, b = (part(output, 0) for output in found)
            torch.testing.assert_close(a, b, rtol=0.05, atol=0.05 * found[1].std(0).mean().item())
        ours.eval()
        few = [ours(x, memory=m) if cross_attention else ours(x) for x, m in ((many[:3], memory[:3]), (many[:3], memory[:3]))]
    assert few[0].equal(few[1]), "dropout is alive in eval()"


def costs_agree(parts, batch=3, n=4):
    """Assert that parameters and operations are those of the course's block, counted."""
    for d_ff, cross, bias, norm in itertools.product((None, 5), (True, False), (True, False), ("layer", "rms")):
        counted = TransformerBlock(8, 2, d_ff, norm=norm, bias=bias, cross_attention=cross).to(DEVICE)
        assert parts.block_parameters(8, d_ff, norm, cross, bias) == sum(parameter.numel() for parameter in counted.parameters())
        x, memory = torch.zeros(batch, n, 8, device=DEVICE), torch.zeros(batch, 7, 8, device=DEVICE) if cross else None
        with record_attention(counted):
            flops = counts.flops(lambda: counted(x, memory=memory))
        assert parts.block_flops(n, 8, d_ff, 7 if cross else None, batch=batch) == flops
    assert parts.block_flops(1, 8, cached=4) == parts.block_flops(1, 8) + 4 * 4 * 8


class Noting:
    """Takes the place of positions and of a cache: keeps the shapes of the queries or keys that it is given."""

    def __init__(self):
        self.shapes = []

    def __call__(self, query, key, mask):
        self.shapes.append(tuple(query.shape))
        return query, key, mask

    def extend(self, key, value):
        self.shapes.append(tuple(key.shape))
        return key, value


def hooks_agree(parts):
    """Assert that positions and cache reach self-attention, once and alone, and that a memory is given exactly where it is used."""
    positions, cache, x, memory = Noting(), Noting(), numbers(2, 4, WIDTH), numbers(2, 5, WIDTH)
    ours = randomised(parts.TransformerBlock(WIDTH, HEADS, cross_attention=True, positions=positions))
    ours(x, memory=memory, cache=cache)
    assert positions.shapes == cache.shapes == [(2, HEADS, 4, WIDTH // HEADS)]
    plain = randomised(parts.TransformerBlock(WIDTH, HEADS))
    for wrong in (lambda: ours(x), lambda: plain(x, memory=memory)):
        with pytest.raises(ValueError, match="memory"):
            wrong()


def causality_agrees(parts, norm_first):
    """Assert that is_causal is the causal mask."""
    made, x = randomised(parts.TransformerBlock(WIDTH, HEADS, HIDDEN, norm_first=norm_first)), numbers(2, 5, WIDTH).detach()
    torch.testing.assert_close(made(x, is_causal=True), made(x, causal_mask(5, device=DEVICE)), **EXACT)


def compare(parts=Parts()):
    """Raise AssertionError unless all parts agree with PyTorch's; a fixed grid, a few seconds."""
    norms_agree(parts)
    feed_forward_agrees(parts)
    costs_agree(parts)
    hooks_agree(parts)
    for norm_first, activation in itertools.product((True, False), ("relu", "gelu")):
        for mask in MASKS:
            block_agrees(parts, mask, norm_first=norm_first, activation=activation)
            other = MASKS[-MASKS.index(mask)]
            block_agrees(parts, mask, other, norm_first=norm_first, activation=activation, cross_attention=True)
        block_agrees(parts, norm_first=norm_first, activation=activation, bias=False)
        block_agrees(parts, norm_first=norm_first, activation=activation, bias=False, cross_attention=True)
        rms_block_agrees(parts, norm_first)
        causality_agrees(parts, norm_first)
    for norm_first, cross_attention in itertools.product((True, False), repeat=2):
        dropout_is_right(parts, norm_first, cross_attention)
