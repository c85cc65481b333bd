"""What an encoder–decoder must obey: the target looks back only, padding plays no part, a cache changes nothing and the memory is read once."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, numbers
from parity_decoder import POSITIONS, ids_of
from parity_seq2seq import SHARING, TINY, keep_of, made
from properties_seq2seq import cached_is_uncached, counts_and_shares, looks_back_only, memory_is_projected_once, padding_plays_no_part, starts_right

from shared import properties
import shared.transformer as parts
from shared.transformer import KeyValueCache, Transformer, initialise_transformer, label_smoothed_loss, record_attention

each_sharing = pytest.mark.parametrize("sharing", SHARING)


# --- what it has

def test_parameters_and_what_is_shared():
    counts_and_shares(parts)


def test_the_base_model_matrix_by_matrix():
    with torch.device("meta"):
        model = Transformer()
    shapes = [tuple(parameter.shape) for parameter in model.parameters()]
    assert shapes.count((37000, 512)) == 1                                          # words of both texts, and scores
    assert shapes.count((512, 512)) == 6 * 4 + 6 * 8                                # queries, keys, values, outputs of 18 attentions
    assert shapes.count((2048, 512)) == shapes.count((512, 2048)) == 12
    assert shapes.count((2048,)) == 12 and shapes.count((512,)) == 72 + 12 + 2 * (6 * 2 + 6 * 3)
    assert len(shapes) == 1 + 72 + 24 + 12 + 72 + 12 + 60
    assert sum(parameter.numel() for parameter in model.parameters()) == 63_082_496


@each_sharing
def test_what_is_shared_stays_one_tensor(sharing):
    model = made(dtype=torch.float32, sharing=sharing)
    for other in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.deepcopy(model).double()):
        assert (other.output.weight is other.decoder.embedding.words.weight) == (sharing != "none")
        assert (other.encoder.embedding.words.weight is other.decoder.embedding.words.weight) == (sharing == "all")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model(ids_of(2, 4), ids_of(2, 4)).flatten(0, 1), ids_of(2, 4).flatten()).backward()
    optimizer.step()
    assert model.output.weight.equal(model.decoder.embedding.words.weight) == (sharing != "none")


# --- how it starts

def test_how_it_starts():
    starts_right(parts)


@each_sharing
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("V", [11, 40, 700])
def test_the_first_loss_is_that_of_guessing(V, scale, norm_first, sharing):
    torch.manual_seed(1)
    model = Transformer(V, None, 96, 2, 4, 192, 24, norm_first=norm_first, scale=scale, sharing=sharing).to(DEVICE).eval()
    ids = ids_of(16, 24, V)
    with torch.no_grad():
        loss = F.cross_entropy(model(ids_of(16, 8, V, 1), ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert properties.first_loss_gap(loss, V) < 0.03


def test_starting_anew_leaves_gains_and_biases():
    model = made(dtype=torch.float32, sharing="all")
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    initialise_transformer(model)
    for name, parameter in model.named_parameters():
        assert parameter.equal(before[name]) == (parameter.dim() == 1), name


# --- what it sees

@pytest.mark.parametrize("options", [{}, {"norm_first": True, "norm": "rms", "bias": False}, {"sharing": "all", "num_decoder_layers": 1}]
                         + [{"positions": positions, "d_model": 8} for positions in POSITIONS if positions != "sinusoidal"])
def test_the_target_looks_back_only_and_sees_the_whole_source(options):
    looks_back_only(parts, **options)


def test_padding_plays_no_part():
    padding_plays_no_part(parts)


def test_a_source_of_padding_alone_is_finite():
    model, keep = made(), keep_of(2, 5, [0], 0)
    logits = model(ids_of(2, 5), ids_of(2, 4), keep)
    assert logits.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(logits.sum(), list(model.parameters())))


@pytest.mark.parametrize("positions", POSITIONS)
def test_gradient_reaches_every_parameter_and_eval_is_deterministic(positions):
    model = made(positions=positions, d_model=8, sharing="target", dropout=0.2)
    loss = label_smoothed_loss(model(ids_of(2, 12), ids_of(2, 12, seed=1)), ids_of(2, 12, seed=2))
    assert [name for name in properties.unreached_parameters(model, loss) if not name.endswith("to_key.bias")] == []        # softmax does not see it
    assert properties.nondeterminism(model, ids_of(2, 7), ids_of(2, 5)) == 0
    model.train()
    assert not model(ids_of(2, 7), ids_of(2, 5)).equal(model(ids_of(2, 7), ids_of(2, 5)))


def test_one_batch_can_be_overfitted():
    torch.manual_seed(0)
    model, sources, targets = Transformer(**TINY | {"dropout": 0.0, "d_model": 16, "sharing": "all"}).to(DEVICE), ids_of(3, 5), ids_of(3, 7, seed=1)
    loss = properties.overfit_loss(model, lambda model: label_smoothed_loss(model(sources, targets[:, :-1]), targets[:, 1:], 0.0), 80, 1e-2)
    assert loss < 0.3


# --- the cache

@pytest.mark.parametrize("options", [{}, {"norm_first": True, "norm": "rms", "sharing": "all"}, {"positions": "rotary", "d_model": 8},
                                     {"positions": "relative"}, {"positions": "learned", "bias": False}])
def test_cached_in_any_chunks_equals_at_once_also_after_rows_were_chosen(options):
    cached_is_uncached(parts, 6, **options)


def test_the_memory_s_keys_and_values_are_made_once():
    memory_is_projected_once(parts)


def test_a_step_copies_nothing_of_the_memory():
    model, cache, memory = made(), KeyValueCache(2), numbers(2, 5, 6).detach()
    with torch.no_grad():
        model.decode(ids_of(2, 1), memory, cache=cache)
        held = [(layer.key, layer.value) for layer in cache.memory]
        model.decode(ids_of(2, 2), memory, cache=cache)
        cache.select(torch.tensor([1, 0], device=DEVICE), memory=False)
        model.decode(ids_of(2, 1), memory, cache=cache)
    assert all(layer.key is key and layer.value is value for layer, (key, value) in zip(cache.memory, held, strict=True))
    cache.select(torch.tensor([1, 1, 0], device=DEVICE))
    assert all(layer.key.equal(key[[1, 1, 0]]) and layer.value.equal(value[[1, 1, 0]]) for layer, (key, value) in zip(cache.memory, held, strict=True))


def test_weights_of_a_cached_step_are_those_of_all_at_once():
    model, cache, sources, targets = made(), KeyValueCache(2), ids_of(2, 5), ids_of(2, 4, seed=1)
    keep = keep_of(2, 5)
    with torch.no_grad(), record_attention(model.decoder) as at_once:
        model(sources, targets, keep)
    with torch.no_grad(), record_attention(model.decoder) as in_steps:
        memory = model.encode(sources, keep)
        for place in range(4):
            model.decode(targets[:, place:place + 1], memory, keep, cache=cache)
    for name in at_once:
        if "cross" in name:
            torch.testing.assert_close(torch.cat(in_steps[name], dim=2), at_once[name][0], rtol=1e-10, atol=1e-10)


def test_training_through_a_cache_gives_the_same_gradients():
    model, sources, targets = made(), ids_of(2, 5), ids_of(2, 6, seed=1)

    def gradients(logits):
        return torch.autograd.grad((logits * numbers(2, 6, 11)).sum(), list(model.parameters()), allow_unused=True, materialize_grads=True)

    cache, memory = KeyValueCache(2), model.encode(sources)
    pieces = [model.decode(targets[:, a:b], memory, cache=cache) for a, b in ((0, 2), (2, 6))]
    torch.testing.assert_close(gradients(torch.cat(pieces, dim=1)), gradients(model(sources, targets)), rtol=1e-10, atol=1e-10)
