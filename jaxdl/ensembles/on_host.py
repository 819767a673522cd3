"""`on_host`: trials that are any Python function of integer seeds, where others are compiled functions of keys.

Designs, growth, stores, shards and progress are the same; runs are made one by one, or by the workers of joblib.
"""

import functools
import importlib.metadata
import json
import platform
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
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

    def __missing__(self, name: str) -> int:
        msg = (
            f"trial: got seeds[{name!r}], expected a source of the design, one of {sorted(self)}; add it to the design"
        )
        raise ValueError(msg)

    def __reduce__(self) -> Any:
        return Seeds, (dict(self),)


@dataclass(frozen=True)
class HostTrial:
    """What `on_host` returns: a trial that the engine calls as it is."""

    function: Callable[..., Any]
    name: str
    packages: tuple[str, ...]
    workers: int | None

    def __call__(self, seeds: dict[str, int], *setting: Any) -> Run:
        """One run, its results as arrays."""
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
            lambda leaf: as_numbers("trial's result", leaf), (outputs, aux), is_leaf=lambda part: isinstance(part, list)
        )
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
    arrays, or `Run(predictions, aux)`.

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
    block: int = 1
    inner: tuple[int, ...] = ()

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

    @functools.cached_property
    def results(self) -> Any:
        """Shapes of what a run returns, with a leading axis of one: as the store says, else by making the first run."""
        known = None if self.store is None else self.store / f"shapes-{digest(self.identity(self.key))[:16]}.json"
        if known is not None and known.is_file():
            return _from_description(json.loads(known.read_text()))
        first = next(computed_on_host(self, self.design, self.key, self.first_setting, np.arange(1)))[1]
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), first)
        # The store's folder is there once runs are to be kept; a plan leaves none behind.
        if known is not None and known.parent.is_dir():
            write_atomically(known, json.dumps(_description(shapes)).encode())
        return shapes


def computed_on_host(
    program: HostProgram, design: Design, key: Key, setting: Any, runs: Int[np.ndarray, " runs"]
) -> Iterator[tuple[Int[np.ndarray, " runs"], Any]]:
    """The given runs in their order with their results, in batches of a moment each, at least one run."""
    arguments = () if setting is None else (jax.tree.map(np.asarray, setting),)
    results = program.trial.runs(seeds_at(design, key, runs), arguments)
    batch: list[Any] = []
    done, clock = 0, time.monotonic()
    for result in results:
        if batch:
            _check_alike(batch[0], result, int(runs[done + len(batch)]))
        batch.append(tuple(result))
        if time.monotonic() - clock > SECONDS_PER_RECORD:
            yield runs[done : done + len(batch)], _stacked(batch)
            done, batch, clock = done + len(batch), [], time.monotonic()
    if batch:
        yield runs[done:], _stacked(batch)


def seeds_at(design: Design, key: Key, runs: Int[np.ndarray, " runs"]) -> Iterator[dict[str, int]]:
    """The seeds of each run: 32 random bits of the key that a compiled trial has for each source."""

    def bits(levels: Any) -> dict[str, jax.Array]:
        return {name: jax.random.bits(each, dtype=np.uint32) for name, each in keys_at(design, key, levels).items()}

    drawn = {name: np.asarray(each) for name, each in jax.jit(jax.vmap(bits))(design.levels(runs)).items()}
    return ({name: int(each[index]) for name, each in drawn.items()} for index in range(len(runs)))


def _one_run(trial: HostTrial, seeds: dict[str, int], setting: tuple[Any, ...]) -> Run:
    try:
        return trial(seeds, *setting)
    except Exception as error:
        error.add_note(
            f"raised by the run of {trial.name!r} with the seeds {seeds}; runs before it are kept in the store"
        )
        raise


def _check_alike(first: Any, result: Any, run: int) -> None:
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), tuple(each)) for each in (first, result)]
    if shapes[0] != shapes[1]:
        msg = f"trial: got {shapes[1]} from run {run}, expected what others return, {shapes[0]}; return one shape and type"
        raise ValueError(msg)


def _stacked(batch: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *batch)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        msg = f"packages: got {package!r:.60}, which is not installed, expected names as pip knows them"
        raise ValueError(msg) from error


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
