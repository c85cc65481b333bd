"""Every known mistake in training, planted into the exported parts: one of the laws rejects each one."""

import functools
import pathlib
import pickle

import properties_checkpoints as stopping
import properties_files as files
import properties_surroundings as theirs
import properties_training as going
import pytest

from shared.transformer import training
from tests.mistakes.training import MISTAKES

SOURCE = pathlib.Path(training.__file__).read_text(encoding="utf-8")
PARTS = (going.groups_are_matrices_and_vectors, stopping.random_states_come_back, going.buckets_are_right, going.accumulation_is_one_large_batch,
         going.clipping_agrees, going.schedules_agree, stopping.evaluating_leaves_no_trace, stopping.a_gradient_that_is_not_finite_stops,
         going.half_precision_is_close, theirs.only_what_the_optimizer_has_is_clipped, theirs.without_a_schedule_the_rate_is_the_optimizer_s,
         functools.partial(going.optimiser_agrees, steps=10), going.training_is_the_loop_by_hand)
IN_A_FOLDER = (files.nothing_in_a_file_is_run, stopping.nothing_of_another_run_is_lost, files.damage_is_noticed, stopping.keeps_the_last_and_the_best,
               stopping.a_loss_that_is_not_finite_stops, functools.partial(stopping.resumes_to_the_same_weights, stops=(4,)), theirs.a_loader_of_pytorch_resumes,
               theirs.what_is_saved_can_be_read, theirs.small_losses_are_told_apart)
ON_A_DISK = (files.reaches_the_disk_in_order, files.no_space_left)


@pytest.fixture
def compare(changed, monkeypatch, tmp_path):
    """Asserts all laws on the parts of a changed source."""
    def compare(source):
        module = changed(source)
        for law in PARTS:
            law(module)
        for number, law in enumerate(IN_A_FOLDER):
            law(module, made(tmp_path / str(number)))
        for number, law in enumerate(ON_A_DISK):
            law(module, made(tmp_path / f"disk {number}"), monkeypatch)
    return compare


def made(folder):
    folder.mkdir()
    return folder


def test_without_a_mistake_the_laws_hold(compare):
    compare(SOURCE)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_law_rejects(mistake, compare):
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, KeyError, IndexError, OSError, ArithmeticError, StopIteration,
                        pickle.UnpicklingError, pytest.fail.Exception)):
        compare(mistake.plant(SOURCE))
