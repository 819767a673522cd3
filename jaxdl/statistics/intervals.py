"""Confidence intervals over replicates."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Num
from scipy import special

from jaxdl.admission import as_numbers
from jaxdl.kinds import as_count, as_scalar, check_function
from jaxdl.narrowing import as_type

Number = int | float | np.number
Numbers = Number | np.ndarray


class Interval(NamedTuple):
    """The two ends of a confidence interval: scalars, or arrays of one shape.

    >>> low, high = Interval(0.4, 0.6)
    >>> low < 0.5 < high
    True
    """

    low: Numbers
    high: Numbers


def t_interval(
    estimate: Numbers, standard_error: Numbers, degrees_of_freedom: Numbers, *, level: float = 0.95
) -> Interval:
    """The interval estimate ± t · standard_error, where t is the (1 + level) / 2 quantile of Student's t; elementwise.

    Infinite degrees of freedom give the normal interval; none, or an unknown standard error, gives nan. Raises ValueError for a
    negative standard error, for which the ends would change places.

    >>> low, high = t_interval(1.0, 0.5, 10)
    >>> print(f"{low:.4f} {high:.4f}")
    -0.1141 2.1141
    """
    level = check_level(level)
    estimate, degrees_of_freedom = as_floats("estimate", estimate), as_floats("degrees_of_freedom", degrees_of_freedom)
    standard_error = as_floats("standard_error", standard_error).astype(float)
    if (standard_error < 0).any():
        msg = f"standard_error: got {standard_error.min():.4g}, expected nothing negative"
        raise ValueError(msg)
    half_width = special.stdtrit(degrees_of_freedom, (1 + level) / 2) * standard_error
    return Interval(estimate - half_width, estimate + half_width)


def mean_interval(samples: Float[np.ndarray, "replicates *rest"] | Any, *, level: float = 0.95) -> Interval:
    """The t interval of the mean over at least two replicates; a replicate that is nan gives nan.

    >>> low, high = mean_interval(np.array([1.0, 2.0, 3.0]))
    >>> print(f"{low:.3f} {high:.3f}")
    -0.484 4.484
    """
    samples = as_floats("samples", samples)
    num_replicates = count_replicates(samples)
    standard_error = samples.std(axis=0, ddof=1) / math.sqrt(num_replicates)
    return t_interval(samples.mean(axis=0), standard_error, num_replicates - 1, level=level)


def bootstrap_interval(
    *samples: Num[np.ndarray, "replicates ..."] | Any,
    statistic: Callable[..., Numbers],
    num_resamples: int,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """The percentile interval of `statistic(*samples)` over resamples of the replicates, with replacement.

    All samples are resampled alike, so pairs stay together. `statistic` returns a number or an array.

    Source: Efron & Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13.

    >>> errors, steps = np.arange(1.0, 9.0), np.arange(2.0, 18.0, 2.0)
    >>> low, high = bootstrap_interval(
    ...     errors, steps, statistic=lambda e, s: np.mean(s) / np.mean(e), num_resamples=100, seed=0)
    >>> print(low, high)
    2.0 2.0
    """
    level = check_level(level)
    samples = tuple(as_numbers(f"samples[{position}]", sample) for position, sample in enumerate(samples))
    num_replicates = count_replicates(*samples)
    parameters = tuple(f"sample_{position}" for position in range(len(samples)))
    check_function("statistic", statistic, parameters, "pass one such as np.mean")
    num_resamples = as_count("num_resamples", num_resamples, remedy="take 1000 or more for a 95 % interval")
    generator = np.random.default_rng(as_count("seed", seed, low=0))
    draws = [generator.integers(num_replicates, size=num_replicates) for _ in range(num_resamples)]
    values = as_numbers("statistic", [statistic(*(sample[draw] for sample in samples)) for draw in draws])
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(low, high)


def wilson_interval(successes: Numbers, trials: Numbers, *, level: float = 0.95) -> Interval:
    """The interval of a probability with k successes in n trials, by inverting the score test; elementwise.

    (k + z²/2 ± z √(k (n - k) / n + z²/4)) / (n + z²), where z is the (1 + level) / 2 quantile of the normal law. It
    lies within [0, 1] and has a positive width, also for k = 0 and k = n. Raises ValueError unless k and n are whole numbers with
    0 ≤ k ≤ n and n ≥ 1.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    >>> low, high = wilson_interval(9, 10)
    >>> print(f"{low:.4f} {high:.4f}")
    0.5958 0.9821
    """
    level = check_level(level)
    k, n = (_counts(name, value) for name, value in (("successes", successes), ("trials", trials)))
    if not ((n >= 1) & (k >= 0) & (k <= n)).all():
        msg = (
            f"successes: got {successes!r:.60} in {trials!r:.60} trials, expected between 0 and all of at least 1 trial"
        )
        raise ValueError(msg)
    z_squared = special.ndtri((1 + level) / 2) ** 2

    def low(k: Numbers) -> Numbers:
        return (k + z_squared / 2 - np.sqrt(z_squared * (k * (n - k) / n + z_squared / 4))) / (n + z_squared)

    # The upper end as a lower end of the failures: so that it is exactly 1 for k = n, as the lower one is 0 for k = 0.
    return Interval(low(k), 1 - low(n - k))


def as_floats(name: str, value: Any) -> Float[np.ndarray, "..."]:
    """`value` as an array of floats of 32 bits or more; whole numbers or narrower floats would wrap around or overflow.

    >>> as_floats("samples", [True, False])
    array([1., 0.])
    """
    array = as_numbers(name, value)
    is_wide = np.issubdtype(array.dtype, np.floating) and array.dtype.itemsize >= 4
    return array if is_wide else as_type(name, array, np.float64)


def count_replicates(*samples: Num[np.ndarray, "..."]) -> int:
    """The length of the first axis of all samples; raises ValueError unless it is one number, and at least 2."""
    shapes = [sample.shape for sample in samples]
    lengths = {shape[0] if shape else 0 for shape in shapes}
    if len(lengths) != 1 or min(lengths) < 2:
        msg = f"samples: got shapes {shapes}, expected one number of replicates, at least 2, on their first axis"
        raise ValueError(msg)
    return lengths.pop()


def check_level(level: float) -> float:
    """The level of an interval, refused unless it lies between 0 and 1."""
    expected = "a probability between 0 and 1, such as 0.95"
    return as_scalar("level", level, expected=expected, allowed=lambda value: 0 < value < 1)


def _counts(name: str, value: Numbers) -> Float[np.ndarray, "..."]:
    """Whole numbers, as floats, whose products do not wrap around."""
    array = as_numbers(name, value)
    if array.dtype == bool or not (array == np.floor(array)).all():
        msg = f"{name}: got {value!r:.60}, expected whole numbers; count outcomes by their sum"
        raise ValueError(msg)
    return as_type(name, array, np.float64)
