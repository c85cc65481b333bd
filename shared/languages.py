"""Made languages: every probability is known exactly, so a model's loss has a floor it can be compared with.

A grammar, `data/languages/*.txt`, is a list of rules:

    TEXT = the ANIMAL sleeps . | 2: first:NAME came , then =first slept .      # a comment
    NAME = ann | bob | eve

Capitals name a rule, everything else is a word. `|` parts the alternatives, and a line may begin with it; one that is empty
writes nothing. A weight in front, such as `2:`, says how likely an alternative is against the others; without it, 1.
`first:NAME` writes a word of NAME that this text does not remember yet, and remembers it as first; `=first` repeats it.
Every text begins at TEXT. Texts follow each other without end.

The grammar is compiled into states. A state is what can be known from the words so far: how probable each way to go on is.
It says how probable each next word is, and that word leads to one next state: so everything below is exact.
"""

import functools
import math
import pathlib

import numpy
import torch

from . import settings
from .grammars import Grammar

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "languages"
UNIT = 1 << 48                  # a probability is a whole number of these parts where words are drawn


@functools.lru_cache
def load(name):
    """The language of `data/languages/<name>.txt`. Raises ValueError for another name, and for a bad grammar."""
    path = FOLDER / f"{name}.txt"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.txt")))
        raise ValueError(f"name must be one of {known}, got {name!r}")
    return Language(path.read_text(encoding="utf-8"), path.name)


class Language:
    """A language made from a grammar. `words`: all words, sorted; a word's place there is its token id.

    Raises ValueError, with the line, for a grammar that cannot be compiled. All entropies are in nats.
    """

    def __init__(self, grammar, name="grammar"):
        edges = Grammar(grammar, name).edges()
        self.words = tuple(sorted({word for _, word, _, _ in edges}))
        self.vocab_size = len(self.words)
        self.num_states = 1 + max(state for state, _, _, _ in edges)
        self._ids = {word: number for number, word in enumerate(self.words)}
        self._from = numpy.array([state for state, _, _, _ in edges])
        self._word = numpy.array([self._ids[word] for _, word, _, _ in edges])
        self._share = numpy.array([float(share) for _, _, share, _ in edges])
        self._to = numpy.array([state for _, _, _, state in edges])
        self._ends, before = [], 0
        for state, _, share, _ in edges:                            # whole numbers: edge i is drawn from ends[i-1] to ends[i]-1
            before += share
            self._ends.append(math.floor(before * UNIT))
        self._ends = numpy.array(self._ends)
        dead = self.num_states                                      # where a row stays after a word that cannot stand there
        self._next = numpy.full((dead + 1, self.vocab_size), dead)
        self._next[self._from, self._word] = self._to
        self._probs = numpy.zeros((dead + 1, self.vocab_size))
        self._probs[self._from, self._word] = self._share

    def sample(self, rng, batch, length):
        """`batch` windows of the stream, each from the start of a text: (batch, length) token ids on the lesson's device.

        rng: a `shared.settings.Random`. The same seed gives the same ids on every machine: whole numbers are drawn on
        the CPU and compared with whole numbers, so nothing is rounded. (A share is off by less than 2⁻⁴⁸ for that.)
        """
        if not isinstance(rng, settings.Random):
            raise TypeError(f"rng must be a shared.settings.Random, such as generator(0), got {rng!r}")
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
        with numpy.errstate(divide="ignore"):
            return _tensor(numpy.log(self._probs[self._walk(ids), ids.cpu().numpy()]), ids.device)

    def next_probs(self, ids):
        """The exact probabilities of all words at each token's place, given all before it: (…, T) → (…, T, vocab_size).

        In float64; all 0 after a token that cannot stand where it stands. Errors as in `log_prob`.
        """
        return _tensor(self._probs[self._walk(ids)], ids.device)

    def _walk(self, ids):
        """The state before each token."""
        if ids.is_floating_point() or ids.dtype == torch.bool:
            raise TypeError(f"ids must be integers, got {ids.dtype}")
        if ids.numel() and not 0 <= ids.min() <= ids.max() < self.vocab_size:
            raise ValueError(f"ids must lie from 0 to {self.vocab_size - 1}, got {ids.min().item()} to {ids.max().item()}")
        ids = ids.cpu().numpy()
        states = numpy.zeros(ids.shape, dtype=numpy.int64)
        for step in range(1, ids.shape[-1]):
            states[..., step] = self._next[states[..., step - 1], ids[..., step - 1]]
        return states

    def encode(self, text):
        """Words parted by blanks → their token ids, (T,). Raises ValueError for a word that the language does not have."""
        for word in text.split():
            if word not in self._ids:
                raise ValueError(f"{word!r} is not one of the words {' '.join(self.words)}")
        return torch.tensor([self._ids[word] for word in text.split()], dtype=torch.int64, device=settings.device())

    def decode(self, ids):
        """Token ids, (T,), → their words, parted by blanks."""
        return " ".join(self.words[number] for number in ids.tolist())

    def entropy(self, length):
        """The entropy of each of the first `length` tokens given those before it, in nats: (length,), in float64."""
        values, here = numpy.empty(length), numpy.eye(1, self.num_states)[0]
        for step in range(length):
            values[step] = here @ self._state_entropy
            here = self._step(here)
        return _tensor(values, settings.device())

    def entropy_rate(self):
        """The entropy of a token given all before it, in the long run, in nats: no model's loss is lower."""
        return float(self._long_run @ self._state_entropy)

    def unigram_entropy(self):
        """The entropy of a token given nothing, in the long run, in nats: what knowing only word frequencies reaches."""
        return float(_entropy(self._long_run @ self._probs[:-1]))

    def bigram_entropy(self):
        """The entropy of a token given the one before it, in the long run, in nats: what knowing only word pairs reaches."""
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


def _tensor(values, device):
    return torch.from_numpy(numpy.asarray(values)).to(device, torch.float32 if device.type == "mps" else torch.float64)
