"""The states of a made language as tables: what `shared.languages` draws from, walks through and counts."""

import functools
import itertools
import math

import numpy

UNIT = 1 << 48                  # words are drawn by whole numbers below this


class States:
    """The edges of `Grammar.edges`, (state, word, probability, next state), as arrays.

    words: all words, sorted; a word's place there is its number.   count: how many states there are.
    source, word, share, target: one entry an edge.   next, probs: (count + 1, words), for every state and word; the
    last row is a state that a wrong word leads to, and that is never left. Every text starts in state 0 and ends there.
    """

    def __init__(self, edges):
        self.words = tuple(sorted({word for _, word, _, _ in edges}))
        numbers = {word: number for number, word in enumerate(self.words)}
        self.source = numpy.array([state for state, _, _, _ in edges], dtype=numpy.int64)
        self.word = numpy.array([numbers[word] for _, word, _, _ in edges], dtype=numpy.int64)
        self.share = numpy.array([float(share) for _, _, share, _ in edges])
        self.target = numpy.array([state for _, _, _, state in edges], dtype=numpy.int64)
        ends = itertools.accumulate(share for _, _, share, _ in edges)      # those of state 2 lie above 2 and up to 3
        self._ends = numpy.array([math.floor(end * UNIT) for end in ends], dtype=numpy.int64)
        self.count = dead = int(self.source.max()) + 1
        self.next = numpy.full((dead + 1, len(self.words)), dead)
        self.next[self.source, self.word] = self.target
        self.probs = numpy.zeros((dead + 1, len(self.words)))
        self.probs[self.source, self.word] = self.share

    def follow(self, state, draws):
        """The word that each state writes for a whole number drawn below UNIT, and the next state: all (batch,)."""
        edge = self._ends.searchsorted(state * UNIT + draws, side="right")
        return self.word[edge], self.target[edge]

    def walk(self, ids):
        """The state before each word, (…, T)."""
        states = numpy.zeros(ids.shape, dtype=numpy.int64)
        for step in range(1, ids.shape[-1]):
            states[..., step] = self.next[states[..., step - 1], ids[..., step - 1]]
        return states

    def step(self, here):
        """How probable each state is one word later."""
        return numpy.bincount(self.target, here[self.source] * self.share, self.count)

    @functools.cached_property
    def entropies(self):
        """The entropy of the next word in each state, in nats."""
        return entropy_of(self.probs[:-1])

    @functools.cached_property
    def visits(self):
        """How often, in the mean, a text is in each state: together as often as it has words."""
        visits, here = numpy.zeros(self.count), numpy.eye(1, self.count)[0]
        while here.any():
            visits += here
            here = self.step(here)
            here[0] = 0
        return visits


def entropy_of(probs):
    """The entropy of the last axis, in nats."""
    return -(probs * numpy.log(numpy.where(probs > 0, probs, 1))).sum(-1)
