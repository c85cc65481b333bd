"""Pairs to learn from, source → target: rows of symbols with their copies, and numbers in words of two languages."""

import functools
import hashlib
from collections.abc import Iterator

import torch
from num2words import num2words
from torch.nn.utils.rnn import pad_sequence

from . import checks
from .hidden_words import check_integers
from .settings import Random, device

PAD, BOS, EOS = 0, 1, 2         # the same ids on both sides: padding, start and end of a target
SPECIAL = ("<pad>", "<bos>", "<eos>")
LANGUAGES = {"de": "German", "fr": "French"}
MOST = 999_999                  # the highest number of which the vocabularies hold all words and letters


def copies(rng, batch, length=10, vocab_size=11, reverse=False, shortest=None):
    """Rows of random symbols, and the same rows between `BOS` and `EOS`: (batch, length) and (batch, length + 2) ids.

    rng: a `shared.settings.Random`.   vocab_size: symbols are 3 to vocab_size - 1.   reverse: targets run backwards.
    shortest: rows of `shortest` to `length` symbols, each as often, padded on the right with `PAD`.
    Raises TypeError for another source, ValueError for sizes that do not fit.
    """
    shortest = length if shortest is None else shortest
    if not isinstance(rng, Random):
        raise TypeError(f"rng must be a shared.settings.Random, such as generator(0), got {rng!r}")
    for name, size in (("batch", batch), ("length", length), ("shortest", shortest), ("vocab_size", vocab_size)):
        checks.whole(name, size, at_least=None)
    if not 1 <= shortest <= length or batch < 1:
        raise ValueError("batch must be at least 1, and shortest from 1 to length, got "
                         f"batch = {batch}, shortest = {shortest}, length = {length}")
    if vocab_size <= len(SPECIAL):
        raise ValueError(f"vocab_size must be above {len(SPECIAL)}, the ids of {' '.join(SPECIAL)}, got {vocab_size}")
    source = rng.integers(vocab_size - len(SPECIAL), batch, length) + len(SPECIAL)
    lengths = rng.integers(length - shortest + 1, batch, 1) + shortest
    place = torch.arange(length, device=source.device)
    order = (lengths - 1 - place).clamp(min=0) if reverse else place.expand(batch, -1)
    there, edge = place < lengths, torch.ones_like(lengths)
    copied = torch.where(there, source.gather(1, order), PAD)
    target = torch.cat([BOS * edge, copied, PAD * edge], dim=1).scatter(1, lengths + 1, EOS * edge)
    return torch.where(there, source, PAD), target


class NumberWords:
    """Whole numbers written out: English words as source, letters of another language as target.

    42 is `forty two` → `z w e i u n d v i e r z i g`, and in French `q u a r a n t e - d e u x`; num2words writes them.
    language: "de" or "fr".   below: of the numbers from 0 to below - 1, a share `held_out` is never trained on.
    seed: a number's fate depends on it and the number alone, on every machine. (With 9, number 42 is held out.)

    train, held_out: lists of numbers. 0 is always in train, as no other number says "zero".
    longer: 1,000 numbers, from below to 10 below - 1, which the seed decides as well.
    words, letters: what the source's and the target's ids stand for; source_size, target_size: how many there are.
    Raises ValueError for another language, for below not in 100 to 100,000 and held_out not between 0 and 1.
    """

    def __init__(self, language, below=10_000, held_out=0.1, seed=9):
        if language not in list(LANGUAGES):
            raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")
        checks.whole("below", below, at_least=None)
        checks.number("held_out", held_out)
        if not 100 <= below <= 100_000:
            raise ValueError(f"below must lie from 100 to 100000, got {below}")
        if not 0 < held_out < 1:
            raise ValueError(f"held_out must lie between 0 and 1, got {held_out}")
        self.language = language
        fate = [number > 0 and _draw(f"{seed} {number}") < held_out for number in range(below)]
        self.train = [number for number in range(below) if not fate[number]]
        self.held_out = [number for number in range(below) if fate[number]]
        longer = (below + int(9 * below * _draw(f"{seed} longer {k}")) for k in range(4_000))
        self.longer = list(dict.fromkeys(longer))[:1_000 if below >= 1_000 else 100]
        every_word = [*range(102), 1_000]
        self.words = SPECIAL + tuple(dict.fromkeys(word for number in every_word for word in self.english(number)))
        self.letters = SPECIAL + tuple(sorted({letter for number in (*every_word, 200) for letter in self.text(number)}))
        self.source_size, self.target_size = len(self.words), len(self.letters)
        self._word_ids = {word: k for k, word in enumerate(self.words)}
        self._letter_ids = {letter: k for k, letter in enumerate(self.letters)}

    def english(self, number):
        """number → its English words; the hyphen parts words like a blank, commas are left out."""
        return _written(number, "en").replace(",", "").replace("-", " ").split()

    def text(self, number):
        """number → what the target says: its words in the other language, as one text."""
        return _written(number, self.language)

    def pairs(self, numbers):
        """Numbers → source ids (B, S) and target ids (B, T), on the lesson's device, padded on the right with `PAD`.

        Targets begin with `BOS` and end with `EOS`. Raises TypeError for numbers that are no ints, ValueError for none
        at all and for one out of range.
        """
        checks.kind("numbers", numbers, list, tuple, range, Iterator)
        numbers = list(numbers)
        if not numbers:
            raise ValueError("numbers must hold at least one number, got none")
        sources = [[self._word_ids[word] for word in self.english(number)] for number in numbers]
        targets = [[BOS, *(self._letter_ids[letter] for letter in self.text(number)), EOS] for number in numbers]
        return _padded(sources), _padded(targets)

    def batches(self, size=64):
        """A function for `shared.fit.fit` that draws the pairs of `size` numbers of `train`, each as often.

        Raises ValueError for size < 1.
        """
        checks.whole("size", size)
        return lambda rng: self.pairs(self.train[place] for place in rng.integers(len(self.train), size).tolist())

    def decode(self, ids):
        """Target ids (B, T), from a model or from `pairs`, → B texts: what stands between `BOS`, if there, and `EOS`.

        A `PAD`, or a second `BOS`, is shown as such. Raises ValueError for other shapes and for ids out of range.
        """
        check_integers(ids)
        if ids.dim() != 2 or not (ids.numel() == 0 or 0 <= ids.min() <= ids.max() < self.target_size):
            given = f"{ids.min().item()} to {ids.max().item()}" if ids.dim() == 2 else f"shape {tuple(ids.shape)}"
            raise ValueError(f"ids must be of shape (B, T), from 0 to {self.target_size - 1}, got {given}")
        return [self._text_of(row) for row in ids.tolist()]

    def _text_of(self, row):
        row = row[1:] if row[:1] == [BOS] else row
        row = row[:row.index(EOS)] if EOS in row else row
        return "".join(self.letters[letter] for letter in row)


def _written(number, language):
    if type(number) is not int:
        raise TypeError(f"a number must be an int, got {number!r}")
    if not 0 <= number <= MOST:
        raise ValueError(f"a number must lie from 0 to {MOST}, got {number}")
    return _in_words(number, language)


@functools.lru_cache(maxsize=65_536)
def _in_words(number, language):
    return num2words(number, lang=language)


def _draw(key):
    """A number from 0 up to 1 which `key` decides, on every machine: Python's own `hash` differs from run to run."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2 ** 48


def _padded(rows):
    rows = [torch.tensor(row, dtype=torch.int64, device="cpu") for row in rows]
    return pad_sequence(rows, batch_first=True, padding_value=PAD).to(device())
