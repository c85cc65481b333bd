"""Evidence: what takes too long to run while you watch is read from a committed record, `data/results/<name>.json`.

`record` compares over seeds: one runs live, `make evidence` (LESSON_EVIDENCE=all) runs them all and writes the record.
`recorded` is for real data: nothing runs live, `make full` (LESSON_SCALE=full) runs it and writes the record.
"""

import dataclasses
import datetime
import json
import os
import pathlib
import platform
import subprocess

import numpy
import torch

from . import settings


class StaleEvidence(AssertionError):
    """The live seed does not reproduce what the record says of it."""


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Values per seed. `live` is what was measured now, `values[key]` has one row a seed, the live seed's row fresh."""

    live: dict
    seeds: tuple
    values: dict

    def bands(self):
        """Name → (mean, lowest, highest) over the seeds: what `figures.curves` draws."""
        return {key: (rows.mean(axis=0), rows.min(axis=0), rows.max(axis=0)) for key, rows in self.values.items()}


def record(name, run, seeds=range(5), tolerance=0.1):
    """Run `run(seed)` for this run's seed, join it with the recorded seeds, and return an `Evidence`.

    run: takes a seed, returns a dict of name → number or list of numbers; the same names and lengths for every seed.
    tolerance: how far the live values may lie from the recorded values of the same seed, as a share of the largest
    recorded value of that name (other machines round differently). Beyond it: StaleEvidence.
    Errors: FileNotFoundError where nothing is recorded yet, ValueError for a damaged or differently shaped record.
    """
    live_seed, path = settings.seed(), settings.RESULTS / f"{name}.json"
    if os.environ.get("LESSON_EVIDENCE") == "all":
        past = {str(seed): _listed(run(seed)) for seed in seeds}
        write(name, "make evidence", values=past)
        live = past.get(str(live_seed)) or _listed(run(live_seed))
    else:
        past, live = _read(path), _listed(run(live_seed))
        _compare(name, live_seed, live, past, tolerance)
    everything = past | {str(live_seed): live}
    values = {key: numpy.array([entry[key] for entry in everything.values()]) for key in live}
    return Evidence(live, tuple(int(seed) for seed in everything), values)


def recorded(name, run):
    """The result of an experiment on real data: read from its record, or with LESSON_SCALE=full measured and written.

    run: takes nothing, returns a dict that JSON can hold: that dict, as JSON gives it back, is returned.
    Errors: FileNotFoundError where nothing is recorded yet, ValueError for a damaged record.
    """
    path = settings.RESULTS / f"{name}.json"
    if settings.scale() == "full":
        write(name, "make full", result=run())
    return _content(path, "result", "make full")


def _listed(result):
    try:
        plain = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in result.items()}   # of any device
        return {key: numpy.asarray(value, dtype=float).tolist() for key, value in plain.items()}
    except (AttributeError, TypeError, ValueError):
        raise TypeError(f"a seed's result must be a dict of name → number or list of numbers, got {result!r}") from None


def _read(path):
    values = _content(path, "values", "make evidence")
    try:
        return {str(int(seed)): _listed(entry) for seed, entry in values.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(path, error, "make evidence") from error


def _content(path, key, command):
    if not path.exists():
        raise FileNotFoundError(f"nothing is recorded in {path.name} yet: run `{command}`")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))[key]
        if not content:
            raise ValueError("it is empty")
    except (KeyError, TypeError, ValueError) as error:                          # JSON that does not parse is a ValueError
        raise _damaged(path, error, command) from error
    return content


def _damaged(path, error, command):
    return ValueError(f"{path.name} is damaged ({error}): restore it, or run `{command}`")


def _compare(name, seed, live, recorded, tolerance):
    for other, entry in recorded.items():
        if {key: numpy.shape(value) for key, value in entry.items()} != {k: numpy.shape(v) for k, v in live.items()}:
            raise ValueError(f"{name}: seed {other} was recorded with other names or lengths: run `make evidence`")
    for key, value in recorded.get(str(seed), {}).items():
        limit = tolerance * numpy.abs(value).max()
        gap = numpy.abs(numpy.subtract(live[key], value)).max()
        if not gap <= limit:
            raise StaleEvidence(f"{name}, {key!r}, seed {seed}: live and recorded values are {gap:.3g} apart, at most "
                                f"{limit:.3g} is allowed: find out what changed, then run `make evidence`")


def described(name, command, **content):
    """What a record says: the name, where `content` comes from, and `content`."""
    return {"name": name, "command": command, "machine": _machine(), "torch": torch.__version__,
            "date": datetime.date.today().isoformat(), "commit": _commit(), **content}


def write(name, command, **content):
    """Write data/results/<name>.json, whole or not at all: `content`, described. Returns all of it."""
    entry = described(name, command, **content)
    path = settings.RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    half.write_text(json.dumps(entry, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    half.replace(path)
    return entry


def _machine():
    if settings.device().type == "cuda":
        return torch.cuda.get_device_name()
    information = pathlib.Path("/proc/cpuinfo")                                 # Linux alone
    lines = information.read_text().splitlines() if information.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unnamed")
    threads = torch.get_num_threads()
    return f"{platform.machine()} CPU ({model}), {threads} thread{'s' if threads > 1 else ''}"


def _commit():
    here = pathlib.Path(__file__).parent
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"
