"""Interval ends of the terms of a decomposition, from its strata, where terms are sums of mean squares.

Components are differences, of modified large samples. The total variance and the risk are sums of positive parts, nearly
chi-square, with 2 size² / variance degrees of freedom (Satterthwaite, 1946). What heavy tails add to the upper ends of the parts is
added to that of the sum.
"""

import numpy as np
from jaxtyping import Bool, Float

from jaxdl.decomposition.intervals import Distance, bias_limits, chi_square_limits, combined, stretched, widened
from jaxdl.decomposition.strata import Strata

Array = np.ndarray
LEAST_CORRECTION, MOST_CORRECTION = 0.25, 4.0  # of a variance, by a covariance
FEWEST = 3.0  # degrees of freedom of a sum, to which its larger variance may lead
MOST_WIDENED = 2.0  # a variance, for few degrees of freedom of its own: chi-square of few counts them already


def reaches_of_strata(
    strata: Strata, shared_nothing: Float[Array, " times"] | None, *, with_components: bool
) -> tuple[Float[Array, "terms times"], Float[Array, "terms times"]]:
    """How far below and above the estimates the intervals over runs reach: bias, components (if any), total variance and risk.

    `shared_nothing` is the estimate of |E f - target|², and None without a target: then components and total variance only.
    """
    strata, shared_nothing, unit = _in_units(strata, shared_nothing)
    squares = strata.squares
    with np.errstate(invalid="ignore", divide="ignore"):
        stretch = [np.sqrt(each / strata.normal_variance) for each in (strata.lower_variance, strata.upper_variance)]
    of_normal = chi_square_limits(2 / strata.normal_variance)
    low, high = stretched(of_normal, (stretch[0], stretch[1]))
    of_tails = squares * np.maximum(high - of_normal[1], 0)
    parts = squares * (1 - low), squares * (high - 1)
    total = strata.of_components.sum(axis=0)
    below, above = combined(strata.of_components[: None if with_components else 0, :, None], *parts)
    of_total = total[:, None] * squares
    variances = (
        strata.normal_variance,
        strata.lower_variance,
        np.minimum(strata.upper_variance, strata.normal_variance),
    )
    size = of_total.sum(axis=0)
    down, up = _reaches_of_sum(size, *((of_total**2 * each).sum(axis=0) for each in variances))
    up = up + _root_of_squares(total[:, None] * of_tails)
    below, above = np.concatenate([below, [down]]), np.concatenate([above, [up]])
    if shared_nothing is None or strata.projected is None:
        return unit * below, unit * above
    distance, is_known = _distance(strata, shared_nothing)
    low, high = bias_limits(distance)
    of_bias = [np.where(is_known, 0.0, end) for end in (np.maximum(shared_nothing - low, 0), high - shared_nothing)]
    # Of skewed effects, squares rise with the distance of the mean.
    bias = np.maximum(shared_nothing, 0)
    of_distance = distance.of_noise + distance.per_bias * bias
    of_distance = of_distance * np.minimum(widened(distance.degrees_of_freedom), MOST_WIDENED)
    of_distance = np.where(is_known, 0.0, of_distance)
    of_rest = (total - strata.of_mean)[:, None] * squares
    rest = [(of_rest**2 * each).sum(axis=0) for each in variances]
    together = 2 * ((total - strata.of_mean)[:, None] * strata.covariance).sum(axis=0)
    apart = of_distance + rest[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        correction = np.clip(np.where(apart > 0, 1 + together / apart, 1.0), LEAST_CORRECTION, MOST_CORRECTION)
    down, up = _reaches_of_sum(shared_nothing + size, *((of_distance + each) * correction for each in rest))
    up = up + _root_of_squares((total - strata.of_mean)[:, None] * of_tails)
    return (
        unit * np.concatenate([[of_bias[0]], below, [down]]),
        unit * np.concatenate([[of_bias[1]], above, [up]]),
    )


def _root_of_squares(parts: Float[Array, "strata times"]) -> Float[Array, " times"]:
    return np.sqrt((parts**2).sum(axis=0))


def _reaches_of_sum(
    size: Float[Array, " times"],
    normal: Float[Array, " times"],
    lower: Float[Array, " times"],
    upper: Float[Array, " times"],
) -> tuple[Float[Array, " times"], Float[Array, " times"]]:
    """Likewise of a sum of positive parts, by its variances: nearly chi-square, with degrees of freedom of its own.

    Where the leading part is small by chance, so is the variance: at the upper end it is taken somewhat larger.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        is_known = (normal <= 0) | (size <= 0)
        relative = np.where(is_known, 1.0, normal / size**2)
        stretch = [np.where(is_known, 1.0, np.sqrt(each / normal)) for each in (lower, upper)]
    larger = np.maximum(relative, np.minimum(relative * (1 + relative), 2 / FEWEST))
    both = chi_square_limits(2 / np.stack([relative, larger]))
    low, high = stretched((both[0][0], both[1][1]), (stretch[0], stretch[1]))
    return np.where(is_known, 0.0, size * (1 - low)), np.where(is_known, 0.0, size * (high - 1))


def _in_units(
    strata: Strata, shared_nothing: Float[Array, " times"] | None
) -> tuple[Strata, Float[Array, " times"] | None, Float[Array, " times"]]:
    """All of it in units of its own size, whose fourth powers are doubles."""
    size = strata.squares.sum(axis=0) + (0 if shared_nothing is None else np.abs(shared_nothing))
    unit = np.where(size > 0, size, 1.0)
    if shared_nothing is None or strata.projected is None or strata.covariance is None:
        return strata._replace(squares=strata.squares / unit), shared_nothing, unit
    scaled = strata._replace(
        squares=strata.squares / unit,
        projected=strata.projected / unit / unit,
        covariance=strata.covariance / unit / unit,
    )
    return scaled, shared_nothing / unit, unit


def _distance(strata: Strata, shared_nothing: Float[Array, " times"]) -> tuple[Distance, Bool[Array, " times"]]:
    """The squared distance of the mean of all runs from the target, and whether it is known exactly as nothing varies."""
    weights = strata.of_mean[:, None]
    estimate = (weights * strata.squares).sum(axis=0)
    least = np.abs(strata.of_mean[-1]) * strata.squares[-1]  # what the innermost stratum contributes
    variance = np.maximum(estimate, least)
    is_known = variance <= 0
    variance = np.where(is_known, 1.0, variance)
    root = (weights * strata.squares / np.sqrt(strata.effective_points)).sum(axis=0)
    tau = np.clip(np.maximum(root, least / np.sqrt(strata.effective_points[-1])) / variance, 1e-8, 1) ** 2
    with np.errstate(divide="ignore"):  # nothing varies: nothing is uncertain
        freedom = 2 * variance**2 / ((weights * strata.squares) ** 2 * strata.lower_variance).sum(axis=0)
    square = np.maximum(shared_nothing + estimate, 0)
    along = weights * strata.projected
    projected = np.maximum(along.sum(axis=0), np.abs(along[-1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        per_bias = np.where(square > 0, 4 * projected / square, 4 * variance * tau)
        freedom_along = projected**2 / (along**2 / strata.degrees_of_freedom[:, None]).sum(axis=0)
    # The variance is estimated, and subtracted: with many effective points that adds as if to the variance of the distance.
    of_noise = 2 * tau * variance**2 * (1 + (1 - tau) / (tau * freedom))
    bias = per_bias * np.maximum(shared_nothing, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = (of_noise + bias) ** 2 / (of_noise**2 / freedom + np.where(bias > 0, bias**2 / freedom_along, 0))
    together = np.maximum(together, strata.degrees_of_freedom.min())  # differences of strata may give next to nothing
    return Distance(square, variance, of_noise, per_bias, together), is_known
