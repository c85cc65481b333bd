"""Every class of bug in decoders that was ever published, planted into the parts: the comparison rejects each one."""

import dataclasses
import pathlib

import pytest
from properties_decoder import compare

from shared import transformer
from tests.mistakes import all_mistakes

THEN = {"caching": ("sampling", "decoder"), "pretrained": ("decoder",), "sampling": ("decoder",), "decoder": ()}    # part → what imports it
MISTAKES = [(part, mistake) for part in THEN for mistake in all_mistakes()[part]]
REJECTIONS = (AssertionError, ValueError, TypeError, RuntimeError, KeyError, IndexError, OSError, AttributeError, pytest.fail.Exception)


@dataclasses.dataclass
class Parts:
    """What a comparison takes."""

    GPTModel: type
    KeyValueCache: type
    TransformerDecoder: type
    next_token_probs: object


def source(part):
    return pathlib.Path(transformer.__file__).with_name(f"{part}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("part", THEN)
def test_without_a_mistake_the_comparison_accepts(part, changed, tmp_path):
    compare(changed(source(part), Parts, part, THEN[part]), tmp_path)


@pytest.mark.parametrize(("part", "mistake"), MISTAKES, ids=lambda value: getattr(value, "name", value))
def test_the_comparison_rejects(part, mistake, changed, tmp_path):
    parts = changed(mistake.plant(source(part)), Parts, part, THEN[part])
    with pytest.raises(REJECTIONS):
        compare(parts, tmp_path)
