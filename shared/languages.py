"""Made languages: every probability is known exactly, so a model's loss has a floor it can be compared with.

A grammar, `data/languages/*.txt`, is a list of rules:

    TEXT = the NOUN sleeps . | 2: first:NAME came , then =first slept .      # a comment
    NOUN = dog | cat
    NAME = 3: ann | bob

Capitals name a rule, everything else is a word. `|` parts the alternatives, and a line may begin with it; an empty one
writes nothing. A weight in front, such as `2:`, says how likely an alternative is against the others; without it, 1.
`first:NAME` writes a word of NAME that this text does not remember yet, and remembers it as first; `=first` repeats it.
Every text is written by the rule TEXT, and texts follow each other without end.

The grammar is compiled into states. A state is all that the words so far tell of what may follow. It gives the
probability of every next word, and the next word decides the next state: so all that is computed below is exact.
"""

import functools
import itertools
import math
import pathlib

import numpy
import torch

from . import settings
from .grammars import Grammar

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "languages"
UNIT = 1 << 48                  # words are drawn by whole numbers below this
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@functools.lru_cache
def load(name):
    """The language of `data/languages/<name>.txt`. Raises ValueError for another name, and for a bad grammar."""
    path = FOLDER / f"{name}.txt"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.txt")))
        raise ValueError(f"name must be one of {known}, got {name!r}")
    return Language(path.read_text(encoding="utf-8"), path.name)


class Language:
    """A language made from a grammar; `name` stands before errors. All entropies are in nats.

    words: all words, sorted; a word's place there is its token id.   vocab_size: how many.   num_states: of the grammar.
    Raises ValueError, with the line, for a grammar that cannot be compiled.
    """

    def __init__(self, grammar, name="grammar"):
        edges = Grammar(grammar, name).edges()
        self.words = tuple(sorted({word for _, word, _, _ in edges}))
        self.vocab_size = len(self.words)
        self._ids = {word: number for number, word in enumerate(self.words)}
        self._from = numpy.array([state for state, _, _, _ in edges], dtype=numpy.int64)
        self._word = numpy.array([self._ids[word] for _, word, _, _ in edges], dtype=numpy.int64)
        self._share = numpy.array([float(share) for _, _, share, _ in edges])
        self._to = numpy.array([state for _, _, _, state in edges], dtype=numpy.int64)
        ends = itertools.accumulate(share for _, _, share, _ in edges)      # those of state 2 lie above 2 and up to 3
        self._ends = numpy.array([math.floor(end * UNIT) for end in ends], dtype=numpy.int64)
        self.num_states = dead = int(self._from.max()) + 1      # `dead`: a row stays there after a wrong word
        self._next = numpy.full((dead + 1, self.vocab_size), dead)
        self._next[self._from, self._word] = self._to
        self._probs = numpy.zeros((dead + 1, self.vocab_size))
        self._probs[self._from, self._word] = self._share

    def sample(self, rng, batch, length):
        """`batch` windows of the stream, each from the start of a text: (batch, length) ids on the lesson's device.

        rng: a `shared.settings.Random`. The same seed gives the same ids on every machine: whole numbers are drawn on
        the CPU and compared with whole numbers, computed from fractions. A word's probability is met to within 2⁻⁴⁸.
        Raises TypeError for another source, ValueError for batch or length < 1.
        """
        if not isinstance(rng, settings.Random):
            raise TypeError(f"rng must be a shared.settings.Random, such as generator(0), got {rng!r}")
        _check_size("batch", batch)
        _check_size("length", length)
        draws = rng.integers(UNIT, batch, length).cpu().numpy()
        state, ids = numpy.zeros(batch, dtype=numpy.int64), numpy.empty((batch, length), dtype=numpy.int64)
        for step in range(length):
            edge = self._ends.searchsorted(state * UNIT + draws[:, step], side="right")
            ids[:, step] = self._word[edge]
            state = self._to[edge]
        return torch.from_numpy(ids).to(settings.device())

    def log_prob(self, ids):
        """The natural logarithm of each token's exact probability given all before it: (…, T) → (…, T) in float64.

        ids: token ids; a row starts at the start of a text. A token that cannot stand where it stands has −inf, and so
        has every token after it in its row. Raises ValueError for ids out of range, TypeError if they are not integers.
        """
        states = self._walk(ids)
        with numpy.errstate(divide="ignore"):
            return _floats(numpy.log(self._probs[states, ids.cpu().numpy()]), ids.device)

    def next_probs(self, ids):
        """The exact probability of every word at each token's place, given all before it: (…, T) → (…, T, vocab_size).

        In float64; all 0 after a token that cannot stand where it stands. Errors as in `log_prob`.
        """
        return _floats(self._probs[self._walk(ids)], ids.device)

    def _walk(self, ids):
        """The state before each token."""
        self._check_ids(ids)
        ids = ids.cpu().numpy()
        states = numpy.zeros(ids.shape, dtype=numpy.int64)
        for step in range(1, ids.shape[-1]):
            states[..., step] = self._next[states[..., step - 1], ids[..., step - 1]]
        return states

    def _check_ids(self, ids):
        if not torch.is_tensor(ids) or ids.dtype not in INTEGERS or ids.dim() == 0:
            given = f"{ids.dtype} of shape {tuple(ids.shape)}" if torch.is_tensor(ids) else repr(ids)
            raise TypeError(f"ids must be a tensor of whole numbers, of shape (T,) or (batch, T), got {given}")
        if ids.numel() and not 0 <= ids.min() <= ids.max() < self.vocab_size:
            given = f"{ids.min().item()} to {ids.max().item()}"
            raise ValueError(f"ids must lie from 0 to vocab_size - 1 = {self.vocab_size - 1}, got {given}")

    def encode(self, text):
        """Words parted by blanks → their token ids, (T,). Raises ValueError for a word that is not in the language."""
        for word in text.split():
            if word not in self._ids:
                raise ValueError(f"{word!r} is not one of the words {' '.join(self.words)}")
        return torch.tensor([self._ids[word] for word in text.split()], dtype=torch.int64, device=settings.device())

    def decode(self, ids):
        """Token ids, (T,), → words parted by blanks; (batch, T) → a list of such texts. Errors as in `log_prob`."""
        self._check_ids(ids)
        if ids.dim() > 1:
            return [self.decode(row) for row in ids]
        return " ".join(self.words[number] for number in ids.tolist())

    def entropy(self, length):
        """The entropy of each of the first `length` tokens given those before it, in nats: (length,), in float64.

        It is the lowest loss at each token of the windows of `sample`, which begin with a text; its mean is their floor.
        Raises ValueError for length < 1.
        """
        _check_size("length", length)
        values, here = numpy.empty(length), numpy.eye(1, self.num_states)[0]
        for step in range(length):
            values[step] = here @ self._state_entropy
            here = self._step(here)
        return _floats(values, settings.device())

    def entropy_rate(self):
        """The entropy of a token given all before it, in the long run, in nats: the floor of a long stream."""
        return float(self._long_run @ self._state_entropy)

    def unigram_entropy(self):
        """The entropy of a token given nothing, in the long run, in nats: what word frequencies alone reach."""
        return float(_entropy(self._long_run @ self._probs[:-1]))

    def bigram_entropy(self):
        """The entropy of a token given the one before it, in the long run, in nats: what word pairs alone reach."""
        pairs = numpy.zeros((self.vocab_size, self.vocab_size))
        numpy.add.at(pairs, self._word, (self._long_run[self._from] * self._share)[:, None] * self._probs[self._to])
        return float(_entropy(pairs.ravel()) - _entropy(pairs.sum(1)))

    def _step(self, here):
        """How probable each state is one token later."""
        return numpy.bincount(self._to, here[self._from] * self._share, self.num_states)

    @functools.cached_property
    def _state_entropy(self):
        return _entropy(self._probs[:-1])

    @functools.cached_property
    def _long_run(self):
        """How often each state is visited: every text starts in state 0, so one text's visits are enough."""
        visits, here = numpy.zeros(self.num_states), numpy.eye(1, self.num_states)[0]
        while here.any():
            visits += here
            here = self._step(here)
            here[0] = 0
        return visits / visits.sum()


def _entropy(probs):
    return -(probs * numpy.log(numpy.where(probs > 0, probs, 1))).sum(-1)


def _floats(values, device):
    """Apple's MPS has no float64."""
    return torch.from_numpy(values).to(device, torch.float32 if device.type == "mps" else torch.float64)


def _check_size(name, size):
    if size < 1:
        raise ValueError(f"{name} must be at least 1, got {size}")
