"""The result of a decomposition: its numbers, and what can be done with them."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdl.decomposition import frames, storage, table, typesetting
from jaxdl.decomposition.derive import Derived, derive
from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.planning import Plan, plan
from jaxdl.decomposition.record import Averages, PerPoint, Record

if TYPE_CHECKING:
    from pandas import DataFrame
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

    def plan(
        self,
        term: Term,
        *,
        standard_error: float | int | None = None,
        relative: float | int | None = None,
        cost: Mapping[str, float | int] | None = None,
    ) -> Plan:
        """The levels of each source with which a term reaches a standard error at least cost: see `decomposition.plan`."""
        return plan(self, term, standard_error=standard_error, relative=relative, cost=cost)

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

    def by_class(self) -> "PerClass":
        """The terms at the points of each class, each with its errors: a `Decomposition` for each class that has test points.

        Points are grouped by their label, or by their most probable class where a target gives probabilities or several labels.
        In nested designs, intervals of classes are Student's from the jackknife; elsewhere as those of all points.

        Raises:
            ValueError: labels that are no classes; no target; predictions beyond the memory limit of the study.

        >>> from jaxdl.decomposition import Target, kohavi_wolpert
        >>> f = np.random.default_rng(0).integers(2, size=(50, 6))
        >>> result = kohavi_wolpert(f, factors=("data",), target=Target(labels=np.array([0, 0, 0, 1, 1, 1])))
        >>> classes = result.by_class()
        >>> list(classes), bool(abs(np.mean([each.risk for each in classes.values()]) - result.risk) < 1e-12)
        ([0, 1], True)
        """
        if not self.of_classes or self.classes is None:
            msg = "by_class: got a result without terms of classes, expected labels that are classes: class numbers with a loss of "
            msg += (
                "classes, one-hot rows, or zeros and ones; and predictions within the memory limit. Pass such a target"
            )
            raise ValueError(msg)
        return PerClass({label: self._of_class(label) for label in self.of_classes})

    def _of_class(self, label: int) -> "Decomposition":
        points = np.flatnonzero(self.classes == label)
        per_point = PerPoint(*({term: each[..., points] for term, each in part.items()} for part in self.per_point))
        notes = (*self.study_notes, table.of_class(label, len(points)))
        return replace(
            self,
            **self.of_classes[label]._asdict(),
            per_point=per_point,
            study_notes=notes,
            classes=None,
            of_classes={},
            strata={},  # those of all points
        )

    def table(self) -> str:
        """Term, estimate, standard error and 95 % interval, with estimands and populations below, in 100 columns of text."""
        return typesetting.as_text(table.full(self))

    def compact_table(self, terms: Sequence[Term] | None = None) -> str:
        """A row for each setting and time, a column for each of the terms (all unless some are named), in 100 columns of text.

        Raises:
            ValueError: for what is no sequence of names of terms.

        >>> from jaxdl.decomposition import squared_error
        >>> f = np.random.default_rng(0).normal(size=(40, 3, 25))
        >>> result = squared_error(f, factors=("data",), dims=("times", "points"), times=(1, 10, 100))
        >>> print(result.compact_table(("total_variance",)).splitlines()[2])
        time  total_variance
        """
        return typesetting.as_text(table.compact(self, terms))

    def to_latex(self, terms: Sequence[Term] | None = None) -> str:
        """The table for LaTeX with the package booktabs; the compact one where there are settings or times, or terms are named.

        Raises:
            ValueError: for what is no sequence of names of terms.
        """
        is_full = terms is None and not self.axes
        return typesetting.as_latex(table.full(self) if is_full else table.compact(self, terms))

    def _repr_html_(self) -> str:
        """What notebooks show: the table, or the compact one where there are settings or times."""
        return typesetting.as_html(table.compact(self) if self.axes else table.full(self))

    def __str__(self) -> str:
        return self.table()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything but `diverged` runs' `aux` to an `.npz` file, without pickle."""
        storage.save(self, path)

    def to_xarray(self) -> "XarrayDataset":
        """Labelled arrays: `estimate`, `standard_error`, `low`, `high`, `per_point`; needs the extra `xarray`."""
        return storage.to_xarray(self)

    def to_pandas(self) -> "DataFrame":
        """A row for each term at each setting and time, with its interval, population and estimand; needs pandas."""
        return frames.to_pandas(self)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows of `to_pandas` to a file, every digit included; cells that the design does not give stay empty.

        Raises:
            ValueError: a path that is none, or that of a folder or a device.
            OSError: what the system says (no such folder, no permission).
        """
        frames.to_csv(self, path)


class PerClass(dict[int, Decomposition]):
    """A result for each class; prints as a table with a row for each class, at each setting and time."""

    def table(self, terms: Sequence[Term] | None = None) -> str:
        """A row for each class, a column for each of the terms (all unless some are named)."""
        return typesetting.as_text(table.over_classes(self, terms))

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return typesetting.as_html(table.over_classes(self))


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
        of_classes={
            label: Averages(
                replicates={unit: taken(values, leading=1) for unit, values in averages.replicates.items()},
                **{name: taken(getattr(averages, name)) for name in Averages._fields if name != "replicates"},
            )
            for label, averages in result.of_classes.items()
        },
        strata={name: np.asarray(np.take(values, position, axis=1 + place)) for name, values in result.strata.items()},
        axes=tuple(name for name in result.axes if name != axis),
        settings=None if axis == "settings" else result.settings,
        times=None if axis == "times" else result.times,
    )
