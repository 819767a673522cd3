"""The power of a t test on a mean whose variance is estimated from several mean squares, and the difference that it can show."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import special

Array = np.ndarray
NODES = {1: 512, 2: 64, 3: 20}
"""Quantiles of each mean square over which is summed."""
DIGITS = 40  # binary, of a difference


def power_of_t(
    difference: float, variance: float, parts: Sequence[tuple[float, float]], *, level: float = 0.95
) -> float:
    """The probability that the t interval of a normal mean of this difference leaves out zero.

    The mean has `variance`; its estimate is a sum of independent chi-squares, each given by its expectation and its degrees of
    freedom, with Satterthwaite's degrees of freedom from the same estimates.

    >>> round(power_of_t(1.0, 0.25, [(0.25, 9.0)]), 3)                    # noncentral t with shift 2
    0.431
    >>> round(power_of_t(0.0, 0.25, [(0.25, 9.0)]), 3)
    0.05
    """
    estimates = _grid(parts)
    total = estimates.sum(axis=0)
    freedom = total**2 / sum(each**2 / own for each, (_, own) in zip(estimates, parts, strict=True))
    reach = special.stdtrit(freedom, (1 + level) / 2) * np.sqrt(total)
    error = math.sqrt(variance)
    return float(np.mean(special.ndtr((difference - reach) / error) + special.ndtr((-difference - reach) / error)))


def detected_by_t(power: float, variance: float, parts: Sequence[tuple[float, float]], *, level: float = 0.95) -> float:
    """The difference that is shown with this power.

    >>> round(detected_by_t(0.8, 0.25, [(0.25, 9.0)]), 2)
    1.57
    """
    low, high = 0.0, math.sqrt(variance)
    while power_of_t(high, variance, parts, level=level) < power:
        high *= 2
    for _ in range(DIGITS):
        middle = (low + high) / 2
        is_short = power_of_t(middle, variance, parts, level=level) < power
        low, high = (middle, high) if is_short else (low, middle)
    return high


def _grid(parts: Sequence[tuple[float, float]]) -> Float[Array, "parts nodes"]:
    """Quantiles of each part at the middle of equally likely bins, every one with every other."""
    count = NODES.get(len(parts), 9)
    levels = (np.arange(count) + 0.5) / count
    quantiles = [mean * special.chdtri(freedom, 1 - levels) / freedom for mean, freedom in parts]
    return np.stack([each.ravel() for each in np.meshgrid(*quantiles, indexing="ij")])
