"""What a decoder must obey: it looks back only, a cache changes nothing, padding plays no part, it starts as GPT-2 does."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, numbers
from parity_blocks import randomised
from parity_decoder import POSITIONS, TINY, chunkings, gpt, ids_of, stepper
from properties_decoder import (KEEP, cache_counts_and_selects, cached_is_uncached, looks_back_only, memory_is_kept,
                                padding_plays_no_part, passes_options_on, starts_right)

from shared import counts, properties
from shared import transformer as decoder
from shared.transformer import (GPT_CONFIGURATIONS, GPTModel, KeyValueCache, TransformerDecoder, block_flops, block_parameters,
                                record_attention)

each_scheme = pytest.mark.parametrize("positions", POSITIONS)


@each_scheme
def test_it_looks_back_only(positions):
    looks_back_only(decoder, positions)


@pytest.mark.parametrize("options", [{"norm_first": False}, {"norm": "rms"}, {"cross_attention": True}])
def test_every_kind_of_stack_looks_back_only_and_reaches_every_parameter(options):
    made, x = randomised(TransformerDecoder(**TINY, **options)), numbers(2, 3, 8).detach()
    given = {"memory": numbers(2, 3, 8, seed=1).detach()} if "cross_attention" in options else {}

    def of_vectors(x):
        made.embedding.forward = lambda input_ids, offset=0, left_padding=None: x
        return made(torch.zeros(x.shape[:2], dtype=torch.int64, device=DEVICE), **given)

    assert properties.future_influence(of_vectors, x) == 0
    del made.embedding.forward
    assert properties.unreached_parameters(made, (made(ids_of(), **given) * numbers(2, 7, 8)).sum()) == []
    assert properties.nondeterminism(made, ids_of(), None, *given.values()) == 0


@each_scheme
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_cached_in_any_chunks_equals_at_once(positions, dtype, limit):
    cached_is_uncached(decoder, positions, dtype, limit)


@pytest.mark.parametrize("options", [{"norm_first": False}, {"norm": "rms", "bias": False}, {"num_layers": 4, "num_heads": 1}])
def test_every_kind_of_stack_can_be_cached(options):
    made = randomised(TransformerDecoder(**(TINY | options)))
    step = stepper(decoder, made, options.get("num_layers", 2))
    assert properties.cache_error(made, step, ids_of(2, 12), chunkings(12, 8)) < 1e-10


def test_a_cache_counts_and_gives_rows():
    cache_counts_and_selects(decoder)


def test_a_memory_is_kept():
    memory_is_kept(decoder)


def test_a_refused_call_puts_nothing_into_a_cache():
    made, cache, ids = randomised(TransformerDecoder(**TINY, cross_attention=True)), KeyValueCache(2), ids_of()
    memory = numbers(2, 3, 8).detach()
    made(ids, memory=memory, cache=cache)
    held = cache.numbers()
    for wrong in ({}, {"memory": memory[:1]}, {"memory": memory[..., :7]}, {"memory": memory, "memory_mask": KEEP},
                  {"memory": memory, "attention_mask": KEEP}, {"memory": memory, "input_ids": ids + 11}):
        with pytest.raises(ValueError):
            made(**({"input_ids": ids[:, :2], "cache": cache} | wrong))
        assert (cache.length, cache.numbers()) == (7, held)


def test_a_cached_token_costs_what_is_new():
    made, cache = TransformerDecoder(**TINY).to(DEVICE), KeyValueCache(2)
    with record_attention(made), torch.no_grad():
        for T, cached in ((5, 0), (1, 5), (3, 6)):
            assert counts.flops(lambda: made(ids_of(2, T), cache=copy.deepcopy(cache))) == 2 * block_flops(T, 8, cached=cached, batch=2)
            made(ids_of(2, T), cache=cache)


@each_scheme
def test_padding_plays_no_part(positions):
    padding_plays_no_part(decoder, positions)


def test_the_padding_of_a_memory_plays_no_part():
    made, memory, keep = randomised(TransformerDecoder(**TINY, cross_attention=True)), numbers(2, 4, 8).detach(), KEEP[:, 2:6]
    ids = ids_of()
    assert properties.padding_influence(lambda memory, keep: made(ids, memory=memory, memory_mask=keep), memory, keep, more=2) < 1e-10
    assert properties.batch_influence(lambda ids, memory, keep: made(ids, memory=memory, memory_mask=keep), ids, memory, keep) < 1e-10
    all_of_it = torch.ones_like(keep)
    assert made(ids, memory=memory, memory_mask=all_of_it).equal(made(ids, memory=memory))
    assert properties.influence(lambda memory: made(ids, memory=memory), memory).min() > 1e-6


def test_a_text_of_padding_alone_is_finite():
    made, ids = gpt(), ids_of()
    logits = made(ids, torch.stack([torch.zeros(7), torch.ones(7)]).bool().to(DEVICE))
    assert logits.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(logits.sum(), list(made.parameters())))


@each_scheme
def test_gradient_reaches_every_parameter_and_eval_is_deterministic(positions):
    for options in ({}, {"tied": False}, {"norm": "rms", "bias": False, "scale": True}):
        made, ids = gpt(positions=positions, **options), ids_of(2, 12)
        loss = F.cross_entropy(made(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        unreached = properties.unreached_parameters(made, loss)
        assert [name for name in unreached if not name.endswith("to_key.bias")] == []      # softmax does not see it, but for rounding
        assert properties.nondeterminism(made, ids) == 0


def test_training_drops_and_eval_does_not():
    made = gpt(dropout=0.3)
    made.train()
    assert not made(ids_of()).equal(made(ids_of()))
    assert made.eval()(ids_of()).equal(made(ids_of()))


# --- the start

def test_a_new_model_starts_as_gpt2_does():
    starts_right(decoder)


def test_options_reach_every_part():
    passes_options_on(decoder)


@each_scheme
@pytest.mark.parametrize("V", [2, 11, 300, 2000])
def test_the_first_loss_is_that_of_guessing(V, positions):
    """Two words alone are not tied: a tied model favours the word it is at, which counts where there are so few."""
    torch.manual_seed(0)
    made, ids = GPTModel(V, 32, 2, 4, max_seq_len=24, positions=positions, tied=V > 2).to(DEVICE).eval(), ids_of(16, 24, V)
    with torch.no_grad():
        loss = F.cross_entropy(made(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert properties.first_loss_gap(loss, V) < 0.02


def test_words_and_scores_stay_one_matrix():
    made = gpt(dtype=torch.float32)
    for model in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made)), made.double()):
        assert model.output.weight is model.decoder.embedding.words.weight
        assert model.output.weight.data_ptr() == model.decoder.embedding.words.weight.data_ptr()
        names = [name for name, _ in model.named_parameters()]
        assert "decoder.embedding.words.weight" in names and "output.weight" not in names
    other = GPTModel(**made.options).to(DEVICE, torch.float64)
    other.load_state_dict(made.state_dict())
    assert other.eval()(ids_of()).equal(made(ids_of())) and other.output.weight is other.decoder.embedding.words.weight
    torch.testing.assert_close(made(ids_of()), made.decoder(ids_of()) @ made.decoder.embedding.words.weight.T)
    assert sum(p.numel() for p in gpt(tied=False).parameters()) == sum(p.numel() for p in made.parameters()) + 11 * 8


@pytest.mark.parametrize(("options", "expected"), [
    (GPT_CONFIGURATIONS["GPT-2 small"], 124_439_808), (GPT_CONFIGURATIONS["512 wide"], 25_059_328), (GPT_CONFIGURATIONS["toy"], 251_264),
    ({"vocab_size": 50257, "d_model": 1024, "num_layers": 24, "num_heads": 16}, 354_823_168),                       # GPT-2 medium
    ({"vocab_size": 9, "d_model": 8, "num_layers": 3, "num_heads": 2, "d_ff": 5, "positions": "none"}, 9 * 8 + 3 * block_parameters(8, 5) + 16),
    ({"vocab_size": 9, "d_model": 8, "num_layers": 1, "num_heads": 2, "norm": "rms", "bias": False, "max_seq_len": 4, "tied": False},
     2 * 9 * 8 + 4 * 8 + block_parameters(8, norm="rms", bias=False) + 8),
])
def test_parameters_of_configurations(options, expected):
    with torch.device("meta"):
        made = GPTModel(**options)
    assert sum(parameter.numel() for parameter in made.parameters()) == expected


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_one_batch_can_be_overfitted(positions):
    torch.manual_seed(0)
    made, ids = GPTModel(**TINY, positions=positions).to(DEVICE), ids_of(3, 9)
    loss = properties.overfit_loss(made, lambda model: F.cross_entropy(model(ids[:, 1:-1]).flatten(0, 1), ids[:, 2:].flatten()), 80, 3e-2)
    assert loss < 0.3
