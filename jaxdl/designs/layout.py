"""How many levels each source has, how they are laid out over runs, and which variance components that identifies."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxdl.kinds import as_count

Component = tuple[str, ...]
MOST_RUNS = 2**31 - 1
"""Runs and levels are numbered by 32 bits."""
NUM_GROUPS = 32
"""Of independent runs, or of outer levels, where there are more: standard errors delete a group at a time."""


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
