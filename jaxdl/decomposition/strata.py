"""Mean squares by stratum: what they estimate, how precisely, and which sums of them the terms of a decomposition are.

A stratum of a crossed design is a set u of factors, of a nested one a depth. Its mean square s estimates the variance of the
effects of one level, with what is inside averaged: components, the total variance and the variance of the mean of all runs are
weighted sums. How precise s is, follows from inner products <e_l, e_m> of effects, averaged over test points. With A the projection
that centres n independent effects of covariance C and joint fourth cumulant k,

    E <e_l, e_l> <e_m, e_m> = A_ll A_mm (tr C)² + 2 A_lm² tr C² + k sum_i A_li² A_mi²,
    E <e_l, e_m>²           = A_lm² (tr C)² + (A_ll A_mm + A_lm²) tr C² + k sum_i A_li² A_mi²,

so that sums of both over pairs give unbiased (tr C)², tr C² and k, whatever the law of the effects (Himeno & Yamada, 2014).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Array = np.ndarray
PRIOR_LEVELS = 4.0  # a kurtosis below the normal one counts n / (n + 4)
PRIOR_UNITS = 16.0  # and n / (n + 16) when it is that of mean squares within n units, which are skewed themselves
FULL_LEVELS = 32.0  # one above it counts n / 32 up to 32
# Three times at the upper end, as heavy tails are seen too late: a variance that missed them is too small.
ABOVE = 3.0
ABOVE_UNSEEN = 3.0  # where no Gram matrix tells more of the shape of the law
SKEWED = 2.0  # times the squared skewness, likewise: of gamma laws 1.5 is the kurtosis, and skewness is seen earlier
ROUNDING = 64 * np.finfo(np.float64).eps  # of a sum of squares: what is left of effects that are none
HEAVIEST = 7.0  # beyond, a kurtosis stretches no end further: the few effects far out are in the mean square already
OF_OTHERS = 1.5  # times the kurtosis of other strata, likewise
FEW_LEVELS = 6.0  # fewer would be stretched beyond measure
SEEN = 1.5  # standard errors of the kurtosis of normal effects, from which on that of one stratum is believed of the others
LEAST_PART = 0.15  # of the normal variance of a mean square, for effects of lightest tails


class Strata(NamedTuple):
    """The mean squares of one setting; relative variances are those of a mean square, divided by its square."""

    squares: Float[Array, "strata times"]
    degrees_of_freedom: Float[Array, " strata"]
    """Of a mean square at one point: what the design has."""
    normal_variance: Float[Array, "strata times"]
    """Relative, of normal effects: 2 / (degrees of freedom, times effective points)."""
    lower_variance: Float[Array, "strata times"]
    upper_variance: Float[Array, "strata times"]
    """Relative, kurtosis included, for the two ends of an interval."""
    projected: Float[Array, "strata times"] | None
    """The mean squares of effects in the direction of the bias: what each contributes to the variance of <mean, bias>."""
    covariance: Float[Array, "strata times"] | None
    """Of each mean square with the squared distance of the mean of all runs from the target; zero for symmetric laws."""
    effective_points: Float[Array, "strata times"]
    kurtosis: Float[Array, "strata times"]
    """Excess of the effects as a whole; zero for normal ones."""
    counts: Float[Array, " strata"]
    """Effects in each stratum."""
    of_mean: Float[Array, " strata"]
    """The variance of the mean of all runs, as a weighted sum of mean squares."""
    of_components: Float[Array, "components strata"]
    """Likewise the variance components; their sum is the total variance."""
    dependence: Float[Array, "strata times"]
    """What cells of one row that vary together in size add to the relative variance."""


class Pairs(NamedTuple):
    """Sums of products over pairs of effects, each averaged over test points."""

    squares: Float[Array, " times"]
    """(sum of <e_l, e_l>)²."""
    products: Float[Array, " times"]
    """Sum of <e_l, e_m>² over pairs that differ along one axis at most."""
    own: Float[Array, " times"]
    """Sum of <e_l, e_l>²."""


class Moments(NamedTuple):
    """Moments of the law of effects, estimated from pairs of them."""

    square: Float[Array, " times"]
    """(tr C)²."""
    of_square: Float[Array, " times"]
    """tr C²."""
    cumulant: Float[Array, " times"]


def moments(pairs: Pairs, counts: Sequence[int], axis: int) -> Moments:
    """Unbiased moments of effects centred along every axis of a table of `counts`; pairs differ along `axis`.

    With fewer than four levels there the cumulant cannot be separated from the rest, and is taken for zero.

    >>> gram = np.array([[2.0, -1, -1, 0], [-1, 2, 0, -1], [-1, 0, 2, -1], [0, -1, -1, 2]])
    >>> one = np.ones(1)
    >>> found = moments(Pairs(64 * one, 24 * one, 16 * one), (4,), 0)
    >>> [round(each.item(), 6) for each in found]
    [7.333333, 0.666667, -2.666667]
    """
    if counts[axis] < 4:
        return normal_moments(pairs.squares, pairs.products, counts, axis)
    known = np.linalg.solve(_expectations(counts, axis), np.stack(pairs))
    return Moments(known[0], known[1], known[2])


def normal_moments(
    squares: Float[Array, " times"], products: Float[Array, " times"], counts: Sequence[int], axis: int
) -> Moments:
    """The moments when there is no joint cumulant, of three levels or more along the axis of pairs."""
    known = np.linalg.solve(_expectations(counts, axis)[:2, :2], np.stack([squares, products]))
    return Moments(known[0], known[1], np.zeros_like(squares))


def _expectations(counts: Sequence[int], axis: int) -> Float[Array, "3 3"]:
    """Of the three sums, as multiples of (tr C)², tr C² and k: products over axes, summed along all of one or its diagonal."""
    sizes = np.asarray(counts, np.float64)
    of_all = np.stack([(sizes - 1) ** 2, sizes - 1, sizes * (1 - 1 / sizes) ** 2])
    fourth = (1 - 1 / sizes) ** 4 + (sizes - 1) / sizes**4
    diagonal = np.stack([(sizes - 1) ** 2 / sizes, (sizes - 1) ** 2 / sizes, sizes * fourth])
    along = np.arange(len(sizes)) == axis
    pairs = np.where(along, of_all, diagonal).prod(axis=1)
    all_pairs, own = of_all.prod(axis=1), diagonal.prod(axis=1)
    return np.array(
        [
            [all_pairs[0], 2 * all_pairs[1], all_pairs[2]],
            [pairs[1], pairs[0] + pairs[1], pairs[2]],
            [own[1], 2 * own[0], own[2]],
        ]
    )


def centred(values: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """Less the mean along an axis; of both axes of a Gram matrix, that of centred vectors.

    >>> centred(np.array([1.0, 3.0]), 0)
    array([-1.,  1.])
    """
    return values - values.mean(axis=axis, keepdims=True)


class Spread(NamedTuple):
    """How a mean square varies, relative to its square."""

    normal: Float[Array, " times"]
    lower: Float[Array, " times"]
    upper: Float[Array, " times"]
    effective_points: Float[Array, " times"]
    kurtosis: Float[Array, " times"]


def spread_of(
    degrees_of_freedom: float,
    count: float,
    inverse_points: Float[Array, " times"],
    kurtosis: Float[Array, " times"],
    elsewhere: Float[Array, " times"],
    shape: "Shape | None" = None,
    dependence: Float[Array, " times"] | float = 0.0,
    prior: float = PRIOR_LEVELS,
) -> Spread:
    """The relative variance of a mean square of `count` effects, from tau and the excess kurtosis.

    An estimated kurtosis is drawn towards the normal one while effects are few. Where their Gram matrix is known, its `shape` tells
    more of heavy tails, and so does the kurtosis `elsewhere`; `dependence` is added as it is.
    """
    normal = 2 * inverse_points / degrees_of_freedom
    light = np.minimum(kurtosis, 0) * count / (count + prior)
    seen = min(1, count / FULL_LEVELS)
    heavy = np.maximum(kurtosis if shape is None else shape.kurtosis, 0) * seen
    above, skewed = (ABOVE_UNSEEN, 0.0) if shape is None else (ABOVE, SKEWED * seen * shape.skewness)
    least, most = LEAST_PART * normal, HEAVIEST * inverse_points * max(1, count / FULL_LEVELS)
    lower = np.maximum(normal + (light + np.minimum(heavy, most)) / count, least) + dependence
    tails = np.minimum(np.maximum(above * heavy + skewed, min(OF_OTHERS, count / FEW_LEVELS) * elsewhere), most)
    upper = np.maximum(normal + (light + tails) / count, least) + dependence
    return Spread(normal, lower, upper, 1 / inverse_points, kurtosis)


def kurtosis_elsewhere(
    kurtosis: Float[Array, "strata times"],
    inverse_points: Float[Array, "strata times"],
    counts: Float[Array, " strata"],
) -> Float[Array, "strata times"]:
    """For each stratum the largest kurtosis of the others that is not chance, at its own number of effective points.

    A mean square that missed the rare large effects is small, and shows no heavy tails; those of other strata do not know that.

    >>> kurtosis_elsewhere(np.array([[0.1], [6.0]]), np.ones((2, 1)), np.array([8.0, 64.0])).ravel()
    array([6., 0.])
    """
    per_point = kurtosis / inverse_points
    seen = np.where(per_point > SEEN * np.sqrt(24 / counts)[:, None], per_point, 0.0)
    others = [np.delete(seen, index, axis=0).max(axis=0, initial=0.0) for index in range(len(seen))]
    return np.stack(others) * inverse_points


def inverse_points_of(found: Moments, num_columns: int) -> Float[Array, " times"]:
    """Tau = tr C² / (tr C)², which is 1 for one point and 1/M for M independent ones of equal variance.

    Half of 1/M at least: less would be chance, and at 1/M it would be drawn upwards.
    """
    with np.errstate(invalid="ignore", divide="ignore"):  # nothing varies: as for one point
        ratio = np.where(found.square > 0, found.of_square / found.square, 1.0)
    return np.clip(ratio, min(1.0, 1 / num_columns) / (2 if num_columns > 1 else 1), 1.0)


class Shape(NamedTuple):
    """Of the law of effects, as their Gram matrix shows it."""

    kurtosis: Float[Array, " times"]
    """Excess, about the mean of the effects that are not farthest out."""
    skewness: Float[Array, " times"]
    """Squared (Mardia's, of unstandardized effects), above what normal ones show by chance; not negative."""


def shape_of(gram: Float[Array, "times levels levels"], inverse_points: Float[Array, " times"]) -> Shape:
    """The shape of the law of centred effects.

    Of n normal effects the squared skewness is (1 + tau)(1 + 2 tau)/n by chance.
    """
    count = gram.shape[-1]
    middle = np.array([_middle_kurtosis(each, tau) for each, tau in zip(gram, inverse_points, strict=True)])
    with np.errstate(invalid="ignore", divide="ignore"):
        skewness = count * (gram**3).sum(axis=(1, 2)) / np.trace(gram, axis1=1, axis2=2) ** 3
        skewness = skewness * count * (count - 1) / (count - 2) ** 2
    by_chance = (1 + inverse_points) * (1 + 2 * inverse_points) / count
    return Shape(middle, np.maximum(np.nan_to_num(skewness) - by_chance, 0))


def _middle_kurtosis(gram: Float[Array, "levels levels"], inverse_points: float) -> float:
    """The excess kurtosis about the mean of the levels that are not farthest out, by the Gram matrix of centred levels."""
    count = len(gram)
    own = np.diag(gram)
    num_left_out = min(math.ceil(count / (2 * math.sqrt(max(count - 4, 1)))), count // 4)
    kept = np.argsort(own, kind="stable")[: count - num_left_out]
    squares = own - 2 * gram[:, kept].mean(axis=1) + gram[np.ix_(kept, kept)].mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = count * (squares**2).sum() / squares.sum() ** 2
    return float(np.nan_to_num((ratio - 1) * (count + 1) / max(count - 2, 1) - 2 * inverse_points))
