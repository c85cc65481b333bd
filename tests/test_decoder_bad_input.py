"""Bad input to the decoder's parts gets an error that says what was given and what is allowed."""

import math

import pytest
import torch
from parity_attention import DEVICE
from parity_decoder import TINY, gpt, ids_of
from refusals import refused

from shared.transformer import GPTModel, KeyValueCache, TransformerDecoder, next_token_probs

IDS = ids_of(2, 5)
SHAPE = "must have shape (B, T) with at least one token, got "


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype, device=DEVICE)


def filled(B=2, T=5, num_layers=2, **options):
    """A cache with T tokens of B texts."""
    cache = KeyValueCache(num_layers)
    gpt(dtype=torch.float32, num_layers=num_layers, **options)(ids_of(B, T), cache=cache)
    return cache


# --- making

SIZES = [
    ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
    ({"vocab_size": 11.0}, TypeError, "vocab_size must be an integer, got 11.0"),
    ({"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
    ({"num_layers": "2"}, TypeError, "num_layers must be an integer, got '2'"),
    ({"max_seq_len": 0}, ValueError, "max_seq_len must be at least 1, got 0"),
    ({"d_ff": 0}, ValueError, "d_ff must be at least 1, got 0"),
    ({"num_heads": 3}, ValueError, "num_heads must divide d_model … d_model = 8, num_heads = 3"),
    ({"num_heads": 8, "positions": "rotary"}, ValueError, "d_head must be even … got 1"),
    ({"positions": "absolute"}, ValueError, "positions must be one of 'none', 'sinusoidal', 'learned', 'rotary', 'relative', 'alibi', got 'absolute'"),
    ({"activation": "swish"}, ValueError, "activation must be one of … got 'swish'"),
    ({"norm": "batch"}, ValueError, "norm must be one of 'layer', 'rms', got 'batch'"),
    ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1, got 1.0"),
    ({"eps": 0}, ValueError, "eps must be above 0, got 0"),
]


@pytest.mark.parametrize("make", [TransformerDecoder, GPTModel])
@pytest.mark.parametrize(("options", "error", "message"), SIZES)
def test_decoders_refuse_options(make, options, error, message):
    refused(error, message, lambda: make(**(TINY | options)))


@pytest.mark.parametrize(("pad_id", "error", "message"), [
    (11, ValueError, "pad_id must lie from 0 to 10, got 11"), (-1, ValueError, "pad_id must be at least 0, got -1"),
    ("a", TypeError, "pad_id must be an integer, got 'a'"), (0.0, TypeError, "pad_id must be an integer, got 0.0"),
])
def test_padding_must_be_a_token(pad_id, error, message):
    refused(error, message, lambda: TransformerDecoder(**TINY, pad_id=pad_id))


@pytest.mark.parametrize(("num_layers", "error", "message"), [
    (0, ValueError, "num_layers must be at least 1, got 0"), (2.0, TypeError, "num_layers must be an integer, got 2.0"),
    (True, TypeError, "got True"),
])
def test_caches_refuse_sizes(num_layers, error, message):
    refused(error, message, lambda: KeyValueCache(num_layers))


# --- calling

INPUTS = {
    "id too large": ({"input_ids": IDS + 11}, ValueError, "input_ids must lie from 0 to 10, got "),
    "id below 0": ({"input_ids": IDS - 11}, ValueError, "input_ids must lie from 0 to 10, got -"),
    "vectors": ({"input_ids": zeros(2, 5)}, TypeError, "input_ids must be a tensor of int64 or int32, got torch.float32"),
    "a list": ({"input_ids": [[1, 2]]}, TypeError, "int64 or int32, got list"),
    "a list and a cache": ({"input_ids": [[1, 2]], "cache": lambda: filled()}, TypeError, "int64 or int32, got list"),
    "one dimension": ({"input_ids": IDS[0]}, ValueError, f"input_ids {SHAPE}(5,)"),
    "no token": ({"input_ids": IDS[:, :0]}, ValueError, f"input_ids {SHAPE}(2, 0)"),
    "no text": ({"input_ids": IDS[:0]}, ValueError, f"input_ids {SHAPE}(0, 5)"),
    "too long": ({"input_ids": ids_of(2, 13)}, ValueError, "max_seq_len is 12, got 13 tokens"),
    "too long with a cache": ({"input_ids": ids_of(2, 8), "cache": lambda: filled()}, ValueError, "max_seq_len is 12, got 13 tokens"),
    "mask too short": ({"attention_mask": zeros(2, 4).bool()}, ValueError, "attention_mask must have shape (2, 5), got (2, 4)"),
    "mask of one text": ({"attention_mask": zeros(1, 5).bool()}, ValueError, "(2, 5), got (1, 5)"),
    "mask of the new tokens alone": ({"attention_mask": zeros(2, 5).bool(), "cache": lambda: filled()}, ValueError, "(2, 10), got (2, 5)"),
    "mask (B, 1, 1, T)": ({"attention_mask": zeros(2, 1, 1, 5).bool()}, ValueError, "(2, 5), got (2, 1, 1, 5)"),
    "mask of floats": ({"attention_mask": zeros(2, 5)}, TypeError, "attention_mask must be a tensor of booleans, int64 or int32 … got torch.float32"),
    "mask, a list": ({"attention_mask": [[1] * 5] * 2}, TypeError, "attention_mask must be a tensor … got list"),
    "mask of 2": ({"attention_mask": zeros(2, 5, dtype=torch.int64) + 2}, ValueError, "attention_mask must be 1 for a real token and 0 for padding, got 2 to 2"),
    "cache, a dict": ({"cache": {}}, TypeError, "cache must be a KeyValueCache, got dict"),
    "cache of other layers": ({"cache": KeyValueCache(3)}, ValueError, "the cache is made for 3 layers, the model has 2"),
    "cache of other texts": ({"cache": lambda: filled(3)}, ValueError, "the cache is of another batch or model … (2, 2, 5, 4), got (3, 2, 5, 4)"),
    "cache of another width": ({"cache": lambda: filled(d_model=16)}, ValueError, "another batch or model … (2, 2, 5, 4), got (2, 2, 5, 8)"),
    "cache of other heads": ({"cache": lambda: filled(num_heads=4)}, ValueError, "another batch or model … (2, 2, 5, 4), got (2, 4, 5, 2)"),
}


@pytest.mark.parametrize("make", [TransformerDecoder, GPTModel])
@pytest.mark.parametrize(("given", "error", "message"), INPUTS.values(), ids=INPUTS.keys())
def test_decoders_refuse_inputs(make, given, error, message):
    made = make(**TINY).to(DEVICE)
    given = {name: value() if callable(value) else value for name, value in ({"input_ids": IDS} | given).items()}
    refused(error, message, lambda: made(**given))


MEMORY = zeros(2, 3, 8)
MEMORIES = {
    "given": (False, {"memory": MEMORY}, ValueError, "memory belongs to … cross_attention=True … this has False, and memory is given"),
    "missing": (True, {}, ValueError, "this has True, and memory is missing"),
    "mask alone": (False, {"memory_mask": zeros(2, 3).bool()}, ValueError, "memory_mask was given without a memory"),
    "mask and memory missing": (True, {"memory_mask": zeros(2, 3).bool()}, ValueError, "memory is missing"),
    "another width": (True, {"memory": zeros(2, 3, 7)}, ValueError, "memory must be of shape (2, S, 8), got (2, 3, 7)"),
    "another batch": (True, {"memory": zeros(3, 3, 8)}, ValueError, "memory must be of shape (2, S, 8), got (3, 3, 8)"),
    "two dimensions": (True, {"memory": zeros(3, 8)}, TypeError, "memory must be floating point, (B, S, d_model), got torch.float32 (3, 8)"),
    "ids": (True, {"memory": IDS}, TypeError, "memory must be floating point, (B, S, d_model), got torch.int64 (2, 5)"),
    "a list": (True, {"memory": [1], "memory_mask": zeros(2, 3).bool()}, TypeError, "memory must be floating point, (B, S, d_model), got list"),
    "mask of another length": (True, {"memory": MEMORY, "memory_mask": zeros(2, 5).bool()}, ValueError,
                               "memory_mask must have shape (2, 3), got (2, 5)"),
    "mask of floats": (True, {"memory": MEMORY, "memory_mask": zeros(2, 3)}, TypeError, "memory_mask must be a tensor of booleans … got torch.float32"),
}


@pytest.mark.parametrize(("cross", "given", "error", "message"), MEMORIES.values(), ids=MEMORIES.keys())
def test_decoders_refuse_memories(cross, given, error, message):
    made = TransformerDecoder(**TINY, cross_attention=cross).to(DEVICE)
    refused(error, message, lambda: made(IDS, **given))


# --- drawing

SAMPLING = [
    ({"temperature": -0.1}, ValueError, "temperature must be at least 0 and finite, got -0.1"),
    ({"temperature": math.nan}, ValueError, "temperature must be at least 0 and finite, got nan"),
    ({"temperature": math.inf}, ValueError, "got inf"),
    ({"temperature": "1"}, TypeError, "temperature must be a number, got '1'"),
    ({"temperature": None}, TypeError, "temperature must be a number, got None"),
    ({"temperature": True}, TypeError, "temperature must be a number, got True"),
    ({"top_k": 0}, ValueError, "top_k must lie from 1 to vocab_size = 11, got 0"),
    ({"top_k": -1}, ValueError, "got -1"),
    ({"top_k": 12}, ValueError, "top_k must lie from 1 to vocab_size = 11, got 12"),
    ({"top_k": 2.0}, TypeError, "top_k must be an integer, got 2.0"),
    ({"top_p": 0}, ValueError, "top_p must be above 0 and at most 1, got 0"),
    ({"top_p": 1.01}, ValueError, "top_p must be above 0 and at most 1, got 1.01"),
    ({"top_p": math.nan}, ValueError, "top_p must be above 0 and at most 1, got nan"),
    ({"top_p": "0.9"}, TypeError, "top_p must be a number, got '0.9'"),
]
DRAWN = [
    ({"prompt_ids": IDS[0]}, ValueError, f"prompt_ids {SHAPE}(5,)"),
    ({"prompt_ids": IDS[:, :0]}, ValueError, f"prompt_ids {SHAPE}(2, 0)"),
    ({"prompt_ids": IDS + 11}, ValueError, "prompt_ids must lie from 0 to 10, got "),
    ({"prompt_ids": "to be"}, TypeError, "prompt_ids must be a tensor of int64 or int32, got str"),
    ({"prompt_ids": zeros(2, 5)}, TypeError, "got torch.float32"),
    ({"max_new_tokens": -1}, ValueError, "max_new_tokens must be at least 0, got -1"),
    ({"max_new_tokens": 2.5}, TypeError, "max_new_tokens must be an integer, got 2.5"),
    ({"max_new_tokens": 8}, ValueError, "at most max_seq_len = 12 tokens … got a prompt of 5 and 8 new ones"),
    ({"prompt_ids": ids_of(1, 13), "max_new_tokens": 0}, ValueError, "got a prompt of 13 and 0 new ones"),
    ({"eos_id": 11}, ValueError, "eos_id must lie from 0 to 10, got 11"),
    ({"eos_id": -1}, ValueError, "eos_id must be at least 0, got -1"),
    ({"eos_id": 1.0}, TypeError, "eos_id must be an integer, got 1.0"),
]


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize(("given", "error", "message"), SAMPLING + DRAWN)
def test_generate_refuses(given, error, message, use_cache):
    made = gpt(dtype=torch.float32).train()
    refused(error, message, lambda: made.generate(**({"prompt_ids": IDS, "max_new_tokens": 2, "use_cache": use_cache} | given)))
    assert made.training


@pytest.mark.parametrize(("options", "error", "message"), SAMPLING)
def test_probabilities_refuse_options(options, error, message):
    refused(error, message, lambda: next_token_probs(zeros(3, 11), **options))


@pytest.mark.parametrize(("logits", "error", "message"), [
    (IDS, TypeError, "logits must be a floating-point tensor, got torch.int64"),
    ([0.5, 1.0], TypeError, "logits must be a floating-point tensor, got list"),
    (zeros(), ValueError, "logits must have shape (..., vocab_size), got ()"),
    (zeros(2, 0), ValueError, "logits must have shape (..., vocab_size), got (2, 0)"),
])
def test_probabilities_refuse_logits(logits, error, message):
    refused(error, message, lambda: next_token_probs(logits, temperature=0))


# --- saving

@pytest.mark.parametrize(("options", "message"), [
    ({"norm": "rms"}, "norm='rms', only for 'layer'"), ({"positions": "rotary"}, "positions='rotary', only for 'learned'"),
    ({"scale": True}, "scale=True, only for False"), ({"bias": False}, "bias=False, only for True"),
    ({"activation": "squared_relu"}, "activation='squared_relu', only for 'gelu_tanh' or 'relu' or 'gelu'"),
])
def test_a_model_that_is_no_gpt2_is_not_saved(options, message, tmp_path):
    refused(ValueError, f"GPT-2's files have no place for {message}", lambda: gpt(**options).save_pretrained(tmp_path / "new"))
    assert not (tmp_path / "new").exists()
