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


def slope_interval(
    x: Float[np.ndarray, " levels"],
    samples: Float[np.ndarray, "replicates levels"],
    *,
    seed: int,
    num_resamples: int = 2000,
    level: float = 0.95,
    transform: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> tuple[float, Interval]:
    """The least-squares slope of transform(mean over replicates of `samples`) against `x`, and its bootstrap interval.

    slope = Σ (x - x̄)(y - ȳ) / Σ (x - x̄)², with all levels of a replicate drawn again together. For the exponent of a
    power law give log x and either log samples, or samples with `transform=np.log`: the former takes the mean of the
    logarithms, the latter the logarithm of the mean, which variances and errors call for, and which is nan with nan
    for an interval should the mean of some resample be negative or zero. Raises ValueError unless `x` has two values
    that differ.

    >>> sizes, errors = np.array([1.0, 2.0, 4.0, 8.0]), np.array([[4.0, 2.0, 1.0, 0.5], [8.0, 4.0, 2.0, 1.0]])
    >>> slope, interval = slope_interval(np.log(sizes), errors, seed=0, transform=np.log)
    >>> print(f"{slope:.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    -1.000 [-1.000, -1.000]
    """
    if samples.ndim != 2 or x.shape != samples.shape[1:]:
        msg = f"Got x of shape {x.shape} and samples {samples.shape}; expected (levels,) and (replicates, levels)."
        raise ValueError(msg)
    if np.ptp(x) == 0:
        msg = f"All {len(x)} values of x are {x[0]}; a slope needs at least two that differ."
        raise ValueError(msg)
    centred = x - x.mean()

    def slope(samples: Float[np.ndarray, "replicates levels"]) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):  # such a resample gives nan, as said above
            y = transform(samples.mean(axis=0))
        return float(centred @ y / (centred @ centred)) if np.isfinite(y).all() else math.nan

    interval = bootstrap_interval(samples, statistic=slope, num_resamples=num_resamples, seed=seed, level=level)
    return slope(samples), interval


def wilson_interval(successes: Numbers, trials: Numbers, *, level: float = 0.95) -> Interval:
    """The interval of a probability of which k successes in n trials are seen, by inverting the score test; elementwise.

    (k + z²/2 ± z √(k (n - k) / n + z²/4)) / (n + z²), where z is the (1 + level) / 2 quantile of the normal law. Within
    [0, 1] always, and never of zero width, also for k = 0 and k = n. Raises ValueError unless 0 ≤ k ≤ n and n ≥ 1.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    >>> low, high = wilson_interval(9, 10)
    >>> print(f"{low:.4f} {high:.4f}")
    0.5958 0.9821
    """
    _check_level(level)
    k, n = np.asarray(successes), np.asarray(trials)
    if not ((n >= 1) & (k >= 0) & (k <= n)).all():
        msg = f"Got {successes} successes in {trials} trials; expected between 0 and all of at least 1 trial."
        raise ValueError(msg)
    z_squared = special.ndtri((1 + level) / 2) ** 2

    def low(k: Numbers) -> Numbers:
        return (k + z_squared / 2 - np.sqrt(z_squared * (k * (n - k) / n + z_squared / 4))) / (n + z_squared)

    # The upper end as a lower end of the failures: so that it is exactly 1 for k = n, as the lower one is 0 for k = 0.
    return Interval(low(k), 1 - low(n - k))


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
