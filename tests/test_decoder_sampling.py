"""How the next token is drawn: `next_token_probs` and `generate`."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies
from parity_attention import DEVICE, numbers
from parity_decoder import POSITIONS, generation_agrees, gpt, ids_of, probabilities_agree, probs_by_hand
from properties_decoder import ends_at_eos, leaves_the_model_as_it_was

from shared import transformer as decoder
from shared.transformer import next_token_probs

FIXED = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def row(*logits):
    return torch.tensor(logits, dtype=torch.float64, device=DEVICE)


# --- probabilities

@pytest.mark.parametrize("V", [1, 2, 7, 30])
def test_probabilities_are_those_of_plain_loops(V):
    probabilities_agree(decoder, max(V, 3), rows=4)
    if V < 3:
        logits = numbers(4, V).detach()
        found = next_token_probs(logits, 0.5, V, 0.7)
        torch.testing.assert_close(found, torch.tensor([probs_by_hand(one, 0.5, V, 0.7) for one in logits.tolist()], dtype=torch.float64, device=DEVICE))


HALF = (math.log(0.5), math.log(0.25), math.log(0.125), math.log(0.125))
BY_HAND = {
    "untouched": (HALF, {}, (0.5, 0.25, 0.125, 0.125)),
    "temperature 0, the first of two": ((1, 3, 3, 2), {"temperature": 0}, (0, 1, 0, 0)),
    "temperature 0 and filters": ((1, 3, 3, 2), {"temperature": 0, "top_k": 3, "top_p": 0.9}, (0, 1, 0, 0)),
    "temperature one half": (HALF, {"temperature": 0.5}, (16 / 22, 4 / 22, 1 / 22, 1 / 22)),
    "temperature so small that it is greedy": (HALF, {"temperature": 1e-300}, (1, 0, 0, 0)),
    "temperature so large that all are alike": (HALF, {"temperature": 1e300}, (0.25,) * 4),
    "top_k = 1": (HALF, {"top_k": 1}, (1, 0, 0, 0)),
    "top_k = 2": (HALF, {"top_k": 2}, (2 / 3, 1 / 3, 0, 0)),
    "top_k = 3, and one that is equal": (HALF, {"top_k": 3}, (0.5, 0.25, 0.125, 0.125)),
    "top_k = V": (HALF, {"top_k": 4}, (0.5, 0.25, 0.125, 0.125)),
    "top_p below the first": (HALF, {"top_p": 0.3}, (1, 0, 0, 0)),
    "top_p tiny": (HALF, {"top_p": 1e-9}, (1, 0, 0, 0)),
    "top_p is what the first has": ((0, 0), {"top_p": 0.5}, (1, 0)),
    "top_p a little more": ((0, 0), {"top_p": 0.5 + 1e-9}, (0.5, 0.5)),
    "top_p between": (HALF, {"top_p": 0.7}, (2 / 3, 1 / 3, 0, 0)),
    "top_p, of equal ones the first": (HALF, {"top_p": 0.8}, (4 / 7, 2 / 7, 1 / 7, 0)),
    "top_p = 1": (HALF, {"top_p": 1}, (0.5, 0.25, 0.125, 0.125)),
    "in another order": (HALF[::-1], {"top_p": 0.7}, (0, 0, 1 / 3, 2 / 3)),
    "top_k before top_p": ((math.log(4), math.log(3), math.log(2), math.log(1)), {"top_k": 2, "top_p": 0.55}, (1, 0, 0, 0)),
    "temperature before top_p": (HALF, {"temperature": 0.5, "top_p": 0.7}, (1, 0, 0, 0)),
    "impossible tokens": ((0, -math.inf, 0, -math.inf), {"temperature": 2}, (0.5, 0, 0.5, 0)),
    "impossible tokens among the k": ((0, -math.inf, 0, -math.inf), {"top_k": 3}, (0.5, 0, 0.5, 0)),
    "impossible tokens, top_p": ((0, -math.inf, 0, -math.inf), {"top_p": 0.9}, (0.5, 0, 0.5, 0)),
    "impossible tokens, temperature 0": ((-math.inf, -3, -math.inf), {"temperature": 0}, (0, 1, 0)),
    "large logits": ((1e308, 1e308, -1e308), {"temperature": 0.1}, (0.5, 0.5, 0)),
}


@pytest.mark.parametrize(("logits", "options", "expected"), BY_HAND.values(), ids=BY_HAND.keys())
def test_probabilities_by_hand(logits, options, expected):
    torch.testing.assert_close(next_token_probs(row(*logits), **options), row(*expected), rtol=1e-9, atol=1e-12)


@FIXED
@given(seed=strategies.integers(0, 10 ** 6), temperature=strategies.sampled_from((0, 0.2, 1.0, 3.0)), top_k=strategies.none() | strategies.integers(1, 9),
       top_p=strategies.none() | strategies.floats(1e-3, 1.0))
def test_any_filters_keep_the_most_probable_and_their_ratios(seed, temperature, top_k, top_p):
    logits = (2 * numbers(3, 9, seed=seed)).detach()
    before = logits.clone()
    plain, found = next_token_probs(logits, temperature), next_token_probs(logits, temperature, top_k, top_p)
    assert logits.equal(before)
    torch.testing.assert_close(found.sum(dim=-1), torch.ones_like(found[:, 0]))
    for probs, one in zip(plain, found):
        kept = one > 0
        assert probs[kept].min() >= probs[~kept].max() if not kept.all() else True
        torch.testing.assert_close(one[kept], probs[kept] / probs[kept].sum())
        assert top_k is None or temperature == 0 or kept.sum() <= top_k


@pytest.mark.parametrize("shape", [(5,), (1, 5), (2, 3, 5), (0, 5)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_any_shape_and_dtype(shape, dtype):
    logits = numbers(*shape, dtype=dtype).detach()
    for options in ({}, {"temperature": 0}, {"temperature": 0.5, "top_k": 3, "top_p": 0.8}):
        found = next_token_probs(logits, **options)
        assert found.shape == shape and found.dtype == dtype
        assert (found.sum(dim=-1).double() - 1).abs().lt(0.02).all()


# --- generate

DRAWS = {"plain": {}, "cold": {"temperature": 0.4}, "hot and top_k": {"temperature": 1.5, "top_k": 3}, "top_p": {"top_p": 0.7},
         "everything": {"temperature": 0.8, "top_k": 4, "top_p": 0.9}, "greedy": {"temperature": 0}}


@pytest.mark.parametrize("options", DRAWS.values(), ids=DRAWS.keys())
def test_drawn_tokens_follow_the_probabilities(options):
    generation_agrees(decoder, options)


@pytest.mark.parametrize("positions", POSITIONS)
def test_with_every_scheme_cached_and_uncached_draw_the_same(positions):
    generation_agrees(decoder, {"top_p": 0.8}, B=500, positions=positions)


def test_greedy_takes_the_most_probable_of_the_whole_text_each_time():
    for seed in range(3):
        model, ids = gpt(positions="rotary"), ids_of(3, 4, seed=seed)
        for use_cache in (True, False):
            written = model.generate(ids, 8, temperature=0, use_cache=use_cache)
            assert written[:, :4].equal(ids)
            for place in range(4, 12):
                assert written[:, place].equal(model(written[:, :place])[:, -1].argmax(dim=-1))


def test_a_text_ends_at_eos_alone():
    ends_at_eos(decoder)


def test_generate_leaves_the_model_as_it_was():
    leaves_the_model_as_it_was(decoder)


@pytest.mark.parametrize("use_cache", [True, False])
def test_no_new_tokens_and_as_many_as_fit(use_cache):
    model, ids = gpt(), ids_of(2, 5)
    same = model.generate(ids, 0, use_cache=use_cache)
    assert same.equal(ids) and same.data_ptr() != ids.data_ptr()
    assert model.generate(ids, 7, use_cache=use_cache).shape == (2, 12)
    assert model.generate(ids.int(), 3, temperature=0, use_cache=use_cache).equal(model.generate(ids, 3, temperature=0))
    assert ids.equal(ids_of(2, 5))


def test_each_text_of_a_batch_is_written_by_itself():
    model, ids = gpt(), ids_of(3, 4)
    together = model.generate(ids, 6, temperature=0)
    assert torch.cat([model.generate(ids[row:row + 1], 6, temperature=0) for row in range(3)]).equal(together)
