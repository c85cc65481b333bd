"""Whether everything is installed that the lessons import, in a version that they can use."""

import importlib.metadata
import sys

from packaging.requirements import Requirement

OLDEST_PYTHON = (3, 11)
PROJECT = "transformer-lessons-shared"


def check():
    """Print one line if Python and all packages of the project are there and new enough.

    Raises RuntimeError naming every package that is missing or too old, and the command that installs it.
    """
    wrong = [] if sys.version_info >= OLDEST_PYTHON else [f"Python is {sys.version_info.major}.{sys.version_info.minor}, 3.11 is needed"]
    for package in needed():
        try:
            version = importlib.metadata.version(package.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{package.name} is missing")
            continue
        if not package.specifier.contains(version, prereleases=True):
            wrong.append(f"{package.name} is {version}, {package.specifier} is needed")
    if wrong:
        raise RuntimeError(f"{'; '.join(wrong)}. In the project's folder run: make lab (or: pip install -r requirements.txt)")
    print(f"✓ installed: Python, {', '.join(package.name for package in needed())}")


def needed():
    """The packages that the lessons import, and their versions, as pyproject.toml says."""
    return [Requirement(line) for line in importlib.metadata.requires(PROJECT)]
