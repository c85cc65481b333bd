"""Copies and reversals, and what is refused, there and of numbers in words."""

import pytest
import torch
from refusals import refused

from shared import pairs, settings
from shared.pairs import BOS, EOS, PAD, NumberWords, copies


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shortest", [None, 1, 4])
def test_targets_are_what_a_loop_writes(reverse, shortest):
    source, target = copies(settings.generator(0), 200, 7, reverse=reverse, shortest=shortest)
    assert source.shape == (200, 7) and target.shape == (200, 9)
    assert source.dtype == target.dtype == torch.int64
    for row, answer in zip(source.tolist(), target.tolist(), strict=True):
        symbols = [number for number in row if number != PAD]
        assert row == symbols + [PAD] * (7 - len(symbols))
        assert answer == [BOS, *(symbols[::-1] if reverse else symbols), EOS] + [PAD] * (7 - len(symbols))


def test_every_symbol_and_every_length_is_as_frequent():
    source, _ = copies(settings.generator(1), 4_000, 6, shortest=3)
    counts = torch.bincount(source[source != PAD], minlength=11)
    assert counts[:3].tolist() == [0, 0, 0]
    assert counts[3:].double().div(counts.sum()).tolist() == pytest.approx([1 / 8] * 8, abs=0.01)
    lengths = torch.bincount((source != PAD).sum(1)).tolist()
    assert lengths[:3] == [0, 0, 0]
    assert lengths[3:] == pytest.approx([1_000] * 4, abs=4 * (4_000 * 3 / 16) ** 0.5)


def test_the_seed_decides():
    first, second, other = (copies(settings.generator(seed), 8)[0] for seed in (2, 2, 3))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(copies(settings.generator(2), 8, reverse=True)[0], first)
    assert copies(settings.generator(0), 500, vocab_size=5)[0].unique().tolist() == [3, 4]


def test_copies_refuse():
    rng = settings.generator(0)
    refused(TypeError, "rng must be a shared.settings.Random … got 0", lambda: copies(0, 4))
    refused(ValueError, "batch must be at least 1 … batch = 0", lambda: copies(rng, 0))
    refused(ValueError, "shortest from 1 to length … shortest = 0, length = 0", lambda: copies(rng, 4, 0))
    refused(ValueError, "shortest from 1 to length … shortest = 8, length = 7", lambda: copies(rng, 4, 7, shortest=8))
    refused(ValueError, "shortest from 1 to length … shortest = 0", lambda: copies(rng, 4, 7, shortest=0))
    refused(ValueError, "vocab_size must be above 3 … <pad> <bos> <eos>, got 3", lambda: copies(rng, 4, vocab_size=3))


def test_numbers_refuse():
    made = NumberWords("de")
    refused(ValueError, "language must be one of de, fr, got 'en'", lambda: NumberWords("en"))
    refused(ValueError, "below must lie from 100 to 100000, got 99", lambda: NumberWords("de", below=99))
    refused(ValueError, "below must lie from 100 to 100000, got 1000000", lambda: NumberWords("de", below=1_000_000))
    refused(ValueError, "held_out must lie between 0 and 1, got 1", lambda: NumberWords("de", held_out=1))
    refused(ValueError, "held_out must lie between 0 and 1, got 0", lambda: NumberWords("de", held_out=0))
    refused(ValueError, "a number must lie from 0 to 999999, got -1", lambda: made.english(-1))
    refused(ValueError, "a number must lie from 0 to 999999, got 1000000", lambda: made.text(1_000_000))
    refused(ValueError, "from 0 to 999999, got -3", lambda: made.pairs([4, -3]))
    refused(TypeError, "a number must be an int, got 4.0", lambda: made.pairs([4.0]))
    refused(TypeError, "a number must be an int, got True", lambda: made.text(True))
    refused(TypeError, "a number must be an int, got 'four'", lambda: made.pairs(["four"]))
    refused(ValueError, "numbers must hold at least one number, got none", lambda: made.pairs([]))
    refused(ValueError, "size must be at least 1, got 0", lambda: made.batches(0))
    refused(ValueError, "ids must be of shape (B, T), from 0 to 23, got shape (3,)", lambda: made.decode(torch.tensor([1, 4, 2])))
    refused(ValueError, "from 0 to 23, got -1 to 4", lambda: made.decode(torch.tensor([[4, -1]])))
    refused(ValueError, "from 0 to 23, got 4 to 24", lambda: made.decode(torch.tensor([[4, 24]])))


def test_a_text_after_a_float_is_still_refused():
    """4 == 4.0 == True for a memory of answers: it must keep them apart."""
    made = NumberWords("de")
    assert made.text(4) == "vier" and made.text(1) == "eins"
    refused(TypeError, "got 4.0", lambda: made.text(4.0))
    refused(TypeError, "got True", lambda: made.text(True))


def test_the_ids_of_special_tokens_are_the_same_on_both_sides():
    assert (PAD, BOS, EOS) == (0, 1, 2)
    assert pairs.SPECIAL == ("<pad>", "<bos>", "<eos>")
