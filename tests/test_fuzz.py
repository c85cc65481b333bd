"""Every public callable, with arguments of any kind: a right result, or an error that names the argument. See `fuzzing`.

FUZZ=1000 in the environment draws so many examples for each, instead of a few.
"""

import os
import re
import warnings

import fuzz_helpers
import fuzz_parts
import fuzz_training
import pytest
from hypothesis import HealthCheck, given, note, settings, strategies

EXAMPLES = int(os.environ.get("FUZZ", 25))
CASES = fuzz_parts.CASES | fuzz_training.CASES | fuzz_helpers.CASES
LEFT_OUT = fuzz_parts.LEFT_OUT | fuzz_helpers.LEFT_OUT


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=strategies.data())
def test_a_right_result_or_an_error_that_names_the_argument(name, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    arguments = case.good()
    free = [argument for argument in arguments if argument not in case.fixed]
    replaced = data.draw(strategies.lists(strategies.sampled_from(free), max_size=2, unique=True)) if free else []
    arguments |= {argument: data.draw(case.values(argument), argument) for argument in replaced}
    try:
        with warnings.catch_warnings(action="ignore"):
            result = case.call(**arguments)
    except case.raises:
        return
    except (ValueError, TypeError) as error:
        said = f"{type(error).__name__}: {error}"
        words = [word for argument in replaced for word in case.words(argument)]
        of_the_system = {"path", "folder"} & set(replaced)
        assert of_the_system or any(re.search(rf"\b{re.escape(word)}\b", said) for word in words), f"{said!r} names none of {words}"
        return
    assert case.law(result, arguments)


def test_everything_public_is_fuzzed_or_left_out_for_a_reason():
    left = [name for name in fuzz_parts.PUBLIC + fuzz_helpers.PUBLIC if not any(name == out or name.startswith(f"{out}.") for out in LEFT_OUT)]
    assert sorted(CASES) == sorted(left)
