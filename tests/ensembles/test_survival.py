"""One hash, whatever happens on the way: devices, shards, processes, growth, kills."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxdl import ensembles

WORKER = Path(__file__).parent / "study_worker.py"
pytestmark = pytest.mark.thorough
ROOT = WORKER.parent.parent.parent


def start(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def told(process, timeout=150):
    printed, errors = process.communicate(timeout=timeout)
    assert process.returncode == 0, errors
    return printed.splitlines()[-1]  # above it may be what the network library has to say


@pytest.fixture(scope="module")
def undisturbed():
    return told(start("run"))


@pytest.mark.parametrize("devices", [4, 8])
def test_any_number_of_devices_gives_the_same_runs(undisturbed, devices):
    assert told(start("run", "--devices", devices)) == undisturbed


def test_shards_in_folders_of_their_own_give_the_same_runs(undisturbed, tmp_path):
    shards = [start("run", "--store", tmp_path / str(k), "--shard", f"{k}/3") for k in (3, 1, 2)]
    assert [told(shard) for shard in shards] == ["unfinished"] * 3
    ensembles.merge(tmp_path / "all", *(tmp_path / str(k) for k in (2, 3, 1)))
    assert told(start("run", "--store", tmp_path / "all")) == undisturbed


def test_a_store_grown_twice_gives_the_same_runs(undisturbed, tmp_path):
    for levels in (3, 7):
        told(start("run", "--store", tmp_path, "--data", levels))
    assert told(start("run", "--store", tmp_path)) == undisturbed


def test_two_writers_of_one_store_are_harmless(undisturbed, tmp_path):
    writers = [start("run", "--store", tmp_path) for _ in range(2)]
    assert {told(writer) for writer in writers} == {undisturbed}


def free_port():
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return listening.getsockname()[1]


@pytest.mark.parametrize("kept", [False, True], ids=["gathered", "stored"])
def test_two_processes_give_the_same_runs(undisturbed, tmp_path, kept):
    port = free_port()
    store = ("--store", tmp_path) if kept else ()
    processes = [start("run", "--process", f"{k}/2", "--port", port, *store) for k in (1, 2)]
    assert [told(process) for process in processes] == [undisturbed] * 2
    if kept:
        assert told(start("run", *store)) == undisturbed


def test_two_processes_share_what_lapack_leaves_to_one_device(tmp_path):
    port = free_port()
    processes = [start("run", "--process", f"{k}/2", "--port", port, "--solve", "--data", 400) for k in (1, 2)]
    assert {told(process) for process in processes} == {told(start("run", "--solve", "--data", 400))}


def test_nothing_finished_is_lost_when_a_peer_dies(undisturbed, tmp_path):
    port = free_port()
    processes = [
        start("run", "--process", f"{k}/2", "--port", port, "--store", tmp_path, "--data", 4000) for k in (1, 2)
    ]
    deadline = time.monotonic() + 100
    while not list(tmp_path.glob("*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    processes[1].send_signal(signal.SIGKILL)
    processes[1].communicate()
    _, errors = processes[0].communicate(timeout=100)
    assert processes[0].returncode != 0, errors  # jax ends the survivor when it misses the other
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert before
    assert told(start("run", "--store", tmp_path)) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in before} == before  # used, not computed again


@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_kills_at_random_moments_lose_at_most_a_block_of_each_device(tmp_path, kills):
    assert f"{kills} kills" in told(
        start("kill", "--store", tmp_path, "--kills", kills, "--seed", 5), timeout=8 * kills
    )
