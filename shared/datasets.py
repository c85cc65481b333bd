"""Real data sets, for those who want them: found on this machine, checked and parsed; downloaded only when asked.

`data/datasets.json` names the sets: where each comes from, its licence, and the size and sha256 of its files. A file lies
in `data/cache/`, or in the folder that the environment's LESSON_DATA names, under its path there, such as
`wnut17/emerging.dev.conll`. `make data`, or `python -m shared.datasets [wnut17 …]`, downloads into `data/cache/`.
"""

import argparse
import hashlib
import http.client
import json
import os
import pathlib
import sys
import textwrap
import urllib.request

from . import parsers

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
MANIFEST = DATA / "datasets.json"
CACHE = DATA / "cache"
TIMEOUT = 30                    # seconds to wait for a server that says nothing
BLOCK = 1 << 16                 # bytes between two reports of progress


def names():
    """The names of the sets."""
    return list(json.loads(MANIFEST.read_text(encoding="utf-8")))


def load(name):
    """The set `name` as Python's lists; `shared.parsers` says for each set what they hold.

    Raises ValueError for another name and for a damaged file, FileNotFoundError, saying how to get it, for one not here.
    """
    files = {}
    for file in _entry(name)["files"]:
        path = _find(name, file)
        content = path.read_bytes()
        if fault := _fault(file, content):
            raise ValueError(f"{path} is damaged: {fault}. `make data DATA={name}` downloads a good one")
        files[path.name] = content
    return parsers.BY_SET[name](files)


def text(path):
    """A text file of yours as a str: line ends are made "\\n", and a byte order mark is dropped.

    Raises FileNotFoundError, IsADirectoryError, and ValueError for a file that is empty or not UTF-8.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: expected a text file")
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there; looked from {pathlib.Path.cwd()}")
    content = path.read_bytes()
    try:
        written = content.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{content[error.start]:02x} at position {error.start}"
        raise ValueError(f"{path} is not UTF-8 ({byte}): save it as UTF-8 first") from None
    if not written:
        raise ValueError(f"{path} is empty: expected some text")
    return written


def describe(name):
    """What the set `name` is, how large, whose, and on what terms: a text to print. ValueError for another name."""
    about = _entry(name)
    files = about["files"]
    size = f"{_megabytes(sum(file['bytes'] for file in files))}, {len(files)} file{'s' if len(files) > 1 else ''}"
    rows = {"task": about["task"], "size": size, "licence": about["licence"], "note": about["note"],
            "citation": about["citation"], "source": about["repository"]}
    return "\n".join([f"{about['title']} ({name})", *(_row(label, value) for label, value in rows.items())])


def download(name, to=None):
    """Download the files of the set `name` into the folder `to`, by default `data/cache/`, and print a line for each.

    A file that is there already and right is kept. A file appears only whole and checked: after a fault nothing is left
    behind, and another call goes on with the files that are missing. Raises ValueError for another name and for a file
    that is not the expected one, OSError where the network, the server or the disk fails.
    """
    about = _entry(name)
    print(f"{name}: {about['title']}; licence: {about['licence']}", flush=True)
    for file in about["files"]:
        target = pathlib.Path(to or CACHE, file["path"])
        if target.is_file() and not _fault(file, target.read_bytes()):
            done = "here already"
        else:
            _write(file, _receive(file), target)
            done = "downloaded"
        print(f"  {file['path']}: {_megabytes(file['bytes'])} {done}", flush=True)


def _entry(name):
    sets = json.loads(MANIFEST.read_text(encoding="utf-8"))
    if name not in list(sets):
        raise ValueError(f"name must be one of {', '.join(sets)}, got {name!r}")
    return sets[name]


def _find(name, file):
    """Where the file lies: in the cache, else in the folder of LESSON_DATA."""
    elsewhere = os.environ.get("LESSON_DATA")
    for folder in (CACHE, elsewhere):
        if folder and pathlib.Path(folder, file["path"]).is_file():
            return pathlib.Path(folder, file["path"])
    raise FileNotFoundError(
        f"{file['path']} is neither in {CACHE} nor in the folder that LESSON_DATA names ({elsewhere or 'not set'}). "
        f"`make data DATA={name}` (without make: `python -m shared.datasets {name}`) downloads it. If you have the file, "
        f"set the environment's LESSON_DATA to the folder that holds {file['path']}")


def _fault(file, content):
    """What is wrong with a file's content, or None."""
    found = hashlib.sha256(content).hexdigest()
    if found == file["sha256"]:
        return None
    return f"expected sha256 {file['sha256']} ({file['bytes']:,} bytes), found {found} ({len(content):,} bytes)"


def _receive(file):
    """The content of the file at its address, checked."""
    source, content = f"{file['path']} from {file['url']}", bytearray()
    try:
        with urllib.request.urlopen(file["url"], timeout=TIMEOUT) as answer:
            while len(content) <= file["bytes"] and (block := answer.read(BLOCK)):      # never more than expected
                content += block
                if sys.stdout.isatty():
                    print(f"  {file['path']}: {100 * len(content) // file['bytes']} %", end="\r", flush=True)
        if len(content) < file["bytes"]:
            raise EOFError(f"it ended after {len(content):,} of {file['bytes']:,} bytes")
    except (OSError, EOFError, http.client.HTTPException) as error:
        raise OSError(f"{source}: {' '.join(str(error).split()) or type(error).__name__}") from None
    if fault := _fault(file, content):
        raise ValueError(f"{source} is not the expected file: {fault}")
    return content


def _write(file, content, target):
    """Write beside `target` first, so that nobody ever sees half a file there."""
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(f"{file['path']} from {file['url']} cannot be written: {error}") from None


def _megabytes(size):
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _row(label, value):
    return textwrap.fill(value, width=100, initial_indent=f"  {label:10}", subsequent_indent=" " * 12,
                         break_long_words=False, break_on_hyphens=False)


def main(arguments=None):
    """Download the sets that `arguments` name, or all; return the exit status: 1 if one could not be had."""
    parser = argparse.ArgumentParser(prog="python -m shared.datasets", description="Download real data sets into data/cache.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(names())} (default: all of them)")
    failed = False
    for name in parser.parse_args(arguments).names or names():
        try:
            download(name)
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr, flush=True)
            failed = True
    return int(failed)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")
    sys.exit(main())
