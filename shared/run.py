"""`make run`: executes the lessons, and prints what each took and whether its claims held.

`python -m shared.run [--lesson 01] [--seeds 10] [--save]`; two lessons or seeds at a time, one thread each.
From ten seeds on, how often each claim held and how tightly is kept in data/results/claims.json.
With LESSON_SCALE=full one at a time, with all threads: then times are measured that are to be recorded.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import sys
import tempfile
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from . import margins, settings
from .saved import prepare, write

NOTEBOOKS = pathlib.Path(__file__).resolve().parent.parent / "notebooks"
WORKERS = 2
MEASURE = """
import sys
try:
    import resource
    unit = 2**20 if sys.platform == "darwin" else 2**10
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
except ImportError:
    import psutil
    print(psutil.Process().memory_info().peak_wset / 2**20)
"""


@dataclasses.dataclass(frozen=True)
class Run:
    """One execution of one notebook: `claims` as `shared.claims` records them, `errors` one line each."""

    path: pathlib.Path
    seed: int
    seconds: float
    megabytes: float
    claims: list
    errors: list
    notebook: nbformat.NotebookNode


def find(lesson=None, notebooks=NOTEBOOKS):
    """The notebooks in the order of the lessons, or only lesson number `lesson`. ValueError where there is none."""
    paths = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    found = [path for path in paths if lesson is None or path.name.startswith(f"{lesson:0>2}_")]
    if not found:
        numbers = ", ".join(path.name[:2] for path in paths)
        raise ValueError(f"there is no lesson {lesson!r} in {notebooks.name}/, only {numbers or 'nothing at all'}")
    return found


def execute(path, seed):
    """Execute the notebook at `path` in a fresh kernel and return a `Run`. Cells after one that raised run as well."""
    notebook = nbformat.read(path, as_version=4)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    last = nbformat.v4.new_code_cell(MEASURE)
    notebook.cells.append(last)
    client = NotebookClient(notebook, kernel_name="python3", timeout=None, allow_errors=True, record_timing=False,
                            store_widget_state=False, resources={"metadata": {"path": str(path.parent)}},
                            extra_arguments=["--IPKernelApp.log_level=ERROR"])
    with tempfile.TemporaryDirectory() as folder:
        ledger = pathlib.Path(folder) / "claims.jsonl"
        given = {"LESSON_SEED": str(seed), "LESSON_CLAIMS": str(ledger)}
        threads = {} if settings.scale() == "full" else {"OMP_NUM_THREADS": "1"}
        start = time.perf_counter()
        errors = []
        try:
            client.execute(env=threads | os.environ | given)
        except DeadKernelError:
            errors.append(f"{path.name}, seed {seed}: the kernel died")
        seconds = time.perf_counter() - start
        recorded = ledger.read_text(encoding="utf-8") if ledger.exists() else ""
        if "LESSON_CLAIMS" in os.environ:
            with open(os.environ["LESSON_CLAIMS"], "a", encoding="utf-8") as file:
                file.write(recorded)
        claims = [json.loads(line) for line in recorded.splitlines()]
    notebook.cells.remove(last)
    for number, cell in enumerate(codes, start=1):
        errors += [f"{path.name}, seed {seed}, code cell {number}: {_one_line(output)}" for output in cell.outputs
                   if output.output_type == "error"]
    megabytes = float(last.outputs[0].text) if last.outputs else float("nan")
    return Run(path, seed, seconds, megabytes, claims, errors, notebook)


def _one_line(error):
    first = error.evalue.strip().splitlines()[:1]
    return ": ".join([error.ename, *first])


def lesson_line(runs):
    """One line of the table: a lesson over its seeds. Seconds are the mean, memory is the highest."""
    claims = [entry for run in runs for entry in run.claims]
    entry, distance = margins.tightest(claims)
    seconds = sum(run.seconds for run in runs) / len(runs)
    megabytes = max(run.megabytes for run in runs)
    held = f"{sum(entry['held'] for entry in claims)}/{len(claims)}"
    name = f"{margins.shown(distance)}  {entry['name']}" if entry else "exact" if claims else "–"
    return f"{runs[0].path.stem:32}{seconds:8.1f}{megabytes:8.0f}{held:>9}  {name}"


def main(arguments=None, notebooks=NOTEBOOKS):
    """Execute what `arguments` ask for, print the table, and return the exit status: 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m shared.run", description="Execute the lessons and check their claims.")
    parser.add_argument("--lesson", help="a lesson's number, such as 01 (default: all of them)")
    parser.add_argument("--seeds", type=int, default=1, help="run on this many seeds, 0 and up (default: 1)")
    parser.add_argument("--save", action="store_true", help="keep the outputs of seed 0 in the notebooks")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {options.seeds}")
    try:
        paths = find(options.lesson, notebooks)
    except ValueError as error:
        parser.error(str(error))
    before = {path: path.read_bytes() for path in paths}
    print(f"{'lesson':32}{'seconds':>8}{'MB':>8}{'claims':>9}  tightest margin", flush=True)
    errors = []
    for runs in _execute_all(paths, options.seeds):
        print(lesson_line(runs), flush=True)
        claims = [entry for run in runs for entry in run.claims]
        for line in margins.lines(claims, options.seeds) if options.seeds > 1 else ():
            print(line, flush=True)
        if options.seeds >= margins.RECORDED_FROM and notebooks == NOTEBOOKS:
            margins.keep(runs[0].path.stem, claims, options.seeds)
        errors += [line for run in runs for line in run.errors]
        if options.save:
            errors += _save(runs[0], before[runs[0].path])
    for line in errors:
        print(line, file=sys.stderr)
    return 1 if errors else 0


def _execute_all(paths, seeds):
    """A list of runs, one a seed, for each path in turn; the next ones run meanwhile."""
    with concurrent.futures.ThreadPoolExecutor(1 if settings.scale() == "full" else WORKERS) as pool:
        waiting = [[pool.submit(execute, path, seed) for seed in range(seeds)] for path in paths]
        try:
            for futures in waiting:
                yield [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)      # Ctrl-C: what has not begun does not begin
            raise


def _save(run, before):
    """Write the outputs into the notebook, and return the reasons why not."""
    if run.errors:
        return [f"{run.path.name}: not saved, because a cell raised"]
    if run.path.read_bytes() != before:
        return [f"{run.path.name}: not saved, because it was edited meanwhile"]
    write(prepare(run.notebook), run.path)
    return []


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")        # a console of Windows may not know ≥
    sys.exit(main())
