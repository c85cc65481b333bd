"""Bad input to norms, feed-forward networks, blocks and their costs gets an error that says what was given and what is allowed."""

import math

import pytest
import torch
from parity_attention import DEVICE
from refusals import refused

from shared.transformer import FeedForward, LayerNorm, RMSNorm, TransformerBlock, block_flops, block_parameters


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype, device=DEVICE)


@pytest.mark.parametrize("make", [LayerNorm, RMSNorm])
@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"d_model": 8.0}, TypeError, "d_model must be an integer, got 8.0"),
    ({"d_model": True}, TypeError, "d_model must be an integer, got True"),
    ({"d_model": 0}, ValueError, "d_model must be at least 1, got 0"),
    ({"d_model": 8, "eps": 0}, ValueError, "eps must be above 0, got 0"),
    ({"d_model": 8, "eps": -1e-5}, ValueError, "eps must be above 0, got -1e-05"),
    ({"d_model": 8, "eps": math.nan}, ValueError, "eps must be above 0, got nan"),
])
def test_norms_refuse_sizes(make, arguments, error, message):
    refused(error, message, lambda: make(**arguments))


@pytest.mark.parametrize("make", [LayerNorm, RMSNorm])
@pytest.mark.parametrize(("x", "error", "message"), [
    (zeros(2, 7), ValueError, "x must have shape (..., 8), got (2, 7)"),
    (zeros(8, 1), ValueError, "(..., 8), got (8, 1)"),
    (zeros(), ValueError, "(..., 8), got ()"),
    (zeros(2, 8, dtype=torch.int64), TypeError, "floating-point tensor, got torch.int64"),
    ([1.0] * 8, TypeError, "floating-point tensor, got list"),
])
def test_norms_refuse_inputs(make, x, error, message):
    refused(error, message, lambda: make(8).to(DEVICE)(x))


ALLOWED = "activation must be one of 'relu', 'gelu', 'gelu_tanh', 'squared_relu', got "


@pytest.mark.parametrize("make", [FeedForward, lambda d_model, **options: TransformerBlock(d_model, 1, **options)])
@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"d_ff": 0}, ValueError, "d_ff must be at least 1, got 0"),
    ({"d_ff": 2.5}, TypeError, "d_ff must be an integer, got 2.5"),
    ({"activation": "swish"}, ValueError, ALLOWED + "'swish'"),
    ({"activation": torch.relu}, ValueError, ALLOWED + "<built-in"),
    ({"activation": None}, ValueError, ALLOWED + "None"),
    ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1, got 1.0"),
    ({"dropout": -0.1}, ValueError, "got -0.1"),
])
def test_feed_forward_networks_and_blocks_refuse_options(make, arguments, error, message):
    refused(error, message, lambda: make(d_model=8, **arguments))


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"num_heads": 3}, ValueError, "num_heads must divide d_model … d_model = 8, num_heads = 3"),
    ({"d_model": "8"}, TypeError, "d_model must be an integer, got '8'"),
    ({"norm": "batch"}, ValueError, "norm must be one of 'layer', 'rms', got 'batch'"),
    ({"norm": LayerNorm}, ValueError, "norm must be one of 'layer', 'rms', got <class"),
])
def test_blocks_refuse_options(arguments, error, message):
    refused(error, message, lambda: TransformerBlock(**({"d_model": 8, "num_heads": 2} | arguments)))


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize(("cross", "arguments", "error", "message"), [
    (False, {"memory": (2, 3, 8)}, ValueError, "memory belongs to … cross_attention=True … this has False, and memory is given"),
    (True, {}, ValueError, "this has True, and memory is missing"),
    (False, {"memory_mask": zeros(5, 3).bool()}, ValueError, "memory_mask was given without a memory"),
    (True, {"memory": (2, 3, 7)}, ValueError, "(B, length, 8), got (2, 3, 7)"),
    (True, {"memory": (3, 3, 8)}, ValueError, "same batch size"),
    (True, {"memory": (2, 3, 8), "memory_mask": zeros(5, 5).bool()}, ValueError, "does not broadcast"),
    (False, {"x": (2, 5, 7)}, ValueError, "8), got (2, 5, 7)"),
    (False, {"x": (5, 8)}, ValueError, "(B, length, 8), got (5, 8)"),
    (False, {"mask": zeros(2, 5, 5).bool()}, ValueError, "needs an axis for heads"),
])
def test_blocks_refuse_inputs(norm_first, cross, arguments, error, message):
    made = TransformerBlock(8, 2, norm_first=norm_first, cross_attention=cross).to(DEVICE)
    given = {name: zeros(*value) if isinstance(value, tuple) else value for name, value in ({"x": (2, 5, 8)} | arguments).items()}
    refused(error, message, lambda: made(**given))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: block_parameters(0), ValueError, "d_model must be at least 1, got 0"),
    (lambda: block_parameters(8, 4.0), TypeError, "d_ff must be an integer, got 4.0"),
    (lambda: block_parameters(8, norm="none"), ValueError, "norm must be one of 'layer', 'rms', got 'none'"),
    (lambda: block_flops(0, 8), ValueError, "n must be at least 1, got 0"),
    (lambda: block_flops(4, 8.5), TypeError, "d_model must be an integer, got 8.5"),
    (lambda: block_flops(4, 8, memory_length=-1), ValueError, "memory_length must be at least 0, got -1"),
    (lambda: block_flops(4, 8, cached=-1), ValueError, "cached must be at least 0, got -1"),
    (lambda: block_flops(4, 8, cached=1.0), TypeError, "cached must be an integer, got 1.0"),
    (lambda: block_flops(4, 8, batch=0), ValueError, "batch must be at least 1, got 0"),
])
def test_costs_refuse_sizes(call, error, message):
    refused(error, message, call)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("shape", [(0, 3, 8), (2, 0, 8)])
def test_empty_batches_and_sentences_keep_their_shape(shape, norm_first):
    assert TransformerBlock(8, 2, norm_first=norm_first).to(DEVICE)(zeros(*shape)).shape == shape
