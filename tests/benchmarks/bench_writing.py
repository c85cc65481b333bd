"""Writing: greedy generation against GPT-2's of transformers, and beam search against Marian's, with the same weights and the same tokens."""

import pathlib
import tempfile

import torch
from parity_decoder import huggingface
from parity_seq2seq import take_marian_weights

from shared import settings
from shared.transformer import GPTModel, beam_search

from . import models, timing, translators
from .models import OURS
from .table import row

BATCHES = (1, 16)
GPT, MARIAN = "HuggingFace GPT-2", "HuggingFace Marian"


def with_threads(number, function):
    """`function`, called with so many threads."""
    def call():
        before = torch.get_num_threads()
        torch.set_num_threads(number)
        try:
            return function()
        finally:
            torch.set_num_threads(before)
    return call


def compared(task, setting, functions, tokens, seconds):
    """A row of tokens a second, each side at its best of one thread and all. ValueError where the two write other tokens.

    functions: name → function without arguments that returns the ids that were written.
    """
    written = {name: function() for name, function in functions.items()}
    for name, ids in written.items():
        if not ids.equal(written[OURS]):
            raise ValueError(f"{name} and our own model write different tokens: {ids.tolist()} and {written[OURS].tolist()}")
    if written[OURS].numel() != tokens:
        raise ValueError(f"{tokens} tokens were to be written, got {tuple(written[OURS].shape)}")
    sides = {(name, threads): with_threads(threads, function)
             for name, function in functions.items() for threads in sorted({1, torch.get_num_threads()})}
    times = timing.take_turns(sides, seconds, least=5)
    turns = {f"{name}, {threads} thread{'s' * (threads > 1)}": numbers for (name, threads), numbers in times.items()}
    ours = [name for name in turns if name.startswith(OURS)]
    return row(task, setting, turns, ours, [name for name in turns if name not in ours], lambda seconds: tokens / seconds, "tokens/s")


def generation(batches=BATCHES, prompt=16, new=256, seconds=15, size=models.Size):
    """Rows of `GPTModel.generate` against `GPT2LMHeadModel.generate`, both with their caches; and what is missing."""
    try:
        transformers = huggingface()
    except ImportError:
        return [], [f"{GPT} (transformers is not installed)"]
    shape = size(prompt + new)
    torch.manual_seed(settings.seed())
    with tempfile.TemporaryDirectory() as folder:
        models.ours(shape).model.save_pretrained(folder)
        ours = GPTModel.from_pretrained(pathlib.Path(folder)).to(settings.device())
        theirs = transformers.GPT2LMHeadModel.from_pretrained(folder, attn_implementation="sdpa")
    theirs = theirs.to(settings.device()).eval()
    rows = []
    for batch in batches:
        ids = settings.generator().integers(shape.vocab_size, batch, prompt)
        seen = torch.ones_like(ids)
        functions = {
            OURS: lambda ids=ids: ours.generate(ids, new, temperature=0)[:, prompt:],
            GPT: lambda ids=ids, seen=seen: theirs.generate(ids, attention_mask=seen, max_new_tokens=new, do_sample=False, use_cache=True,
                                                            pad_token_id=0)[:, prompt:]}
        rows.append(compared("generation, GPT", f"{batch} × {new} tokens, greedy", functions, batch * new, seconds))
    return rows, []


def beams(batch=8, length=24, new=64, num_beams=4, seconds=15, size=translators.Size):
    """A row of `beam_search` against Marian's, no text ending early; and what is missing."""
    shape = size()
    try:
        theirs = translators.marian(shape).model.to(settings.device()).eval()
    except ImportError:
        return [], [f"{MARIAN} (transformers is not installed)"]
    torch.manual_seed(settings.seed())
    with torch.no_grad():
        for weights in theirs.parameters():
            if weights.requires_grad and weights.dim() > 1:
                weights.normal_(std=0.1)
        theirs.model.shared.weight[[translators.PAD, translators.EOS]] = 0      # so that no text ends: others are more probable
    ours = translators.ours(shape).model.to(settings.device()).eval()
    take_marian_weights(ours, theirs)
    source = translators.sentences(shape, batch, length)
    real = (source != translators.PAD).long()

    def search():
        return beam_search(ours, source, translators.BOS, translators.EOS, new, num_beams, length_penalty=0.0)[0]

    def marian_search():
        return theirs.generate(source, attention_mask=real, max_new_tokens=new, num_beams=num_beams, do_sample=False, length_penalty=0.0,
                               early_stopping=False)[:, 1:]

    setting = f"{batch} × {new} tokens, {num_beams} beams"
    return [compared("beam search", setting, {OURS: search, MARIAN: marian_search}, batch * new, seconds)], []
