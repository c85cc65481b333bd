"""Made languages: every probability is known exactly, so a model's loss has a floor it can be compared with.

A grammar, `data/languages/*.txt`, is a list of rules:

    TEXT = the NOUN sleeps . | 2: first:NAME came , then =first slept .      # a comment
    NOUN = dog | cat
    NAME = 3: ann | bob

Capitals name a rule, everything else is a word. `|` parts the alternatives, and a line may begin with it; an empty one
writes nothing. A weight in front, such as `2:`, says how likely an alternative is against the others; without it, 1.
`first:NAME` writes a word of NAME that this text does not remember yet, and remembers it as first; `=first` repeats it.
Every text is written by the rule TEXT, and texts follow each other without end. A word may have a label, as in
`may/B-date`, which only `labelled_texts` shows; O where none is written. The label of a text's last word is its class.

The grammar is compiled into states. A state is all that the words so far tell of what may follow. It gives the
probability of every next word, and the next word decides the next state: so all that is computed below is exact.
"""

import functools
import pathlib

import numpy
import torch

from . import checks, settings
from .grammars import Grammar
from .hidden_words import check_integers, fill, with_lengths
from .labels import Labels
from .states import UNIT, States, entropy_of

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "languages"


def load(name):
    """The language of `data/languages/<name>.txt`. Raises ValueError for another name, and for a bad grammar."""
    known = sorted(path.stem for path in FOLDER.glob("*.txt"))
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(known)}, got {name!r}")
    return _read(FOLDER / f"{name}.txt")


@functools.lru_cache
def _read(path):
    return Language(path.read_text(encoding="utf-8"), path.name)


class Language:
    """A language made from a grammar; `name` stands before errors. All entropies are in nats.

    words: all words, sorted; a word's place there is its token id.   vocab_size: how many.   num_states: of the grammar.
    labels: all labels of words, O among them, sorted.   classes: all labels of last words, sorted.
    Raises ValueError, with the line, for a grammar that cannot be compiled.
    """

    def __init__(self, grammar, name="grammar"):
        self._states = States(Grammar(grammar, name).edges())
        self.words = self._states.words
        self._labels = Labels(Grammar(grammar, name, labelled=True).edges(), self.words)
        self.labels, self.classes = self._labels.labels, self._labels.classes
        self.vocab_size, self.num_states = len(self.words), self._states.count
        self._ids = {word: number for number, word in enumerate(self.words)}

    def sample(self, rng, batch, length):
        """`batch` windows of the stream, each from the start of a text: (batch, length) ids on the lesson's device.

        rng: a `shared.settings.Random`. The same seed gives the same ids on every machine: whole numbers are drawn on
        the CPU and compared with whole numbers, computed from fractions. A word's probability is met to within 2⁻⁴⁸.
        Raises TypeError for another source, ValueError for batch or length < 1.
        """
        _check_random(rng, batch)
        checks.whole("length", length)
        draws = rng.integers(UNIT, batch, length).cpu().numpy()
        state, ids = numpy.zeros(batch, dtype=numpy.int64), numpy.empty((batch, length), dtype=numpy.int64)
        for step in range(length):
            ids[:, step], state = self._states.follow(state, draws[:, step])
        return torch.from_numpy(ids).to(settings.device())

    def texts(self, rng, batch, pad_id):
        """Whole texts: (batch, T) ids on the lesson's device, filled up on the right with `pad_id` to the longest text.

        The ids of `labelled_texts` for the same seed; errors as there.
        """
        return self.labelled_texts(rng, batch, pad_id)[0]

    def labelled_texts(self, rng, batch, pad_id, ignore=-100):
        """Whole texts as in `texts`, the labels of their words, (batch, T), and their classes, (batch,).

        labels: places in `self.labels`, that of O at a text's last word, `ignore` on padding.
        classes: places in `self.classes`. Random numbers as in `sample`.
        Raises TypeError for another source, ValueError for batch < 1, for a `pad_id` that is a word and for an `ignore`
        that is a label.
        """
        _check_random(rng, batch)
        _check_free("pad_id", pad_id, self.words)
        _check_free("ignore", ignore, self.labels)
        words, labels, there, classes = self._labels.draw(rng, batch)
        filled = numpy.where(there, words, pad_id), numpy.where(there, labels, ignore), classes
        return tuple(torch.from_numpy(values).to(settings.device()) for values in filled)

    def log_prob(self, ids):
        """The natural logarithm of each token's exact probability given all before it: (…, T) → (…, T) in float64.

        ids: token ids; a row starts at the start of a text. A token that cannot stand where it stands has −inf, and so
        has every token after it in its row. Raises ValueError for ids out of range, TypeError if they are not integers.
        """
        states = self._walk(ids)
        with numpy.errstate(divide="ignore"):
            return _floats(numpy.log(self._states.probs[states, ids.cpu().numpy()]), ids.device)

    def next_probs(self, ids):
        """The exact probability of every word at each token's place, given all before it: (…, T) → (…, T, vocab_size).

        In float64; all 0 after a token that cannot stand where it stands. Errors as in `log_prob`.
        """
        return _floats(self._states.probs[self._walk(ids)], ids.device)

    def fill_probs(self, ids, hidden, lengths=None):
        """The exact probability of every word at each hidden place, given all that is seen before it and after it.

        ids (…, T): each row begins with a text; what stands at hidden places does not matter: a mask, a pad.
        hidden (…, T): booleans.   → (…, T, vocab_size) in float64: 1 for a word that is seen, all 0 in impossible rows.
        lengths (…): of rows that are one text each, how many words; this is then known, and places after it have all 0.
        Without it nothing is known of what follows a row, and a text may end at any hidden place.
        Raises ValueError for seen ids out of range, shapes that differ and lengths beyond T, TypeError for other types.
        """
        check_integers(ids)
        hidden = with_lengths(ids, hidden, lengths)
        seen = ids.masked_fill(hidden, 0)
        self._check_ids(seen)
        return _floats(fill(self._states, seen, hidden, lengths), ids.device)

    def _walk(self, ids):
        """The state before each token."""
        self._check_ids(ids)
        return self._states.walk(ids.cpu().numpy())

    def _check_ids(self, ids):
        check_integers(ids)
        if ids.numel() and not 0 <= ids.min() <= ids.max() < self.vocab_size:
            given = f"{ids.min().item()} to {ids.max().item()}"
            raise ValueError(f"ids must lie from 0 to vocab_size - 1 = {self.vocab_size - 1}, got {given}")

    def encode(self, text):
        """Words parted by blanks → their token ids, (T,). Raises ValueError for a word that is not in the language."""
        checks.kind("text", text, str)
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
        checks.whole("length", length)
        values, here = numpy.empty(length), numpy.eye(1, self.num_states)[0]
        for step in range(length):
            values[step] = here @ self._states.entropies
            here = self._states.step(here)
        return _floats(values, settings.device())

    def entropy_rate(self):
        """The entropy of a token given all before it, in the long run, in nats: the floor of a long stream."""
        return self.text_entropy() / self.text_length()

    def unigram_entropy(self):
        """The entropy of a token given nothing, in the long run, in nats: what word frequencies alone reach."""
        return float(entropy_of(self._long_run() @ self._states.probs[:-1]))

    def bigram_entropy(self):
        """The entropy of a token given the one before it, in the long run, in nats: what word pairs alone reach."""
        states, pairs = self._states, numpy.zeros((self.vocab_size, self.vocab_size))
        counts = self._long_run()[states.source] * states.share
        numpy.add.at(pairs, states.word, counts[:, None] * states.probs[states.target])
        return float(entropy_of(pairs.ravel()) - entropy_of(pairs.sum(1)))

    def _long_run(self):
        """How often each state is visited: every text starts in state 0, so one text's visits are enough."""
        return self._states.visits / self.text_length()

    def text_length(self):
        """How many words a text has in the mean."""
        return float(self._states.visits.sum())

    def text_entropy(self):
        """The entropy of a whole text, in nats."""
        return float(self._states.visits @ self._states.entropies)

    @property
    def ambiguous(self):
        """Which words have more than one label, their places at the end of a text left out: (vocab_size,) booleans."""
        return torch.from_numpy(self._labels.ambiguous).to(settings.device())

    def per_word_labels(self):
        """The most frequent label of each word, as its place in `labels`: (vocab_size,). That of O for last words."""
        return torch.from_numpy(self._labels.best()).to(settings.device())

    def per_word_accuracy(self, only_ambiguous=False):
        """The highest share of right labels, last words left out, that can be reached from each word alone.

        only_ambiguous: among ambiguous words. Raises ValueError if there is none.
        """
        return self._labels.accuracy(only_ambiguous)


def _floats(values, device):
    """Apple's MPS has no float64."""
    return torch.from_numpy(values).to(device, torch.float32 if device.type == "mps" else torch.float64)


def _check_random(rng, batch):
    if not isinstance(rng, settings.Random):
        raise TypeError(f"rng must be a shared.settings.Random, such as generator(0), got {rng!r}")
    checks.whole("batch", batch)


def _check_free(name, number, taken):
    checks.whole(name, number, at_least=None)
    if 0 <= number < len(taken):
        raise ValueError(f"{name} must not be one of 0 to {len(taken) - 1}, which are {taken[0]} to {taken[-1]}, got {number}")
