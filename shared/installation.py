"""Whether everything is installed that the lessons import, in a version that they can use."""

import importlib.metadata
import re
import sys

OLDEST_PYTHON = (3, 11)
PROJECT = "transformer-lessons-shared"


def check():
    """Print one line if Python and all packages of the project are there and new enough.

    Raises RuntimeError naming every package that is missing or too old, and the command that installs it.
    """
    wrong = [] if sys.version_info >= OLDEST_PYTHON else [f"Python is {sys.version_info.major}.{sys.version_info.minor}, 3.11 is needed"]
    names = []
    for name, oldest in needed():
        names.append(name)
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if _numbers(version) < _numbers(oldest):
            wrong.append(f"{name} is {version}, {oldest} is needed")
    if wrong:
        raise RuntimeError(f"{'; '.join(wrong)}. In the project's folder run: make lab (or: pip install -r requirements.txt)")
    print(f"✓ installed: Python, {', '.join(names)}")


def needed():
    """(name, oldest version) of each package that the lessons import, as pyproject.toml says."""
    lines = importlib.metadata.requires(PROJECT) or []
    return [re.fullmatch(r"([\w.-]+)>=([\d.]+)", line).groups() for line in lines]


def _numbers(version):
    """"2.13.0+cpu" → (2, 13, 0)"""
    return tuple(int(number) for number in re.match(r"\d+(\.\d+)*", version)[0].split("."))
