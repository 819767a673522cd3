"""Runs with non-finite outputs: each is named, and none is averaged in silence."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool

from jaxdl.designs import Design
from jaxdl.ensembles.stream import Chunk


class DivergedRun(NamedTuple):
    """A run whose outputs hold NaN or infinity, and the trial's `aux` of that run.

    >>> DivergedRun(run=5, levels={"data": 2, "init": 1}, setting=None, aux=None).levels["data"]
    2
    """

    run: int
    levels: dict[str, int]
    setting: int
    aux: Any

    def __str__(self) -> str:
        levels = ", ".join(f"{factor} {level}" for factor, level in self.levels.items())
        report = "" if self.aux is None else f"; aux {jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), self.aux)}"
        return f"run {self.run} ({levels}; setting {self.setting}{report})"


class DivergedRunsError(ValueError):
    """More runs diverged than the study allows; `result` holds what was estimated without them, or `None`.

    >>> from jaxdl import designs, ensembles
    >>> def half_diverge(keys):
    ...     return jax.numpy.log(jax.random.normal(keys["data"], (1,)))
    >>> try:
    ...     ensembles.run(half_diverge, designs.crossed(data=16), jax.random.key(0), strict=True)
    ... except DivergedRunsError as error:
    ...     print(sorted(error.diverged[0].levels))
    ['data']
    """

    def __init__(self, message: str, diverged: tuple[DivergedRun, ...], result: Any = None):
        super().__init__(message)
        self.diverged = diverged
        self.result = result


def finite_runs(outputs: Any) -> Bool[np.ndarray, " runs"]:
    """Which of the runs on the leading axis of `outputs` are finite throughout."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(outputs)]
    # jax's own notion of a subtype: NumPy's does not know bfloat16.
    inexact = [leaf for leaf in leaves if jax.dtypes.issubdtype(leaf.dtype, np.inexact)]
    finite = [np.isfinite(leaf).all(axis=tuple(range(1, leaf.ndim))) for leaf in inexact]
    return np.logical_and.reduce(finite) if finite else np.ones(len(leaves[0]), bool)


def diverged_runs(
    design: Design, chunk: Chunk, is_finite: Bool[np.ndarray, " runs"] | None = None
) -> tuple[DivergedRun, ...]:
    """The diverged runs of one chunk; `is_finite`, where it is known already."""

    def name(index: int) -> DivergedRun:
        run = chunk.first_run + index
        levels = design.levels(np.array([run]))[0]
        aux = jax.tree.map(lambda leaf: leaf[index], chunk.aux)
        return DivergedRun(run, dict(zip(design.factors, map(int, levels), strict=True)), chunk.setting, aux)

    finite = finite_runs(chunk.outputs) if is_finite is None else is_finite
    return tuple(name(int(index)) for index in np.flatnonzero(~finite))


def summary(diverged: Iterable[DivergedRun], limit: int = 5) -> str:
    """`3 diverged: run 4 (data 0, init 4; ...), ...`."""
    runs = tuple(diverged)
    named = ", ".join(str(run) for run in runs[:limit])
    return f"{len(runs)} diverged: {named}{' and others' if len(runs) > limit else ''}"
