"""Training that stops and goes on: the same weights to the last bit, and no fault of data or disk costs what was there."""

import properties_checkpoints as laws
import pytest
from refusals import refused

from shared.transformer import training

LAWS = [laws.resumes_to_the_same_weights, laws.keeps_the_last_and_the_best, laws.damage_is_noticed, laws.a_loss_that_is_not_finite_stops]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, tmp_path):
    law(training, tmp_path)


def test_random_states_come_back():
    laws.random_states_come_back(training)


def test_a_gradient_that_is_not_finite_stops():
    laws.a_gradient_that_is_not_finite_stops(training)


def test_no_space_left(tmp_path, monkeypatch):
    laws.no_space_left(training, tmp_path, monkeypatch)


def test_a_new_run_does_not_touch_the_files_of_a_longer_one(tmp_path):
    laws.run(training, tmp_path).train(5)
    before = laws.names(tmp_path)
    refused(ValueError, "is of a later step than 0: call resume() first, or choose another folder", lambda: laws.run(training, tmp_path).train(1))
    assert laws.names(tmp_path) == before


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    laws.run(training, tmp_path).train(3)
    other, _ = laws.trainer(training, model=laws.torch.nn.Linear(2, 2), folder=tmp_path)
    with pytest.raises(RuntimeError, match="Missing key"):
        other.resume()


def test_what_a_killed_process_left_is_removed(tmp_path):
    made = laws.run(training, tmp_path)
    (tmp_path / ".step_00000001_loss_nan_0.pt.half").write_bytes(b"half")
    made.train(3)
    assert [path.suffix for path in tmp_path.iterdir()] == [".pt"]
