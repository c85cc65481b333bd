"""Mistakes in reading and writing the folders of other libraries."""

from . import Mistake

MISTAKES = (
    Mistake("transposed weights forgotten", 'return tensor.T if name.startswith("h.") and tensor.dim() == 2 else tensor', "return tensor"),
    Mistake("values where keys belong", '"self_attention.to_key", "self_attention.to_value"', '"self_attention.to_value", "self_attention.to_key"'),
    Mistake("layers in the order of their names", 'f"decoder.blocks.{k}.{name}"',
            'f"decoder.blocks.{sorted(range(num_layers), key=str)[k]}.{name}"'),
    Mistake("exact GELU for GPT-2's", '"gelu_new": "gelu_tanh"', '"gelu_new": "gelu"'),
    Mistake("eps not read", '"eps": config["layer_norm_epsilon"]', '"eps": None'),
    Mistake("eps not written", '1e-5 if options["eps"] is None else options["eps"]', "1e-5"),
    Mistake("a model read stays in training", "return model.eval()", "return model"),
    Mistake("any kind of model is read", "    refuse.other_than_gpt2(config,", '    refuse.other_than_gpt2(config | {"model_type": "gpt2"},'),
    Mistake("tensors are not compared with their config.json", "    refuse.unlike_their_config(folder, shapes, tensors)\n", ""),
    Mistake("tensors that are too many are passed over", "refuse.unlike_their_config(folder, shapes, tensors)",
            "refuse.unlike_their_config(folder, shapes, {name: tensor for name, tensor in tensors.items() if name in shapes})"),
    Mistake("masks of old files not left out", 'if not name.endswith((".attn.bias", ".attn.masked_bias"))}', "}"),
    Mistake("parts left over are read, not the whole file", "if not whole.exists() and index.exists():", "if index.exists():"),
    Mistake("the first part alone is read", "load_file(part)", "load_file(parts[0])"),
    Mistake("files are written where they stand", "    files.write_together({\n", "    _ = ({\n"),
    Mistake("whether it is tied is read from options", "tied = model.output.weight is model.decoder.embedding.words.weight", 'tied = options["tied"]'),
    Mistake("every model is written as a tied one", "tied = model.output.weight is model.decoder.embedding.words.weight", "tied = True"),
    Mistake("the model is not compared with its options", "    refuse.unlike_its_options(model, fresh)\n", ""),
    Mistake("the output in the file is passed over", "if output is not None and not output.equal(", "if output is not None and False and not output.equal("),
    Mistake("a head that differs counts only if config.json says so", 'config.get("tie_word_embeddings", True) and _is_tied(tensors)',
            '_is_tied(tensors) and False or config.get("tie_word_embeddings", True)'),
)
