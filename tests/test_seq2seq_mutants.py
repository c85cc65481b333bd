"""Every class of bug in encoder–decoders, searches and BLEU that was ever published, planted into the parts: the comparison rejects each one."""

import pathlib
import types

import pytest
from bleu_corpora import bleu_agrees
from properties_searches import evaluates, searches_agree
from properties_seq2seq import losses_agree, model_agrees

import shared.transformer as package
from shared.transformer import bleu, inference, search, seq2seq
from tests.mistakes import bleu as bleu_mistakes
from tests.mistakes import inference as inference_mistakes
from tests.mistakes import search as search_mistakes
from tests.mistakes.seq2seq import GREEDY, LOSS, MODEL

SECTIONS = ((seq2seq, model_agrees, MODEL), (seq2seq, losses_agree, LOSS), (seq2seq, searches_agree, GREEDY),
            (search, searches_agree, search_mistakes.MISTAKES), (bleu, lambda parts: bleu_agrees(parts.corpus_bleu), bleu_mistakes.MISTAKES),
            (inference, evaluates, inference_mistakes.MISTAKES))
PLANTED = [(module, section, mistake) for module, section, mistakes in SECTIONS for mistake in mistakes]


def source(module):
    return pathlib.Path(module.__file__).read_text(encoding="utf-8")


def parts_with(module):
    """All public parts, those of the changed module in place of the others."""
    return types.SimpleNamespace(**vars(package) | vars(module))


@pytest.mark.parametrize(("module", "section"), {(module, section): None for module, section, _ in SECTIONS})
def test_without_a_mistake_its_section_accepts(module, section, changed):
    section(parts_with(changed(source(module))))


@pytest.mark.parametrize(("module", "section", "mistake"), PLANTED, ids=lambda value: getattr(value, "name", getattr(value, "__name__", "")).split(".")[-1])
def test_its_section_of_the_comparison_rejects(module, section, mistake, changed):
    parts = parts_with(changed(mistake.plant(source(module))))
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, IndexError, pytest.fail.Exception)):
        section(parts)
