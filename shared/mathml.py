"""Formulas as MathML, which browsers show without a script: TeX converted by latex2mathml, and then spaced as TeX does."""

import html
from itertools import pairwise
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element

ROWS = ("math", "mrow", "msqrt", "mstyle", "mtd")
SCRIPTS = ("msub", "msup", "msubsup", "munder", "mover", "munderover")
PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}
CLOSING = (")", "]", "}", "|")


def mathml(formula, display="inline"):
    """The MathML text of a TeX formula, `display` "inline" or "block".

    Raises ValueError where a command is not known, or a part is missing.
    """
    tree = convert_to_element(formula, display=display)
    for element in tree.iter():
        element.text = html.unescape(element.text or "")
    unknown = [element.text for element in tree.iter() if element.text.startswith("\\")]
    if unknown:
        raise ValueError(f"{unknown[0]} in the formula {formula} is not known")
    if any(len(element) != PARTS.get(element.tag, len(element)) for element in tree.iter()):
        raise ValueError(f"a part is missing in the formula {formula}")
    for element in tree.iter("mo"):
        if len(element.text) > 1 and element.text.isalpha():
            element.tag = "mi"                          # the name of a function
        elif element.text == "/":
            element.attrib |= {"lspace": "0", "rspace": "0"}
    for row in list(tree.iter()):
        if row.tag in ROWS:
            _space(row)
    return ElementTree.tostring(tree, encoding="unicode")


def _space(row):
    """sin a cos b, not sinacosb; (−1), not ( − 1)."""
    for left, right in list(pairwise(row)):
        if _is_function(left) and right.tag not in ("mo", "mspace") or _is_function(right) and left.tag not in ("mo", "mspace"):
            row.insert(list(row).index(right), ElementTree.Element("mspace", width="0.167em"))
        elif left.tag == "mo" and left.text not in CLOSING and right.tag == "mo" and right.text in ("−", "+", "±"):
            right.set("form", "prefix")


def _is_function(element):
    base = element[0] if element.tag in SCRIPTS else element
    return base.tag == "mi" and len(base.text) > 1
