"""`on_host`: trials that are any Python function of integer seeds, where others are compiled functions of keys.

Designs, growth, stores, shards and progress are the same; runs are made one by one, or by the workers of joblib.
"""

import importlib.metadata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from jaxdl.admission import as_numbers
from jaxdl.ensembles.workers import called
from jaxdl.kinds import as_count, check_flag
from jaxdl.types import Run


class Seeds(dict[str, int]):
    """A whole number from 0 to 2^32 - 1 for each source; remembers which were asked for, and refuses others by name."""

    def __init__(self, seeds: dict[str, int], names_read: Iterable[str] = ()):
        super().__init__(seeds)
        self.names_read: set[str] = set(names_read)

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
        return Seeds, (dict(super().items()), self.names_read)


@dataclass(frozen=True, eq=False)
class HostTrial:
    """What `on_host` returns: a trial that the engine calls as it is."""

    function: Callable[..., Any]
    """`function(seeds, *setting)`, or `function(seeds, *setting, drawn)` where there is something to `draw`."""
    name: str
    packages: tuple[str, ...]
    workers: int | None
    threads: bool = False
    draw: Callable[[Seeds], Any] | None = None
    """What this process draws for a run that a worker will make: workers on a machine with an accelerator do not share it."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else the results depend on, by name: parts of a study's identity."""
    notes: tuple[str, ...] = ()
    """What a reader of a result must know."""
    training_size: int | None = None
    """For the labels of a result."""
    made_twice: bool = False
    """Whether a study makes its first run twice, and warns when the two differ."""

    def __post_init__(self) -> None:
        if not callable(self.function):
            msg = f"function: got {self.function!r:.60}, expected a function of seeds"
            raise ValueError(msg)
        if not isinstance(self.name, str) or not self.name.strip():
            msg = f"name: got {self.name!r:.60}, expected words that name what is computed, and its version"
            raise ValueError(msg)
        for package in self.packages:
            version_of(package)
        if self.workers is not None:
            as_count("workers", self.workers)
        check_flag("threads", self.threads)

    def __call__(self, seeds: dict[str, int], *setting: Any) -> Run:
        """One run, its results as arrays of their own: the function may write to the same ones in every run."""
        return _made(self.function, *self.arguments(seeds, setting))

    def arguments(self, seeds: dict[str, int], setting: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those of the function in one run; small, so that a worker can be sent them."""
        recorded = Seeds(seeds)
        return (recorded, *setting) if self.draw is None else (recorded, *setting, self.draw(recorded))

    def called_at(self, place: int) -> Callable[..., Any]:
        """The function of the run at that place among those that are asked for at once."""
        del place
        return self.function

    def runs(self, seeds: Iterable[tuple[str, dict[str, int]]], setting: tuple[Any, ...]) -> Iterator[Run]:
        """The runs in the order of their seeds, each with the words that an error names it by."""
        # Workers are sent the function alone: what draws may hold arrays on this process's devices.
        jobs = (
            (
                self.called_at(place),
                self.arguments(each, setting),
                f"{where} of {self.name!r} with the seeds {dict(each)}",
            )
            for place, (where, each) in enumerate(seeds)
        )
        return called(_one_run, jobs, workers=self.workers, threads=self.threads)


def on_host(
    function: Callable[..., Any],
    *,
    name: str,
    packages: tuple[str, ...] = (),
    workers: int | None = 1,
    threads: bool = False,
) -> HostTrial:
    """A trial of any Python function, `function(seeds)` or `function(seeds, setting)`, for `run`, `stream` and `decompose`.

    `seeds` has a whole number from 0 to 2^32 - 1 for each source of the design, `{"data": 17, "init": 4}`; a level has the
    same number wherever it meets others. The function returns what a compiled trial may: an array of predictions, a dict of
    arrays, or `Run(predictions, aux)`, of one shape and type in all runs. `setting` has NumPy's numbers and arrays, of the types
    that were given.

    Nothing can tell what a Python function computes. So a store takes `name`, and the versions of `packages`, of Python, NumPy
    and jax for the identity of a study: give another name when the function changes, or keep no store.

    Bits do not depend on the workers, as BLAS and OpenMP have one thread in every run. Other processes are sent the function by
    cloudpickle, which takes lambdas and functions of a notebook too.

    Args:
        function: uses the seeds for all that is random, and nothing else.
        name: of the study's computation, with its version: "forest, 100 trees, v2".
        packages: names of installed packages whose versions change the results: `("scikit-learn",)`.
        workers: processes that run side by side, through joblib. `None`: as `joblib.parallel_config` says, on a Dask or Ray cluster
            perhaps; where it says nothing, one for each core.
        threads: threads of this process in their place, for functions that release Python's lock or cannot be sent elsewhere.

    Raises:
        ValueError: no function, an empty name, a package that is not installed.

    >>> from jaxdl import designs
    >>> from jaxdl.ensembles import run
    >>> def mean(seeds):
    ...     return np.random.default_rng(seeds["data"]).normal(size=(1, 25)).mean(axis=1)
    >>> run(on_host(mean, name="mean of 25"), designs.crossed(data=4), jax.random.key(0)).outputs.shape
    (4, 1)
    """
    return HostTrial(function, name, as_packages(packages), workers, threads)


def _one_run(function: Callable[..., Any], arguments: tuple[Any, ...], where: str) -> Run:
    try:
        return _made(function, *arguments)
    except Exception as error:
        error.add_note(f"raised by {where}; a store keeps the runs before it")
        raise


def _made(function: Callable[..., Any], *arguments: Any) -> Run:
    """One run of the function, whose first argument are its `Seeds`: a type that is checked at run time would count as read."""
    seeds = arguments[0]
    result = function(*arguments)
    unread = [source for source in seeds if source not in seeds.names_read]
    if unread and seeds.names_read:  # none at all: they were handed on together
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


def as_packages(packages: Any) -> tuple[str, ...]:
    """Names of packages, each of its own: a text would be one for each letter."""
    if isinstance(packages, str):
        msg = f"packages: got {packages!r}, expected a tuple of names; pass ({packages!r},)"
        raise ValueError(msg)
    return tuple(packages)


def version_of(package: str) -> str:
    """The version of an installed package, by the name that pip knows."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        msg = f"packages: got {package!r:.60}, which is not installed, expected names as pip knows them"
        raise ValueError(msg) from error
