"""`on_host`: trials that are any Python function of integer seeds, where others are compiled functions of keys.

Designs, growth, stores, shards and progress are the same; runs are made one by one, or by the workers of joblib.
"""

import importlib.metadata
import json
import platform
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from jaxdl.admission import as_numbers
from jaxdl.designs import Design, keys_at
from jaxdl.ensembles.identity import digest
from jaxdl.files import write_atomically
from jaxdl.kinds import as_count
from jaxdl.types import Key, Run

SECONDS_PER_RECORD = 0.3


class Seeds(dict[str, int]):
    """A whole number from 0 to 2^32 - 1 for each source; remembers which were asked for, and refuses others by name."""

    def __init__(self, seeds: dict[str, int]):
        super().__init__(seeds)
        self.names_read: set[str] = set()

    def __getitem__(self, name: str) -> int:
        self.names_read.add(name)
        return super().__getitem__(name)

    # However the seeds are read, it is seen: `dict(seeds)` and `{**seeds}` ask for every item, as `__iter__` is not dict's own.
    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        """The number of a source, or the default."""
        self.names_read.add(name)
        return super().get(name, default)

    def values(self) -> Any:
        """All numbers."""
        self.names_read.update(self)
        return super().values()

    def items(self) -> Any:
        """All names with their numbers."""
        self.names_read.update(self)
        return super().items()

    def __missing__(self, name: str) -> int:
        msg = (
            f"trial: got seeds[{name!r}], expected a source of the design, one of {sorted(self)}; add it to the design"
        )
        raise ValueError(msg)

    def __reduce__(self) -> Any:
        return Seeds, (dict(super().items()),)


@dataclass(frozen=True)
class HostTrial:
    """What `on_host` returns: a trial that the engine calls as it is."""

    function: Callable[..., Any]
    name: str
    packages: tuple[str, ...]
    workers: int | None

    def __call__(self, seeds: dict[str, int], *setting: Any) -> Run:
        """One run, its results as arrays of their own: the function may write to the same ones in every run."""
        recorded = Seeds(seeds)
        result = self.function(recorded, *setting)
        unread = [source for source in recorded if source not in recorded.names_read]
        if unread and recorded.names_read:  # none at all: they were handed on together
            msg = f"the trial never reads the seeds of {unread}, which the design varies: components that involve them are zero"
            warnings.warn(msg, stacklevel=2)
        outputs, aux = result if isinstance(result, Run) else (result, None)
        if type(outputs) is tuple or not jax.tree.leaves(outputs):
            msg = f"trial: got {type(outputs).__name__} {outputs!r:.60} as a result, expected an array of predictions, a dict "
            raise ValueError(msg + "of them, or jaxdl.types.Run(predictions, aux)")
        arrays = jax.tree.map(
            lambda leaf: np.array(as_numbers("trial's result", leaf)),
            (outputs, aux), is_leaf=lambda part: isinstance(part, list),
        )  # fmt: skip
        return Run(*arrays)

    def runs(self, seeds: Iterable[dict[str, int]], setting: tuple[Any, ...]) -> Iterator[Run]:
        """The runs in the order of their seeds; the error of one says which seeds it had."""
        if self.workers == 1:
            yield from (_one_run(self, each, setting) for each in seeds)
            return
        try:
            import joblib
        except ImportError as error:
            msg = 'workers: got more than one, which joblib serves, and joblib is missing: pip install "jaxdl[experiments]"'
            raise ImportError(msg) from error
        parallel = joblib.Parallel(n_jobs=self.workers, return_as="generator")
        yield from parallel(joblib.delayed(_one_run)(self, each, setting) for each in seeds)


def on_host(
    function: Callable[..., Any], *, name: str, packages: tuple[str, ...] = (), workers: int | None = 1
) -> HostTrial:
    """A trial of any Python function, `function(seeds)` or `function(seeds, setting)`, for `run`, `stream` and `decompose`.

    `seeds` has a whole number from 0 to 2^32 - 1 for each source of the design, `{"data": 17, "init": 4}`; a level has the
    same number wherever it meets others. The function returns what a compiled trial may: an array of predictions, a dict of
    arrays, or `Run(predictions, aux)`, of one shape and type in all runs. `setting` has NumPy's numbers and arrays, of the types
    that were given.

    Nothing can tell what a Python function computes. So a store takes `name`, and the versions of `packages`, of Python, NumPy
    and jax for the identity of a study: give another name when the function changes, or keep no store.

    Args:
        function: uses the seeds for all that is random, and nothing else.
        name: of the study's computation, with its version: "forest, 100 trees, v2".
        packages: names of installed packages whose versions change the results: `("scikit-learn",)`.
        workers: processes that run side by side, through joblib; `None`: as `joblib.parallel_config` says, on a cluster perhaps.

    Raises:
        ValueError: no function, an empty name, a package that is not installed.

    >>> from jaxdl import designs
    >>> from jaxdl.ensembles import run
    >>> def mean(seeds):
    ...     return np.random.default_rng(seeds["data"]).normal(size=(1, 25)).mean(axis=1)
    >>> run(on_host(mean, name="mean of 25"), designs.crossed(data=4), jax.random.key(0)).outputs.shape
    (4, 1)
    """
    if not callable(function):
        msg = f"function: got {function!r:.60}, expected a function of seeds"
        raise ValueError(msg)
    if not isinstance(name, str) or not name.strip():
        msg = f"name: got {name!r:.60}, expected words that name what is computed, and its version"
        raise ValueError(msg)
    if isinstance(packages, str):
        msg = f"packages: got {packages!r}, expected a tuple of names; pass ({packages!r},)"
        raise ValueError(msg)
    for package in packages:
        _version(package)
    if workers is not None:
        as_count("workers", workers)
    return HostTrial(function, name, tuple(packages), workers)


@dataclass(frozen=True, eq=False)
class HostProgram:
    """What the engine knows of a trial on the host, in place of a compiled `Program`."""

    trial: HostTrial
    design: Design
    key: Key
    first_setting: Any
    store: Path | None
    fresh: bool = False
    """What the store knows is not used."""
    block: int = 1
    inner: tuple[int, ...] = ()
    shapes: list[Any] = field(default_factory=list)
    """What a run returns, once that is known; before, nothing."""

    @property
    def devices(self) -> tuple[jax.Device, ...]:
        """This process's first, which nothing runs on."""
        return (jax.local_devices()[0],)

    def identity(self, key: Key) -> dict[str, str]:
        """What the results of a run depend on, as far as it can be known, besides its levels and its setting."""
        sources = zip(self.design.sources, self.design.paths, strict=True)
        return {
            "root key": f"{jax.random.key_impl(key)} {np.asarray(jax.random.key_data(key)).tolist()}",
            "sources": " ".join(f"{name}{list(path)}" for name, path in sources),
            "block": "1",
            "trial": f"on the host, by name: {self.trial.name}",
            "Python": platform.python_version(),
            **{f"version of {name}": _version(name) for name in ("numpy", "jax", *self.trial.packages)},
        }

    @property
    def results(self) -> Any:
        """Shapes of what a run returns, with a leading axis of one: as the store says, else by making the first run."""
        if not self.shapes:
            self._learn_shapes()
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape), leaf.dtype), self.shapes[0])

    def check(self, result: Run, run: int) -> None:
        """Refuse a run that returns something else than all others, at any setting."""
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tuple(result))
        if not self.shapes:
            self.shapes.append(shapes)
        if jax.tree.flatten(shapes) != jax.tree.flatten(self.shapes[0]):
            msg = f"trial: got {_told(shapes)} from run {run}, expected what others return, {_told(self.shapes[0])}; "
            raise ValueError(msg + "return one shape and type, and give another name to a function that changed")

    def _learn_shapes(self) -> None:
        known = None if self.store is None else self.store / f"shapes-{digest(self.identity(self.key))[:16]}.json"
        if known is not None and known.is_file() and not self.fresh:
            stored = _from_description(json.loads(known.read_text()))
            self.shapes.append(jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), stored))
            return
        next(computed_on_host(self, self.design, self.key, self.first_setting, np.arange(1)))
        # The store's folder is there once runs are to be kept; a plan leaves none behind.
        if known is not None and known.parent.is_dir() and _is_plain(self.shapes[0]):
            write_atomically(known, json.dumps(_description(self.results)).encode())


def computed_on_host(
    program: HostProgram, design: Design, key: Key, setting: Any, runs: Int[np.ndarray, " runs"]
) -> Iterator[tuple[Int[np.ndarray, " runs"], Any]]:
    """The given runs in their order with their results, in batches of a moment each, at least one run."""
    arguments = () if setting is None else (setting,)
    results = program.trial.runs(seeds_at(design, key, runs), arguments)
    batch: list[Any] = []
    done, clock = 0, time.monotonic()
    try:
        for result in results:
            program.check(result, int(runs[done + len(batch)]))
            batch.append(tuple(result))
            if time.monotonic() - clock > SECONDS_PER_RECORD:
                yield runs[done : done + len(batch)], _stacked(batch)
                done, batch, clock = done + len(batch), [], time.monotonic()
    except Exception:  # what was computed before it is kept
        if batch:
            yield runs[done : done + len(batch)], _stacked(batch)
        raise
    if batch:
        yield runs[done:], _stacked(batch)


def seeds_at(design: Design, key: Key, runs: Int[np.ndarray, " runs"]) -> Iterator[dict[str, int]]:
    """The seeds of each run: 32 random bits of the key that a compiled trial has for each source."""

    def bits(levels: Any) -> dict[str, jax.Array]:
        return {name: jax.random.bits(each, dtype=np.uint32) for name, each in keys_at(design, key, levels).items()}

    # In one mode of jax, as the identity of a study does not tell of it: a level would have two seeds in one store.
    with jax.threefry_partitionable(True):
        drawn = {name: np.asarray(each) for name, each in jax.jit(jax.vmap(bits))(design.levels(runs)).items()}
    return ({name: int(each[index]) for name, each in drawn.items()} for index in range(len(runs)))


def _one_run(trial: HostTrial, seeds: dict[str, int], setting: tuple[Any, ...]) -> Run:
    try:
        return trial(seeds, *setting)
    except Exception as error:
        error.add_note(f"raised by the run of {trial.name!r} with the seeds {seeds}; a store keeps the runs before it")
        raise


def _told(shapes: Any) -> str:
    return str(jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), shapes))


def _stacked(batch: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *batch)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        msg = f"packages: got {package!r:.60}, which is not installed, expected names as pip knows them"
        raise ValueError(msg) from error


def settings_on_host(settings: Any) -> Any:
    """Settings as host arrays of the types that they have, which a trial cannot write to."""

    def admitted(leaf: Any) -> np.ndarray:
        is_complex = isinstance(leaf, np.ndarray) and np.iscomplexobj(leaf)
        array = np.array(leaf if is_complex else as_numbers("settings", leaf))
        array.flags.writeable = False
        return array

    return jax.tree.map(admitted, settings)


def _is_plain(shapes: Any) -> bool:
    """Whether JSON can hold the containers: other keys than strings would come back as strings, in another order."""
    if type(shapes) is dict:
        return all(isinstance(name, str) for name in shapes) and all(map(_is_plain, shapes.values()))
    if type(shapes) is tuple:
        return all(map(_is_plain, shapes))
    return shapes is None or isinstance(shapes, jax.ShapeDtypeStruct)


def _description(shapes: Any) -> Any:
    """Dicts and tuples of shapes, for JSON."""
    if isinstance(shapes, dict):
        return {"dict": {name: _description(each) for name, each in shapes.items()}}
    if isinstance(shapes, tuple):
        return {"tuple": [_description(each) for each in shapes]}
    return None if shapes is None else [list(shapes.shape), str(shapes.dtype)]


def _from_description(found: Any) -> Any:
    if isinstance(found, dict):
        ((kind, parts),) = found.items()
        if kind == "dict":
            return {name: _from_description(each) for name, each in parts.items()}
        return tuple(map(_from_description, parts))
    return None if found is None else jax.ShapeDtypeStruct(tuple(found[0]), found[1])
