"""Every class of bug in encoders that was ever published, planted into the exported parts: the comparison rejects each one."""

import pathlib

import encoder_laws
import encoder_words_and_spans
import parity_encoder
import pytest
import torch
from parity_encoder import IDS, Parts

from shared import transformer
from tests.mistakes import all_mistakes

THEN = {"encoder": (), "embedding": ("encoder",), "tagging": ()}            # part → what imports it
MISTAKES = [(part, mistake) for part in THEN for mistake in all_mistakes()[part]]


def source(part):
    return pathlib.Path(transformer.__file__).with_name(f"{part}.py").read_text(encoding="utf-8")


def left_padding_plays_no_part(parts):
    """Assert it of one text behind padding, beside one before it."""
    made = encoder_laws.model(parts, "first", pad_id=0)
    torch.testing.assert_close(made(torch.tensor([[0, 0, 3, 4, 1], [3, 4, 1, 0, 0]], device=IDS.device)), made(IDS.new_tensor([[3, 4, 1]])).expand(2, -1))


def words_stay_tied(parts):
    """Assert that loading with assign=True leaves one tensor."""
    made = encoder_laws.model(parts, "words")
    made.load_state_dict({name: tensor.clone() for name, tensor in made.state_dict().items()}, assign=True)
    assert made.output.weight is made.encoder.embedding.words.weight


def real_tokens_are_right(parts):
    """Assert which tokens are real, by another pad_id, and what is refused."""
    made = parity_encoder.encoder(parts, pad_id=3)
    assert made.real_tokens(IDS).equal(IDS != 3)
    with pytest.raises((TypeError, ValueError), match="attention_mask"):
        made(IDS, torch.ones_like(IDS)[:, :1])


def spans_are_refused(parts):
    for call in (lambda: parts.bio_spans(["X"]), lambda: parts.span_f1([["O"]], [["O", "O"]])):
        with pytest.raises(ValueError):
            call()


def compare(parts):
    """All that the tests compare, on small grids: first what is fast."""
    spans_are_refused(parts)
    real_tokens_are_right(parts)
    left_padding_plays_no_part(parts)
    words_stay_tied(parts)
    encoder_words_and_spans.compare(parts)
    parity_encoder.compare(parts)
    encoder_laws.compare(parts)


@pytest.mark.parametrize("part", THEN)
def test_without_a_mistake_the_comparison_accepts(part, changed):
    compare(changed(source(part), Parts, part, THEN[part]))


@pytest.mark.parametrize(("part", "mistake"), MISTAKES, ids=lambda value: getattr(value, "name", value))
def test_the_comparison_rejects(part, mistake, changed):
    parts = changed(mistake.plant(source(part)), Parts, part, THEN[part])
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, IndexError, pytest.fail.Exception)):
        compare(parts)
