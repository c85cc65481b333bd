"""Real words as ids: a vocabulary of the training set's words, and stand-ins for those that it does not hold.

Also what a model says of real texts, and two readers that need no model: they know words alone, whatever stands around.
"""

import collections
import itertools
import math

import torch
from torch.nn.utils.rnn import pad_sequence

from . import checks
from .settings import device

PAD, ANY = 0, 1             # the ids of padding and of a word of which nothing is known


def stand_ins(word):
    """What is left of a word, more and more coarsely: its kinds of character and last three letters, its kinds alone.

    `Zürich` is `<Aa>ich`, then `<Aa>`; `3.14` is `<1.1>.14`, then `<1.1>`.
    """
    checks.kind("word", word, str)
    kinds = ["1" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c for c in word]
    kinds = "".join(kind for kind, before in zip(kinds, [None, *kinds]) if kind != before)
    return f"<{kinds}>{word[-3:].lower()}", f"<{kinds}>"


class Vocabulary:
    """The words, and stand-ins of words, that occur at least twice in `texts`, a list of lists of words; `size` ids."""

    def __init__(self, texts):
        checks.lists_of_words("texts", texts)
        counts = collections.Counter(form for words in texts for word in words for form in (word, *stand_ins(word)))
        self._ids = {form: number for number, form in enumerate(sorted(f for f in counts if counts[f] > 1), start=2)}
        self.size = len(self._ids) + 2

    def ids(self, words, coarse=False):
        """A list of words → a list of ids: of the word, or else of its finest stand-in that is known, or else `ANY`.

        coarse: never that of the word.
        """
        checks.kind("words", words, list, tuple)
        forms = ((() if coarse else (word,)) + stand_ins(word) for word in words)
        return [next((self._ids[form] for form in some if form in self._ids), ANY) for some in forms]

    def padded(self, texts, coarse=False):
        """Lists of words → (B, longest) ids on the lesson's device, padded on the right with `PAD`."""
        checks.kind("texts", texts, list, tuple)
        if not texts:
            raise ValueError("texts must hold at least one list of words, got none")
        return _padded([self.ids(words, coarse) for words in texts], PAD)


def _padded(rows, fill):
    return pad_sequence([torch.tensor(row, dtype=torch.int64, device="cpu") for row in rows], batch_first=True, padding_value=fill).to(device())


def batches(vocabulary, texts, answers, size=32, coarse=0.2):
    """A function for `shared.fit.fit` that draws `size` texts of about the same length, and what is to be said of them.

    answers: a class for each text, or a list of labels, one a word; these are padded with -100.
    coarse: the share of words that are shown by their stand-in, so that a model learns to live with unknown ones.
    Raises ValueError for fewer than `size` texts.
    """
    checks.whole("size", size)
    checks.number("coarse", coarse)
    checks.kind("texts", texts, list, tuple)
    checks.kind("answers", answers, list, tuple)
    if not len(texts) == len(answers) >= size:
        raise ValueError(f"expected as many answers as texts, and at least {size}, got {len(texts)} and {len(answers)}")
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    words, others = ([vocabulary.ids(text, coarse=only) for text in texts] for only in (False, True))

    def draw(rng):
        if isinstance(answers[0], list):
            start = int(rng.integers(len(order) - size + 1, 1))
            chosen = order[start:start + size]
            right = _padded([answers[number] for number in chosen], -100)
        else:
            chosen = [int(number) for number in rng.integers(len(order), size)]
            right = torch.tensor([answers[number] for number in chosen], device=device())
        seen, hidden = (_padded([ids[number] for number in chosen], PAD) for ids in (words, others))
        return torch.where(rng.uniform(*seen.shape) < coarse, hidden, seen), right

    return draw


@torch.no_grad()
def answered(model, vocabulary, texts, size=64):
    """The model's best class of each text, or its best label of each word: a list of numbers, or of lists of them.

    The model answers in `eval()`, `size` texts at a time, and is then as it was.
    """
    checks.whole("size", size)
    checks.kind("texts", texts, list, tuple)
    training, said = model.training, []
    model.eval()
    for some in (texts[k:k + size] for k in range(0, len(texts), size)):
        best = model(vocabulary.padded(some)).argmax(dim=-1).tolist()
        said += [row[:len(text)] if isinstance(row, list) else row for row, text in zip(best, some)]
    model.train(training)
    return said


def usual_labels(texts, labels, unknown, spelling=False):
    """A function of a list of words: the most frequent label of each in these texts, and `unknown` for other words.

    spelling: another word gets that of its finest stand-in instead, counted on the words that occur once, since those
    are most like the words that do not occur; `unknown` is left for words of which no stand-in is known either.
    """
    checks.lists_of_words("texts", texts)
    checks.kind("labels", labels, list, tuple)
    for row in labels:
        checks.kind("a row of labels", row, list, tuple)
    if [len(row) for row in labels] != [len(text) for text in texts]:
        raise ValueError("labels must be a list for each of the texts, with a label for each word")
    words, labels = list(itertools.chain(*texts)), itertools.chain(*labels)
    often, counts = collections.Counter(words), collections.defaultdict(collections.Counter)
    for word, label in zip(words, labels):
        for form in (word, *(stand_ins(word) if spelling and often[word] == 1 else ())):
            counts[form][label] += 1
    best = {form: count.most_common(1)[0][0] for form, count in counts.items()}

    def label(word):
        return next((best[form] for form in (word, *stand_ins(word)) if form in best), unknown)

    return lambda text: [label(word) for word in text]


def naive_bayes(texts, classes, added=0.1):
    """A function of a list of words: the class under which they are most probable, each by itself.

    A word's probability in a class is how often it occurs there in these texts, to which `added` is added.
    """
    checks.lists_of_words("texts", texts)
    checks.kind("classes", classes, list, tuple)
    checks.number("added", added)
    if not texts or len(texts) != len(classes) or not added > 0:
        raise ValueError(f"expected as many classes as texts, at least one, and added above 0, got {len(classes)}, {len(texts)} and {added}")
    try:
        counts = {name: collections.Counter() for name in sorted(set(classes))}
    except TypeError:
        raise TypeError(f"classes must be names or numbers, which can be sorted, got {classes!r}") from None
    for text, name in zip(texts, classes, strict=True):
        counts[name].update(text)
    different = added * len(set(itertools.chain(*texts)))

    def score(text, count):
        return sum(math.log((count[word] + added) / (count.total() + different)) for word in text)

    return lambda text: max(counts, key=lambda name: score(text, counts[name]))
