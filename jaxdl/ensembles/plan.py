"""What a study will take, from one compiled program and a few timed blocks of it."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from jaxdl.designs import Design
from jaxdl.ensembles.dispatch import dispatch, from_first_process, num_outer_runs
from jaxdl.ensembles.program import Program
from jaxdl.types import Key

BLOCK_ON_CPU = 8
SECONDS_TIMED = 0.6
LARGEST_BLOCK = 1024
SHARE_OF_MEMORY = 0.5  # of an accelerator, for one block: two dispatches and jax's own buffers want the rest


class Plan(NamedTuple):
    """The size of a study; every number but `seconds` is exact for this machine and these versions."""

    num_runs: int
    """Over all settings."""
    num_settings: int
    block: int
    num_devices: int
    block_bytes: int
    """Memory of the program on one device: its arguments, results and temporaries."""
    results_bytes: int
    """What all runs return, on the host."""
    block_flops: float
    """Floating-point operations of one block as XLA counts them, the body of a loop once."""
    compile_seconds: float
    block_seconds: float
    """Of one block on each device, side by side."""
    measuring_seconds: float
    """What it took to find that."""

    @property
    def seconds(self) -> float:
        """Time of all runs, without the compilation."""
        runs_at_once = self.block * self.num_devices
        return self.num_settings * -(-self.num_runs // self.num_settings // runs_at_once) * self.block_seconds


def measure_plan(program: Program, design: Design, key: Key, settings: list[Any]) -> tuple[Plan, Any]:
    """Compile, time a few blocks on every device, and return the plan and the first ones' `(outputs, aux)` on the host."""
    started = time.monotonic()
    executable = program.executable
    compile_seconds = time.monotonic() - started
    num_runs = num_outer_runs(program, design)
    at_once = program.block * len(executable.devices)
    runs = np.arange(min(num_runs, at_once))
    ((_, results),) = dispatch(program, design, key, settings[0], runs)
    seconds_of_one = _seconds(program, design, key, settings[0], runs)
    # As the real runs are dispatched: a single small block would cost more to send than to compute.
    some = np.arange(min(num_runs, at_once * max(1, int(SECONDS_TIMED / seconds_of_one))))
    block_seconds = _seconds(program, design, key, settings[0], some) / -(-len(some) // at_once)
    memory = executable.compiled.memory_analysis()
    costs = executable.compiled.cost_analysis() or {}
    bytes_of_run = sum(leaf.nbytes for leaf in jax.tree.leaves(results)) / len(runs)
    plan = Plan(
        num_runs=design.num_runs * len(settings),
        num_settings=len(settings),
        block=program.block * (design.num_runs // num_runs),
        num_devices=len(executable.devices),
        block_bytes=_bytes(memory),
        results_bytes=round(bytes_of_run * num_runs * len(settings)),
        block_flops=float(costs.get("flops", float("nan"))),
        compile_seconds=compile_seconds,
        block_seconds=block_seconds,
        measuring_seconds=time.monotonic() - started - compile_seconds,
    )
    return plan, results


def default_block(devices: tuple[jax.Device, ...], trace: Callable[[int], Program]) -> int:
    """8 on CPUs; elsewhere the largest power of two, up to 1024, whose program fits in half the device's memory.

    A program's memory is linear in the block, so that two compilations tell it.
    """
    if devices[0].platform == "cpu":
        return BLOCK_ON_CPU
    own = [device for device in devices if device.process_index == jax.process_index()]
    limit = (own[0].memory_stats() or {}).get("bytes_limit")
    block = BLOCK_ON_CPU
    if limit is not None:
        sizes = (BLOCK_ON_CPU, 2 * BLOCK_ON_CPU)
        small, large = (_bytes(trace(size).executable.compiled.memory_analysis()) for size in sizes)
        block = largest_block(SHARE_OF_MEMORY * limit, small, large)
    return block if len(own) == len(devices) else from_first_process(block)


def largest_block(budget: float, bytes_of_8: int, bytes_of_16: int) -> int:
    """The largest power of two from 8 to 1024 whose memory, linear through two points, is within the budget.

    >>> largest_block(budget=1000.0, bytes_of_8=108, bytes_of_16=208)
    64
    """
    each = max((bytes_of_16 - bytes_of_8) / BLOCK_ON_CPU, 0)
    fixed = bytes_of_8 - BLOCK_ON_CPU * each
    block = BLOCK_ON_CPU
    while 2 * block <= LARGEST_BLOCK and fixed + 2 * block * each <= budget:
        block *= 2
    return block


def _seconds(program: Program, design: Design, key: Key, setting: Any, runs: Int[np.ndarray, " runs"]) -> float:
    started = time.monotonic()
    for _ in dispatch(program, design, key, setting, runs):
        pass
    return time.monotonic() - started


def _bytes(memory: Any) -> int:
    parts = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    return sum(getattr(memory, part, 0) for part in parts)
