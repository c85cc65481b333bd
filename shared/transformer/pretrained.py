"""Folders in the format of other libraries: GPT-2's, which transformers' GPT2LMHeadModel reads and writes. Written by hand."""

import json
import pathlib

import torch

from . import files, refuse

__all__ = ["gpt2_names"]

GPT2_BLOCK = {
    "ln_1": ["self_attention_norm"],
    "attn.c_attn": ["self_attention.to_query", "self_attention.to_key", "self_attention.to_value"],
    "attn.c_proj": ["self_attention.to_output"],
    "ln_2": ["feed_forward_norm"],
    "mlp.c_fc": ["feed_forward.to_hidden"],
    "mlp.c_proj": ["feed_forward.to_output"],
}
GPT2_ACTIVATIONS = {"gelu_new": "gelu_tanh", "relu": "relu", "gelu": "gelu"}
GPT2_SIZES = {"vocab_size": "vocab_size", "d_model": "n_embd", "num_layers": "n_layer", "num_heads": "n_head",
              "max_seq_len": "n_positions"}
WORDS, OUTPUT = "decoder.embedding.words.weight", "output.weight"


def gpt2_names(num_layers):
    """Name of each tensor in a GPT-2 file → the names here of what lies in it, side by side.

    Matrices of blocks (`h.….weight` with two dimensions) are stored transposed, (inputs, outputs). An output that is not
    tied to the words is one tensor more, "lm_head.weight", here "output.weight".
    """
    refuse.sizes(num_layers=num_layers)
    names = {"wte.weight": [WORDS], "wpe.weight": ["decoder.embedding.places.table.weight"]}
    parts = {f"h.{k}.{theirs}": [f"decoder.blocks.{k}.{name}" for name in ours]
             for k in range(num_layers) for theirs, ours in GPT2_BLOCK.items()} | {"ln_f": ["decoder.norm"]}
    return names | {f"{theirs}.{kind}": [f"{name}.{kind}" for name in ours]
                    for theirs, ours in parts.items() for kind in ("weight", "bias")}


def _names(num_layers, tied):
    return gpt2_names(num_layers) | ({} if tied else {"lm_head.weight": [OUTPUT]})


def _turned(name, tensor):
    return tensor.T if name.startswith("h.") and tensor.dim() == 2 else tensor


# ---- Writing


def write_gpt2(model, folder):
    """Write a GPTModel as config.json and model.safetensors, both whole or none. What the files cannot hold is refused.

    They say what the model *is*: the output is written, too, if it is not the matrix of the words, whatever options say.
    """
    from safetensors.torch import save_file

    options, folder, ours = model.options, pathlib.Path(folder), model.state_dict()
    refuse.unlike_gpt2(options, tuple(GPT2_ACTIVATIONS.values()))
    with torch.device("meta"):                                          # no memory, and no random number is drawn
        fresh = _class_of(model)(**options)
    refuse.unlike_its_options(model, fresh)
    tied = model.output.weight is model.decoder.embedding.words.weight
    tensors = {"lm_head.weight" if theirs == "lm_head.weight" else f"transformer.{theirs}":
               _turned(theirs, torch.cat([ours[name] for name in names])).contiguous()
               for theirs, names in _names(options["num_layers"], tied).items()}
    content = json.dumps(_config(options, tied), indent=1, default=lambda number: number.item()) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    files.write_together({
        folder / "model.safetensors": lambda path: save_file(tensors, path, metadata={"format": "pt"}),
        folder / "config.json": lambda path: path.write_text(content, encoding="utf-8")})


def _class_of(model):
    """The class that reads folders: GPTModel itself, also for a model of a class that is made from it."""
    return next(kind for kind in reversed(type(model).__mro__) if "from_pretrained" in vars(kind))


def _config(options, tied):
    """Arguments of GPTModel → config.json."""
    theirs = {ours: theirs for theirs, ours in GPT2_ACTIVATIONS.items()}
    return {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"],
            **{theirs: options[ours] for ours, theirs in GPT2_SIZES.items()}, "n_inner": options["d_ff"],
            "activation_function": theirs[options["activation"]],
            "layer_norm_epsilon": 1e-5 if options["eps"] is None else options["eps"],
            **{f"{position}_pdrop": options["dropout"] for position in ("resid", "embd", "attn")},
            "tie_word_embeddings": tied, "bos_token_id": None, "eos_token_id": None}


# ---- Reading


def read_gpt2(make, folder):
    """The model that a folder holds, in eval(): make(**options) with the folder's tensors. What does not fit is refused."""
    folder = pathlib.Path(folder)
    config, tensors = _read_json(folder / "config.json"), None
    options = _options(config)
    tensors = _tensors(folder)
    tied = config.get("tie_word_embeddings", True) and _is_tied(tensors)
    model = make(**options, tied=tied)
    ours, names = model.state_dict(), _names(options["num_layers"], tied)
    shapes = {theirs: _turned(theirs, torch.cat([ours[name] for name in mine])).shape for theirs, mine in names.items()}
    refuse.unlike_their_config(folder, shapes, tensors)
    with torch.no_grad():
        for theirs, mine in names.items():
            for name, part in zip(mine, _turned(theirs, tensors[theirs]).chunk(len(mine))):
                ours[name].copy_(part)                                  # the model's own parameter
    return model.eval()


def _is_tied(tensors):
    """Whether the output is the matrix of the words, of which a file may hold either or both; it leaves only the words."""
    output = tensors.get("lm_head.weight")
    if output is not None and not output.equal(tensors.setdefault("wte.weight", output)):
        return False
    tensors.pop("lm_head.weight", None)
    return True


def _tensors(folder):
    """Name without "transformer." → tensor, over all files; masks that old files carry are left out."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    parts = [whole]
    if not whole.exists() and index.exists():
        parts = [folder / name for name in sorted(set(_read_json(index).get("weight_map", {}).values()))]
    tensors = {}
    for part in parts:
        try:
            found = load_file(part)
        except SafetensorError as error:
            refuse.damaged(part, error)
        tensors |= {name.removeprefix("transformer."): tensor for name, tensor in found.items()
                    if not name.endswith((".attn.bias", ".attn.masked_bias"))}
    return tensors


def _read_json(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        refuse.not_json(path, error)
    refuse.not_an_object(path, content)
    return content


def _options(config):
    """config.json → arguments of GPTModel, except whether it is tied."""
    config = {"model_type": None, "activation_function": "gelu_new", "n_inner": None, "resid_pdrop": 0.1,
              "embd_pdrop": 0.1, "attn_pdrop": 0.1, "layer_norm_epsilon": 1e-5} | config
    refuse.other_than_gpt2(config, tuple(GPT2_ACTIVATIONS), tuple(GPT2_SIZES.values()))
    return {ours: config[theirs] for ours, theirs in GPT2_SIZES.items()} | {
        "d_ff": config["n_inner"], "dropout": config["resid_pdrop"], "eps": config["layer_norm_epsilon"],
        "activation": GPT2_ACTIVATIONS[config["activation_function"]]}
