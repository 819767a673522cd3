"""Independent and nested designs: statistics that stream, in memory that does not grow with the runs.

The unit is the outer level, an independent run being an outer level with nothing inside. Unit i goes to group i mod 32,
whatever the number of units, and a group keeps n, the sum of the units' means m_i, of |m_i|², and of c_d(i), the unbiased
estimates of E<f, f'> for two runs that share their first d levels. With S and Q the first two sums over all units,

    C_0 = (|S|² - Q) / (n (n - 1)),   C_d = mean c_d,   V_d = C_d - C_{d-1}.

Standard errors delete one group at a time; with at most 32 units this is the ordinary jackknife. Sums are in double precision
after a pivot has been subtracted, and add units one by one in run order, so that no split into chunks changes a bit.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Num

from jaxdl.decomposition.estimates import Estimates, Term, jackknife_variance, stack_terms, term_names
from jaxdl.decomposition.grouped_strata import grouped_strata, pairs_within
from jaxdl.decomposition.strata import Strata
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Design
from jaxdl.designs.layout import NUM_GROUPS

Array = np.ndarray
MIN_GROUPS = 3


class GroupedMeans(ABC):
    """The running sums of one setting; `add` units in run order, then ask for `estimates`.

    A subclass says which statistics of a unit are summed, and which terms are functions of their means.
    """

    is_corrected = False
    """Whether estimates are functions of means that are not linear in them, whose bias the jackknife removes to first order."""

    def __init__(self, design: Design, reference: Reference | None):
        self._design = design
        self._reference = reference
        self._next_unit = 0
        self._counts = np.zeros(NUM_GROUPS)
        self._sums: tuple[Array, ...] = ()  # each (groups, ...), once the first units tell the shapes

    @property
    @abstractmethod
    def terms(self) -> tuple[Term, ...]:
        """The names of what is estimated."""

    @abstractmethod
    def _statistics(self, runs: Num[Array, "units *inner times points out"], kept: Array) -> tuple[Array, ...]:
        """Arrays `(units, ..., times, points, k)` to be summed over units; those of units with `kept` zero do not matter."""

    @abstractmethod
    def _terms(self, counts: Float[Array, " rows"], sums: tuple[Array, ...]) -> Float[Array, "terms rows times points"]:
        """The terms of several sets of units, each with its number of units and its sums."""

    def add(self, runs: Num[Array, "units *inner times points out"], kept: Float[Array, " units"]) -> None:
        """Add consecutive units; those with `kept` zero take their place in the order and count for nothing."""
        if not kept.all():
            runs = np.where(kept.reshape(-1, *[1] * (runs.ndim - 1)) > 0, runs, 0)
        runs = np.array(runs, np.float64)  # a copy, which `_statistics` may change
        statistics = self._statistics(runs, kept)
        if self._next_unit == 0:
            self._sums = tuple(np.zeros((NUM_GROUPS, *each.shape[1:])) for each in statistics)
        position = 0
        while position < len(runs):
            group = self._next_unit % NUM_GROUPS
            size = min(NUM_GROUPS - group, len(runs) - position)
            groups, units = slice(group, group + size), slice(position, position + size)
            weight = kept[units]
            self._counts[groups] += weight
            for total, values in zip(self._sums, statistics, strict=True):
                total[groups] += values[units] * weight.reshape(-1, *[1] * (values.ndim - 1))
            self._next_unit += size
            position += size

    def estimates(self) -> Estimates:
        """All terms, nan with fewer than two units, and one replicate for each group; nan for a group that is empty."""
        counts, terms = self._counts, self.terms
        with np.errstate(invalid="ignore", divide="ignore"):  # no unit at all: nan, as for one
            sums_of_all = tuple(each.sum(0) for each in self._sums)
            total = self._terms(counts.sum()[None], tuple(each[None] for each in sums_of_all))[:, 0]
        if counts.sum() < 2:
            return Estimates(terms, np.full_like(total, np.nan), np.full_like(total, np.nan), {})
        occupied = np.flatnonzero(counts)
        variance = np.full_like(total, np.nan)
        rest = counts.sum() - counts[occupied]
        has_errors = len(occupied) >= MIN_GROUPS and (rest >= 2).all()
        if not has_errors and not (self.is_corrected and len(occupied) > 1):
            return Estimates(terms, total, variance, {})
        replicates = np.full((len(terms), min(NUM_GROUPS, self._design.shape[0]), total.shape[1]), np.nan)
        for time in range(total.shape[1]):
            if total.shape[1] > 1:
                sums_of_all = tuple(each.sum(0) for each in self._sums_at(time))
            sums = (each if len(occupied) == NUM_GROUPS else each[occupied] for each in self._sums_at(time))
            deleted = self._terms(rest, tuple(a - b for a, b in zip(sums_of_all, sums, strict=True)))[:, :, 0]
            variance[:, time] = jackknife_variance(deleted)
            replicates[:, occupied, time] = deleted.mean(axis=-1)
            if self.is_corrected:
                total[:, time] = _without_bias(total[:, time], deleted, counts[occupied])
        if not has_errors:
            return Estimates(terms, total, np.full_like(variance, np.nan), {})
        return Estimates(terms, total, variance, {"groups": replicates}, self._strata(occupied))

    def with_classes(self) -> Estimates:
        """The estimates, and those at the points of each class where labels are classes: sums are kept point by point."""
        found = self.estimates()
        if self._reference is None or self._reference.classes is None or not self._sums:
            return found
        places = self._reference.places_of_classes()
        parts = {label: self._at(points, self._reference.at(points)) for label, points in places.items()}
        return found._replace(of_classes={label: part.estimates() for label, part in parts.items()})

    def _at(self, points: Int[Array, " _"], reference: Reference) -> "GroupedMeans":
        """The same units at some of the points, of which `reference` tells."""
        part = copy.copy(self)
        part._restrict(points)
        part._reference = reference
        return part

    def _restrict(self, points: Int[Array, " _"]) -> None:
        """Forget the sums of other points."""
        self._sums = tuple(each[:, :, points] if _has_points(each, self._reference) else each for each in self._sums)

    def _sums_at(self, time: int) -> list[Array]:
        """The sums at one time, without a copy where there is only that."""
        axes = [_time_axis(each) for each in self._sums]
        return [
            each if each.shape[axis] == 1 else np.take(each, [time], axis=axis)
            for each, axis in zip(self._sums, axes, strict=True)
        ]

    def _strata(self, occupied: Int[Array, " groups"]) -> Strata | None:
        """The mean squares of the groups that are not empty, of terms that are sums of such."""
        del occupied
        return None


class GroupedMoments(GroupedMeans):
    """The sums behind the terms of the squared error, of the `transform` of predictions: S, then Q and c_1 .. c_depth."""

    def __init__(self, design: Design, reference: Reference | None, transform: Callable[[Array], Array] = np.asarray):
        super().__init__(design, reference)
        self._transform = transform
        self._pivot: Array | None = None
        self._has_pairs = True

    @property
    def terms(self) -> tuple[Term, ...]:
        return term_names(self._design.components, self._reference)

    def _statistics(self, runs: Array, kept: Array) -> tuple[Array, ...]:
        runs = self._transform(runs)
        if self._pivot is None:
            if self._reference is not None:
                self._pivot = self._reference.center
            elif kept.any():
                self._pivot = runs[np.argmax(kept)][(0,) * (len(self._design.shape) - 1)].copy()
        if self._pivot is not None:
            runs -= self._pivot
        return _unit_statistics(runs, self._design.shape)

    def _restrict(self, points: Int[Array, " _"]) -> None:
        super()._restrict(points)
        self._has_pairs = len(self._design.shape) == 1  # those of nested designs are averages over all points

    def _strata(self, occupied: Array) -> Strata | None:
        if not self._has_pairs:
            return None
        totals, products, pairs = (each if len(occupied) == NUM_GROUPS else each[occupied] for each in self._sums)
        return grouped_strata(
            self._design.shape,
            self._counts[occupied],
            (totals, products, pairs),
            with_bias=self._reference is not None,
        )

    def _terms(self, counts: Array, sums: tuple[Array, ...]) -> Array:
        total, products, _ = sums
        n = counts[:, None, None]
        with np.errstate(invalid="ignore", divide="ignore"):  # fewer than two units: nan, which says so
            nothing_shared = (np.einsum("...o,...o->...", total, total) - products[..., 0]) / (n * (n - 1))
            shared = products[..., 1:] / n[..., None]
        steps = np.diff(np.concatenate([nothing_shared[..., None], shared], axis=-1), axis=-1)
        components = list(np.moveaxis(steps, -1, 0)) if self._design.components else []
        offsets = None if self._reference is None else (self._reference.bias_offset, self._reference.risk_offset)
        return stack_terms(nothing_shared, shared[..., -1], components, offsets)


def _has_points(statistic: Array, reference: Reference | None) -> bool:
    """Whether a sum is one of each point; inner products within units are averages over all."""
    return reference is not None and statistic.shape[2] == len(reference.bias_offset)


def _time_axis(statistic: Array) -> int:
    return statistic.ndim - 3


def _without_bias(
    total: Float[Array, "terms points"], deleted: Float[Array, "terms groups points"], counts: Float[Array, " groups"]
) -> Float[Array, "terms points"]:
    """The jackknife for groups of unequal size: G T - sum (1 - n_g/n) T_{-g} (Busing, Meijer & van der Leeden, 1999)."""
    shares = 1 - counts / counts.sum()
    return len(counts) * total - np.einsum("g,tgp->tp", shares, deleted)


def _unit_statistics(runs: Array, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Each unit's mean, |mean|² followed by c_1 .. c_depth, and inner products of children within: T_d is the mean square of the
    means of nodes at depth d, and c_d = (L T_d - T_{d+1}) / (L - 1) with L children for each node; c of the last depth is T itself.
    """
    means, mean_squares = runs, []
    pairs = [np.zeros((len(runs), runs.shape[-3], 1, 0))]
    for depth in range(len(shape), 0, -1):
        squares = np.einsum("...o,...o->...", means, means)
        mean_squares.append(squares.mean(axis=tuple(range(1, depth))) if depth > 1 else squares)
        if depth > 1:
            pairs.append(pairs_within(means))
            means = means.mean(axis=depth - 1)
    mean_squares.reverse()
    unbiased = [
        (n * outer - inner) / (n - 1)
        for n, outer, inner in zip(shape[1:], mean_squares[:-1], mean_squares[1:], strict=True)
    ]
    return (
        means,
        np.stack([mean_squares[0], *unbiased, mean_squares[-1]], axis=-1),
        np.concatenate(pairs[::-1], axis=-1),
    )
