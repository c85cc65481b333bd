"""Bad input to the parts of the encoder–decoder gets an error that says what was given and what is allowed."""

import math

import pytest
import torch
from parity_attention import DEVICE
from parity_decoder import ids_of
from parity_seq2seq import TINY, made
from refusals import refused

from shared.transformer import GPTModel, KeyValueCache, Transformer, beam_search, corpus_bleu, greedy_decode, label_smoothed_loss

SOURCES, TARGETS = ids_of(2, 5), ids_of(2, 4)
SHAPE = "must have shape (B, T) with at least one token, got "


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype, device=DEVICE)


# --- making

SIZES = [
    ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
    ({"vocab_size": 11.0}, TypeError, "vocab_size must be an integer, got 11.0"),
    ({"target_vocab_size": 0}, ValueError, "target_vocab_size must be at least 1, got 0"),
    ({"target_vocab_size": "11"}, TypeError, "target_vocab_size must be an integer, got '11'"),
    ({"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
    ({"num_decoder_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
    ({"num_decoder_layers": 1.5}, TypeError, "num_layers must be an integer, got 1.5"),
    ({"num_heads": 4}, ValueError, "num_heads must divide d_model … d_model = 6, num_heads = 4"),
    ({"d_ff": 0}, ValueError, "d_ff must be at least 1, got 0"),
    ({"max_seq_len": 0}, ValueError, "max_seq_len must be at least 1, got 0"),
    ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1, got 1.0"),
    ({"activation": "swish"}, ValueError, "activation must be one of … got 'swish'"),
    ({"norm": "batch"}, ValueError, "norm must be one of 'layer', 'rms', got 'batch'"),
    ({"positions": "absolute"}, ValueError, "positions must be one of … got 'absolute'"),
    ({"eps": 0}, ValueError, "eps must be above 0, got 0"),
    ({"sharing": "both"}, ValueError, "sharing must be one of 'all', 'target', 'none', got 'both'"),
    ({"sharing": True}, ValueError, "sharing must be … got True"),
    ({"sharing": "all", "target_vocab_size": 12}, ValueError, 'sharing="all" needs one vocabulary, got vocab_size = 11 and target_vocab_size = 12'),
    ({"pad_id": 11}, ValueError, "pad_id must … 10 … got 11"),
    ({"pad_id": 9, "target_vocab_size": 9}, ValueError, "pad_id must … from 0 to 8, got 9"),
    ({"pad_id": -1}, ValueError, "pad_id must be at least 0, got -1"),
    ({"pad_id": "a"}, TypeError, "pad_id must be an integer, got 'a'"),
]


@pytest.mark.parametrize(("options", "error", "message"), SIZES)
def test_models_refuse_options(options, error, message):
    refused(error, message, lambda: Transformer(**(TINY | options)))


# --- calling

INPUTS = {
    "source too large": ({"source_ids": SOURCES + 11}, ValueError, "source_ids must lie from 0 to 10, got "),
    "source below 0": ({"source_ids": SOURCES - 11}, ValueError, "source_ids must lie from 0 to 10, got -"),
    "target beyond its vocabulary": ({"target_ids": TARGETS + 9}, ValueError, "target_ids must lie from 0 to 8, got "),
    "source of vectors": ({"source_ids": zeros(2, 5)}, TypeError, "source_ids must be a tensor of int64 or int32, got torch.float32"),
    "source, a list": ({"source_ids": [[1]]}, TypeError, "source_ids must be … got list"),
    "target, a list": ({"target_ids": [[1]]}, TypeError, "target_ids must be … got list"),
    "source without a token": ({"source_ids": SOURCES[:, :0]}, ValueError, f"source_ids {SHAPE}(2, 0)"),
    "target without a token": ({"target_ids": TARGETS[:, :0]}, ValueError, f"target_ids {SHAPE}(2, 0)"),
    "one dimension": ({"source_ids": SOURCES[0]}, ValueError, f"source_ids {SHAPE}(5,)"),
    "batches that differ": ({"source_ids": ids_of(3, 5)}, ValueError, "source_ids and target_ids must have the same batch size, got 3 and 2"),
    "source too long": ({"source_ids": ids_of(2, 13)}, ValueError, "max_seq_len is 12, got 13 tokens"),
    "target too long": ({"target_ids": ids_of(2, 13, 9)}, ValueError, "max_seq_len is 12, got 13 tokens"),
    "source mask of the target's shape": ({"source_mask": zeros(2, 4).bool()}, ValueError, "source_mask must have shape (2, 5), got (2, 4)"),
    "target mask of the source's shape": ({"target_mask": zeros(2, 5).bool()}, ValueError, "target_mask must have shape (2, 4), got (2, 5)"),
    "source mask of floats": ({"source_mask": zeros(2, 5)}, TypeError, "source_mask must be a tensor of booleans … got torch.float32"),
    "target mask, a list": ({"target_mask": [[1]]}, TypeError, "target_mask must be a tensor … got list"),
    "source mask of 2": ({"source_mask": zeros(2, 5, dtype=torch.int64) + 2}, ValueError, "source_mask must be 1 for a real token and 0 for padding, got 2 to 2"),
    "mask (B, 1, 1, S)": ({"source_mask": zeros(2, 1, 1, 5).bool()}, ValueError, "source_mask must have shape (2, 5), got (2, 1, 1, 5)"),
}


@pytest.mark.parametrize(("given", "error", "message"), INPUTS.values(), ids=INPUTS.keys())
def test_models_refuse_inputs(given, error, message):
    model = made(target_vocab_size=9, dtype=torch.float32)
    refused(error, message, lambda: model(**({"source_ids": SOURCES, "target_ids": TARGETS % 9} | given)))


MEMORY = zeros(2, 5, 6)
DECODED = {
    "no memory": ({"memory": None}, ValueError, "this has True, and memory is missing"),
    "memory of another width": ({"memory": zeros(2, 5, 7)}, ValueError, "memory must be of shape (2, S, 6), got (2, 5, 7)"),
    "memory of another batch": ({"memory": zeros(3, 5, 6)}, ValueError, "memory must be of shape (2, S, 6), got (3, 5, 6)"),
    "source ids": ({"memory": SOURCES}, TypeError, "memory must be floating point … got torch.int64 (2, 5)"),
    "mask of another length": ({"memory_mask": zeros(2, 4).bool()}, ValueError, "memory_mask must have … shape (2, 5), got (2, 4)"),
    "target mask": ({"target_mask": zeros(2, 5).bool()}, ValueError, "target_mask must have shape (2, 4), got (2, 5)"),
    "cache, a dict": ({"cache": {}}, TypeError, "cache must be a KeyValueCache, got dict"),
    "cache of other layers": ({"cache": KeyValueCache(3)}, ValueError, "the cache is made for 3 layers, the model has 2"),
    "target": ({"target_ids": TARGETS + 11}, ValueError, "target_ids must lie from 0 to 10, got "),
}


@pytest.mark.parametrize(("given", "error", "message"), DECODED.values(), ids=DECODED.keys())
def test_decode_refuses(given, error, message):
    model = made(dtype=torch.float32)
    refused(error, message, lambda: model.decode(**({"target_ids": TARGETS, "memory": MEMORY} | given)))


def test_a_cache_refuses_another_memory_and_another_batch():
    model, cache = made(dtype=torch.float32), KeyValueCache(2)
    model.decode(TARGETS, MEMORY, cache=cache)
    held = cache.numbers()
    refused(ValueError, "the cache is of a memory of 5 tokens, got one of 4", lambda: model.decode(TARGETS, MEMORY[:, :4], cache=cache))
    refused(ValueError, "the cache is of another batch or model", lambda: model.decode(TARGETS[:1], MEMORY[:1], cache=cache))
    refused(ValueError, "target_mask must have shape (2, 8), got (2, 4)",
            lambda: model.decode(TARGETS, MEMORY, None, zeros(2, 4).bool(), cache))
    refused(ValueError, "memory is missing", lambda: model.decode(TARGETS, None, cache=cache))
    assert cache.numbers() == held and cache.length == 4


# --- the loss

LOGITS, LABELS = zeros(2, 4, 7), ids_of(2, 4, 7)
LOST = [
    ({"logits": LABELS}, TypeError, "logits must be a floating-point tensor, got torch.int64 (2, 4)"),
    ({"logits": [0.5]}, TypeError, "logits must be a floating-point tensor, got list"),
    ({"targets": LOGITS}, TypeError, "targets must be a tensor of int64 or int32, got torch.float32 (2, 4, 7)"),
    ({"targets": 3}, TypeError, "targets must be a tensor of int64 or int32, got int"),
    ({"targets": LABELS[:, :3]}, ValueError, "logits must be of shape (..., V) and targets of shape (...), got (2, 4, 7) and (2, 3)"),
    ({"logits": LOGITS.transpose(1, 2)}, ValueError, "got (2, 7, 4) and (2, 4)"),
    ({"targets": LABELS + 7}, ValueError, "targets must lie from 0 to 6, or be -100, got "),
    ({"targets": LABELS - 8}, ValueError, "targets must lie from 0 to 6, or be -100, got -"),
    ({"targets": LABELS * 0 - 100}, ValueError, "targets must have at least one real token, got 8 of padding"),
    ({"targets": LABELS * 0 + 2, "pad_id": 2}, ValueError, "at least one real token"),
    ({"smoothing": 1.0}, ValueError, "smoothing must be at least 0 and below 1, got 1.0"),
    ({"smoothing": -0.1}, ValueError, "smoothing must be at least 0 and below 1, got -0.1"),
    ({"smoothing": math.nan}, ValueError, "smoothing must be … got nan"),
    ({"smoothing": "0.1"}, TypeError, "smoothing must be a number, got '0.1'"),
    ({"smoothing": True}, TypeError, "smoothing must be a number, got True"),
    ({"pad_id": 7}, ValueError, "pad_id must lie from 0 to 6, got 7"),
    ({"pad_id": -1}, ValueError, "pad_id must be at least 0, got -1"),
    ({"pad_id": 1.0}, TypeError, "pad_id must be an integer, got 1.0"),
]


@pytest.mark.parametrize(("given", "error", "message"), LOST)
def test_the_loss_refuses(given, error, message):
    refused(error, message, lambda: label_smoothed_loss(**({"logits": LOGITS, "targets": LABELS} | given)))


# --- searches

SEARCHED = [
    ({"source_ids": SOURCES[0]}, ValueError, f"source_ids {SHAPE}(5,)"),
    ({"source_ids": SOURCES + 11}, ValueError, "source_ids must lie from 0 to 10, got "),
    ({"source_ids": "one"}, TypeError, "source_ids must be … got str"),
    ({"source_ids": ids_of(2, 13)}, ValueError, "max_seq_len is 12, got 13 tokens"),
    ({"source_mask": zeros(2, 4).bool()}, ValueError, "source_mask must have shape (2, 5), got (2, 4)"),
    ({"bos_id": 11}, ValueError, "bos_id must lie from 0 to 10, got 11"),
    ({"bos_id": -1}, ValueError, "bos_id must be at least 0, got -1"),
    ({"bos_id": None}, TypeError, "bos_id must be an integer, got None"),
    ({"eos_id": 11}, ValueError, "eos_id must lie from 0 to 10, got 11"),
    ({"eos_id": 2.0}, TypeError, "eos_id must be an integer, got 2.0"),
    ({"max_new_tokens": 0}, ValueError, "max_new_tokens must be at least 1, got 0"),
    ({"max_new_tokens": 2.5}, TypeError, "max_new_tokens must be an integer, got 2.5"),
    ({"max_new_tokens": 13}, ValueError, "max_new_tokens must be at most max_seq_len = 12, got 13"),
]
BEAMS = [
    ({"num_beams": 0}, ValueError, "num_beams must be at least 1, got 0"),
    ({"num_beams": 2.0}, TypeError, "num_beams must be an integer, got 2.0"),
    ({"length_penalty": -0.1}, ValueError, "length_penalty must be at least 0 and finite, got -0.1"),
    ({"length_penalty": math.nan}, ValueError, "length_penalty must be at least 0 and finite, got nan"),
    ({"length_penalty": math.inf}, ValueError, "got inf"),
    ({"length_penalty": "0.6"}, TypeError, "length_penalty must be a number, got '0.6'"),
    ({"length_penalty": True}, TypeError, "length_penalty must be a number, got True"),
    ({"num_return": 0}, ValueError, "num_return must be at least 1, got 0"),
    ({"num_return": 5}, ValueError, "num_return must be at most num_beams = 4, got 5"),
    ({"num_return": 1.0}, TypeError, "num_return must be an integer, got 1.0"),
]
BOTH = [(search, *row) for search in (greedy_decode, beam_search) for row in SEARCHED] + [(beam_search, *row) for row in BEAMS]


@pytest.mark.parametrize(("search", "given", "error", "message"), BOTH)
def test_searches_refuse(search, given, error, message):
    model = made(dtype=torch.float32).train()
    refused(error, message, lambda: search(**({"model": model, "source_ids": SOURCES, "bos_id": 1, "eos_id": 2, "max_new_tokens": 3} | given)))
    assert model.training


@pytest.mark.parametrize("search", [greedy_decode, beam_search])
def test_searches_refuse_other_models(search):
    refused(TypeError, "model must be a Transformer, got GPTModel", lambda: search(GPTModel(11, 8, 1, 2), SOURCES, 1, 2, 3))


def test_a_search_needs_two_tokens():
    refused(ValueError, "at least 2 target tokens, got a vocabulary of 1", lambda: beam_search(made(target_vocab_size=1), SOURCES, 0, 0, 3))


# --- BLEU

@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: corpus_bleu("a b", ["a b"]), TypeError, "hypotheses must be a list, one entry for each hypothesis, got str"),
    (lambda: corpus_bleu(["a b"], "a b"), TypeError, "references must be a list, one entry for each hypothesis, got str"),
    (lambda: corpus_bleu([], []), ValueError, "at least one, got 0 and 0"),
    (lambda: corpus_bleu(["a", "b"], ["a"]), ValueError, "one entry of references for each hypothesis … got 1 and 2"),
    (lambda: corpus_bleu(["a", 3], ["a", "b"]), TypeError, "hypotheses[1] must be a str or a list of tokens, got int"),
    (lambda: corpus_bleu(["a"], [3]), TypeError, "references[0] must be of the form of its hypothesis, a str, or a list of such, got 3"),
    (lambda: corpus_bleu(["a"], [["a", 3]]), TypeError, "references[0] must be of the form of its hypothesis … got ['a', 3]"),
    (lambda: corpus_bleu(["a"], [[]]), TypeError, "references[0] must be of the form"),
    (lambda: corpus_bleu([["a"]], ["a"]), TypeError, "references[0] must be of the form of its hypothesis, a list, or a list of such, got 'a'"),
    (lambda: corpus_bleu(["a", [["b"]]], ["a", ["b"]]), TypeError, "tokens of hypotheses[1] and its references must be hashable"),
    (lambda: corpus_bleu([["b"]], [[["b"], [["c"]]]]), TypeError, "tokens of hypotheses[0] and its references must be hashable"),
    (lambda: corpus_bleu(["a"], [""]), ValueError, "references[0] must have at least one token, got ''"),
    (lambda: corpus_bleu(["a"], [["a", "  "]]), ValueError, "references[0] must have at least one token"),
    (lambda: corpus_bleu([["a"]], [[]]), ValueError, "references[0] must have at least one token, got []"),
    (lambda: corpus_bleu(["a"], ["a"], 0), ValueError, "max_order must be at least 1, got 0"),
    (lambda: corpus_bleu(["a"], ["a"], 2.0), TypeError, "max_order must be an integer, got 2.0"),
    (lambda: corpus_bleu(["a"], ["a"], smoothing="floor"), ValueError, "smoothing must be one of 'exp', 'none', got 'floor'"),
])
def test_bleu_refuses(call, error, message):
    refused(error, message, call)
