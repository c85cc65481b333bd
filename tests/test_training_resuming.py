"""Whatever differs between a checkpoint and the run that resumes it is carried on exactly, converted, or named in one sentence."""

import properties_resuming as laws
import properties_resuming_models as models
import pytest

from shared import transformer as training

LAWS = [laws.new_options_are_used_and_named, laws.changed_options_are_carried_on, laws.another_optimizer_is_refused,
        models.other_settings_are_used_and_named,
        models.other_models_are_named, models.wrapped_models_fit, laws.callbacks_keep_their_states, laws.other_generators_are_refused,
        laws.older_checkpoints_resume, laws.the_same_run_is_not_named]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, tmp_path):
    law(training, tmp_path)


def test_the_options_of_a_gpt_are_named(tmp_path):
    models.options_of_a_gpt_are_named(training, tmp_path)
