"""The host's loop: dispatch blocks of runs to the devices, fetch them in order, one dispatch ahead."""

import itertools
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from jaxdl.designs import Design
from jaxdl.ensembles.host_program import HostProgram, computed_on_host
from jaxdl.ensembles.processes import in_several_processes
from jaxdl.ensembles.program import Executable, Program
from jaxdl.types import Key

SECONDS_PER_DISPATCH = 0.3  # Ctrl-C waits for one dispatch; much shorter ones would cost more than their work


class Finished(NamedTuple):
    """What this process's devices computed in one dispatch: host arrays with one row for each of `runs`."""

    runs: Int[np.ndarray, " runs"]
    """Numbers of outer runs, in increasing order."""
    results: Any
    """`(outputs, aux)`; with inner sources their axes come second."""


def dispatch(
    program: Program | HostProgram, design: Design, key: Key, setting: Any, runs: Int[np.ndarray, " runs"]
) -> Iterator[Finished]:
    """Compute the given outer runs in their order; on devices the next dispatch is under way while the last is fetched."""
    if isinstance(program, HostProgram):
        yield from itertools.starmap(Finished, computed_on_host(program, design, key, setting, runs))
        return
    executable = program.executable
    num_devices, num_blocks = len(executable.devices), -(-len(runs) // program.block)
    is_alone = all(_is_local(executable))
    pending: deque = deque()
    sent = fetched = 0
    blocks_per_device = 1  # the first dispatch is the measure for the next
    clock = time.monotonic()
    while fetched < num_blocks:
        while sent < num_blocks and len(pending) < (2 if fetched else 1):
            counts = share(min(num_blocks - sent, blocks_per_device * num_devices), num_devices)
            levels = _levels(program, design, runs, sent, counts)
            pending.append((sent, counts, program.execute(key, levels, counts, setting)))
            sent += int(counts.sum())
        start, counts, results = pending.popleft()
        rows = _rows(executable, counts, start, program.block, len(runs))
        began = time.monotonic()
        fetched_results = jax.tree.map(lambda leaf: _gather(leaf, counts, executable, len(rows)), results)  # noqa: B023
        now = time.monotonic()
        seconds, clock = now - clock, now
        if not fetched:
            blocks_per_device = _blocks_per_device(program, executable, seconds / int(counts.max()))
        elif is_alone and now - began > seconds / 2:  # else it was the consumer that took the time
            blocks_per_device = _blocks_within(program, seconds / int(counts.max()))
        fetched += int(counts.sum())
        if len(rows):
            yield Finished(runs[rows], fetched_results)


def share(num_blocks: int, num_devices: int) -> Int[np.ndarray, " devices"]:
    """Split consecutive blocks evenly; earlier devices take one more."""
    return np.array([(num_blocks + num_devices - 1 - device) // num_devices for device in range(num_devices)], np.int32)


def num_outer_runs(program: Program | HostProgram, design: Design) -> int:
    """Runs that the engine addresses: the trial handles the levels of inner sources itself."""
    return int(np.prod([count for axis, count in enumerate(design.shape) if axis not in program.inner]))


def levels_of(
    program: Program | HostProgram, design: Design, runs: Int[np.ndarray, " runs"]
) -> Int[np.ndarray, "runs factors"]:
    """The levels of outer runs, with level 0 of every inner source."""
    inner_runs = design.num_runs // num_outer_runs(program, design)
    return design.levels(runs * inner_runs)


def _blocks_within(program: Program, seconds_per_block: float) -> int:
    return max(1, min(program.capacity, int(SECONDS_PER_DISPATCH / max(seconds_per_block, 1e-6))))


def _blocks_per_device(program: Program, executable: Executable, seconds_per_block: float) -> int:
    """As many blocks as take a moment; in several processes as the first one measured, because all must send the same."""
    blocks = _blocks_within(program, seconds_per_block)
    return from_first_process(blocks) if in_several_processes(executable.devices) else blocks


def from_first_process(value: int) -> int:
    """The number that the first process has; all processes call it, each with its own."""
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def _levels(
    program: Program, design: Design, runs: Int[np.ndarray, " runs"], start: int, counts: Int[np.ndarray, " devices"]
) -> Int[np.ndarray, "blocks block factors"]:
    """Levels of the runs of each device's blocks; a last, partial block is padded with its last run."""
    block = program.block
    chosen = runs[(start * block + np.arange(int(counts.sum()) * block)).clip(max=len(runs) - 1)]
    table = levels_of(program, design, chosen).reshape(-1, block, len(design.shape))
    padded = np.zeros((len(counts), program.capacity, block, len(design.shape)), np.int32)
    for device, blocks in enumerate(np.split(table, np.cumsum(counts)[:-1])):
        padded[device, : len(blocks)] = blocks
    return padded.reshape(-1, block, len(design.shape))


def _is_local(executable: Executable) -> list[bool]:
    return [device.process_index == jax.process_index() for device in executable.devices]


def _rows(
    executable: Executable, counts: Int[np.ndarray, " devices"], start: int, block: int, num_runs: int
) -> Int[np.ndarray, " rows"]:
    """Which of the dispatch's runs this process's devices computed."""
    ends = start + np.cumsum(counts)
    blocks = [
        np.arange(end - count, end)
        for end, count, is_local in zip(ends, counts, _is_local(executable), strict=True)
        if is_local
    ]
    rows = (np.concatenate(blocks)[:, None] * block + np.arange(block)).reshape(-1)
    return rows[rows < num_runs]


def _gather(leaf: jax.Array, counts: Int[np.ndarray, " devices"], executable: Executable, num_rows: int) -> np.ndarray:
    """One host array of `num_rows` runs from this process's buffers `(capacity, block, ...)`."""
    local_counts = [count for count, is_local in zip(counts, _is_local(executable), strict=True) if is_local]
    shards = sorted(leaf.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    filled = [np.asarray(shard.data)[:count] for shard, count in zip(shards, local_counts, strict=True)]
    return np.concatenate([part.reshape(-1, *part.shape[2:]) for part in filled])[:num_rows]
