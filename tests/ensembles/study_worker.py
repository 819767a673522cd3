"""A study in a process of its own, for the tests of stores, shards and processes: prints a hash of all its runs.

python study_worker.py run [--devices N] [--store FOLDER] [--shard k/K] [--process k/K --port PORT] [--data LEVELS] [--solve]
python study_worker.py kill --store FOLDER --kills N --seed S
"""

import argparse
import functools
import hashlib
import os
import random
import signal
import struct
import sys
import tempfile
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import designs, ensembles, files
from jaxdl.ensembles import dispatch
from jaxdl.files import from_npz

BLOCK = 4
DELAY = 0.15  # seconds in which the slow study brings a record to the disk


def trained(keys, setting):
    """Gradient descent on a small network: enough arithmetic for last bits to differ where anything is not as it should be."""
    x = jax.random.normal(keys["data"], (16, 5))
    y = jnp.sin(jnp.sum(x, axis=1))
    w, v = jax.random.normal(keys["init"], (5, 8)) / 2, jnp.ones(8) / 8

    def loss(weights):
        return jnp.mean((jnp.tanh(x @ weights[0]) @ weights[1] - y) ** 2)

    def step(_, weights):
        return jax.tree.map(lambda weight, slope: weight - setting * slope, weights, jax.grad(loss)(weights))

    w, v = jax.lax.fori_loop(0, 30, step, (w, v))
    return jnp.tanh(x @ w) @ v


def solved(keys, setting):
    """Ridge regression through LAPACK, which older versions of JAX leave to one device."""
    x = jax.random.normal(keys["data"], (16, 5))
    return jnp.linalg.solve(x.T @ x + setting * jnp.eye(5), x.T @ jax.random.normal(keys["init"], (16,)))


def run(devices=2, store=None, shard=(1, 1), data=12, key=0, trial=trained):
    """A hash of every run's outputs, or the text of what is missing."""
    jax.config.update("jax_compilation_cache_dir", os.path.join(tempfile.gettempdir(), "jaxdl-test-cache"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    ensembles.use_cpu_devices(devices)
    design, settings = designs.crossed(data=data, init=4), jnp.array([0.05, 0.2])
    try:
        runs = ensembles.run(
            trial,
            design,
            jax.random.key(key),
            settings=settings,
            engine=ensembles.Engine(block=BLOCK, store=store, shard=shard),
        )
    except ensembles.UnfinishedStudyError:
        return "unfinished"
    return hashlib.sha256(np.ascontiguousarray(runs.outputs).tobytes()).hexdigest()


def kill(store, kills, seed):
    """Kill the study at random moments until it has died `kills` times; every finished one is compared with a quiet one."""
    moments = random.Random(seed)
    died = finished = 0
    ended = False
    while died < kills or not ended or finished < 2:
        folder = Path(store) / str(finished)
        # Undisturbed after the last kill, until the study that it hit has come to its end, and two have.
        seconds = moments.uniform(0.3, 2.5) if died < kills else None
        lost, status, told = killed_once(folder, finished, seconds)
        ended = status == 0
        if ended:
            quiet = in_child(functools.partial(run, key=finished))[2]
            assert told == quiet, f"study {finished}: {told} after kills, {quiet} without"
            finished += 1
            continue
        assert status == -signal.SIGKILL, status
        assert lost <= 2, f"{lost} computed blocks were lost on 2 devices"
        died += 1
        for path in folder.glob("*.npz"):
            from_npz(path.read_bytes())  # raises when damaged
    print(f"{died} kills, {finished} studies finished")


def killed_once(folder, key, seconds):
    """Run the study in a child for that long; returns the computed blocks that are not stored, status and hash."""
    before = stored_blocks(folder)

    def slow_run():
        execute = dispatch.dispatch

        def counting(program, design, key, setting, runs):
            for finished in execute(program, design, key, setting, runs):
                os.write(counter, struct.pack("i", -(-len(finished.runs) // BLOCK)))
                yield finished

        fsync = os.fsync

        def slow_fsync(descriptor):
            time.sleep(DELAY)  # where a kill hurts most: a record is written and not yet renamed
            fsync(descriptor)

        files.os.fsync = slow_fsync
        dispatch.SECONDS_PER_DISPATCH = 0.0  # a dispatch of one block on each device
        sys.modules["jaxdl.ensembles.stream"].dispatch = counting
        return run(store=folder, key=key)

    count, counter = os.pipe()
    _, status, told = in_child(slow_run, seconds)
    os.close(counter)
    computed = sum(value for (value,) in struct.iter_unpack("i", os.read(count, 10**6)))
    os.close(count)
    return computed - (stored_blocks(folder) - before), status, told


def stored_blocks(folder):
    """Blocks in all records of a folder."""
    return sum(-(-len(from_npz(path.read_bytes())["levels"]) // BLOCK) for path in folder.glob("*.npz"))


def in_child(work, seconds=None):
    """`(pid, status, what it returned)` of `work` in a forked process, which is killed after `seconds`.

    A fork, because it shares what this process has imported; JAX's backend starts in the child.
    """
    answer, told = os.pipe()
    child = os.fork()
    if not child:
        os.write(told, work().encode())
        os._exit(0)
    os.close(told)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    text = os.read(answer, 1000).decode()
    os.close(answer)
    return child, os.waitstatus_to_exitcode(status), text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("run", "kill"))
    for name, default in (("devices", 2), ("data", 12), ("port", 0), ("kills", 0), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--store")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--process")
    parser.add_argument("--solve", action="store_true")
    arguments = parser.parse_args()
    if arguments.task == "kill":
        warnings.filterwarnings("ignore", message="os.fork")
        kill(arguments.store, arguments.kills, arguments.seed)
        return
    if arguments.process:
        position, count = map(int, arguments.process.split("/"))
        ensembles.use_cpu_devices(arguments.devices)
        jax.distributed.initialize(
            f"localhost:{arguments.port}", num_processes=count, process_id=position - 1, heartbeat_timeout_seconds=10
        )
    position, count = map(int, arguments.shard.split("/"))
    trial = solved if arguments.solve else trained
    print(run(arguments.devices, arguments.store, (position, count), arguments.data, trial=trial))


if __name__ == "__main__":
    main()
