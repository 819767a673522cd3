"""Intervals of quadratic terms, from mean squares: asymmetric, as the statistics are, and never below zero.

A mean square s over n levels, averaged over test points, estimates its expectation with the relative variance

    Var s / (E s)² = 2 tau / d + kappa / n,      tau = tr C² / (tr C)² = 1 / M_eff,

where d are its degrees of freedom, C the covariance of an effect between test points, and kappa the excess kurtosis of the effect
as a whole. It has the law of chi-square with d / tau degrees of freedom where kappa = 0; its interval is then the shortest one of
chi-square (Tate & Klett, 1959). Kurtosis stretches that on the logarithmic scale, as Bonett (2006) does for a variance.

Differences of independent mean squares combine the distances from each to its own ends (modified large samples: Graybill
& Wang, 1980; Burdick, Borror & Montgomery, 2005; Zou & Donner, 2008):

    low = sum c_q s_q - sqrt(sum of (c_q times the distance to the end that lowers the sum)²).

The squared distance T of the mean of all runs from the target has the law of a scaled noncentral chi-square, with mean bias² + v
and variance 2 tau v² + 4 bias² w, where v and w are the variance of the mean and that in the direction of the bias. Its tests are
inverted: their lower tail is empty at zero, so that no interval is, and grows with the power against zero to half of the error.

What this does not give:

    Student's t with 3 degrees of freedom has no fourth moment, and few runs often miss its large values. With 32 independent runs
    the interval of the variance held 79 % at one point and 70 % at 16 independent points (2000 studies). More sources help at one
    point only: V_data of 32 x 32 crossed runs held 94 % (1000 studies) and 74 % (400). Bias² held 95 % throughout. In 120 studies
    `reliability_note` warned of heavy tails in 41 % with 32 runs at one point, in 72 % with 32 x 4 nested ones, in 97 % or more
    otherwise; of normal effects in 4 % or less.

    Knowing the law of an estimate T, the shortest interval from a T to b T that holds 95 % can be written down. For normal effects
    (8 x 8, nested 16 x 4 and 32 runs at 1 and 16 points, 32 x 32 at one) those here are 1.04 to 1.42 times as wide for components,
    1.16 to 1.44 for total variance and risk, and 1.65 and 1.73 for these two at one point of 8 x 8.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

Array = np.ndarray
LEVEL = 0.95
STEPS = 16  # of bisection: the shortest interval is as long as those beside it
DIGITS = 32  # binary, of a bracket
SECTIONS, FEW = (
    32,
    64,
)  # brackets are cut into many parts at once where they are few, which takes fewer calls; else in halves
SMALLEST_FACTOR = 1e-9  # tails that double precision still tells from nothing
LARGEST_SHIFT = 300.0  # of a noncentral chi-square that is summed; beyond, its cube root or so is normal to four digits


def chi_square_limits(degrees_of_freedom: Float[Array, "*any"]) -> tuple[Float[Array, "*any"], Float[Array, "*any"]]:
    """The factors a < 1 < b for which a s to b s is the shortest 95 % interval of E s, for s with the law of E s chi² / d.

    Of all pairs with d/b and d/a the ends of 95 % of chi-square, those where x^(d/2 + 1) exp(-x/2) is equal at both.

    Source: Tate & Klett (1959), Optimal confidence intervals for the variance of a normal distribution.

    >>> low, high = chi_square_limits(np.array([9.0]))
    >>> print(f"{9 / high.item():.3f} {9 / low.item():.3f}")
    3.284 26.077
    """
    half = np.asarray(degrees_of_freedom, np.float64) / 2
    low, high = np.zeros_like(half), np.full_like(half, 1 - LEVEL)
    for _ in range(STEPS):
        below = (low + high) / 2
        left, right = special.gammaincinv(half, below), special.gammaincinv(half, below + LEVEL)
        with np.errstate(divide="ignore"):
            too_far_left = (half + 1) * (np.log(left) - np.log(right)) < left - right
        low, high = np.where(too_far_left, below, low), np.where(too_far_left, high, below)
    return half / right, half / left


def stretched(
    limits: tuple[Float[Array, "*any"], Float[Array, "*any"]],
    by: tuple[Float[Array, "*any"], Float[Array, "*any"]],
) -> tuple[Float[Array, "*any"], Float[Array, "*any"]]:
    """The factors with their logarithms multiplied, each end by its own ratio of standard deviations.

    >>> one, two = np.ones(1), np.full(1, 2.0)
    >>> stretched((one / 2, two), (one, two))
    (array([0.5]), array([4.]))
    """
    return limits[0] ** by[0], limits[1] ** by[1]


def combined(
    coefficients: Float[Array, "terms parts 1"], lower: Float[Array, "parts times"], upper: Float[Array, "parts times"]
) -> tuple[Float[Array, "terms times"], Float[Array, "terms times"]]:
    """How far below and above its estimate the interval of each weighted sum reaches, from the distances of its parts.

    A part that is subtracted lowers the sum by its upper distance.

    >>> below, above = combined(np.array([[[1.0], [-1.0]]]), np.array([[3.0], [1.0]]), np.array([[6.0], [4.0]]))
    >>> below.item(), round(above.item() ** 2)
    (5.0, 37)
    """
    adds = coefficients > 0
    below = np.where(adds, lower, upper) * coefficients
    above = np.where(adds, upper, lower) * coefficients
    return np.sqrt((below**2).sum(axis=1)), np.sqrt((above**2).sum(axis=1))


class Distance(NamedTuple):
    """The squared distance T of the mean of all runs from the target, and the parts of its variance, elementwise."""

    square: Float[Array, "*any"]
    """T."""
    variance: Float[Array, "*any"]
    """v: the expectation of T above bias²."""
    of_noise: Float[Array, "*any"]
    """The variance of T where there is no bias: 2 tau v² or more."""
    per_bias: Float[Array, "*any"]
    """What each unit of bias² adds to the variance of T: 4 w."""
    degrees_of_freedom: Float[Array, "*any"]
    """Of the estimated variance of T, for quantiles of Student's t in place of normal ones."""


def bias_limits(distance: Distance) -> tuple[Float[Array, "*any"], Float[Array, "*any"]]:
    """The 95 % interval of bias², within [0, inf): each bias² whose test accepts T.

    With one point and a known variance it is where (normal mean)² lies, given one draw:

    >>> low, high = bias_limits(Distance(*(np.array([each]) for each in (100.0, 1.0, 2.0, 4.0, 1e9))))
    >>> print(np.sqrt([low, high]).round(2).ravel())                                               # 10 - 1.96, 10 + 1.96
    [ 8.04 11.96]
    >>> low, high = bias_limits(Distance(*(np.array([each]) for each in (0.25, 1.0, 2.0, 4.0, 1e9))))
    >>> print(np.sqrt([low, high]).round(2).ravel())
    [0.   2.58]
    """
    error, factor = 1 - LEVEL, as_normal(distance.degrees_of_freedom)
    critical = _quantile(_law(distance, np.zeros_like(distance.square)), 1 - error * factor)

    def lower_level(law: _Law) -> Array:
        power = 1 - _probability(law, critical)
        return error / 2 * np.clip((power - error) / LEVEL, 0, 1)

    def is_below_an_end(bias: Array) -> Array:
        law = _law(distance, bias)
        probability, level = _probability(law, distance.square), lower_level(law)
        is_too_small = 1 - probability[..., 0, :] < (error - level[..., 0, :]) * factor
        return np.stack([is_too_small, probability[..., 1, :] >= level[..., 1, :] * factor], axis=-2)

    low, high = _last(is_below_an_end, np.stack([distance.square, distance.square + distance.variance]))
    return low, high


def widened(degrees_of_freedom: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """By how much a variance must grow for normal quantiles to be those of Student's t.

    >>> widened(np.array([np.inf, 7.0])).round(3)
    array([1.   , 1.456])
    """
    tail = (1 - LEVEL) / 2
    return (special.stdtrit(degrees_of_freedom, tail) / special.ndtri(tail)) ** 2


def as_normal(degrees_of_freedom: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """By how much a tail of 2.5 % of the normal law must shrink to end where 2.5 % of Student's t begin.

    >>> as_normal(np.array([np.inf, 7.0])).round(4)
    array([1.   , 0.361])
    """
    tail = (1 - LEVEL) / 2
    return np.maximum(special.ndtr(special.stdtrit(degrees_of_freedom, tail)) / tail, SMALLEST_FACTOR)


class _Law(NamedTuple):
    """A scale times a noncentral chi-square."""

    scale: Float[Array, "*any"]
    degrees_of_freedom: Float[Array, "*any"]
    shift: Float[Array, "*any"]


def _law(distance: Distance, bias: Float[Array, "*ends times"]) -> _Law:
    """The law of T at a bias², by its mean and variance; its degrees of freedom are those without bias wherever that can be."""
    mean, half = bias + distance.variance, (distance.of_noise + distance.per_bias * bias) / 2
    freedom = 2 * distance.variance**2 / distance.of_noise
    rest = mean**2 - freedom * half
    scale = half / (mean + np.sqrt(np.maximum(rest, 0)))
    is_central = rest <= 0
    return _Law(
        np.where(is_central, half / mean, scale),
        np.where(is_central, mean**2 / half, freedom),
        np.where(is_central, 0, mean / scale - freedom),
    )


def _probability(law: _Law, square: Float[Array, "..."]) -> Float[Array, "..."]:
    """P(T <= square); by Sankaran's normal approximation where the sum over Poisson weights would be long."""
    x, k, shift = square / law.scale, law.degrees_of_freedom, law.shift
    is_long = k + shift > LARGEST_SHIFT
    first, second, third = k + shift, k + 2 * shift, k + 3 * shift
    power = 1 - 2 * first * third / (3 * second**2)
    ratio = second / first**2
    m = (power - 1) * (1 - 3 * power)
    centre = 1 + power * ratio * (power - 1 - (2 - power) * m * ratio / 2)
    normal = ((x / first) ** power - centre) / (power * np.sqrt(2 * ratio) * (1 + m * ratio / 2))
    exact = special.chndtr(np.where(is_long, 0, x), np.where(is_long, 1, k), np.where(is_long, 0, shift))
    return np.where(is_long, special.ndtr(normal), exact)


def _quantile(law: _Law, level: Float[Array, "*levels times"]) -> Float[Array, "*levels times"]:
    start = np.broadcast_to(law.scale * (law.degrees_of_freedom + law.shift), level.shape)
    return _last(lambda square: _probability(law, square) < level, start)


def _last(holds: Callable[[Array], Array], start: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """The largest number at which a predicate holds that is true below it and false above; zero where it never is.

    Sought in the root, where ends near zero keep their digits.
    """
    high = np.sqrt(start) + np.finfo(np.float64).tiny
    while (is_short := holds(high**2)).any():
        high = np.where(is_short, 2 * high, high)
    sections = SECTIONS if high.size <= FEW else 2
    inner = np.arange(1, sections).reshape(-1, *[1] * high.ndim)
    low, width = np.zeros_like(high), high
    for _ in range(math.ceil(DIGITS / math.log2(sections))):
        width = width / sections
        low = low + width * holds((low + width * inner) ** 2).sum(axis=0)
    return np.where(low > 0, low + width, 0.0) ** 2
