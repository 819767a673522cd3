"""`stream`: every run of a study in run order, computed now or read from its store."""

import contextlib
import math
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.designs import Design
from jaxdl.ensembles.dispatch import dispatch, levels_of
from jaxdl.ensembles.engine import Engine
from jaxdl.ensembles.identity import setting_digest
from jaxdl.ensembles.processes import in_several_processes, joined, of_all_processes
from jaxdl.ensembles.progress import progress_of
from jaxdl.ensembles.store import Places, Store
from jaxdl.ensembles.study import TracedStudy, trace_study
from jaxdl.types import Key, Outputs, Trial

BYTES_OF_LOADED_RECORDS = 2**28


class Chunk(NamedTuple):
    """Consecutive runs of one setting, as host arrays whose first axis is the run.

    >>> from jaxdl import designs
    >>> [chunks] = stream(lambda keys: jax.random.normal(keys["data"], (3,)), designs.crossed(data=4), jax.random.key(0))
    >>> chunk = next(chunks)
    >>> chunk.first_run, chunk.outputs.shape
    (0, (4, 3))
    """

    setting: int
    first_run: int
    outputs: Outputs
    aux: Any


class UnfinishedStudyError(RuntimeError):
    """This process has computed and stored its share; other runs of the study are still missing.

    >>> import tempfile
    >>> from jaxdl import designs
    >>> trial = lambda keys: jax.random.normal(keys["data"], (3,))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         next(*stream(trial, designs.crossed(data=64), jax.random.key(0), engine=Engine(store=folder, shard=(1, 2))))
    ...     except UnfinishedStudyError as error:
    ...         print("share 1 of 2 is stored" in str(error))
    True
    """


def stream(
    trial: Trial,
    design: Design,
    key: Key,
    *,
    settings: Any = None,
    inner: Sequence[str] = (),
    engine: Engine = Engine(),
) -> Iterator[Iterator[Chunk]]:
    """An iterator for each setting, over the outputs of all cells of the design in run order.

    Memory does not grow with the number of runs. How many runs come in one chunk depends on timing; their bits do not: a run is
    a function of (root key, levels, setting, block) on one platform and version. Use up each iterator before the next.

    With a store, finished runs are kept on disk, at the latest after a third of a second of work or one block, whichever is
    longer, and the same call continues from them; more levels or settings later reuse them all.

    Args:
        trial: `trial(keys)`, or `trial(keys, setting)` when there are settings; returns outputs (any pytree of arrays), or
            `Run(outputs, aux)` to report more about the run.
        design: sources, levels and layout.
        key: the root key of the study.
        settings: a pytree with one common leading axis; each slice is one traced setting, so that all share one
            compilation and, through the keys, their random numbers.
        inner: trailing sources of the design whose levels the trial handles itself: `keys[name]` then has a leading axis
            over the levels, and every output begins with it. For work that is shared by all of them.
        engine: how the runs are computed and kept.

    Raises:
        ValueError: when arguments do not fit together, or the trial reads a source that the design lacks.
        StoreError: when the store is another study's, or cannot be read or written.
        UnfinishedStudyError: when this share is done and stored, and other shares are missing.

    >>> from jaxdl import designs
    >>> def trial(keys):
    ...     return jax.random.normal(keys["data"], (3,))
    >>> (chunks,) = stream(trial, designs.independent(4, "data"), jax.random.key(0))
    >>> sum(len(chunk.outputs) for chunk in chunks)
    4
    """
    return chunks_of(trace_study(trial, design, key, settings, inner, engine))


def chunks_of(study: TracedStudy) -> Iterator[Iterator[Chunk]]:
    """All runs of a traced study, as `stream` yields them."""
    with progress_of(study.design.num_runs * len(study.settings), study.engine.progress) as advance:
        if study.store is None and not in_several_processes(study.program.devices):
            for index in range(len(study.settings)):
                yield _computed(study, index, advance)
            return
        folder = contextlib.nullcontext(study.store) if study.store else tempfile.TemporaryDirectory()
        with folder as name:
            yield from _stored(study, Path(name), advance)


def _computed(study: TracedStudy, index: int, advance: Callable[[int], None]) -> Iterator[Chunk]:
    """The runs of one setting, as they are computed."""
    all_runs = np.arange(study.num_runs)
    for runs, results in dispatch(study.program, study.design, study.key, study.settings[index], all_runs):
        advance(len(runs) * study.inner_runs)
        yield _chunk(study, index, int(runs[0]), results)


def _stored(study: TracedStudy, folder: Path, advance: Callable[[int], None]) -> Iterator[Iterator[Chunk]]:
    """Compute this process's share of what is missing in the store, then read all runs from there."""
    program, design = study.program, study.design
    store = Store(folder, program.identity(study.key), fresh=study.engine.fresh)
    names = [setting_digest(setting) for setting in study.settings]
    shape = [1 if axis in program.inner else count for axis, count in enumerate(design.shape)]
    rows = [jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) for leaf in jax.tree.leaves(program.results)]
    verified = {}
    for setting, name in zip(study.settings, names, strict=True):
        places = store.places(name, shape, rows)
        is_there = places.record >= 0
        if in_several_processes(program.devices):
            is_there = np.asarray(of_all_processes(is_there).any(axis=0))
        elif is_there.all():
            verified[name] = places
        missing = np.flatnonzero(~is_there & study.is_own)
        advance((study.num_runs - len(missing)) * study.inner_runs)
        if len(missing):
            for runs, results in dispatch(program, design, study.key, setting, missing):
                store.write(name, levels_of(program, design, runs), jax.tree.leaves(results))
                advance(len(runs) * study.inner_runs)
    for index, name in enumerate(names):
        yield _read(study, index, store, verified.get(name) or store.places(name, shape, rows))


def _read(study: TracedStudy, index: int, store: Store, places: Places) -> Iterator[Chunk]:
    """The runs of one setting, from the records that hold them."""
    leaves_of_run = jax.tree.leaves(study.program.results)
    structure = jax.tree.structure(study.program.results)
    dtypes = [np.dtype(leaf.dtype) for leaf in leaves_of_run]
    if in_several_processes(study.program.devices):
        is_there = of_all_processes(places.record >= 0)
        _check_finished(study, np.asarray(is_there.any(axis=0)))
        if not is_there.all():  # else in a folder that all of them see, from which each reads by itself
            shapes = [leaf.shape[1:] for leaf in leaves_of_run]
            of_run = sum(math.prod(shape) * dtype.itemsize for shape, dtype in zip(shapes, dtypes, strict=True))
            # Every process gets the runs of all of them, a slab at a time: all at once would take a copy for each process.
            size = max(1, BYTES_OF_LOADED_RECORDS // max(1, of_run * len(is_there)))
            for start in range(0, study.num_runs, size):
                slab = slice(start, start + size)
                part = Places(places.record[slab], places.row[slab])
                own = {int(each): store.read(int(each), dtypes) for each in np.unique(part.record) if each >= 0}
                leaves = joined(is_there[:, slab], part, own, shapes, dtypes)
                yield _chunk(study, index, start, jax.tree.unflatten(structure, leaves))
            return
    _check_finished(study, places.record >= 0)
    # Spans of consecutive rows of one record are read in one piece.
    breaks = np.flatnonzero((np.diff(places.record) != 0) | (np.diff(places.row) != 1)) + 1
    records: OrderedDict[int, list[np.ndarray]] = OrderedDict()
    for span in np.split(np.arange(study.num_runs), breaks):
        record, row = int(places.record[span[0]]), int(places.row[span[0]])
        if record not in records:
            records[record] = store.read(record, dtypes)
            # Shards and grown designs alternate between records: the last few stay, within a limit.
            while len(records) > 1 and _num_bytes(records) > BYTES_OF_LOADED_RECORDS:
                records.popitem(last=False)
        records.move_to_end(record)
        leaves = [leaf[row : row + len(span)] for leaf in records[record]]
        yield _chunk(study, index, int(span[0]), jax.tree.unflatten(structure, leaves))


def _check_finished(study: TracedStudy, is_there: np.ndarray) -> None:
    """Say which share is stored, when runs of others are missing."""
    num_missing = int((~is_there).sum())
    if not num_missing:
        return
    position, count = study.engine.shard
    missing = f"{num_missing * study.inner_runs} of {study.design.num_runs} runs"
    if count == 1:
        msg = f"{study.store}: {missing} have vanished from the store; the same call computes them again"
        raise UnfinishedStudyError(msg)
    msg = (
        f"{study.store}: share {position} of {count} is stored; {missing} are those of other shares and are not there yet. When "
        "they are (in the same folder, or brought there by jaxdl.ensembles.merge), the same call without shard= gives the result"
    )
    raise UnfinishedStudyError(msg)


def _chunk(study: TracedStudy, setting: int, first_run: int, results: Any) -> Chunk:
    num_inner = len(study.program.inner)
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[1 + num_inner :]), results)
    return Chunk(setting, first_run * study.inner_runs, *flat)


def _num_bytes(records: Mapping[int, Sequence[np.ndarray]]) -> int:
    return sum(leaf.nbytes for leaves in records.values() for leaf in leaves)
