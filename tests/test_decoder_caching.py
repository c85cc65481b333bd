"""A cache takes in a step whole or not at all, refuses what is not whole, and goes on behind padding."""

import copy

import numpy
import pytest
import torch
from parity_attention import DEVICE, numbers
from parity_blocks import randomised
from parity_decoder import POSITIONS, TINY, gpt, ids_of
from properties_cache import interrupted_at_any_line, interrupted_steps_change_nothing
from properties_padding import continued_behind_padding, generated_as_alone, unequal_prompts
from refusals import refused

from shared import transformer as parts
from shared.transformer import GPTModel, KeyValueCache, TransformerDecoder

each_scheme = pytest.mark.parametrize("positions", POSITIONS)


# --- steps that are interrupted

def test_an_interrupted_step_leaves_the_cache_as_it_was():
    interrupted_steps_change_nothing(parts, every=7)


@pytest.mark.parametrize("make", [GPTModel, TransformerDecoder])
def test_no_line_of_the_package_may_be_interrupted_in_vain(make):
    model, ids, cache = randomised(make(**TINY | {"num_layers": 3}, positions="rotary")), ids_of(2, 9), KeyValueCache(3)
    with torch.no_grad():
        model(ids[:, :4], cache=cache)
        assert interrupted_at_any_line(lambda cache: model(ids[:, 4:6], cache=cache), cache.copy(), every=3) > 50
        assert (model(ids[:, 4:], cache=cache) - model(ids)[:, 4:]).abs().max() < 1e-10


def test_a_choice_of_rows_that_fails_changes_nothing():
    model, cache = gpt(), KeyValueCache(2)
    model(ids_of(2, 4), cache=cache)
    keys = [layer.key for layer in cache.layers]
    cache.layers[1].value = cache.layers[1].value[:1]                       # the second layer has no row 1
    with pytest.raises(IndexError):
        cache.select(torch.tensor([1], device=DEVICE))
    assert all(layer.key is key for layer, key in zip(cache.layers, keys, strict=True))


def test_layers_can_be_filled_by_hand_and_the_model_refuses_unequal_ones():
    model, ids, cache = gpt(positions="rotary"), ids_of(2, 6), KeyValueCache(2)
    with torch.no_grad():
        model(ids[:, :4], cache=cache)
        x = model.decoder.embedding(ids[:, 4:], offset=4)
        block, *others = model.decoder.blocks
        x = block(x, cache=cache.layers[0], is_causal=True)
        refused(ValueError, "layers of the cache must hold equally many tokens, got [6, 4]", lambda: model(ids[:, :1], cache=cache))
        for k, block in enumerate(others, start=1):
            x = block(x, cache=cache.layers[k], is_causal=True)
        assert (model.output(model.decoder.norm(x)) - model(ids)[:, 4:]).abs().max() < 1e-10
        assert model(ids[:, :1], cache=cache).isfinite().all()
    asking, cache = randomised(TransformerDecoder(**TINY, cross_attention=True)), KeyValueCache(2)
    memory = numbers(2, 3, 8).detach()
    asking(ids, memory=memory, cache=cache)
    cache.memory[1].key = None
    refused(ValueError, "equally many tokens, got [3, 0]", lambda: asking(ids[:, :1], memory=memory, cache=cache))


def test_a_copy_goes_its_own_way():
    model, ids, cache = gpt(), ids_of(2, 6), KeyValueCache(2)
    with torch.no_grad():
        model(ids[:, :3], cache=cache)
        for twin in (cache.copy(), copy.deepcopy(cache)):
            model(ids[:, 3:5], cache=twin)
            twin.layers[0].extend(*(numbers(2, 2, 1, 4).detach() for _ in range(2)))
            assert cache.length == 3 and twin.length == 6
        assert (model(ids[:, 3:], cache=cache) - model(ids)[:, 3:]).abs().max() < 1e-10


# --- padding

@each_scheme
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_texts_go_on_behind_padding_as_each_does_alone(positions, dtype, limit):
    continued_behind_padding(parts, positions, dtype, limit, count=6)


@each_scheme
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_unequal_prompts_continue_as_each_does_alone(positions, dtype, limit):
    generated_as_alone(parts, positions, dtype=dtype, limit=limit)


@pytest.mark.parametrize("side", ["left", "right", "mixed"])
def test_a_mask_of_all_so_far_or_of_nothing_may_be_given_while_a_cache_goes_on(side):
    model, (ids, real) = gpt(positions="rotary"), unequal_prompts(side)
    new = ids_of(4, 2, seed=5)
    with torch.no_grad():
        caches = [KeyValueCache(2), KeyValueCache(2)]
        for cache in caches:
            model(ids, real, cache=cache)
        told = torch.cat([real, torch.ones_like(real[:, :2])], dim=1)
        assert model(new, cache=caches[0]).equal(model(new, told, cache=caches[1]))


def test_a_mask_that_comes_late_hides_what_nobody_has_seen():
    model, ids = gpt(), ids_of(2, 6)
    real = torch.tensor([[1, 1, 0, 0, 1], [1, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)
    with torch.no_grad():
        cache = KeyValueCache(2)
        model(ids[:, :4], cache=cache)
        found = model(ids[:, 4:5], real, cache=cache)
        assert (found[0] - model(ids[:1, [0, 1, 4]])[0, 2:]).abs().max() < 1e-10
        cache = KeyValueCache(2)
        model(ids[:, :4], cache=cache)
        for wrong in ([0, 1, 1, 1, 1], [1, 0, 1, 1, 1]):
            mask = torch.tensor([wrong, [1] * 5], device=DEVICE)
            refused(ValueError, "attention_mask hides cached tokens that later cached ones have attended to", lambda: model(ids[:, 4:5], mask, cache=cache))
        model(ids[:, 4:5], real, cache=cache)
        refused(ValueError, "attention_mask must have as many real tokens among the cached ones as the cache has, got [5, 5], the cache has [3, 5]",
                lambda: model(ids[:, 5:], torch.ones(2, 6, dtype=torch.bool, device=DEVICE), cache=cache))


def test_prompts_of_padding_alone_and_too_many_columns_are_refused():
    model, (ids, real) = gpt(), unequal_prompts("left")
    nothing = real.clone()
    nothing[2] = False
    refused(ValueError, "attention_mask must leave each prompt at least one real token", lambda: model.generate(ids, 2, attention_mask=nothing))
    refused(ValueError, "at most max_seq_len = 12 tokens, padding included, got a prompt of 5 and 8 new ones",
            lambda: model.generate(ids, 8, attention_mask=real))
    refused(ValueError, "attention_mask must have shape (4, 5), got (4, 4)", lambda: model.generate(ids, 2, attention_mask=real[:, 1:]))


def test_padding_plays_no_part_in_what_is_drawn_nor_where_it_ends():
    model, (ids, real) = gpt(vocab_size=5), unequal_prompts("mixed")
    ids = ids % 5
    alone = [model.generate(ids[row, real[row]][None], 6, temperature=0, eos_id=2)[0, -6:] for row in range(4)]
    assert model.generate(ids, 6, temperature=0, eos_id=2, attention_mask=real)[:, 5:].equal(torch.stack(alone))
    drawn = [model.generate(ids, 6, top_k=3, generator=torch.Generator(DEVICE).manual_seed(3), use_cache=use_cache, attention_mask=real)
             for use_cache in (True, False)]
    assert drawn[0].equal(drawn[1])


# --- a start token that is the padding's

def test_a_start_token_may_be_the_id_of_padding():
    model, ids = randomised(TransformerDecoder(**TINY, pad_id=0)), ids_of(2, 5) % 10 + 1
    ids[:, 0] = 0
    ids[0, 3:] = 0
    real = torch.tensor([[1, 1, 1, 0, 0], [1] * 5], device=DEVICE)
    with torch.no_grad():
        assert model(ids).equal(model(ids, real))
        one, cache = ids.new_zeros(2, 1), KeyValueCache(2)
        assert model(one).equal(model(one, torch.ones_like(one)))
        found = torch.cat([model(chunk, cache=cache) for chunk in (one, ids[:, 1:3], ids[:, 3:])], dim=1)
        assert (found - model(ids, real))[real.bool()].abs().max() < 1e-10


@pytest.mark.parametrize("ids", [[[0, 3, 4], [5, 6, 7]], [[0, 0, 4], [0, 6, 7]], [[0, 0, 4], [0, 0, 7]], [[0, 3, 0], [5, 0, 0], [0, 0, 0]]])
def test_what_looks_padded_on_the_left_is_refused_without_a_mask(ids):
    model, ids = randomised(TransformerDecoder(**TINY, pad_id=0)), torch.tensor(ids, device=DEVICE)
    refused(ValueError, "input_ids look padded on the left … pad_id = 0 … give an attention_mask", lambda: model(ids))
    assert model(ids, ids != 0).isfinite().all()


def test_texts_of_padding_alone_are_finite_beside_others():
    model = randomised(TransformerDecoder(**TINY, pad_id=0))
    for ids in ([[0, 0, 0], [5, 6, 0]], [[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 3, 4]]):
        x = model(torch.tensor(ids, device=DEVICE))
        assert x.isfinite().all() and all(grad.isfinite().all() for grad in torch.autograd.grad(x.sum(), list(model.parameters()), allow_unused=True)
                                          if grad is not None)


# --- precision and numbers

@each_scheme
def test_in_bfloat16_cached_and_uncached_differ_by_rounding(positions):
    model, ids = gpt(dtype=torch.float32, positions=positions), ids_of(4, 10)
    exact = model(ids)
    rounded, cache = model.to(torch.bfloat16), KeyValueCache(2)
    with torch.no_grad():
        cached = torch.cat([rounded(ids[:, t:t + 1], cache=cache) for t in range(10)], dim=1)
    assert (cached - rounded(ids)).abs().max() < 0.05 * exact.abs().max()
    assert (cached - exact).abs().max() < 0.1 * exact.abs().max()


def test_sizes_may_be_numpy_s_integers():
    sizes = {name: numpy.int64(size) for name, size in TINY.items()}
    torch.manual_seed(0)
    model = GPTModel(**sizes).to(DEVICE).eval()
    torch.manual_seed(0)
    same = GPTModel(**TINY).to(DEVICE).eval()
    found = model.generate(ids_of(2, 4), numpy.int32(3), temperature=numpy.float32(0), top_k=numpy.int64(3), eos_id=numpy.int64(1))
    assert found.equal(same.generate(ids_of(2, 4), 3, temperature=0, eos_id=1))
    assert KeyValueCache(numpy.int64(2)).length == 0
