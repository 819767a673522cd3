"""Confidence intervals over replicates."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy import special

Number = int | float | np.number
Numbers = Number | np.ndarray


class Interval(NamedTuple):
    """The two ends of a confidence interval: scalars, or arrays of one shape."""

    low: Numbers
    high: Numbers


def t_interval(
    estimate: Numbers, standard_error: Numbers, degrees_of_freedom: Numbers, *, level: float = 0.95
) -> Interval:
    """The interval estimate ± t · standard_error, where t is the (1 + level) / 2 quantile of Student's t; elementwise.

    Infinite degrees of freedom give the normal interval; none, or an unknown standard error, gives nan.

    >>> low, high = t_interval(1.0, 0.5, 10)
    >>> print(f"{low:.4f} {high:.4f}")
    -0.1141 2.1141
    """
    _check_level(level)
    half_width = special.stdtrit(degrees_of_freedom, (1 + level) / 2) * np.asarray(standard_error, dtype=float)
    return Interval(estimate - half_width, estimate + half_width)


def mean_interval(samples: Float[np.ndarray, "replicates *rest"], *, level: float = 0.95) -> Interval:
    """The t interval of the mean over replicates; one needs at least two.

    >>> low, high = mean_interval(np.array([1.0, 2.0, 3.0]))
    >>> print(f"{low:.3f} {high:.3f}")
    -0.484 4.484
    """
    num_replicates = count_replicates(samples)
    standard_error = samples.std(axis=0, ddof=1) / math.sqrt(num_replicates)
    return t_interval(samples.mean(axis=0), standard_error, num_replicates - 1, level=level)


def bootstrap_interval(
    *samples: Shaped[np.ndarray, "..."],
    statistic: Callable[..., Numbers],
    num_resamples: int,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """The percentile interval of `statistic(*samples)` when replicates are drawn again with replacement.

    All samples are resampled alike, so what is paired stays paired. `statistic` returns a number or an array.

    Source: Efron & Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13.

    >>> errors, steps = np.arange(1.0, 9.0), np.arange(2.0, 18.0, 2.0)
    >>> low, high = bootstrap_interval(
    ...     errors, steps, statistic=lambda e, s: np.mean(s) / np.mean(e), num_resamples=100, seed=0)
    >>> print(low, high)
    2.0 2.0
    """
    _check_level(level)
    num_replicates = count_replicates(*samples)
    if num_resamples < 1:
        msg = f"num_resamples is {num_resamples}; expected at least 1, and 1000 or more for a 95 % interval."
        raise ValueError(msg)
    generator = np.random.default_rng(seed)
    draws = [generator.integers(num_replicates, size=num_replicates) for _ in range(num_resamples)]
    values = np.array([statistic(*(sample[draw] for sample in samples)) for draw in draws])
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(low, high)


def count_replicates(*samples: Shaped[np.ndarray, "..."]) -> int:
    """The length of the first axis of all samples; raises ValueError unless it is one number, and at least 2."""
    shapes = [sample.shape for sample in samples]
    lengths = {shape[0] if shape else 0 for shape in shapes}
    if len(lengths) != 1 or min(lengths) < 2:
        msg = f"Got samples of shapes {shapes}; expected one number of replicates, at least 2, on their first axis."
        raise ValueError(msg)
    return lengths.pop()


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        msg = f"level is {level}; expected a probability between 0 and 1, such as 0.95."
        raise ValueError(msg)
