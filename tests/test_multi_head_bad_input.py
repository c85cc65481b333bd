"""Bad input to multi-head attention gets an error that names what was given and what is allowed, on every path."""

import math

import pytest
import torch
from refusals import refused
from parity_attention import DEVICE
from parity_multi_head import PATHS, forced

from shared.transformer import MultiHeadAttention


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype, device=DEVICE)


def attend(query=(2, 3, 4), key=(2, 5, 4), value=None, mask=None, **options):
    """Attention of zeros of these shapes (tuples); anything else is taken as it is."""
    query, key, value = (zeros(*x) if isinstance(x, tuple) else x for x in (query, key, value))
    return MultiHeadAttention(4, 2).to(DEVICE)(query, key, value, mask, **options)


def test_the_arguments_that_the_cases_vary_are_good():
    output, weights = attend()
    assert (output.shape, weights.shape) == ((2, 3, 4), (2, 3, 5))


@pytest.mark.parametrize(("arguments", "message"), [
    ({"d_model": 10, "num_heads": 3}, "num_heads must divide d_model … d_model = 10, num_heads = 3"),
    ({"d_model": 4, "num_heads": 8}, "d_model = 4, num_heads = 8"),
    ({"d_model": 8, "num_heads": 0}, "num_heads must be at least 1, got 0"),
    ({"d_model": 8, "num_heads": -2}, "num_heads must be at least 1, got -2"),
    ({"d_model": 0, "num_heads": 1}, "d_model must be at least 1, got 0"),
    ({"d_model": 8, "num_heads": 2, "dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
    ({"d_model": 8, "num_heads": 2, "dropout": math.nan}, "got nan"),
])
def test_the_layer_refuses_sizes(arguments, message):
    refused(ValueError, message, lambda: MultiHeadAttention(**arguments))


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"query": (2, 3, 5)}, ValueError, "query must be a tensor of shape (B, length, 4), got (2, 3, 5)"),
    ({"key": (2, 5, 3)}, ValueError, "key must … (B, length, 4), got (2, 5, 3)"),
    ({"value": (2, 5, 3)}, ValueError, "value must … (B, length, 4), got (2, 5, 3)"),
    ({"query": (3, 4)}, ValueError, "query must … got (3, 4)"),
    ({"query": (2, 1, 3, 4)}, ValueError, "query must … got (2, 1, 3, 4)"),
    ({"query": [[[1.0]]]}, ValueError, "query must be a tensor … got list"),
    ({"key": 3}, ValueError, "key must be a tensor … got int"),
    ({"query": zeros(2, 3, 4, dtype=torch.int64)}, TypeError, "floating-point … torch.int64"),
    ({"key": (3, 5, 4)}, ValueError, "same batch size … (2, 3, 4), (3, 5, 4) and (3, 5, 4)"),
    ({"key": (1, 5, 4)}, ValueError, "same batch size … (2, 3, 4), (1, 5, 4) and (1, 5, 4)"),
    ({"value": (3, 5, 4)}, ValueError, "same batch size … (3, 5, 4)"),
    ({"value": (2, 6, 4)}, ValueError, "key and value the same length … (2, 5, 4) and (2, 6, 4)"),
    ({"mask": zeros(2, 3, 5).bool()}, ValueError, "(T, S) … (B, H, T, S) … got (2, 3, 5) … mask[:, None]"),
    ({"mask": zeros(5).bool()}, ValueError, "two dimensions … got (5,)"),
    ({"mask": zeros(3, 5, dtype=torch.int64)}, TypeError, "boolean (True = may attend) … torch.int64"),
    ({"mask": zeros(3, 5, dtype=torch.uint8)}, TypeError, "boolean (True = may attend) … torch.uint8"),
    ({"mask": True}, TypeError, "mask must be a tensor, boolean … got bool"),
    ({"mask": [[True]]}, TypeError, "mask must be a tensor, boolean … got list"),
    ({"mask": zeros(5, 3).bool()}, ValueError, "(5, 3) does not broadcast … (2, 2, 3, 5)"),
    ({"mask": zeros(2, 4, 3, 5)}, ValueError, "(2, 4, 3, 5) does not broadcast … (2, 2, 3, 5)"),
])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("path", PATHS)
def test_attention_refuses(path, need_weights, arguments, error, message):
    with forced(path):
        refused(error, message, lambda: attend(**arguments, need_weights=need_weights))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("T", "S"), [(0, 5), (3, 0), (0, 0)])
def test_empty_sequences_give_zero_attention_of_the_right_shape(T, S, path):
    layer = MultiHeadAttention(4, 2).to(DEVICE)
    with forced(path):
        output, _ = layer(zeros(2, T, 4), zeros(2, S, 4), need_weights=False)
    assert output.shape == (2, T, 4)
    if S == 0:
        assert output.equal(layer.to_output.bias.expand(2, T, 4))
    assert layer(zeros(2, T, 4), zeros(2, S, 4))[1].shape == (2, T, S)
