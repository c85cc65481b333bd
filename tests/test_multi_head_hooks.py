"""The maps of multi-head attention, their recording, its properties, and the hooks for positions and a cache."""

import contextlib
import copy

import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, EXACT, numbers
from parity_multi_head import PATHS, forced, inputs, layer, mask_for, our_results, pytorch, their_results
from torch import nn

from shared import properties
from shared.transformer import MultiHeadAttention, causal_mask, record_attention

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


# --- maps

def test_attention_maps_are_the_weights_of_every_head():
    ours, (query, key, _) = layer(num_heads=3), inputs("cross")
    mask = mask_for("boolean", query, key)
    maps = ours.get_attention_maps(query, key, mask=mask)
    assert maps.shape == (2, 3, 4, 3)
    torch.testing.assert_close(maps, ours(query, key, mask=mask, average_weights=False)[1], **EXACT)
    torch.testing.assert_close(maps.mean(dim=1), ours(query, key, mask=mask)[1], **EXACT)
    torch.testing.assert_close(maps, their_results(pytorch(ours), query, key, None, mask, average_weights=False)[1], **EXACT)


class Nested(nn.Module):
    """Layers inside layers, which call attention as blocks do: without weights."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([layer(num_heads=2), layer(num_heads=3)])
        self.last = nn.ModuleDict({"cross": layer(num_heads=1)})

    def forward(self, x, memory):
        for block in self.blocks:
            x = x + block(x, mask=causal_mask(x.size(1), device=x.device), need_weights=False)[0]
        return self.last["cross"](x, memory, need_weights=False)[0]


@pytest.mark.parametrize("path", PATHS)
def test_the_maps_of_every_layer_are_recorded(path):
    model, x, memory = Nested().eval(), numbers(2, 4, 6), numbers(2, 3, 6, seed=1)
    with forced(path):
        before = model(x, memory)
        with record_attention(model) as maps:
            during = model(x, memory)
            model(x[:1, :2], memory[:1])
        after = model(x, memory)
    torch.testing.assert_close([during, after], [before, before], **EXACT)
    shapes = {name: [tuple(map_.shape) for map_ in calls] for name, calls in maps.items()}
    assert shapes == {"blocks.0": [(2, 2, 4, 4), (1, 2, 2, 2)], "blocks.1": [(2, 3, 4, 4), (1, 3, 2, 2)],
                      "last.cross": [(2, 1, 4, 3), (1, 1, 2, 3)]}
    first = model.blocks[0].get_attention_maps(x, mask=causal_mask(4, device=DEVICE))
    torch.testing.assert_close(maps["blocks.0"][0], first.detach(), **EXACT)
    assert not any(map_.requires_grad for calls in maps.values() for map_ in calls)


def test_gradients_are_the_same_while_maps_are_recorded():
    ours, query = layer(), inputs("self")[0]
    plain = our_results(ours, query, None, None, None, need_weights=False)
    with record_attention(ours) as maps:
        recorded = our_results(ours, query, None, None, None, need_weights=False)
    torch.testing.assert_close(recorded, plain, **EXACT)
    assert list(maps) == [""]


def test_recording_ends_after_an_exception():
    model, x = Nested(), numbers(2, 4, 6)
    with contextlib.suppress(KeyError), record_attention(model) as maps:
        model(x, x)
        raise KeyError
    model(x, x)
    assert [len(calls) for calls in maps.values()] == [1, 1, 1]


def test_a_recording_inside_a_recording_takes_nothing_from_it():
    model, x = Nested(), numbers(2, 4, 6)
    with record_attention(model) as outer:
        model(x, x)
        with record_attention(model.blocks[0]) as inner:
            model(x, x)
        model(x, x)
    assert len(inner[""]) == 1
    assert len(outer["blocks.1"]) == 3
    assert len(outer["blocks.0"]) == 2                      # a layer notes a call in one list, the innermost


def test_a_model_without_attention_is_refused():
    with pytest.raises(ValueError, match="Linear contains no MultiHeadAttention to record"), record_attention(nn.Linear(2, 2)):
        pass


# --- properties

X = numbers(2, 6, 8, dtype=torch.float32).detach()
KEEP = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)
FLOAT = layer(8, 2, dtype=torch.float32)


def padded(x, keep):
    return FLOAT(x, mask=keep[:, None, None, :], need_weights=False)[0]


@pytest.mark.parametrize("path", PATHS)
def test_properties_on_both_paths(path):
    causal, kept = causal_mask(6, device=DEVICE), KEEP[:, None, None, :]
    with forced(path):
        assert properties.future_influence(lambda x: FLOAT(x, mask=causal, need_weights=False)[0], X) == 0
        assert properties.future_influence(lambda x: FLOAT(x, need_weights=False)[0], X) > 1e-3
        assert properties.equivariance_error(lambda x: FLOAT(x, need_weights=False)[0], X) < 1e-5
        assert properties.batch_influence(lambda x: FLOAT(x, need_weights=False)[0], X) < 1e-5
        assert properties.padding_influence(padded, X, KEEP, more=3) < 1e-5
        loss = FLOAT(X, mask=kept, need_weights=False)[0].square().sum()
        assert properties.unreached_parameters(FLOAT, loss) == []


def test_properties_of_the_weights():
    ours = layer(8, 2, dropout=0.5, dtype=torch.float32)
    mask = causal_mask(6, device=DEVICE) & KEEP[:, None, None, :]
    mask[0, 0, 2] = False
    assert properties.weight_sum_error(ours.get_attention_maps(X, mask=mask), mask) < 1e-5
    assert properties.weight_sum_error(ours(X)[1]) < 1e-5
    assert properties.nondeterminism(ours.train(), X) == 0
    assert ours.training


# --- hooks of later lessons

@pytest.mark.parametrize("need_weights", [True, False])
def test_a_position_scheme_sees_queries_keys_and_mask_of_every_head(need_weights):
    seen = []

    def positions(query, key, mask):
        seen.append((query.shape, key.shape, mask))
        return 2 * query, key.flip(-2), causal

    causal, padding = causal_mask(4, device=DEVICE), mask_for("padding", X[:, :4])
    ours, x = MultiHeadAttention(8, 2, positions=positions).to(DEVICE).eval(), X[:, :4]
    output = ours(x, mask=padding, need_weights=need_weights)[0]
    assert seen == [((2, 2, 4, 4), (2, 2, 4, 4), padding)]
    query, key, value = (part(x).view(2, 4, 2, 4).transpose(1, 2) for part in (ours.to_query, ours.to_key, ours.to_value))
    attended = F.scaled_dot_product_attention(2 * query, key.flip(-2), value, causal)
    torch.testing.assert_close(output, ours.to_output(attended.transpose(1, 2).reshape(2, 4, 8)), **CLOSE)


def test_a_position_scheme_may_have_parameters():
    class Shift(nn.Module):
        def __init__(self):
            super().__init__()
            self.by = nn.Parameter(torch.ones(1, device=DEVICE))

        def forward(self, query, key, mask):
            return query + self.by, key, mask

    ours = MultiHeadAttention(8, 2, positions=Shift()).to(DEVICE)
    assert "positions.by" in dict(ours.named_parameters())
    assert properties.unreached_parameters(ours, ours(X)[0].square().sum()) == []


class Cache:
    """Keys and values of earlier calls, and the shapes that each call brought."""

    def __init__(self):
        self.shapes, self.key, self.value = [], [], []

    def extend(self, key, value):
        self.shapes.append((tuple(key.shape), tuple(value.shape)))
        self.key.append(key)
        self.value.append(value)
        return torch.cat(self.key, dim=2), torch.cat(self.value, dim=2)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("chunking", [(6,), (1,) * 6, (3, 1, 2)])
def test_chunks_with_a_cache_equal_the_whole(chunking, path):
    def step(chunk, cache):
        cache, earlier = cache or Cache(), sum(shape[0][2] for shape in cache.shapes) if cache else 0
        mask = causal_mask(chunk.size(1), earlier + chunk.size(1), device=DEVICE)
        output, _ = FLOAT(chunk, mask=mask, cache=cache, need_weights=False)
        assert cache.shapes[-1] == ((2, 2, chunk.size(1), 4),) * 2
        return output, cache

    with forced(path):
        assert properties.cache_error(lambda x: FLOAT(x, mask=causal_mask(6, device=DEVICE))[0], step, X, [chunking]) < 1e-5


def test_the_cache_is_extended_once_before_positions():
    cache, seen = Cache(), []

    def positions(query, key, mask):
        seen.append((query.size(2), key.size(2)))
        return query, key, mask

    ours = MultiHeadAttention(8, 2, positions=positions).to(DEVICE)
    weights = [ours(X[:, start:start + 3], cache=cache, average_weights=False)[1] for start in (0, 3)]
    assert cache.shapes == [((2, 2, 3, 4), (2, 2, 3, 4))] * 2
    assert seen == [(3, 3), (3, 6)]
    assert [tuple(w.shape) for w in weights] == [(2, 2, 3, 3), (2, 2, 3, 6)]


def test_a_copy_made_while_recording_does_not_listen_on():
    layer = MultiHeadAttention(8, 2)
    x = torch.randn(1, 3, 8)
    with record_attention(layer) as maps:
        copied = copy.deepcopy(layer)
        copied(x)
        layer(x)
    copied(x)
    assert copied.recorded is None
    assert [len(calls) for calls in maps.values()] == [1]
