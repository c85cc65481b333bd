"""What may look on while `Trainer` trains: a line that counts, a log, a live curve, samples, and a reason to stop.

Each is called after every step with the trainer and a dict: step, loss, tokens, norm, lr, and where it was evaluated,
`evaluated`. Of several processes the first one alone writes and shows.
"""

import csv
import math
import os
import pathlib
import time

import torch.distributed
from IPython.display import display, update_display

from . import checks, fit
from .transformer import files


def _first_process():
    return not (torch.distributed.is_initialized() and torch.distributed.get_rank())


class Progress:
    """The line of `shared.fit` that counts the steps. steps: how many there will be."""

    def __init__(self, steps):
        self.line = fit.Progress(steps)

    def __call__(self, trainer, report):
        self.line(report["step"], report["loss"])


class CSVLog:
    """One row a step in a file for spreadsheets and `read_log`; columns of what was not evaluated are empty.

    names: of what `evaluate` returns.   Where a run goes on from a checkpoint, the rows after that are written anew.
    """

    def __init__(self, path, names=("loss",)):
        checks.kind("names", names, list, tuple)
        self.path, self.names, self.start = pathlib.Path(path), tuple(names), None
        self.columns = ("step", "loss", "tokens", "norm", "lr", "seconds", *(f"evaluated {name}" for name in self.names))

    def __call__(self, trainer, report):
        if not _first_process():
            return
        if self.start is None:
            self.start = time.perf_counter()
            self._begin(report["step"])
        evaluated = report.get("evaluated", {})
        row = report | {"seconds": round(time.perf_counter() - self.start, 3)}
        row |= {f"evaluated {name}": evaluated[name] for name in self.names if name in evaluated}
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([row.get(column, "") for column in self.columns])

    def _begin(self, step):
        """Keep the whole rows of earlier steps, if there are any, and write them with the header."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = [row for row in read_log(self.path) if row["step"] < step] if self.path.exists() else []

        def write(half):
            with open(half, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(self.columns)
                writer.writerows([row.get(column, "") for column in self.columns] for row in kept)
        files.write_whole(self.path, write)


def read_log(path):
    """The rows of a `CSVLog`, as dicts of numbers without what is empty; a last row cut off is left out."""
    checks.kind("path", path, str, os.PathLike)             # open(0) would wait for what is typed
    with open(path, newline="", encoding="utf-8") as file:
        whole = [line for line in file if line.endswith("\n")]
    rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(whole)]
    return [row | {"step": int(row["step"])} for row in rows]


class LiveCurve:
    """The losses as a picture that grows while a notebook's cell trains. `losses`, `evaluated`: [(step, loss), …].

    steps: how many there will be, the length of the axis.   every: steps between two pictures.
    floor: a loss that no model can go below, drawn as a line.   title: of the picture.   alt: for those who cannot see it.
    """

    def __init__(self, steps, every=None, floor=None, title=None, alt="The loss of each step falls as training goes on."):
        checks.whole("steps", steps)
        checks.whole("every", 1 if every is None else every)
        checks.number("floor", 0 if floor is None else floor)
        self.steps, self.every, self.floor, self.title, self.alt = steps, every or max(1, steps // 20), floor, title, alt
        self.losses, self.evaluated, self.handle = [], [], None

    def __call__(self, trainer, report):
        self.losses.append((report["step"], report["loss"]))
        if "loss" in report.get("evaluated", {}):
            self.evaluated.append((report["step"], report["evaluated"]["loss"]))
        if _first_process() and (self.handle is None or report["step"] % self.every == 0 or report["step"] == self.steps):
            self._show(last=report["step"] == self.steps)

    def draw(self):
        """The picture, a matplotlib Figure."""
        from . import figures                               # not for a command line, which draws nothing

        figure, (ax,) = figures.new(6.4, 2.8, title=self.title)
        ax.plot(*zip(*self.losses), color=figures.FAINT, linewidth=1, label="each step")
        if self.evaluated:
            ax.plot(*zip(*self.evaluated), color=figures.QUERY, marker="o", markersize=3, label="evaluated")
        if self.floor is not None:
            ax.axhline(self.floor, color=figures.VALUE, linestyle="--", linewidth=1, label="lowest possible")
        ax.set(xlim=(0, self.steps), xlabel="step", ylabel="loss of a token")
        ax.legend(frameon=False, loc="upper right")
        return figure

    def _show(self, last):
        from .explore import _bundle

        data, metadata = _bundle(self.draw(), self.alt, small=last)
        if self.handle is None:
            self.handle = display(data, raw=True, metadata=metadata, display_id=True) or False
        elif self.handle:                                   # False: not in a notebook
            update_display(data, raw=True, metadata=metadata, display_id=self.handle.display_id)


class Samples:
    """What the model writes on its way: `texts`, [(step, text), …].

    write: a function of the model → text.   every: steps between two.   tell: is given each line, such as `print`.
    """

    def __init__(self, write, every, tell=None):
        checks.whole("every", every)
        self.write, self.every, self.tell, self.texts = write, every, tell, []

    def __call__(self, trainer, report):
        if report["step"] % self.every == 0:
            self.texts.append((report["step"], trainer.evaluate_untraced(self.write)))
            if self.tell and _first_process():
                self.tell(f"step {report['step']}: {self.texts[-1][1]}")

    def state_dict(self):
        """What a checkpoint keeps."""
        return {"texts": list(self.texts)}

    def load_state_dict(self, state):
        """Go on from there."""
        self.texts = [tuple(text) for text in state["texts"]]


class EarlyStopping:
    """Stops after `patience` evaluations in a row that were no better than the best before.

    name: of what `evaluate` returns, something to make smaller.   Raises ValueError for a patience below 1.
    """

    def __init__(self, patience, name="loss"):
        checks.whole("patience", patience)
        self.patience, self.name = patience, name
        self.best, self.waited = math.inf, 0

    def __call__(self, trainer, report):
        if "evaluated" not in report:
            return
        if self.name not in report["evaluated"]:
            raise ValueError(f"early stopping watches {self.name!r}, evaluated were {', '.join(report['evaluated'])}")
        value = report["evaluated"][self.name]
        if value < self.best:                               # NaN is not
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited >= self.patience:
            trainer.stopped = True

    def state_dict(self):
        """What a checkpoint keeps."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state):
        """Go on from there."""
        self.best, self.waited = state["best"], state["waited"]
