"""Student's t and the binomial through the regularised incomplete beta function, in plain floats.

SciPy has these, but is only a dependency of the tests, which compare the two.
"""

import math
from statistics import NormalDist

import numpy as np

Number = float | int | np.number

_SMALLEST = 1e-300
_PRECISION = 1e-15


def _log_beta(a: Number, b: Number) -> float:
    """The logarithm of B(a, b) = Γ(a) Γ(b) / Γ(a + b)."""
    if b == 0.5 and a > 200:
        # Γ(a) / Γ(a + 1/2) by its asymptotic series: the difference of two large `lgamma` would lose digits.
        series = 1 - 1 / (8 * a) + 1 / (128 * a**2) + 5 / (1024 * a**3) - 21 / (32768 * a**4)
        return math.lgamma(b) - math.log(math.sqrt(a) * series)
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _continued_fraction(a: Number, b: Number, x: Number) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method; fast for x < (a + 1) / (a + b + 2).

    Source: Press, Teukolsky, Vetterling & Flannery, *Numerical Recipes* (3rd ed., 2007), section 6.4.
    """
    numerator = 1.0
    denominator = 1 / (1 - (a + b) * x / (a + 1))
    fraction = denominator
    step = 0
    change = 0.0
    while abs(change - 1) > _PRECISION:
        step += 1
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for coefficient in (even, odd):
            denominator = 1 / ((1 + coefficient * denominator) or _SMALLEST)
            numerator = (1 + coefficient / numerator) or _SMALLEST
            change = numerator * denominator
            fraction *= change
    return fraction


def incomplete_beta(a: Number, b: Number, x: Number, y: Number) -> float:
    """I_x(a, b), the distribution function of Beta(a, b) at `x`; `y = 1 - x` comes separately, without cancellation.

    >>> round(incomplete_beta(1, 2, 0.5, 0.5), 12)     # 1 - (1 - x)²
    0.75
    """
    if x <= 0 or y <= 0:
        return 0.0 if x <= 0 else 1.0
    log_x = math.log(x) if x < 0.5 else math.log1p(-y)
    log_y = math.log(y) if y < 0.5 else math.log1p(-x)
    prefactor = math.exp(a * log_x + b * log_y - _log_beta(max(a, b), min(a, b)))
    if x < (a + 1) / (a + b + 2):
        return prefactor * _continued_fraction(a, b, x) / a
    return 1 - prefactor * _continued_fraction(b, a, y) / b


def upper_tail(t: Number, degrees_of_freedom: Number) -> float:
    """P(T > t) of Student's t.

    >>> round(upper_tail(1.0, 1), 12)      # Cauchy
    0.25
    """
    if math.isnan(t):
        return math.nan
    if math.isinf(degrees_of_freedom):
        return NormalDist().cdf(-t)
    square = t * t
    x = degrees_of_freedom / (degrees_of_freedom + square)
    y = square / (degrees_of_freedom + square)
    tail = incomplete_beta(degrees_of_freedom / 2, 0.5, x, y) / 2
    return tail if t >= 0 else 1 - tail


def quantile(probability: Number, degrees_of_freedom: Number) -> float:
    """The t with P(T <= t) = probability, by bisection of the upper tail to the last bit.

    >>> round(quantile(0.975, 10), 6)
    2.228139
    """
    if not (0 < probability < 1 and degrees_of_freedom > 0):
        return math.nan
    if probability < 0.5:
        return -quantile(1 - probability, degrees_of_freedom)
    if math.isinf(degrees_of_freedom):
        return NormalDist().inv_cdf(probability)
    low, high = 0.0, 1.0
    while upper_tail(high, degrees_of_freedom) > 1 - probability:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        if upper_tail(middle, degrees_of_freedom) > 1 - probability:
            low = middle
        else:
            high = middle
    return high


def binomial_upper_tail(successes: int, trials: int, probability: Number = 0.5) -> float:
    """P(X >= successes) for X ~ Binomial(trials, probability).

    >>> round(binomial_upper_tail(3, 3), 12)
    0.125
    """
    if successes <= 0:
        return 1.0
    return incomplete_beta(successes, trials - successes + 1, probability, 1 - probability)
