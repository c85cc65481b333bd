"""Modules, losses, weights and caches: each property holds on a correct part and fails on a planted violation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from shared import properties, settings
from shared.transformer import ScaledDotProductAttention, causal_mask, scaled_dot_product_attention

DEVICE = settings.device()
ROUNDING = 1e-5         # what float32 may differ by where nothing is wrong
VIOLATION = 1e-3        # what a planted violation must exceed


def numbers(*shape, offset=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(offset)).to(DEVICE)


X = numbers(2, 6, 4)


# --- eval, weights, loss

class Alive(nn.Module):
    """Dropout that eval() does not switch off."""

    def forward(self, x):
        return F.dropout(x, 0.1, training=True), None


def test_eval_is_deterministic_and_the_flags_come_back():
    module = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 4), nn.Dropout(0.5)).to(DEVICE)
    module[2].eval()
    assert properties.nondeterminism(module, X) == 0
    assert [part.training for part in module.modules()] == [True, True, True, False]
    attention = ScaledDotProductAttention(dropout=0.5)
    assert properties.nondeterminism(attention, X, X, X) == 0
    assert attention.training


def test_dropout_alive_in_eval_is_measured():
    assert properties.nondeterminism(Alive(), X) > VIOLATION


def test_flags_come_back_after_an_error():
    module = nn.Linear(4, 4).to(DEVICE)
    with pytest.raises(RuntimeError):
        properties.nondeterminism(module, numbers(2, 3))
    assert module.training


BLOCKED = causal_mask(6, device=DEVICE) & (torch.arange(6, device=DEVICE) > 0)[:, None]      # the first row sees nothing


def test_weights_sum_to_one():
    assert properties.weight_sum_error(scaled_dot_product_attention(X, X, X)[1]) < ROUNDING
    assert properties.weight_sum_error(scaled_dot_product_attention(X, X, X, BLOCKED)[1], BLOCKED) < ROUNDING


@pytest.mark.parametrize(("weights", "allowed"), [
    (numbers(2, 6, 6), None),
    (numbers(2, 6, 6).softmax(dim=-2), None),
    (numbers(2, 6, 6).softmax(dim=-1).tril(), None),
    (F.dropout(numbers(2, 6, 6).softmax(dim=-1), 0.3), None),
    (scaled_dot_product_attention(X, X, X, BLOCKED)[1], None),
    (scaled_dot_product_attention(X, X, X)[1], BLOCKED),                    # uniform where nothing is allowed
    (torch.tensor([[2.0, -1.0]], device=DEVICE), None),
], ids=["no softmax", "wrong axis", "zero after softmax", "dropout", "row of zeros", "row not zero", "negative"])
def test_wrong_weight_sums_are_measured(weights, allowed):
    assert properties.weight_sum_error(weights, allowed) > VIOLATION


def test_first_loss():
    targets = torch.arange(10, device=DEVICE)
    assert properties.first_loss_gap(F.cross_entropy(torch.zeros(10, 10, device=DEVICE), targets), 10) < ROUNDING
    tied = F.cross_entropy(8 * numbers(10, 10), targets)                                    # logits of deviation 8
    assert properties.first_loss_gap(tied, 10) > 0.5
    assert properties.first_loss_gap(0.0, 10) == 1


# --- training

class Net(nn.Module):
    def __init__(self, fault=None):
        super().__init__()
        self.fault = fault
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 4)
        self.register_parameter("unused", nn.Parameter(torch.zeros(3)) if fault == "unused" else None)
        if fault == "frozen":
            self.first.requires_grad_(False)

    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        if self.fault == "detached":
            hidden = hidden.detach()
        if self.fault == "multiplied by zero":
            hidden = hidden * 0
        return self.second(hidden).detach() if self.fault == "dead" else self.second(hidden)


def net(fault=None):
    torch.manual_seed(0)
    return Net(fault).to(DEVICE)


def squared_error(module):
    return F.mse_loss(module(X), X.flip(-1))


def test_the_gradient_reaches_every_parameter():
    module = net()
    loss = squared_error(module)
    assert properties.unreached_parameters(module, loss) == []
    assert module.first.weight.grad is None
    loss.backward()
    before = module.first.weight.grad.clone()
    assert properties.unreached_parameters(module, squared_error(module)) == []
    assert module.first.weight.grad.equal(before)


@pytest.mark.parametrize(("fault", "names"), [
    ("unused", ["unused"]),
    ("detached", ["first.weight", "first.bias"]),
    ("frozen", ["first.weight", "first.bias"]),
    ("multiplied by zero", ["first.weight", "first.bias", "second.weight"]),
    ("dead", ["first.weight", "first.bias", "second.weight", "second.bias"]),
])
def test_unreached_parameters_are_named(fault, names):
    module = net(fault)
    assert properties.unreached_parameters(module, squared_error(module)) == names


def test_one_batch_can_be_overfitted_and_the_module_stays_as_it_was():
    module = net()
    before = [parameter.clone() for parameter in module.parameters()]
    start = squared_error(module).item()
    assert properties.overfit_loss(module, squared_error, steps=100) < start / 10
    assert all(a.equal(b) for a, b in zip(module.parameters(), before, strict=True))
    assert module.first.weight.grad is None


@pytest.mark.parametrize("fault", ["multiplied by zero", "dead"])
def test_a_module_that_cannot_train_is_measured(fault):
    module = net(fault)
    assert properties.overfit_loss(module, squared_error, steps=100) > squared_error(net()).item() / 2


# --- cache

CHUNKINGS = [(1, 1, 1, 1, 1, 1), (6,), (2, 4), (4, 2), (3, 1, 2)]


def positions(length, start=0):
    return torch.arange(start, start + length, device=DEVICE)[:, None].float()


def at_once(x):
    x = x + positions(x.size(1))
    return scaled_dot_product_attention(x, x, x, causal_mask(x.size(1), device=DEVICE))[0]


def stepper(restart=False, unmasked=False, forgetful=False):
    def step(chunk, cache):
        past = 0 if cache is None else cache.size(1)
        chunk = chunk + positions(chunk.size(1), 0 if restart else past)
        cache = chunk if cache is None or forgetful else torch.cat([cache, chunk], dim=1)
        mask = None if unmasked else causal_mask(chunk.size(1), cache.size(1), device=DEVICE)
        return scaled_dot_product_attention(chunk, cache, cache, mask)[0], cache

    return step


def test_cached_equals_uncached():
    assert properties.cache_error(at_once, stepper(), X, CHUNKINGS) < ROUNDING


@pytest.mark.parametrize("fault", ["restart", "unmasked", "forgetful"])
def test_a_wrong_cache_is_measured(fault):
    assert properties.cache_error(at_once, stepper(**{fault: True}), X, CHUNKINGS) > VIOLATION


# --- bad input

@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: properties.weight_sum_error(X, X.long()), TypeError, "boolean.*got torch.int64"),
    (lambda: properties.first_loss_gap(1.0, 1), ValueError, "at least 2, got 1"),
    (lambda: properties.first_loss_gap(1.0, 2.5), TypeError, "whole number.*2.5"),
    (lambda: properties.unreached_parameters(net(), X), ValueError, r"one number, got shape \(2, 6, 4\)"),
    (lambda: properties.overfit_loss(net(), squared_error, steps=0), ValueError, "at least 1, got 0"),
    (lambda: properties.overfit_loss(nn.ReLU(), squared_error), ValueError, "no parameter"),
    (lambda: properties.cache_error(at_once, stepper(), X, [(2, 3)]), ValueError, r"add up to T of x .*, got \(2, 3\)"),
    (lambda: properties.cache_error(at_once, stepper(), X, [(6, 0)]), ValueError, r"at least 1.*\(6, 0\)"),
    (lambda: properties.cache_error(at_once, stepper(), X, []), ValueError, "nothing to compare"),
])
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
