"""Numbers with their intervals, as figures, tables and verdicts take them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from jaxdl.statistics.intervals import Interval, as_floats, check_level, count_replicates, t_interval, wilson_interval


class Estimate(NamedTuple):
    """A number or an array with its interval.

    >>> Estimate(0.5, Interval(0.4, 0.6)).interval.high
    0.6
    """

    estimate: Any
    interval: Interval
    standard_error: Any = None
    """None where the interval is not made from one."""


def share(is_so: Bool[np.ndarray, "..."] | Any, *, level: float = 0.95) -> Estimate:
    """The share of cases in which something is so, with Wilson's interval.

    >>> share([True, True, False, True]).estimate
    0.75
    """
    is_so = np.asarray(is_so)
    if is_so.dtype != bool or is_so.size == 0:
        msg = f"is_so: got {is_so.dtype} of shape {is_so.shape}, expected truth values, at least one; compare first"
        raise ValueError(msg)
    low, high = wilson_interval(int(is_so.sum()), is_so.size, level=level)
    return Estimate(float(is_so.mean()), Interval(float(low), float(high)))


def means(samples: Float[np.ndarray, "*rest replicates"] | Any, *, level: float = 0.95) -> Estimate:
    """Means over independent replicates, the last axis, with standard errors and t intervals.

    >>> means([[1.0, 2.0, 3.0]]).estimate
    array([2.])
    """
    level = check_level(level)
    samples = np.moveaxis(as_floats("samples", samples), -1, 0)
    num_replicates = count_replicates(samples)
    error = samples.std(axis=0, ddof=1) / num_replicates**0.5
    interval = t_interval(samples.mean(axis=0), error, num_replicates - 1, level=level)
    return Estimate(samples.mean(axis=0), interval, error)


def two_way(values: Shaped[np.ndarray, "rows columns"] | Any, *, level: float = 0.95) -> Estimate:
    """The mean of a table whose rows and columns are both samples, such as networks and test points, with an interval for others.

        s² = var(means of rows) / R + var(means of columns) / C - s²_rest / (R C)

    Both variances of means contain that of the single values, s²_rest of the residuals of rows and columns. s² is at least the
    larger of the first two; the fewer of rows and columns give the degrees of freedom.

    Raises:
        ValueError: fewer than two rows or columns; values that are no numbers.

    Source: Searle, Casella and McCulloch, "Variance components" (1992), section 4.

    >>> two_way([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]).estimate
    0.5
    """
    level = check_level(level)
    values = np.ascontiguousarray(as_floats("values", values))  # sums depend on the order in memory
    if values.ndim != 2 or min(values.shape) < 2:
        msg = f"values: got shape {values.shape}, expected at least two rows and two columns"
        raise ValueError(msg)
    num_rows, num_columns = values.shape
    of_rows, of_columns = values.mean(axis=1), values.mean(axis=0)
    rest = values - of_rows[:, None] - of_columns[None, :] + values.mean()
    single = (rest**2).sum() / ((num_rows - 1) * (num_columns - 1))
    parts = of_rows.var(ddof=1) / num_rows, of_columns.var(ddof=1) / num_columns
    error = np.sqrt(max(sum(parts) - single / (num_rows * num_columns), *parts))
    mean = float(values.mean())
    return Estimate(mean, t_interval(mean, error, min(num_rows, num_columns) - 1, level=level), float(error))


def stacked(parts: Iterable[Any]) -> Estimate:
    """Numbers with their intervals as one array of them; each part has `estimate` and `interval`, as `Derived` has.

    >>> stacked([share([True, False]), share([True, True])]).estimate
    array([0.5, 1. ])
    """
    parts = list(parts) if isinstance(parts, Iterable) else [parts]
    if not parts or not all(hasattr(part, "estimate") and hasattr(part, "interval") for part in parts):
        msg = (
            f"parts: got {parts!r:.60}, expected numbers with their intervals, at least one, such as share(...) returns"
        )
        raise ValueError(msg)
    numbers = [(float(part.estimate), *map(float, part.interval)) for part in parts]
    estimate, low, high = np.array(numbers).T
    return Estimate(estimate, Interval(low, high))
