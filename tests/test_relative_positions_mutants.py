"""Every published class of bug in ALiBi, T5's bias and Shaw's keys: the comparison with the formulas rejects each one."""

import math

import pytest
import torch
from parity_positions import compare
from test_positions_mutants import with_fault
from torch import nn


class Biased(nn.Module):
    """What all three have in common: offsets, and the bias put into the mask."""

    fault = None

    def offsets(self, query, key):
        T, S = query.size(-2), key.size(-2)
        first = {"aligned at the left": 0, "offset one too far": S - T + 1}.get(self.fault, S - T)
        offset = torch.arange(S, device=key.device) - torch.arange(first, first + T, device=key.device)[:, None]
        return -offset if self.fault == "direction inverted" else offset

    def masked(self, bias, mask):
        bias = bias.detach() if self.fault == "bias detached" else bias
        if mask is None or self.fault == "mask forgotten":
            return bias
        if self.fault == "bias lost under a mask":
            return mask
        if self.fault == "boolean mask as numbers":
            return bias + mask
        if mask.dtype == torch.bool:
            low = -1e9 if self.fault == "−1e9 for −inf" else -math.inf
            return bias.masked_fill(mask if self.fault == "mask inverted" else ~mask, low)
        return torch.where(mask == -math.inf, -math.inf, bias) if self.fault == "additive mask as boolean" else bias + mask


BIASED_FAULTS = ["aligned at the left", "offset one too far", "mask forgotten", "bias lost under a mask", "boolean mask as numbers",
                 "−1e9 for −inf", "mask inverted", "additive mask as boolean"]


class Alibi(Biased):
    """A correct ALiBi written once more, and each `fault` that can be planted into it."""

    def __init__(self, num_heads, fault=None):
        super().__init__()
        self.fault = fault
        power = 1 << (num_heads.bit_length() - 1)
        if fault == "next power's slopes":
            power = 1 << (num_heads - 1).bit_length()
        exponents = [8 * (h + 1) / power for h in range(power)][:num_heads]
        more = [8 * (h + 1) / (2 * power) for h in range(2 * power)]
        exponents += more[1::2] if fault == "filled with the wrong half" else more[0::2]
        if fault == "formula for every H":
            exponents = [8 * (h + 1) / num_heads for h in range(num_heads)]
        if fault == "heads from 0":
            exponents = [exponent - 8 / power for exponent in exponents]
        slopes = torch.tensor([2.0 ** -exponent for exponent in exponents[:num_heads]])
        if fault == "filled and sorted":
            slopes = slopes.sort(descending=True).values
        slopes = slopes.flip(0) if fault == "order of heads" else slopes
        slopes = slopes[:1].expand(num_heads) if fault == "one slope for all" else slopes
        self.register_buffer("slopes", -slopes if fault == "sign" else slopes, persistent=fault == "saved")

    def forward(self, query, key, mask=None):
        offset = self.offsets(query, key)
        distance = {"future rewarded": -offset, "future free": (-offset).clamp(min=0), "squared": offset ** 2,
                    "by the key's place": torch.arange(key.size(-2)).expand_as(offset)}.get(self.fault, offset.abs())
        return query, key, self.masked(-self.slopes[:, None, None] * distance, mask)


ALIBI_FAULTS = [*BIASED_FAULTS, "next power's slopes", "filled with the wrong half", "formula for every H", "heads from 0",
                "filled and sorted", "order of heads", "one slope for all", "sign", "saved", "future rewarded", "future free",
                "squared", "by the key's place"]


class T5(Biased):
    """A correct bias in buckets written once more, and each `fault` that can be planted into it."""

    def __init__(self, num_heads, num_buckets=32, max_distance=128, bidirectional=True, fault=None):
        super().__init__()
        self.num_buckets, self.bidirectional, self.fault = num_buckets, bidirectional, fault
        self.max_distance = 128 if fault == "max_distance ignored" else max_distance
        self.bias = nn.Embedding(num_buckets, num_heads)
        if fault != "starts at random":
            nn.init.zeros_(self.bias.weight)

    def forward(self, query, key, mask=None):
        table = self.bias.weight[:, :1].expand_as(self.bias.weight) if self.fault == "one head's numbers" else self.bias.weight
        bias = table[self.bucket(self.offsets(query, key))].permute(2, 0, 1)
        return query, key, self.masked(bias / 2 if self.fault == "divided by √d_head" else bias, mask)

    def bucket(self, offset):
        both = self.bidirectional or self.fault == "always both sides"
        side = self.num_buckets // 2 if both else self.num_buckets
        first = side * (offset >= 0 if self.fault == "the own place among the later" else offset > 0) * both
        if self.fault == "both sides share":
            first = 0
        distance = offset.abs() if both or self.fault == "causal by absolute distance" else (-offset).clamp(min=0)
        exact = side // 2 + {"one exact too many": 1, "one exact too few": -1}.get(self.fault, 0)
        limit = {"max_distance one less": self.max_distance - 1}.get(self.fault, self.max_distance)
        growth = (distance.clamp(min=1) / max(exact, 1)).log() / math.log(max(limit / max(exact, 1), 1.01)) * (side - exact)
        if self.fault == "linear":
            growth = (distance - exact) / (limit - exact) * (side - exact)
        growth = growth.round() if self.fault == "rounded to the nearest" else growth
        shared = (exact + growth.long()).clamp(max=side - (2 if self.fault == "the last bucket empty" else 1))
        near = distance <= exact if self.fault == "boundary one too far" else distance < exact
        return first + torch.where(near, distance, shared)


T5_FAULTS = [*BIASED_FAULTS, "bias detached", "direction inverted", "max_distance ignored", "starts at random", "one head's numbers",
             "divided by √d_head", "always both sides", "the own place among the later", "both sides share",
             "causal by absolute distance", "one exact too many", "one exact too few", "max_distance one less", "linear",
             "rounded to the nearest", "the last bucket empty"]


class Shaw(Biased):
    """Correct vectors for distances written once more, and each `fault` that can be planted into them."""

    def __init__(self, d_head, max_distance=16, fault=None):
        super().__init__()
        self.fault, self.max_distance = fault, max_distance
        self.keys = nn.Embedding(2 * max_distance + 1, d_head)
        if fault != "starts at random":
            nn.init.zeros_(self.keys.weight)

    def forward(self, query, key, mask=None):
        limit = self.max_distance - (self.fault == "limit one too near")
        row = self.offsets(query, key).clamp(-limit, limit) + self.max_distance
        if self.fault == "far places left out":
            row = self.offsets(query, key) % len(self.keys.weight)
        scale = {"not divided": 1.0, "√d_model": math.sqrt(query.size(1) * query.size(-1)), "divided twice": query.size(-1)}
        met = {"query detached": query.detach(), "meets the key": key[:, :, -query.size(-2):],
               "one head's query": query[:, :1].expand_as(query), "query of the first example": query[:1]}.get(self.fault, query)
        bias = torch.einsum("bhtd,tsd->bhts", met, self.keys.weight[row]) / scale.get(self.fault, math.sqrt(query.size(-1)))
        return query, key, self.masked(2 * bias if self.fault == "added twice" else bias, mask)


SHAW_FAULTS = [*BIASED_FAULTS, "bias detached", "direction inverted", "starts at random", "limit one too near", "far places left out",
               "not divided", "√d_model", "divided twice", "query detached", "meets the key", "one head's query",
               "query of the first example", "added twice"]
PARTS = {"ALiBi": (Alibi, ALIBI_FAULTS), "RelativePositionBias": (T5, T5_FAULTS), "RelativePositionKeys": (Shaw, SHAW_FAULTS)}


@pytest.mark.parametrize("name", PARTS)
def test_without_a_fault_the_comparison_accepts(name):
    compare(with_fault(name, PARTS[name][0]), only=[name])


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, (_, faults) in PARTS.items() for fault in faults])
def test_the_comparison_rejects(name, fault):
    with pytest.raises(AssertionError):
        compare(with_fault(name, PARTS[name][0], fault), only=[name])
