"""A resumed run sees the batches of the run that was never interrupted, or it is said that they differ."""

import loaders
import properties_data_order as laws
import pytest

from shared import transformer as training


@pytest.mark.parametrize("name", loaders.LOADERS)
def test_resumes_with_the_same_batches(name, tmp_path):
    laws.resumes_with_the_same_batches(training, tmp_path, {name: loaders.LOADERS[name]})


def test_resumes_with_the_same_batches_of_workers(tmp_path):
    laws.resumes_with_the_same_batches(training, tmp_path, {"workers": lambda: loaders.workers}, stops=(6,))
    laws.resumes_with_the_same_batches(training, tmp_path, {"workers that stay": loaders.persistent}, stops=(2, 4, 6))
    laws.trains_in_pieces_with_workers(training, tmp_path)


LAWS = [laws.resumes_twice_and_trains_in_pieces, laws.accumulates_over_the_end_of_an_epoch, laws.generators_of_the_run_shuffle_too,
        laws.a_source_is_shared_with_the_loss, laws.other_batches_are_named, laws.a_failed_step_loses_no_batch, laws.an_empty_epoch_is_refused, laws.epochs_differ]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, tmp_path):
    law(training, tmp_path)
