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

from .. import checks, settings
from .draw import FIRST_SEED

TRIALS = 5          # fresh random inputs per check, of different sizes


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
    tolerance: how far both may be apart, absolute up to 1 and relative beyond.
    tell(observed, expected, place): one sentence on an answer that is wrong in a way not among `mistakes`; both tensors,
    and the place where they differ most.
    worked: the way to the solution in words, where the reference is a number.
    square(*inputs): the inputs with two sizes made equal. An answer that stops with an error is compared with the mistakes
    on these, so that one which confuses two axes is known.
    """

    title: str
    reference: object
    hints: tuple
    mistakes: tuple
    inputs: Callable = lambda generator: ()
    observe: Callable = lambda answer, *inputs: answer(*inputs) if callable(answer) else answer
    tolerance: float = 1e-4
    tell: Callable = lambda observed, expected, place: f"expected {expected[place]:.4g} at {list(place)}, got {observed[place]:.4g}"
    worked: str = ""
    square: Callable | None = None


class WrongAnswer(AssertionError):
    """An answer that is not right yet. In a notebook it is shown as its diagnosis, not as a traceback."""

    def _render_traceback_(self):
        return [str(self)]


def check(number, answer):
    """Check `answer` to exercise `number`, such as "1.4". Prints one line, or raises WrongAnswer with a diagnosis.

    A known mistake is named if the answer gives what it gives on *all* trials, whose inputs differ in size.
    """
    exercise = _find(number)
    try:
        if _is_missing(exercise, answer):
            print(f"{number} not attempted yet{' (the function returns nothing)' if callable(answer) else ''}")
            return
        results = [_observe(exercise, answer, trial) for trial in range(TRIALS)]
    except Exception as error:
        known = _diagnosis_on_square_inputs(exercise, answer)
        raise WrongAnswer(f"✗ {number}: {known}" if known else f"✗ {number} stopped with {type(error).__name__}: {error}") from error
    for trial, observed in enumerate(results):
        expected = _observe(exercise, exercise.reference, trial)
        if not _agree(observed, expected, exercise.tolerance):
            raise WrongAnswer(f"✗ {number}: {_diagnosis(exercise, results) or _problem(exercise, observed, expected)}")
    print(f"✓ {number} {exercise.title}: correct")


def hint(number, level=None):
    """Print the next hint for exercise `number` (each call one further), or hint `level`, counted from 1."""
    hints = _find(number).hints
    if level is None:
        level = _hints_given[number] = min(_hints_given.get(number, 0) + 1, len(hints))
    checks.whole("level", level, at_least=None)
    if not 1 <= level <= len(hints):
        raise ValueError(f"exercise {number} has hints 1 to {len(hints)}, got {level}")
    print(f"Hint {level} of {len(hints)}: {hints[level - 1]}")


def solution(number):
    """Print the reference solution of exercise `number`."""
    exercise = _find(number)
    print(exercise.worked or textwrap.dedent(inspect.getsource(exercise.reference)).strip())


def all_exercises():
    """Number → Exercise, over every lesson."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
               if module.name.startswith("lesson_")]
    return {number: exercise for module in modules for number, exercise in module.EXERCISES.items()}


_hints_given = {}


def _find(number):
    exercises = all_exercises()
    if number not in list(exercises):
        raise ValueError(f"there is no exercise {number!r}, only {', '.join(exercises)}")
    return exercises[number]


def _is_missing(exercise, answer):
    """True for the stub that a lesson prints: nothing, or a function that returns nothing."""
    return answer is None or answer is ... or callable(answer) and answer(*_inputs(exercise, 0)) is None


def _inputs(exercise, trial, square=False):
    """Every answer gets inputs of its own, so that one which changes them in place harms nobody."""
    inputs = exercise.inputs(torch.Generator(settings.device()).manual_seed(FIRST_SEED + trial))
    return exercise.square(*inputs) if square else inputs


def _observe(exercise, answer, trial, square=False):
    """What is compared."""
    result = exercise.observe(answer, *_inputs(exercise, trial, square))
    if not isinstance(result, (torch.Tensor, int, float)):
        kind = "several things; return one" if isinstance(result, tuple) else type(result).__name__
        raise TypeError(f"the answer must be one tensor (torch.tensor makes one) or number, got {kind}")
    return torch.as_tensor(result)


def _agree(observed, expected, tolerance):
    if observed.shape != expected.shape or (observed.dtype == torch.bool) != (expected.dtype == torch.bool):
        return False
    observed, expected = observed.double(), expected.double()
    both_nan = observed.isnan() & expected.isnan()
    return bool((both_nan | ((observed - expected).abs() <= tolerance * expected.abs().clamp(min=1))).all())


def _diagnosis(exercise, results, square=False):
    """The diagnosis of the known mistake that gives the results of all trials, or None."""
    for mistake in exercise.mistakes:
        try:
            if all(_agree(observed, _observe(exercise, mistake.answer, trial, square), exercise.tolerance) for trial, observed in enumerate(results)):
                return mistake.diagnosis
        except Exception:           # a mistake that stops with an error gives nothing
            continue
    return None


def _diagnosis_on_square_inputs(exercise, answer):
    """The same for an answer that stopped with an error."""
    if exercise.square is None:
        return None
    try:
        results = [_observe(exercise, answer, trial, square=True) for trial in range(TRIALS)]
    except Exception:
        return None
    return _diagnosis(exercise, results, square=True)


def _problem(exercise, observed, expected):
    """One sentence saying how an answer that is no known mistake differs from the reference."""
    if observed.shape != expected.shape:
        return f"the result has shape {tuple(observed.shape)}, expected {tuple(expected.shape)}"
    if (observed.dtype == torch.bool) != (expected.dtype == torch.bool):
        return f"the result is of type {observed.dtype}, expected {expected.dtype}"
    if observed.isnan().any():
        return "the result contains NaN: is there a row that may attend to nothing, or a division by 0?"
    gap = (observed.double() - expected.double()).abs()
    place = tuple(int(index) for index in torch.unravel_index(gap.argmax(), gap.shape)) if gap.dim() else ()
    return exercise.tell(observed, expected, place)
