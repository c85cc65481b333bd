"""What a model knows beside its state dict (sinusoids, slopes, frequencies, buckets) is right however it was moved, cast, copied or loaded."""

import contextlib
import copy
import io
import itertools
import pickle

import pytest
import torch
from parity_attention import DEVICE
from parity_blocks import randomised
from torch import nn
from torch.func import functional_call, stack_module_state

from shared.transformer import (GPTModel, MaskedLanguageModel, MultiHeadAttention, RelativePositionKeys, SinusoidalPositionalEncoding, Transformer,
                                TransformerEncoder, initialise)

SCHEMES = ("none", "sinusoidal", "learned", "rotary", "relative", "alibi")
SIZE = {"d_model": 24, "num_layers": 2, "num_heads": 12, "d_ff": 8, "max_seq_len": 600, "dropout": 0.0}       # slopes that bfloat16 rounds
IDS = torch.arange(300, device=DEVICE)[None] % 9 + 1


class Keys(nn.Module):
    """Shaw's distances, which no model takes by name."""

    def __init__(self):
        super().__init__()
        self.words, self.attention = nn.Embedding(10, 12), MultiHeadAttention(12, 3, positions=RelativePositionKeys(4, 5))

    def forward(self, ids):
        return self.attention(self.words(ids), need_weights=False, is_causal=False)[0]


class Both(nn.Module):
    """A Transformer that reads and writes the same text."""

    def __init__(self, positions):
        super().__init__()
        self.model = Transformer(10, positions=positions, **SIZE)

    def forward(self, ids):
        return self.model(ids, ids)


MODELS = {
    **{f"encoder, {positions}": lambda positions=positions: MaskedLanguageModel(TransformerEncoder(10, positions=positions, scale=True, **SIZE))
       for positions in SCHEMES},
    **{f"decoder, {positions}": lambda positions=positions: GPTModel(10, positions=positions, scale=True, **SIZE) for positions in SCHEMES},
    "both, sinusoidal": lambda: Both("sinusoidal"), "both, alibi": lambda: Both("alibi"), "keys": Keys,
}


def spoiled(model):
    """Memory that `to_empty` gives may hold anything: here sevens."""
    for tensor in itertools.chain(model.parameters(), model.buffers()):
        nn.init.constant_(tensor, 7.0)
    return model


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def loaded(model, source, **options):
    model.load_state_dict(source.state_dict(), **options)
    return model


def on_meta(make):
    with torch.device("meta"):
        return make()


def through_a_file(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def made_in(make, dtype):
    with default_dtype(dtype):
        return make()


def on_device(make, device):
    with torch.device(device):
        return make()


WAYS = {                                            # (make, a trained model) → a model with its weights, perhaps rounded
    "as it is": lambda make, model: model,
    "to_empty": lambda make, model: loaded(spoiled(make().to_empty(device=DEVICE)), model),
    "meta, assigned": lambda make, model: loaded(on_meta(make), model, assign=True),
    "meta, to_empty": lambda make, model: loaded(spoiled(on_meta(make).to_empty(device=DEVICE)), model),
    "model.to(meta), to_empty": lambda make, model: loaded(spoiled(make().to("meta").to_empty(device=DEVICE)), model),
    "bfloat16 and back": lambda make, model: model.bfloat16().float(),
    "half and back": lambda make, model: model.half().float(),
    "double and back": lambda make, model: model.double().float(),
    "to(dtype) and back": lambda make, model: model.to(torch.bfloat16).to(torch.float32),
    "deepcopy": lambda make, model: copy.deepcopy(model),
    "a copy in bfloat16, cast back": lambda make, model: copy.deepcopy(model.bfloat16()).float(),
    "pickle": lambda make, model: pickle.loads(pickle.dumps(model)),
    "torch.save": lambda make, model: through_a_file(model),
    "load_state_dict": lambda make, model: loaded(make().to(DEVICE), model),
    "load_state_dict, assigned": lambda make, model: loaded(make().bfloat16(), model, assign=True),
    "made in float64": lambda make, model: loaded(made_in(make, torch.float64).float().to(DEVICE), model),
    "made in bfloat16": lambda make, model: loaded(made_in(make, torch.bfloat16).float().to(DEVICE), model),
    "made on the CPU": lambda make, model: loaded(on_device(make, "cpu").to(DEVICE), model),
    "apply": lambda make, model: model._apply(lambda tensor: tensor.bfloat16())._apply(lambda tensor: tensor.float()),
}
each_model = pytest.mark.parametrize("name", MODELS)


def trained(name):
    """A model whose every parameter is random, in float32."""
    return randomised(MODELS[name](), torch.float32)


def fresh(name, model):
    """A new model with the weights of this one."""
    return loaded(MODELS[name]().to(DEVICE).eval(), model)


@pytest.mark.parametrize("way", WAYS)
@each_model
def test_logits_are_those_of_a_new_model_with_the_same_weights(name, way):
    model = WAYS[way](MODELS[name], trained(name)).eval()
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    with torch.no_grad():
        assert model(IDS).equal(fresh(name, model)(IDS))


@each_model
def test_a_state_of_another_model_is_run_by_this_one(name):
    """functional_call, and the states of two models stacked."""
    here, others = trained(name), [trained(name), fresh(name, trained(name))]
    for parameter in others[1].parameters():
        nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        expected = [other(IDS) for other in others]
        for other, output in zip(others, expected, strict=True):
            torch.testing.assert_close(functional_call(here, dict(other.named_parameters()), (IDS,)), output)
        parameters, buffers = stack_module_state(others)
        stacked = torch.vmap(lambda state, kept: functional_call(here, (state, kept), (IDS,)))(parameters, buffers)
    torch.testing.assert_close(stacked, torch.stack(expected), rtol=1e-4, atol=1e-4)


@each_model
def test_what_is_not_in_the_state_dict_is_no_buffer_and_stays_in_full_precision_on_the_cpu(name):
    """A buffer is moved, cast and emptied by what cannot know what it should hold."""
    model = trained(name).bfloat16().to("meta")
    assert not [buffer for buffer, _ in model.named_buffers() if buffer not in model.state_dict()]
    held = [value for part in model.modules() for value in vars(part).values() if isinstance(value, torch.Tensor)]
    assert bool(held) == ("sinusoidal" in name or "alibi" in name)
    assert all(value.dtype == torch.float32 and value.device.type == "cpu" for value in held)


@each_model
def test_a_model_cast_to_double_is_one_that_was_loaded_in_double(name):
    model = trained(name)
    with torch.no_grad():
        assert copy.deepcopy(model).double()(IDS).equal(fresh(name, model).double()(IDS))


@each_model
def test_a_model_runs_where_new_tensors_are_made_elsewhere(name):
    """The default device is for what is made anew: nothing that a call makes may end up there."""
    model = trained(name)
    with torch.no_grad():
        expected = model(IDS)
        with torch.device("meta"):
            assert model(IDS).equal(expected)
            assert on_meta(MODELS[name])(IDS.to("meta")).is_meta


@each_model
def test_initialising_a_model_without_memory(name):
    """What `initialise` draws is drawn again when there is memory."""
    model = on_meta(MODELS[name])
    initialise(model)
    assert all(parameter.is_meta for parameter in model.parameters())
    torch.manual_seed(0)
    made = spoiled(model.to_empty(device=DEVICE))
    initialise(made)
    matrices = [part.weight for key, part in made.named_modules() if isinstance(part, (nn.Linear, nn.Embedding)) and not key.endswith("positions.bias")]
    assert matrices and all(0.01 < matrix.std() < 0.03 for matrix in matrices)


def test_sinusoids_and_slopes_can_be_looked_at():
    table = SinusoidalPositionalEncoding(6, 9)
    assert table.table.shape == (9, 6) and table.table.equal(copy.deepcopy(table).bfloat16().float().table)
    assert table.bfloat16()(torch.zeros(1, 9, 6).bfloat16())[0].equal(table.table.bfloat16())       # rounded once, at the end
    assert [name for name, _ in table.named_buffers()] == []
