"""Files that are written whole or not at all, and checkpoints with a checksum. Written by hand.

Whatever happens while a file is written, a killed process or a full disk, its name stands for the old content or for the
new one, never for half of it.
"""

import os
import pathlib

__all__ = []


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
