"""How many runs are vectorised together when nobody says: 8 on CPUs, elsewhere as many as compute fastest."""

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl.ensembles.dispatch import from_first_process
from jaxdl.ensembles.processes import in_several_processes
from jaxdl.ensembles.program import Program
from jaxdl.types import Key

BLOCK_ON_CPU = 8
FIRST_BLOCK = 1024
"""Small networks fill an accelerator at about so many runs."""
LARGEST_BLOCK = 8192
BLOCK_WITHOUT_MEMORY = 256
"""Where the device does not say how much memory it has."""
SHARE_OF_MEMORY = 0.5  # of an accelerator, for one block: two dispatches and jax's own buffers want the rest
GAIN = 1.1
"""The rate that twice the block must bring, relative to the block: larger ones wait longer for their slowest run."""
LOSS = 0.95
"""The rate that half the block may cost."""
SECONDS_TIMED = 0.1
SECONDS_OF_ONE = 1.0
"""An execution that takes longer is timed once: what the first one loses is little beside it."""


def default_block(
    devices: tuple[jax.Device, ...], trace: Callable[[int], Program], num_runs: int, key: Key, setting: Any
) -> int:
    """8 on CPUs; elsewhere the block with the most runs a second, among those that fit in half of the device's memory."""
    if devices[0].platform == "cpu":
        return BLOCK_ON_CPU
    own = [device for device in devices if device.process_index == jax.process_index()]
    limit = (own[0].memory_stats() or {}).get("bytes_limit")
    if limit is None:
        warnings.warn(
            f"block: the device does not say how much memory it has, so that no block above {BLOCK_WITHOUT_MEMORY} is tried; "
            "pass Engine(block=...) where a larger one fits",
            stacklevel=2,
        )
    budget = np.inf if limit is None else SHARE_OF_MEMORY * limit

    def rate(block: int) -> float:
        measured = _runs_per_second(trace(block), budget, key, setting)
        if not in_several_processes(devices):
            return measured
        # One of the processes decides, so that all try the same blocks. Whole numbers are sent; zero is what does not fit.
        return from_first_process(min(2**31 - 1, math.ceil(1000 * measured))) / 1000

    enough = 2 ** max(0, (-(-num_runs // len(devices)) - 1).bit_length())
    largest = LARGEST_BLOCK if limit is not None else BLOCK_WITHOUT_MEMORY
    return fastest_block(rate, first=min(FIRST_BLOCK, largest), largest=max(BLOCK_ON_CPU, min(largest, enough)))


def fastest_block(rate: Callable[[int], float], *, first: int, largest: int) -> int:
    """The power of two from 8 to `largest` at which doubling gains little and halving costs much.

    Args:
        rate: runs a second at a block; 0 where it does not fit.
        first: the block to begin with, a power of two.
        largest: none beyond is tried.

    >>> fastest_block(lambda block: min(block, 100), first=1024, largest=8192)
    128
    >>> fastest_block(lambda block: block if block <= 512 else 0, first=1024, largest=8192)
    512
    """
    block = min(first, largest)
    now = rate(block)
    while now == 0 and block > BLOCK_ON_CPU:
        block //= 2
        now = rate(block)
        largest = block
    begun = block
    while 2 * block <= largest and (twice := rate(2 * block)) >= GAIN * now:
        block, now = 2 * block, twice
    while begun == block > BLOCK_ON_CPU and (half := rate(block // 2)) >= LOSS * now:
        block, begun, now = block // 2, block // 2, max(half, now)
    return block


def program_bytes(memory: Any) -> int:
    """Memory of a compiled program on one device: its arguments, results and temporaries."""
    parts = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    return sum(getattr(memory, part, 0) for part in parts)


def _runs_per_second(program: Program, budget: float, key: Key, setting: Any) -> float:
    """Of full blocks, one on each device; 0 where a block takes more memory than the budget."""
    try:
        if program_bytes(program.executable.compiled.memory_analysis()) > budget:
            return 0.0
        num_devices, sources = len(program.devices), program.arguments[1].shape[1]
        levels = np.zeros((num_devices * program.capacity, program.block, sources), np.int32)
        counts = np.ones(num_devices, np.int32)
        started = time.monotonic()
        jax.block_until_ready(program.execute(key, levels, counts, setting))
        first = time.monotonic() - started
        if first > SECONDS_OF_ONE:
            return num_devices * program.block / first
        num_done, started = 0, time.monotonic()  # a short first execution is slower than the next ones
        while time.monotonic() - started < SECONDS_TIMED:
            jax.block_until_ready(program.execute(key, levels, counts, setting))
            num_done += 1
        return num_done * num_devices * program.block / (time.monotonic() - started)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return 0.0
