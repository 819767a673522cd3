"""The result of a decomposition: its numbers, and what can be done with them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdl.decomposition import storage
from jaxdl.decomposition.derive import Derived, derive
from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.record import PerPoint, Record
from jaxdl.decomposition.table import format_table

if TYPE_CHECKING:
    from xarray import Dataset as XarrayDataset

Array = np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition(Record):
    """Bias, variance components, noise and risk, averaged over test points; axes `(settings, times)` where there are any.

    Terms are named `"bias_squared"` (or `"bias_squared_plus_noise"`; `"bias"` for losses other than squares), `("data",)`,
    `("data", "init")` for variance components, `"total_variance"`, `"noise"` and `"risk"`. Estimates are unbiased, so that a
    small one may be negative: none is clipped.

    >>> from jaxdl.decomposition import Target, squared_error
    >>> f = np.random.default_rng(0).normal(size=(20, 8, 5))
    >>> result = squared_error(f, factors=("data", "init"), target=Target(mean=np.zeros(5), noise=1.0))
    >>> parts = result["bias_squared"] + result.total_variance + result["noise"]
    >>> bool(np.isclose(parts, result["risk"])), list(result.variance)
    (True, [('data',), ('init',), ('data', 'init')])
    """

    def derive(self, statistic: Callable[[Mapping[Term, Array]], Any], level: float = 0.95) -> Derived:
        """Any function of the terms, with its standard error, degrees of freedom and interval: see `decomposition.derive`."""
        return derive(statistic, self, level=level)

    def at(self, *, setting: int | None = None, time: int | None = None) -> "Decomposition":
        """One setting, or one time, or both: the same result without that axis, and without what concerns other settings.

        Raises:
            ValueError: for an axis that the result does not have, or a position beyond it.
        """
        result = self
        for axis, position in (("settings", setting), ("times", time)):
            if position is not None:
                result = _select(result, axis, position)
        return result

    def table(self) -> str:
        """Term, estimate, standard error, 95 % interval, estimand and population, as plain text."""
        return format_table(self)

    def __str__(self) -> str:
        return self.table()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything but `diverged` runs' `aux` to an `.npz` file, without pickle."""
        storage.save(self, path)

    def to_xarray(self) -> "XarrayDataset":
        """Labelled arrays: `estimate`, `standard_error`, `low`, `high`, `per_point`; needs the extra `xarray`."""
        return storage.to_xarray(self)


def load(path: str | os.PathLike[str]) -> Decomposition:
    """Read what `Decomposition.save` wrote; diverged runs come back as their descriptions.

    Raises:
        ValueError: when the path names no file, or the file is no saved decomposition, is damaged, or was written by hand.
        OSError: what the system says (no such file, no permission).

    >>> import tempfile
    >>> from jaxdl.decomposition import Target, squared_error
    >>> f = np.random.default_rng(0).normal(size=(20, 8, 5))
    >>> result = squared_error(f, factors=("data", "init"), target=Target(mean=np.zeros(5), noise=1.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/study.npz")
    ...     bool(load(f"{folder}/study.npz")["risk"] == result["risk"])
    True
    """
    return Decomposition(**storage.read(path))


def _select(result: Decomposition, axis: str, position: int) -> Decomposition:
    shape = np.shape(result.total_variance)
    size = shape[result.axes.index(axis)] if axis in result.axes else 0
    if isinstance(position, bool) or not isinstance(position, int | np.integer):
        msg = f"{axis.removesuffix('s')}: got {position!r}, expected a position, counted from 0"
        raise ValueError(msg)
    if not -size <= position < size:
        name = axis.removesuffix("s")
        msg = f"{name}: got {name}={position} for a result with axes {result.axes} of sizes {shape}, expected a position on that "
        msg += "axis"
        raise ValueError(msg)
    place = result.axes.index(axis)
    if axis == "settings":
        position %= size
        result = replace(
            result,
            study_notes=(*result.study_notes, *filter(None, result.setting_notes[position : position + 1])),
            setting_notes=(),
            diverged=tuple(run for run in result.diverged if run.setting == position),
        )

    def taken(values: dict[Term, Array], leading: int = 0) -> dict[Term, Array]:
        return {term: np.asarray(np.take(value, position, axis=leading + place)) for term, value in values.items()}

    return replace(
        result,
        estimates=taken(result.estimates),
        standard_errors=taken(result.standard_errors),
        degrees_of_freedom=taken(result.degrees_of_freedom),
        lower_ends=taken(result.lower_ends),
        upper_ends=taken(result.upper_ends),
        per_point=PerPoint(*map(taken, result.per_point)),
        replicates={unit: taken(values, leading=1) for unit, values in result.replicates.items()},
        axes=tuple(name for name in result.axes if name != axis),
        settings=None if axis == "settings" else result.settings,
        times=None if axis == "times" else result.times,
    )
