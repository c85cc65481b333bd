"""Formulas as MathML: the spaces of TeX, and no formula that is silently wrong."""

import pytest

from shared.mathml import mathml

SPACE = '<mspace width="0.167em" />'


@pytest.mark.parametrize("formula, part", [
    (r"\sin a\cos b", f"<mi>sin</mi>{SPACE}<mi>a</mi>{SPACE}<mi>cos</mi>{SPACE}<mi>b</mi>"),
    (r"\cos(a-b)", '<mi>cos</mi><mo stretchy="false">(</mo><mi>a</mi><mo>−</mo>'),
    (r"\log_2 x", f"<msub><mi>log</mi><mn>2</mn></msub>{SPACE}<mi>x</mi>"),
    (r"\operatorname{softmax}(x)", '<mi>softmax</mi><mo stretchy="false">('),
    ("(-1)", '<mo form="prefix">−</mo><mn>1</mn>'),
    ("f(x)-1", ")</mo><mo>−</mo><mn>1</mn>"),
    ("p/4", '<mo lspace="0" rspace="0">/</mo>'),
    ("a<b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
])
def test_spaces_are_those_of_tex(formula, part):
    assert part in mathml(formula)


def test_display():
    assert 'display="inline"' in mathml("x")
    assert 'display="block"' in mathml("x", "block")


@pytest.mark.parametrize("formula, said", [(r"\nosuchcommand{x}", "nosuchcommand"), (r"\frac{1", "a part is missing")])
def test_a_formula_that_cannot_be_read_is_refused(formula, said):
    with pytest.raises(ValueError, match=said):
        mathml(formula)
