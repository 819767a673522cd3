"""`run`: the outputs of all runs, with one axis for each factor of the design; in a memory-mapped file when they are large."""

import itertools
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.designs import Design
from jaxdl.ensembles.diverged import DivergedRun, DivergedRunsError, diverged_runs, summary
from jaxdl.ensembles.engine import Engine, check_engine
from jaxdl.ensembles.stream import Chunk, chunks_of
from jaxdl.ensembles.study import TracedStudy, trace_study
from jaxdl.kinds import shown
from jaxdl.types import Key, Outputs, Trial


class Runs(NamedTuple):
    """`outputs` and `aux` with leading axes `(settings, *factors)`, without the first when there are no settings.

    >>> from jaxdl import designs
    >>> runs = run(lambda keys: jax.random.normal(keys["data"], (3,)), designs.crossed(data=4), jax.random.key(0))
    >>> runs.outputs.shape, len(runs.diverged)
    ((4, 3), 0)
    """

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
    engine: Engine = Engine(),
    strict: bool = False,
) -> Runs:
    """The outputs of every cell of the design, with one leading axis for each factor.

    Outputs beyond the engine's `memory_limit` go to an unnamed temporary file, mapped into memory. Runs that diverge stay where
    they are and are warned about, or are an error when `strict`. The other arguments are those of `stream`.

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
    return _gathered(trace_study(trial, design, key, settings, inner, engine), settings is not None, strict)


def prepare(
    trial: Trial,
    design: Design,
    *,
    settings: Any = None,
    inner: Sequence[str] = (),
    engine: Engine = Engine(),
) -> Callable[[Key], Runs]:
    """A function of the root key that gives the `Runs` of `run`, to the bit; its trial is traced once, now.

    `run` traces its trial at every call, because what surrounds a trial may have changed since the last one. Repetitions of one
    study, as for the coverage of an interval, need not pay for that. The arguments are those of `stream`.

    Raises:
        ValueError: as `stream` does; a root key of another kind than `jax.random.key(0)`.

    >>> from jaxdl import designs
    >>> repeat = prepare(lambda keys: jax.random.normal(keys["data"], (3,)), designs.crossed(data=4))
    >>> [repeat(jax.random.key(seed)).outputs.shape for seed in range(2)]
    [(4, 3), (4, 3)]
    """
    check_engine(engine)
    if engine.store is not None:
        msg = f"store: got {str(engine.store)!r}, expected none, as one store holds the runs of one root key; use `run`"
        raise ValueError(msg)
    study = trace_study(trial, design, jax.random.key(0), settings, inner, engine)

    def run_with(key: Key) -> Runs:
        if getattr(key, "dtype", None) != study.key.dtype or key.shape != ():
            msg = f"key: got {shown(key)}, expected one root key like jax.random.key(0); map over several in Python"
            raise ValueError(msg)
        return _gathered(study._replace(key=key), settings is not None, strict=False)

    return run_with


def _gathered(study: TracedStudy, has_settings: bool, strict: bool) -> Runs:
    """All runs of a study, with a warning about those that diverged."""
    chunks = itertools.chain.from_iterable(chunks_of(study))
    runs = collect(chunks, study.design, len(study.settings), study.engine.memory_limit)
    if not has_settings:
        outputs, aux = jax.tree.map(lambda leaf: leaf[0], (runs.outputs, runs.aux))
        runs = Runs(outputs, aux, runs.diverged)
    if runs.diverged and strict:
        msg = f"{summary(runs.diverged)}. strict=True allows none; all runs are in this error's `result`"
        raise DivergedRunsError(msg, runs.diverged, runs)
    if runs.diverged:
        warnings.warn(f"{summary(runs.diverged)}. Their outputs are kept as they are", stacklevel=3)
    return runs


def collect(
    chunks: Iterable[Chunk], design: Design, num_settings: int, memory_limit: int, *, keep_aux: bool = True
) -> Runs:
    """All chunks, with leading axes `(settings, *factors)`; settings are numbered from the first chunk's."""
    kept, first_setting = None, 0
    diverged: list[DivergedRun] = []
    num_runs = num_settings * design.num_runs
    for chunk in chunks:
        diverged.extend(diverged_runs(design, chunk))
        results = (chunk.outputs, chunk.aux if keep_aux else None)
        if kept is None:
            first_setting = chunk.setting
            kept = _storage_for(results, num_runs, memory_limit)
        start = (chunk.setting - first_setting) * design.num_runs + chunk.first_run
        for store, leaf in zip(jax.tree.leaves(kept), jax.tree.leaves(results), strict=True):
            store[start : start + len(leaf)] = leaf
    table = (num_settings, *design.shape)
    outputs, aux = jax.tree.map(lambda store: store.reshape(*table, *store.shape[1:]), kept)
    return Runs(outputs, aux, tuple(diverged))


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
