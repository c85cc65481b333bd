"""What parts do to tokens: each property holds on a correct part and is measured to fail on a planted violation."""

import math

import pytest
import torch
from torch import nn

from shared import properties, settings
from shared.transformer import causal_mask, scaled_dot_product_attention

DEVICE = settings.device()
ROUNDING = 1e-5         # what float32 may differ by where nothing is wrong
VIOLATION = 1e-3        # what a planted violation must exceed


def numbers(*shape, offset=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(offset), dtype=dtype).to(DEVICE)


def attend(x, mask=None):
    return scaled_dot_product_attention(x, x, x, mask)[0]


def causal(x):
    return attend(x, causal_mask(x.size(-2), device=x.device))


def kept(x, keep):
    return attend(x, keep[:, None, :])


X = numbers(2, 6, 4)
KEEP = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)


# --- influence and causality

@pytest.mark.parametrize("x", [X, X[0], X.double()], ids=["batch", "one", "float64"])
def test_causal_attention_has_no_influence_of_the_future(x):
    assert properties.future_influence(causal, x) == 0


@pytest.mark.parametrize("leak", [
    attend,
    lambda x: attend(x, causal_mask(6, device=x.device).T),                                 # the mask the wrong way round
    lambda x: attend(x, ~causal_mask(6, device=x.device)),
    lambda x: attend(x, torch.ones(6, 6, device=x.device).tril(diagonal=1).bool()),         # one token too many
    lambda x: causal(x) + 1e-6 * x.mean(dim=-2, keepdim=True),                              # a leak far below rounding
    lambda x: causal(x - x.mean(dim=-2, keepdim=True)),                                     # normalised over the tokens
    lambda x: causal(x) + 1e-30 * x.roll(-1, dims=-2),
], ids=["no mask", "flipped", "inverted", "off by one", "tiny", "normalised over tokens", "squares to zero"])
def test_a_causal_leak_is_measured(leak):
    assert properties.future_influence(leak, X) > 0


def test_a_causal_zero_after_the_softmax_leaks():
    def zero_after_softmax(x):
        weights = scaled_dot_product_attention(x, x, x)[1]
        return weights.tril() @ x

    assert properties.future_influence(zero_after_softmax, X) > VIOLATION


def test_influence_is_the_largest_jacobian_entry_of_each_pair():
    weights = torch.tensor([[1.0, 0.0, 0.0], [0.25, -0.75, 0.0]], device=DEVICE)            # 2 outputs from 3 inputs
    measured = properties.influence(lambda x: weights @ x, numbers(3, 5))
    torch.testing.assert_close(measured, weights.abs())
    assert properties.influence(lambda x: weights @ x, numbers(4, 3, 5)).equal(measured)


def test_influence_leaves_gradients_alone():
    layer = nn.Linear(4, 4).to(DEVICE)
    properties.influence(layer, X)
    assert layer.weight.grad is None


def test_a_nan_is_never_no_influence():
    assert math.isnan(properties.future_influence(lambda x: x * math.nan, X))


# --- equivariance

def test_attention_is_equivariant():
    assert properties.equivariance_error(attend, X) < ROUNDING
    assert properties.equivariance_error(attend, X[0], torch.Generator(DEVICE).manual_seed(3)) < ROUNDING


@pytest.mark.parametrize("violation", [
    causal,
    lambda x: attend(x + torch.arange(x.size(-2), device=x.device)[:, None]),
    lambda x: x.cumsum(dim=-2),
    lambda x: x.roll(1, dims=-2) * torch.linspace(0, 1, x.size(-2), device=x.device)[:, None],
], ids=["causal", "positions added", "running sum", "recurrent"])
def test_dependence_on_order_is_measured(violation):
    assert properties.equivariance_error(violation, X) > VIOLATION


@pytest.mark.parametrize("seed", range(20))
def test_no_permutation_is_the_identity(seed):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    assert properties.equivariance_error(lambda x: x.cumsum(dim=-2), X[:, :2], generator) > VIOLATION


# --- padding and batch

@pytest.mark.parametrize("more", [0, 3])
def test_masked_padding_has_no_influence(more):
    assert properties.padding_influence(kept, X, KEEP, more=more) < ROUNDING


def test_masked_padding_has_exactly_no_influence():
    assert properties.padding_influence(kept, X, KEEP) == 0


def pooled(x, keep):
    return (kept(x, keep) * keep[..., None]).sum(dim=1) / keep.sum(dim=1, keepdim=True)


EMBEDDING = nn.Embedding(9, 4).to(DEVICE)
IDS = torch.tensor([[5, 3, 8, 2, 0, 0], [1, 2, 3, 4, 5, 6]], device=DEVICE)


def test_padding_of_ids_and_pooled_results_have_no_influence():
    assert properties.padding_influence(pooled, X, KEEP, more=2) < ROUNDING
    assert properties.padding_influence(lambda ids, keep: kept(EMBEDDING(ids), keep), IDS, KEEP) < ROUNDING


@pytest.mark.parametrize(("violation", "x", "more"), [
    (lambda x, keep: attend(x), X, 0),
    (lambda x, keep: attend(x, ~keep[:, None, :]), X, 0),
    (lambda x, keep: attend(x, keep[:, :, None]), X, 0),                                    # on the queries, not the keys
    (lambda x, keep: kept(x, keep).mean(dim=1), X, 0),
    (lambda x, keep: (kept(x, keep) * keep[..., None]).mean(dim=1), X, 3),                  # divides by the padded length
    (lambda x, keep: x - x.mean(dim=(0, 1)), X, 0),
    (lambda ids, keep: attend(EMBEDDING(ids)), IDS, 0),
], ids=["attended", "inverted", "on queries", "mean over pads", "padded length", "statistics over pads", "ids"])
def test_influence_of_padding_is_measured(violation, x, more):
    assert properties.padding_influence(violation, x, KEEP, more=more) > VIOLATION


def test_examples_do_not_see_each_other():
    assert properties.batch_influence(attend, X) < ROUNDING
    assert properties.batch_influence(kept, X, KEEP) < ROUNDING
    assert properties.batch_influence(nn.BatchNorm1d(6).to(DEVICE).eval(), X) < ROUNDING


@pytest.mark.parametrize("violation", [
    nn.BatchNorm1d(6).to(DEVICE).train(),
    lambda x: x - x.mean(dim=0),
    lambda x: attend(x.transpose(0, 1)).transpose(0, 1),                                    # attends over the batch
    lambda x: x + x.flip(0),
], ids=["BatchNorm", "batch mean", "wrong axis", "neighbour"])
def test_influence_of_the_batch_is_measured(violation):
    assert properties.batch_influence(violation, X) > VIOLATION


# --- bad input

@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: properties.influence(attend, numbers(6)), ValueError, r"\(T, d\) or \(B, T, d\).*got torch.float32 \(6,\)"),
    (lambda: properties.influence(attend, IDS), ValueError, r"floating point.*torch.int64"),
    (lambda: properties.influence(attend, X[:, :0]), ValueError, r"not empty, got .*\(2, 0, 4\)"),
    (lambda: properties.influence(lambda x: (x, x), X), TypeError, "one tensor, got tuple"),
    (lambda: properties.influence(lambda x: x.sum(), X), ValueError, r"at least 2 dimensions, got shape \(\)"),
    (lambda: properties.influence(lambda x: x[:1], X), ValueError, r"batch dimension \(2,\), got \(1,\)"),
    (lambda: properties.future_influence(lambda x: x[:, 1:], X), ValueError, "got 5 from 6"),
    (lambda: properties.future_influence(lambda x: x, X[:, :1]), ValueError, "at least 2 of them, got 1"),
    (lambda: properties.equivariance_error(attend, X[:, :1]), ValueError, "at least 2 tokens, got 1"),
    (lambda: properties.equivariance_error(lambda x: x, numbers(6)), ValueError, r"\(T, d\)"),
    (lambda: properties.padding_influence(kept, X, KEEP.float()), ValueError, "boolean.*got torch.float32"),
    (lambda: properties.padding_influence(kept, X, KEEP[:1]), ValueError, r"x \(2, 6, 4\), got torch.bool \(1, 6\)"),
    (lambda: properties.padding_influence(kept, X, KEEP | True), ValueError, "only one of them"),
    (lambda: properties.padding_influence(lambda i, k: i, IDS * 0, KEEP), ValueError, "two different ids"),
    (lambda: properties.batch_influence(attend, X[:1]), ValueError, r"at least 2, got shapes \[\(1, 6, 4\)\]"),
    (lambda: properties.batch_influence(kept, X, KEEP[:1]), ValueError, r"share one batch size"),
    (lambda: properties.batch_influence(lambda x: x[:1], X), ValueError, "different shapes"),
    (lambda: properties.batch_influence(lambda x: x[:, :0], X), ValueError, "nothing to compare"),
])
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
