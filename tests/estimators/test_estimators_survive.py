"""Studies of estimators in processes of their own: killed, resumed, on a cluster of Dask."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WORKER = Path(__file__).parent / "forest_worker.py"
pytestmark = pytest.mark.thorough


def start(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(WORKER.parent.parent.parent)}
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def told(process):
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return printed.split()[-1]


@pytest.fixture(scope="module")
def undisturbed():
    return told(start("--workers", 1))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_that_was_killed_is_resumed_with_the_same_bits(workers, undisturbed, tmp_path):
    killed = start("--workers", workers, "--store", tmp_path)
    while killed.poll() is None and len(list(tmp_path.glob("*.npz"))) < 4:
        time.sleep(0.002)
    os.killpg(killed.pid, signal.SIGKILL)  # its workers too, as when a machine stops
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    kept = set(tmp_path.glob("*.npz"))
    assert 4 <= len(kept) < 32
    times = {path: path.stat().st_mtime_ns for path in kept}
    assert told(start("--workers", 3 - workers, "--store", tmp_path)) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in kept} == times  # used, not computed again


def test_a_cluster_of_dask_gives_the_same_bits(undisturbed):
    pytest.importorskip("distributed")
    assert told(start("--dask")) == undisturbed
