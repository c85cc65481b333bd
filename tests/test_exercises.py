"""Every exercise accepts what is right, however it is written, and names each known mistake."""

import inspect
import json
import math
import pathlib
import re

import pytest
import torch
import torch.nn.functional as F
from exercise_variants import VARIANTS, rescale_by_layer_norm, repaired_by_adding, window_by_loop
from exercise_variants_06 import UNKNOWN_06
from exercise_variants_one_size import ONE_SIZE

from shared import settings
from shared.exercises import TRIALS, WrongAnswer, all_exercises, check, hint, solution
from shared.exercises.draw import FIRST_SEED
from shared.transformer import scaled_dot_product_attention

EXERCISES = all_exercises()
MISTAKES = [(number, mistake) for number, exercise in EXERCISES.items() for mistake in exercise.mistakes]
WITH_INPUTS = [number for number, exercise in EXERCISES.items() if callable(exercise.reference)]
SAME = {"6.6 cache": "it is empty at the beginning", "6.6 prompt axis 0": "the stub says (1, T): one text"}
NOTEBOOKS = pathlib.Path(__file__).resolve().parent.parent / "notebooks"


@pytest.mark.parametrize("number", EXERCISES)
def test_the_reference_passes(number, capsys):
    check(number, EXERCISES[number].reference)
    assert capsys.readouterr().out.startswith(f"✓ {number} ")


@pytest.mark.parametrize(("number", "answer"), VARIANTS)
def test_a_right_answer_written_differently_passes(number, answer, capsys):
    check(number, answer)
    assert capsys.readouterr().out.startswith(f"✓ {number} ")


def test_every_exercise_has_a_variant():
    assert {number for number, _ in VARIANTS} == set(EXERCISES)


@pytest.mark.parametrize(("number", "mistake"), MISTAKES, ids=lambda value: getattr(value, "diagnosis", value)[:40])
def test_a_known_mistake_gets_its_own_diagnosis(number, mistake):
    with pytest.raises(WrongAnswer) as caught:
        check(number, mistake.answer)
    assert str(caught.value) == f"✗ {number}: {mistake.diagnosis}"


def _sizes(name, argument):
    """Name → size, of every axis, length and number in an argument."""
    if isinstance(argument, torch.Tensor):
        return {f"{name} axis {axis}": size for axis, size in enumerate(argument.shape)}
    if isinstance(argument, tuple):
        return {key: size for k, part in enumerate(argument) for key, size in _sizes(f"{name}.{k}", part).items()}
    if isinstance(argument, list):
        return {name: len(argument)} | (_sizes(f"{name}[0]", argument[0]) if argument else {})
    return {name: argument} if isinstance(argument, (int, float)) and not isinstance(argument, bool) else {}


def test_sizes_are_found():
    assert _sizes("a", ([torch.ones(2, 3), 4], 5, 0.5, True, len)) == {"a.0": 2, "a.0[0] axis 0": 2, "a.0[0] axis 1": 3, "a.1": 5, "a.2": 0.5}


@pytest.mark.parametrize("number", WITH_INPUTS)
def test_every_size_and_number_differs_between_trials(number):
    names, seen = inspect.signature(EXERCISES[number].reference).parameters, {}
    for trial in range(TRIALS):
        inputs = EXERCISES[number].inputs(torch.Generator(settings.device()).manual_seed(FIRST_SEED + trial))
        for name, argument in zip(names, inputs, strict=True):
            for key, size in _sizes(f"{number} {name}", argument).items():
                seen.setdefault(key, set()).add(size)
    assert {key for key, sizes in seen.items() if len(sizes) == 1} == {key for key in SAME if key.startswith(f"{number} ")}


@pytest.mark.parametrize(("number", "answer", "words"), UNKNOWN_06)
def test_an_unknown_wrong_answer_is_described_in_words(number, answer, words):
    with pytest.raises(WrongAnswer, match=re.escape(words)):
        check(number, answer)


@pytest.mark.parametrize(("number", "answer"), ONE_SIZE)
def test_an_answer_for_one_size_only_is_rejected(number, answer):
    with pytest.raises(WrongAnswer):
        check(number, answer)


@pytest.mark.parametrize(("number", "answer", "message"), [
    ("2.5", lambda source, target, *others: EXERCISES["2.5"].reference(source + target, target, *others), "stopped with RuntimeError"),
    ("7.1", lambda q, k, v, real: (q @ k.mT / q.size(2) ** 0.5).masked_fill(~real[..., None], -1e9).softmax(2) @ v, "only where T = S"),
    ("4.2", lambda gain, shift, weight, bias: ((weight.T * gain).T, bias + weight @ shift), "the gain went along the rows"),
    ("4.2", lambda gain, shift, weight, bias: (weight.T * gain, bias), "stopped with RuntimeError"),
])
def test_mixed_up_axes_are_known_though_they_stop_with_an_error(number, answer, message):
    with pytest.raises(WrongAnswer, match=message):
        check(number, answer)


def test_a_mistake_is_named_only_if_the_answer_makes_it_on_all_trials():
    def inverted_if_narrow(n, width):
        return ~window_by_loop(n, width) if width == 3 else window_by_loop(n, width)

    with pytest.raises(WrongAnswer, match="your query 0 may"):
        check("1.4", inverted_if_narrow)


@pytest.mark.parametrize("number", EXERCISES)
def test_diagnoses_differ_and_there_are_enough(number):
    diagnoses = [mistake.diagnosis for mistake in EXERCISES[number].mistakes]
    assert 2 <= len(diagnoses) == len(set(diagnoses))


@pytest.mark.parametrize("number", EXERCISES)
@pytest.mark.parametrize("stub", [None, ..., lambda *arguments: None])
def test_a_stub_is_not_attempted_yet(number, stub, capsys):
    if callable(stub) and not callable(EXERCISES[number].reference):
        pytest.skip("the answer is a number")
    check(number, stub)
    assert capsys.readouterr().out.startswith(f"{number} not attempted yet")


@pytest.mark.parametrize(("number", "answer", "message"), [
    ("1.3", lambda query, key: query @ F.normalize(key, dim=-1).T / 3, "queries ten times as long change a score"),
    ("1.4", lambda n, width: [][0], "1.4 stopped with IndexError: list index"),
    ("1.4", lambda n, width: torch.ones(2, 2, dtype=torch.bool), "has shape (2, 2), expected"),
    ("1.4", lambda n, width: window_by_loop(n, width).float(), "is of type torch.float32, expected torch.bool"),
    ("1.4", lambda n, width: window_by_loop(n, width).triu(), "width = 3, your query 1 may not look at key 0 (1 back); it may"),
    ("1.4", lambda n, width: window_by_loop(n, width).T, "your query 0 may look at key 1 (in the future); it may not"),
    ("1.4", lambda n, width: [[True]], "must be one tensor (torch.tensor makes one) or number, got list"),
    ("1.1", 11, "11 is not right: the weights are not in the right proportion"),
    ("1.1", 17, "17 is not right: an average of 8, 4 and 16 lies between"),
    ("1.1", 9, "9 is not right: the value 16 has the largest score"),
    ("1.1", 9.3, "the plain average"),
    ("1.2", lambda n: (10 * torch.eye(n), torch.eye(n)[:, :3]), "d_k) twice"),
    ("1.2", lambda n: torch.eye(n), "return two tensors, query and key"),
    ("1.2", lambda n: (torch.arange(n), torch.arange(n)), "d_k) twice"),
    ("1.2", lambda n: (3 * torch.eye(n), torch.eye(n).roll(1, dims=1)), "the previous one at least 0.99; token 1 gives it"),
    ("1.2", lambda n: (50 * torch.eye(n), torch.eye(n).roll(-2, dims=1)), "counted from 0, token 1 attends mostly to token"),
    ("1.3", lambda query, key: query @ key.T * math.nan, "contains NaN"),
    ("1.3", lambda query, key: query @ key.T, "keys one of 0.1, the scores have one of"),
    ("1.3", lambda query, key: query @ key.T / 0.3 / 8, "a key ten times as long changes its own score by"),
    ("1.3", lambda query, key: 2 * rescale_by_layer_norm(query, key), "keys one of 0.1, the scores have one of"),
    ("1.3", lambda query, key: query, "expected (T, S) = (300, 320)"),
    ("1.5", lambda q, k, v: v.flip(0), "for n = 7, the first token already gets a wrong output. It may see only itself"),
    ("1.5", lambda q, k, v: v, "for n = 7, token 2 is the first with a wrong output. The first token sees only itself and is right"),
    ("1.5", scaled_dot_product_attention, "got several things; return one"),
])
def test_other_wrong_answers_are_told_where(number, answer, message):
    with pytest.raises(WrongAnswer) as caught:
        check(number, answer)
    assert message in str(caught.value)


def test_a_number_is_not_given_away():
    with pytest.raises(WrongAnswer) as caught:
        check("1.1", 13.5)
    assert "12" not in str(caught.value)


def test_a_reference_is_not_compared_with_changed_inputs():
    def destroys_its_inputs(query, key, value):
        output = repaired_by_adding(query, key, value)
        for tensor in (query, key, value):
            tensor.zero_()
        return output

    check("1.5", destroys_its_inputs)
    with pytest.raises(WrongAnswer):
        check("1.5", lambda query, key, value: query.zero_() @ key.zero_().T @ value.zero_())


def test_a_wrong_answer_is_one_line_in_a_notebook():
    assert WrongAnswer("✗ 1.1: no")._render_traceback_() == ["✗ 1.1: no"]


@pytest.mark.parametrize("number", EXERCISES)
def test_hints_go_one_further_with_every_call_and_stop_at_the_last(number, capsys):
    hints = EXERCISES[number].hints
    for _ in range(len(hints) + 1):
        hint(number)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Hint {k + 1} of {len(hints)}: {text}" for k, text in enumerate((*hints, hints[-1]))] or lines[-1].endswith(hints[-1])
    hint(number, 1)
    assert capsys.readouterr().out == f"Hint 1 of {len(hints)}: {hints[0]}\n"


@pytest.mark.parametrize("number", EXERCISES)
def test_the_solution_is_shown(number, capsys):
    solution(number)
    shown, reference = capsys.readouterr().out.strip(), EXERCISES[number].reference
    assert shown == inspect.getsource(reference).strip() if callable(reference) else f"{reference:,.0f}" in shown


def test_unknown_exercise_and_level_say_what_there_is():
    with pytest.raises(ValueError, match="no exercise '9.9', only 1.1, 1.2"):
        check("9.9", 1)
    with pytest.raises(ValueError, match="hints 1 to 3, got 4"):
        hint("1.1", 4)


def test_every_exercise_stands_in_its_lesson_with_difficulty_minutes_and_check():
    for number in EXERCISES:
        (path,) = NOTEBOOKS.glob(f"{int(number.split('.')[0]):02d}_*.ipynb")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
        assert re.search(rf"\*\*Exercise {re.escape(number)} · [●○]{{3}} · \d+ minutes", text), number
        (stub,) = ["".join(cell["source"]) for cell in cells if f'check("{number}", ' in "".join(cell["source"])]
        reference = EXERCISES[number].reference
        if callable(reference):
            assert f"def {reference.__name__}{inspect.signature(reference)}:" in stub
