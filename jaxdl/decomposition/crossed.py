"""Crossed designs: every variance component and interaction from 2^k tables of margins, exactly, with jackknives.

For each set u of factors let T_u be the mean square of the cell means over the factors outside u. Then, factor by factor,

    C_u <- (L_j C_u - C_{u+j}) / (L_j - 1)      for u without j, starting from C = T,

gives C_u = E<f, f'> for two runs that share exactly the levels in u: a U-statistic, without enumerating pairs. Moebius inversion
over subsets gives the components V_u, and C of the empty set is |E f|² (Efron & Stein, 1981; for two factors these are the mean
squares of the two-way analysis of variance).

Standard errors delete one level of a factor at a time and add the factors' jackknife variances, which counts what cells contribute
once for each factor: those of interactions are somewhat large. Intervals are not made from them; see `intervals`. Deleting a level
changes every margin, but each deleted T is a quadratic in the level's own margins, so all come from one pass over the table.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, Num

from jaxdl.decomposition.crossed_strata import CrossedStrata
from jaxdl.decomposition.estimates import Estimates, Term, jackknife_variance, stack_terms, term_names
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Design

Array = np.ndarray
Subset = frozenset[int]
CHUNK_BYTES = 2**25  # of the table in double precision; a few times as much is in use at once
MIN_LEVELS_TO_DELETE_ONE = 3
AtPoints = Callable[[Array, int, slice], tuple[Array, Callable[[int], Array]]]
"""`(predictions "*levels points out", time, chunk of points) -> terms "terms points", without`, where `without(axis)` has the terms
with each level of that factor left out, "terms levels points"."""


def crossed_estimates(
    table: Num[Array, "*levels times points out"],
    design: Design,
    reference: Reference | None,
    kept: Sequence[Array],
    transform: Callable[[Array], Array] = np.asarray,
) -> Estimates:
    """All terms of a crossed design from its full table of predictions, of which each chunk of points is transformed first."""
    num_factors = len(design.shape)
    counts = tuple(map(len, kept))
    times, points, _ = table.shape[num_factors:]
    strata = CrossedStrata(counts, times, points, with_bias=reference is not None)
    has_strata = min(counts) >= MIN_LEVELS_TO_DELETE_ONE

    def at_points(values: Array, time: int, chunk: slice) -> tuple[Array, Callable[[int], Array]]:
        values = transform(values)
        # Centred, so that small variances around large means keep their digits.
        pivot = values[(0,) * num_factors].copy() if reference is None else reference.center[chunk]
        offsets = None if reference is None else (reference.bias_offset[chunk], reference.risk_offset[chunk])
        margins = margins_of(np.subtract(values, pivot, out=values), num_factors)
        own = _squares(margins)
        squares = {subset: _mean_over(each, set(range(num_factors))) for subset, each in own.items()}
        if has_strata:
            strata.add(margins, time)

        def without(axis: int) -> Array:
            fewer = tuple(count - (i == axis) for i, count in enumerate(counts))
            return _terms(_deleted_mean_squares(margins, own, squares, axis, counts[axis], num_factors), fewer, offsets)

        return _terms(squares, counts, offsets), without

    found = jackknifed(table, design, reference, kept, term_names(design.components, reference), at_points)
    return found._replace(strata=strata.strata()) if has_strata else found


def jackknifed(
    table: Num[Array, "*levels times points out"],
    design: Design,
    reference: Reference | None,
    kept: Sequence[Array],
    terms: tuple[Term, ...],
    at_points: AtPoints,
) -> Estimates:
    """The terms of a crossed design, a few test points at a time, and their jackknives over the levels of each factor.

    From the levels in `kept` alone: replicates of the others are nan, and so is everything when a factor has fewer than two left.
    """
    num_factors = len(design.shape)
    counts = tuple(map(len, kept))
    times, points, _ = table.shape[num_factors:]
    per_point = np.full((len(terms), times, points), np.nan)
    variance = np.full_like(per_point, np.nan)
    if min(counts) < 2:
        return Estimates(terms, per_point, variance, {})
    deletable = range(num_factors) if min(counts) >= MIN_LEVELS_TO_DELETE_ONE else ()
    sums = {axis: np.zeros((len(terms), counts[axis], times)) for axis in deletable}

    for time, chunk in itertools.product(range(times), chunks_of_points(table.shape, reference)):
        values = table[(..., time, chunk, slice(None))]
        if counts != design.shape:
            values = values[np.ix_(*kept)]
        values = np.array(values, np.float64)  # a copy, which `at_points` may change
        per_point[:, time, chunk], without = at_points(values, time, chunk)
        parts = []
        for axis in deletable:
            deleted = without(axis)
            sums[axis][:, :, time] += deleted.sum(axis=-1)
            parts.append(jackknife_variance(deleted))
        if parts:
            variance[:, time, chunk] = np.sum(parts, axis=0)

    replicates = {}
    for axis, total in sums.items():
        rows = np.full((len(terms), design.shape[axis], times), np.nan)
        rows[:, kept[axis]] = total / points
        replicates[design.factors[axis]] = rows
    return Estimates(terms, per_point, variance, replicates)


def chunks_of_points(shape: tuple[int, ...], reference: Reference | None = None) -> Iterator[slice]:
    """Test points of a table of `shape` that are worked on together; class numbers grow to a column for every class."""
    *levels, _, points, out = shape
    out = out if reference is None else max(out, reference.center.shape[-1])
    size = max(1, CHUNK_BYTES // (8 * math.prod(levels) * out))
    return (slice(start, min(start + size, points)) for start in range(0, points, size))


def subsets_of(num_factors: int) -> list[Subset]:
    """Sets of factors by size, then in order: the empty set first, all factors last."""
    return [frozenset(u) for size in range(num_factors + 1) for u in itertools.combinations(range(num_factors), size)]


def margins_of(values: Float[Array, "*levels points out"], num_factors: int) -> dict[Subset, Array]:
    """Cell means over the factors outside each subset; averaged axes are kept with length one."""
    margins = {frozenset(range(num_factors)): values}
    for subset in reversed(subsets_of(num_factors)[:-1]):
        axis = min(set(range(num_factors)) - subset)
        margins[subset] = margins[subset | {axis}].mean(axis=axis, keepdims=True)
    return margins


def _mean_over(values: Array, axes: set[int]) -> Array:
    return values.mean(axis=tuple(sorted(axes))) if axes else values


def _squares(margins: dict[Subset, Array]) -> dict[Subset, Float[Array, "*levels points"]]:
    return {subset: np.einsum("...o,...o->...", margin, margin) for subset, margin in margins.items()}


def _deleted_mean_squares(
    margins: dict[Subset, Array],
    own_squares: dict[Subset, Array],
    squares: dict[Subset, Array],
    axis: int,
    count: int,
    num_factors: int,
) -> dict[Subset, Float[Array, "levels points"]]:
    """T_u without level l of the factor on `axis`, for every l.

    With L levels, margins m_u and means over the other factors,

    u with the factor:     (L T_u - mean |m_u[l]|²) / (L - 1)
    u without the factor:  mean |L m_u - m_{u+j}[l]|² / (L - 1)²
    """
    others = set(range(num_factors)) - {axis}
    own = {u: _mean_over(each, others) for u, each in own_squares.items() if axis in u}
    deleted = {}
    for subset, margin in margins.items():
        if axis in subset:
            deleted[subset] = (count * squares[subset] - own[subset]) / (count - 1)
        else:
            cross = _mean_over(np.einsum("...o,...o->...", margin, margins[subset | {axis}]), others)
            deleted[subset] = (count**2 * squares[subset] - 2 * count * cross + own[subset | {axis}]) / (count - 1) ** 2
    return deleted


def _terms(
    squares: dict[Subset, Array], counts: tuple[int, ...], offsets: tuple[Array, Array] | None
) -> Float[Array, "terms ..."]:
    subsets = subsets_of(len(counts))
    products = dict(squares)
    for axis, count in enumerate(counts):
        for subset in subsets:
            if axis not in subset:
                products[subset] = (count * products[subset] - products[subset | {axis}]) / (count - 1)
    components = [
        sum((-1) ** len(u - w) * products[w] for w in subsets if w <= u)
        for u in subsets[1:]
    ]  # fmt: skip
    return stack_terms(products[subsets[0]], products[subsets[-1]], components, offsets)
