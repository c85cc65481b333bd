"""Training in two processes makes the steps of one; checkpoints fit both; a process that dies ends the job, which can be resumed."""

import json
import os
import re
import subprocess
import sys

import made
import pytest

from shared import callbacks, train

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
CLOSE = dict(abs=1e-5)                  # float32, sums in another order: what two processes may differ by in a loss


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the jobs of tests/together.py told."""
    command = [sys.executable, "-m", "tests.together", str(tmp_path_factory.mktemp("jobs"))]
    done = subprocess.run(command, cwd=made.ROOT, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "LESSON_DEVICE": "cpu"}


@forks
def test_two_processes_make_the_steps_of_one(seen):
    one, two = seen["one"], seen["two"]
    assert one["statuses"] == [0] and two["statuses"] == [0, 0]
    assert one["steps"] == two["steps"] == list(range(1, 13)) and set(one["tokens"]) == set(two["tokens"]) == {2 * 4 * 60}
    for told in ("losses", "norms", "evaluated"):
        assert two[told] == pytest.approx(one[told], **CLOSE)
    assert one["losses"][-1] < one["losses"][0] - 0.2
    assert two["read"]["out1"] == "" and two["read"]["out0"].splitlines()[0] == "starts with step 1"


@forks
@pytest.mark.parametrize("name", ["one, then two", "two, then one"])
def test_a_checkpoint_fits_one_process_and_two(seen, name):
    assert seen[name]["losses"] == pytest.approx(seen["one, longer warm-up"]["losses"], **CLOSE)
    assert seen[name]["evaluated"] == pytest.approx(seen["one, longer warm-up"]["evaluated"], **CLOSE)
    assert seen[name]["read"]["out0"].startswith("goes on after step 6\n")


@forks
def test_two_processes_go_on_exactly_with_the_dropout_of_each(seen):
    assert seen["two twice, dropout"]["losses"] == seen["two, dropout"]["losses"]
    assert seen["two, dropout"]["losses"] != pytest.approx(seen["one, longer warm-up"]["losses"], **CLOSE)


@forks
@pytest.mark.parametrize("name", ["shuffled, two", "shuffled, two, then one"])
def test_a_loader_that_shuffles_gives_all_processes_the_same_batches(seen, name):
    assert seen[name]["losses"] == pytest.approx(seen["shuffled, one"]["losses"], **CLOSE)


@forks
def test_processes_use_each_example_once_an_epoch(seen):
    """Steps 5 to 12, two batches of four each; an epoch has three steps."""
    read = seen["shuffled, two"]["read"]
    steps = list(zip(*(re.findall("batch (.*)", read[f"out{rank}"]) for rank in (0, 1))))
    assert len(steps) == 8
    for epoch in (steps[2:5], steps[5:8]):
        assert sorted(number for pair in epoch for batch in pair for number in json.loads(batch)) == list(range(24))


@forks
def test_what_differs_is_said_once_by_the_first_process(seen):
    read = seen["shuffled, two, then one"]["read"]
    assert "the number of processes was 2, is 1" in read["err0"]
    own = seen["its own"]["read"]
    assert "batches(0) gives other batches in each process" in own["err0"] and "gives other batches" not in own["err1"]
    assert "differs from this run" not in seen["two twice, dropout"]["read"]["err0"] + seen["shuffled, two"]["read"]["err0"]


@forks
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision(seen, precision):
    assert seen[precision]["statuses"] == [0, 0]
    assert seen[precision]["losses"] == pytest.approx(seen["two"]["losses"], rel=2e-3)


@forks
def test_a_translator_whose_batches_have_unequal_numbers_of_tokens(seen):
    one, two = seen["numbers, one"], seen["numbers, two"]
    assert one["statuses"] == [0] and two["statuses"] == [0, 0]
    assert one["tokens"] == two["tokens"] and len(set(one["tokens"])) > 3 and any(count % 2 for count in one["tokens"])
    for told in ("losses", "norms", "evaluated"):
        assert two[told] == pytest.approx(one[told], **CLOSE)


@forks
def test_errors_are_one_line_of_each_process(seen):
    assert seen["odd"]["statuses"] == [1, 1] and seen["odd"]["losses"] == []
    assert seen["odd"]["read"]["err0"] == "process 0 of 2: accumulate must be a multiple of the 2 processes, got 3\n"
    assert seen["poisoned"]["statuses"] == [1, 1] and seen["poisoned"]["steps"] == [1]
    assert seen["poisoned"]["read"]["err0"] == "process 0 of 2: the loss is nan at step 2, in another process\n"
    assert seen["poisoned"]["read"]["err1"] == "process 1 of 2: the loss is nan at step 2, in batch 4 of epoch 0\n"


@forks
def test_a_killed_process_ends_the_job_which_one_alone_takes_up(seen):
    killed, resumed = seen["killed"], seen["resumed"]
    assert killed["statuses"] == [1, -9]
    assert "process 0 of 2: another process is gone" in killed["read"]["err0"] and "goes on from the last checkpoint in" in killed["read"]["err0"]
    assert resumed["statuses"] == [0] and resumed["steps"] == list(range(1, len(killed["steps"]) + 6))
    assert resumed["losses"][:len(killed["losses"])] == pytest.approx(killed["losses"], **CLOSE)


def test_torchrun_ends_when_a_process_dies_and_goes_on_when_started_again(tmp_path):
    line = ["stories", "--d-model", "16", "--num-layers", "1", "--batch", "4", "--every", "3", "--folder", str(tmp_path)]
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    options = dict(cwd=made.ROOT, capture_output=True, text=True, env=environment())
    died = subprocess.run([*start, "tests.dying", *line, "--steps", "100000"], **options)
    assert died.returncode == 1 and "SIGKILL" in died.stderr and not list(tmp_path.glob("*.damaged"))
    done = len(callbacks.read_log(tmp_path / "log.csv"))
    assert done >= 3
    again = subprocess.run([*start, "shared.train", *line, "--steps", str(done + 4)], **options)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("goes on after step ") and [row["step"] for row in callbacks.read_log(tmp_path / "log.csv")] == list(range(1, done + 5))


def test_the_command_line(tmp_path, capsys):
    folder = str(tmp_path / "a")
    assert train.main(["stories", "--folder", folder, "--steps", "2", "--d-model", "16", "--batch", "2", "--every", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert train.main(["stories", "--folder", folder, "--steps", "1", "--d-model", "15"]) == 1
    assert capsys.readouterr().err.startswith("process 0 of 1: num_heads must divide d_model")
    for wrong in (["poems", "--folder", folder], ["stories"], ["stories", "--folder", folder, "--precision", "int8"]):
        with pytest.raises(SystemExit):
            train.main(wrong)
