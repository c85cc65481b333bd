"""Every published class of bug in sinusoids, tables and rotation: the comparison with the formulas rejects each one."""

import functools
import math
import types

import pytest
import torch
from parity_positions import compare
from torch import nn

from shared.transformer import MultiHeadAttention, positions


def sinusoids(positions, d_model, base=10000.0, layout="interleaved", fault=None):
    """Correct sinusoids written once more, and each `fault` that can be planted into them."""
    base = {"base 1000": 1000.0, "base squared": base ** 2}.get(fault, base)
    hands = torch.arange(0, d_model, 2, dtype=torch.float64, device=positions.device)          # entries 0, 2, 4 …
    exponent = hands * {"doubled twice": 2, "not doubled": 0.5}.get(fault, 1) / d_model
    if fault == "exponent to the very end":
        exponent = hands / max(d_model - 2, 1)                                              # so in tensor2tensor, in halves
    places = positions.to(torch.float32 if fault == "angles in float32" else torch.float64)
    places = {"whole places only": places.floor(), "places from 1": places + 1}.get(fault, places)[..., None]
    angles = places / base ** exponent
    if fault == "operator precedence":
        angles = places / base ** 2 * hands / 2 / d_model
    if fault == "angles in float32":
        angles = (places * base ** -exponent.float()).double()
    sin, cos = (angles.cos(), angles.sin()) if fault == "sin and cos exchanged" else (angles.sin(), angles.cos())
    together = layout == "halves"
    if fault in ("layouts exchanged", "layout ignored"):
        together = not together if fault == "layouts exchanged" else False
    if together:
        waves = torch.cat([sin[..., :d_model // 2], cos] if fault == "an odd width loses a sine" else [sin, cos], dim=-1)
    else:
        waves = torch.stack([sin, cos], dim=-1).flatten(-2)
    first = waves.size(-1) - d_model if fault == "an odd width cut in front" else 0
    if fault == "an odd width ends in zero" and d_model % 2:
        waves[..., d_model - 1:] = 0
    return waves[..., first:first + d_model].to(torch.get_default_dtype())


SINUSOID_FAULTS = [
    "base 1000", "base squared", "doubled twice", "not doubled", "exponent to the very end", "whole places only", "places from 1",
    "operator precedence", "angles in float32", "sin and cos exchanged", "layouts exchanged", "layout ignored",
    "an odd width loses a sine", "an odd width cut in front", "an odd width ends in zero",
]


class Added(nn.Module):
    """Adds the rows of `self.rows()`."""

    def forward(self, x, offset=0):
        rows, T = self.rows(), x.size(-2)
        offset = {"offset ignored": 0, "offset one too far": offset + 1}.get(self.fault, offset)
        if self.fault == "batch axis":
            return x + rows[:len(x), None] if x.dim() == 3 else x + rows[:T]
        places = torch.arange(offset, offset + T, device=x.device)
        if self.fault == "clamped at the end":
            places = places.clamp(max=len(rows) - 1)
        elif self.fault == "begins again at the end":
            places = places % len(rows)
        elif self.fault != "one row too many" and not 0 <= offset <= len(rows) - T or offset < 0:
            raise ValueError(f"max_seq_len = {len(rows)}")
        if self.fault == "one row too many":
            if offset + T > len(rows) + 1:
                raise ValueError(f"max_seq_len = {len(rows)}")
            rows = torch.cat([rows, rows[-1:]])
        scale = math.sqrt(x.size(-1)) if self.fault == "words times √d" else 1.0
        return scale * x + (rows[places].detach() if self.fault == "table detached" else rows[places])


ADDED_FAULTS = ["offset ignored", "offset one too far", "batch axis", "clamped at the end", "begins again at the end",
                "one row too many", "words times √d"]


class Sinusoidal(Added):
    def __init__(self, d_model, max_seq_len=1024, base=10000.0, layout="interleaved", stretch=1.0, fault=None):
        super().__init__()
        self.fault = fault
        places = torch.arange(max_seq_len)
        places = places * stretch if fault == "stretch multiplies" else places if fault == "stretch ignored" else places / stretch
        table = sinusoids(places, d_model, base if fault != "base ignored" else 1e4, layout, fault)
        self.register_buffer("table", table, persistent=fault == "table saved")

    def rows(self):
        return self.table


class Learned(Added):
    def __init__(self, d_model, max_seq_len, fault=None):
        super().__init__()
        self.fault, self.table = fault, nn.Embedding(max_seq_len, d_model)
        if fault == "starts small":
            nn.init.normal_(self.table.weight, std=0.02)

    def rows(self):
        return self.table.weight

    def stretched(self, factor):
        rows = self.table.weight.detach()
        places = torch.arange(int(len(rows) * factor)) / factor
        if self.fault == "stretched from end to end":
            places = torch.linspace(0, len(rows) - 1, len(places))
        before = (places.round() if self.fault == "stretched without between" else places.floor()).long().clamp(max=len(rows) - 1)
        share = (places - before)[:, None] * (self.fault != "stretched without between")
        after = before if self.fault == "stretched without between" else (before + 1).clamp(max=len(rows) - 1)
        if self.fault == "stretched the wrong way":
            before, after = after, before
        longer = Learned(rows.size(1), len(places))
        longer.table.weight = nn.Parameter((1 - share) * rows[before] + share * rows[after],
                                           requires_grad=self.fault != "stretched and frozen")
        return longer


LEARNED_FAULTS = [*ADDED_FAULTS, "table detached", "starts small", "stretched from end to end", "stretched without between",
                  "stretched the wrong way", "stretched and frozen"]


class Rotary(nn.Module):
    def __init__(self, d_head, base=10000.0, layout="halves", stretch=1.0, fault=None):
        super().__init__()
        self.d_head, self.fault = d_head, fault
        self.base = 10000.0 if fault == "base ignored" else base
        self.stretch = {"stretch ignored": 1.0, "stretch multiplies": 1 / stretch}.get(fault, stretch)
        self.layout = {"layout ignored": "halves", "layouts mixed": "halves"}.get(fault, layout)
        if fault == "saved":
            self.register_buffer("inverse", torch.ones(1))

    def forward(self, query, key, mask=None):
        T, S = query.size(-2), key.size(-2)
        offset = {"restarts at 0": 0, "offset one too far": S - T + (T < S)}.get(self.fault, S - T)
        if self.fault == "queries only":
            return self.rotate(query, offset), key, mask
        if self.fault == "keys only":
            return query, self.rotate(key), mask
        if self.fault == "keys the other way":
            return self.rotate(query, offset), self.rotate(key, 0, -1), mask
        turned = self.rotate(query, offset)
        if self.fault == "layouts mixed":
            self.layout = "interleaved"
        key = self.rotate(key)
        self.layout = "halves" if self.fault == "layouts mixed" else self.layout
        if self.fault == "causal mask lost":
            mask = None
        return turned.detach() if self.fault == "queries detached" else turned, key, mask

    def rotate(self, x, offset=0, sign=1):
        dtype = x.dtype if self.fault == "angles in bfloat16" else torch.promote_types(x.dtype, torch.float32)
        places = torch.arange(offset, offset + x.size(-2), device=x.device).to(dtype) / self.stretch
        exponent = torch.arange(0, self.d_head, 2, device=x.device, dtype=dtype) / self.d_head
        exponent = exponent * {"one speed": 0, "doubled twice": 2}.get(self.fault, 1)
        angles = sign * places[:, None] * self.base ** -exponent * (-1 if self.fault == "backwards" else 1)
        halves = self.layout == "halves"
        a, b = x.chunk(2, dim=-1) if halves else x.unflatten(-1, (-1, 2)).unbind(-1)
        if self.fault == "a sign lost":
            a, b = a * angles.cos() + b * angles.sin(), a * angles.sin() + b * angles.cos()
        else:
            a, b = a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()
        dealt = torch.stack([a, b], dim=-1).flatten(-2)
        turned = torch.cat([a, b], dim=-1) if halves or self.fault == "put together by halves" else dealt
        return (turned * (1.01 if self.fault == "longer" else 1)).to(x.dtype)


ROTARY_FAULTS = [
    "base ignored", "stretch ignored", "stretch multiplies", "layout ignored", "layouts mixed", "saved", "restarts at 0",
    "offset one too far", "queries only", "keys only", "keys the other way", "causal mask lost", "queries detached",
    "angles in bfloat16", "one speed", "doubled twice", "backwards", "a sign lost", "put together by halves", "longer",
]


class ValuesToo(MultiHeadAttention):
    def attend(self, query, key, value, *options):
        rotated = self.positions.rotate(value) if isinstance(self.positions, positions.RotaryEmbedding) else value
        return super().attend(query, key, rotated, *options)


def with_fault(name, make, fault=None):
    """The course's parts, but one of them made by `make` with this fault."""
    return types.SimpleNamespace(**vars(positions) | {name: functools.partial(make, fault=fault)})


SINUSOIDAL_FAULTS = [*ADDED_FAULTS, "stretch multiplies", "stretch ignored", "base ignored", "table saved"]
PARTS = {
    "sinusoids": (sinusoids, SINUSOID_FAULTS),
    "SinusoidalPositionalEncoding": (Sinusoidal, SINUSOIDAL_FAULTS),
    "LearnedPositionalEmbedding": (Learned, LEARNED_FAULTS),
    "RotaryEmbedding": (Rotary, ROTARY_FAULTS),
}


@pytest.mark.parametrize("name", PARTS)
def test_without_a_fault_the_comparison_accepts(name):
    compare(with_fault(name, PARTS[name][0]), only=[name])


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, (_, faults) in PARTS.items() for fault in faults])
def test_the_comparison_rejects(name, fault):
    with pytest.raises(AssertionError):
        compare(with_fault(name, PARTS[name][0], fault), only=[name])


def test_the_comparison_rejects_turned_values():
    with pytest.raises(AssertionError):
        compare(make=ValuesToo, only=["RotaryEmbedding"])
