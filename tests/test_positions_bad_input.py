"""Bad input to the parts that mark places gets an error that names what was given and what is allowed."""

import math

import pytest
import torch
from parity_attention import DEVICE
from parity_multi_head import PATHS, forced
from refusals import refused

from shared.transformer import (ALiBi, LearnedPositionalEmbedding, MultiHeadAttention, RelativePositionBias, RelativePositionKeys,
                                RotaryEmbedding, SinusoidalPositionalEncoding, sinusoids)

PLACES = torch.arange(4, device=DEVICE)
GOOD = {                                            # part → arguments that it takes
    sinusoids: {"positions": PLACES, "d_model": 8},
    SinusoidalPositionalEncoding: {"d_model": 8, "max_seq_len": 16},
    LearnedPositionalEmbedding: {"d_model": 8, "max_seq_len": 16},
    RotaryEmbedding: {"d_head": 8},
    ALiBi: {"num_heads": 2},
    RelativePositionBias: {"num_heads": 2, "num_buckets": 8, "max_distance": 16},
    RelativePositionKeys: {"d_head": 4, "max_distance": 3},
}
SIZES = [(part, name) for part, arguments in GOOD.items() for name in arguments if name != "positions"]
WITH_OPTIONS = (sinusoids, SinusoidalPositionalEncoding, RotaryEmbedding)
WITH_STRETCH = (SinusoidalPositionalEncoding, RotaryEmbedding)
NO_NUMBERS = [(0, ValueError), (-1, ValueError), (0.0, ValueError), (-2.5, ValueError), (math.nan, ValueError), (math.inf, ValueError),
              (-math.inf, ValueError), (True, TypeError), ("2", TypeError), (None, TypeError), (1j, TypeError), ([2.0], TypeError)]
names = {"ids": lambda value: getattr(value, "__name__", None)}


def make(part, **changed):
    return part(**GOOD[part] | changed)


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype, device=DEVICE)


@pytest.mark.parametrize("part", GOOD, **names)
def test_the_arguments_that_the_cases_vary_are_good(part):
    make(part)


@pytest.mark.parametrize("given", [8.0, "8", True, None, torch.tensor(8)])
@pytest.mark.parametrize(("part", "name"), SIZES, **names)
def test_a_size_that_is_no_whole_number_is_refused(part, name, given):
    refused(TypeError, f"{name} must be an integer, got {given!r}", lambda: make(part, **{name: given}))


@pytest.mark.parametrize("given", [0, -1, -8])
@pytest.mark.parametrize(("part", "name"), SIZES, **names)
def test_a_size_below_one_is_refused(part, name, given):
    refused(ValueError, f"{name} must be at least 1, got {given}", lambda: make(part, **{name: given}))


@pytest.mark.parametrize("given", ["half", "Halves", "", None, 1])
@pytest.mark.parametrize("part", WITH_OPTIONS, **names)
def test_another_layout_is_refused(part, given):
    refused(ValueError, f"layout must be one of 'interleaved', 'halves', got {given!r}", lambda: make(part, layout=given))


@pytest.mark.parametrize(("given", "error"), NO_NUMBERS)
@pytest.mark.parametrize(("part", "name"), [*((part, "base") for part in WITH_OPTIONS), *((part, "stretch") for part in WITH_STRETCH)],
                         **names)
def test_a_base_or_a_stretch_that_is_no_positive_number_is_refused(part, name, given, error):
    allowed = "above 0 and finite" if error is ValueError else "a number"
    refused(error, f"{name} must be {allowed}, got {given!r}", lambda: make(part, **{name: given}))


@pytest.mark.parametrize(("given", "error"), NO_NUMBERS)
def test_a_table_is_not_stretched_by_such_a_factor(given, error):
    allowed = "above 0 and finite" if error is ValueError else "a number"
    refused(error, f"must be {allowed}, got {given!r}", lambda: make(LearnedPositionalEmbedding).stretched(given))


def test_a_table_is_not_stretched_to_nothing():
    refused(ValueError, "must be at least 1, got 0", lambda: make(LearnedPositionalEmbedding).stretched(0.01))


@pytest.mark.parametrize("given", [1, 3, 7])
def test_rotary_needs_pairs(given):
    refused(ValueError, f"d_head must be even … pairs, got {given}", lambda: make(RotaryEmbedding, d_head=given))


@pytest.mark.parametrize(("num_buckets", "max_distance", "both"), [
    (2, 128, True), (1, 128, True), (31, 128, True), (5, 16, True), (32, 8, True), (32, 7, True), (8, 2, True), (4, 1, True),
    (1, 128, False), (32, 16, False), (8, 4, False), (2, 1, False),
])
def test_buckets_that_do_not_fit_are_refused(num_buckets, max_distance, both):
    refused(ValueError, f"at least 2 for each side, and even for two … num_buckets = {num_buckets}, max_distance = {max_distance}",
            lambda: make(RelativePositionBias, num_buckets=num_buckets, max_distance=max_distance, bidirectional=both))


@pytest.mark.parametrize(("num_buckets", "max_distance", "both"), [(4, 2, True), (32, 9, True), (2, 2, False), (3, 2, False),
                                                                   (8, 5, False)])
def test_the_smallest_buckets_that_fit(num_buckets, max_distance, both):
    bias = make(RelativePositionBias, num_buckets=num_buckets, max_distance=max_distance, bidirectional=both)
    found = bias.bucket(torch.arange(-50, 51))
    assert 0 <= found.min() and found.max() == num_buckets - 1


@pytest.mark.parametrize("part", [SinusoidalPositionalEncoding, LearnedPositionalEmbedding], **names)
@pytest.mark.parametrize("shape", [(2, 4, 7), (2, 4, 1), (8,), (), (4, 16), (2, 4)])
def test_words_of_another_width_are_refused(part, shape):
    refused(ValueError, f"x must have shape (..., T, 8), got {shape}", lambda: make(part)(zeros(*shape)))


@pytest.mark.parametrize("part", [SinusoidalPositionalEncoding, LearnedPositionalEmbedding], **names)
@pytest.mark.parametrize(("offset", "T"), [(0, 17), (13, 4), (16, 1), (17, 0), (1000, 4), (-1, 4), (-16, 4), (1.0, 4), (0.5, 4),
                                           (True, 4), (None, 4), ("1", 4), (torch.tensor(1), 4)])
def test_places_that_do_not_exist_are_refused(part, offset, T):
    refused(ValueError, f"offset must be an integer of at least 0 … max_seq_len = 16, got offset = {offset!r}, T = {T}",
            lambda: make(part)(zeros(2, T, 8), offset))


@pytest.mark.parametrize("part", [SinusoidalPositionalEncoding, LearnedPositionalEmbedding], **names)
def test_the_last_place_exists(part):
    for offset, T in ((0, 16), (15, 1), (12, 4), (16, 0)):
        assert make(part)(zeros(2, T, 8), offset).shape == (2, T, 8)


WITHIN = {"rotary": lambda: RotaryEmbedding(4), "ALiBi": lambda: ALiBi(2), "T5": lambda: RelativePositionBias(2),
          "Shaw": lambda: RelativePositionKeys(4)}
BIASES = ("ALiBi", "T5", "Shaw")


def attend(positions, T=4, S=4, **options):
    """Self-attention of two heads, four wide, over zeros: the last T of S words."""
    x = zeros(2, max(T, S), 8)
    return MultiHeadAttention(8, 2, positions=positions).to(DEVICE)(x[:, :T], x[:, :S], **options)[0]


@pytest.mark.parametrize("name", WITHIN)
@pytest.mark.parametrize(("T", "S"), [(4, 3), (1, 0), (9, 8)])
def test_more_queries_than_keys_are_refused(name, T, S):
    refused(ValueError, f"self-attention: the queries are the last T of S positions, got T = {T} queries and S = {S} keys",
            lambda: attend(WITHIN[name](), T, S))


@pytest.mark.parametrize("name", WITHIN)
def test_empty_texts_give_empty_results(name):
    for T, S in ((0, 4), (0, 0), (1, 1)):
        assert attend(WITHIN[name](), T, S).shape == (2, T, 8)


def test_rotary_for_another_width_is_refused():
    refused(ValueError, "shape (..., T, 8), got (2, 2, 4, 4)", lambda: attend(RotaryEmbedding(8)))


# --- what would be silently wrong, or refused obscurely

@pytest.mark.parametrize(("positions", "message"), [
    (ALiBi(3), "num_heads = 3 … 2"), (ALiBi(1), "num_heads = 1 … 2"), (RelativePositionBias(3), "num_heads = 3 … 2"),
    (RelativePositionBias(1), "num_heads = 1 … 2"), (RelativePositionKeys(8), "4"), (RelativePositionKeys(2), "4"),
])
def test_a_scheme_for_other_heads_is_refused(positions, message):
    for mask in (None, torch.ones(2, 2, 4, 4, dtype=torch.bool, device=DEVICE)):
        refused(ValueError, message, lambda: attend(positions.to(DEVICE), mask=mask))


MASKS = [(zeros(4, 4, dtype=torch.int64), TypeError, "boolean (True = may attend) … torch.int64"),
         (zeros(4, 4, dtype=torch.uint8), TypeError, "boolean (True = may attend) … torch.uint8"),
         (True, TypeError, "mask must be a tensor, boolean … got bool"),
         ([[True]], TypeError, "mask must be a tensor, boolean … got list"),
         (zeros(5, 3).bool(), ValueError, "(5, 3) does not broadcast … (2, 2, 4, 4)"),
         (zeros(2, 4, 4, 4), ValueError, "(2, 4, 4, 4) does not broadcast … (2, 2, 4, 4)"),
         (zeros(3, 1, 4, 4), ValueError, "(3, 1, 4, 4) does not broadcast … (2, 2, 4, 4)")]


@pytest.mark.parametrize(("mask", "error", "message"), MASKS)
@pytest.mark.parametrize("name", ["rotary", *BIASES])
@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_mask_is_refused_as_without_positions(path, name, mask, error, message):
    with forced(path):
        refused(error, message, lambda: attend(WITHIN[name](), mask=mask, need_weights=False))


@pytest.mark.parametrize("given", ["yes", None, 0, 1])
def test_a_direction_that_is_neither_true_nor_false_is_refused(given):
    refused(TypeError, f"bidirectional must be a bool, got {type(given).__name__}", lambda: make(RelativePositionBias, bidirectional=given))


@pytest.mark.parametrize("part", [SinusoidalPositionalEncoding, LearnedPositionalEmbedding], **names)
@pytest.mark.parametrize("x", [zeros(2, 4, 8, dtype=torch.int64), [[1.0]], None])
def test_words_that_are_no_numbers_with_a_point_are_refused(part, x):
    refused(TypeError, "x must be a floating-point tensor, got", lambda: make(part)(x))


@pytest.mark.parametrize("x", [zeros(4, 8, dtype=torch.int64), [[1.0]]])
def test_rotary_turns_floating_point_tensors_alone(x):
    refused(TypeError, "x must be a floating-point tensor, got", lambda: make(RotaryEmbedding).rotate(x))


def test_rotary_does_not_turn_a_single_row():
    refused(ValueError, "x must have shape (..., T, 8), got (8,)", lambda: make(RotaryEmbedding).rotate(zeros(8)))


@pytest.mark.parametrize("offset", ["1", None, True])
def test_rotary_begins_at_whole_places(offset):
    refused((TypeError, ValueError), f"offset must be an integer, got {offset!r}",
            lambda: make(RotaryEmbedding).rotate(zeros(4, 8), offset))


@pytest.mark.parametrize("positions", [[0, 1], 3, None])
def test_sinusoids_are_of_a_tensor(positions):
    refused(TypeError, "positions must be a Tensor, got", lambda: make(sinusoids, positions=positions))
