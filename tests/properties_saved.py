"""What is written to a folder is what the model is, or it is refused; as assertions that take the module with the parts."""

import json

import pytest
import torch
from parity_attention import DEVICE
from parity_decoder import gpt, ids_of
from torch import nn


def untied(model):
    """The model, with a head of its own put in by hand."""
    head = nn.Linear(8, 11, bias=False).to(DEVICE, model.output.weight.dtype)
    model.output = head
    return model


def what_is_written_is_what_is_there(parts, folder):
    """Assert that a head that is not tied comes back, and that a model changed by hand is refused by name, and nothing is written."""
    for number, model in enumerate((gpt(parts, torch.float32, tied=False), untied(gpt(parts, torch.float32)))):
        model.save_pretrained(folder / str(number))
        config = json.loads((folder / str(number) / "config.json").read_text(encoding="utf-8"))
        back = parts.GPTModel.from_pretrained(folder / str(number))
        assert config["tie_word_embeddings"] is False and back.options["tied"] is False
        assert back(ids_of()).equal(model(ids_of())) and back.output.weight is not back.decoder.embedding.words.weight
    model = gpt(parts, torch.float32)
    model.decoder.blocks[1].feed_forward.activation = "relu"
    with pytest.raises(ValueError, match="decoder.blocks.1.feed_forward has activation = 'relu', expected 'gelu_tanh'"):
        model.save_pretrained(folder / "refused")
    assert not (folder / "refused").exists()
