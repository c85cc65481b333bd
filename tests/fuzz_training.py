"""The cases of the fuzzer for sequence to sequence, tokenizers and training: the rest of what `shared.transformer` exports."""

import math

import torch
from fuzz_parts import IDS, ONE, REAL, SEARCH, STACK, WORDS, listed, made, method, with_
from fuzzing import DEVICE, FLOATS, Case, finite, shaped
from hypothesis import strategies
from parity_decoder import TINY
from properties_training import loss_of, network, texts
from torch import nn

import shared.transformer as parts

TEXT = "it is what it was, 42 times"


def translator():
    return made(parts.Transformer, **TINY, d_ff=6)


def tokenizer():
    return parts.BPETokenizer.train(TEXT, 270, ("<pad>",))


def parameters():
    """A parameter with a gradient, in a list."""
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    return [parameter]


def trainer(**options):
    model = network(dtype=torch.float32)
    given = {"model": model, "optimizer": parts.AdamW(model.parameters()), "loss": loss_of, "batches": texts, "folder": "checkpoints"} | options
    return parts.Trainer(**given)


def factor(result, given):
    """A factor of the learning rate."""
    return 0 <= result <= max(1, given.get("floor", 0)) or not math.isfinite(given["step"]) or given.get("floor", 0) < 0


def dealt(result, given):
    """Batches hold every example once."""
    return sorted(place for batch in result for place in batch) == list(range(len(given["lengths"])))


def sums(model):
    """A linear model's loss of a batch, and how many numbers it has."""
    return lambda batch: (model(batch).sum(), batch.numel())


def linear(**others):
    """A model, batches and a loss, on the CPU."""
    return lambda: {"model": nn.Linear(4, 2), "batches": [torch.ones(3, 4)], "loss": lambda model, batch: (model(batch).square().sum(), len(batch)), **others}


SEARCHED = {"source_ids": ["max_seq_len", "tokens", "source_mask"]}
BATCHES = strategies.sampled_from([None, 3, 0.5, [], [torch.ones(3, 4)] * 2])
NUMBERS = [0, 1, 2, 3, 7, 2.5, "3", None, math.nan, math.inf]
LEARNED, MERGED = {"pieces": {"aa": 2, "ab": 1}, "num_merges": 2}, {"merges": [(1, 2)], "special": ["<pad>"], "ids": list(range(258))[::-1]}
PIECES = {"pieces": strategies.one_of(listed([{"a": 1}]), strategies.dictionaries(strategies.sampled_from(["aa", 3, "é", "\ud800"]),
                                                                                  strategies.sampled_from(NUMBERS)))}
MERGES = {"merges": listed([(1, 2), (256, 1), (1, 2, 3), 3, "ab", None, (0.5, 1), [3, 4]]), "special": listed(["<a>", "", 3, None, "<b>"]),
          "ids": strategies.sampled_from([None, [0], 3, "ab", list(range(258)), [0.5] * 258, [3] * 258])}
CASES = {
    # --- sequence to sequence
    "Transformer": Case(parts.Transformer, with_(**STACK, target_vocab_size=11, sharing="none", num_decoder_layers=1),
                        lambda model, given: finite(model.to(DEVICE)(ONE, ONE)),
                        says={"num_decoder_layers": ["num_layers"], "num_heads": ["d_head"], "d_model": ["num_heads", "d_head"], "positions": ["d_head"],
                              "target_vocab_size": ["vocab_size", "pad_id"]}),
    "EncoderDecoder": Case(parts.EncoderDecoder, lambda: {name: getattr(translator(), name) for name in ("encoder", "decoder", "output")},
                           lambda model, given: finite(model(ONE, ONE)), fixed=("encoder", "decoder", "output")),
    "EncoderDecoder.forward": Case(method(translator), with_(source_ids=IDS, target_ids=IDS, source_mask=REAL, target_mask=REAL),
                                lambda result, given: shaped(result, *given["target_ids"].shape, 11),
                                says={"source_ids": ["tokens", "source_mask"], "target_ids": ["tokens", "target_mask"]}),
    "EncoderDecoder.encode": Case(method(translator, "encode"), with_(source_ids=IDS, source_mask=REAL),
                               lambda result, given: shaped(result, *given["source_ids"].shape, 8), says={"source_ids": ["tokens", "source_mask"]}),
    "EncoderDecoder.memory_mask": Case(method(translator, "memory_mask"), with_(source_ids=IDS, source_mask=REAL),
                                    lambda result, given: result is None or result.shape == given["source_ids"].shape,
                                    says={"source_ids": ["input_ids", "attention_mask"], "source_mask": ["attention_mask"]}),
    "EncoderDecoder.decode": Case(method(translator, "decode"), with_(target_ids=IDS, memory=WORDS, memory_mask=REAL, target_mask=REAL),
                               lambda result, given: shaped(result, *given["target_ids"].shape, 11),
                               says={"target_ids": ["tokens", "memory", "target_mask"], "memory": ["memory_mask"]}),
    "initialise_transformer": Case(parts.initialise_transformer, lambda: {"model": translator()}),
    "label_smoothed_loss": Case(parts.label_smoothed_loss, with_(logits=torch.ones(2, 3, 11, device=DEVICE), targets=IDS, smoothing=0.1, pad_id=None),
                                lambda result, given: shaped(result) and (result >= 0 or not finite(given["logits"])), floats=FLOATS,
                                says={"logits": ["targets"], "pad_id": ["targets"]}),
    "greedy_decode": Case(parts.greedy_decode, lambda: {"model": translator(), **SEARCH},
                          lambda result, given: result.dim() == 2 and 1 <= result.size(1) <= given["max_new_tokens"], says=SEARCHED),
    "beam_search": Case(parts.beam_search, lambda: {"model": translator(), "num_beams": 2, "length_penalty": 0.6, "num_return": 2, **SEARCH},
                        lambda result, given: len(result[0]) == len(result[1]) == len(given["source_ids"]), says=SEARCHED),
    "corpus_bleu": Case(parts.corpus_bleu, with_(hypotheses=["a b", "c"], references=["a c", "c"], max_order=4, smoothing="exp"),
                        lambda result, given: 0 <= result <= 100 + 1e-9,
                        kinds={name: listed(["a b", "", ["a"], [["a"]], 3, None]) for name in ("hypotheses", "references")},
                        says={"hypotheses": ["references", "hypothesis"], "references": ["hypothesis"]}),
    # --- tokens
    "pre_tokenize": Case(parts.pre_tokenize, with_(text=TEXT), lambda result, given: "".join(result) == given["text"],
                         kinds={"text": strategies.one_of(strategies.text(), listed(["a"]))}),
    "learn_merges": Case(parts.learn_merges, with_(**LEARNED), lambda result, given: len(result) <= given["num_merges"], kinds=PIECES,
                         says={"pieces": ["text"]}),
    "learn_merges_by_recounting": Case(parts.learn_merges_by_recounting, with_(**LEARNED), lambda result, given: result == parts.learn_merges(**given),
                                       kinds=PIECES, says={"pieces": ["text"]}),
    "BytePairVocabulary": Case(parts.BytePairVocabulary, with_(**MERGED), lambda result, given: result.vocab_size == len(result.tokens),
                               kinds=MERGES, says={"merges": ["merge", "ids"], "special": ["ids"]}),
    "BytePairVocabulary.decode": Case(method(tokenizer, "decode"), with_(ids=[1, 2, 260], skip_special=False), lambda result, given: isinstance(result, str)),
    "BytePairVocabulary.readable": Case(method(tokenizer, "readable"), with_(ids=[1, 2, 260]), lambda result, given: len(result) == len(given["ids"])),
    "BPETokenizer": Case(parts.BPETokenizer, with_(**MERGED), lambda result, given: result.vocab_size == len(result.tokens),
                         kinds=MERGES, says={"merges": ["merge", "ids"], "special": ["ids"]}),
    "BPETokenizer.train": Case(parts.BPETokenizer.train, with_(texts=[TEXT], vocab_size=270, special=["<pad>"]),
                               lambda result, given: result.vocab_size <= given["vocab_size"],
                               kinds={"texts": listed([TEXT, "", 3, None, "\ud800"]), "special": listed(["<a>", "", 3])}, says={"texts": ["text"]}),
    "BPETokenizer.encode": Case(method(tokenizer, "encode"), with_(text=TEXT + "<pad>", allow_special=True),
                                lambda result, given: tokenizer().decode(result) == given["text"],
                                kinds={"text": strategies.one_of(strategies.text(), listed(["a"]))}),
    "BPETokenizer.save": Case(method(tokenizer, "save"), with_(path="tokenizer.json"), raises=(OSError,)),
    "BPETokenizer.load": Case(parts.BPETokenizer.load, with_(path="missing.json"), raises=(OSError,)),
    # --- training
    "length_buckets": Case(parts.length_buckets, with_(lengths=[3, 1, 2], max_tokens=6, seed=0), dealt, kinds={"lengths": listed(NUMBERS)}),
    "pad_rows": Case(parts.pad_rows, with_(rows=[[1, 2], [3]], pad_id=0), lambda result,
                     given: shaped(result, len(given["rows"]), max(map(len, given["rows"]))),
                     kinds={"rows": listed([[1], [], [2, 3], torch.tensor([4, 5, 6]), "ab", 3, None, [0.5], [[1]], torch.ones(2)])}),
    "AdamW": Case(parts.AdamW, lambda: {"params": parameters(), "lr": 1e-3, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.01},
                  lambda result, given: result.step() is None, says={"params": ["parameter", "parameters", "optimizer"]},
                  kinds={"betas": listed([0.9, 0.5, 1.0, "a", None, math.nan]), "params": strategies.sampled_from([[], [3], ["a"], torch.ones(2)])}),
    "AdamW.step": Case(lambda closure: parts.AdamW(parameters()).step(closure), with_(closure=None), fixed=("closure",)),
    "decay_groups": Case(parts.decay_groups, lambda: {"model": nn.Linear(2, 2), "weight_decay": 0.1}, lambda result, given: len(result) == 2),
    "warmup_inverse_sqrt": Case(parts.warmup_inverse_sqrt, with_(step=3, warmup_steps=5), factor, says={"step": ["steps"]}),
    "warmup_cosine": Case(parts.warmup_cosine, with_(step=3, warmup_steps=5, total_steps=9, floor=0.1), factor, says={"step": ["steps"]}),
    "clip_grad_norm": Case(parts.clip_grad_norm, lambda: {"parameters": parameters(), "max_norm": 1.0}, lambda result, given: float(result) >= 0),
    "mean_loss": Case(parts.mean_loss, linear(), lambda result, given: result >= 0, fixed=("model", "loss"), kinds={"batches": BATCHES}),
    "accumulate_gradients": Case(parts.accumulate_gradients, linear(precision="float32"), lambda result, given: len(result) == 3, fixed=("model", "loss"),
                                 kinds={"batches": BATCHES}),
    "write_checkpoint": Case(parts.write_checkpoint, with_(path="a/checkpoint", state={"step": 3}), lambda result, given: result.exists(), fixed=("state",)),
    "read_checkpoint": Case(parts.read_checkpoint, lambda: {"path": parts.write_checkpoint("checkpoint", 3)}, lambda result, given: result == 3,
                            raises=(OSError,)),
    "Checkpoints": Case(parts.Checkpoints, with_(folder="a", keep=2), lambda result, given: result.paths() == [] and result.best() is None),
    "Checkpoints.paths": Case(method(lambda: parts.Checkpoints("a"), "paths"), dict, lambda result, given: result == []),
    "Checkpoints.best": Case(method(lambda: parts.Checkpoints("a"), "best"), dict, lambda result, given: result is None),
    "Checkpoints.load": Case(method(lambda: parts.Checkpoints("a"), "load"), dict, lambda result, given: result is None),
    "Checkpoints.is_best": Case(method(lambda: parts.Checkpoints("a"), "is_best"), with_(loss=0.5),
                                lambda result, given: result == (given["loss"] is not None and math.isfinite(given["loss"]))),
    "Checkpoints.save": Case(method(lambda: parts.Checkpoints("a"), "save"), with_(step=3, state={}, loss=0.5), lambda result, given: result.exists(),
                             fixed=("state",)),
    "Trainer": Case(trainer, lambda: {"schedule": None, "accumulate": 1, "max_norm": 1.0, "precision": "float32", "evaluate": None, "evaluate_every": 5,
                                      "folder": None, "save_every": 5, "keep": 2, "callbacks": ()},
                    lambda result, given: result.step == 0, kinds={"callbacks": listed([print, 3, None])}),
    "Trainer.train": Case(lambda steps: trainer(folder=None).train(steps), with_(steps=2)),
    "Trainer.evaluate_untraced": Case(lambda function: trainer().evaluate_untraced(function), lambda: {"function": lambda model: 3},
                                      lambda result, given: result == 3, fixed=("function",)),
    "Trainer.save": Case(lambda loss: trainer().save(loss), with_(loss=0.5)),
    "Trainer.resume": Case(lambda: trainer().resume(), dict, lambda result, given: result == 0),
}
