"""Bad input gets the documented error, which names what was given and what is allowed, or the documented result."""

import math

import pytest
import torch
from refusals import refused
from matplotlib.figure import Figure

from shared import exercises, settings
from shared.claims import claim
from shared.evidence import record
from shared.explore import explore, show
from shared.transformer import ScaledDotProductAttention, causal_mask, padding_mask, scaled_dot_product_attention

DEVICE = settings.device()


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype, device=DEVICE)


def attend(query=(2, 3, 4), key=(2, 5, 4), value=(2, 5, 6), mask=None, dropout=0.0):
    """Attention of zeros of these shapes (tuples); anything else is taken as it is."""
    query, key, value = (zeros(*x) if isinstance(x, tuple) else x for x in (query, key, value))
    return scaled_dot_product_attention(query, key, value, mask, dropout)


def test_the_arguments_that_the_cases_vary_are_good():
    output, weights = attend()
    assert (output.shape, weights.shape) == ((2, 3, 6), (2, 3, 5))


# --- attention

@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"query": (4,)}, ValueError, "query must have at least two dimensions … (4,)"),
    ({"key": (4,)}, ValueError, "key must have at least two dimensions … (4,)"),
    ({"value": ()}, ValueError, "value must have at least two dimensions … ()"),
    ({"query": zeros(2, 3, 4, dtype=torch.int64)}, TypeError, "query must be a floating-point tensor, got torch.int64"),
    ({"query": zeros(2, 3, 4, dtype=torch.complex64)}, TypeError, "floating-point … torch.complex64"),
    ({"key": zeros(2, 5, 4, dtype=torch.float64)}, TypeError, "share one dtype, got torch.float32, torch.float64, torch.float32"),
    ({"value": zeros(2, 5, 6, dtype=torch.bfloat16)}, TypeError, "share one dtype … torch.bfloat16"),
    ({"value": zeros(2, 5, 6, dtype=torch.bool)}, TypeError, "value must be a floating-point tensor, got torch.bool"),
    ({"query": [[1.0]]}, TypeError, "query must be a floating-point tensor, got list"),
    ({"mask": True}, TypeError, "mask must be a tensor, boolean … got bool"),
    ({"query": (2, 3, 7)}, ValueError, "same width d_k … at least 1, got 7 and 4"),
    ({"query": (2, 3, 0), "key": (2, 5, 0)}, ValueError, "at least 1, got 0 and 0"),
    ({"value": (2, 4, 6)}, ValueError, "same length S, got 5 and 4"),
    ({"key": (3, 5, 4), "value": (3, 5, 6)}, ValueError, "leading dimensions … (2, 3, 4) … (3, 5, 4) … (3, 5, 6)"),
    ({"value": (3, 5, 6)}, ValueError, "leading dimensions … (3, 5, 6) do not broadcast"),
    ({"dropout": -0.1}, ValueError, "at least 0 and below 1, got -0.1"),
    ({"dropout": 1.0}, ValueError, "at least 0 and below 1, got 1.0"),
    ({"dropout": math.nan}, ValueError, "at least 0 and below 1, got nan"),
    ({"mask": zeros(3, 5, dtype=torch.int64)}, TypeError, "boolean (True = may attend) or floating point … torch.int64"),
    ({"mask": zeros(3, 5, dtype=torch.uint8)}, TypeError, "boolean … torch.uint8"),
    ({"mask": zeros(3, 5, dtype=torch.complex64)}, TypeError, "boolean … torch.complex64"),
    ({"mask": zeros(5, 3).bool()}, ValueError, "mask of shape (5, 3) does not broadcast … (2, 3, 5)"),
    ({"mask": zeros(3, 6)}, ValueError, "(3, 6) … (2, 3, 5)"),
    ({"mask": zeros(4, 3, 5).bool()}, ValueError, "(4, 3, 5) … (2, 3, 5)"),
    ({"mask": zeros(1, 2, 3, 5).bool()}, ValueError, "(1, 2, 3, 5) … (2, 3, 5)"),
    ({"mask": zeros(1, 1, 1, 1, 5)}, ValueError, "(1, 1, 1, 1, 5) … (2, 3, 5)"),
    ({"mask": zeros(0, 5)}, ValueError, "(0, 5) … (2, 3, 5)"),
])
def test_attention_refuses(arguments, error, message):
    refused(error, message, lambda: attend(**arguments))


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 1.5, math.nan])
def test_the_module_refuses_dropout(dropout):
    refused(ValueError, f"at least 0 and below 1, got {dropout}", lambda: ScaledDotProductAttention(dropout))


@pytest.mark.parametrize("mask", [None, "boolean", "additive"])
@pytest.mark.parametrize(("T", "S"), [(0, 5), (3, 0), (0, 0)])
def test_empty_sequences_give_zeros_of_the_right_shape(T, S, mask):
    query, key = zeros(2, T, 4).requires_grad_(), zeros(2, S, 4).requires_grad_()
    mask = None if mask is None else zeros(T, S, dtype=torch.bool if mask == "boolean" else torch.float32)
    output, weights = attend(query, key, torch.ones(2, S, 6, device=DEVICE), mask)
    assert (output.shape, weights.shape) == ((2, T, 6), (2, T, S))
    assert output.eq(0).all()
    output.sum().backward()
    assert query.grad.eq(0).all()
    assert key.grad.eq(0).all()


# --- masks

@pytest.mark.parametrize(("arguments", "given"), [
    ((-1,), "T = -1"),
    ((3, 2), "T = 3, S = 2"),
    ((2, -1), "S = -1"),
])
def test_causal_mask_refuses_lengths(arguments, given):
    refused(ValueError, f"integers 0 ≤ T ≤ S … {given}", lambda: causal_mask(*arguments))


@pytest.mark.parametrize(("arguments", "given"), [
    ((2.0,), "T = 2.0"),
    ((2, 3.0), "S = 3.0"),
    (("3",), "T = '3'"),
    ((None,), "T = None"),
    ((True,), "T = True"),
    ((torch.tensor(3),), "T = tensor(3)"),
])
def test_causal_mask_refuses_what_is_no_integer(arguments, given):
    refused(TypeError, f"integers 0 ≤ T ≤ S … {given}", lambda: causal_mask(*arguments))


def test_causal_masks_without_queries_or_keys():
    assert causal_mask(0).shape == (0, 0)
    assert causal_mask(0, 3).shape == (0, 3)


@pytest.mark.parametrize(("ids", "error", "message"), [
    (zeros(2, 3), TypeError, "integers, got torch.float32"),
    (zeros(2, 3).bool(), TypeError, "integers, got torch.bool"),
    (zeros(2, 3, dtype=torch.complex64), TypeError, "integers, got torch.complex64"),
    (zeros(3).long(), ValueError, "(B, S), got (3,)"),
    (zeros(2, 3, 4).long(), ValueError, "(B, S), got (2, 3, 4)"),
])
def test_padding_mask_refuses(ids, error, message):
    refused(error, message, lambda: padding_mask(ids))


def test_padding_masks_without_examples_or_tokens():
    assert padding_mask(zeros(0, 3).long()).shape == (0, 1, 1, 3)
    assert padding_mask(zeros(2, 0).long()).shape == (2, 1, 1, 0)


# --- claim, record

@pytest.mark.parametrize(("arguments", "error", "message"), [
    (("x", 1, "==", 1), ValueError, "≥ ≤ > < =, got '=='"),
    (("x", 1, ">=", 1), ValueError, "≥ ≤ > < =, got '>='"),
    (("x: y", 1, "=", 1), ValueError, "without ': ', got 'x: y'"),
    (("x\ny", 1, "=", 1), ValueError, "one line"),
    ((3, 1, "=", 1), ValueError, "got 3"),
    (("x", [1.0], "=", 1), TypeError, "measured must be one number, got [1.0] of type list"),
    (("x", True, "=", 1), TypeError, "measured … True of type bool"),
    (("x", "1", "=", 1), TypeError, "measured … '1' of type str"),
    (("x", None, "=", 1), TypeError, "measured … None"),
    (("x", 1, "=", 1j), TypeError, "bound must be one number … complex"),
    (("x", 1, "=", torch.tensor(True)), TypeError, "bound … True of type bool"),
    (("x", torch.ones(2), "=", 1), TypeError, "measured must be one number, got Tensor of shape (2,)"),
])
def test_claim_refuses(arguments, error, message):
    refused(error, message, lambda: claim(*arguments))


@pytest.mark.parametrize("result", [3, None, [1.0], {"a": "x"}, {"a": [[1], [1, 2]]}])
def test_record_refuses_a_result(result, monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "RESULTS", tmp_path)
    monkeypatch.setenv("LESSON_EVIDENCE", "all")
    refused(TypeError, "a dict of name → number or list of numbers, got", lambda: record("x", lambda seed: result))
    assert not list(tmp_path.iterdir())


# --- settings

@pytest.mark.parametrize(("variable", "value", "read", "allowed"), [
    ("LESSON_SEED", "abc", settings.seed, "a whole number of at least 0"),
    ("LESSON_SEED", "-1", settings.seed, "a whole number of at least 0"),
    ("LESSON_SEED", "1.5", settings.seed, "a whole number of at least 0"),
    ("LESSON_SEED", "", settings.generator, "a whole number of at least 0"),
    ("LESSON_SCALE", "big", settings.scale, "quick, full"),
    ("LESSON_SCALE", "big", lambda: settings.pick(quick=1, full=2), "quick, full"),
    ("LESSON_DEVICE", "toaster", settings.device, "cpu, cuda"),
    ("LESSON_DEVICE", "cuda:x", settings.device, "cpu, cuda"),
])
def test_settings_refuse(variable, value, read, allowed, monkeypatch):
    monkeypatch.setenv(variable, value)
    refused(ValueError, f"{variable} must … {allowed} … got {value!r}", read)


# --- pictures

@pytest.mark.parametrize(("control", "error", "message"), [
    ((0, 1), TypeError, "control width must be (low, high, start) … got (0, 1)"),
    ([], TypeError, "a non-empty list … got []"),
    (None, TypeError, "got None"),
    (3, TypeError, "got 3"),
    ({"a": 1}, TypeError, "got {'a': 1}"),
    (("a", "b", "c"), TypeError, "control width: low, high and start must be numbers, got ('a', 'b', 'c')"),
    ((0, 5, 9), ValueError, "start must lie between low and high … got (0, 5, 9)"),
    ((5, 0, 2), ValueError, "got (5, 0, 2)"),
    ((1, 1, 1), ValueError, "low below high, got (1, 1, 1)"),
])
def test_explore_refuses_a_control(control, error, message):
    refused(error, message, lambda: explore(lambda width: Figure(), "a picture", width=control))


@pytest.mark.parametrize("drawn", [None, 3, "picture"])
def test_pictures_must_be_figures_with_a_text(drawn):
    given = f"must be a matplotlib Figure, got {type(drawn).__name__}"
    refused(TypeError, given, lambda: explore(lambda width: drawn, "a picture", width=(0, 1, 0)))
    refused(TypeError, given, lambda: show(drawn, "a picture"))
    refused(ValueError, "alt must not be empty", lambda: show(Figure(), ""))
    refused(ValueError, "alt must not be empty", lambda: explore(lambda width: Figure(), "", width=(0, 1, 0)))


# --- exercises

@pytest.mark.parametrize("use", [lambda number: exercises.check(number, 1), exercises.hint, exercises.solution])
def test_an_unknown_exercise_is_refused(use):
    refused(ValueError, f"no exercise '0.1', only … {next(iter(exercises.all_exercises()))}", lambda: use("0.1"))


@pytest.mark.parametrize("level", [0, -1, 99])
def test_a_hint_that_does_not_exist_is_refused(level):
    number = next(iter(exercises.all_exercises()))
    refused(ValueError, f"exercise {number} has hints 1 to … got {level}", lambda: exercises.hint(number, level))
