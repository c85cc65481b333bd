"""Every known mistake in the parts of training, planted into one of them: one of the laws rejects each one.

Mistakes among several processes are planted by `make mutants`, since they need processes.
"""

import functools
import pathlib
import pickle
import sys
import types

import loaders
import properties_checkpoints as stopping
import properties_data_order as order
import properties_files as files
import properties_resuming as resuming
import properties_resuming_models as models
import properties_surroundings as theirs
import properties_training as going
import pytest

from shared import transformer
from tests.mistakes import all_mistakes

PARTS = ("refuse", "processes", "randomness", "checkpointing", "files", "data_order", "resuming", "optimisation",
         "training")                                        # each after those that it needs
SOURCES = {part: (pathlib.Path(transformer.__file__).parent / f"{part}.py").read_text(encoding="utf-8") for part in PARTS}
MISTAKES = [(part, mistake) for part, mistakes in all_mistakes().items() if part in PARTS[2:] for mistake in mistakes]
STEPS = (going.groups_are_matrices_and_vectors, going.buckets_are_right, going.accumulation_is_one_large_batch, going.clipping_agrees,
         going.schedules_agree, stopping.evaluating_leaves_no_trace, stopping.a_gradient_that_is_not_finite_stops, going.half_precision_is_close,
         theirs.only_what_the_optimizer_has_is_clipped, theirs.without_a_schedule_the_rate_is_the_optimizer_s,
         functools.partial(going.optimiser_agrees, steps=10), going.training_is_the_loop_by_hand)
STOPS = (stopping.nothing_of_another_run_is_lost, stopping.keeps_the_last_and_the_best, stopping.a_loss_that_is_not_finite_stops,
         functools.partial(stopping.resumes_to_the_same_weights, stops=(4,)), theirs.a_loader_of_pytorch_resumes,
         theirs.what_is_saved_can_be_read)
FILES = (files.nothing_in_a_file_is_run, files.damage_is_noticed, theirs.small_losses_are_told_apart, files.files_belong_together,
         stopping.keeps_the_last_and_the_best, theirs.what_is_saved_can_be_read)
SOME = {name: loaders.LOADERS[name] for name in ("PyTorch's source, one loader", "a generator made once", "a generator function", "map",
                                               "examples changed by PyTorch's source", "examples changed by NumPy's generator")}
ORDER = (functools.partial(order.resumes_with_the_same_batches, loaders=SOME, stops=(6,)), order.a_source_is_shared_with_the_loss,
         order.other_batches_are_named, order.a_failed_step_loses_no_batch,
         order.an_empty_epoch_is_refused, order.resumes_twice_and_trains_in_pieces)
OTHER = (resuming.new_options_are_used_and_named, resuming.changed_options_are_carried_on, resuming.another_optimizer_is_refused,
         models.other_models_are_named, resuming.callbacks_keep_their_states, resuming.other_generators_are_refused,
         resuming.older_checkpoints_resume, resuming.the_same_run_is_not_named, models.other_settings_are_used_and_named, models.wrapped_models_fit)
ON_A_DISK = (files.reaches_the_disk_in_order, files.no_space_left)
LAWS = {"optimisation": (STEPS, (theirs.what_is_saved_can_be_read, resuming.the_same_run_is_not_named)),
        "checkpointing": ((stopping.random_states_come_back, *STEPS), ()), "training": (STEPS, STOPS), "files": ((), FILES),
        "randomness": ((stopping.random_states_come_back,), (*STOPS[-3:], *ORDER)), "data_order": ((), (*ORDER, *STOPS)),
        "resuming": ((stopping.evaluating_leaves_no_trace,), (*OTHER, *STOPS, *ORDER[:1]))}


def compare(part, sources, folder, monkeypatch):
    """Assert the laws of a part, where one's source is changed."""
    package = made_of(sources, monkeypatch)
    plain, in_a_folder = LAWS[part]
    for law in plain:
        law(package)
    for number, law in enumerate(in_a_folder):
        law(package, made(folder / str(number)))
    for number, law in enumerate(ON_A_DISK if part == "files" else ()):
        law(package, made(folder / f"disk {number}"), monkeypatch)


def made_of(sources, monkeypatch):
    """A package with the names of all parts, made of these sources, which import each other."""
    package = types.ModuleType("changed")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "changed", package)
    for part, source in sources.items():
        module = types.ModuleType(f"changed.{part}")
        module.__package__ = "changed"
        monkeypatch.setitem(sys.modules, module.__name__, module)
        setattr(package, part, module)
        exec(compile(source, f"{part}.py", "exec"), vars(module))
        vars(package).update({name: vars(module)[name] for name in vars(module).get("__all__", ())})
    return package


def made(folder):
    folder.mkdir()
    return folder


NOTICED = (AssertionError, ValueError, TypeError, RuntimeError, KeyError, IndexError, OSError, ArithmeticError, StopIteration, AttributeError,
           EOFError, Warning, pickle.UnpicklingError, pytest.fail.Exception)


@pytest.mark.parametrize("part", LAWS)
def test_without_a_mistake_the_laws_hold(part, tmp_path, monkeypatch):
    compare(part, SOURCES, tmp_path, monkeypatch)


@pytest.mark.parametrize(("part", "mistake"), MISTAKES, ids=lambda value: getattr(value, "name", value))
def test_a_law_rejects(part, mistake, tmp_path, monkeypatch):
    with pytest.raises(NOTICED):
        compare(part, SOURCES | {part: mistake.plant(SOURCES[part])}, tmp_path, monkeypatch)
