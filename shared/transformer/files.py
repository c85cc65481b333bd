"""Files that are written whole or not at all, and checkpoints with a checksum. Written by hand.

Whatever happens while a file is written, be it a killed process or a full disk, its name stands for the old content or
for the new one, never for half of it.
"""

import hashlib
import io
import math
import os
import pathlib
import pickle
import warnings

import torch

from . import refuse

__all__ = ["write_checkpoint", "read_checkpoint", "Checkpoints"]


# ---- Any file


def write_whole(path, write):
    """Write one file, whole or not at all.

    write: a function of the path of a temporary file beside `path`, which it writes: `write_whole(path, lambda half:
    half.write_text(text, encoding="utf-8"))`, `write_whole(path, lambda half: save_file(tensors, half))`.
    Raises what `write` raises, and OSError if the disk fails; the old file, if there was one, is then as it was.
    """
    write_together({path: write})


def write_together(writers):
    """Write files that belong together: none gets its name before all of them are on the disk.

    writers: {path: write}, with `write` as in `write_whole`.
    """
    writers = {pathlib.Path(path): write for path, write in writers.items()}
    halves = {path: path.with_name(f".{path.name}.half") for path in writers}
    try:
        for path, write in writers.items():
            write(halves[path])
            with open(halves[path], "rb+") as file:                         # Windows flushes only what it may write
                os.fsync(file.fileno())
        for path, half in halves.items():
            os.replace(half, path)
    finally:
        for half in halves.values():
            half.unlink(missing_ok=True)
    for folder in {path.parent for path in writers}:
        _flush_folder(folder)


def _flush_folder(folder):
    """Force the names in a folder onto the disk, too."""
    if os.name == "posix":                                                  # elsewhere folders cannot be opened
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


# ---- Checkpoints


def write_checkpoint(path, state):
    """Write `state` beside `path`, whole or not at all, and return where: its checksum is added to the name.

    state: plain numbers, texts and tensors, in dicts and lists.   Raises OSError if the disk fails.
    """
    buffer, path = io.BytesIO(), pathlib.Path(path)
    torch.save(state, buffer)
    target = path.with_name(f"{path.name}_{checksum(buffer.getbuffer())}.pt")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, lambda half: half.write_bytes(buffer.getbuffer()))
    except OSError as error:
        raise OSError(f"{path.name} cannot be saved, what is in {path.parent} is unharmed: {error}") from error
    return target


def read_checkpoint(path):
    """What `write_checkpoint` wrote, on the CPU. Raises ValueError if a byte of it has changed, or its name."""
    path = pathlib.Path(path)
    content = path.read_bytes()
    refuse.checksum(path, checksum(content), len(content))
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refuse.code_in_file(path, error)


def checksum(content):
    """The first 16 hexadecimal digits of the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


def readable(name, state):
    """`state`, if it can be read again from a checkpoint. Raises TypeError otherwise, which names whose it is."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    try:
        torch.load(buffer, weights_only=True)
    except pickle.UnpicklingError:
        refuse.unreadable(name, state)
    return state


class Checkpoints:
    """The checkpoints in a folder, of which the last `keep` stay, and the one with the smallest loss.

    A file's name holds its step, its loss (or nan) and its checksum.   Raises ValueError for a keep below 1.
    """

    def __init__(self, folder, keep=2):
        refuse.sizes(keep=keep)
        self.folder, self.keep = pathlib.Path(folder), keep

    def paths(self):
        """Those that are there, by their steps."""
        return sorted(self.folder.glob("step_*_loss_*_*.pt"))

    def best(self):
        """The one with the smallest loss; None if none has one."""
        return min((path for path in self.paths() if math.isfinite(_loss_of(path))), key=_loss_of, default=None)

    def is_best(self, loss):
        """Whether this loss is smaller than that of every checkpoint here; None is not."""
        best, loss = self.best(), _as_float(loss)
        return math.isfinite(loss) and (best is None or loss < _loss_of(best))

    def save(self, step, state, loss=None):
        """Write `state`, then remove what need not stay. Raises OSError as `write_checkpoint` does."""
        refuse.sizes(at_least=0, step=step)
        loss = _as_float(loss)
        new = write_checkpoint(self.folder / f"step_{step:08d}_loss_{loss:.9g}", state)
        for path in self.paths()[:-self.keep]:
            if path not in (new, self.best()):
                path.unlink()
        for half in self.folder.glob(".step_*.half"):                       # of a process that was killed
            half.unlink()
        return new

    def load(self):
        """The latest state that can be read, None if there is none; a damaged one is renamed, with a warning.

        Raises ValueError if all are damaged.
        """
        damaged = []
        for path in reversed(self.paths()):
            try:
                return read_checkpoint(path)
            except ValueError as error:
                path.rename(path.with_suffix(".damaged"))
                damaged.append(str(error))
                warnings.warn(f"{error}; the one before is read", stacklevel=2)
        refuse.all_damaged(damaged)
        return None


def _as_float(loss):
    """A loss, in a tensor or not; nan if there is none."""
    refuse.single_loss(loss)
    if loss is None:
        return math.nan
    return float(loss.item() if isinstance(loss, torch.Tensor) else loss)


def _loss_of(path):
    return float(path.stem.split("_")[3])
