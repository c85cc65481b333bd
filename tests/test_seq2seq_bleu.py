"""BLEU equals sacreBLEU on many random corpora, and what is known by hand."""

import math

import pytest
from bleu_corpora import HANDMADE, bleu_agrees, random_corpus, same_as_sacrebleu
from hypothesis import given, settings, strategies

from shared.transformer import corpus_bleu

TEXT = strategies.lists(strategies.sampled_from("abcd"), max_size=9).map(" ".join)
REFERENCE = strategies.lists(strategies.sampled_from("abcd"), min_size=1, max_size=9).map(" ".join)


def test_it_equals_sacrebleu_on_random_corpora():
    bleu_agrees(corpus_bleu, 300)


@pytest.mark.parametrize(("hypotheses", "sets"), HANDMADE.values(), ids=HANDMADE.keys())
def test_it_equals_sacrebleu_on_corpora_made_by_hand(hypotheses, sets):
    for order in (1, 2, 3, 4, 6):
        for smoothing in ("exp", "none"):
            same_as_sacrebleu(corpus_bleu, hypotheses, sets, order, smoothing)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(pairs=strategies.lists(strategies.tuples(TEXT, REFERENCE, REFERENCE), min_size=1, max_size=6), order=strategies.integers(1, 5),
       smoothing=strategies.sampled_from(("exp", "none")))
def test_it_equals_sacrebleu_on_any_corpus(pairs, order, smoothing):
    hypotheses, *sets = map(list, zip(*pairs))
    same_as_sacrebleu(corpus_bleu, hypotheses, sets, order, smoothing)
    assert 0 <= corpus_bleu(hypotheses, sets[0], order, smoothing) <= 100 + 1e-9


def test_references_may_be_several_of_any_number():
    hypotheses, sets = random_corpus(5)
    assert corpus_bleu(hypotheses, sets[0]) == corpus_bleu(hypotheses, [[one] for one in sets[0]])
    mixed = corpus_bleu(["a b c d e", "a b c d f"], ["a b c d e", ["x", "a b c d f"]])
    assert mixed == 100.0


def test_by_hand():
    assert corpus_bleu(["the the the the the the the"], [["the cat is on the mat", "there is a cat on the mat"]], 1) == pytest.approx(100 * 2 / 7)
    assert corpus_bleu(["the cat"], ["the cat"]) == 0                                               # it has no sequence of three
    assert corpus_bleu(["the cat"], ["the cat"], max_order=2) == 100
    assert corpus_bleu(["a b c d"], ["a b c d e f g h"]) == pytest.approx(100 * math.exp(-1))
    assert corpus_bleu([""], ["a b"]) == 0 and corpus_bleu([[]], [["a"]]) == 0
    assert corpus_bleu([[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5]]) == 100                                 # ids are tokens, too
    assert corpus_bleu([[1, 2, 3]], [[[1, 2, 3], [4]]], 3) == 100
