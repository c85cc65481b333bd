"""Kills a training process again and again, and says what was left each time: `python -m tests.killed FOLDER SEED`.

The process that kills has imported torch and forks those that train, so that each takes no time to start. Most are killed at
a random moment; of the others each kills itself at one point of saving a checkpoint.
"""

import hashlib
import io
import json
import os
import pathlib
import random
import signal
import sys
import time
import traceback

import numpy
import torch
import torch.nn.functional as F

from shared import callbacks
from shared.transformer import AdamW, Trainer, mean_loss, read_checkpoint

STEPS = 160
RANDOM, POINTS = 14, ("half written", "before fsync", "before replace", "after replace", "before unlink", "after unlink")


def job(folder):
    """A trainer whose every step draws from several sources, with evaluations, a log and early stopping that never comes."""
    torch.manual_seed(0)
    random.seed(1)
    source = numpy.random.default_rng(2)
    model = torch.nn.Sequential(torch.nn.Embedding(11, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 11))

    def batches(epoch):
        ids = torch.randint(11, (7, 2, 5), generator=torch.Generator().manual_seed(epoch))
        return list(ids)

    def loss(model, ids):
        summed = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
        return summed * (1 + 0.1 * random.random() + 0.1 * source.random()), 8

    looking = [callbacks.CSVLog(folder / "log.csv"), callbacks.EarlyStopping(10 ** 6)]
    return Trainer(model, AdamW(model.parameters(), lr=0.01), loss, batches, schedule=lambda step: min(1.0, step / 9), accumulate=2, max_norm=1.0,
                   evaluate=lambda model: {"loss": mean_loss(model, batches(99), loss)}, evaluate_every=5, folder=folder / "checkpoints",
                   save_every=2, callbacks=looking, generators=[source])


def fork(work):
    """The id of a new process that does `work`, and nothing else."""
    number = os.fork()
    if number:
        return number
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def train(folder, point=None, call=0):
    made = job(folder)
    made.resume()
    if point:
        plant(point, call)
    made.train(STEPS)


def plant(point, call):
    """Let this process kill itself at the given call of one function that saves."""
    calls = []

    def now(when):
        if point == when:
            calls.append(when)
            if len(calls) > call:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(function, name):
        def called(*arguments, **options):
            now(f"before {name}")
            result = function(*arguments, **options)
            now(f"after {name}")
            return result
        return called

    def half_written(path, content):
        if point == "half written":
            plain(path, bytes(content[:len(content) // 2]))
            now(point)
        return plain(path, content)

    os.fsync, os.replace = around(os.fsync, "fsync"), around(os.replace, "replace")
    pathlib.Path.unlink = around(pathlib.Path.unlink, "unlink")
    plain, pathlib.Path.write_bytes = pathlib.Path.write_bytes, half_written


def look(folder):
    """What a killed process left: whether each checkpoint can be read, the last one's step, how many halves."""
    files = sorted((folder / "checkpoints").glob("*")) if (folder / "checkpoints").exists() else []
    steps = [read_checkpoint(path)["step"] for path in files if path.suffix == ".pt" and not path.name.startswith(".")]
    return {"step": max(steps, default=0), "files": len(steps), "halves": len(files) - len(steps)}


def ended(folder):
    """What a finished run leaves: a fingerprint of weights, moments and random states, and of the log."""
    state = read_checkpoint(sorted((folder / "checkpoints").glob("*.pt"))[-1])
    buffer = io.BytesIO()
    torch.save([state["model"], state["optimizer"], state["random"], state["progress"], state["callbacks"]], buffer)
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in callbacks.read_log(folder / "log.csv")]
    return {"step": state["step"], "state": hashlib.sha256(buffer.getvalue()).hexdigest(), "rows": hashlib.sha256(repr(rows).encode()).hexdigest()}


def main(folder, seed):
    """Train once undisturbed, once with twenty kills, and print what was seen as JSON."""
    torch.set_num_threads(1)
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))]).zero_grad()       # imports what the first step imports
    draw, folder, seen = random.Random(seed), pathlib.Path(folder), []
    whole, broken = folder / "whole", folder / "broken"
    start = time.perf_counter()
    assert os.waitpid(fork(lambda: train(whole)), 0)[1] == 0
    seconds = time.perf_counter() - start
    kills = [None] * RANDOM + list(POINTS)
    draw.shuffle(kills)
    for point in kills:
        child = fork(lambda: train(broken, point, draw.randrange(3)))
        if point is None:
            time.sleep(draw.uniform(0, seconds / 10))                   # all together less than the whole
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        seen.append(look(broken) | {"point": point, "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL})
    assert os.waitpid(fork(lambda: train(broken)), 0)[1] == 0
    print(json.dumps({"seen": seen, "whole": ended(whole), "broken": ended(broken), "left": look(broken), "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
