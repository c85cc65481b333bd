"""Beam search for a batch of texts, with caches; equal to a search in plain lists. Written by hand."""

import math
from typing import NamedTuple

import torch

from . import refuse
from .decoder import KeyValueCache
from .inference import evaluating

__all__ = ["beam_search", "BeamStep"]


def beam_search(model, source_ids, bos_id, eos_id, max_new_tokens, num_beams=4, length_penalty=0.6, source_mask=None,
                num_return=None, use_cache=True, watch=None):
    """source_ids (B, S) → ids (B, ≤ max_new_tokens), as those of `greedy_decode`, and their scores (B,).

    At each step every open text is continued with every token. Of the num_beams most probable texts that result,
    those that end with eos_id are kept; and the num_beams most probable that do not end with it stay open.
    score: log-probability / ((5 + L) / 6)^length_penalty, with L tokens, eos_id included (Wu et al. 2016, §7).
    A sentence is done when no open text can still get a better score than those kept, even if all its further
    tokens were certain, up to max_new_tokens. An open text is returned only if too few have ended by then.
    num_beams=1 is `greedy_decode`. Where two texts are equally probable, either may stay.
    num_return: returns this many texts, at most num_beams → (B, num_return, …) and (B, num_return): those that have
    ended, best first, then open ones; where there are fewer texts, scores are -inf.
    watch: called with the `BeamStep` of each step, such as the append of a list.
    The rest is as in `greedy_decode`.
    """
    refuse.search(model, source_ids, source_mask, bos_id, eos_id, max_new_tokens)
    refuse.beams(model, num_beams, length_penalty, num_return)
    with evaluating(model):
        next_token = _NextToken(model, source_ids, source_mask, use_cache)
        ids = torch.full((len(source_ids), 1 + max_new_tokens), eos_id, dtype=torch.int64, device=source_ids.device)
        ids[:, 0] = bos_id
        beams = _Beams(ids, eos_id, num_beams, length_penalty, num_return or 1)
        for length in range(1, 1 + max_new_tokens):
            logits = next_token(beams.ids[..., :length].flatten(0, 1))                          # (B · W, V)
            wide = torch.promote_types(logits.dtype, torch.float32)
            log_probs = logits.log_softmax(dim=-1, dtype=wide).unflatten(0, beams.log_probs.shape)
            rows, step = beams.advance(length, log_probs)
            if watch is not None:
                watch(step)
            if beams.done.all():
                break
            next_token.select(rows)
        beams.take_open_ones()
    ids, scores = _without_start(beams.kept, eos_id), beams.scores.clone()
    return (ids[:, 0], scores[:, 0]) if num_return is None else (ids, scores)


class BeamStep(NamedTuple):
    """What a step of `beam_search` looks at: the N most probable continuations of each sentence, best first."""

    ids: torch.Tensor               # (B, N, length), without bos_id
    log_probs: torch.Tensor         # (B, N), sums over their tokens
    ended: torch.Tensor             # (B, N), True: complete, a candidate for the result
    open: torch.Tensor              # (B, N), True: is continued at the next step


class _NextToken:
    """Texts so far (rows, length) → the logits of what follows, (rows, V). The source is encoded once."""

    def __init__(self, model, source_ids, source_mask, use_cache):
        self.model, self.memory = model, model.encode(source_ids, source_mask)
        self.mask = model.memory_mask(source_ids, source_mask)
        self.cache = KeyValueCache(len(model.decoder.blocks)) if use_cache else None

    def __call__(self, ids):
        new = ids if self.cache is None else ids[:, self.cache.length:]
        # what the search has written is real, whatever its id
        real = None if self.model.decoder.pad_id is None else torch.ones_like(ids, dtype=torch.bool)
        return self.model.decode(new, self.memory, self.mask, real, self.cache)[:, -1]

    def select(self, rows):
        """Continue with these rows (R,). As many as before: each has come from a row of its own sentence."""
        more = len(rows) != len(self.memory)
        if self.cache is not None:
            self.cache.select(rows, memory=more)
        if more:
            self.memory = self.memory[rows]
            self.mask = None if self.mask is None else self.mask[rows]


class _Beams:
    """The W open texts of each sentence, ids (B, W, 1 + max_new_tokens), and the best that have ended."""

    def __init__(self, ids, eos_id, num_beams, length_penalty, num_kept):
        self.ids, self.log_probs = ids[:, None], ids.new_zeros(len(ids), 1, dtype=torch.float32)
        self.kept = self.ids.repeat(1, num_kept, 1)                                     # (B, num_kept, 1 + new)
        self.scores = torch.full(self.kept.shape[:2], -math.inf, device=ids.device)     # best first
        self.done = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
        self.eos_id, self.num_beams, self.length_penalty = eos_id, num_beams, length_penalty

    def advance(self, length, log_probs):
        """log_probs (B, W, V) of the length-th token → the row each open text comes from, and a `BeamStep`."""
        B, W, V = log_probs.shape
        N = min(2 * self.num_beams, W * V)              # at most num_beams of them end: one of each open text
        totals, positions = (self.log_probs[..., None] + log_probs).flatten(1).topk(N)          # (B, N), best first
        parents, tokens = positions // V, positions % V
        ids = torch.take_along_dim(self.ids, parents[..., None], dim=1)
        ids[..., length] = tokens
        ends = tokens == self.eos_id
        ended = ends & ~self.done[:, None]
        ended[:, self.num_beams:] = False               # only the W best may end
        self._keep(ids, self._score(totals, length).masked_fill(~ended, -math.inf))
        order = ends.long().argsort(dim=1, stable=True)[:, :min(self.num_beams, W * (V - 1))]   # open first
        self.ids, self.log_probs = torch.take_along_dim(ids, order[..., None], dim=1), totals.gather(1, order)
        self.done |= self._best_possible() <= self.scores[:, -1]            # none can win: Exercise 7.4
        if self.num_beams == 1:
            self.done |= ended[:, 0]
        is_open = torch.zeros_like(ends).scatter(1, order, True) & ~self.done[:, None]
        rows = torch.arange(B, device=ids.device)[:, None] * W + parents.gather(1, order)
        return rows.flatten(), BeamStep(ids[..., 1:1 + length], totals, ended, is_open)

    def take_open_ones(self):
        """Where too few have ended, open texts fill the ranks that are left."""
        totals = self._score(self.log_probs, self.ids.size(-1) - 1)
        vacant = torch.cat([self.scores == -math.inf, torch.zeros_like(totals, dtype=torch.bool)], dim=1)
        self._choose(self.ids, totals, vacant.long().argsort(dim=1, stable=True))

    def _score(self, log_probs, length):
        return log_probs / ((5 + length) / 6) ** self.length_penalty

    def _best_possible(self):
        """(B,) The score of the best open text, were all its further tokens certain, and as many as may be."""
        return self._score(self.log_probs[:, 0], self.ids.size(-1) - 1)

    def _keep(self, ids, scores):
        both = torch.cat([self.scores, scores], dim=1)
        self._choose(ids, scores, both.argsort(dim=1, descending=True, stable=True))

    def _choose(self, ids, scores, order):
        order = order[:, :self.kept.size(1)]
        self.kept = torch.take_along_dim(torch.cat([self.kept, ids], dim=1), order[..., None], dim=1)
        self.scores = torch.cat([self.scores, scores], dim=1).gather(1, order)


def _without_start(ids, eos_id):
    """ids (..., 1 + new) → an ordinary tensor without the first token, as long as the longest text."""
    ids = ids[..., 1:]
    return ids[..., :(ids != eos_id).sum(dim=-1).max() + 1].clone()
