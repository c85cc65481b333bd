"""What looks into attention sees it: hooks on `attention` in every model, recorded maps once a call, whatever runs the model."""

import copy
import functools
import io
import pickle

import pytest
import torch
from parity_attention import DEVICE, EXACT, numbers
from parity_blocks import randomised
from parity_multi_head import PATHS, forced, layer
from test_fused import IDS, MODELS, SIZE, outputs
from torch import nn
from torch.utils.checkpoint import CheckpointError, checkpoint

from shared.transformer import (GPTModel, KeyValueCache, MultiHeadAttention, ScaledDotProductAttention, TransformerBlock, TransformerEncoder,
                                record_attention)

each_model = pytest.mark.parametrize("name", MODELS)
each_way = pytest.mark.parametrize("reentrant", [True, False])


def attentions(model):
    return {name: part for name, part in model.named_modules() if isinstance(part, ScaledDotProductAttention)}


# --- hooks on `attention`

@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("path", PATHS)
@each_model
def test_a_forward_hook_fires_once_in_every_layer(name, path, training):
    model, fired = randomised(MODELS[name]()).train(training), []
    for layer_name, part in attentions(model).items():
        part.register_forward_hook(lambda module, inputs, output, name=layer_name: fired.append(name))
    with forced(path):
        outputs(model, name)
    assert sorted(fired) == sorted(attentions(model))
    assert len(fired) == (6 if name == "Transformer" else 2)


@pytest.mark.parametrize("path", PATHS)
@each_model
def test_a_hook_that_changes_the_output_changes_the_model(name, path):
    model = randomised(MODELS[name]())
    with forced(path):
        before = outputs(model, name)
        for part in attentions(model).values():
            hook = part.register_forward_hook(lambda module, inputs, output: (0 * output[0], output[1]))
            assert (outputs(model, name) - before).abs().max() > 1e-6
            hook.remove()
        torch.testing.assert_close(outputs(model, name), before, **EXACT)


def test_a_hook_before_it_sees_queries_keys_and_values_of_every_head():
    block, seen = TransformerBlock(8, 2).to(DEVICE), []
    block.self_attention.attention.register_forward_pre_hook(lambda module, inputs: seen.append([tuple(x.shape) for x in inputs[:3]]))
    block(torch.zeros(2, 3, 8, device=DEVICE))
    assert seen == [[(2, 2, 3, 4)] * 3]


def test_a_hook_fires_at_every_cached_step():
    model, cache, lengths = GPTModel(10, **SIZE).to(DEVICE).eval(), KeyValueCache(2), []
    model.decoder.blocks[1].self_attention.attention.register_forward_hook(lambda module, inputs, output: lengths.append(inputs[1].size(-2)))
    with torch.no_grad():
        for start, end in ((0, 3), (3, 4), (4, 5)):
            model(IDS[:, start:end], cache=cache)
    assert lengths == [3, 4, 5]


# --- recording around activation checkpointing

class Checkpointed(nn.Module):
    """Blocks whose inner results are thrown away, and computed again for the gradients."""

    def __init__(self, reentrant, times=1):
        super().__init__()
        self.blocks = nn.ModuleList(randomised(TransformerBlock(8, 2)) for _ in range(2))
        self.reentrant, self.times = reentrant, times

    def forward(self, x):
        for block in self.blocks:
            for _ in range(self.times):
                x = checkpoint(block, x, use_reentrant=self.reentrant)
        return x


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("times", [1, 2])
@each_way
def test_what_is_computed_again_is_recorded_once(reentrant, times, path):
    model, x = Checkpointed(reentrant, times), numbers(2, 4, 8)
    plain = functools.reduce(lambda x, block: functools.reduce(lambda x, _: block(x), range(times), x), model.blocks, x)
    expected = torch.autograd.grad(plain.square().sum(), [x, *model.parameters()])
    with forced(path), record_attention(model) as maps:
        for calls in (1, 2):
            x.grad = None
            model.zero_grad()
            model(x).square().sum().backward()
            assert [len(recorded) for recorded in maps.values()] == [times * calls] * 2
    torch.testing.assert_close([x.grad, *(parameter.grad for parameter in model.parameters())], list(expected), **EXACT)
    assert maps["blocks.0.self_attention"][0].equal(maps["blocks.0.self_attention"][times])


@each_way
def test_a_model_that_is_called_within_a_backward_pass_s_surroundings_is_recorded(reentrant):
    """Between two backward passes, and after one, there is no pass: all is recorded."""
    model, x = Checkpointed(reentrant), numbers(2, 4, 8)
    with record_attention(model) as maps:
        model(x).sum().backward()
        model(x)
        with torch.no_grad():
            model(x)
    assert [len(recorded) for recorded in maps.values()] == [3, 3]


def test_a_recording_that_ends_before_the_gradients_is_pytorch_s_error():
    """With other tensors kept than at first PyTorch stops: nothing is silently wrong."""
    model, x = Checkpointed(reentrant=False), numbers(2, 4, 8)
    with record_attention(model):
        loss = model(x).square().sum()
    with pytest.raises(CheckpointError):
        loss.backward()


def test_one_layer_used_twice_is_one_list_with_both_calls():
    block = randomised(TransformerBlock(8, 2))
    model, x = nn.Sequential(block, block), numbers(2, 4, 8).detach()
    with record_attention(model) as maps:
        model(x)
    assert list(maps) == ["0.self_attention"]
    first, second = maps["0.self_attention"]
    torch.testing.assert_close(first, block.self_attention.get_attention_maps(block.self_attention_norm(x)), **EXACT)
    assert not second.equal(first)


def test_no_copy_listens():
    made = layer()
    with record_attention(made) as maps:
        file = io.BytesIO()
        torch.save(made, file)
        file.seek(0)
        for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), torch.load(file, weights_only=False)):
            other(numbers(1, 3, 6))
            assert other.recorded is None
    assert maps == {"": []}


def test_a_recorded_model_has_the_same_gradients_and_maps_hold_no_graph():
    model = randomised(TransformerEncoder(10, **SIZE))
    plain = torch.autograd.grad(model(IDS).square().sum(), list(model.parameters()))
    with record_attention(model) as maps:
        recorded = torch.autograd.grad(model(IDS).square().sum(), list(model.parameters()))
    torch.testing.assert_close(recorded, plain, **EXACT)
    assert all(not weights.requires_grad for calls in maps.values() for weights in calls)


# --- get_attention_maps

def test_maps_take_a_value_as_forward_does():
    ours, (query, key, value) = layer(), (numbers(2, 3, 6), numbers(2, 5, 6, seed=1), numbers(2, 5, 6, seed=2))
    mask = numbers(3, 5, seed=3) > 0
    expected = ours(query, key, value, mask, average_weights=False)[1]
    for maps in (ours.get_attention_maps(query, key, value, mask), ours.get_attention_maps(query, key, mask=mask),
                 ours.get_attention_maps(query, key=key, value=value, mask=mask)):
        torch.testing.assert_close(maps, expected, **EXACT)
    torch.testing.assert_close(ours.get_attention_maps(query), ours(query, average_weights=False)[1], **EXACT)
    with pytest.raises(ValueError, match="same length"):
        ours.get_attention_maps(query, key, numbers(2, 4, 6))


def test_a_subclass_that_was_written_before_need_not_know_of_recording():
    class Doubled(MultiHeadAttention):
        def forward(self, *arguments, **options):
            output, weights = super().forward(*arguments, **options)
            return 2 * output, weights

    made = Doubled(6, 2).to(DEVICE)
    with record_attention(made) as maps:
        made(torch.zeros(1, 3, 6, device=DEVICE), need_weights=False)
    assert maps[""][0].shape == (1, 2, 3, 3)
