"""`make mutants`: plants every known mistake into the exported parts, one at a time, and names the tests that catch it."""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from shared import evidence, settings
from tests.mistakes import all_mistakes

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = {                                               # besides test_*part*.py
    "attention": ["test_parity.py", "test_bad_input.py", "test_fused.py", "test_multi_head_causal.py"],
    "fused": ["test_multi_head.py", "test_multi_head_causal.py", "test_bench_multi_head.py"],
    "recording": ["test_multi_head_hooks.py", "test_multi_head_causal.py", "test_multi_head.py"],
    "multi_head": ["test_recording.py", "test_parity_positions.py"],
    "positions": ["test_tables.py", "test_left_padding.py"],
    "embedding": ["test_encoder.py", "test_parity_encoder.py", "test_encoder_bad_input.py", "test_left_padding.py", "test_decoder.py"],
    "encoder": ["test_left_padding.py", "test_tying.py"],
    "tagging": ["test_encoder_words_and_spans.py", "test_encoder_bad_input.py"],
    "refuse": ["test_bad_input.py", "test_multi_head_bad_input.py", "test_positions_bad_input.py", "test_blocks_bad_input.py",
               "test_encoder_bad_input.py", "test_multi_head_causal.py", "test_tying.py", "test_traced_parts.py"],
    "optimisation": ["test_training.py"],
    "checkpointing": ["test_training.py", "test_training_checkpoints.py"],
    "processes": ["test_training.py", "test_processes.py"],
    "files": ["test_training_checkpoints.py"],
    "randomness": ["test_training_checkpoints.py", "test_training_data_order.py"],
    "data_order": ["test_training_data_order.py", "test_training.py", "test_training_checkpoints.py"],
    "resuming": ["test_training_resuming.py", "test_training_checkpoints.py", "test_training.py"],
}
MOST = 5                # failing tests are enough to know that a mistake is caught
FAILED = re.compile(r"^(?:FAILED|ERROR) tests/([\w/]+\.py)(?:::(\w+))?", flags=re.MULTILINE)


def tests_of(part):
    """The test files that look at a part: neither benchmarks nor those that plant faults themselves."""
    found = sorted(path.name for path in (ROOT / "tests").glob(f"test_*{part}*.py"))
    return [name for name in found if "mutants" not in name and "bench" not in name] + [name for name in TESTS.get(part, ()) if name not in found]


def caught_by(part, mistake=None, tests=None):
    """The first tests, `file::function`, that fail when `mistake` is planted into a copy of the project; None plants nothing.

    tests: names of test files, by default all that look at the part.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        for name in ("shared", "tests", "data"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "cache"))
        target = copy / "shared" / "transformer" / f"{part}.py"
        if mistake:
            target.write_text(mistake.plant(target.read_text(encoding="utf-8")), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no", f"--maxfail={MOST}", "-p", "no:cacheprovider", "-p", "no:xdist",
                   *(f"tests/{name}" for name in tests or tests_of(part))]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, encoding="utf-8")
    if done.returncode not in (0, 1, 2):                                # 2: a test file could not be imported
        raise RuntimeError(f"pytest stopped with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return list(dict.fromkeys(f"{file}::{function}" if function else file for file, function in FAILED.findall(done.stdout)))


def run(parts=None):
    """One row for each mistake: part, mistake, exercise, and the tests that caught it."""
    planted = [(part, mistake) for part, mistakes in all_mistakes().items() for mistake in mistakes if not parts or part in parts]
    for part in dict.fromkeys(part for part, _ in planted):
        if caught_by(part):
            raise RuntimeError(f"the tests of {part} fail before anything is planted")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (part, mistake), caught in zip(planted, pool.map(lambda pair: caught_by(*pair), planted)):
            yield {"part": part, "mistake": mistake.name, "exercise": mistake.exercise, "caught_by": caught}


def line(row):
    """A row as text."""
    caught = row["caught_by"]
    by = ", ".join(caught[:2]) or "NOT CAUGHT"
    return f"{row['part']:<11} {row['mistake']:<52} {row['exercise'] or '–':<5} {by}"


def main(parts):
    """Print the rows of these parts, by default of all, and record them in data/results/mutants.json; others stay there.

    Returns the exit status: 1 if a mistake survives.
    """
    print(f"{'part':<11} {'known mistake':<52} {'exer.':<5} caught by")
    rows = []
    for row in run(parts):
        rows.append(row)
        print(line(row), flush=True)
    survivors = sum(not row["caught_by"] for row in rows)
    print(f"\n{len(rows) - survivors} of {len(rows)} known mistakes caught")
    record = settings.RESULTS / "mutants.json"
    kept = json.loads(record.read_text(encoding="utf-8"))["rows"] if parts and record.exists() else []
    rows = sorted([row for row in kept if row["part"] not in parts] + rows, key=lambda row: row["part"])
    evidence.write("mutants", "make mutants", rows=rows)
    print("recorded in data/results/mutants.json")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
