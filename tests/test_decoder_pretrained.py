"""Folders hold what a model is, whatever its options say; what they cannot hold is refused by name."""

import json

import numpy
import pytest
import safetensors.torch
import torch
from parity_attention import DEVICE
from parity_blocks import randomised
from parity_decoder import TINY, gpt, huggingface, ids_of
from properties_saved import untied, what_is_written_is_what_is_there
from refusals import refused
from torch import nn

from shared import transformer as parts
from shared.transformer import GPTModel, LayerNorm, RMSNorm, TransformerBlock


def float_model(**options):
    return gpt(dtype=torch.float32, **options)


def loaded_apart():
    """Tied in its options, filled with two tensors, as a loader without knowledge of ties does it."""
    model = float_model()
    model.output.weight = nn.Parameter(model.output.weight.detach() * 2)
    return model


def retied():
    model = float_model(tied=False)
    model.output.weight = model.decoder.embedding.words.weight
    return model


HEADS = {"tied": (float_model, True), "not tied": (lambda: float_model(tied=False), False), "replaced": (lambda: untied(float_model()), False),
         "another parameter": (loaded_apart, False), "tied by hand": (retied, True)}


def test_a_folder_holds_what_is_there(tmp_path):
    what_is_written_is_what_is_there(parts, tmp_path)


@pytest.mark.parametrize(("make", "tied"), HEADS.values(), ids=HEADS.keys())
def test_huggingface_reads_the_head_that_is_there(make, tied, tmp_path):
    model = make()
    model.save_pretrained(tmp_path)
    theirs, info = huggingface().GPT2LMHeadModel.from_pretrained(tmp_path, output_loading_info=True)
    assert {name: list(found) for name, found in info.items() if found} == {}
    assert theirs.config.tie_word_embeddings == tied
    torch.testing.assert_close(theirs.to(DEVICE).eval()(ids_of()).logits, model(ids_of()), rtol=1e-5, atol=1e-5)
    back = GPTModel.from_pretrained(tmp_path)
    assert back(ids_of()).equal(model(ids_of())) and back.options["tied"] == tied
    assert (back.output.weight is back.decoder.embedding.words.weight) == tied
    with torch.no_grad():
        theirs.transformer.wte.weight.add_(1)
    theirs.save_pretrained(tmp_path / "theirs")
    torch.testing.assert_close(GPTModel.from_pretrained(tmp_path / "theirs").to(DEVICE)(ids_of()), theirs(ids_of()).logits, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("says", [True, False])
def test_an_output_in_the_file_counts_whatever_the_configuration_says(says, tmp_path):
    model = loaded_apart()
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": says}), encoding="utf-8")
    back = GPTModel.from_pretrained(tmp_path)
    assert back.options["tied"] is False and back(ids_of()).equal(model(ids_of()))
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file({name: tensor for name, tensor in safetensors.torch.load_file(path).items() if name != "lm_head.weight"}, path)
    if says:
        assert GPTModel.from_pretrained(tmp_path).options["tied"] is True
    else:
        refused(ValueError, "lm_head.weight is missing", lambda: GPTModel.from_pretrained(tmp_path))


class OtherForward(GPTModel):
    def forward(self, input_ids, attention_mask=None, cache=None):
        return 2 * super().forward(input_ids, attention_mask, cache)


class Named(GPTModel):
    name = "one that computes the same"


def changed(change, **options):
    def make():
        model = float_model(**options)
        change(model)
        return model
    return make


def at(path, value):
    """Puts a value or part where a model has another."""
    def change(model):
        *parents, name = path.split(".")
        setattr(model.get_submodule(".".join(parents)), name, value() if callable(value) else value)
    return change


CHANGES = {
    "a head with a bias": (changed(at("output", lambda: nn.Linear(8, 11).to(DEVICE))), "output.bias has shape (11,), expected none"),
    "a head of two layers": (changed(at("output", lambda: nn.Sequential(nn.Linear(8, 11)))), "output is Sequential, expected Linear"),
    "no head": (changed(at("output", nn.Identity)), "output is Identity, expected Linear"),
    "an activation": (changed(at("decoder.blocks.1.feed_forward.activation", "relu")), "decoder.blocks.1.feed_forward has activation = 'relu', expected 'gelu_tanh'"),
    "an eps": (changed(at("decoder.norm.eps", 0.1)), "decoder.norm has eps = 0.1, expected 1e-05"),
    "heads": (changed(at("decoder.blocks.0.self_attention.num_heads", 4)), "decoder.blocks.0.self_attention has num_heads = 4, expected 2"),
    "order of norms": (changed(at("decoder.blocks.0.norm_first", False)), "decoder.blocks.0 has norm_first = False, expected True"),
    "a norm": (changed(at("decoder.norm", lambda: RMSNorm(8).to(DEVICE))), "decoder.norm is RMSNorm, expected LayerNorm"),
    "a norm of another library": (changed(at("decoder.norm", lambda: nn.LayerNorm(8).to(DEVICE))), "decoder.norm is LayerNorm"),
    "no last norm": (changed(at("decoder.norm", None)), "decoder.norm is missing, expected LayerNorm"),
    "a norm without a bias": (changed(at("decoder.norm", lambda: LayerNorm(8, bias=False).to(DEVICE))), "decoder.norm.bias has shape none, expected (8,)"),
    "a block more": (changed(lambda model: model.decoder.blocks.append(TransformerBlock(8, 2))), "decoder.blocks.2 is TransformerBlock, expected missing"),
    "a block less": (changed(lambda model: model.decoder.blocks.__delitem__(1)), "decoder.blocks.1 is missing, expected TransformerBlock"),
    "another block": (changed(lambda model: model.decoder.blocks.__setitem__(0, nn.Identity())), "decoder.blocks.0 is Identity, expected TransformerBlock"),
    "more words": (changed(at("decoder.embedding.words", lambda: nn.Embedding(12, 8))), "num_embeddings = 12, expected 11"),
    "more words, by their matrix": (changed(at("decoder.embedding.words.weight", lambda: nn.Parameter(torch.ones(12, 8)))),
                                    "decoder.embedding.words.weight has shape (12, 8), expected (11, 8)"),
    "more positions": (changed(at("decoder.embedding.places", lambda: model_places(20))), "max_seq_len = 20, expected 12"),
    "words that are scaled": (changed(at("decoder.embedding.factor", 2.0)), "decoder.embedding has factor = 2.0, expected 1.0"),
    "padding": (changed(at("decoder.pad_id", 0)), "decoder has pad_id = 0, expected None"),
    "dropout": (changed(at("decoder.blocks.0.dropout.p", 0.5), dropout=0.1), "decoder.blocks.0.dropout has p = 0.5, expected 0.1"),
    "positions within attention": (changed(at("decoder.blocks.0.self_attention.positions", lambda: parts.RotaryEmbedding(4))),
                                   "decoder.blocks.0.self_attention.positions is RotaryEmbedding, expected missing"),
    "one more parameter": (changed(at("decoder.prefix", lambda: nn.Parameter(torch.ones(3)))), "decoder.prefix has shape (3,), expected none"),
    "a forward put on": (changed(lambda model: setattr(model.decoder, "forward", model.decoder.forward)), "decoder is TransformerDecoder with a forward of its own"),
    "a class of its own": (lambda: randomised(OtherForward(**TINY), torch.float32), "the model is OtherForward, expected GPTModel"),
    "options: activation": (changed(lambda model: model.options.update(activation="relu")), "has activation = 'gelu_tanh', expected 'relu'"),
    "options: heads": (changed(lambda model: model.options.update(num_heads=1)), "has num_heads = 2, expected 1"),
    "options: layers": (changed(lambda model: model.options.update(num_layers=1)), "decoder.blocks.1 is TransformerBlock, expected missing"),
    "options: words": (changed(lambda model: model.options.update(vocab_size=13)), "num_embeddings = 11, expected 13"),
    "options: eps": (changed(lambda model: model.options.update(eps=1e-3)), "has eps = 1e-05, expected 0.001"),
}


def model_places(length):
    return parts.LearnedPositionalEmbedding(8, length).to(DEVICE)


@pytest.mark.parametrize(("make", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_a_model_changed_by_hand_is_refused_by_name(make, message, tmp_path):
    model = make()
    refused(ValueError, f"the model is not what model.options say, and would be read back as another: … {message}",
            lambda: model.save_pretrained(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"activation": "swish"}, ValueError, "activation='swish'"), ({"wide": True}, TypeError, "GPTModel has no argument wide"),
    ({"norm_first": False}, ValueError, "GPT-2's files have no place for norm_first=False"),
])
def test_options_that_make_no_gpt2_are_refused(options, error, message, tmp_path):
    model = float_model()
    model.options.update(options)
    refused(error, message, lambda: model.save_pretrained(tmp_path / "new"))


def test_what_changes_nothing_does_not_hinder(tmp_path):
    """Training mode, frozen parameters, other precisions, a class with the same forward, moved options, NumPy's integers."""
    sizes = {name: numpy.int64(size) for name, size in TINY.items()}
    model = randomised(Named(**sizes, dropout=numpy.float64(0.25)), torch.float32).train().requires_grad_(False)
    model.options = dict(reversed(model.options.items()))
    model.save_pretrained(tmp_path)
    state = torch.get_rng_state()
    model.save_pretrained(tmp_path)
    assert torch.get_rng_state().equal(state)                               # no random number is drawn
    back = GPTModel.from_pretrained(tmp_path)
    assert type(back) is GPTModel and back.options["dropout"] == 0.25 and back(ids_of()).equal(model.eval()(ids_of()))
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    assert safetensors.torch.load_file(tmp_path / "model.safetensors")["transformer.wte.weight"].dtype == torch.bfloat16
    assert type(Named.from_pretrained(tmp_path)) is Named
