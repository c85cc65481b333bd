"""The fastest attention equals lesson 01's function, and where it is not wanted every model goes through that function."""

import importlib.util

import pytest
import torch
from parity_attention import DEVICE, EXACT, numbers, random_mask, results, triple
from parity_blocks import randomised

from shared.transformer import (GPTModel, MaskedLanguageModel, MultiHeadAttention, SequenceClassifier, TokenTagger, Transformer, TransformerBlock,
                                TransformerEncoder, attention, causal_mask, fused, masked_scores, scaled_dot_product_attention)

SIZE = {"d_model": 8, "num_layers": 2, "num_heads": 2, "d_ff": 12, "max_seq_len": 8}
IDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 0, 0]], device=DEVICE)
MODELS = {
    "encoder": lambda: TransformerEncoder(10, pad_id=0, **SIZE),
    "tagger": lambda: TokenTagger(TransformerEncoder(10, **SIZE), 3),
    "classifier": lambda: SequenceClassifier(TransformerEncoder(10, pad_id=0, **SIZE), 3),
    "masked words": lambda: MaskedLanguageModel(TransformerEncoder(10, positions="alibi", **SIZE)),
    "GPT": lambda: GPTModel(10, **SIZE),
    "rotary GPT": lambda: GPTModel(10, positions="rotary", **SIZE),
    "Transformer": lambda: Transformer(10, dropout=0.0, **SIZE),
}
each_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture
def not_wanted():
    """Within it all goes through lesson 01; afterwards as it was."""
    before = fused._wanted
    fused.use(False)
    yield
    fused.use(before)


def outputs(model, name):
    return model(IDS, IDS) if name == "Transformer" else model(IDS)


def changed_attention(query, key, value, mask=None, dropout=0.0):
    """A learner's change: the values are doubled."""
    output, weights = scaled_dot_product_attention(query, key, value, mask, dropout)
    return 2 * output, weights


@each_model
def test_a_changed_lesson_01_changes_every_model(name, not_wanted, monkeypatch):
    model = randomised(MODELS[name]())
    before = outputs(model, name)
    monkeypatch.setattr(attention, "scaled_dot_product_attention", changed_attention)
    assert (outputs(model, name) - before).abs().max() > 1e-3
    fused.use(True)
    torch.testing.assert_close(outputs(model, name), before, **EXACT)                   # the fastest does not hear of it


@each_model
def test_values_and_gradients_are_the_same_through_lesson_01(name, not_wanted):
    model, found = randomised(MODELS[name]()), []
    for wanted in (True, False):
        fused.use(wanted)
        output = outputs(model, name)
        loss = (output * numbers(*output.shape, seed=1).detach()).sum()
        found.append([output, *torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, materialize_grads=True)])
    torch.testing.assert_close(*found, **EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_training_in_half_precision_goes_through_lesson_01_too(dtype, not_wanted, monkeypatch):
    calls = []
    monkeypatch.setattr(attention, "scaled_dot_product_attention", lambda *arguments: calls.append(arguments) or changed_attention(*arguments))
    block = TransformerBlock(8, 2, dropout=0.2).to(DEVICE, dtype).train()
    block(numbers(2, 4, 8, dtype=dtype), is_causal=True)
    assert [arguments[-1] for arguments in calls] == [0.2]                              # dropout is handed on
    assert calls[0][3].equal(causal_mask(4, device=DEVICE))
    block.eval()(numbers(2, 4, 8, dtype=dtype))
    assert calls[1][-1] == 0.0 and calls[1][3] is None


@pytest.mark.parametrize(("value", "wanted"), [("0", False), ("1", True), ("", True), (None, True)])
def test_the_environment_says_so(value, wanted, monkeypatch):
    monkeypatch.delenv("LESSON_FUSED", raising=False)
    if value is not None:
        monkeypatch.setenv("LESSON_FUSED", value)
    spec = importlib.util.spec_from_file_location("shared.transformer.fused_again", fused.__file__)
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert again._wanted is wanted


# --- its forms

FORMS = {"fastest": fused.attention, "explicit": fused.explicit,
         "lesson 01": lambda *arguments: scaled_dot_product_attention(*arguments)[0]}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["none", "boolean", "finite", "additive", "nothing"])
def test_each_form_equals_lesson_01(form, kind):
    query, key, value = triple((2, 2, 4, 3), (2, 2, 5, 3), 3)
    mask = None if kind == "none" else torch.zeros(4, 5, dtype=torch.bool, device=DEVICE) if kind == "nothing" else random_mask(kind, 4, 5)
    tensors = (query, key, value, mask)
    torch.testing.assert_close(results(lambda *given: (FORMS[form](*given), None), tensors, False),
                               results(scaled_dot_product_attention, tensors, False), **EXACT)


def test_dropout_draws_the_same_numbers_in_both_explicit_forms():
    tensors = triple((2, 2, 4, 3), (2, 2, 5, 3), 3)
    found = []
    for form in (fused.explicit, lambda *arguments: scaled_dot_product_attention(*arguments)[0]):
        torch.manual_seed(0)
        found.append(form(*tensors, random_mask("boolean", 4, 5), 0.5))
    torch.testing.assert_close(*found, **EXACT)


def test_the_rule_is_about_training_in_bfloat16_on_a_cpu():
    def rule(dtype=torch.bfloat16, S=256, trained=True, device="cpu"):
        query = torch.zeros(1, 1, 2, 4, dtype=dtype, device=device, requires_grad=trained)
        return fused.explicit_is_faster(query, torch.zeros(1, 1, S, 4, dtype=dtype, device=device))

    assert rule()
    assert not any((rule(torch.float32), rule(torch.float16), rule(S=257), rule(trained=False), rule(device="meta")))
    with torch.no_grad():
        assert not rule()


# --- the scores, which both share

@pytest.mark.parametrize("kind", ["boolean", "finite", "additive"])
def test_masked_scores(kind):
    query, key, _ = triple((2, 4, 3), (2, 5, 3), 3)
    mask = random_mask(kind, 4, 5)
    with torch.no_grad():
        mask[1] = False if kind == "boolean" else -torch.inf
    scores, blocked = masked_scores(query, key, mask)
    plain = query @ key.transpose(-2, -1) / 3 ** 0.5
    nothing = ~mask.any(-1, keepdim=True) if kind == "boolean" else mask.isneginf().all(-1, keepdim=True)
    added = torch.zeros(4, 5, device=DEVICE, dtype=plain.dtype).masked_fill(~mask, -torch.inf) if kind == "boolean" else mask
    assert blocked.equal(nothing) and blocked[1]
    torch.testing.assert_close(scores, plain + torch.where(nothing, 0.0, added), **EXACT)
    scores, blocked = masked_scores(query, key)
    assert blocked is None
    torch.testing.assert_close(scores, plain, **EXACT)


def test_scores_in_float16_do_not_overflow():
    query = torch.full((1, 64), 50.0, dtype=torch.float16, device=DEVICE)
    assert masked_scores(query, query)[0].isfinite().all()                              # 64 · 50² is more than 65,504


def test_a_layer_asks_its_attention_once():
    """No second path around the module `attention`: what is hung there sees every call."""
    layer, calls = MultiHeadAttention(8, 2).to(DEVICE), []
    layer.attention.register_forward_hook(lambda module, inputs, output: calls.append(output))
    for need_weights in (True, False):
        layer(numbers(1, 3, 8, dtype=torch.float32), need_weights=need_weights)
    assert [weights is None for _, weights in calls] == [False, True]
