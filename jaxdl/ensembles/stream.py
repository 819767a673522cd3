"""`stream`: every run of a study in run order, computed now or found in its store."""

import functools
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool

from jaxdl.admission import as_numbers
from jaxdl.designs import MOST_RUNS, Design, check_design
from jaxdl.ensembles.devices import ensemble_devices
from jaxdl.ensembles.dispatch import dispatch, levels_of, num_outer_runs
from jaxdl.ensembles.identity import digest, setting_digest
from jaxdl.ensembles.plan import BLOCK_ON_CPU, Plan, default_block, measure_plan
from jaxdl.ensembles.processes import in_several_processes, joined, of_all_processes
from jaxdl.ensembles.program import Program, trace_program
from jaxdl.ensembles.progress import progress_of
from jaxdl.ensembles.store import MOST_RUNS_IN_BLOCK, Places, Store, stored_block
from jaxdl.kinds import as_count, check_flag
from jaxdl.narrowing import as_type
from jaxdl.paths import as_path
from jaxdl.types import Key, Outputs, Trial

IDENTITY = "{identity}"
BYTES_OF_LOADED_RECORDS = 2**28


class Chunk(NamedTuple):
    """Consecutive runs of one setting, as host arrays whose first axis is the run."""

    setting: int
    first_run: int
    outputs: Outputs
    aux: Any


class UnfinishedStudyError(RuntimeError):
    """This process has computed its share, and other runs are missing in the store still."""


def stream(
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
    progress: bool = False,
) -> Iterator[Chunk]:
    """Run every cell of the design at every setting, and yield the outputs in run order, setting by setting.

    Memory does not grow with the number of runs. How many runs come in one chunk depends on timing; their bits do not:
    a run is a function of (root key, levels, setting, block) on one platform and version.

    With a store, finished runs are kept on disk, at the latest after a third of a second of work or one block, whichever is
    longer, and the same call continues from them; more levels or settings later reuse them all.

    Args:
        trial: `trial(keys)`, or `trial(keys, setting)` when there are settings; returns outputs (any pytree of arrays) or
            a pair `(outputs, aux)`.
        design: sources, levels and layout.
        key: the root key of the study.
        settings: a pytree with one common leading axis; each slice is one traced setting, so that all share one
            compilation and, through the keys, their random numbers.
        inner: trailing sources of the design whose levels the trial handles itself: `keys[name]` then has a leading axis
            over the levels, and every output begins with it. For work that is shared by all of them.
        block: runs that are vectorised together; part of the study's identity. By default the store's, or 8 on CPUs and what
            fits in half the memory elsewhere. All of a block wait for the slowest; 1 suits trials whose numbers of steps differ.
        devices: by default all devices, those of other processes too when jax runs in several.
        store: a folder for the finished runs of this study. The text "{identity}" in it becomes the study's identity, so that
            studies that differ get folders of their own.
        shard: `(k, K)`: compute the k-th of K shares, k = 1, ..., K. Needs a store.
        fresh: forget what the store holds.
        rehearse: for planning. Receives the study's `Plan`; without a store nothing but one timed block is computed, with one
            this process's share. Runs that are missing then come back as copies of others: use them for their shapes alone.
        progress: show progress on standard error.

    Raises:
        ValueError: when arguments do not fit together, or the trial reads a source that the design lacks.
        StoreError: when the store is another study's, or cannot be read or written.
        UnfinishedStudyError: when this share is done and stored, and other shares are missing.
    """
    return prepared(
        trial, design, key, settings, inner, block, devices, store, shard, fresh, rehearse, progress
    ).chunks()


def prepared(
    trial: Trial,
    design: Design,
    key: Key,
    settings: Any,
    inner: Sequence[str],
    block: int | None,
    devices: Sequence[jax.Device] | None,
    store: str | Path | None = None,
    shard: tuple[int, int] = (1, 1),
    fresh: bool = False,
    rehearse: Callable[[Plan], None] | None = None,
    progress: bool = False,
) -> "TracedStudy":
    """The study, its arguments checked and its trial traced; the arguments are those of `stream`."""
    check_design(design)
    if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        msg = (
            "jax_disable_jit: got True, expected False, since jaxdl's ensembles are compiled programs; to look into one run, call "
            "trial(designs.keys_of_run(design, key, run))"
        )
        raise ValueError(msg)
    inner_axes = _inner_axes(design, inner)
    store = None if store is None else as_path("store", store)
    _check_arguments(key, block, store, shard, fresh)
    num_settings = count_settings(settings)
    settings = admitted_settings(settings)
    chosen = ensemble_devices(devices)
    each_setting = [None if settings is None else _setting_at(settings, index) for index in range(num_settings)]

    @functools.cache  # for this call alone: naming the store and choosing the block may ask for one size twice
    def trace(size: int) -> Program:
        return trace_program(trial, design, inner_axes, size, chosen, key, each_setting[0])

    if store is not None and IDENTITY in str(store):
        # Named by a block of the usual size where none is given, so that the folder can tell the size that was chosen.
        store = Path(str(store).replace(IDENTITY, digest(trace(int(block or BLOCK_ON_CPU)).identity(key))[:16]))
    if block is None:
        created = None if store is None else stored_block(store)
        block = default_block(chosen, trace) if created is None else created
    program = trace(int(block))
    outside = program.callbacks - {"debug_callback", "debug_print"}
    if store is not None and outside:
        msg = (
            f"store: got a trial that calls back into Python ({', '.join(sorted(outside))}), expected one whose program holds all "
            "that it computes, since the store cannot tell when the Python function changes; run it without a store"
        )
        raise ValueError(msg)
    if tuple(shard) != (1, 1) and in_several_processes(chosen):
        msg = f"got shard={shard} in several processes, which share the runs among themselves; choose one of the two"
        raise ValueError(msg)
    _warn(design, program, chosen)
    return TracedStudy(program, design, key, each_setting, store, shard, fresh, rehearse, progress)


class TracedStudy(NamedTuple):
    """A traced study and how to run it."""

    program: Program
    design: Design
    key: Key
    settings: list[Any]
    store: Path | None
    shard: tuple[int, int]
    fresh: bool
    rehearse: Callable[[Plan], None] | None
    progress: bool

    @property
    def num_runs(self) -> int:
        """Runs that the engine addresses, at one setting."""
        return num_outer_runs(self.program, self.design)

    @property
    def inner_runs(self) -> int:
        """Runs that the trial makes of each of those."""
        return self.design.num_runs // self.num_runs

    def chunks(self) -> Iterator[Chunk]:
        """All runs, in run order."""
        with progress_of(self.design.num_runs * len(self.settings), self.progress) as advance:
            if self.rehearse is not None and self.store is None:
                plan, results = measure_plan(self.program, self.design, self.key, self.settings)
                self.rehearse(plan)
                for index in range(len(self.settings)):
                    yield from self._copies(index, results)
                    advance(self.design.num_runs)
            elif self.store is None and not in_several_processes(self.program.devices):
                for index, setting in enumerate(self.settings):
                    for runs, results in dispatch(
                        self.program, self.design, self.key, setting, np.arange(self.num_runs)
                    ):
                        advance(len(runs) * self.inner_runs)
                        yield self._chunk(index, int(runs[0]), results)
            elif self.store is None:
                with tempfile.TemporaryDirectory() as folder:
                    yield from self._stored(Path(folder), advance)
            else:
                yield from self._stored(self.store, advance)

    def _stored(self, folder: Path, advance: Callable[[int], None]) -> Iterator[Chunk]:
        """Compute this process's share of what is missing in the store, then read all runs from there."""
        identity = self.program.identity(self.key)
        store = Store(folder, identity, fresh=self.fresh)
        names = [setting_digest(setting) for setting in self.settings]
        shape = [1 if axis in self.program.inner else count for axis, count in enumerate(self.design.shape)]
        rows = [jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) for leaf in jax.tree.leaves(self.program.results)]
        verified = {}
        for setting, name in zip(self.settings, names, strict=True):
            places = store.places(name, shape, rows)
            is_there = places.record >= 0
            if in_several_processes(self.program.devices):
                is_there = np.asarray(of_all_processes(is_there).any(axis=0))
            elif is_there.all():
                verified[name] = places
            missing = np.flatnonzero(~is_there & self._is_own())
            advance((self.num_runs - len(missing)) * self.inner_runs)
            if len(missing):
                for runs, results in dispatch(self.program, self.design, self.key, setting, missing):
                    levels = levels_of(self.program, self.design, runs)
                    store.write(name, levels, jax.tree.leaves(results))
                    advance(len(runs) * self.inner_runs)
        for index, name in enumerate(names):
            yield from self._read(index, store, verified.get(name) or store.places(name, shape, rows))

    def _read(self, index: int, store: Store, places: Places) -> Iterator[Chunk]:
        structure = jax.tree.structure(self.program.results)
        dtypes = [np.dtype(leaf.dtype) for leaf in jax.tree.leaves(self.program.results)]
        if in_several_processes(self.program.devices):
            is_there = of_all_processes(places.record >= 0)
            if not is_there.any(axis=0).all():
                raise self._unfinished(int((~is_there.any(axis=0)).sum()))
            own = {int(record): store.read(int(record), dtypes) for record in np.unique(places.record) if record >= 0}
            leaves = joined(
                is_there, places, own, [leaf.shape[1:] for leaf in jax.tree.leaves(self.program.results)], dtypes
            )
            yield self._chunk(index, 0, jax.tree.unflatten(structure, leaves))
            return
        missing = np.flatnonzero(places.record < 0)
        if len(missing) and self.rehearse is None:
            raise self._unfinished(len(missing))
        if len(missing):
            is_there = np.flatnonzero(places.record >= 0)
            if not len(is_there):
                first_block = np.arange(min(self.num_runs, self.program.block))
                _, results = next(dispatch(self.program, self.design, self.key, self.settings[index], first_block))
                yield from self._copies(index, results)
                return
            stand_in = is_there[missing % len(is_there)]
            places.record[missing], places.row[missing] = places.record[stand_in], places.row[stand_in]
        # Spans of consecutive rows of one record are read in one piece.
        breaks = np.flatnonzero((np.diff(places.record) != 0) | (np.diff(places.row) != 1)) + 1
        records: OrderedDict[int, list[np.ndarray]] = OrderedDict()
        for span in np.split(np.arange(self.num_runs), breaks):
            record, row = int(places.record[span[0]]), int(places.row[span[0]])
            if record not in records:
                records[record] = store.read(record, dtypes)
                # Shards and grown designs alternate between records: the last few stay, within a limit.
                while len(records) > 1 and _num_bytes(records) > BYTES_OF_LOADED_RECORDS:
                    records.popitem(last=False)
            records.move_to_end(record)
            leaves = [leaf[row : row + len(span)] for leaf in records[record]]
            yield self._chunk(index, int(span[0]), jax.tree.unflatten(structure, leaves))

    def _unfinished(self, num_missing: int) -> UnfinishedStudyError:
        position, count = self.shard
        missing = f"{num_missing * self.inner_runs} of {self.design.num_runs} runs"
        if count == 1:
            return UnfinishedStudyError(f"{missing} have vanished from the store; the same call computes them again")
        return UnfinishedStudyError(
            f"share {position} of {count} is stored; {missing} are those of other shares and are not there yet. When they are "
            "(in the same folder, or brought there by jaxdl.ensembles.merge), the same call without shard= gives the result"
        )

    def _copies(self, index: int, results: Any) -> Iterator[Chunk]:
        """Copies of a few runs in place of all runs of a setting."""
        rows = np.arange(self.num_runs) % len(jax.tree.leaves(results)[0])
        for start in range(0, self.num_runs, 1024):
            yield self._chunk(
                index,
                start,
                jax.tree.map(lambda leaf: leaf[rows[start : start + 1024]], results),  # noqa: B023
            )

    def _is_own(self) -> Bool[np.ndarray, " runs"]:
        """Which runs are of this shard: whole blocks in turn."""
        position, count = self.shard
        return np.arange(self.num_runs) // self.program.block % count == position - 1

    def _chunk(self, setting: int, first_run: int, results: Any) -> Chunk:
        num_inner = len(self.program.inner)
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[1 + num_inner :]), results)
        return Chunk(setting, first_run * self.inner_runs, *flat)


def _num_bytes(records: Mapping[int, Sequence[np.ndarray]]) -> int:
    return sum(leaf.nbytes for leaves in records.values() for leaf in leaves)


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


def admitted_settings(settings: Any) -> Any:
    """Settings as arrays of the types in which they run; warned about where those cannot hold their values."""

    def admitted(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array):
            return leaf
        if isinstance(leaf, np.ndarray) and np.iscomplexobj(leaf):
            return leaf.astype(jax.dtypes.canonicalize_dtype(leaf.dtype))
        array = as_numbers("settings", leaf)
        dtype = jax.dtypes.canonicalize_dtype(array.dtype)
        try:
            return as_type("settings", array, dtype)
        except ValueError as error:
            with np.errstate(over="ignore"):
                narrowed = array.astype(dtype)
            changed = np.flatnonzero(narrowed != array)[0]
            warnings.warn(
                f"{error}. The runs use {narrowed.flat[changed].item()!r} for {array.flat[changed].item()!r}",
                stacklevel=5,
            )
            return narrowed

    return jax.tree.map(admitted, settings)


def _setting_at(settings: Any, index: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], settings)


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


def _check_arguments(key: Key, block: int | None, store: Path | None, shard: tuple[int, int], fresh: bool) -> None:
    if not jax.dtypes.issubdtype(getattr(key, "dtype", None), jax.dtypes.prng_key) or key.shape != ():
        msg = f"got the root key {key!r}; pass one new-style key, jax.random.key(0)"
        raise ValueError(msg)
    if "rbg" in str(jax.random.key_impl(key)):
        msg = "got an 'rbg' key, whose random numbers change under vmap; pass jax.random.key(0, impl='threefry2x32')"
        raise ValueError(msg)
    if block is not None:
        remedy = "memory is taken for a whole block, filled or not (the default, 8, suits CPUs)"
        as_count("block", block, high=MOST_RUNS_IN_BLOCK, remedy=remedy)
    remedy = "pass (k, K), k from 1 to K: (1, 3), (2, 3) and (3, 3) make a study of three shares"
    if not isinstance(shard, tuple | list) or len(shard) != 2:
        msg = f"shard: got {shard!r}, expected two whole numbers; {remedy}"
        raise ValueError(msg)
    shares = as_count("shard", shard[1], what=f"{shard!r:.60} with K", high=MOST_RUNS, remedy=remedy)
    as_count("shard", shard[0], what=f"{shard!r:.60} with k", high=shares, remedy=remedy)
    check_flag("fresh", fresh)
    if shard[1] > 1 and store is None:
        msg = f"got shard={shard} without a store; pass store=folder, where the shares meet"
        raise ValueError(msg)
    if shard[1] > 1 and fresh:
        msg = f"got shard={shard} and fresh=True, which would forget what other shares have stored; remove the folder before"
        raise ValueError(msg)


def _warn(design: Design, program: Program, devices: tuple[jax.Device, ...]) -> None:
    ignored = [name for name in design.sources if name not in program.names_read]
    if ignored:
        warnings.warn(
            f"the trial never reads the source{'s' if len(ignored) > 1 else ''} {ignored}, which the design varies: components "
            "that involve them are exactly zero. Read keys[name] in the trial, or leave the source out of the design",
            stacklevel=5,
        )
    if devices[0].platform == "cpu" and len(devices) == 1:
        warnings.warn(
            "this process has one CPU device, so cores stay idle and last bits may differ from other machines'. Call "
            "jaxdl.ensembles.use_cpu_devices() before anything else computes",
            stacklevel=5,
        )
