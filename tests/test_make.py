"""The Makefile on machines that lack something: one clear line; and what its commands call where nothing does."""

import os
import re
import shutil
import socket
import subprocess
import sys

import made
import pytest

MAKEFILE = (made.ROOT / "Makefile").read_text(encoding="utf-8")
SETTINGS = ("TORCH", "PYTHON", "ARGS", "LESSON", "SEEDS", "SAVE", "DATA", "MFLAGS")      # of the make that runs these tests
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE")) and name not in SETTINGS}

pytestmark = pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="make is not installed: there are three pip lines")


@pytest.fixture
def tree(tmp_path):
    """A copy of what `make` itself needs, in a folder whose name has a space."""
    folder = tmp_path / "a clone"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "data").mkdir()                               # a folder named as a target is: make must not take it for done
    (folder / "notebooks" / "00_start_here.ipynb").touch()
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(made.ROOT / name, folder)
    return folder


def make(tree, *arguments, **environment):
    """Run make, and return its exit status and the lines that it wrote: on stdout, and on stderr without make's own remark."""
    done = subprocess.run(["make", *arguments], cwd=tree, env=ENVIRONMENT | environment, capture_output=True, text=True,
                          encoding="utf-8", stdin=subprocess.DEVNULL)
    return done.returncode, made.lines(done.stdout), made.lines(done.stderr)


def script(path, text):
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def installed(tree):
    """The tree with a .venv that is ready, whose python prints how it was called."""
    script(tree / ".venv" / "bin" / "python", 'echo "$OMP_NUM_THREADS$LESSON_EVIDENCE$LESSON_SCALE|$*"')
    (tree / ".venv" / "installed").write_text(f"{tree}\n")
    return tree


def test_help_lists_every_target_in_one_line_each(tree):
    targets = re.findall(r"^([a-z]+):(?!=)", MAKEFILE, flags=re.MULTILINE)
    status, lines, errors = make(tree)
    assert (status, errors) == (0, [])
    assert [line.split()[:2] for line in lines] == [["make", target] for target in targets]
    assert all(len(line.split()) > 3 and len(line) < 120 for line in lines)
    assert "data" in targets
    assert set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[1].split()) == set(targets)


@pytest.mark.parametrize("arguments, called", [
    (["test"], "1|-m pytest -n 2 --dist loadfile --no-loadscope-reorder"),
    (["test", "ARGS=-k parity"], "1|-m pytest -n 2 --dist loadfile --no-loadscope-reorder -k parity"),
    (["run"], "|-m shared.run"),
    (["run", "LESSON=01", "SEEDS=10", "SAVE=1"], "|-m shared.run --lesson 01 --seeds 10 --save"),
    (["export"], "|-m shared.export"),
    (["evidence", "LESSON=01"], "all|-m shared.run --lesson 01"),
    (["full", "LESSON=05"], "full|-m shared.run --lesson 05"),
    (["data"], "|-m shared.datasets"),
    (["data", "DATA=wnut17"], "|-m shared.datasets wnut17"),
    (["site"], "|-m shared.site"),
])
def test_a_second_time_nothing_is_installed(arguments, called, installed):
    clean = {"OMP_NUM_THREADS": "", "LESSON_EVIDENCE": "", "LESSON_SCALE": ""}
    assert make(installed, *arguments, **clean) == (0, [called], [])


def test_lab_opens_the_first_lesson(installed):
    status, lines, errors = make(installed, "lab", OMP_NUM_THREADS="", LESSON_EVIDENCE="", LESSON_SCALE="")
    assert (status, errors) == (0, [])
    assert re.fullmatch(r"\|-m jupyterlab (--allow-root )?notebooks/00_start_here\.ipynb", lines[0])


def test_a_moved_tree_is_installed_anew(installed):
    (installed / ".venv" / "installed").write_text("/elsewhere\n")
    _, lines, errors = make(installed, "run", PYTHON=str(script(installed / "old", "echo 3.9.2\nexit 1")))
    assert (lines, len(errors)) == ([], 1)


@pytest.mark.parametrize("found, said", [("case $2 in *platform*) echo 3.9.2;; *) exit 1;; esac", "is 3.9.2"), ("exit 127", "is not there")])
@pytest.mark.parametrize("target", ["lab", "test"])
def test_python_too_old_or_missing(target, found, said, tree):
    status, lines, errors = make(tree, target, f"PYTHON={script(tree.parent / 'python3', found)}")
    assert (status, lines, len(errors)) == (2, [], 1)
    assert "Python 3.11 or newer is needed" in errors[0] and said in errors[0] and "make lab PYTHON=" in errors[0]
    assert not (tree / ".venv").exists()


def test_no_venv_module(tree):
    python = script(tree.parent / "python3", f'case $2 in *ensurepip*) exit 1;; *) exec "{sys.executable}" "$@";; esac')
    status, lines, errors = make(tree, "test", f"PYTHON={python}")
    assert (status, lines, len(errors)) == (2, [], 1)
    assert "apt install python3-venv" in errors[0]


def test_no_network(tree):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))                       # bound, and nobody listens
        nowhere = {"PIP_INDEX_URL": f"http://127.0.0.1:{closed.getsockname()[1]}", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
        status, lines, errors = make(tree, "test", f"PYTHON={sys.executable}", **nowhere)
    assert (status, len(errors)) == (2, 1)
    assert lines == ["Installing into .venv (some minutes the first time)"]
    assert errors[0].startswith("Installation failed; is there a network?") and ".venv/install.log" in errors[0]
    assert "127.0.0.1" in (tree / ".venv" / "install.log").read_text(encoding="utf-8")
    assert not (tree / ".venv" / "installed").exists()


def test_keeping_a_pytorch_that_is_not_there(tree):
    python = script(tree.parent / "python3", f'case $2 in *torch*) exit 1;; *) exec "{sys.executable}" "$@";; esac')
    status, lines, errors = make(tree, "test", "TORCH=keep", f"PYTHON={python}")
    assert (status, lines, len(errors)) == (2, [], 1)
    assert "TORCH=keep" in errors[0] and not (tree / ".venv-keep").exists()


def test_keeping_a_pytorch_sees_it_and_installs_no_other(tree):
    (tree / "requirements.txt").write_text("numpy\ntorch==0.1\n")      # this torch is not to be had: there is no network
    kept = subprocess.run([sys.executable, "-c", "import torch; print(torch.__file__)"], capture_output=True, text=True).stdout
    status, lines, errors = make(tree, ".venv-keep/installed", "TORCH=keep", f"PYTHON={sys.executable}", PIP_NO_INDEX="1",
                                 PIP_NO_DEPS="1")
    assert (status, errors) == (0, []), (tree / ".venv-keep" / "install.log").read_text(encoding="utf-8")
    seen = subprocess.run([tree / ".venv-keep" / "bin" / "python", "-c", "import torch; print(torch.__file__)"],
                          capture_output=True, text=True)
    assert seen.stdout == kept and seen.stderr == ""


@pytest.mark.parametrize("arguments, said", [(["test", "TORCH=2.9"], "TORCH must be keep, or not be set; got 2.9"),
                                             (["lab", "LESSON=77"], "There is no lesson 77 in notebooks")])
def test_wrong_settings(arguments, said, installed):
    done = subprocess.run(["make", *arguments], cwd=installed, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 2
    assert [said in line for line in done.stderr.splitlines()] == [True]
