"""The cases of the fuzzer for all that `shared.transformer` exports: see `fuzzing`."""

import functools
import importlib
import math
import pkgutil

import torch
from fuzzing import DEVICE, FLOATS, Case, anything, finite, public, shaped, tensors
from hypothesis import strategies
from parity_decoder import TINY, ids_of
from torch import nn

import shared.transformer as parts

MODULES = tuple(importlib.import_module(f"shared.transformer.{module.name}") for module in pkgutil.iter_modules(parts.__path__))
MODULES = tuple(module for module in MODULES if hasattr(module, "__all__"))         # found, so that a new part is noticed
PUBLIC = [name for module in MODULES for name in public(module, module.__all__)]
PUBLIC += ["MultiHeadAttention.get_attention_maps"] + [f"Trainer.{name}" for name in ("train", "evaluate_untraced", "save", "resume")]         # of its bases
INNER = "called for every word or parameter, by what has checked its arguments"
LEFT_OUT = {
    "BeamStep": "a tuple that beam_search fills",
    "left_padding_of": "called by a model's forward, on what real_tokens has made", "masked_scores": "called by what has checked its arguments",
    "SequenceClassifier.pool": "called by forward, on what its encoder has checked",
    "merge_pair": INNER, "apply_merges": INNER, "adamw_update": INNER,
    "TrainingLoop": "the half of Trainer that a lesson shows",
    "random_states": "takes the learner's own sources of random numbers", "restore_random_states": "takes what random_states gave",
}
ONE = torch.zeros(1, 1, dtype=torch.int64, device=DEVICE)
IDS, WORDS, PAIR = ids_of(2, 3), torch.ones(2, 3, 8, device=DEVICE), torch.ones(2, 2, 3, 4, device=DEVICE)
REAL, MASK = torch.ones(2, 3, dtype=torch.bool, device=DEVICE), torch.ones(3, 3, dtype=torch.bool, device=DEVICE)
ANY_FLOAT = {"floats": FLOATS}
GENERATION = {"prompt_ids": IDS, "max_new_tokens": 2, "temperature": 1.0, "top_k": None, "top_p": None, "eos_id": None, "use_cache": True}
SEARCH = {"source_ids": IDS, "bos_id": 1, "eos_id": 2, "max_new_tokens": 3, "source_mask": None, "use_cache": True}
HEADS = {"num_heads": ["d_head"], "d_model": ["num_heads", "d_head"], "positions": ["d_head"]}
STACK = TINY | {"num_layers": 1, "dropout": 0.0, "activation": "gelu", "norm": "layer", "norm_first": True, "positions": "learned",
                "scale": False, "bias": True, "eps": None, "pad_id": None, "d_ff": None}


def made(part, *arguments, **options):
    """A part on the tests' device, in eval()."""
    return part(*arguments, **options).to(DEVICE).eval()


def on_an_encoder(head):
    """What stands on an encoder, with one."""
    labels = () if head is parts.MaskedLanguageModel else (3,)
    return made(head, parts.TransformerEncoder(**TINY, num_segments=2), *labels)


def with_(**arguments):
    """Good arguments that may be changed in place."""
    return lambda: {name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in arguments.items()}


def method(make, name="__call__"):
    """Calls a method of a new object of this kind."""
    return lambda **arguments: getattr(make(), name)(**arguments)


def kept_shape(result, given):
    """What came in and what came out have one shape."""
    return result.shape == given["x"].shape


def reads(*ids):
    """A model that has been made reads ids, and what comes out is finite."""
    return lambda model, given: finite(model.to(DEVICE)(*ids))


def pairs_fit(result, given):
    """Scores or probabilities of T queries for S keys."""
    query, key = given["query"], given["key"]
    output, weights = result
    unlike = output.shape[:-1] != weights.shape[:-1] and output.dim() == weights.dim() == query.dim()
    return weights.shape[-2:] == (query.size(-2), key.size(-2)) and output.size(-2) == query.size(-2) and not (unlike and query is key)


def scheme(make):
    """The case of a position scheme within attention."""
    return Case(method(lambda: made(make)), with_(query=PAIR, key=PAIR, mask=MASK),
                lambda result, given: result[0].shape == given["query"].shape and result[1].shape == given["key"].shape,
                says={"query": ["num_heads", "x", "T"], "key": ["x", "S"]}, fixed=())


def listed(names):
    """Values of any kind, and lists of some of them."""
    return strategies.one_of(anything("list"), strategies.lists(strategies.sampled_from(names), max_size=4))


CASES = {
    # --- attention
    "scaled_dot_product_attention": Case(
        parts.scaled_dot_product_attention, with_(query=PAIR, key=PAIR, value=PAIR, mask=MASK, dropout=0.0), pairs_fit, **ANY_FLOAT),
    "causal_mask": Case(parts.causal_mask, with_(T=3, S=5), lambda result, given: shaped(result, given["T"], given["S"] or given["T"])),
    "padding_mask": Case(parts.padding_mask, with_(input_ids=IDS, pad_id=0),
                         lambda result, given: result[:, 0, 0].equal(given["input_ids"] != given["pad_id"])),
    "ScaledDotProductAttention": Case(parts.ScaledDotProductAttention, with_(dropout=0.0),
                                      lambda result, given: finite(*result(PAIR, PAIR, PAIR))),
    "ScaledDotProductAttention.forward": Case(method(parts.ScaledDotProductAttention), with_(query=PAIR, key=PAIR, value=PAIR, mask=MASK),
                                              pairs_fit, **ANY_FLOAT),
    # --- several heads
    "MultiHeadAttention": Case(
        parts.MultiHeadAttention, with_(d_model=8, num_heads=2, dropout=0.0, bias=True),
        lambda result, given: shaped(result.to(DEVICE)(torch.ones(2, 3, given["d_model"], device=DEVICE))[0], 2, 3, given["d_model"])),
    "MultiHeadAttention.forward": Case(
        method(lambda: made(parts.MultiHeadAttention, 8, 2)),
        with_(query=WORDS, key=WORDS, value=WORDS, mask=MASK, need_weights=True, average_weights=True, is_causal=True),
        lambda result, given: result[0].shape == given["query"].shape),
    "MultiHeadAttention.get_attention_maps": Case(
        method(lambda: made(parts.MultiHeadAttention, 8, 2), "get_attention_maps"), with_(query=WORDS, key=WORDS, value=WORDS, mask=MASK),
        lambda result, given: result.shape[1:3] == (2, given["query"].size(1)), says={"key": ["value"]}),
    "record_attention": Case(lambda model: parts.record_attention(model).__enter__(), lambda: {"model": made(parts.MultiHeadAttention, 8, 2)},
                             lambda result, given: result == {"": []}),
    # --- positions
    "sinusoids": Case(parts.sinusoids, with_(positions=torch.arange(4, device=DEVICE), d_model=5, base=10000.0, layout="halves"),
                      lambda result, given: shaped(result, *given["positions"].shape, given["d_model"]), **ANY_FLOAT),
    "SinusoidalPositionalEncoding": Case(
        parts.SinusoidalPositionalEncoding, with_(d_model=8, max_seq_len=6, base=10000.0, layout="halves", stretch=1.0),
        lambda result, given: shaped(result.table, given["max_seq_len"], given["d_model"])),
    "SinusoidalPositionalEncoding.forward": Case(method(lambda: made(parts.SinusoidalPositionalEncoding, 8, 6)), with_(x=WORDS, offset=0, left_padding=None),
                                                 kept_shape, says={"x": ["T", "left_padding"]}, **ANY_FLOAT),
    "LearnedPositionalEmbedding": Case(parts.LearnedPositionalEmbedding, with_(d_model=8, max_seq_len=6),
                                       lambda result, given: shaped(result.table.weight, given["max_seq_len"], given["d_model"])),
    "LearnedPositionalEmbedding.forward": Case(method(lambda: made(parts.LearnedPositionalEmbedding, 8, 6)), with_(x=WORDS, offset=0, left_padding=None),
                                               kept_shape, says={"x": ["T", "left_padding"]}, **ANY_FLOAT),
    "LearnedPositionalEmbedding.stretched": Case(method(lambda: made(parts.LearnedPositionalEmbedding, 8, 6), "stretched"), with_(factor=2),
                                                 lambda result, given: len(result.table.weight) == round(6 * given["factor"]),
                                                 says={"factor": ["max_seq_len"]}),
    "RotaryEmbedding": Case(parts.RotaryEmbedding, with_(d_head=4, base=10000.0, layout="halves", stretch=1.0),
                            lambda result, given: shaped(result.rotate(torch.ones(3, given["d_head"])), 3, given["d_head"])),
    "RotaryEmbedding.forward": scheme(functools.partial(parts.RotaryEmbedding, 4)),
    "RotaryEmbedding.rotate": Case(method(lambda: made(parts.RotaryEmbedding, 4), "rotate"), with_(x=PAIR, offset=2), kept_shape, **ANY_FLOAT),
    "ALiBi": Case(parts.ALiBi, with_(num_heads=3), lambda result, given: shaped(result.slopes, given["num_heads"])),
    "ALiBi.forward": scheme(functools.partial(parts.ALiBi, 2)),
    "RelativePositionBias": Case(parts.RelativePositionBias, with_(num_heads=2, num_buckets=8, max_distance=16, bidirectional=True),
                                 lambda result, given: shaped(result.bias.weight, given["num_buckets"], given["num_heads"]),
                                 says={"bidirectional": ["num_buckets"]}),
    "RelativePositionBias.forward": scheme(functools.partial(parts.RelativePositionBias, 2)),
    "RelativePositionBias.bucket": Case(method(lambda: made(parts.RelativePositionBias, 2), "bucket"),
                                        with_(offset=torch.arange(-3, 3, device=DEVICE)),
                                        lambda result, given: bool(((0 <= result) & (result < 32)).all())),
    "RelativePositionKeys": Case(parts.RelativePositionKeys, with_(d_head=4, max_distance=3),
                                 lambda result, given: shaped(result.keys.weight, 2 * given["max_distance"] + 1, given["d_head"])),
    "RelativePositionKeys.forward": scheme(functools.partial(parts.RelativePositionKeys, 4)),
    # --- blocks
    "LayerNorm": Case(parts.LayerNorm, with_(d_model=8, eps=1e-5, bias=True),
                      lambda result, given: finite(result(torch.ones(3, given["d_model"])))),
    "LayerNorm.forward": Case(method(lambda: made(parts.LayerNorm, 8)), with_(x=WORDS), kept_shape, **ANY_FLOAT),
    "RMSNorm": Case(parts.RMSNorm, with_(d_model=8, eps=1e-5), lambda result, given: finite(result(torch.ones(3, given["d_model"])))),
    "RMSNorm.forward": Case(method(lambda: made(parts.RMSNorm, 8)), with_(x=WORDS), kept_shape, **ANY_FLOAT),
    "make_norm": Case(parts.make_norm, with_(d_model=8, norm="rms", bias=True, eps=1e-5),
                      lambda result, given: finite(result(torch.ones(3, given["d_model"])))),
    "FeedForward": Case(parts.FeedForward, with_(d_model=8, d_ff=6, activation="gelu", dropout=0.0, bias=True),
                        lambda result, given: finite(result(torch.ones(3, given["d_model"])))),
    "FeedForward.forward": Case(method(lambda: made(parts.FeedForward, 8)), with_(x=WORDS), kept_shape),
    "TransformerBlock": Case(
        parts.TransformerBlock,
        with_(d_model=8, num_heads=2, d_ff=6, dropout=0.0, activation="gelu", norm="rms", norm_first=True, bias=True, eps=None),
        lambda result, given: finite(result(torch.ones(2, 3, given["d_model"]))), says={"d_model": ["num_heads"]}),
    "TransformerBlock.forward": Case(
        method(lambda: made(parts.TransformerBlock, 8, 2, cross_attention=True)), with_(x=WORDS, mask=MASK, memory=WORDS, memory_mask=MASK),
        kept_shape, says={"x": ["query"], "memory": ["key"], "memory_mask": ["mask"]}),
    "block_parameters": Case(parts.block_parameters, with_(d_model=8, d_ff=6, norm="rms", cross_attention=True, bias=True),
                             lambda result, given: type(result) is int and result > 0),
    "block_flops": Case(parts.block_flops, with_(n=3, d_model=8, d_ff=6, memory_length=4, cached=2, batch=2),
                        lambda result, given: type(result) is int and result > 0),
    # --- the encoder
    "TokenEmbedding": Case(
        parts.TokenEmbedding, with_(vocab_size=11, d_model=8, max_seq_len=6, positions="learned", scale=True, num_segments=2, dropout=0.0, eps=1e-5),
        reads(ONE)),
    "TokenEmbedding.forward": Case(
        method(lambda: made(parts.TokenEmbedding, 11, 8, 6, num_segments=2)), with_(input_ids=IDS, segment_ids=IDS % 2, offset=2),
        lambda result, given: shaped(result, *given["input_ids"].shape, 8), says={"input_ids": ["tokens", "segment_ids"], "offset": ["tokens"]}),
    "real_tokens": Case(parts.real_tokens, with_(input_ids=IDS, attention_mask=REAL, pad_id=0),
                        lambda result, given: result is None or result.shape == given["input_ids"].shape and result.dtype == torch.bool,
                        says={"input_ids": ["attention_mask"]}),
    "position_scheme": Case(parts.position_scheme, with_(positions="relative", d_model=8, num_heads=2, max_seq_len=6, bidirectional=True),
                            lambda result, given: result is None or isinstance(result, nn.Module), says=HEADS),
    "initialise": Case(parts.initialise, lambda: {"model": nn.Linear(8, 8), "std": 0.02}),
    "TransformerEncoder": Case(parts.TransformerEncoder, with_(**STACK, num_segments=0, embedding_norm=True), reads(ONE), says=HEADS),
    "TransformerEncoder.forward": Case(
        method(lambda: made(parts.TransformerEncoder, **TINY, num_segments=2)), with_(input_ids=IDS, attention_mask=REAL, segment_ids=IDS % 2),
        lambda result, given: shaped(result, *given["input_ids"].shape, 8), says={"input_ids": ["tokens", "segment_ids", "attention_mask"]}),
    "TransformerEncoder.real_tokens": Case(
        method(lambda: made(parts.TransformerEncoder, **TINY, pad_id=0), "real_tokens"), with_(input_ids=IDS, attention_mask=REAL),
        lambda result, given: result.shape == given["input_ids"].shape and result.dtype == torch.bool),
    "TokenTagger": Case(parts.TokenTagger, lambda: {"encoder": parts.TransformerEncoder(**TINY), "num_labels": 3, "dropout": 0.0}, reads(ONE)),
    "SequenceClassifier": Case(
        parts.SequenceClassifier, lambda: {"encoder": parts.TransformerEncoder(**TINY), "num_classes": 3, "pooling": "mean", "dropout": 0.0}, reads(ONE)),
    "MaskedLanguageModel": Case(
        parts.MaskedLanguageModel, lambda: {"encoder": parts.TransformerEncoder(**TINY), "activation": "relu", "eps": 1e-5}, reads(ONE)),
    **{f"{head.__name__}.forward": Case(
        method(functools.partial(on_an_encoder, head)), with_(input_ids=IDS, attention_mask=REAL, segment_ids=IDS % 2),
        lambda result, given: len(result) == len(given["input_ids"]), says={"input_ids": ["tokens", "segment_ids", "attention_mask"]})
       for head in (parts.TokenTagger, parts.SequenceClassifier, parts.MaskedLanguageModel)},
    "mask_tokens": Case(
        parts.mask_tokens, with_(input_ids=IDS, mask_id=10, vocab_size=11, share=0.5, protected=(0, 1)),
        lambda result, given: result[0].shape == result[1].shape == given["input_ids"].shape, kinds={"protected": listed([0, 1, "a", 0.5, None])}),
    "bio_spans": Case(parts.bio_spans, with_(tags=["B-a", "I-a", "O"]), lambda result, given: isinstance(result, set),
                      kinds={"tags": listed(["O", "B-a", "I-a", "I-b", "B", "", 3, None])}, says={"tags": ["tag"]}),
    "span_f1": Case(parts.span_f1, with_(predicted=[["B-a", "O"]], gold=[["B-a", "I-a"]]), lambda result, given: 0 <= result <= 1,
                    says={"predicted": ["tag", "tags"], "gold": ["tag", "tags"]}),
    # --- the decoder
    "TransformerDecoder": Case(parts.TransformerDecoder, with_(**STACK), reads(ONE), says=HEADS),
    "TransformerDecoder.forward": Case(
        method(lambda: made(parts.TransformerDecoder, **TINY, cross_attention=True)),
        with_(input_ids=IDS, attention_mask=REAL, memory=WORDS, memory_mask=REAL), lambda result, given: shaped(result, *given["input_ids"].shape, 8),
        says={"input_ids": ["tokens", "attention_mask", "memory"], "memory": ["memory_mask"]}),
    "GPTModel": Case(parts.GPTModel, lambda: {name: value for name, value in STACK.items() if name not in ("norm_first", "pad_id")} | {"tied": True},
                     reads(ONE), says=HEADS),
    "GPTModel.forward": Case(method(lambda: made(parts.GPTModel, **TINY)), with_(input_ids=IDS, attention_mask=REAL),
                             lambda result, given: shaped(result, *given["input_ids"].shape, 11), says={"input_ids": ["tokens", "attention_mask"]}),
    "GPTModel.generate": Case(
        method(lambda: made(parts.GPTModel, **TINY), "generate"), with_(**GENERATION),
        lambda result, given: result[:, :-given["max_new_tokens"] or None].equal(given["prompt_ids"]),
        says={"prompt_ids": ["prompt", "max_seq_len"], "max_new_tokens": ["max_seq_len"]}),
    "GPTModel.from_pretrained": Case(parts.GPTModel.from_pretrained, with_(folder="missing"), raises=(OSError,)),
    "GPTModel.save_pretrained": Case(method(lambda: made(parts.GPTModel, **TINY), "save_pretrained"), with_(folder="new"), raises=(OSError,)),
    "next_token_probs": Case(
        parts.next_token_probs, with_(logits=torch.ones(2, 11, device=DEVICE), temperature=0.5, top_k=3, top_p=0.5),
        lambda result, given: not finite(given["logits"]) or bool(((result.sum(-1) - 1).abs() < 0.02).all()), **ANY_FLOAT),
    "KeyValueCache": Case(parts.KeyValueCache, with_(num_layers=2), lambda result, given: result.length == result.numbers() == 0),
    "KeyValueCache.numbers": Case(method(functools.partial(parts.KeyValueCache, 1), "numbers"), dict, lambda result, given: result == 0),
    "KeyValueCache.select": Case(method(functools.partial(parts.KeyValueCache, 1), "select"), with_(rows=torch.tensor([0]), memory=True), fixed=("memory",)),
    "CharTokenizer": Case(parts.CharTokenizer, with_(text="abc"), lambda result, given: result.decode(result.encode(given["text"])) == given["text"]),
    "CharTokenizer.encode": Case(method(lambda: parts.CharTokenizer("abc"), "encode"), with_(text="abca"), lambda result,
                                 given: shaped(result, len(given["text"])),
                                 says={"text": ["characters"]}),
    "CharTokenizer.decode": Case(method(lambda: parts.CharTokenizer("abc"), "decode"), with_(ids=[0, 1, 2]), lambda result,
                                 given: len(result) == len(given["ids"])),
    "gpt2_names": Case(parts.gpt2_names, with_(num_layers=2), lambda result, given: len(result) == 4 + 12 * given["num_layers"]),
}
