"""Any function of the terms of one result, or of several that share their runs, with its error.

Levels, and test points where they are drawn anew, are left out one at a time, and the function is asked again each time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxdl.admission import as_numbers
from jaxdl.decomposition.estimates import Spread, Term, spread_of_levels, spread_of_points, total_spread
from jaxdl.decomposition.named_terms import Terms
from jaxdl.decomposition.populations import FIXED_POINTS
from jaxdl.decomposition.record import Record
from jaxdl.kinds import check_function
from jaxdl.statistics import Interval, t_interval
from jaxdl.statistics.intervals import check_level

Array = np.ndarray
MOST_POINT_GROUPS = 1024
"""Of test points left out together: one for each point up to here, so that a mean over points has its exact error."""


class Derived(NamedTuple):
    """A function of terms, each field with the function's own shape.

    >>> from jaxdl.decomposition import Target, squared_error
    >>> f = np.random.default_rng(0).normal(size=(20, 8, 5))
    >>> result = squared_error(f, factors=("data", "init"), target=Target(mean=np.zeros(5), noise=1.0))
    >>> share = result.derive(lambda terms: terms["total_variance"] / terms["risk"])
    >>> bool(share.interval.low < share.estimate < share.interval.high)
    True
    """

    estimate: Float[Array, "*statistic"]
    standard_error: Float[Array, "*statistic"]
    degrees_of_freedom: Float[Array, "*statistic"]
    interval: Interval


def derive(statistic: Callable[..., Any], *results: Record, level: float = 0.95) -> Derived:
    """Any function of the terms of one result, or of several results of the same runs, with its error.

        Var = sum over units of (L - 1)/L · sum over levels l of (g(T without l) - mean)²,      interval g(T) ± t · √Var

    with g the statistic, T the terms, and Satterthwaite's degrees of freedom for t. The units are the factors of the design, or
    groups of its runs; test points are one more where the population of a term that was read is points drawn anew. A level that
    diverged in one setting alone changes nothing there when it is left out.

    The interval is symmetric. Where a statistic is positive and its error large, derive its logarithm, and take the exponential of
    the ends: these hold more often.

    The jackknife holds for smooth functions: sums, ratios, logarithms, slopes, where a parabola turns. For one that jumps, such as
    the position of the lowest of several settings, it does not.

    Args:
        statistic: takes one mapping for each result, from terms to arrays with the result's axes `(settings, times)`, and returns
            numbers of any shape. Terms are read by name: `t["risk"]`, `t["variance[data, init]"]`, `t["data", "init"]`.
        results: one, or several that share design, root key and test points, so that what they share cancels.
        level: of the interval.

    Returns:
        `Derived`: estimate, standard error, degrees of freedom and interval, each of the shape that the statistic returns.

    Raises:
        ValueError: for results that share no runs, or have too few levels for errors; for a statistic that reads no term or an
            unknown one, changes its shape, or returns what is no finite number in double precision.

    >>> from jaxdl.decomposition import Target, squared_error
    >>> f = np.random.default_rng(0).normal(size=(40, 2, 1, 30)) * np.array([1.0, 2.0])[:, None, None]
    >>> one, two = (squared_error(f[:, k], factors=("data",), dims=("times", "points")) for k in (0, 1))
    >>> ratio = derive(lambda a, b: b["total_variance"] / a["total_variance"], one, two)
    >>> low, high = ratio.interval
    >>> bool(low[0] < 4 < high[0])
    True
    """
    level = check_level(level)
    names = ["result"] if len(results) == 1 else [f"results[{position}]" for position in range(len(results))]
    check_shared(dict(zip(names, results, strict=True)))
    check_function("statistic", statistic, tuple(names), "pass one such as lambda terms: terms['risk']")
    was_read: set[tuple[int, Term]] = set()

    def at(values: Sequence[Callable[[Term], Array]], where: str) -> Float[Array, "*statistic"]:
        """The statistic of the arrays that each function gives for a term."""
        of = [partial(_read, was_read, index, array_of) for index, array_of in enumerate(values)]
        return _as_doubles(
            statistic(*(Terms(result.estimates, each) for result, each in zip(results, of, strict=True))), where
        )

    estimate = at([result.estimates.__getitem__ for result in results], "of the estimates")
    if not was_read:
        msg = "statistic: got a function that reads no term, expected one of the mapping that it is given; write "
        msg += "lambda terms: terms['risk'], and not of a result itself, which has no errors to tell"
        raise ValueError(msg)

    def spread(replicates: Iterable[tuple[str, Sequence[Callable[[Term], Array]]]]) -> Spread:
        rows = []
        for where, values in replicates:
            rows.append(at(values, where))
            if rows[-1].shape != estimate.shape:
                msg = f"statistic: got shape {rows[-1].shape} {where}, expected {estimate.shape}, its shape of the estimates"
                raise ValueError(msg)
        return _spread_of_rows(np.stack(rows))

    parts = [spread(_without_levels(results, unit)) for unit in results[0].replicates]
    if any(results[index].populations[term] != FIXED_POINTS for index, term in was_read):
        num_points = results[0].per_point.estimates["total_variance"].shape[-1]
        alone = Spread(np.full(estimate.shape, np.nan), np.ones(()))
        parts.append(spread(_without_points(results, num_points)) if num_points > 1 else alone)
    variance, freedom = total_spread(parts)
    error = np.asarray(np.sqrt(variance))
    low, high = t_interval(estimate, error, freedom, level=level)
    return Derived(estimate, error, freedom, Interval(np.asarray(low), np.asarray(high)))


def spread_of(
    replicates: Mapping[str, Float[Array, "levels *axes"]], per_point: Float[Array, "*axes points"] | None
) -> Spread:
    """Of a linear function of terms, from its replicates in each unit, and its values at test points that are drawn anew."""
    parts = [_spread_of_rows(values) for values in replicates.values()]
    return total_spread(parts if per_point is None else [*parts, spread_of_points(per_point)])


def check_result(name: str, value: object) -> None:
    """Refuse what is no decomposition."""
    if not isinstance(value, Record):
        msg = f"{name}: got {value!r:.80}, expected a Decomposition, what a loss or `decompose` returns"
        raise ValueError(msg)


def check_shared(results: Mapping[str, Record], *, also: tuple[str, ...] = ()) -> None:
    """Refuse results that cannot have been computed from the same levels, at the same points, or that differ in what is named.

    Whether their root keys are equal no result knows.
    """
    if not results:
        msg = "results: got none, expected one Decomposition or several that share their runs"
        raise ValueError(msg)
    for name, result in results.items():
        check_result(name, result)
    (first_name, first), *others = results.items()
    for name, other in others:
        ours, theirs = _shared(first), _shared(other)
        for what in (*also, *ours):
            of_first, of_other = (
                (getattr(first, what), getattr(other, what)) if what in also else (ours[what], theirs[what])
            )
            if of_first != of_other:
                msg = f"{name}: got a result that cannot be compared with {first_name}: the two differ in {what}, {of_first} and "
                msg += f"{of_other}, expected the same; run both over the same levels"
                raise ValueError(msg)
    for name, result in results.items():
        if not result.replicates:
            msg = f"{name}: got a result without replicates, expected enough levels for standard errors; run 3 or more of each "
            msg += "source"
            raise ValueError(msg)


def _shared(result: Record) -> dict[str, Any]:
    return {
        "design": result.design,
        "axes": result.axes,
        "settings": None if result.settings is None else result.settings.tolist(),
        "times": None if result.times is None else result.times.tolist(),
        "test points": result.per_point.estimates["total_variance"].shape,
        "levels left out": {unit: values["total_variance"].shape for unit, values in result.replicates.items()},
    }


def _read(was_read: set[tuple[int, Term]], index: int, array_of: Callable[[Term], Array], term: Term) -> Array:
    """A term of one result for the statistic, which cannot change it; with a note that it was read."""
    was_read.add((index, term))
    array = np.asarray(array_of(term)).view()
    array.flags.writeable = False
    return array


def _as_doubles(value: Any, where: str) -> Float[Array, "*statistic"]:
    numbers = as_numbers("statistic", value)
    is_narrow = numbers.dtype.kind == "f" and numbers.dtype.itemsize < 8
    if is_narrow or numbers.dtype.kind not in "iuf":
        msg = f"statistic: got {numbers.dtype} {where}, expected numbers in double precision, in which a single level shows; use "
        msg += "NumPy in place of jax.numpy, and differences in place of comparisons"
        raise ValueError(msg)
    is_finite = np.isfinite(numbers)
    if not is_finite.all():
        msg = f"statistic: got {numbers[~is_finite][0]} {where}, expected finite numbers; a logarithm or a ratio of a term near "
        msg += "zero needs more runs"
        raise ValueError(msg)
    return numbers.astype(np.float64)


def _without_levels(results: Sequence[Record], unit: str) -> Iterator[tuple[str, Sequence[Callable[[Term], Array]]]]:
    """The terms of all results without one level of a unit, for each level that is part of any."""
    absent = [np.isnan(result.replicates[unit]["total_variance"]) for result in results]
    for result, each in zip(results, absent, strict=True):
        if each.all(axis=0).any():
            where = np.argwhere(each.all(axis=0))[0].tolist()
            at = ", ".join(f"{axis.removesuffix('s')} {place}" for axis, place in zip(result.axes, where, strict=True))
            msg = (
                f"result: got no replicates over {unit}{at and ' at '}{at}, expected enough levels for standard errors "
            )
            msg += "everywhere; run 3 or more of each source, or derive from other settings by result.at(setting=...)"
            raise ValueError(msg)
    for level in range(len(absent[0])):
        if not all(each[level].all() for each in absent):
            values = [
                _without_level(result, unit, level, each[level, ...])
                for result, each in zip(results, absent, strict=True)
            ]
            yield f"with level {level} of {unit} left out", values


def _without_level(result: Record, unit: str, level: int, absent: Bool[Array, "*axes"]) -> Callable[[Term], Array]:
    """Where the level was no part of the study, leaving it out changes nothing."""

    def of(term: Term) -> Array:
        values = result.replicates[unit][term][level, ...]
        return np.where(absent, result.estimates[term], values) if absent.any() else values

    return of


def _without_points(
    results: Sequence[Record], num_points: int
) -> Iterator[tuple[str, Sequence[Callable[[Term], Array]]]]:
    """The terms of all results without one group of test points, for each: point i belongs to group i mod their number."""
    num_groups = min(num_points, MOST_POINT_GROUPS)
    counts = np.bincount(np.arange(num_points) % num_groups)
    padding = -num_points % num_groups

    @cache
    def means(index: int, term: Term) -> Float[Array, "*axes groups"]:
        values = results[index].per_point.estimates[term]
        sums = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, padding)])
        sums = sums.reshape(*values.shape[:-1], -1, num_groups).sum(axis=-2)
        return (values.sum(axis=-1, keepdims=True) - sums) / (num_points - counts)

    def without(index: int, group: int) -> Callable[[Term], Array]:
        return lambda term: means(index, term)[..., group]

    for group in range(num_groups):
        yield (
            f"with test points {group} mod {num_groups} left out",
            [without(index, group) for index in range(len(results))],
        )


def _spread_of_rows(replicates: Float[Array, "levels *axes"]) -> Spread:
    """Of one unit, whose levels come first."""
    variance, freedom = spread_of_levels(replicates.reshape(len(replicates), -1))
    return Spread(variance.reshape(replicates.shape[1:]), np.reshape(freedom, replicates.shape[1:]))
