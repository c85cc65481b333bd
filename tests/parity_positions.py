"""The comparison of any parts that mark places with the papers' formulas: values and gradients, within attention on both paths."""

import contextlib
import dataclasses
import functools
import math

import torch
from parity_attention import DEVICE, EXACT, numbers
from parity_multi_head import PATHS, forced, layer, mask_for
from position_formulas import bucket, bucketed, clocks, penalised, seen, slopes, turned, turning

from shared.transformer import MultiHeadAttention, positions

B, H, D = 2, 3, 4                                   # examples, heads (no power of two), width of a head
S = 7


@contextlib.contextmanager
def precise():
    """Within it everything new is float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@dataclasses.dataclass(frozen=True)
class Scheme:
    name: str                                       # of the class
    options: dict
    formula: object

    def made(self, parts=positions):
        return getattr(parts, self.name)(**self.options)


T5 = {"num_buckets": 8, "max_distance": 7}
SCHEMES = {
    "rotary": Scheme("RotaryEmbedding", {"d_head": D}, lambda q, k, scheme: turned(q, k)),
    "rotary, interleaved": Scheme("RotaryEmbedding", {"d_head": D, "layout": "interleaved", "base": 100},
                                  lambda q, k, scheme: turned(q, k, layout="interleaved", base=100)),
    "rotary, stretched": Scheme("RotaryEmbedding", {"d_head": D, "stretch": 3.0, "base": 10.0},
                                lambda q, k, scheme: turned(q, k, stretch=3.0, base=10.0)),
    "ALiBi": Scheme("ALiBi", {"num_heads": H}, lambda q, k, scheme: penalised(q, k)),
    "T5": Scheme("RelativePositionBias", {"num_heads": H, **T5}, lambda q, k, scheme: bucketed(q, k, scheme.bias.weight, **T5)),
    "T5, causal": Scheme("RelativePositionBias", {"num_heads": H, "bidirectional": False, **T5},
                         lambda q, k, scheme: bucketed(q, k, scheme.bias.weight, bidirectional=False, **T5)),
    "Shaw": Scheme("RelativePositionKeys", {"d_head": D, "max_distance": 2},
                   lambda q, k, scheme: seen(q, k, scheme.keys.weight, 2)),
}
CASES = {                                           # kind of mask → number of queries
    "none": S, "causal": 2, "padding and causal": S, "padding": 3, "of each head": S, "additive": S, "finite": 1, "nothing": S,
}


def attending(scheme, make=MultiHeadAttention):
    """A layer with that scheme, every parameter random, the scheme's too."""
    return layer(H * D, H, make=lambda *sizes, **options: make(*sizes, positions=scheme, **options))


def mask_of(kind, x, T):
    """A mask of the last T places of x; "nothing": two queries may attend to nothing."""
    if kind != "nothing":
        return mask_for(kind, x[:, x.size(1) - T:], x, H)
    mask = mask_for("boolean", x[:, x.size(1) - T:], x)
    mask[[0, -2]] = False
    return mask


def by_formula(ours, formula, x, T, mask):
    """What attention with this scheme should give, for the last T places of x: output, and gradients as `by_layer`."""
    query, key, value = (part(x).unflatten(-1, (ours.num_heads, -1)).transpose(1, 2)
                         for part in (ours.to_query, ours.to_key, ours.to_value))
    query, key, bias = formula(query[:, :, x.size(1) - T:], key, ours.positions)
    terms = (query @ key.transpose(-2, -1) / math.sqrt(ours.d_head) + bias).exp()
    if mask is not None:
        terms = terms * (mask if mask.dtype == torch.bool else mask.exp())
    total = terms.sum(-1, keepdim=True)
    output = terms / total.masked_fill(total == 0, 1.0) @ value
    return _results(ours, x, mask, ours.to_output(output.transpose(1, 2).flatten(2)))


def by_layer(ours, x, T, mask, need_weights=False):
    return _results(ours, x, mask, ours(x[:, x.size(1) - T:], x, mask=mask, need_weights=need_weights)[0])


def _results(ours, x, mask, output):
    """Output, and the gradients of input, mask and every parameter for a fixed random combination of it."""
    wanted = [x, *ours.parameters()] + ([mask] if mask is not None and mask.requires_grad else [])
    total = (output * numbers(*output.shape, seed=1).detach()).sum()
    return [output.detach(), *torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True)]


def scheme_is_right(name, kind, T, parts=positions, make=MultiHeadAttention):
    """Assert that attention with the scheme equals the formula, with weights and without, on both paths."""
    with precise():
        ours, x = attending(SCHEMES[name].made(parts), make), numbers(B, S, H * D)
        found = [by_layer(ours, x, T, mask_of(kind, x, T), need_weights=True)]
        for path in PATHS:
            with forced(path):
                found.append(by_layer(ours, x, T, mask_of(kind, x, T)))
    for results in found:
        torch.testing.assert_close(results, expected(name, kind, T), **EXACT)


@functools.cache
def expected(name, kind, T):
    """The formula's results, for the parameters that `attending` gives every layer."""
    with precise():
        ours, x = attending(SCHEMES[name].made()), numbers(B, S, H * D)
        return by_formula(ours, SCHEMES[name].formula, x, T, mask_of(kind, x, T))


# --- what is added to the words

def sinusoids_are_right(parts=positions):
    for d_model, base, layout in ((8, 10000.0, "interleaved"), (8, 100, "halves"), (5, 10000.0, "interleaved"),
                                  (5, 20.0, "halves"), (1, 10.0, "halves"), (1, 10.0, "interleaved")):
        with precise():
            found = parts.sinusoids(torch.tensor([[0.0, 1.0, 2.5], [-3.0, 700.0, 31.25]], device=DEVICE), d_model, base, layout)
        assert found.shape == (2, 3, d_model), f"sinusoids of shape {tuple(found.shape)}"
        expected = clocks([0, 1, 2.5, -3, 700, 31.25], d_model, base=base, layout=layout)
        torch.testing.assert_close(found.flatten(0, 1), expected, **EXACT)
    late = parts.sinusoids(torch.tensor([1_000_003], device=DEVICE), 6)             # float32 knows such angles to 0.03
    torch.testing.assert_close(late.double(), clocks([1_000_003], 6), rtol=0, atol=1e-6)


def added_is_right(make, rows, max_seq_len):
    """make(): a part of width 6; rows(part): its rows, (max_seq_len, 6). Added by place, whatever the batch; no row, no sum."""
    with precise():
        part, x = make().to(DEVICE), numbers(B, 3, 6)
        for offset in (0, 1, max_seq_len - 3):
            torch.testing.assert_close(part(x, offset), x + rows(part)[offset:offset + 3], **EXACT)
        torch.testing.assert_close(part(x[0, :1]), x[0, :1] + rows(part)[:1], **EXACT)
    for offset in (-1, max_seq_len - 2, max_seq_len, 10 * max_seq_len):
        message = _refusal(lambda: part(x, offset))
        assert f"max_seq_len = {max_seq_len}" in message, f"offset {offset}: {message or 'not refused'}"
    (gradient,) = torch.autograd.grad(part(x).sum(), x)
    torch.testing.assert_close(gradient, torch.ones_like(x))


def _refusal(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


def learned_is_right(parts=positions):
    with precise():
        added_is_right(lambda: parts.LearnedPositionalEmbedding(6, 9), lambda part: part.table.weight, 9)
        part, x = parts.LearnedPositionalEmbedding(6, 9).to(DEVICE), numbers(B, 3, 6)
        (gradient,) = torch.autograd.grad((part(x, 2) * x.detach()).sum() + 0 * part.table.weight.sum(), part.table.weight)
        torch.testing.assert_close(gradient[2:5], x.detach().sum(0), **EXACT)
        assert not gradient[:2].any(), "a row of another place has a gradient"
        for factor in (1, 4, 2.5, 0.5):
            longer, rows = part.stretched(factor).table.weight, part.table.weight
            assert len(longer) == int(9 * factor), f"stretched by {factor}: {len(longer)} rows of 9"
            for p, row in enumerate(longer):
                before, after = (min(8, k) for k in (int(p // factor), int(p // factor) + 1))
                share = p / factor - p // factor
                torch.testing.assert_close(row, (1 - share) * rows[before] + share * rows[after], **EXACT)
            assert longer.requires_grad, "a stretched table does not learn"
    torch.manual_seed(0)
    spread = parts.LearnedPositionalEmbedding(100, 100).table.weight.std().item()
    assert abs(spread - 1) < 0.05, f"a new table has deviation {spread:.2f}"


# --- numbers of single parts

def rotation_is_right(parts=positions):
    """Far places, whole or in bfloat16: only the result is rounded, never the angle."""
    for layout in ("halves", "interleaved"):
        x = numbers(3, 8).detach()
        expected = torch.einsum("tij,tj->ti", turning(range(5000, 5003), 8, layout=layout), x)
        rotary = parts.RotaryEmbedding(8, layout=layout)
        torch.testing.assert_close(rotary.rotate(x, 5000), expected, **EXACT)
        torch.testing.assert_close(rotary.rotate(x.float(), 5000).double(), expected, rtol=0, atol=1e-3)
        half = x.bfloat16()
        assert rotary.rotate(half, 5000).equal(rotary.rotate(half.float(), 5000).bfloat16()), "an angle in bfloat16"


def slopes_are_right(parts=positions):
    for num_heads in (*range(1, 18), 20, 32, 40):
        with precise():
            expected = torch.tensor(slopes(num_heads))
            torch.testing.assert_close(parts.ALiBi(num_heads).slopes, expected, **EXACT)


def buckets_are_right(parts=positions):
    for both in (True, False):
        for num_buckets, max_distance in ((32, 128), (8, 20), (64, 1000), (4, 2), (6, 33)):
            if not both and (num_buckets, max_distance) == (4, 2):
                continue                                        # refused: all four would have a distance of their own
            options = {"num_buckets": num_buckets, "max_distance": max_distance, "bidirectional": both}
            found = parts.RelativePositionBias(1, **options).bucket(torch.arange(-1000, 1001))
            assert found.tolist() == [bucket(offset, **options) for offset in range(-1000, 1001)], f"T5's buckets, {options}"


def starts_and_state_are_right(parts=positions):
    for name in ("T5", "Shaw"):
        assert not any(parameter.any() for parameter in SCHEMES[name].made(parts).parameters()), f"{name} does not start at 0"
    saved = {name: list(SCHEMES[name].made(parts).state_dict()) for name in ("rotary", "ALiBi", "T5", "Shaw")}
    assert saved == {"rotary": [], "ALiBi": [], "T5": ["bias.weight"], "Shaw": ["keys.weight"]}, f"saved: {saved}"


def sinusoidal_is_right(parts=positions):
    for options in ({}, {"base": 100, "layout": "halves"}):
        added_is_right(lambda: parts.SinusoidalPositionalEncoding(6, 9, **options), lambda part: clocks(range(9), 6, **options), 9)
    added_is_right(lambda: parts.SinusoidalPositionalEncoding(6, 9, stretch=3.0),
                   lambda part: clocks([p / 3 for p in range(9)], 6), 9)
    assert not parts.SinusoidalPositionalEncoding(4).state_dict(), "the sinusoids are saved"


CHECKS = {                                          # part → what is special to it
    "sinusoids": sinusoids_are_right, "SinusoidalPositionalEncoding": sinusoidal_is_right,
    "LearnedPositionalEmbedding": learned_is_right, "RotaryEmbedding": rotation_is_right, "ALiBi": slopes_are_right,
    "RelativePositionBias": buckets_are_right, "RelativePositionKeys": starts_and_state_are_right,
}


def compare(parts=positions, make=MultiHeadAttention, only=tuple(CHECKS)):
    """Raise AssertionError unless every part agrees with its formula; parts: a module, or whatever has its names."""
    starts_and_state_are_right(parts)
    for name in only:
        CHECKS[name](parts)
    for name, scheme in SCHEMES.items():
        for kind, T in CASES.items():
            if scheme.name in only:
                scheme_is_right(name, kind, T, parts, make)
