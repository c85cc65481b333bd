"""The course's multi-head attention equals PyTorch's: values and gradients, on each of its paths."""

import pytest
import torch
from hypothesis import given, settings, strategies
from parity_attention import DEVICE, EXACT, numbers
from parity_multi_head import (INPUTS, MASKS, PATHS, PROJECTIONS, agree, compare, dropout_is_right, forced, inputs, layer, mask_for,
                               nothing_allowed_is_right, our_results, pytorch)

from shared.transformer import KeyValueCache, MultiHeadAttention, padding_mask

FIXED = settings(max_examples=30, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("name", INPUTS)
def test_values_and_gradients(name, kind):
    query, key, value = inputs(name)
    agree(layer(), query, key, value, mask_for(kind, query, key))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_heads", [1, 2, 3, 6])
def test_every_number_of_heads_with_and_without_bias(num_heads, bias):
    query, key, value = inputs("other value")
    agree(layer(num_heads=num_heads, bias=bias), query, key, value, mask_for("of each head", query, key, num_heads))


def test_the_whole_comparison_accepts_the_course():
    compare()


def test_pytorch_s_own_key_padding():
    query, key = numbers(2, 3, 6), numbers(2, 4, 6, seed=1)
    ids = torch.tensor([[5, 7, 9, 0], [3, 0, 0, 0]], device=DEVICE)
    ours = layer()
    expected = pytorch(ours)(query, key, key, key_padding_mask=ids == 0)
    torch.testing.assert_close(ours(query, key, mask=padding_mask(ids)), expected, **EXACT)


@strategies.composite
def layers_and_inputs(draw):
    num_heads, d_head, B, T, S = (draw(strategies.integers(1, 4)) for _ in range(5))
    d_model, seed = num_heads * d_head, draw(strategies.integers(0, 1000))
    tensors = [numbers(B, length, d_model, seed=seed + i) for i, length in enumerate((T, S, S))]
    self_attention, own_value = draw(strategies.booleans()), draw(strategies.booleans())
    query, key, value = tensors[0], None if self_attention else tensors[1], tensors[2] if own_value else None
    value = None if self_attention else value
    mask = mask_for(draw(strategies.sampled_from(MASKS)), query, key, num_heads)
    return layer(d_model, num_heads, draw(strategies.booleans())), query, key, value, mask


@FIXED
@given(layers_and_inputs())
def test_random_shapes_heads_and_masks(case):
    agree(*case)


# --- masks, dropout, precision

@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["boolean", "additive"])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("path", PATHS)
def test_a_fully_masked_row_is_zero_attention_and_harms_nobody(path, need_weights, kind, bias):
    nothing_allowed_is_right(layer(bias=bias), path, need_weights, kind)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("path", PATHS)
def test_a_mask_of_numbers_may_have_another_dtype(path, dtype):
    ours, query = layer(), inputs("self")[0]
    mask = mask_for("additive", query).detach().to(dtype)
    expected = ours(query, mask=mask.double())[0]
    with forced(path):
        found = ours(query, mask=mask, need_weights=False)[0]
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("path", PATHS)
def test_dropout_in_training_only(path, need_weights):
    for mask in (None, torch.ones(1, 2001, dtype=torch.bool, device=DEVICE)):
        dropout_is_right(MultiHeadAttention, path, need_weights, mask)


@pytest.mark.parametrize("kind", ["none", "boolean", "additive", "causal", "padding"])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("path", PATHS)
def test_autocast_in_bfloat16_is_near_float64(path, need_weights, kind):
    exact, low = layer(16, 4), layer(16, 4).float()
    query = numbers(2, 5, 16)
    mask = mask_for(kind, query, num_heads=4)
    low_mask = mask.detach().float() if kind == "additive" else mask
    rounded = query.detach().float().requires_grad_()
    with forced(path), torch.autocast(DEVICE.type, torch.bfloat16):
        found = our_results(low, rounded, None, None, low_mask, need_weights=need_weights)
    expected = our_results(exact, query, None, None, None if mask is None else mask.detach(), need_weights=need_weights)
    assert found[0].dtype == torch.bfloat16
    pairs = [(ours.double(), theirs) for ours, theirs in zip(found, expected, strict=True) if theirs is not None]
    largest = max(theirs.abs().max().item() for _, theirs in pairs)     # the key's bias has gradient 0: no scale of its own
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=3e-2 * largest)


@pytest.mark.parametrize("bias", [True, False])
def test_biases_are_there_if_asked_for(bias):
    projections = [getattr(MultiHeadAttention(6, 2, bias=bias), name) for name in PROJECTIONS]
    assert [projection.bias is not None for projection in projections] == [bias] * 4


def test_a_cache_of_all_layers_is_refused_where_one_layer_s_is_needed():
    with pytest.raises(TypeError, match=r"cache must be that of one layer, cache\.layers\[k\], got a KeyValueCache"):
        layer()(numbers(2, 3, 6), cache=KeyValueCache(1))
