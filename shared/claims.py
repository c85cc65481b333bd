"""Claims: a finding of the prose, executed. The number is measured, the bound is what the prose says."""

import json
import math
import operator
import os

from . import settings

OPERATORS = {"≥": operator.ge, "≤": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
_lesson = None          # set by `shared.lesson.start`, written beside every recorded claim


class ClaimFailed(AssertionError):
    """A claim that does not hold. In a notebook it is shown as one line, not as a traceback."""

    def _render_traceback_(self):
        return [str(self)]


def set_lesson(name):
    """Name the lesson whose claims follow."""
    global _lesson
    _lesson = name


def claim(name, measured, op, bound):
    """Check that `measured op bound` holds, and print it as one line: `✓ name: measured op bound`.

    measured, bound: numbers, or tensors and arrays with one element.   op: one of ≥ ≤ > < =
    Raises ClaimFailed (an AssertionError) when it does not hold; a measured NaN never holds.
    With the environment's LESSON_CLAIMS=file every claim, held or not, is also appended there as a line of JSON.
    """
    if op not in tuple(OPERATORS):
        raise ValueError(f"op must be one of {' '.join(OPERATORS)}, got {op!r}")
    if not isinstance(name, str) or ": " in name or "\n" in name:
        raise ValueError(f"a claim's name is one line without ': ', got {name!r}")
    measured, bound = _number("measured", measured), _number("bound", bound)
    held = bool(OPERATORS[op](measured, bound))
    _append({"lesson": _lesson, "name": name, "measured": measured, "op": op, "bound": bound, "held": held,
             "seed": settings.seed(), "device": settings.device().type})
    if not held:
        raise ClaimFailed(f"✗ {name}: measured {measured:.6g}, claimed {op} {bound:g}")
    shown = measured if isinstance(measured, int) else f"{measured:.3g}"
    print(f"✓ {name}: {shown} {op} {bound if isinstance(bound, int) else f'{bound:g}'}")


def _number(role, value):
    if hasattr(value, "item"):
        if math.prod(value.shape) != 1:
            raise TypeError(f"{role} must be one number, got {type(value).__name__} of shape {tuple(value.shape)}")
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{role} must be one number, got {value!r} of type {type(value).__name__}")
    return value


def _append(entry):
    path = os.environ.get("LESSON_CLAIMS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
