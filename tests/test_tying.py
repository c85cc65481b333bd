"""Parameters that are one tensor stay one tensor, whatever replaces them; a state dict with two different ones is refused."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from shared.transformer import MaskedLanguageModel, TransformerEncoder, tying

IDS = torch.tensor([[3, 1, 4]])
NAMES = ("encoder.embedding.words.weight", "output.weight")


class Two(tying.TiedModel):
    """Three names for one tensor."""

    def __init__(self):
        super().__init__()
        self.words, self.more, self.output = nn.Embedding(5, 4), nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
        self.tie("words.weight", "more.weight", "output.weight")


def words():
    return MaskedLanguageModel(TransformerEncoder(10, 8, 1, 2, max_seq_len=8)).eval()


MAKERS = {"three names": Two, "masked words": words, "within another": lambda: nn.Sequential(words()), "twice within": lambda: nn.ModuleList([Two(), Two()])}
each_model = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def on_meta(make):
    with torch.device("meta"):
        return make()


def separate(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def through_a_file(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def loaded(model, state, **options):
    model.load_state_dict(state, **options)
    return model


WAYS = {
    "made": lambda make, old: make(),
    "loaded": lambda make, old: loaded(make(), separate(old)),
    "assigned": lambda make, old: loaded(make(), separate(old), assign=True),
    "meta, assigned": lambda make, old: loaded(on_meta(make), separate(old), assign=True),
    "meta, to_empty": lambda make, old: loaded(on_meta(make).to_empty(device="cpu"), separate(old)),
    "to_empty": lambda make, old: loaded(make().to_empty(device="cpu"), separate(old)),
    "cast": lambda make, old: old.double().bfloat16().float(),
    "deepcopy": lambda make, old: copy.deepcopy(old), "pickle": lambda make, old: pickle.loads(pickle.dumps(old)),
    "torch.save": lambda make, old: through_a_file(old),
    "a copy, assigned": lambda make, old: loaded(copy.deepcopy(old), separate(old), assign=True),
}


@pytest.mark.parametrize("way", WAYS)
@each_model
def test_it_is_one_tensor(make, way):
    old = make()
    count, model = len(list(old.parameters())), WAYS[way](make, old)
    tied = [part for part in model.modules() if isinstance(part, tying.TiedModel)]
    assert tied and all(part.is_tied() for part in tied)
    assert len(list(model.parameters())) == count
    if way not in ("made", "cast"):
        assert all(new.equal(tensor) for new, tensor in zip(model.state_dict().values(), old.state_dict().values(), strict=True))


@pytest.mark.parametrize("assign", [False, True])
def test_one_name_fills_the_others_and_two_different_tensors_are_refused(assign):
    for left_out in NAMES:
        model, state = words(), separate(words())
        del state[left_out]
        model.load_state_dict(state, assign=assign)
        assert model.is_tied() and model.output.weight.equal(next(state[name] for name in NAMES if name in state))
    state = separate(words())
    state[NAMES[1]] += 1
    with pytest.raises(ValueError, match=r"one tensor for encoder\.embedding\.words\.weight and output\.weight, but the state dict has different"):
        words().load_state_dict(state, assign=assign)


def test_what_was_untied_by_hand_stays_so():
    model = words()
    model.output.weight = nn.Parameter(torch.randn(10, 8))
    state, head = separate(model), model.output.weight.detach().clone()
    for other in (loaded(copy.deepcopy(model), state, assign=True), copy.deepcopy(model).double().float(), pickle.loads(pickle.dumps(model))):
        assert not other.is_tied()
        assert other.output.weight.equal(head) and not other.encoder.embedding.words.weight.equal(head)


def test_a_copy_is_tied_to_itself():
    model = words()
    copied = copy.deepcopy(model)
    loaded(copied, {name: tensor + 1 for name, tensor in separate(copied).items()}, assign=True)
    assert copied.is_tied() and model.is_tied()
    assert not copied.output.weight.equal(model.output.weight)
    assert copied(IDS).shape == (1, 3, 10)
