"""What a block must obey, what it costs, and its hooks: positions, a cache, recording, copies."""

import copy
import itertools
import pickle

import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, EXACT, numbers
from parity_blocks import randomised
from parity_multi_head import PATHS, forced

from shared import counts, properties
from shared.transformer import (ALiBi, FeedForward, LayerNorm, RMSNorm, RotaryEmbedding, TransformerBlock, block_flops, block_parameters,
                                causal_mask, make_norm, record_attention)

X = numbers(2, 6, 8).detach()
KEEP = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)
CAUSAL = causal_mask(6, device=DEVICE)
KINDS = [{"norm_first": first, "norm": norm, "activation": activation}
         for first, norm, activation in itertools.product((True, False), ("layer", "rms"), ("relu", "gelu"))]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
each_path = pytest.mark.parametrize("path", PATHS)


def block(**options):
    return randomised(TransformerBlock(8, 2, **options))


# --- properties

@each_kind
@each_path
def test_properties(path, kind):
    made = block(**kind)
    with forced(path):
        assert properties.future_influence(lambda x: made(x, CAUSAL), X) == 0
        assert properties.future_influence(made, X) > 1e-3
        assert properties.equivariance_error(made, X) < 1e-10
        assert properties.batch_influence(made, X) < 1e-10
        assert properties.padding_influence(lambda x, keep: made(x, keep[:, None, None, :]), X, KEEP, more=3) < 1e-10
        assert properties.unreached_parameters(made, (made(X) * X).sum()) == []


@each_kind
def test_a_decoder_s_block_is_causal_and_reaches_every_parameter(kind):
    made, memory = block(cross_attention=True, **kind), numbers(2, 5, 8, seed=1).detach()
    assert properties.future_influence(lambda x: made(x, CAUSAL, memory), X) == 0
    assert properties.influence(lambda memory: made(X, CAUSAL, memory), memory).min() > 1e-6       # the whole memory is read
    assert properties.unreached_parameters(made, (made(X, CAUSAL, memory) * X).sum()) == []
    keep = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)
    assert properties.padding_influence(lambda m, keep: made(X, None, m, keep[:, None, None, :]), memory, keep, more=2) < 1e-10


@each_kind
def test_eval_is_deterministic_and_training_is_not(kind):
    made = block(dropout=0.2, **kind)
    assert properties.nondeterminism(made, X) == 0
    made.train()
    assert not made(X).equal(made(X))


@pytest.mark.parametrize("kind", KINDS[::3], ids=lambda kind: "-".join(map(str, kind.values())))
def test_one_batch_can_be_overfitted(kind):
    torch.manual_seed(0)
    made = TransformerBlock(8, 2, **kind).to(DEVICE)
    x, y = X.float(), F.layer_norm(X.flip(1).float(), (8,))
    assert properties.overfit_loss(made, lambda module: F.mse_loss(module(x), y), steps=250) < 0.05


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_a_pre_norm_block_that_writes_nothing_is_the_identity_and_a_post_norm_block_is_two_norms(norm):
    for norm_first in (True, False):
        made = block(norm=norm, norm_first=norm_first)
        for part in (made.self_attention, made.feed_forward):
            torch.nn.init.zeros_(part.to_output.weight)
            torch.nn.init.zeros_(part.to_output.bias)
        expected = X if norm_first else made.feed_forward_norm(made.self_attention_norm(X))
        assert made(X).equal(expected)


@pytest.mark.parametrize("make", [LayerNorm, RMSNorm])
def test_a_norm_looks_at_one_token_and_not_at_its_size(make):
    norm = randomised(make(8))
    strengths = properties.influence(norm, X)
    assert torch.count_nonzero(strengths) == torch.count_nonzero(strengths.diag()) == 6
    assert properties.batch_influence(norm, X) == 0
    torch.testing.assert_close(norm(1000 * X), norm(X), rtol=1e-4, atol=1e-4)
    assert norm(torch.zeros(2, 8, device=DEVICE, dtype=torch.float64)).isfinite().all()


def test_a_constant_changes_rms_norm_and_not_layer_norm():
    assert (LayerNorm(8).to(X)(X + 5) - LayerNorm(8).to(X)(X)).abs().max() < 1e-10
    assert (RMSNorm(8).to(X)(X + 5) - RMSNorm(8).to(X)(X)).abs().max() > 0.1


# --- cost

CONFIGURATIONS = list(itertools.product((None, 5, 32), ("layer", "rms"), (True, False), (True, False)))


@pytest.mark.parametrize(("d_ff", "norm", "cross_attention", "bias"), CONFIGURATIONS)
def test_parameters_are_exact(d_ff, norm, cross_attention, bias):
    for num_heads, norm_first in ((1, True), (4, False)):
        made = TransformerBlock(8, num_heads, d_ff, norm=norm, cross_attention=cross_attention, bias=bias, norm_first=norm_first)
        assert block_parameters(8, d_ff, norm, cross_attention, bias) == sum(parameter.numel() for parameter in made.parameters())


@pytest.mark.parametrize("d_ff", [None, 5])
@pytest.mark.parametrize("memory_length", [None, 1, 7])
@pytest.mark.parametrize(("n", "batch"), [(1, 1), (4, 1), (5, 3)])
def test_flops_are_exact(n, batch, memory_length, d_ff):
    for norm_first, num_heads in ((True, 1), (False, 4)):
        made = TransformerBlock(8, num_heads, d_ff, norm_first=norm_first, cross_attention=memory_length is not None).to(DEVICE)
        memory = None if memory_length is None else torch.zeros(batch, memory_length, 8, device=DEVICE)
        with record_attention(made):
            counted = counts.flops(lambda: made(torch.zeros(batch, n, 8, device=DEVICE), memory=memory))
        assert counted == block_flops(n, 8, d_ff, memory_length, batch=batch)


def test_the_crossings():
    for d in (64, 768):
        products = 4 * (6 * d) ** 2 * d
        assert block_flops(6 * d, d) == 2 * products
        assert 8 * (2 * d) * d ** 2 + 4 * (2 * d) ** 2 * d == 4 * (2 * d) * d * 4 * d
    assert block_parameters(512, 2048) == 3_152_384
    assert block_flops(10, 4) == 24 * 10 * 4 ** 2 + 4 * 10 ** 2 * 4


# --- hooks

class Cache:
    """Keeps keys and values, as lesson 06's cache does."""

    def __init__(self):
        self.key = self.value = None

    def extend(self, key, value):
        self.key, self.value = (new if old is None else torch.cat([old, new], dim=2) for old, new in ((self.key, key), (self.value, value)))
        return self.key, self.value


@pytest.mark.parametrize("positions", [None, RotaryEmbedding(4), ALiBi(2)])
@pytest.mark.parametrize("norm_first", [True, False])
def test_cached_in_any_chunks_equals_at_once_and_costs_what_is_computed(norm_first, positions):
    made, flops = block(norm_first=norm_first, positions=positions), []

    def step(chunk, cache):
        cache = cache or Cache()
        past = 0 if cache.key is None else cache.key.size(2)
        mask = causal_mask(chunk.size(1), past + chunk.size(1), device=DEVICE)
        with record_attention(made):
            flops.append((counts.flops(lambda: made(chunk, mask, cache=copy.copy(cache))), block_flops(chunk.size(1), 8, cached=past, batch=2)))
        return made(chunk, mask, cache=cache), cache

    assert properties.cache_error(lambda x: made(x, CAUSAL), step, X, [(1,) * 6, (6,), (2, 3, 1)]) < 1e-10
    assert all(counted == computed for counted, computed in flops)


def test_positions_go_to_self_attention_alone():
    positions = RotaryEmbedding(4)
    made = block(cross_attention=True, positions=positions)
    assert made.self_attention.positions is positions
    assert made.cross_attention.positions is None
    assert properties.equivariance_error(lambda x: made(x, memory=X), X) > 1e-3


def test_every_attention_is_recorded_by_its_name():
    made = block(cross_attention=True)
    with record_attention(made) as maps:
        made(X, memory=X[:, :3])
    assert {name: tuple(calls[0].shape) for name, calls in maps.items()} == {"self_attention": (2, 2, 6, 6), "cross_attention": (2, 2, 6, 3)}


@pytest.mark.parametrize("activation", ["relu", "gelu_tanh", "squared_relu"])
def test_a_block_can_be_copied_and_saved(activation):
    made = block(activation=activation)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other(X).equal(made(X))


def test_blocks_start_with_gains_of_one_and_weights_of_their_own():
    first, second = TransformerBlock(8, 2), TransformerBlock(8, 2)
    assert first.self_attention_norm.weight.eq(1).all() and first.feed_forward_norm.bias.eq(0).all()
    assert not first.feed_forward.to_hidden.weight.equal(second.feed_forward.to_hidden.weight)


def test_what_it_is_can_be_read():
    assert "norm_first=False" in repr(TransformerBlock(8, 2, norm_first=False))
    assert repr(LayerNorm(8, bias=False)) == "LayerNorm(8, eps=1e-05, bias=False)"
    assert repr(RMSNorm(8)) == "RMSNorm(8, eps=1e-06)"
    assert "activation=gelu" in repr(FeedForward(8, activation="gelu"))


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_eps_reaches_every_norm_and_is_theirs_by_default(norm):
    def all_eps(**options):
        block = TransformerBlock(8, 2, norm=norm, cross_attention=True, **options)
        return {part.eps for part in block.modules() if hasattr(part, "eps")}

    assert all_eps(eps=1e-12) == {1e-12}
    assert all_eps() == {1e-5 if norm == "layer" else 1e-6}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_dtypes_that_norms_take_are_those_of_their_docstrings(dtype):
    x = X.to(dtype)
    for parameters in {dtype, torch.float32}:
        assert RMSNorm(8).to(DEVICE, parameters)(x).dtype == dtype
        if dtype == torch.float64 != parameters:
            with pytest.raises(RuntimeError, match="mixed dtype|expected scalar type|type"):
                LayerNorm(8).to(DEVICE, parameters)(x)
        else:
            assert LayerNorm(8).to(DEVICE, parameters)(x).dtype == dtype


def test_a_new_norm_is_of_the_kind_and_eps_asked_for():
    assert [repr(make_norm(8, *given)) for given in (("layer",), ("layer", False), ("rms", False), ("layer", True, 0.1), ("rms", True, 0.1))] == [
        "LayerNorm(8, eps=1e-05, bias=True)", "LayerNorm(8, eps=1e-05, bias=False)", "RMSNorm(8, eps=1e-06)", "LayerNorm(8, eps=0.1, bias=True)",
        "RMSNorm(8, eps=0.1)"]
    with pytest.raises(ValueError, match="norm must be one of 'layer', 'rms', got 'batch'"):
        make_norm(8, "batch")
