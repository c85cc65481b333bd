"""A training process that is killed twenty times, also while it saves, ends with the very same weights."""

import json
import os
import subprocess
import sys

import made
import pytest

from tests import killed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_killed_twenty_times_it_ends_with_the_same_weights(tmp_path):
    command = [sys.executable, "-m", "tests.killed", str(tmp_path), "1"]
    done = subprocess.run(command, cwd=made.ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["broken"] == told["whole"] and told["whole"]["step"] == killed.STEPS
    seen = told["seen"]
    assert len(seen) == 20 and all(kill["killed"] for kill in seen if kill["point"])
    assert sum(kill["killed"] for kill in seen) >= 15                       # the others had ended before
    assert len({kill["step"] for kill in seen}) >= 2                        # on a busy machine kills come early
    assert sum(kill["halves"] for kill in seen) >= 3                        # so kills did fall into a save
    assert told["left"]["halves"] == 0 and told["left"]["files"] in (2, 3)
