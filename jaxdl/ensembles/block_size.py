"""How many runs are vectorised together when nobody says: 8 on CPUs, elsewhere what fits in half the memory."""

from collections.abc import Callable
from typing import Any

import jax

from jaxdl.ensembles.dispatch import from_first_process
from jaxdl.ensembles.program import Program

BLOCK_ON_CPU = 8
LARGEST_BLOCK = 1024
SHARE_OF_MEMORY = 0.5  # of an accelerator, for one block: two dispatches and jax's own buffers want the rest


def default_block(devices: tuple[jax.Device, ...], trace: Callable[[int], Program]) -> int:
    """8 on CPUs; elsewhere the largest power of two, up to 1024, whose program fits in half the device's memory.

    A program's memory is linear in the block, so two compilations give it.
    """
    if devices[0].platform == "cpu":
        return BLOCK_ON_CPU
    own = [device for device in devices if device.process_index == jax.process_index()]
    limit = (own[0].memory_stats() or {}).get("bytes_limit")
    block = BLOCK_ON_CPU
    if limit is not None:
        sizes = (BLOCK_ON_CPU, 2 * BLOCK_ON_CPU)
        small, large = (program_bytes(trace(size).executable.compiled.memory_analysis()) for size in sizes)
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


def program_bytes(memory: Any) -> int:
    """Memory of a compiled program on one device: its arguments, results and temporaries."""
    parts = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    return sum(getattr(memory, part, 0) for part in parts)
