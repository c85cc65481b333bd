"""Bad input to encoders, their heads, masked words and spans gets an error that says what was given and what is allowed."""

import math

import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE
from refusals import refused

from shared.transformer import (MaskedLanguageModel, SequenceClassifier, TokenEmbedding, TokenTagger, TransformerEncoder, bio_spans,
                                mask_tokens, position_scheme, span_f1)

SIZES = {"vocab_size": 10, "d_model": 8, "num_layers": 1, "num_heads": 2, "max_seq_len": 6}
SCHEMES = "'none', 'sinusoidal', 'learned', 'rotary', 'relative', 'alibi'"


def encoder(**options):
    return TransformerEncoder(**SIZES | options).to(DEVICE).eval()


def tokens(*rows, dtype=torch.int64):
    return torch.tensor(rows, dtype=dtype, device=DEVICE)


IDS = tokens([1, 2, 3], [4, 5, 0])
MODELS = {"encoder": lambda **options: encoder(**options), "tagger": lambda **options: TokenTagger(encoder(**options), 3),
          "first": lambda **options: SequenceClassifier(encoder(**options), 3),
          "mean": lambda **options: SequenceClassifier(encoder(**options), 3, "mean"),
          "attention": lambda **options: SequenceClassifier(encoder(**options), 3, "attention"),
          "words": lambda **options: MaskedLanguageModel(encoder(**options))}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
    ({"vocab_size": 10.0}, TypeError, "vocab_size must be an integer, got 10.0"),
    ({"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
    ({"num_layers": True}, TypeError, "num_layers must be an integer, got True"),
    ({"d_model": 0}, ValueError, "d_model must be at least 1, got 0"),
    ({"d_model": "8"}, TypeError, "d_model must be an integer, got '8'"),
    ({"num_heads": 3}, ValueError, "num_heads must divide d_model … d_model = 8, num_heads = 3"),
    ({"num_heads": 3, "positions": "relative"}, ValueError, "num_heads must divide d_model … num_heads = 3"),
    ({"num_heads": 3, "positions": "rotary"}, ValueError, "num_heads must divide d_model … d_model = 8, num_heads = 3"),
    ({"num_heads": 0}, ValueError, "num_heads must be at least 1, got 0"),
    ({"num_heads": 2.0}, TypeError, "num_heads must be an integer, got 2.0"),
    ({"d_ff": 0}, ValueError, "d_ff must be at least 1, got 0"),
    ({"max_seq_len": 0}, ValueError, "max_seq_len must be at least 1, got 0"),
    ({"max_seq_len": None}, TypeError, "max_seq_len must be an integer, got None"),
    ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1, got 1.0"),
    ({"dropout": -0.1}, ValueError, "got -0.1"),
    ({"activation": "swish"}, ValueError, "activation must be one of 'relu', 'gelu', 'gelu_tanh', 'squared_relu', got 'swish'"),
    ({"norm": "batch"}, ValueError, "norm must be one of 'layer', 'rms', got 'batch'"),
    ({"positions": "absolute"}, ValueError, f"positions must be one of {SCHEMES}, got 'absolute'"),
    ({"positions": None}, ValueError, f"positions must be one of {SCHEMES}, got None"),
    ({"positions": "rotary", "d_model": 6}, ValueError, "d_head must be even … got 3"),
    ({"num_segments": -1}, ValueError, "num_segments must be at least 0, got -1"),
    ({"num_segments": 1.5}, TypeError, "num_segments must be an integer, got 1.5"),
    ({"eps": 0.0}, ValueError, "eps must be above 0, got 0.0"),
    ({"eps": math.nan, "norm": "rms"}, ValueError, "eps must be above 0, got nan"),
    ({"pad_id": 10}, ValueError, "pad_id must lie from 0 to 9, got 10"),
    ({"pad_id": -1}, ValueError, "pad_id must be at least 0, got -1"),
    ({"pad_id": 0.0}, TypeError, "pad_id must be an integer, got 0.0"),
])
def test_encoders_refuse_options(arguments, error, message):
    refused(error, message, lambda: encoder(**arguments))


@pytest.mark.parametrize(("ids", "error", "message"), [
    (tokens([1, 10]), ValueError, "input_ids must lie from 0 to 9, got 1 to 10"),
    (tokens([3, -1]), ValueError, "input_ids must lie from 0 to 9, got -1 to 3"),
    (tokens([1, 2], dtype=torch.float32), TypeError, "input_ids must be a tensor of int64 or int32, got torch.float32"),
    (tokens([1, 0], dtype=torch.bool), TypeError, "int64 or int32, got torch.bool"),
    ([[1, 2]], TypeError, "int64 or int32, got list"),
    (tokens(1, 2, 3), ValueError, "input_ids must have shape (B, T) with at least one token, got (3,)"),
    (tokens([[1, 2]]), ValueError, "with at least one token, got (1, 1, 2)"),
    (torch.zeros(2, 0, dtype=torch.int64, device=DEVICE), ValueError, "with at least one token, got (2, 0)"),
    (torch.zeros(0, 3, dtype=torch.int64, device=DEVICE), ValueError, "with at least one token, got (0, 3)"),
    (tokens([1] * 7), ValueError, "max_seq_len is 6, got 7 tokens"),
])
@each_model
def test_models_refuse_ids(model, ids, error, message):
    for options in ({}, {"pad_id": 0}, {"positions": "rotary"}, {"positions": "sinusoidal"}):
        refused(error, message, lambda: model(**options)(ids))


@pytest.mark.parametrize(("mask", "error", "message"), [
    (tokens([1, 1], [1, 0]), ValueError, "attention_mask must have shape (2, 3), got (2, 2)"),
    (tokens([1, 1, 1]), ValueError, "(2, 3), got (1, 3)"),
    (tokens(1, 1, 1), ValueError, "(2, 3), got (3,)"),
    (torch.ones(2, 1, 1, 3, dtype=torch.bool, device=DEVICE), ValueError, "(2, 3), got (2, 1, 1, 3)"),
    (tokens([1, 1, 1], [1, 1, 0], dtype=torch.float32), TypeError, "attention_mask must be a tensor of booleans, int64 or int32 … got torch.float32"),
    ([[1, 1, 1], [1, 1, 0]], TypeError, "int64 or int32 … got list"),
    (tokens([1, 1, 2], [1, 1, 0]), ValueError, "1 for a real token and 0 for padding, got 0 to 2"),
    (tokens([1, 1, -1], [1, 1, 0]), ValueError, "1 for a real token and 0 for padding, got -1 to 1"),
])
@each_model
def test_models_refuse_masks(model, mask, error, message):
    for options in ({}, {"pad_id": 0}):
        refused(error, message, lambda: model(**options)(IDS, mask))


@pytest.mark.parametrize(("num_segments", "segments", "error", "message"), [
    (0, tokens([0, 0, 0], [0, 0, 0]), ValueError, "segment_ids were given, but this model has num_segments=0"),
    (2, tokens([0, 1, 2], [0, 0, 0]), ValueError, "segment_ids must lie from 0 to 1, got 0 to 2"),
    (2, tokens([0, -1, 1], [0, 0, 0]), ValueError, "segment_ids must lie from 0 to 1, got -1 to 1"),
    (2, tokens([0, 1, 1]), ValueError, "segment_ids must have shape (2, 3), got (1, 3)"),
    (2, tokens([0, 1], [0, 0]), ValueError, "segment_ids must have shape (2, 3), got (2, 2)"),
    (2, tokens([0, 1, 1], [0, 0, 0], dtype=torch.float32), TypeError, "segment_ids must be a tensor of int64 or int32, got torch.float32"),
    (2, [[0, 1, 1], [0, 0, 0]], TypeError, "segment_ids must be a tensor of int64 or int32, got list"),
])
@each_model
def test_models_refuse_segments(model, num_segments, segments, error, message):
    refused(error, message, lambda: model(num_segments=num_segments)(IDS, None, segments))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: SequenceClassifier(encoder(), 3, "max"), ValueError, "pooling must be one of 'first', 'mean', 'attention', got 'max'"),
    (lambda: SequenceClassifier(encoder(), 3, None), ValueError, "pooling must be one of 'first', 'mean', 'attention', got None"),
    (lambda: SequenceClassifier(encoder(), 0), ValueError, "num_classes must be at least 1, got 0"),
    (lambda: SequenceClassifier(encoder(), 2.0), TypeError, "num_classes must be an integer, got 2.0"),
    (lambda: SequenceClassifier(encoder(), 2, dropout=1), ValueError, "dropout must be at least 0 and below 1, got 1"),
    (lambda: TokenTagger(encoder(), 0), ValueError, "num_labels must be at least 1, got 0"),
    (lambda: TokenTagger(encoder(), "3"), TypeError, "num_labels must be an integer, got '3'"),
    (lambda: TokenTagger(encoder(), 3, 1.5), ValueError, "dropout must be at least 0 and below 1, got 1.5"),
    (lambda: MaskedLanguageModel(encoder(), "swish"), ValueError, "activation must be one of 'relu', 'gelu', 'gelu_tanh', 'squared_relu', got 'swish'"),
    (lambda: MaskedLanguageModel(encoder(), eps=0), ValueError, "eps must be above 0, got 0"),
    (lambda: TokenEmbedding(10, 8, 6, "absolute"), ValueError, f"positions must be one of {SCHEMES}, got 'absolute'"),
    (lambda: TokenEmbedding(10, 8, 6, dropout=-1), ValueError, "dropout must be at least 0 and below 1, got -1"),
    (lambda: TokenEmbedding(10, 8, 6, "none").to(DEVICE)(IDS, offset=4), ValueError, "max_seq_len is 6, got 7 tokens"),
    (lambda: position_scheme("rotary", 8, 0, 6, True), ValueError, "num_heads must be at least 1, got 0"),
    (lambda: position_scheme("alibi", 8, 2.0, 6, True), TypeError, "num_heads must be an integer, got 2.0"),
])
def test_heads_and_what_stands_before_the_blocks_refuse_options(call, error, message):
    refused(error, message, call)


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"share": 0}, ValueError, "share must be above 0 and at most 1, got 0"),
    ({"share": 1.01}, ValueError, "share must be above 0 and at most 1, got 1.01"),
    ({"share": -0.15}, ValueError, "got -0.15"),
    ({"share": math.nan}, ValueError, "got nan"),
    ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
    ({"vocab_size": 10.0}, TypeError, "vocab_size must be an integer, got 10.0"),
    ({"mask_id": -1}, ValueError, "mask_id must be at least 0, got -1"),
    ({"mask_id": None}, TypeError, "mask_id must be an integer, got None"),
    ({"input_ids": IDS.float()}, TypeError, "input_ids must be a tensor of int64 or int32, got torch.float32"),
    ({"input_ids": [[1, 2]]}, TypeError, "int64 or int32, got list"),
])
def test_masked_words_refuse_arguments(arguments, error, message):
    refused(error, message, lambda: mask_tokens(**{"input_ids": IDS, "mask_id": 9, "vocab_size": 10} | arguments))


@pytest.mark.parametrize(("tags", "message"), [
    (["O", "X-a"], 'a tag must be "O", "B-…" or "I-…", got \'X-a\' at 1'),
    (["B"], "got 'B' at 0"), (["B-"], "got 'B-' at 0"), (["O", "O", "o"], "got 'o' at 2"), ([""], "got '' at 0"),
    (["E-a"], "got 'E-a' at 0"), (["b-a"], "got 'b-a' at 0"), (["B-a", "I_a"], "got 'I_a' at 1"),
])
def test_spans_refuse_tags(tags, message):
    refused(ValueError, message, lambda: bio_spans(tags))
    refused(ValueError, message, lambda: span_f1([tags], [tags]))


@pytest.mark.parametrize(("predicted", "gold", "message"), [
    ([["O"]], [["O", "O"]], "must have the same lengths, got [1] and [2]"),
    ([["O"]], [], "must have the same lengths, got [1] and []"),
    ([["O", "O"], ["O"]], [["O"], ["O", "O"]], "got [2, 1] and [1, 2]"),
])
def test_f1_refuses_lengths(predicted, gold, message):
    refused(ValueError, message, lambda: span_f1(predicted, gold))


def test_labels_of_another_length_or_without_a_class_are_pytorch_s_errors():
    logits = TokenTagger(encoder(), 3)(IDS)
    refused(ValueError, "batch_size (6) … (5)", lambda: F.cross_entropy(logits.flatten(0, 1), torch.zeros(5, dtype=torch.int64, device=DEVICE)))
    if DEVICE.type == "cpu":                                    # on a GPU this stops the process
        refused(IndexError, "Target 3 is out of bounds", lambda: F.cross_entropy(logits.flatten(0, 1), torch.full((6,), 3)))
