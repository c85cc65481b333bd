"""The decoder equals HuggingFace's GPT-2 (values, gradients, tokens, files) and PyTorch's nn.TransformerDecoder."""

import json
import shutil

import pytest
import safetensors.torch
import torch
from parity_attention import DEVICE, EXACT, numbers
from parity_decoder import as_ours, files_agree, gpt, hugging, huggingface, ids_of, same_as_hugging, stack_agrees
from properties_decoder import broken_files_are_refused
from torch import nn

from shared import transformer as decoder
from shared.transformer import GPTModel, TransformerDecoder, causal_mask, gpt2_names, next_token_probs


# --- GPT-2

CONFIGURATIONS = {
    "one layer, one head, two tokens": {"n_layer": 1, "n_head": 1, "T": 2, "B": 1},
    "as long as it may be": {"n_layer": 3, "n_head": 4, "T": 12},
    "a narrow hidden layer": {"n_inner": 5, "T": 8},
    "a wide hidden layer, ReLU": {"n_inner": 40, "activation_function": "relu", "T": 5},
    "exact GELU, another eps": {"activation_function": "gelu", "layer_norm_epsilon": 1e-2},
    "another width and vocabulary": {"n_embd": 12, "n_head": 3, "vocab_size": 23, "n_positions": 9, "B": 3},
    "with dropout": {"resid_pdrop": 0.3, "embd_pdrop": 0.3, "attn_pdrop": 0.3},
    "eleven layers, of which the tenth is named before the second": {"n_layer": 11},
}


@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_files_of_any_configuration(options, tmp_path):
    files_agree(decoder, tmp_path, **({"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0} | options))


@pytest.mark.parametrize("num_layers", [1, 3, 11])
def test_names_are_one_to_one(num_layers):
    theirs, ours = hugging(n_layer=num_layers), gpt(num_layers=num_layers)
    names = gpt2_names(num_layers)
    assert {f"transformer.{name}" for name in names} == set(dict(theirs.named_parameters()))
    ours_by_names = [name for group in names.values() for name in group]
    assert len(ours_by_names) == len(set(ours_by_names))
    assert set(ours_by_names) == set(dict(ours.named_parameters())) == set(as_ours(theirs.state_dict()))
    assert sum(parameter.numel() for parameter in ours.parameters()) == sum(parameter.numel() for parameter in theirs.parameters())


@pytest.fixture
def saved(tmp_path):
    """HuggingFace's model, and a folder with its files."""
    theirs = hugging(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    theirs.save_pretrained(tmp_path)
    return theirs, tmp_path


def rewrite(folder, change):
    """Write model.safetensors anew as `change` makes it of its tensors."""
    path = folder / "model.safetensors"
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in change(safetensors.torch.load_file(path)).items()}, path)


OLD_MASK = torch.ones(12, 12).tril().view(1, 1, 12, 12)
VARIANTS = {
    "without the prefix": lambda found: {name.removeprefix("transformer."): tensor for name, tensor in found.items()},
    "with old masks": lambda found: found | {f"transformer.h.{k}.attn.bias": OLD_MASK.clone() for k in range(2)},
    "with old numbers of masks": lambda found: found | {f"transformer.h.{k}.attn.masked_bias": torch.tensor(-1e4) for k in range(2)},
    "as the first files were": lambda found: {name.removeprefix("transformer."): tensor for name, tensor in found.items()} | {"h.0.attn.bias": OLD_MASK},
    "with the output once more": lambda found: found | {"lm_head.weight": found["transformer.wte.weight"].clone()},
    "with the output alone": lambda found: {name.replace("transformer.wte", "lm_head"): tensor for name, tensor in found.items()},
}


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_form_of_the_file(change, saved):
    theirs, folder = saved
    rewrite(folder, change)
    same_as_hugging(GPTModel.from_pretrained(folder), theirs)


def test_a_file_in_parts(saved):
    theirs, folder = saved
    (folder / "model.safetensors").unlink()
    theirs.save_pretrained(folder, max_shard_size="2KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 3 and not (folder / "model.safetensors").exists()
    ours = GPTModel.from_pretrained(folder)
    with torch.no_grad():
        ours.decoder.norm.weight.add_(1)
    ours.save_pretrained(folder)                                                # the parts are still there, and do not count
    assert GPTModel.from_pretrained(folder).decoder.norm.weight.equal(ours.decoder.norm.weight)
    for path in folder.glob("model-*1-of-*"):
        path.unlink()
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="model-00001-of"):
        GPTModel.from_pretrained(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_numbers_in_a_file(dtype, saved):
    theirs, folder = saved
    rewrite(folder, lambda found: {name: tensor.to(dtype) for name, tensor in found.items()})
    ours = GPTModel.from_pretrained(folder)
    assert {parameter.dtype for parameter in ours.parameters()} == {torch.float32}
    same_as_hugging(ours, theirs.to(dtype).to(torch.float32))


def test_saving_makes_folders_and_changes_nothing_in_the_model(tmp_path):
    model = gpt(dtype=torch.float32)
    expected = model(ids_of())
    model.train().save_pretrained(tmp_path / "new" / "folder")
    assert model.training and GPTModel.from_pretrained(str(tmp_path / "new" / "folder"))(ids_of()).equal(expected)
    assert not any(path.name.endswith("half") for path in (tmp_path / "new" / "folder").iterdir())


# --- files that are refused

def test_tensors_that_do_not_fit_and_saves_that_fail(tmp_path):
    broken_files_are_refused(decoder, tmp_path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def with_config(**entries):
    def change(folder):
        path = folder / "config.json"
        config = json.loads(path.read_text(encoding="utf-8")) | entries
        path.write_text(json.dumps({name: value for name, value in config.items() if value != "none"}), encoding="utf-8")
    return change


REFUSED = {
    "no config": (lambda folder: (folder / "config.json").unlink(), FileNotFoundError, "config.json"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{n_layer: 2}", encoding="utf-8"), ValueError, "config.json"),
    "half a JSON": (lambda folder: cut(folder / "config.json"), ValueError, "config.json"),
    "a list": (lambda folder: (folder / "config.json").write_text("[2]", encoding="utf-8"), ValueError, "config.json.*got list"),
    "another model": (with_config(model_type="llama"), ValueError, "model_type='llama'.*'gpt2'"),
    "no model named": (with_config(model_type="none"), ValueError, "model_type=None.*'gpt2'"),
    "no width": (with_config(n_embd="none"), ValueError, "n_embd is missing"),
    "no sizes": (with_config(n_layer="none", n_head="none"), ValueError, "n_layer, n_head is missing"),
    "a width that is no number": (with_config(n_embd="8"), TypeError, "must be an integer, got '8'"),
    "heads that do not divide": (with_config(n_head=3), ValueError, "num_heads must divide d_model"),
    "another activation": (with_config(activation_function="silu"), ValueError, "activation_function='silu'.*'gelu_new'"),
    "cross-attention": (with_config(add_cross_attention=True), ValueError, "add_cross_attention=True"),
    "scores not divided": (with_config(scale_attn_weights=False), ValueError, "scale_attn_weights=False"),
    "scores divided by the layer": (with_config(scale_attn_by_inverse_layer_idx=True), ValueError, "scale_attn_by_inverse_layer_idx=True"),
    "several dropouts": (with_config(attn_pdrop=0.5), ValueError, "attn_pdrop=0.5"),
    "more layers than tensors": (with_config(n_layer=3), ValueError, "h.2.ln_1.weight is missing.*; and 7 more"),
    "fewer layers than tensors": (with_config(n_layer=1), ValueError, "h.1.attn.c_attn.bias is not a part of this model"),
    "another vocabulary": (with_config(vocab_size=12), ValueError, r"wte.weight has shape \(11, 8\), expected \(12, 8\)"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), FileNotFoundError, "model.safetensors"),
    "weights cut off": (lambda folder: cut(folder / "model.safetensors"), ValueError, "model.safetensors"),
    "no weights in the file": (lambda folder: (folder / "model.safetensors").write_bytes(b""), ValueError, "model.safetensors"),
    "no folder": (shutil.rmtree, FileNotFoundError, "config.json"),
}


@pytest.mark.parametrize(("change", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_folders_that_are_refused(change, error, message, tmp_path):
    gpt(dtype=torch.float32).save_pretrained(tmp_path)
    change(tmp_path)
    with pytest.raises(error, match=message):
        GPTModel.from_pretrained(tmp_path)


# --- filters

@pytest.mark.parametrize("V", [2, 7, 50])
def test_probabilities_equal_huggingface_s_filters(V):
    filters = huggingface().generation.logits_process
    for seed, temperature in enumerate((0.3, 1.0, 1.7)):
        logits = (2 * numbers(5, V, seed=seed)).detach()
        for top_k in (None, 1, 2, V):
            for top_p in (None, 0.1, 0.5, 0.95):
                scores = filters.TemperatureLogitsWarper(temperature)(None, logits) if temperature != 1 else logits
                scores = filters.TopKLogitsWarper(top_k)(None, scores) if top_k else scores
                scores = filters.TopPLogitsWarper(top_p)(None, scores) if top_p else scores
                torch.testing.assert_close(next_token_probs(logits, temperature, top_k, top_p), scores.softmax(dim=-1), rtol=1e-12, atol=1e-12)


# --- PyTorch

@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("cross_attention", [True, False])
def test_stacks_equal_pytorch_s(cross_attention, norm_first, bias, activation):
    stack_agrees(decoder, cross_attention, norm_first, bias, activation)


@pytest.mark.parametrize(("B", "T", "S", "num_layers"), [(1, 1, 1, 1), (3, 6, 2, 3), (2, 2, 9, 1)])
def test_stacks_of_any_shape(B, T, S, num_layers):
    stack_agrees(decoder, B=B, T=T, S=S, num_layers=num_layers)


def test_float32_equals_huggingface(saved):
    theirs, folder = saved
    ours = GPTModel.from_pretrained(folder).to(DEVICE)
    torch.testing.assert_close(ours(ids_of()), theirs(ids_of()).logits, rtol=1e-5, atol=1e-5)


def test_pytorch_s_own_causal_flag():
    ours = TransformerDecoder(11, 8, 1, 2, 16, 6, activation="relu", positions="none").to(DEVICE, torch.float64)
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=True).to(DEVICE, torch.float64)
    block = ours.blocks[0]
    with torch.no_grad():
        three = [getattr(block.self_attention, f"to_{name}") for name in ("query", "key", "value")]
        theirs.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in three]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in three]))
        for part, other in ((theirs.self_attn.out_proj, block.self_attention.to_output), (theirs.linear1, block.feed_forward.to_hidden),
                            (theirs.linear2, block.feed_forward.to_output)):
            part.load_state_dict(other.state_dict())
    words = ours.embedding.words(ids_of(2, 6))
    expected = ours.norm(theirs(words, ~causal_mask(6, device=DEVICE), is_causal=True))
    torch.testing.assert_close(ours(ids_of(2, 6)), expected, **EXACT)
