"""What every way of marking places must do: order counts, the future does not, nor do batch, padding, chunks and precision."""

import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, EXACT, numbers
from parity_multi_head import PATHS, forced
from parity_positions import SCHEMES, H, attending, precise
from test_multi_head_hooks import Cache
from torch import nn

from shared import properties
from shared.transformer import (ALiBi, LearnedPositionalEmbedding, MultiHeadAttention, RelativePositionBias, RotaryEmbedding,
                                SinusoidalPositionalEncoding, causal_mask)

T, WIDTH = 5, H * 4
ADDED = {"sinusoids": lambda: SinusoidalPositionalEncoding(WIDTH, 16), "learned": lambda: LearnedPositionalEmbedding(WIDTH, 16),
         "sinusoids, stretched": lambda: SinusoidalPositionalEncoding(WIDTH, 16, layout="halves", stretch=2.0)}
X = numbers(2, T, WIDTH).detach()
KEEP = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)


class Layer(nn.Module):
    """Attention with positions, whichever way they enter; numbers in float64."""

    def __init__(self, name):
        super().__init__()
        with precise():
            torch.manual_seed(0)
            self.added = ADDED[name]().to(DEVICE) if name in ADDED else None
            self.attention = attending(SCHEMES[name].made() if name in SCHEMES else None)

    def forward(self, x, mask=None, offset=0, cache=None):
        x = x if self.added is None else self.added(x, offset)
        return self.attention(x, mask=mask, cache=cache, need_weights=False)[0]


@pytest.fixture(params=[*SCHEMES, *ADDED])
def layer(request):
    return Layer(request.param)


@pytest.fixture(params=PATHS)
def path(request):
    with forced(request.param):
        yield request.param


def causally(layer):
    return lambda x: layer(x, causal_mask(x.size(1), device=DEVICE))


# --- properties

def test_order_counts_for_all_the_words(layer):
    assert properties.equivariance_error(layer, X) > 1e-3


def test_the_future_has_exactly_no_influence(layer, path):
    assert properties.future_influence(causally(layer), X) == 0
    assert properties.future_influence(layer, X) > 1e-3


def test_batch_and_padding_have_no_influence(layer, path):
    assert properties.batch_influence(layer, X) < 1e-10
    assert properties.padding_influence(lambda x, keep: layer(x, keep[:, None, None]), X, KEEP, more=3) < 1e-10


def moved(layer, places):
    """How far the results move when the text begins so many places later, behind places that a mask closes."""
    longer = F.pad(X, (0, 0, places, 0), value=1.7)
    mask = causal_mask(places + T, device=DEVICE)
    mask[:, :places] = False
    return (layer(longer, mask)[:, places:] - causally(layer)(X)).abs().max().item()


@pytest.mark.parametrize("places", [1, 10])
def test_within_attention_distances_alone_count(layer, places, path):
    change = moved(layer, places)
    assert change > 1e-3 if layer.added else change < 1e-10


def test_what_is_added_at_an_offset_is_added_as_at_those_places(layer):
    if layer.added:
        longer = F.pad(X, (0, 0, 7, 0))
        torch.testing.assert_close(layer.added(X, 7), layer.added(longer)[:, 7:], **EXACT)
        assert (layer(X, offset=7) - layer(X)).abs().max() > 1e-3


def test_every_way_to_cut_a_text_into_chunks_gives_the_same(layer, path):
    def step(chunk, state):
        cache, done = state or (Cache(), 0)
        mask = causal_mask(chunk.size(1), done + chunk.size(1), device=DEVICE)
        return layer(chunk, mask, offset=done, cache=cache), (cache, done + chunk.size(1))

    cuts = itertools.chain(*(itertools.combinations(range(1, T), pieces) for pieces in range(T)))
    chunkings = [tuple(b - a for a, b in itertools.pairwise((0, *cut, T))) for cut in cuts]
    assert properties.cache_error(causally(layer), step, X, chunkings) < 1e-10


def test_every_row_of_a_learned_table_learns(layer, path):
    tables = [parameter for name, parameter in layer.named_parameters() if "added" in name or "positions" in name]
    x = numbers(2, 16, WIDTH)
    assert properties.unreached_parameters(layer, layer(x).square().sum()) == []
    for gradient in torch.autograd.grad(layer(x).square().sum(), tables) if tables else []:
        assert gradient.abs().sum(dim=1).gt(1e-6).sum() >= len(gradient) - 1    # T5 never counts "0 places after"


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_where_nothing_is_allowed_attention_is_zero_and_gradients_finite(name, kind, path):
    layer, x = Layer(name), X.clone().requires_grad_()
    mask = torch.ones(2, 1, T, T, dtype=torch.bool, device=DEVICE)
    mask[0] = mask[1, :, 2] = False
    mask = mask if kind == "boolean" else torch.zeros_like(mask, dtype=X.dtype).masked_fill(~mask, -torch.inf)
    output = layer(x, mask)
    nothing = layer.attention.to_output.bias.detach()
    assert output[0].equal(nothing.expand(T, WIDTH))
    assert output[1, 2].equal(nothing)
    for gradient in torch.autograd.grad(output.square().sum(), [x, *layer.parameters()]):
        assert gradient.isfinite().all()


def test_the_layouts_of_rotation_are_one_with_rows_of_weights_rearranged():
    ours, halves = attending(RotaryEmbedding(4, layout="interleaved")), attending(RotaryEmbedding(4))
    different = halves(X)[0]
    rows = torch.arange(WIDTH).view(H, 2, 2).transpose(1, 2).flatten()              # of each head, evens first
    for part in (halves.to_query, halves.to_key):
        part.weight, part.bias = (nn.Parameter(parameter.detach()[rows]) for parameter in (part.weight, part.bias))
    torch.testing.assert_close(halves(X)[0], ours(X)[0], **EXACT)
    torch.testing.assert_close(halves(X[:, -2:], X)[0], ours(X[:, -2:], X)[0], **EXACT)
    assert (different - ours(X)[0]).abs().max() > 1e-3


# --- as modules

def test_copies_moves_and_saved_states(layer):
    copied = copy.deepcopy(layer)
    expected = layer(X)
    assert copied(X).equal(expected)
    assert {id(parameter) for parameter in copied.parameters()}.isdisjoint({id(parameter) for parameter in layer.parameters()})
    assert set(layer.state_dict()) == set(dict(layer.named_parameters()))           # fixed tables are not saved
    for parameter in copied.parameters():
        nn.init.zeros_(parameter)
    copied.load_state_dict(layer.state_dict())
    assert copied(X).equal(expected)
    assert layer(X).equal(expected)


def test_float32_double_and_bfloat16(layer, path):
    expected = layer(X)
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.2), (torch.float64, 0.2)):
        x, layer = X.to(dtype), layer.to(dtype)
        found = layer(x)
        assert found.dtype == dtype
        assert (found - expected).abs().max() < tolerance * expected.abs().max()
        with torch.no_grad():
            assert layer(x, torch.zeros(T, T, device=DEVICE)).dtype == dtype        # a mask in float32


def test_autocast_to_bfloat16(layer, path):
    layer = layer.float()
    expected, x = causally(layer)(X.float()), X.float().requires_grad_()
    with torch.autocast(DEVICE.type, torch.bfloat16):
        found = causally(layer)(x)
    assert found.dtype == torch.bfloat16
    assert (found - expected).abs().max() < 0.1 * expected.abs().max()
    for gradient in torch.autograd.grad(found.square().sum(), [x, *layer.parameters()], allow_unused=True, materialize_grads=True):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_gives_back_the_dtype_of_the_query_and_leaves_its_input_alone(name):
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        scheme = SCHEMES[name].made().to(DEVICE, dtype)
        query, key = numbers(2, H, 2, 4, dtype=dtype).detach(), numbers(2, H, T, 4, dtype=dtype).detach()
        mask = causal_mask(2, T, device=DEVICE)
        before = query.clone(), key.clone(), mask.clone()
        new_query, new_key, new_mask = scheme(query, key, mask)
        assert (new_query.dtype, new_key.dtype) == (dtype, dtype)
        assert (new_query.shape, new_key.shape) == (query.shape, key.shape)
        biased = torch.float32 if dtype == torch.bfloat16 and name == "ALiBi" else dtype       # no distance in half precision
        assert new_mask is mask or new_mask.dtype == biased and new_mask.shape[-2:] == (2, T)
        assert all(tensor.equal(old) for tensor, old in zip((query, key, mask), before, strict=True))


def test_one_scheme_may_serve_several_layers():
    scheme = RelativePositionBias(H).to(DEVICE)
    model = nn.ModuleList(MultiHeadAttention(WIDTH, H, positions=scheme).to(DEVICE) for _ in range(2))
    assert len([name for name, _ in model.named_parameters() if "bias.weight" in name]) == 1


@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_takes_the_dtype_and_any_leading_dimensions(name):
    part = ADDED[name]().to(DEVICE)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        assert part(X.to(dtype)).dtype == dtype
    x = X.float()
    assert part(x[0]).equal(part(x)[0])
    assert part(x[:, None].expand(2, 3, T, WIDTH))[:, 1].equal(part(x))
    assert part(x[:, :0]).shape == (2, 0, WIDTH)


def test_a_stretched_table_has_the_old_rows_at_multiples_of_the_factor_and_is_its_own():
    table = LearnedPositionalEmbedding(6, 5).to(DEVICE)
    longer = table.stretched(4)
    old, new = table.table.weight.detach(), longer.table.weight.detach()
    assert new.shape == (20, 6)
    assert new[::4].equal(old)
    torch.testing.assert_close(new[2:18:4], (old[:-1] + old[1:]) / 2)
    assert new[17:].equal(old[-1:].expand(3, 6))                                    # past the last row there is no other
    nn.init.zeros_(longer.table.weight)
    assert table.table.weight.any()
    assert table.stretched(1).table.weight.equal(table.table.weight)
    assert table.bfloat16().stretched(2).table.weight.dtype == torch.bfloat16


def test_the_last_bucket_and_the_last_vector_stand_for_all_beyond():
    bias = attending(SCHEMES["T5"].made()).positions
    query, key = numbers(1, H, 1, 4), numbers(1, H, 300, 4)
    for scheme in (bias, attending(SCHEMES["Shaw"].made()).positions):
        far = scheme(query, key)[2][0, :, 0]
        assert far[:, :290].eq(far[:, :1]).all()
        assert far[:, -2].ne(far[:, 0]).all()
    assert ALiBi(H).to(DEVICE)(query, key)[2][:, 0].diff().gt(0).all()                  # but a penalty never ends
