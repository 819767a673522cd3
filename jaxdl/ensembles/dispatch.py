"""The host's loop: dispatch blocks of runs to the devices, fetch them in run order, one dispatch ahead."""

import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.designs import Design
from jaxdl.ensembles.devices import ensemble_devices
from jaxdl.ensembles.program import Program, compile_program
from jaxdl.ensembles.progress import progress_of
from jaxdl.types import Key, Outputs, Trial

SECONDS_PER_DISPATCH = 0.3  # Ctrl-C waits for one dispatch; much shorter ones would cost more than their work


class Chunk(NamedTuple):
    """Consecutive runs of one setting, as host arrays whose first axis is the run."""

    setting: int
    first_run: int
    outputs: Outputs
    aux: Any


def stream(
    trial: Trial,
    design: Design,
    key: Key,
    *,
    settings: Any = None,
    inner: Sequence[str] = (),
    block: int = 8,
    devices: Sequence[jax.Device] | None = None,
    progress: bool = False,
) -> Iterator[Chunk]:
    """Run every cell of the design at every setting, and yield the outputs in run order, setting by setting.

    Memory does not grow with the number of runs. How many runs come in one chunk depends on timing; their bits do not:
    a run is a function of (root key, levels, setting, block) on one platform and version.

    Args:
        trial: `trial(keys)`, or `trial(keys, setting)` when there are settings; returns outputs (any pytree of arrays) or
            a pair `(outputs, aux)`.
        design: sources, levels and layout.
        key: the root key of the study.
        settings: a pytree with one common leading axis; each slice is one traced setting, so that all share one
            compilation and, through the keys, their random numbers.
        inner: trailing sources of the design whose levels the trial handles itself: `keys[name]` then has a leading axis
            over the levels, and every output begins with it. For work that is shared by all of them.
        block: runs that are vectorised together; part of the study's identity.
        devices: by default all local devices.
        progress: show progress on standard error.

    Raises:
        ValueError: when arguments do not fit together, or the trial reads a source that the design lacks.
    """
    inner_axes = _inner_axes(design, inner)
    _check_arguments(key, block)
    num_settings = count_settings(settings)
    chosen = ensemble_devices(devices)
    first = None if settings is None else _setting_at(settings, 0)
    program = compile_program(trial, design, inner_axes, block, chosen, key, first)
    _warn(design, program, chosen)

    def chunks() -> Iterator[Chunk]:
        with progress_of(design.num_runs * num_settings, progress) as advance:
            for index in range(num_settings):
                setting = None if settings is None else _setting_at(settings, index)
                for first_run, outputs, aux in _dispatch(program, design, inner_axes, block, key, setting):
                    advance(len(jax.tree.leaves(outputs)[0]))
                    yield Chunk(index, first_run, outputs, aux)

    return chunks()


def count_settings(settings: Any) -> int:
    """The length of the leading axis that all leaves of `settings` share; 1 without settings."""
    if settings is None:
        return 1
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(settings)]
    if not shapes or any(len(shape) == 0 or shape[0] != shapes[0][0] for shape in shapes) or shapes[0][0] == 0:
        msg = (
            f"got settings of shapes {shapes}; every leaf needs the same, non-empty leading axis, one entry for each setting: "
            "jnp.array([0.1, 1.0]), not a list"
        )
        raise ValueError(msg)
    return shapes[0][0]


def _setting_at(settings: Any, index: int) -> Any:
    # As strongly typed arrays, so that Python numbers and arrays of one dtype share a compilation.
    return jax.tree.map(lambda leaf: (leaf if isinstance(leaf, jax.Array) else np.asarray(leaf))[index], settings)


def _dispatch(program: Program, design: Design, inner: tuple[int, ...], block: int, key: Key, setting: Any) -> Iterator:
    """Yield `(first_run, outputs, aux)`; the next dispatch is under way while the last is fetched."""
    inner_runs = int(np.prod([design.shape[axis] for axis in inner]))
    outer_runs = design.num_runs // inner_runs
    num_blocks = -(-outer_runs // block)
    pending: deque = deque()
    sent = fetched = 0
    blocks_per_device = 1  # the first dispatch is the measure for the next
    clock = time.monotonic()
    while fetched < num_blocks:
        while sent < num_blocks and len(pending) < (2 if fetched else 1):
            counts = _share(min(num_blocks - sent, blocks_per_device * program.num_devices), program.num_devices)
            levels = _levels(design, sent, counts, block, program.capacity, outer_runs, inner_runs)
            pending.append((sent, counts, program.execute(key, levels, counts, setting)))
            sent += int(counts.sum())
        start, counts, results = pending.popleft()
        first, last = start * block, min((start + int(counts.sum())) * block, outer_runs)
        outputs, aux = jax.tree.map(lambda leaf: _gather(leaf, counts, last - first, len(inner)), results)  # noqa: B023
        now = time.monotonic()
        seconds_per_block = max(now - clock, 1e-6) / int(counts.max())
        clock = now
        blocks_per_device = max(1, min(program.capacity, int(SECONDS_PER_DISPATCH / seconds_per_block)))
        fetched += int(counts.sum())
        yield first * inner_runs, outputs, aux


def _share(num_blocks: int, num_devices: int) -> np.ndarray:
    """Split consecutive blocks evenly; earlier devices take one more."""
    return np.array([(num_blocks + num_devices - 1 - device) // num_devices for device in range(num_devices)], np.int32)


def _levels(
    design: Design, start: int, counts: np.ndarray, block: int, capacity: int, outer_runs: int, inner_runs: int
) -> np.ndarray:
    """Levels of the runs of each device's blocks; a last, partial block is padded with its last run."""
    runs = (start * block + np.arange(int(counts.sum()) * block)).clip(max=outer_runs - 1) * inner_runs
    table = design.levels(runs).reshape(-1, block, len(design.shape))
    padded = np.zeros((len(counts), capacity, block, len(design.shape)), np.int32)
    for device, blocks in enumerate(np.split(table, np.cumsum(counts)[:-1])):
        padded[device, : len(blocks)] = blocks
    return padded.reshape(-1, block, len(design.shape))


def _gather(leaf: jax.Array, counts: np.ndarray, num_runs: int, num_inner: int) -> np.ndarray:
    """One host array of `num_runs` runs from the devices' buffers `(capacity, block, ...)`."""
    shards = sorted(leaf.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    filled = [np.asarray(shard.data)[:count] for shard, count in zip(shards, counts, strict=True)]
    runs = np.concatenate([part.reshape(-1, *part.shape[2:]) for part in filled])[:num_runs]
    return runs.reshape(-1, *runs.shape[1 + num_inner :])


def _inner_axes(design: Design, inner: Sequence[str]) -> tuple[int, ...]:
    if isinstance(inner, str):
        msg = f"got inner={inner!r}; pass a tuple of sources, inner=({inner!r},)"
        raise ValueError(msg)
    if not inner:
        return ()
    last = design.sources[-len(inner) :]
    if tuple(inner) != last or len(design.sources) != len(design.shape) or len(inner) == len(design.sources):
        msg = (
            f"got inner={inner}; the inner sources must be the last of a crossed or nested design's {design.sources}, "
            "not all of them"
        )
        raise ValueError(msg)
    return tuple(range(len(design.shape) - len(inner), len(design.shape)))


def _check_arguments(key: Key, block: int) -> None:
    if not jax.dtypes.issubdtype(getattr(key, "dtype", None), jax.dtypes.prng_key) or key.shape != ():
        msg = f"got the root key {key!r}; pass one new-style key, jax.random.key(0)"
        raise ValueError(msg)
    if "rbg" in str(jax.random.key_impl(key)):
        msg = "got an 'rbg' key, whose random numbers change under vmap; pass jax.random.key(0, impl='threefry2x32')"
        raise ValueError(msg)
    if not isinstance(block, int | np.integer) or block < 1:
        msg = f"got block={block}; a block holds at least one run (the default, 8, suits CPUs)"
        raise ValueError(msg)


def _warn(design: Design, program: Program, devices: tuple[jax.Device, ...]) -> None:
    ignored = [name for name in design.sources if name not in program.names_read]
    if ignored:
        warnings.warn(
            f"the trial never reads the source{'s' if len(ignored) > 1 else ''} {ignored}, which the design varies: components "
            "that involve them are exactly zero. Read keys[name] in the trial, or leave the source out of the design",
            stacklevel=4,
        )
    if devices[0].platform == "cpu" and len(devices) == 1:
        warnings.warn(
            "this process has one CPU device, so cores stay idle and last bits may differ from other machines'. Call "
            "jaxdl.ensembles.use_cpu_devices() before anything else computes",
            stacklevel=4,
        )
