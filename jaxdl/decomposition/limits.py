"""Interval ends of the terms of a decomposition, from its strata, where terms are sums of mean squares."""

import numpy as np
from jaxtyping import Bool, Float

from jaxdl.decomposition.intervals import Distance, bias_limits, chi_square_limits, combined, deviations, stretched
from jaxdl.decomposition.strata import Strata

Array = np.ndarray
LEAST_CORRECTION = 0.5  # of a variance, by a covariance


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
    low, high = stretched(chi_square_limits(2 / strata.normal_variance), (stretch[0], stretch[1]))
    parts = squares * (1 - low), squares * (high - 1)
    total = strata.of_components.sum(axis=0)
    components = np.concatenate([strata.of_components[: None if with_components else 0], [total]])
    below, above = combined(components[..., None], *parts)
    if shared_nothing is None or strata.projected is None:
        return unit * below, unit * above
    distance, is_known = _distance(strata, shared_nothing)
    low, high = bias_limits(distance)
    of_bias = [np.where(is_known, 0.0, end) for end in (np.maximum(shared_nothing - low, 0), high - shared_nothing)]
    of_distance = [np.where(is_known, 0.0, end) for end in deviations(distance, np.maximum(shared_nothing, 0))]
    risk = (total - strata.of_mean)[None, :, None]
    of_risk = [np.hypot(end, side[0]) for end, side in zip(of_distance, combined(risk, *parts), strict=True)]
    # Of skewed effects, squares rise with the distance of the mean.
    bias = np.maximum(shared_nothing, 0)
    apart = (
        distance.of_noise + distance.per_bias * bias + ((risk[0] * squares) ** 2 * strata.lower_variance).sum(axis=0)
    )
    together = 2 * (risk[0] * strata.covariance).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correction = np.sqrt(np.clip(np.where(apart > 0, 1 + together / apart, 1.0), LEAST_CORRECTION, 2.0))
    of_risk = [end * correction for end in of_risk]
    return (
        unit * np.concatenate([[of_bias[0]], below, [of_risk[0]]]),
        unit * np.concatenate([[of_bias[1]], above, [of_risk[1]]]),
    )


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
