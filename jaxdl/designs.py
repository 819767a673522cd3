"""Designs: how many levels each source of randomness has, how they are laid out over runs, and what that identifies.

A run's key for a source depends on the root key, the source's name and its level, and on nothing else, so every run
is addressable by its levels: a study grows, or is split over machines, without redoing a run, and two settings of a
hyperparameter share their random numbers.

>>> import jax
>>> design = crossed(data=3, init=2)
>>> design.num_runs, design.components
(6, (('data',), ('init',), ('data', 'init')))
>>> sorted(keys_of_run(design, jax.random.key(0), 5))
['data', 'init']
"""

import dataclasses
import itertools
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from jaxdl.kinds import as_count, as_scalar
from jaxdl.statistics.power import detected_by_t, power_of_t
from jaxdl.types import Key, Keys

__all__ = ["Component", "Design", "crossed", "independent", "keys_of_run", "nested", "tied"]

Component = tuple[str, ...]
MOST_RUNS = 2**31 - 1
"""Runs and levels are numbered by 32 bits."""
MOST_UNITS = 32
"""Independent runs, or outer levels, beyond which standard errors delete groups of them."""
Variances = Mapping[str | Component, float | int]


@dataclass(frozen=True)
class Design:
    """Runs are the cells of a table of `shape`; the key of `sources[i]` is addressed by the levels on `paths[i]`.

    Build one with `crossed`, `nested` or `independent`.

    >>> design = crossed(data=64, init=16)
    >>> design.num_runs, design.is_crossed, design.factors
    (1024, True, ('data', 'init'))
    """

    sources: tuple[str, ...]
    shape: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]
    fixed: tuple[str, ...] = ()
    """Sources that stay at one level, on which every number is conditional; see `varying`."""

    @property
    def num_runs(self) -> int:
        """Number of trainings."""
        return math.prod(self.shape)

    @property
    def is_nested(self) -> bool:
        """Whether a source draws afresh inside each level of the sources before it."""
        return any(len(path) > 1 for path in self.paths)

    @property
    def is_crossed(self) -> bool:
        """Whether several factors meet in full."""
        return len(self.shape) > 1 and not self.is_nested

    @property
    def varying(self) -> "Design":
        """The same runs without the factors that have a single level: what remains to be measured.

        A source that never changes is `fixed`. One seed for many data sets, `crossed(data=64, init=1)`, measures the
        variance over data *for that seed*, which is one draw of V_data + V_data:init; a fresh seed inside each data set,
        `nested(data=64, init=1)`, measures the total variance.

        >>> crossed(data=64, init=1).varying.fixed, nested(data=64, init=1).varying.sources
        (('init',), ('data', 'init'))
        """
        kept = [axis for axis, count in enumerate(self.shape) if count > 1]
        if len(kept) == len(self.shape):
            return self
        paths = [tuple(kept.index(axis) for axis in path if axis in kept) for path in self.paths]
        moving = [(source, path) for source, path in zip(self.sources, paths, strict=True) if path]
        return Design(
            tuple(source for source, _ in moving),
            tuple(self.shape[axis] for axis in kept),
            tuple(path for _, path in moving),
            (*self.fixed, *(source for source, path in zip(self.sources, paths, strict=True) if not path)),
        )

    @property
    def factors(self) -> tuple[str, ...]:
        """The name of each axis of the table: one source, sources that vary together, or `"init(data)"` when nested."""
        if self.is_nested:
            return tuple(_nested_name(self.sources[: depth + 1]) for depth in range(len(self.shape)))
        together = [[s for s, path in zip(self.sources, self.paths, strict=True) if path == (i,)] for i in self._axes]
        return tuple("+".join(sources) for sources in together)

    @property
    def components(self) -> tuple[Component, ...]:
        """The variance components that this design identifies.

        Crossed: every subset of sources, `("data",)`, `("init",)`, `("data", "init")`. Nested: the outer source, and each
        inner one together with all its interactions, `("init(data)",)`. Independent with several sources: none; their
        total variance only.
        """
        if len(self.sources) > len(self.shape):
            return ()
        if self.is_nested:
            return tuple((factor,) for factor in self.factors)
        sizes = range(1, len(self.shape) + 1)
        return tuple(subset for size in sizes for subset in itertools.combinations(self.factors, size))

    @property
    def _axes(self) -> range:
        return range(len(self.shape))

    def levels(self, runs: Int[np.ndarray, " runs"]) -> Int[np.ndarray, "runs factors"]:
        """The level of every factor in the given runs; the last factor varies fastest."""
        return np.stack(np.unravel_index(runs, self.shape), axis=-1).astype(np.int32)


def crossed(**levels: int) -> Design:
    """Full factorial: every level of each source meets every level of the others.

    Identifies each source's variance and every interaction (Efron & Stein, 1981; Hoeffding's decomposition).

    >>> crossed(data=64, init=16).shape
    (64, 16)
    """
    return _checked(Design(tuple(levels), tuple(levels.values()), tuple((i,) for i in range(len(levels)))))


def nested(**levels: int) -> Design:
    """Hierarchy, outermost source first: each level of a source has levels of the next of its own.

    `nested(data=64, init=16)` identifies V_data and V_init + V_data:init, which it cannot tell apart (Neal et al., 2018).

    >>> nested(data=64, init=16).components
    (('data',), ('init(data)',))
    """
    return _checked(
        Design(tuple(levels), tuple(levels.values()), tuple(tuple(range(i + 1)) for i in range(len(levels))))
    )


def independent(num_runs: int, *sources: str) -> Design:
    """Everything is drawn anew in each run: identifies the total variance alone.

    >>> independent(512, "data", "init").components
    ()
    """
    return _checked(Design(sources, (num_runs,), ((0,),) * len(sources)))


def keys_of_run(design: Design, key: Key, run: int) -> dict[str, Key]:
    """The keys of run number `run` in a study with the root key `key`.

    >>> import jax
    >>> first, second = (keys_of_run(crossed(data=3, init=2), jax.random.key(0), run) for run in (0, 1))
    >>> bool(first["data"] == second["data"]), bool(first["init"] == second["init"])
    (True, False)
    """
    run = as_count("run", run, low=0, high=design.num_runs - 1, remedy=f"this design has {design.num_runs} runs")
    return keys_at(design, key, jnp.asarray(design.levels(np.array([run]))[0]))


def keys_at(design: Design, key: Key, levels: Int[Array, " factors"], inner: Sequence[int] = ()) -> dict[str, Array]:
    """One key for each source: `fold_in(fold_in(key, crc32(name)), level)`, folding in the whole path when nested.

    For factors in `inner` (axes of the table) the key gets a leading axis that runs over all levels of that factor.
    """

    def source_key(name: str, path: tuple[int, ...]) -> Array:
        def descend(key: Array, remaining: tuple[int, ...]) -> Array:
            if not remaining:
                return key
            axis, *rest = remaining
            if axis not in inner:
                return descend(jax.random.fold_in(key, levels[axis]), tuple(rest))
            every_level = jnp.arange(design.shape[axis], dtype=levels.dtype)
            return jax.vmap(lambda level: descend(jax.random.fold_in(key, level), tuple(rest)))(every_level)

        return descend(jax.random.fold_in(key, np.uint32(zlib.crc32(name.encode()))), path)

    return {name: source_key(name, path) for name, path in zip(design.sources, design.paths, strict=True)}


class RecordedKeys:
    """Keys that remember which sources were asked for, and refuse sources that the design lacks."""

    def __init__(self, keys: dict[str, Array]):
        self._keys = keys
        self.names_read: set[str] = set()

    def __getitem__(self, name: Any) -> Array:
        if not isinstance(name, str):
            msg = f"got keys[{name!r}] in the trial; a source of randomness is read by its name, one of {sorted(self._keys)}"
            raise ValueError(msg)
        if name not in self._keys:
            msg = (
                f"the trial reads the source {name!r}, but the design has only {sorted(self._keys)}. Add {name!r} to the "
                f"design, or let it follow a source that is there: designs.tied(keys, {name}={list(self._keys)[-1]!r})"
            )
            raise ValueError(msg)
        self.names_read.add(name)
        return self._keys[name]

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def keys(self) -> Iterator[str]:
        """The names, so that `dict(keys)` has all keys."""
        return iter(self._keys)

    def __getattr__(self, name: str) -> Any:
        msg = f"got keys.{name} in the trial; read a source by its name, keys[{sorted(self._keys)[0]!r}]"
        raise AttributeError(msg)


class _TiedKeys:
    """`keys` with further sources, each derived from one that is there."""

    def __init__(self, keys: Keys, followed: dict[str, str]):
        self._keys = keys
        self._followed = followed

    def __getitem__(self, name: str) -> Array:
        if name not in self._followed:
            return self._keys[name]
        return jax.random.fold_in(self._keys[self._followed[name]], np.uint32(zlib.crc32(name.encode())))

    def __contains__(self, name: object) -> bool:
        return name in self._followed or name in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter([*self._keys, *self._followed])

    def keys(self) -> Iterator[str]:
        """The names, so that `dict(keys)` has all keys."""
        return iter(self)


def tied(keys: Keys, **followed: str) -> Keys:
    """Let a source vary together with another: `tied(keys, order="init")` draws the minibatch order from `init`'s level.

    The new source has a key of its own, folded from the followed one by its name, so no key is used twice.

    >>> keys = tied({"init": jax.random.key(0)}, order="init")
    >>> "order" in keys, bool(keys["order"] == keys["init"])
    (True, False)
    """
    missing = sorted(set(followed.values()) - set(keys))
    if missing:
        msg = f"cannot tie {followed} to {missing}: the sources here are {sorted(keys)}"
        raise ValueError(msg)
    return _TiedKeys(keys, followed)


def detectable(
    design: Design,
    variances: Variances,
    *,
    correlation: float | int | Variances = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> float:
    """The smallest difference of two procedures' means that this design shows, with a probability `power`, before any run.

    Shown means that the interval of `decomposition.compare`, or of the mean of the differences by `decomposition.metric`, leaves
    out zero. The variance of the mean difference is

        sum over components u of 2 (1 - correlation_u) V_u / (levels of the factors in u),

    it is estimated by deleting levels of each factor, and effects are taken for normal. Test points are those at hand.

    Args:
        design: of each procedure's runs; both have the same levels.
        variances: of the metric of a run by component, from an earlier study or a guess: `{"data": 1e-4, ("data", "init"): 2e-4}`.
            Those that are not named are zero.
        correlation: of the two procedures' effects of one level, a number or one for each component. Zero where they share nothing.
        power: the probability of showing it.
        level: of the interval.

    Raises:
        ValueError: components that the design does not have, fewer than two levels of a factor, nothing that varies.

    Five seeds of each procedure, of a standard deviation of 0.3 points, show a difference of 0.71 points, fifty one of 0.17:

    >>> for num_seeds in (5, 50):
    ...     print(round(detectable(crossed(seed=num_seeds), {"seed": 0.3**2}), 2))
    0.71
    0.17
    """
    _check_probability("power", power)
    _check_probability("level", level)
    variance, parts = _of_difference(design, variances, correlation)
    return detected_by_t(power, variance, parts, level=level)


def power(
    design: Design,
    variances: Variances,
    *,
    difference: float | int,
    correlation: float | int | Variances = 0.0,
    level: float = 0.95,
) -> float:
    """The probability that the design shows a difference of two procedures' means; see `detectable`.

    >>> round(power(crossed(seed=5), {"seed": 0.3**2}, difference=0.5), 2)
    0.52
    """
    _check_probability("level", level)
    distance = as_scalar("difference", difference, expected="a finite number", allowed=math.isfinite)
    variance, parts = _of_difference(design, variances, correlation)
    return power_of_t(distance, variance, parts, level=level)


def _of_difference(
    design: Design, variances: Variances, correlation: float | int | Variances
) -> tuple[float, list[tuple[float, float]]]:
    """The variance of the mean difference, and of its estimate the expectation and degrees of freedom by factor."""
    check_design(design)
    known = design.components or (design.factors,)
    if min(design.shape) < 2:
        msg = f"design: got the levels {dict(zip(design.factors, design.shape, strict=True))}, expected 2 or more of each; one "
        msg += "tells nothing of its variance"
        raise ValueError(msg)
    own = _by_component("variances", variances, known, high=math.inf)
    shared = _by_component("correlation", correlation, known, high=1.0)
    of_component = {}
    for component in known:
        axes = [design.factors.index(factor) for factor in component]
        axes = list(range(axes[0] + 1)) if design.is_nested else axes
        size = math.prod(design.shape[axis] for axis in axes)
        of_component[component] = 2 * (1 - shared[component]) * own[component] / size
    total = sum(of_component.values())
    if not total > 0:
        msg = f"variances: got {dict(variances)!r:.80} with a correlation of {correlation!r:.40}, expected what "
        msg += "varies; else any difference is seen in two runs"
        raise ValueError(msg)
    if not design.is_crossed:
        return total, [(total, min(design.shape[0], MOST_UNITS) - 1.0)]
    parts = [
        (sum(value for component, value in of_component.items() if factor in component), count - 1.0)
        for factor, count in zip(design.factors, design.shape, strict=True)
    ]
    return total, [part for part in parts if part[0] > 0]


def _by_component(
    name: str, values: float | int | Variances, known: Sequence[Component], *, high: float
) -> dict[Component, float]:
    """A number of each component; a single factor needs no tuple, and a number alone is one of all."""
    given = dict(values) if isinstance(values, Mapping) else dict.fromkeys(known, values)
    if name == "variances" and not isinstance(values, Mapping):
        msg = f"variances: got {values!r:.60}, expected one for each component, such as {{{known[0]!r}: 0.01}}; name its source"
        raise ValueError(msg)
    found = {(key,) if isinstance(key, str) else tuple(key): value for key, value in given.items()}
    unknown = [key for key in found if key not in known]
    if unknown:
        msg = f"{name}: got one of {unknown[0]}, expected those of {list(known)}, which this design has; name these"
        raise ValueError(msg)
    expected = f"a number from 0 to {high}" if high < math.inf else "a number that is not negative"
    checked = {
        key: as_scalar(
            f"{name}[{key}]", value, expected=expected, allowed=lambda number: 0 <= number <= high and number < math.inf
        )
        for key, value in found.items()
    }
    return {component: checked.get(component, 0.0) for component in known}


def _check_probability(name: str, value: float) -> None:
    as_scalar(name, value, expected="a probability between 0 and 1", allowed=lambda number: 0 < number < 1)


def _nested_name(path: Sequence[str]) -> str:
    *outer, name = path
    return f"{name}({','.join(outer)})" if outer else name


def check_design(design: Any) -> None:
    """Refuse anything but a design, with the call that makes one.

    >>> check_design({"data": 8})
    Traceback (most recent call last):
    ...
    ValueError: design: got {'data': 8}, expected a design; make one by designs.crossed(data=8)
    """
    if isinstance(design, Design):
        return
    call = "designs.crossed(data=64, init=16)"
    if isinstance(design, Mapping) and design and all(isinstance(name, str) for name in design):
        call = f"designs.crossed({', '.join(f'{name}={count!r}' for name, count in design.items())})"
    msg = f"design: got {design!r:.80}, expected a design; make one by {call}"
    raise ValueError(msg)


def _checked(design: Design) -> Design:
    if not all(isinstance(name, str) for name in design.sources):
        msg = f"sources: got {design.sources}, expected strings; name each: independent(512, 'data', 'init')"
        raise ValueError(msg)
    if not design.sources:
        msg = "sources: got none, expected at least one; name it, for example crossed(data=64, init=16)"
        raise ValueError(msg)
    if len(set(design.sources)) < len(design.sources):
        msg = f"sources: got {design.sources}, some of them twice, expected different names; give each source one"
        raise ValueError(msg)
    for name in design.sources:
        if not name.isidentifier():
            msg = f"sources: got {name!r}, expected Python identifiers; name it as 'data' or 'init' are"
            raise ValueError(msg)
    levels = zip(design.sources, design.shape, strict=False)
    checked = dataclasses.replace(
        design, shape=tuple(as_count("levels", count, what=name, remedy="levels are counted") for name, count in levels)
    )
    if checked.num_runs > MOST_RUNS:
        msg = (
            f"levels: got {checked.num_runs} runs in {dict(zip(design.sources, design.shape, strict=False))}, expected at most "
            f"{MOST_RUNS}, as levels are numbers of 32 bits; pass fewer levels"
        )
        raise ValueError(msg)
    return checked
