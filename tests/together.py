"""Trains in one process and in two, by forks of one process that has imported torch: `python -m tests.together FOLDER`.

Each job is a command line of `shared.train`; what each wrote is printed as JSON.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import sys
import time

import torch

from shared import callbacks, train

LINE = ["--d-model", "16", "--num-layers", "1", "--batch", "4", "--warmup", "4", "--every", "3", "--accumulate", "2", "--lr", "0.01"]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start(folder, world, steps, port, rank, words, change):
    """The id of a new process, one of `world`; its streams go to files in the folder."""
    number = os.fork()
    if number:
        return number
    status = 3
    try:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        folder.mkdir(parents=True, exist_ok=True)
        if change:
            change(rank)
        with open(folder / f"out{rank}", "w") as out, open(folder / f"err{rank}", "w") as error:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
                status = train.main([*words, "--folder", str(folder), "--steps", str(steps)])
    finally:
        os._exit(status)


def job(folder, world, steps, *more, change=None, kill=None, task="stories"):
    """Train until `steps` steps are done; kill: (rank, after how many checkpoints). Returns what was seen."""
    port = free_port()
    children = [start(folder, world, steps, port, rank, [task, *LINE, *more], change) for rank in range(world)]
    if kill:
        until = time.monotonic() + 60
        while len(list(folder.glob("step_*.pt"))) < kill[1] and time.monotonic() < until:
            time.sleep(0.005)
        os.kill(children[kill[0]], signal.SIGKILL)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    rows = callbacks.read_log(folder / "log.csv") if (folder / "log.csv").exists() else []
    read = {path.name: path.read_text() for path in folder.iterdir() if path.name.startswith(("out", "err"))}
    return {"statuses": statuses, "losses": [row["loss"] for row in rows], "steps": [row["step"] for row in rows], "tokens": [row["tokens"] for row in rows],
            "evaluated": [row["evaluated loss"] for row in rows if "evaluated loss" in row], "read": read, "norms": [row["norm"] for row in rows]}


def poisoned(rank):
    """The second process meets a loss that is NaN at its second batch."""
    plain, calls = train.F.cross_entropy, []

    def cross_entropy(*arguments, **options):
        calls.append(rank)
        return plain(*arguments, **options) * (float("nan") if rank == 1 and len(calls) == 2 else 1)
    train.F.cross_entropy = cross_entropy


def shuffled(options):
    """A task whose loader shuffles by PyTorch's own source, which differs between processes. Each batch it uses is printed."""
    model, loss, batches, held_out = train.stories(options)
    rows = torch.cat(list(batches(0, number=6)))

    def seen(model, ids):
        if model.training:
            print("batch", (rows[:, None] == ids).all(-1).nonzero()[:, 0].tolist())
        return loss(model, ids)

    return model, seen, lambda epoch: torch.utils.data.DataLoader(rows, batch_size=4, shuffle=True), held_out


def its_own(options):
    """A task whose batches are others in each process, which is a mistake."""
    model, loss, batches, held_out = train.stories(options)
    return model, loss, lambda epoch: batches(epoch + 100 * int(os.environ["RANK"])), held_out


def main(folder):
    """Run all jobs."""
    train.TASKS |= {"shuffled": shuffled, "its own": its_own}
    torch.set_num_threads(1)
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))]).zero_grad()       # imports what the first step imports
    seen = {"one": job(folder / "one", 1, 12), "two": job(folder / "two", 2, 12)}
    schedule = ["--warmup", "12"]                                           # does not depend on the number of steps
    dropped = [*schedule, "--dropout", "0.3"]
    seen["two, dropout"] = job(folder / "two, dropout", 2, 12, *dropped)
    seen["two twice, dropout"] = [job(folder / "two twice", 2, steps, *dropped) for steps in (6, 12)][-1]
    seen["one, longer warm-up"] = job(folder / "one longer", 1, 12, *schedule)
    for name, worlds in {"one, then two": (1, 2), "two, then one": (2, 1)}.items():
        seen[name] = [job(folder / name, world, steps, *schedule) for world, steps in zip(worlds, (6, 12))][-1]
    for name, worlds in {"shuffled, one": (1, 1), "shuffled, two": (2, 2), "shuffled, two, then one": (2, 1)}.items():
        seen[name] = [job(folder / name, world, steps, *schedule, task="shuffled") for world, steps in zip(worlds, (4, 12))][-1]
    seen["its own"] = job(folder / "its own", 2, 1, task="its own")
    seen["poisoned"] = job(folder / "poisoned", 2, 12, change=poisoned)
    seen["odd"] = job(folder / "odd", 2, 12, "--accumulate", "3")
    seen["bfloat16"] = job(folder / "bfloat16", 2, 12, "--precision", "bfloat16")
    seen["float16"] = job(folder / "float16", 2, 12, "--precision", "float16")
    for name, world in {"numbers, one": 1, "numbers, two": 2}.items():      # micro-batches of unequal numbers of letters
        seen[name] = job(folder / name, world, 12, task="numbers")
    seen["killed"] = job(folder / "killed", 2, 400, "--warmup", "400", kill=(1, 1))
    seen["resumed"] = job(folder / "killed", 1, len(seen["killed"]["steps"]) + 5, "--warmup", "400")
    print(json.dumps(seen))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
