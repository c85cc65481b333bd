"""The one table of `make bench`: right on times that are known; in the record, in README and in the picture there is the same."""

import json

import pytest
from benchmarks import __main__ as command
from benchmarks import bench_machine, table
from made import executed, write

from shared import run, settings

LIMITS = {"float32 matmul": 2e11, "bfloat16 matmul": 8e11, "memory": 4e10}
TURNS = {"a": [2.0, 2.2, 2.1], "b": [1.0, 1.0, 1.0], "x": [3.0, 5.0, 4.0], "y": [9.0, 9.0, 9.0]}
FASTER = table.row("training", "12 × 64", TURNS, ["a", "b"], ["x", "y"], lambda seconds: 1e3 * seconds, "ms", "float32 matmul", 1e11)
SLOWER = table.row("import", "all", TURNS, ["x"], ["b"], unit="s")
ALONE = table.row("lessons", "all", {"ours": [240.4]}, ["ours"], unit="s")


@pytest.fixture(autouse=True)
def with_bfloat16(monkeypatch):
    """As on a machine with instructions for it, whatever this one has."""
    monkeypatch.setattr(settings, "fast_precision", lambda: "bfloat16")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Nothing is written into the project, and two sections stand for all."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n\n{table.BEGIN}\nold\n{table.END}\n\nafter\n", encoding="utf-8")
    monkeypatch.setattr(table, "README", readme)
    monkeypatch.setattr(command, "PICTURE", tmp_path / "build" / "bench.png")
    monkeypatch.setattr(settings, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "SECTIONS", {"one": lambda: ([FASTER, SLOWER], ["z (z is not installed)"]),
                                              "two": lambda: ([ALONE], ["z (z is not installed)"])})
    monkeypatch.setattr(bench_machine, "limits", lambda: LIMITS)
    return tmp_path


def test_a_row_compares_the_fastest_of_both_sides():
    assert (FASTER["as"], FASTER["name"], FASTER["ours"], FASTER["other"]) == ("b", "x", 1e3, 4e3)
    assert (FASTER["ratio"], FASTER["low"], FASTER["high"], FASTER["turns"]) == (4, 3.5, 4.5, 3)
    assert FASTER["measured"] == {"a": 2.1e3, "b": 1e3, "x": 4e3, "y": 9e3}
    assert table.cells(FASTER, LIMITS) == {"task": "training", "setting": "12 × 64", "ours": "1,000 ms", "fastest other": "4,000 ms (x)",
                                           "other / ours": "4.00 (3.50 – 4.50)", "of the limit": "50 %"}


def test_a_row_says_where_ours_is_slower_and_where_there_is_no_other():
    assert table.cells(SLOWER, LIMITS)["other / ours"] == "0.25 (0.23 – 0.29), slower"
    assert list(table.cells(ALONE, LIMITS).values()) == ["lessons", "all", "240 s", "", "", ""]


def test_everything_is_recorded_printed_drawn_and_put_into_readme(places, capsys):
    command.main([])
    record = json.loads((places / "results" / "bench.json").read_text(encoding="utf-8"))
    assert (record["name"], record["command"], record["limits"]) == ("bench", "make bench", LIMITS)
    assert record["machine"] and record["date"]
    assert record["rows"] == [FASTER, SLOWER, ALONE]
    assert record["missing"] == ["z (z is not installed)"]
    printed = capsys.readouterr().out
    assert table.text(record) in printed
    assert "float32 matmul 200 GFLOP/s · bfloat16 matmul 800 GFLOP/s · memory 40 GB/s" in printed and "Skipped: z (z is not installed)" in printed
    readme = table.README.read_text(encoding="utf-8")
    assert readme.startswith("before\n") and readme.endswith("after\n") and "old" not in readme
    assert table.in_readme(readme)[1] == table.markdown(record)
    assert (places / "build" / "bench.png").stat().st_size > 1000
    labels = [label.get_text() for label in table.draw(record).axes[0].get_yticklabels()]
    assert labels == ["training: 12 × 64", "import: all"]


def test_a_recorded_table_is_put_into_readme_again(places):
    command.main([])
    written = table.README.read_text(encoding="utf-8")
    table.README.write_text(written.replace("4.00", "9.99"), encoding="utf-8")
    command.main(["--readme"])
    assert table.README.read_text(encoding="utf-8") == written


def test_sections_alone_are_printed_and_not_recorded(places, capsys, monkeypatch):
    monkeypatch.setitem(command.PARTS, "attention", lambda: print("of attention"))
    before = table.README.read_text(encoding="utf-8")
    command.main(["two", "attention"])
    printed = capsys.readouterr().out
    assert "240 s" in printed and "of attention" in printed and "12 × 64" not in printed
    assert table.README.read_text(encoding="utf-8") == before
    assert not (places / "results").exists() and not (places / "build").exists()


def test_an_unknown_name_is_refused(places, capsys):
    with pytest.raises(SystemExit):
        command.main(["tow"])
    assert "there is no benchmark 'tow', only one, two, attention, multi_head" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", table.BEGIN, f"{table.END} {table.BEGIN}", f"{table.BEGIN} {table.BEGIN} {table.END}"])
def test_readme_must_have_both_marks(text):
    with pytest.raises(ValueError, match="README.md must have"):
        table.in_readme(text)


def test_readme_shows_what_is_recorded():
    record = json.loads((settings.RESULTS / "bench.json").read_text(encoding="utf-8"))
    assert table.in_readme(table.README.read_text(encoding="utf-8"))[1] == table.markdown(record)
    tasks = [row["task"] for row in record["rows"]]
    assert len(tasks) > len(set(tasks)) >= len(command.SECTIONS)


def test_the_limits_are_measured():
    limits = bench_machine.limits(size=64, megabytes=1, seconds=0)
    assert list(limits) == list(LIMITS) and all(limit > 1e6 for limit in limits.values())


def test_without_instructions_for_bfloat16_that_is_said_and_not_measured(monkeypatch):
    monkeypatch.setattr(settings, "fast_precision", lambda: "float32")
    assert list(bench_machine.limits(size=64, megabytes=1, seconds=0)) == ["float32 matmul", "memory"]
    monkeypatch.setattr(bench_machine, "limits", lambda: LIMITS)
    assert command.measure([])["missing"] == ["bfloat16 (no faster than float32 here)"]


def test_memory_is_that_of_the_step_in_a_process_of_its_own():
    kept = 4 * 4 * 12 * 64 * (4 * 128 + 128) / 2**20        # MB: the hidden units and one vector a token of four layers, 12 × 64 tokens, in float32
    assert kept < bench_machine.growth("ours", "float32", 64, 12) < 2000


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="a process failed.*ValueError: nobody"):
        bench_machine.python("raise ValueError('nobody')")


def test_memory_and_imports_have_their_rows(monkeypatch):
    monkeypatch.setattr(bench_machine, "growth", lambda name, *shape: {"ours": 10.0}.get(name, 20.0))
    rows, missing = bench_machine.memory()
    assert [(row["ours"], row["other"], row["ratio"]) for row in rows] == [(10, 20, 2)] * 2
    monkeypatch.setattr(bench_machine, "python", lambda code: [0.02 if "shared.transformer" in code else 0.5 if "GPT2LMHeadModel" in code else 0.4])
    (entry,), nothing = bench_machine.imports()
    assert (entry["ours"], entry["other"], entry["name"]) == (20, 400, "x_transformers")
    assert missing == nothing == []


def test_an_import_is_timed_in_a_fresh_process():
    (seconds,) = bench_machine.python(bench_machine.IMPORT.format(line="time.sleep(0.05)"))
    assert 0.05 <= seconds < 5


def test_lessons_are_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "find", lambda: [write(executed("print(1)"), tmp_path / "01_small.ipynb")])
    (entry,), missing = bench_machine.lessons()
    assert entry["setting"].startswith("1 notebooks, 2 at a time; longest: 01_small ")
    assert 0 < entry["measured"]["01_small"] <= entry["ours"] < 60
    assert missing == []


def test_a_lesson_that_fails_has_no_time(monkeypatch):
    failed = run.Run(None, 0, 1.0, 1.0, [], ["01_small.ipynb, seed 0, code cell 1: ValueError: no"], None)
    monkeypatch.setattr(run, "_execute_all", lambda paths, seeds: iter([[failed]]))
    with pytest.raises(RuntimeError, match="a lesson fails: 01_small.ipynb"):
        bench_machine.lessons()
