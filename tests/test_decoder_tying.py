"""Tied parameters stay one tensor through everything that replaces parameters, and what is untied by hand stays untied."""

import copy
import io
import pickle

import pytest
import torch
from parity_attention import DEVICE
from parity_decoder import TINY, gpt, ids_of
from refusals import refused
from torch import nn

from shared.transformer import GPTModel, MaskedLanguageModel, TransformerEncoder, tying

WORDS, OUTPUT = "decoder.embedding.words.weight", "output.weight"


def language_model():
    """BERT's head on an encoder, whose words it shares."""
    return MaskedLanguageModel(TransformerEncoder(**TINY)).to(DEVICE, torch.float64).eval()


MODELS = {"GPTModel": (gpt, "decoder.embedding.words.weight"), "MaskedLanguageModel": (language_model, "encoder.embedding.words.weight")}
each_model = pytest.mark.parametrize(("make", "words"), MODELS.values(), ids=MODELS.keys())


def separate(model):
    """A state dict in which no two names share a tensor."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def tied(model, words):
    """Whether words and output are one parameter, listed once and optimised once."""
    names = [name for name, _ in model.named_parameters()]
    return (model.get_parameter(words) is model.output.weight and model.output.weight.data_ptr() == model.get_parameter(words).data_ptr()
            and words in names and OUTPUT not in names and model.is_tied())


def through_a_file(model):
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    model.load_state_dict(torch.load(file), assign=True)
    return model


def rebuilt(model):
    """Made without memory, then filled."""
    state = separate(model)
    with torch.device("meta"):
        fresh = copy.deepcopy(model)
    fresh = fresh.to("meta").to_empty(device=DEVICE)
    fresh.load_state_dict(state)
    return fresh


def loaded(assign=False, **changes):
    def load(model):
        state = separate(model)
        for name, change in changes.items():
            state = change(state)
        model.load_state_dict(state, assign=assign)
        return model
    return load


def as_a_child(model):
    whole = nn.Sequential(nn.Identity(), model)
    whole.load_state_dict(separate(whole), assign=True)
    return whole[1]


def compiled(model):
    wrapper = torch.compile(model, backend="eager")
    wrapper.load_state_dict(separate(wrapper), assign=True)
    wrapper.float().double()
    return model


TREATMENTS = {
    "load": loaded(), "load and assign": loaded(assign=True), "a file": through_a_file, "meta, to_empty, load": rebuilt, "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)), "half and back": lambda model: model.half().double(), "as a child": as_a_child,
    "compiled": compiled, "onto the device": lambda model: model.to(DEVICE), "deepcopy and assign": lambda model: loaded(assign=True)(copy.deepcopy(model)),
    "pickle and assign": lambda model: loaded(assign=True)(pickle.loads(pickle.dumps(model))),
    "only trained ones": lambda model: loaded(assign=True)(model.requires_grad_(False)),
}


@each_model
@pytest.mark.parametrize("treat", TREATMENTS.values(), ids=TREATMENTS.keys())
def test_words_and_output_stay_one_tensor(treat, make, words):
    model = make()
    expected, trained = model(ids_of()), model.output.weight.requires_grad
    done = treat(model)
    assert tied(done, words)
    torch.testing.assert_close(done(ids_of()), expected, rtol=0.02, atol=0.02)
    if done.output.weight.requires_grad and trained:
        with torch.no_grad():
            done.get_parameter(words).mul_(2)                               # what is trained is seen by both
        assert done.output.weight.equal(done.get_parameter(words))


@each_model
@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("missing", [0, 1])
def test_one_of_two_names_is_enough(missing, assign, make, words):
    model, other = make(), make()
    state = separate(model)
    state.pop((words, OUTPUT)[missing])
    names = list(state)
    other.load_state_dict(state, assign=assign)
    assert tied(other, words) and other(ids_of()).equal(model(ids_of())) and list(state) == names
    if "decoder" in words:
        del state["decoder.norm.weight"]
        assert other.load_state_dict(state, strict=False, assign=assign).missing_keys == ["decoder.norm.weight"] and tied(other, words)


@each_model
@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("strict", [False, True])
def test_different_tensors_for_one_are_refused(strict, assign, make, words):
    model = make()
    before, state = separate(model), separate(model)
    state[OUTPUT][0, 0] += 1
    refused(ValueError, f"one tensor for {words} and {OUTPUT}, but the state dict has different ones",
            lambda: model.load_state_dict(state, strict=strict, assign=assign))
    state[OUTPUT] = state[OUTPUT][1:]
    refused(ValueError, "different ones", lambda: model.load_state_dict(state, strict=strict, assign=assign))
    assert tied(model, words) and all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())


def test_weights_that_have_diverged_can_still_be_loaded():
    model = gpt()
    with torch.no_grad():
        model.output.weight[3] = torch.nan
    state = separate(model)
    model.load_state_dict(state, assign=True)
    assert tied(model, WORDS) and model.output.weight[3].isnan().all()


def test_what_is_untied_by_hand_stays_untied():
    model = gpt()
    model.output.weight = nn.Parameter(model.output.weight.detach() + 1)
    for treat in (TREATMENTS["load and assign"], TREATMENTS["half and back"], TREATMENTS["deepcopy"]):
        model = treat(model)
        assert model.output.weight is not model.decoder.embedding.words.weight and not model.is_tied()
        assert (model.output.weight - model.decoder.embedding.words.weight - 1).abs().max() < 0.01
    assert gpt(tied=False).is_tied() and "output.weight" in dict(gpt(tied=False).named_parameters())    # nothing was tied


@pytest.mark.parametrize("head", [nn.Identity(), nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 11)),
                                  nn.utils.parametrizations.weight_norm(nn.Linear(8, 11))], ids=["none", "two layers", "another weight"])
def test_a_head_of_another_kind_is_nobody_s_twin(head):
    model = gpt()
    model.output = head.to(DEVICE, torch.float64)
    state = separate(model)
    model.double().load_state_dict(state, assign=True)
    assert not model.is_tied() and copy.deepcopy(model)(ids_of()).equal(model(ids_of()))


def test_a_model_without_ties_is_an_ordinary_module():
    class Plain(tying.TiedModel):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

    plain = Plain()
    plain.load_state_dict({name: tensor.clone() for name, tensor in plain.state_dict().items()}, assign=True)
    assert plain.is_tied() and plain.double().layer.weight.dtype == torch.float64


def test_an_optimiser_moves_words_and_output_together_after_loading():
    model = gpt()
    model.load_state_dict(separate(model), assign=True)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.output.weight.detach().clone()
    model(ids_of()).square().mean().backward()
    optimiser.step()
    assert not model.output.weight.equal(before) and model.output.weight.equal(model.decoder.embedding.words.weight)
    assert GPTModel(**model.options).is_tied()
