"""What the machine can do at most, and what the course asks of it: memory of a step, time to import, time of all lessons."""

import functools
import importlib.util
import pathlib
import statistics
import subprocess
import sys
import time

import torch

from shared import run, settings

from . import bench_training, timing
from .models import OURS
from .table import row

ROOT = pathlib.Path(__file__).resolve().parents[2]
OTHER = "HuggingFace GPT-2"
GPU_MEASURE = "\nimport torch\nprint(torch.cuda.max_memory_allocated() / 2**20)\n"
STEP = "from tests.benchmarks import models\nstep = models.one_step({name!r}, {precision!r}, {context}, {batch})\n"
# Linux counts the highest memory of a process from that of the one that started it, which is small here
BETWEEN = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', sys.argv[1]]).returncode)"
IMPORT = "import time, torch\nstart = time.perf_counter()\n{line}\nprint(time.perf_counter() - start)"
IMPORTS = {"shared.transformer": "import shared.transformer", "transformers": "from transformers import GPT2LMHeadModel",
           "x_transformers": "import x_transformers"}


def limits(size=2048, megabytes=256, seconds=3):
    """Name → operations a second of a matrix product, and bytes a second of a copy, read and written."""
    x = settings.generator().normal(size, size)
    low, source = x.bfloat16(), torch.empty(megabytes * 2**20, dtype=torch.uint8, device=x.device)
    target = torch.zeros_like(source)
    functions = {"float32 matmul": lambda: x @ x, "bfloat16 matmul": lambda: low @ low, "memory": lambda: target.copy_(source)}
    if "bfloat16" not in bench_training.precisions():
        del functions["bfloat16 matmul"]
    times = timing.take_turns(functions, seconds, least=5)
    work = {"float32 matmul": 2 * size**3, "bfloat16 matmul": 2 * size**3, "memory": 2 * source.numel()}
    return {name: work[name] / statistics.median(times[name]) for name in functions}


def python(code):
    """The numbers that this code prints in a fresh process, one a line. RuntimeError with its last line where it fails."""
    done = subprocess.run([sys.executable, "-c", BETWEEN, code], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"a process failed: {done.stderr.strip().splitlines()[-1:]}")
    return [float(line) for line in done.stdout.splitlines()]


def growth(name, precision, context, batch):
    """Megabytes by which the highest memory of a fresh process grows in its first training step."""
    measure = GPU_MEASURE if settings.device().type == "cuda" else run.MEASURE
    before, after = python(STEP.format(**locals()) + measure + "step()" + measure)
    return after - before


def memory(context=256, batch=128, turns=3):
    """A row for each precision: memory of a training step, ours against transformers'; and what is missing."""
    if not importlib.util.find_spec("transformers"):
        return [], [f"{OTHER} (transformers is not installed)"]
    rows = []
    for precision in bench_training.precisions():
        measures = {name: functools.partial(growth, name, precision, context, batch) for name in (OURS, OTHER)}
        measured = timing.collect(measures, seconds=0, least=turns, most=turns)
        rows.append(row("memory of a training step, GPT", f"{batch} × {context}, {precision}", measured, [OURS], [OTHER], unit="MB"))
    return rows, []


def imports(turns=5):
    """A row of what an import adds to `import torch`, ours against the others that are installed; and what is missing."""
    found = {name: line for name, line in IMPORTS.items() if importlib.util.find_spec(name)}
    measures = {name: lambda line=line: python(IMPORT.format(line=line))[0] for name, line in found.items()}
    measured = timing.collect(measures, seconds=0, least=turns, most=turns)
    ours, *others = found
    rows = [row("import", "beyond import torch", measured, [ours], others, lambda seconds: 1e3 * seconds, "ms")]
    return rows, [f"{name} (not installed)" for name in IMPORTS if name not in found]


def lessons():
    """A row of the seconds in which all lessons run, as `make run` runs them, and of each of them. RuntimeError where one fails."""
    start = time.perf_counter()
    runs = [one for runs in run._execute_all(run.find(), seeds=1) for one in runs]
    seconds = time.perf_counter() - start
    if errors := [error for one in runs for error in one.errors]:
        raise RuntimeError(f"a lesson fails: {errors[0]}")
    slowest = max(runs, key=lambda one: one.seconds)
    entry = row("lessons", f"{len(runs)} notebooks, {run.WORKERS} at a time; longest: {slowest.path.stem} {slowest.seconds:.0f} s", {OURS: [seconds]}, [OURS],
                unit="s")
    return [entry | {"measured": {one.path.stem: one.seconds for one in runs}}], []
