"""`make run`: the table, the exit status, one line an error, and what --save leaves in a notebook."""

import json
import pathlib

import made
import pytest

from shared import run

CLAIMS = """
import json, os
def claim(name, measured, op, bound, held=True):
    entry = {"name": name, "measured": measured, "op": op, "bound": bound, "held": held, "seed": int(os.environ["LESSON_SEED"])}
    open(os.environ["LESSON_CLAIMS"], "a").write(json.dumps(entry) + "\\n")
seed = int(os.environ["LESSON_SEED"])
"""
WIDGET = """
from IPython.display import display
display({"text/plain": "[controls]", "application/vnd.jupyter.widget-view+json": {"model_id": str(id(object()))}}, raw=True)
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Three made lessons executed on two seeds with --save: (exit status, stdout lines, stderr lines, folder)."""
    folder = tmp_path_factory.mktemp("lessons")
    printing = "import sys\nfor part in 'abc':\n    print(part, flush=True)\n3 + seed"
    good = made.notebook("md: # A", CLAIMS, "claim('near', 1.1 - seed / 20, '≥', 1.0)\nclaim('exact', 2, '=', 2)", printing, WIDGET)
    good.cells[1].metadata.update({"execution": {"iopub.status.busy": "now"}, "lines_to_next_cell": 1, "tags": ["kept"]})
    good.metadata["widgets"] = {"state": {}}
    made.write(good, folder / "01_good.ipynb")
    made.write(made.notebook(CLAIMS, "claim('small', 0.5 + seed, '≤', 1.0, seed == 0)\nassert seed == 0, 'too big'", "1 / 0"),
               folder / "02_bad.ipynb")
    made.write(made.notebook("import os\nos._exit(1)"), folder / "03_dead.ipynb")
    return _main(["--seeds", "2", "--save"], folder)


def _main(arguments, folder):
    import contextlib
    import io
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run.main(arguments, folder)
    return status, out.getvalue().splitlines(), err.getvalue().splitlines(), folder


def test_the_table_has_one_line_a_lesson_and_one_a_claim(outcome):
    _, table, _, _ = outcome
    assert [line.split()[0] for line in table if not line.startswith(" ")] == ["lesson", "01_good", "02_bad", "03_dead"]
    good = next(line for line in table if line.startswith("01_good"))
    assert "4/4" in good and good.endswith("5 %  near")
    assert 20 < float(good.split()[2]) < 2000           # megabytes of a kernel that did next to nothing
    assert "    2/2   near ≥ 1: 1.05 (5 %, seed 1)" in table
    assert "    2/2   exact = 2: exact" in table
    assert "    1/2   small ≤ 1: 1.5 (-50 %, seed 1)" in table


def test_errors_name_lesson_seed_cell_and_error_in_one_line_each(outcome):
    status, _, errors, _ = outcome
    assert status == 1
    assert errors == ["02_bad.ipynb, seed 0, code cell 3: ZeroDivisionError: division by zero",
                      "02_bad.ipynb, seed 1, code cell 2: AssertionError: too big",
                      "02_bad.ipynb, seed 1, code cell 3: ZeroDivisionError: division by zero",
                      "02_bad.ipynb: not saved, because a cell raised",
                      "03_dead.ipynb, seed 0: the kernel died",
                      "03_dead.ipynb, seed 1: the kernel died",
                      "03_dead.ipynb: not saved, because a cell raised"]


def test_save_keeps_ids_and_outputs_and_nothing_that_differs_from_run_to_run(outcome):
    folder = outcome[3]
    text = (folder / "01_good.ipynb").read_text(encoding="utf-8")
    saved = json.loads(text)
    assert text.endswith("}\n")
    assert saved["metadata"] == {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
                                 "language_info": {"name": "python"}}
    assert [cell["id"] for cell in saved["cells"]] == [f"cell-{number}" for number in range(5)]
    codes = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in codes] == [1, 2, 3, 4]
    assert codes[0]["metadata"] == {"tags": ["kept"]}
    stream, result = codes[2]["outputs"]
    assert stream["text"] == ["a\n", "b\n", "c\n"]
    assert result["data"] == {"text/plain": ["3"]} and result["execution_count"] == 3       # of seed 0
    assert codes[3]["outputs"][0]["data"] == {"text/plain": ["[controls]"]}
    assert not list(folder.glob(".*"))


def test_saving_again_changes_no_byte_and_success_is_status_0(outcome):
    path = outcome[3] / "01_good.ipynb"
    before = path.read_bytes()
    status, table, errors, _ = _main(["--lesson", "1", "--save"], outcome[3])
    assert (status, errors, len(table)) == (0, [], 2)
    assert path.read_bytes() == before


def test_a_notebook_that_was_edited_meanwhile_is_not_overwritten(tmp_path):
    path = made.write(made.notebook("import pathlib\npathlib.Path('01_x.ipynb').write_text('mine')"), tmp_path / "01_x.ipynb")
    status, _, errors, _ = _main(["--save"], tmp_path)
    assert (status, errors) == (1, ["01_x.ipynb: not saved, because it was edited meanwhile"])
    assert path.read_text() == "mine"


@pytest.mark.parametrize("arguments, message", [
    (["--lesson", "07"], "there is no lesson '07' in lessons/, only 01, 02"),
    (["--seeds", "0"], "--seeds must be at least 1, got 0"),
    (["--seeds", "many"], "invalid int value: 'many'"),
])
def test_wrong_arguments_are_named(arguments, message, tmp_path, capsys):
    folder = tmp_path / "lessons"
    folder.mkdir()
    for name in ("01_a.ipynb", "02_b.ipynb"):
        (folder / name).touch()
    with pytest.raises(SystemExit, match="2"):
        run.main(arguments, folder)
    assert message in capsys.readouterr().err


def test_the_lessons_are_found_in_order():
    assert run.find()[0].name.startswith("00_")
    assert run.find("01") == run.find("1") == run.find()[1:2]
    assert all(isinstance(path, pathlib.Path) for path in run.find())


def test_claims_are_handed_on_to_a_file_of_the_callers(tmp_path, monkeypatch):
    made.write(made.notebook(CLAIMS, "claim('near', 1, '≥', 1)"), tmp_path / "01_one.ipynb")
    monkeypatch.setenv("LESSON_CLAIMS", str(tmp_path / "claims.jsonl"))
    assert [entry["name"] for entry in run.execute(tmp_path / "01_one.ipynb", 0).claims] == ["near"]
    assert [entry["name"] for entry in run.execute(tmp_path / "01_one.ipynb", 4).claims] == ["near"]
    lines = (tmp_path / "claims.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [0, 4]


@pytest.mark.parametrize("scale, threads", [("quick", "1"), ("full", "")])
def test_full_uses_all_threads(scale, threads, tmp_path, monkeypatch):
    monkeypatch.setenv("LESSON_SCALE", scale)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    made.write(made.notebook(f"import os\nassert os.environ.get('OMP_NUM_THREADS', '') == {threads!r}"), tmp_path / "01_a.ipynb")
    assert _main([], tmp_path)[0] == 0
