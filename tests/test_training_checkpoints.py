"""Training that stops and goes on: the same weights to the last bit, and no fault of data or disk costs what was there."""

import properties_checkpoints as laws
import properties_files as files
import properties_surroundings as theirs
import pytest

from shared import transformer as training

LAWS = [laws.resumes_to_the_same_weights, laws.keeps_the_last_and_the_best, files.damage_is_noticed, laws.a_loss_that_is_not_finite_stops,
        laws.nothing_of_another_run_is_lost, files.nothing_in_a_file_is_run, theirs.a_loader_of_pytorch_resumes,
        theirs.what_is_saved_can_be_read, theirs.small_losses_are_told_apart, files.files_belong_together]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, tmp_path):
    law(training, tmp_path)


def test_random_states_come_back():
    laws.random_states_come_back(training)


def test_evaluating_leaves_no_trace():
    laws.evaluating_leaves_no_trace(training)


def test_a_gradient_that_is_not_finite_stops():
    laws.a_gradient_that_is_not_finite_stops(training)


def test_no_space_left(tmp_path, monkeypatch):
    files.no_space_left(training, tmp_path, monkeypatch)


def test_a_file_reaches_the_disk_in_order(tmp_path, monkeypatch):
    files.reaches_the_disk_in_order(training, tmp_path, monkeypatch)
