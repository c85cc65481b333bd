"""The course's norms, feed-forward network and block equal PyTorch's: values and gradients."""

import functools

import pytest
import torch
from hypothesis import given, settings, strategies
from parity_attention import DEVICE, EXACT, numbers
from parity_blocks import (HEADS, HIDDEN, MASKS, WIDTH, Parts, block_agrees, compare, dropout_is_right, feed_forward_agrees, mask_for,
                           norms_agree, pytorch, randomised, rms_block_agrees)
from parity_multi_head import PATHS, forced
from torch import nn

from shared.transformer import LayerNorm, RMSNorm, TransformerBlock, causal_mask

FIXED = settings(max_examples=25, deadline=None, derandomize=True, database=None)


def test_the_whole_comparison_accepts_the_course():
    compare()


@pytest.mark.parametrize("shape", [(5,), (1, 2), (3, 1, 4), (2, 3, 4, 8), (2, 64)])
def test_norms_of_any_shape(shape):
    norms_agree(Parts(), shape)


def test_feed_forward_networks():
    feed_forward_agrees(Parts())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("mask", MASKS)
def test_an_encoder_s_block(mask, norm_first, activation, path):
    with forced(path):
        block_agrees(Parts(), mask, norm_first=norm_first, activation=activation)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("memory_mask", MASKS)
@pytest.mark.parametrize("mask", MASKS)
def test_a_decoder_s_block(mask, memory_mask, norm_first):
    block_agrees(Parts(), mask, memory_mask, norm_first=norm_first, cross_attention=True)


@pytest.mark.parametrize("cross_attention", [True, False])
@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "squared_relu"])
def test_every_activation(activation, cross_attention):
    block_agrees(Parts(), "causal", "padding", activation=activation, cross_attention=cross_attention)


@pytest.mark.parametrize("cross_attention", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_without_biases(norm_first, cross_attention):
    block_agrees(Parts(), "causal", norm_first=norm_first, bias=False, cross_attention=cross_attention)


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_block_with_rms_norm(norm_first):
    rms_block_agrees(Parts(), norm_first)


@pytest.mark.parametrize("cross_attention", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_dropout_stands_where_pytorch_has_it(norm_first, cross_attention):
    dropout_is_right(Parts(), norm_first, cross_attention)


@FIXED
@given(B=strategies.integers(1, 3), T=strategies.integers(1, 6), more=strategies.integers(0, 3), mask=strategies.sampled_from(MASKS),
       memory_mask=strategies.sampled_from(MASKS), norm_first=strategies.booleans(), bias=strategies.booleans(), cross=strategies.booleans())
def test_random_lengths_and_options(B, T, more, mask, memory_mask, norm_first, bias, cross):
    block_agrees(Parts(), mask, memory_mask, (B, T), T + more, norm_first=norm_first, bias=bias, cross_attention=cross)


@pytest.mark.parametrize("norm_first", [True, False])
def test_pytorch_s_own_key_padding_and_causal_flag(norm_first):
    ours = randomised(TransformerBlock(WIDTH, HEADS, HIDDEN, norm_first=norm_first))
    theirs, _ = pytorch(ours, norm_first=norm_first)
    ids = torch.tensor([[5, 7, 9, 0], [3, 0, 0, 0]], device=DEVICE)
    x, upper = numbers(2, 4, WIDTH), ~causal_mask(4, device=DEVICE)
    expected = theirs(x, upper, src_key_padding_mask=ids == 0, is_causal=True)
    found = ours(x, causal_mask(4, device=DEVICE) & (ids != 0)[:, None, None, :])
    torch.testing.assert_close(found, expected, **EXACT)


# --- precision

@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("ours", "theirs"), [(LayerNorm, nn.LayerNorm), (functools.partial(RMSNorm, eps=1e-5), functools.partial(nn.RMSNorm, eps=1e-5))])
def test_half_precision_is_as_exact_as_pytorch_s(ours, theirs, dtype):
    ours, theirs = randomised(ours(64), dtype), theirs(64).to(DEVICE, dtype)
    theirs.load_state_dict(ours.state_dict())
    x = (100 + 30 * numbers(8, 64)).detach()
    exact = randomised(ours.double())(x.to(dtype).double())
    ours.to(dtype)
    errors = [(layer(x.to(dtype)).double() - exact).abs().max().item() for layer in (ours, theirs)]
    assert errors[0] <= 1.5 * errors[1] + 1e-6


@pytest.mark.parametrize("make", [LayerNorm, RMSNorm])
def test_the_output_has_the_input_s_dtype(make):
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        assert make(4).to(DEVICE, dtype)(numbers(2, 4, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("mask", ["none", "causal", "padding"])
def test_autocast_in_bfloat16_is_near_float64(mask, norm_first):
    exact = randomised(TransformerBlock(16, 2, norm_first=norm_first))
    x, mask = numbers(2, 5, 16).detach(), mask_for(mask, 2, 5)
    low = TransformerBlock(16, 2, norm_first=norm_first).to(DEVICE)
    low.load_state_dict(exact.state_dict())
    with torch.autocast(DEVICE.type, torch.bfloat16):
        found = low.eval()(x.float(), mask)
    torch.testing.assert_close(found.double(), exact(x, mask), rtol=0.03, atol=0.03 * exact(x, mask).abs().max().item())
