"""Exercises that diagnose: `check` compares an answer with the reference and with mistakes that learners really make.

Each lesson has one module here, with a dictionary EXERCISES of number → Exercise. An exercise *is* its reference
solution, hints, and known mistakes; a known mistake is a wrong answer of the same kind as the reference, so that a
check recognises it by what it computes, and the tests can prove that it does.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable

import torch

from .. import settings

TRIALS = 5          # fresh random inputs per check


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners give, and what to tell them: the symptom, and the idea to revisit."""

    answer: object
    diagnosis: str


@dataclasses.dataclass(frozen=True)
class Exercise:
    """answer → observe(answer, *inputs) is compared with observe(reference, *inputs), on `TRIALS` fresh inputs.

    reference: the solution, a function or a number.    inputs(generator): a tuple of arguments, new for every trial.
    observe(answer, *inputs): what is compared, a tensor or a number; by default the answer itself, or what it returns.
    worked: the way to the solution in words, where the reference is a number.
    """

    title: str
    reference: object
    hints: tuple
    mistakes: tuple
    inputs: Callable = lambda generator: ()
    observe: Callable = lambda answer, *inputs: answer(*inputs) if callable(answer) else answer
    tolerance: float = 1e-4
    worked: str = ""


class WrongAnswer(AssertionError):
    """An answer that is not right yet. In a notebook it is shown as its diagnosis, not as a traceback."""

    def _render_traceback_(self):
        return [str(self)]


def check(number, answer):
    """Check `answer` to exercise `number`, such as "1.4". Prints one line, or raises WrongAnswer with a diagnosis."""
    exercise = _find(number)
    try:
        if _is_missing(exercise, answer):
            print(f"{number} not attempted yet")
            return
        results = [_observe(exercise, answer, trial) for trial in range(TRIALS)]
    except Exception as error:
        raise WrongAnswer(f"✗ {number} stopped with {type(error).__name__}: {error}") from error
    for trial, observed in enumerate(results):
        expected = _observe(exercise, exercise.reference, trial)
        problem = _difference(observed, expected, exercise.tolerance)
        if problem:
            raise WrongAnswer(f"✗ {number}: {_diagnose(exercise, observed, trial) or problem}")
    print(f"✓ {number} {exercise.title}: correct")


def hint(number, level=None):
    """Print the next hint for exercise `number` (each call one further), or hint `level`, counted from 1."""
    hints = _find(number).hints
    if level is None:
        level = _hints_given[number] = min(_hints_given.get(number, 0) + 1, len(hints))
    if not 1 <= level <= len(hints):
        raise ValueError(f"exercise {number} has hints 1 to {len(hints)}, got {level}")
    print(f"Hint {level} of {len(hints)}: {hints[level - 1]}")


def solution(number):
    """Print the reference solution of exercise `number`."""
    exercise = _find(number)
    print(exercise.worked or textwrap.dedent(inspect.getsource(exercise.reference)).strip())


def all_exercises():
    """Number → Exercise, over every lesson."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {number: exercise for module in modules for number, exercise in module.EXERCISES.items()}


_hints_given = {}


def _find(number):
    exercises = all_exercises()
    if number not in exercises:
        raise ValueError(f"there is no exercise {number!r}, only {', '.join(exercises)}")
    return exercises[number]


def _is_missing(exercise, answer):
    """True for the stub that a lesson prints: nothing, or a function that returns nothing."""
    return answer is None or answer is ... or callable(answer) and answer(*_inputs(exercise, 0)) is None


def _inputs(exercise, trial):
    """Every answer gets inputs of its own, so that one which changes them in place harms nobody."""
    return exercise.inputs(torch.Generator(settings.device()).manual_seed(1000 + trial))


def _observe(exercise, answer, trial):
    """What is compared."""
    return torch.as_tensor(exercise.observe(answer, *_inputs(exercise, trial)))


def _diagnose(exercise, observed, trial):
    for mistake in exercise.mistakes:
        if not _difference(observed, _observe(exercise, mistake.answer, trial), exercise.tolerance):
            return mistake.diagnosis
    return None


def _difference(observed, expected, tolerance):
    """None where both agree, else one sentence saying how they differ."""
    if observed.shape != expected.shape:
        return f"the result has shape {tuple(observed.shape)}, expected {tuple(expected.shape)}"
    if (observed.dtype == torch.bool) != (expected.dtype == torch.bool):
        return f"the result is of type {observed.dtype}, expected {expected.dtype}"
    observed, expected = observed.double(), expected.double()
    if observed.isnan().any() and not expected.isnan().any():
        return "the result contains NaN"
    if torch.allclose(observed, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        return None
    gap = (observed - expected).abs().nan_to_num(nan=torch.inf)
    place = tuple(int(index) for index in torch.unravel_index(gap.argmax(), gap.shape)) if gap.dim() else ()
    where = f" at {list(place)}" if place else ""
    return f"expected {expected[place]:.4g}{where}, got {observed[place]:.4g}"
