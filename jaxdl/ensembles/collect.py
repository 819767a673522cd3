"""Keep the outputs of all runs, one axis for each factor of the design; in a memory-mapped file when they are large."""

import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.designs import Design
from jaxdl.ensembles.diverged import DivergedRun, DivergedRunsError, naming_diverged, summary
from jaxdl.ensembles.plan import Plan
from jaxdl.ensembles.stream import Chunk, TracedStudy, prepared
from jaxdl.kinds import shown
from jaxdl.types import Key, Outputs, Trial

MEMORY_LIMIT = 2**30


class Runs(NamedTuple):
    """`outputs` and `aux` with leading axes `(settings, *factors)`, without the first when there are no settings."""

    outputs: Outputs
    aux: Any
    diverged: tuple[DivergedRun, ...]


def run(
    trial: Trial,
    design: Design,
    key: Key,
    *,
    settings: Any = None,
    inner: Sequence[str] = (),
    block: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    store: str | Path | None = None,
    shard: tuple[int, int] = (1, 1),
    fresh: bool = False,
    rehearse: Callable[[Plan], None] | None = None,
    strict: bool = False,
    progress: bool = False,
    memory_limit: int = MEMORY_LIMIT,
) -> Runs:
    """Run every cell of the design and keep the outputs: one leading axis for each factor.

    Outputs beyond `memory_limit` bytes go to an unnamed temporary file, mapped into memory. Runs that diverge stay where they
    are and are warned about, or are an error when `strict`. The other arguments are those of `stream`.

    Raises:
        ValueError, StoreError, UnfinishedStudyError: as `stream` does.
        DivergedRunsError: when `strict` and a run diverged; its `result` holds all runs.

    >>> from jaxdl import designs
    >>> def trial(keys):
    ...     return jax.random.normal(keys["data"], (3,)) + jax.random.normal(keys["init"], (3,))
    >>> runs = run(trial, designs.crossed(data=4, init=2), jax.random.key(0))
    >>> runs.outputs.shape, runs.diverged
    ((4, 2, 3), ())
    """
    study = prepared(trial, design, key, settings, inner, block, devices, store, shard, fresh, rehearse, progress)
    return _gathered(study, settings is not None, strict, memory_limit)


def prepare(
    trial: Trial,
    design: Design,
    *,
    settings: Any = None,
    inner: Sequence[str] = (),
    block: int | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Callable[[Key], Runs]:
    """`run` for many root keys: the same study repeated, whose trial is traced once, now.

    `run` traces its trial at every call, because what surrounds a trial may have changed since the last one. Repetitions of one
    study, as for the coverage of an interval, need not pay for that. The arguments are those of `stream`.

    Returns:
        `run_with(key)`, the `Runs` of `run(trial, design, key, ...)`, to the bit.

    Raises:
        ValueError: as `stream` does; a root key of another kind than `jax.random.key(0)`.

    >>> from jaxdl import designs
    >>> repeat = prepare(lambda keys: jax.random.normal(keys["data"], (3,)), designs.crossed(data=4))
    >>> [repeat(jax.random.key(seed)).outputs.shape for seed in range(2)]
    [(4, 3), (4, 3)]
    """
    study = prepared(trial, design, jax.random.key(0), settings, inner, block, devices)

    def run_with(key: Key) -> Runs:
        if getattr(key, "dtype", None) != study.key.dtype or key.shape != ():
            msg = f"key: got {shown(key)}, expected one root key like jax.random.key(0); map over several in Python"
            raise ValueError(msg)
        return _gathered(study._replace(key=key), settings is not None, strict=False, memory_limit=MEMORY_LIMIT)

    return run_with


def _gathered(study: TracedStudy, has_settings: bool, strict: bool, memory_limit: int) -> Runs:
    """All runs of a study, and a word about those that diverged."""
    diverged: list[DivergedRun] = []
    chunks = naming_diverged(study.chunks(), study.design, diverged)
    kept = collect(chunks, study.design, len(study.settings), memory_limit)
    outputs, aux = kept if has_settings else jax.tree.map(lambda leaf: leaf[0], kept)
    runs = Runs(outputs, aux, tuple(diverged))
    if diverged and strict:
        msg = f"{summary(diverged)}. strict=True allows none; all runs are in this error's `result`"
        raise DivergedRunsError(msg, runs.diverged, runs)
    if diverged:
        warnings.warn(f"{summary(diverged)}. Their outputs are kept as they are", stacklevel=3)
    return runs


def collect(chunks: Iterable[Chunk], design: Design, num_settings: int, memory_limit: int = MEMORY_LIMIT) -> tuple:
    """`(outputs, aux)` of all chunks, with leading axes `(settings, *factors)`; settings are numbered from the first chunk's."""
    kept, first_setting = None, 0
    num_runs = num_settings * design.num_runs
    for chunk in chunks:
        results = (chunk.outputs, chunk.aux)
        if kept is None:
            first_setting = chunk.setting
            kept = _storage_for(results, num_runs, memory_limit)
        start = (chunk.setting - first_setting) * design.num_runs + chunk.first_run
        for store, leaf in zip(jax.tree.leaves(kept), jax.tree.leaves(results), strict=True):
            store[start : start + len(leaf)] = leaf
    table = (num_settings, *design.shape)
    return jax.tree.map(lambda store: store.reshape(*table, *store.shape[1:]), kept)


def _storage_for(results: Any, num_runs: int, memory_limit: int) -> Any:
    """Empty arrays for all runs, given those of the first ones: in memory, or in files that have no name.

    The system frees such a file with its array, also when the process is killed.
    """
    on_disk = sum(leaf[0].nbytes for leaf in jax.tree.leaves(results)) * num_runs > memory_limit

    def storage(leaf: np.ndarray) -> np.ndarray:
        shape = (num_runs, *leaf.shape[1:])
        if not on_disk:
            return np.empty(shape, leaf.dtype)
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):  # a full disk is an error here, not a crash at the first write
                os.posix_fallocate(file.fileno(), 0, max(1, math.prod(shape) * leaf.dtype.itemsize))
            return np.memmap(file, dtype=leaf.dtype, mode="w+", shape=shape)

    return jax.tree.map(storage, results)
