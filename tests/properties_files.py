"""What must hold of the files of checkpoints, as assertions that take the module with its parts: damage, trust, a full disk."""

import errno
import os
import pathlib
import random
import stat
import warnings

import pytest
from properties_checkpoints import names, run
from properties_training import weights


def damage_is_noticed(parts, folder):
    """Assert that a file with any byte changed or missing is refused, and that the one before it is read."""
    made = run(parts, folder)
    made.train(6)
    old, new = made.checkpoints.paths()
    content = new.read_bytes()
    draw = random.Random(0)
    lengths = [0, 1, 100, len(content) // 2, len(content) - 1]
    flipped = [bytes(content[:place]) + bytes([content[place] ^ 1]) + content[place + 1:] for place in (0, len(content) - 1, *draw.sample(range(len(content)), 20))]
    for wrong in [content[:length] for length in lengths] + [content + b"\0"] + flipped:
        new.write_bytes(wrong)
        with pytest.raises(ValueError, match="is damaged, or renamed: its .* bytes do not have the checksum in its name"):
            parts.read_checkpoint(new)
    again = run(parts, folder)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert again.resume() == 3
    assert "is damaged" in str(told[0].message) and new.name in str(told[0].message)
    again.train(6)
    assert weights(again.model).equal(weights(made.model))
    assert names(folder) == sorted([old.name, new.with_suffix(".damaged").name, again.checkpoints.paths()[-1].name])
    for path in again.checkpoints.paths():
        path.write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="no checkpoint can be read: .*; .*"):
            run(parts, folder).resume()


class Trap:
    """What unpickles itself as a call, as a hostile file does."""

    def __reduce__(self):
        return (os.putenv, ("TRAPPED", "1"))


def nothing_in_a_file_is_run(parts, folder):
    """Assert that reading does not trust a file."""
    path = parts.write_checkpoint(folder / "step_00000001_loss_nan", {"a": Trap()})
    with pytest.raises(Exception, match="[Ww]eights.only"):
        parts.read_checkpoint(path)


def reaches_the_disk_in_order(parts, folder, monkeypatch):
    """Assert that a file is flushed before it gets its name, and its folder after that."""
    calls, fsync, replace = [], os.fsync, os.replace
    with monkeypatch.context() as watched:
        watched.setattr(os, "fsync", lambda number: calls.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file") or fsync(number))
        watched.setattr(os, "replace", lambda *paths: calls.append("name") or replace(*paths))
        parts.write_checkpoint(folder / "a", {})
    assert calls == (["file", "name", "folder"] if os.name == "posix" else ["file", "name"])


def no_space_left(parts, folder, monkeypatch):
    """Assert a clear error wherever the disk fails, nothing left behind, and a run that can go on as if nothing had been."""
    whole = run(parts, folder / "whole")
    whole.train(9)
    for name in ("write", "fsync", "replace", "mkdir"):
        place = folder / name
        made = run(parts, place)
        made.train(0 if name == "mkdir" else 3)
        before = {path.name: path.read_bytes() for path in place.iterdir()} if place.exists() else None
        with monkeypatch.context() as full:
            full.setattr(*FULL[name])
            with pytest.raises(OSError, match=r"step_0000000\d_loss_nan cannot be saved, what is in .* is unharmed: .*No space left"):
                made.train(9)
        if name != "mkdir":
            assert {path.name: path.read_bytes() for path in place.iterdir()} == before
        made.train(9)
        assert weights(made.model).equal(weights(whole.model)) and names(place)[-1].startswith("step_00000009")


def _full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _half_written(path, content):
    """Write to a disk that is full after a hundred bytes."""
    with open(path, "wb") as file:
        file.write(bytes(content[:100]))
    _full()


FULL = {"write": (pathlib.Path, "write_bytes", _half_written), "fsync": (os, "fsync", _full), "replace": (os, "replace", _full), "mkdir": (pathlib.Path, "mkdir", _full)}


def files_belong_together(parts, folder):
    """Assert that of several files none changes where one of them fails, that nothing is left behind, and that a good one is written."""
    one, two = folder / "one", folder / "two"
    parts.files.write_whole(one, lambda half: half.write_text("old"))

    def fail(half):
        half.write_text("half")
        raise KeyError("two")

    with pytest.raises(KeyError):
        parts.files.write_together({one: lambda half: half.write_text("new"), two: fail})
    assert one.read_text() == "old" and names(folder) == ["one"]
    parts.files.write_together({str(one): lambda half: half.write_text("new"), two: lambda half: half.write_bytes(b"two")})
    assert (one.read_text(), two.read_text(), names(folder)) == ("new", "two", ["one", "two"])
