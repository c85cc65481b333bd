"""Every class of bug in encoder–decoders, searches and BLEU that was ever published, planted into the exported part: the comparison rejects each one."""

import pathlib

import pytest
from bleu_corpora import bleu_agrees
from properties_searches import searches_agree
from properties_seq2seq import compare as comparison
from properties_seq2seq import losses_agree, model_agrees

from shared.transformer import seq2seq
from tests.mistakes.seq2seq import BLEU, LOSS, MISTAKES, MODEL, SEARCH

SOURCE = pathlib.Path(seq2seq.__file__).read_text(encoding="utf-8")
SECTIONS = ((model_agrees, MODEL), (losses_agree, LOSS), (searches_agree, SEARCH), (lambda parts: bleu_agrees(parts.corpus_bleu), BLEU))
PLANTED = [(section, mistake) for section, mistakes in SECTIONS for mistake in mistakes]


def test_without_a_mistake_the_comparison_accepts(changed):
    comparison(changed(SOURCE))
    assert [mistake for _, mistake in PLANTED] == list(MISTAKES)


@pytest.mark.parametrize(("section", "mistake"), PLANTED, ids=lambda value: getattr(value, "name", ""))
def test_its_section_of_the_comparison_rejects(section, mistake, changed):
    parts = changed(mistake.plant(SOURCE))
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, IndexError, pytest.fail.Exception)):
        section(parts)
