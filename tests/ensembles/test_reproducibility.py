"""The same bits on 2, 4 and 8 devices, alone or among others, before and after growing, in single precision."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("worker.py")
DEVICE_COUNTS = (2, 4, 8)
pytestmark = pytest.mark.thorough
SECONDS = 300  # batched LAPACK over several devices deadlocks on jax < 0.12 unless the engine prevents it
TRIALS = (
    "mlp",
    "dropout",
    "convolution",
    "early stopping",
    "solve",
    "eigh",
    "svd",
    "lstsq",
    "solve in blocks of one",
    "spectrum",
    "newton",
)


@pytest.fixture(scope="module")
def hashes():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_"))}

    def result_of(count):
        done = subprocess.run(
            [sys.executable, str(WORKER), str(count)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return {count: result_of(count) for count in DEVICE_COUNTS}


@pytest.mark.parametrize("trial", TRIALS)
def test_results_do_not_depend_on_the_number_of_devices(hashes, trial):
    assert len({hashes[count][trial]["whole"] for count in DEVICE_COUNTS}) == 1


@pytest.mark.parametrize("trial", TRIALS)
@pytest.mark.parametrize("count", DEVICE_COUNTS)
def test_results_do_not_depend_on_the_dispatch_the_neighbours_or_the_size_of_the_study(hashes, trial, count):
    found = hashes[count][trial]
    assert found["whole"] == found["one block at a time"]
    assert found["first levels"] == found["before growing"]
    assert found["first run"] == found["alone"]


@pytest.mark.parametrize("trial", TRIALS)
def test_runs_are_finite_and_differ_from_one_another(hashes, trial):
    """So that equal hashes mean something."""
    assert hashes[2][trial]["finite"]
    assert hashes[2][trial]["distinct"] >= 16
