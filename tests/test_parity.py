"""The course's attention equals PyTorch's, and plain loops: values and gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies
from parity_attention import (DEVICE, EXACT, SHAPES, Parts, agree, compare, loops, lower_right, numbers, random_mask, results,
                              triple)

from shared.transformer import ScaledDotProductAttention, causal_mask, padding_mask, scaled_dot_product_attention

FIXED = settings(max_examples=50, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("kind", [None, "boolean", "finite", "additive"])
@pytest.mark.parametrize("name", SHAPES)
def test_values_and_gradients(name, kind):
    query, key, d_v = SHAPES[name]
    mask = random_mask(kind, query[-2], key[-2]) if kind else None
    agree(scaled_dot_product_attention, *triple(query, key, d_v), mask)


def test_the_whole_comparison_accepts_the_course():
    compare(Parts())


# --- masks

@pytest.mark.parametrize("kind", ["boolean", "finite", "additive"])
@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (3, 4), (1, 3, 4), (2, 1, 4), (2, 3, 1), (2, 1, 3, 4),
                                   (1, 2, 3, 4), (2, 2, 1, 4), (1, 1, 1, 1), (2, 2, 3, 4)], ids=str)
def test_masks_of_every_rank_broadcast(shape, kind):
    agree(scaled_dot_product_attention, *triple((2, 2, 3, 2), (2, 2, 4, 2), 2), random_mask(kind, *shape))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_causal_equals_is_causal(length):
    tensors = triple((2, length, 3), (2, length, 3), 3)
    ours = results(scaled_dot_product_attention, (*tensors, causal_mask(length, device=DEVICE)), False)
    theirs = results(lambda *x: (F.scaled_dot_product_attention(*x, is_causal=True), None), tensors, False)
    torch.testing.assert_close(ours, theirs, **EXACT)


@pytest.mark.parametrize(("T", "S"), [(1, 1), (1, 5), (2, 5), (4, 5), (5, 5)])
def test_fewer_queries_than_keys_are_aligned_bottom_right(T, S):
    tensors = triple((2, T, 3), (2, S, 3), 3)
    ours = results(scaled_dot_product_attention, (*tensors, causal_mask(T, S, device=DEVICE)), False)
    torch.testing.assert_close(ours, results(lower_right, tensors, False), **EXACT)


@pytest.mark.parametrize(("T", "S"), [(T, S) for S in range(6) for T in range(S + 1)])
def test_causal_mask_by_loops(T, S):
    expected = [[s <= t + (S - T) for s in range(S)] for t in range(T)]
    assert causal_mask(T, S).dtype == torch.bool
    assert causal_mask(T, S).tolist() == expected
    assert causal_mask(S).tolist() == causal_mask(S, S).tolist()


@pytest.mark.parametrize("pad_id", [0, 3, -100])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16])
def test_padding_mask_by_loops(pad_id, dtype):
    ids = torch.tensor([[3, 0, -100, 5], [0, 0, 3, 3]], dtype=dtype, device=DEVICE)
    mask = padding_mask(ids, pad_id)
    assert (mask.shape, mask.dtype, mask.device) == ((2, 1, 1, 4), torch.bool, ids.device)
    assert mask[:, 0, 0].tolist() == [[token != pad_id for token in row] for row in ids.tolist()]


@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_a_fully_masked_row_is_zero_and_harms_nobody(kind):
    tensors = triple((2, 3, 4), (2, 5, 4), 4)
    mask = torch.ones(3, 5, dtype=torch.bool, device=DEVICE)
    mask[1] = False
    if kind == "additive":
        mask = torch.zeros(3, 5, dtype=torch.float64, device=DEVICE).masked_fill(~mask, -math.inf).requires_grad_()
    with torch.autograd.set_detect_anomaly(True):           # refuses a NaN anywhere in the backward pass
        output, weights, *gradients = results(scaled_dot_product_attention, (*tensors, mask), True)
    assert output[:, 1].eq(0).all()
    assert weights[:, 1].eq(0).all()
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert gradients[0][:, 1].eq(0).all()
    alone = scaled_dot_product_attention(tensors[0][:, [0, 2]], *tensors[1:])[0]
    torch.testing.assert_close(output[:, [0, 2]], alone, **EXACT)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("mask_dtype", [torch.float16, torch.float32, torch.float64])
def test_a_row_of_very_negative_numbers_is_never_nan(dtype, mask_dtype):
    x = numbers(3, 4, dtype=dtype)
    mask = torch.zeros(3, 3, dtype=mask_dtype, device=DEVICE)
    mask[1] = max(-1e9, torch.finfo(mask_dtype).min)
    output, weights = scaled_dot_product_attention(x, x, x, mask)
    assert (output.dtype, weights.dtype) == (dtype, dtype)
    assert output.isfinite().all()
    assert weights.isfinite().all()


def test_scores_that_would_overflow_half_precision_before_scaling():
    x = torch.full((2, 64), 40.0, dtype=torch.float16, device=DEVICE)           # x·x = 102,400 > 65,504, and 12,800 scaled
    x[1] *= -1
    torch.testing.assert_close(scaled_dot_product_attention(x, x, x)[0], F.scaled_dot_product_attention(x, x, x))


# --- random shapes and masks

@strategies.composite
def attention_inputs(draw):
    """Query, key, value with leading dimensions that broadcast, and a mask of any rank (or None)."""
    leading = draw(strategies.lists(strategies.integers(1, 2), max_size=2))
    T, S, d_k, d_v = (draw(strategies.integers(1, 4)) for _ in range(4))
    seed = draw(strategies.integers(0, 1000))

    def smaller(shape):
        """A shape that broadcasts to `shape`."""
        cut = tuple(1 if draw(strategies.booleans()) else size for size in shape)
        return cut[draw(strategies.integers(0, len(cut))):]

    query = numbers(*smaller(leading), T, d_k, seed=seed)
    key = numbers(*smaller(leading), S, d_k, seed=seed + 1)
    leading = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    value = numbers(*smaller(leading), S, d_v, seed=seed + 2)
    kind = draw(strategies.sampled_from([None, "boolean", "finite", "additive"]))
    mask = random_mask(kind, *smaller((*leading, T, S)), seed=seed + 3) if kind else None
    return query, key, value, mask


@FIXED
@given(attention_inputs())
def test_random_shapes_and_masks(inputs):
    agree(scaled_dot_product_attention, *inputs)


# --- other precisions

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 4e-3}


@pytest.mark.parametrize("kind", [None, "boolean", "additive", "causal"])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
def test_other_precisions(dtype, kind):
    tolerance = {"rtol": TOLERANCES[dtype], "atol": TOLERANCES[dtype]}
    low = [tensor.detach().to(dtype).requires_grad_() for tensor in triple((2, 2, 5, 8), (2, 2, 5, 8), 8)]
    mask = causal_mask(5, device=DEVICE) if kind == "causal" else random_mask(kind, 5, 5).detach() if kind else None
    mask = mask.to(dtype) if kind == "additive" else mask
    high = [tensor.detach().double().requires_grad_() for tensor in low]                    # the same rounded inputs
    ours = results(scaled_dot_product_attention, (*low, mask), False)
    assert {tensor.dtype for tensor in ours} == {dtype}
    exact = results(loops, (*high, mask.double() if kind == "additive" else mask), False)
    torch.testing.assert_close([tensor.double() for tensor in ours], exact, **tolerance)
    theirs = F.scaled_dot_product_attention(*low, mask)
    torch.testing.assert_close(ours[0], theirs, **tolerance)


# --- dropout

def test_dropout_zeroes_and_rescales_what_is_used():
    query, key, value = triple((8, 50, 4), (8, 50, 4), 4)
    torch.manual_seed(0)
    whole = scaled_dot_product_attention(query, key, value)[1]
    output, weights = scaled_dot_product_attention(query, key, value, dropout=0.3)
    dropped = weights == 0
    assert abs(dropped.double().mean().item() - 0.3) < 0.02                                 # 20,000 weights: 6 deviations
    torch.testing.assert_close(weights[~dropped], whole[~dropped] / 0.7, **EXACT)
    torch.testing.assert_close(output, weights @ value, **EXACT)
    assert not weights.equal(scaled_dot_product_attention(query, key, value, dropout=0.3)[1])


def test_dropout_keeps_the_mean():
    query, key, value = (tensor.expand(4000, -1, -1) for tensor in triple((2, 4), (6, 4), 3))
    torch.manual_seed(0)
    mean = scaled_dot_product_attention(query, key, value, dropout=0.2)[0].mean(dim=0)
    exact = scaled_dot_product_attention(query[0], key[0], value[0])[0]
    torch.testing.assert_close(mean, exact, rtol=0, atol=0.05)


def test_the_module_drops_in_training_only():
    tensors = triple((2, 6, 4), (2, 6, 4), 4)
    module = ScaledDotProductAttention(dropout=0.5)
    assert module(*tensors)[1].eq(0).any()
    agree(module.eval(), *tensors, random_mask("additive", 6, 6))
    agree(ScaledDotProductAttention().train(), *tensors, causal_mask(6, device=DEVICE))
    assert "dropout=0.5" in repr(module)


def test_under_autocast_the_three_may_differ_in_dtype():
    query, key, value = (torch.randn(2, 5, 8, device=DEVICE) for _ in range(3))
    with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
        output, _ = scaled_dot_product_attention(query, key, value.bfloat16())
    torch.testing.assert_close(output.float(), F.scaled_dot_product_attention(query, key, value), atol=3e-2, rtol=3e-2)
