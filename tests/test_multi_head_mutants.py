"""Every class of bug in multi-head attention that was ever published: the parity comparison rejects each one."""

import functools
import math

import pytest
import torch
import torch.nn.functional as F
from parity_multi_head import compare
from torch import nn

from shared.transformer import fused


class Layer(nn.Module):
    """A correct multi-head attention written once more, and each `fault` that can be planted into it."""

    def __init__(self, d_model, num_heads, dropout=0.0, bias=True, fault=None):
        super().__init__()
        self.d_model, self.num_heads, self.fault = d_model, num_heads, fault
        self.to_query, self.to_key, self.to_value, self.to_output = (nn.Linear(d_model, d_model, bias=bias) for _ in range(4))
        self.attention = nn.Dropout(dropout)
        self.attention.dropout = dropout

    def forward(self, query, key=None, value=None, mask=None, need_weights=True, average_weights=True):
        key = query if key is None else key
        value = key if value is None or self.fault == "value ignored" else value
        if self.fault == "key and value swapped":
            key, value = value, key
        to_value = self.to_key if self.fault == "value by the key's projection" else self.to_value
        query, key, value = (self._split(self._project(part, x)) for part, x in (
            (self.to_query, query), (self.to_key, key), (to_value, value)))
        if self.fault == "one head used for all":
            query, key, value = (x[:, :1].expand_as(x) for x in (query, key, value))
        if need_weights or fused.explicit_is_faster(query, key):
            output, weights = self._explicit(query, key, value, mask)
        else:
            output, weights = self._fast(query, key, value, mask), None
        output = self._project(self.to_output, self._merge(output))
        if not need_weights:
            return output, None
        return output, self._averaged(weights) if average_weights else weights

    def _project(self, part, x):
        bias = None if self.fault == "biases dropped" else part.bias
        if self.fault == "no bias at the output" and part is self.to_output:
            bias = None
        return x if self.fault == "no output projection" and part is self.to_output else F.linear(x, part.weight, bias)

    def _split(self, x):
        B, length, _ = x.shape
        if self.fault == "split without transpose":
            return x.reshape(B, self.num_heads, length, -1)
        if self.fault == "heads interleaved in split":
            return x.reshape(B, length, -1, self.num_heads).permute(0, 3, 1, 2)
        return x.reshape(B, length, self.num_heads, -1).transpose(1, 2)

    def _merge(self, x):
        if self.fault == "merge without transpose":
            return x.reshape(len(x), x.size(2), -1)
        if self.fault == "heads permuted in merge":
            x = x.flip(1)
        return x.transpose(1, 2).flatten(2)

    def _averaged(self, weights):
        if self.fault == "weights averaged over queries":
            return weights.mean(dim=2)
        if self.fault == "weights summed":
            return weights.sum(dim=1)
        return weights[:, 0] if self.fault == "weights of the first head" else weights.mean(dim=1)

    def _scale(self, query):
        if self.fault == "√d_model":
            return 1 / math.sqrt(self.d_model)
        return 1.0 if self.fault == "no scaling" else 1 / math.sqrt(query.size(-1))

    def _mask(self, mask, scores):
        """The mask as numbers to add to the scores."""
        if mask is None or self.fault == "mask ignored":
            return scores.new_zeros(1)
        if mask.dtype != torch.bool:
            return mask
        if self.fault == "mask of the first head":
            mask = mask.expand_as(scores)[:, :1]
        if self.fault == "mask of the first example":
            mask = mask.expand_as(scores)[:1]
        allowed = ~mask if self.fault == "mask inverted" else mask
        low = -1e9 if self.fault == "−1e9 for −inf" else -math.inf
        return torch.zeros_like(allowed, dtype=scores.dtype).masked_fill(~allowed, low)

    def _dropout(self):
        if self.fault == "dropout never":
            return 0.0
        return self.attention.p if self.training or self.fault == "dropout alive in eval" else 0.0

    def _explicit(self, query, key, value, mask):
        scores = query @ key.transpose(-2, -1) * self._scale(query)
        additive = self._mask(mask, scores).expand_as(scores)
        blocked = (additive == -math.inf).all(dim=-1, keepdim=True)
        if self.fault == "NaN where nothing is allowed":
            blocked = torch.zeros_like(blocked)
        weights = (scores + additive.masked_fill(blocked, 0.0)).softmax(dim=-1)
        weights = F.dropout(weights.masked_fill(blocked, 0.0), self._dropout())
        return weights @ value, weights.detach() if self.fault == "weights detached" else weights

    def _fast(self, query, key, value, mask):
        dropout = 0.0 if self.fault == "no dropout without weights" else self._dropout()
        if self.fault == "dropout alive in eval without weights":
            dropout = self.attention.p
        if self.fault == "mask ignored without weights":
            mask = None
        if mask is not None:
            scores = query @ key.transpose(-2, -1)
            mask = self._mask(mask, scores).expand_as(scores)
        return F.scaled_dot_product_attention(query, key, value, mask, dropout, scale=self._scale(query))


FAULTS = [
    "split without transpose", "merge without transpose", "heads interleaved in split", "heads permuted in merge",
    "one head used for all", "√d_model", "no scaling", "mask inverted", "mask ignored", "mask ignored without weights",
    "mask of the first head", "mask of the first example", "−1e9 for −inf", "NaN where nothing is allowed",
    "key and value swapped", "value ignored", "value by the key's projection", "weights averaged over queries", "weights summed",
    "weights of the first head", "weights detached", "dropout alive in eval", "dropout alive in eval without weights",
    "dropout never", "no dropout without weights", "biases dropped", "no bias at the output", "no output projection",
]


def test_without_a_fault_the_comparison_accepts():
    compare(Layer)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_rejects(fault):
    with pytest.raises(AssertionError):
        compare(functools.partial(Layer, fault=fault))
