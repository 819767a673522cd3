"""Least-squares slopes, and their bootstrap intervals over replicates."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdl.kinds import check_function
from jaxdl.statistics.intervals import Interval, as_floats, bootstrap_interval


def slope(x: Float[np.ndarray, " levels"] | Any, values: Float[np.ndarray, "*rest levels"] | Any) -> Any:
    """The least-squares slope of `values` against `x`, along the last axis: Σ (x - x̄)(y - ȳ) / Σ (x - x̄)².

    Raises ValueError unless `x` has two values that differ, and `values` one for each on the last axis.

    >>> print(slope([1.0, 2.0, 3.0], [[0.0, 2.0, 4.0], [1.0, 1.0, 1.0]]))
    [2. 0.]
    """
    x, values = as_floats("x", x), as_floats("values", values)
    if x.ndim != 1 or values.shape[-1:] != x.shape:
        msg = f"values: got shape {values.shape} and x of shape {x.shape}, expected (..., levels) and (levels,)"
        raise ValueError(msg)
    if not np.isfinite(x).all() or len(np.unique(x)) < 2:
        msg = f"x: got {x}, expected finite values, of which two differ"
        raise ValueError(msg)
    centered = x - x.mean()
    # In one order in memory, so that a sum has the same bits whatever held the values.
    return np.ascontiguousarray(values) @ centered / (centered @ centered)


def log_slope(x: Float[np.ndarray, " levels"] | Any, values: Float[np.ndarray, "*rest levels"] | Any) -> Any:
    """The exponent of a power law: the least-squares slope of log `values` against log `x`, along the last axis.

    It is nan where a value is not positive, as an unbiased estimate may be. Raises ValueError as `slope`.

    >>> print(round(float(log_slope([1.0, 2.0, 4.0], [8.0, 4.0, 2.0])), 6), log_slope([1.0, 2.0], [1.0, -1.0]))
    -1.0 nan
    """
    values = as_floats("values", values)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.where(values > 0, np.log(np.where(values > 0, values, 1.0)), np.nan)
        return slope(np.log(as_floats("x", x)), logarithms)


def slope_interval(
    x: Float[np.ndarray, " levels"] | Any,
    samples: Float[np.ndarray, "replicates levels"] | Any,
    *,
    seed: int,
    num_resamples: int = 2000,
    level: float = 0.95,
    transform: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> Interval:
    """The bootstrap interval of `slope(x, transform(mean over replicates of samples))`.

    All levels of a replicate are drawn again together. For the exponent of a power law give log x and either log samples,
    or samples with `transform=np.log`. The former takes the mean of the logarithms. The latter takes the logarithm of the
    mean, which variances and errors call for; it is nan, and so is the interval, where the mean of some resample is
    negative or zero. Raises ValueError unless `x` has two values that differ.

    >>> sizes, errors = np.array([1.0, 2.0, 4.0, 8.0]), np.array([[4.0, 2.0, 1.0, 0.5], [8.0, 4.0, 2.0, 1.0]])
    >>> low, high = slope_interval(np.log(sizes), errors, seed=0, transform=np.log)
    >>> print(f"[{low:.3f}, {high:.3f}]")
    [-1.000, -1.000]
    """
    x, samples = as_floats("x", x), as_floats("samples", samples)
    if samples.ndim != 2 or x.shape != samples.shape[1:]:
        msg = (
            f"samples: got shape {samples.shape} and x of shape {x.shape}, expected (replicates, levels) and (levels,)"
        )
        raise ValueError(msg)
    check_function("transform", transform, ("means",), "pass one such as np.log")

    def of_mean(samples: Float[np.ndarray, "replicates levels"]) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):  # such a resample gives nan, as said above
            y = transform(samples.mean(axis=0))
        return float(slope(x, y)) if np.isfinite(y).all() else math.nan

    return bootstrap_interval(samples, statistic=of_mean, num_resamples=num_resamples, seed=seed, level=level)
