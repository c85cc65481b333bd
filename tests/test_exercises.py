"""Every exercise accepts what is right, however it is written, and names each known mistake."""

import inspect
import json
import math
import pathlib
import re

import pytest
import torch
import torch.nn.functional as F

from shared.exercises import WrongAnswer, all_exercises, check, hint, solution
from shared.transformer import causal_mask, scaled_dot_product_attention

EXERCISES = all_exercises()
MISTAKES = [(number, mistake) for number, exercise in EXERCISES.items() for mistake in exercise.mistakes]
NOTEBOOKS = pathlib.Path(__file__).resolve().parent.parent / "notebooks"


def window_by_loop(n, width):
    mask = torch.zeros(n, n, dtype=torch.bool)
    for query in range(n):
        mask[query, max(0, query - width + 1):query + 1] = True
    return mask


def window_from_two_triangles(n, width):
    return causal_mask(n) & torch.ones(n, n, dtype=torch.bool).triu(1 - width)


def previous_by_plane(n):
    angle = torch.arange(n) * 2 * math.pi / n
    key = torch.stack([angle.cos(), angle.sin()], dim=1)
    return 2000 * key.roll(1, dims=0), key


def rescale_by_root_mean_square(query, key):
    query = query / query.square().mean(-1, keepdim=True).sqrt()
    key = key / key.square().mean(-1, keepdim=True).sqrt()
    return torch.einsum("td,sd->ts", query, key) / query.size(-1) ** 0.5


def repaired_by_adding(query, key, value):
    mask = torch.full((len(query), len(query)), -math.inf).triu(1)
    return F.softmax(query @ key.T * query.size(1) ** -0.5 + mask, -1) @ value


VARIANTS = [("1.1", 12), ("1.1", torch.tensor(12.0)), ("1.2", previous_by_plane), ("1.3", window_by_loop),
            ("1.3", window_from_two_triangles), ("1.4", rescale_by_root_mean_square), ("1.5", repaired_by_adding),
            ("1.5", lambda q, k, v: scaled_dot_product_attention(q, k, v, causal_mask(len(q)))[0])]


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
    assert capsys.readouterr().out == f"{number} not attempted yet\n"


def test_an_answer_that_raises_is_reported_with_its_error():
    with pytest.raises(WrongAnswer, match="1.3 stopped with IndexError: list index"):
        check("1.3", lambda n, width: [][0])


def test_a_wrong_shape_type_and_number_are_named():
    with pytest.raises(WrongAnswer, match=r"has shape \(2, 2\), expected"):
        check("1.3", lambda n, width: torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(WrongAnswer, match="is of type torch.float32, expected torch.bool"):
        check("1.3", lambda n, width: window_by_loop(n, width).float())
    with pytest.raises(WrongAnswer, match="expected 12, got 11"):
        check("1.1", 11)
    with pytest.raises(WrongAnswer, match="contains NaN"):
        check("1.4", lambda query, key: query @ key.T * math.nan)


def test_a_reference_is_not_compared_with_changed_inputs():
    def destroys_its_inputs(query, key):
        scores = rescale_by_root_mean_square(query, key)
        query.zero_()
        key.zero_()
        return scores

    check("1.4", destroys_its_inputs)
    with pytest.raises(WrongAnswer):
        check("1.4", lambda query, key: query.zero_() @ key.zero_().T)


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
    shown, reference = capsys.readouterr().out, EXERCISES[number].reference
    assert inspect.getsource(reference).strip() == shown.strip() if callable(reference) else f"{reference:g}" in shown


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
        assert f'check("{number}", ' in text
