"""The labels of a made language: of each word but a text's last one, whose label is the class of the whole text."""

import functools

import numpy

from .grammars import NO_LABEL, split
from .states import UNIT, States


class Labels:
    """What the edges of a labelled `Grammar` say; `words`: all words of the language, without labels.

    labels: of all words that are not a text's last one, and O, sorted.   classes: labels of last words, sorted.
    """

    def __init__(self, edges, words):
        self._states = states = States(edges)
        written = [split(symbol) for symbol in states.words]
        within = states.target != 0
        self.labels = _sorted(written, states.word[within], NO_LABEL)
        self.classes = _sorted(written, states.word[~within])
        self._word = numpy.array([words.index(word) for word, _ in written])
        self._label = _places(written, self.labels)
        self._class = _places(written, self.classes)
        self._sizes = len(words), len(self.labels)

    def draw(self, rng, batch):
        """Whole texts → words, labels and whether a text is still going on, (batch, T), and classes, (batch,)."""
        state, going, places = numpy.zeros(batch, dtype=numpy.int64), numpy.ones(batch, dtype=bool), []
        classes = numpy.zeros(batch, dtype=numpy.int64)
        while going.any():
            symbol, state = self._states.follow(state, rng.integers(UNIT, batch).cpu().numpy())
            last = going & (state == 0)
            classes[last] = self._class[symbol[last]]
            label = numpy.where(last, self.labels.index(NO_LABEL), self._label[symbol])
            places.append((self._word[symbol], label, going))
            going = going & ~last
        words, labels, there = (numpy.stack(rows, axis=1) for rows in zip(*places, strict=True))
        return words, labels, there, classes

    @functools.cached_property
    def joint(self):
        """How often a text has each word with each label, its last word left out: (words, labels)."""
        states, table = self._states, numpy.zeros(self._sizes)
        within = states.target != 0
        symbol = states.word[within]
        counts = (states.visits[states.source] * states.share)[within]
        numpy.add.at(table, (self._word[symbol], self._label[symbol]), counts)
        return table

    @property
    def ambiguous(self):
        """Which words have more than one label, (words,)."""
        return (self.joint > 0).sum(axis=1) > 1

    def best(self):
        """The most frequent label of each word, (words,); O of one that only ever stands last."""
        return numpy.where(self.joint.any(axis=1), self.joint.argmax(axis=1), self.labels.index(NO_LABEL))

    def accuracy(self, only_ambiguous):
        """How often that label is right."""
        table = self.joint[self.ambiguous] if only_ambiguous else self.joint
        if not table.any():
            raise ValueError(f"no word {'has more than one label' if only_ambiguous else 'stands before a last one'}")
        return float(table.max(axis=1).sum() / table.sum())


def _sorted(written, symbols, *more):
    return tuple(sorted({written[symbol][1] for symbol in symbols} | set(more)))


def _places(written, names):
    """Where each symbol's label stands in `names`; 0 if it does not."""
    return numpy.array([names.index(label) if label in names else 0 for _, label in written])
