"""Learning curves: the fall of the risk with the number of training examples, and its extrapolation.

    E(n) = floor + amplitude n^-exponent

The floor is the noise plus the bias that more data do not remove. The exponent is 1 for well-specified parametric models, and
2s/(2s + d) at best for functions of smoothness s in d dimensions (Stone, 1982). Everything runs on the host, in NumPy and SciPy.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from jaxdl.kinds import as_count, as_scalar
from jaxdl.statistics import Interval
from jaxdl.statistics.intervals import as_floats, check_level

__all__ = ["LearningCurve", "fit", "predictive_interval", "risk_at", "size_needed", "size_needed_interval"]

Array = np.ndarray
Real = int | float | np.number
EXPONENTS = (0.05, 4.0)
"""The range of exponents: slower laws look constant, and faster ones reach their floor at once."""
NUM_EXPONENTS = 48
NUM_REFINEMENTS = 34


class LearningCurve(NamedTuple):
    """A fitted curve, with the measurements that its intervals need.

    >>> sizes = np.array([20.0, 40.0, 80.0, 160.0])
    >>> curve = fit(sizes, 0.1 + 2 / sizes, np.full(4, 0.001))
    >>> print(f"{risk_at(curve, 320.0):.3f}")                                        # 0.1 + 2 / 320
    0.106
    """

    floor: float
    amplitude: float
    exponent: float
    sizes: Float[Array, " sizes"]
    standard_errors: Float[Array, " sizes"]
    degrees_of_freedom: float
    smallest_floor: float
    misfit: float
    """The p-value of the chi-squared test of the fit: small when no power law explains the risks; nan for 3 sizes."""


def fit(
    sizes: Float[Array, " sizes"] | Any,
    risks: Float[Array, " sizes"] | Any,
    standard_errors: Float[Array, " sizes"] | Any,
    *,
    degrees_of_freedom: Real = math.inf,
    smallest_floor: Real = 0.0,
) -> LearningCurve:
    """The curve of least sum over sizes of ((risk - E(n)) / standard_error)², with amplitude >= 0.

    It uses variable projection (Golub & Pereyra, 1973): at a given exponent the other two parameters are a linear fit, so only
    the exponent is searched, over all of `EXPONENTS`. It needs no starting values and misses no minimum.

    Args:
        sizes: numbers of training examples, all different and at least three.
        risks: the risk measured at each, by training and test sets of its own: errors are taken as independent.
        standard_errors: of the risks.
        degrees_of_freedom: of the standard errors, where they were estimated: of K training sets at each size, K - 1.
        smallest_floor: what no learner can go below; zero for errors, minus infinity for an unbounded risk.

    Raises:
        ValueError: shapes that differ, fewer than three sizes, equal sizes, errors that are not positive, nan.

    >>> sizes = np.array([20.0, 40.0, 80.0, 160.0])
    >>> curve = fit(sizes, 0.1 + 2 / sizes, np.full(4, 0.001))
    >>> print(f"{curve.floor:.4f} {curve.amplitude:.4f} {curve.exponent:.4f}")
    0.1000 2.0000 1.0000
    """
    sizes, risks = as_floats("sizes", sizes), as_floats("risks", risks)
    standard_errors = as_floats("standard_errors", standard_errors)
    remedy = "take K - 1 for K training sets at each size"
    degrees_of_freedom = _positive("degrees_of_freedom", degrees_of_freedom, remedy=remedy)
    expected = "a number, or -inf where a risk has no lower bound"
    smallest_floor = as_scalar(
        "smallest_floor", smallest_floor, expected=expected, allowed=lambda floor: floor < math.inf
    )
    _check(sizes, risks, standard_errors)
    floor, amplitude, exponent, squares = _fit_rows(sizes, risks[None], standard_errors, smallest_floor)
    free = len(sizes) - 3
    misfit = float(special.chdtrc(free, squares[0])) if free else math.nan
    return LearningCurve(
        float(floor[0]), float(amplitude[0]), float(exponent[0]), sizes, standard_errors,
        degrees_of_freedom, smallest_floor, misfit,
    )  # fmt: skip


def risk_at(curve: LearningCurve, size: Real) -> float:
    """E(size): the expected risk with so many examples. Raises ValueError for a size that is not positive.

    >>> sizes = np.array([10.0, 20.0, 40.0])
    >>> round(risk_at(fit(sizes, 1 + 5 / sizes, np.ones(3)), 500), 4)
    1.01
    """
    return _curve(curve).floor + curve.amplitude * _positive("size", size) ** -curve.exponent


def predictive_interval(
    curve: LearningCurve,
    size: Real,
    *,
    standard_error: Real = 0.0,
    level: float = 0.9,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """The interval of a measurement of the risk at `size`, with this standard error, by the parametric bootstrap.

    Risks are drawn again around the fitted curve, with their standard errors (from Student's law where these were
    estimated), and fitted again; to each new curve's value at `size` a new measurement error is added. The interval holds
    the middle `level` of the sums. A standard error of zero gives the interval of the expected risk itself.

    It assumes a power law; `curve.misfit` tests that.

    Raises:
        ValueError: a size that is not positive, a negative standard error, a level outside (0, 1), fewer than 1 resample.

    >>> sizes = np.array([10.0, 20.0, 40.0, 80.0])
    >>> curve = fit(sizes, 1 + 5 / sizes, np.full(4, 0.01))
    >>> low, high = predictive_interval(curve, 1000, standard_error=0.01, num_resamples=200)
    >>> bool(low < 1.005 < high)
    True
    """
    size, expected = _positive("size", size), "a finite number of 0 or more"
    standard_error = as_scalar(
        "standard_error", standard_error, expected=expected, allowed=lambda error: 0 <= error < math.inf
    )
    floors, amplitudes, exponents = _resample(curve, num_resamples, seed)
    generator = np.random.default_rng((as_count("seed", seed, low=0), 1))
    errors = standard_error * _standard_draws(generator, curve.degrees_of_freedom, (num_resamples,))
    return _middle(floors + amplitudes * size**-exponents + errors, level)


def size_needed(curve: LearningCurve, risk: Real) -> float:
    """The n at which E(n) = risk: (amplitude / (risk - floor))^(1 / exponent); infinite for a risk at or below the floor.

    >>> sizes = np.array([10.0, 20.0, 40.0])
    >>> curve = fit(sizes, 1 + 5 / sizes, np.ones(3))
    >>> round(size_needed(curve, 1.01), 3), size_needed(curve, 0.9)
    (500.0, inf)
    """
    _curve(curve)
    return float(
        _sizes_needed(np.array([curve.floor]), np.array([curve.amplitude]), np.array([curve.exponent]), risk)[0]
    )


def size_needed_interval(
    curve: LearningCurve, risk: Real, *, level: float = 0.9, num_resamples: int = 1000, seed: int = 0
) -> Interval:
    """The interval of the n for a wanted risk, by the same bootstrap; its upper end is infinite if the floor may be higher.

    Raises:
        ValueError: a level outside (0, 1), fewer than 1 resample.

    >>> sizes = np.array([10.0, 20.0, 40.0, 80.0])
    >>> curve = fit(sizes, 1 + 5 / sizes, np.full(4, 0.001))
    >>> low, high = size_needed_interval(curve, 1.02, num_resamples=200)
    >>> bool(low < 250 < high), size_needed_interval(curve, 0.5, num_resamples=200)
    (True, Interval(low=np.float64(inf), high=np.float64(inf)))
    """
    return _middle(_sizes_needed(*_resample(curve, num_resamples, seed), risk), level)


def _sizes_needed(
    floors: Float[Array, " rows"], amplitudes: Float[Array, " rows"], exponents: Float[Array, " rows"], risk: Real
) -> Float[Array, " rows"]:
    risk = as_scalar("risk", risk, allowed=lambda risk: not math.isnan(risk))
    is_reached = floors < risk
    ratios = amplitudes / np.where(is_reached, risk - floors, 1)
    with np.errstate(over="ignore"):
        return np.where(is_reached, ratios ** (1 / exponents), np.inf)


def _resample(curve: LearningCurve, num_resamples: int, seed: int) -> tuple[Array, Array, Array]:
    """Floors, amplitudes and exponents of curves fitted to new risks around this one."""
    _curve(curve)
    num_resamples = as_count("num_resamples", num_resamples, remedy="take some hundreds for a 90 % interval")
    generator = np.random.default_rng((as_count("seed", seed, low=0), 0))
    draws = _standard_draws(generator, curve.degrees_of_freedom, (num_resamples, len(curve.sizes)))
    expected = curve.floor + curve.amplitude * curve.sizes**-curve.exponent
    risks = expected[None] + curve.standard_errors[None] * draws
    return _fit_rows(curve.sizes, risks, curve.standard_errors, curve.smallest_floor)[:3]


def _standard_draws(generator: np.random.Generator, degrees_of_freedom: float, shape: tuple[int, ...]) -> Array:
    if math.isinf(degrees_of_freedom):
        return generator.standard_normal(shape)
    return generator.standard_t(degrees_of_freedom, shape)


def _middle(values: Float[Array, " resamples"], level: float) -> Interval:
    level = check_level(level)
    # Order statistics rather than their interpolation, which infinite values would turn into nan.
    low = np.quantile(values, (1 - level) / 2, method="lower")
    return Interval(low, np.quantile(values, (1 + level) / 2, method="higher"))


def _fit_rows(
    sizes: Float[Array, " sizes"],
    risks: Float[Array, "rows sizes"],
    standard_errors: Float[Array, " sizes"],
    smallest_floor: float,
) -> tuple[Float[Array, " rows"], Float[Array, " rows"], Float[Array, " rows"], Float[Array, " rows"]]:
    """Floor, amplitude, exponent and sum of squares of each row: a grid of exponents, then golden sections beside the best."""
    # Relative to their geometric mean, sizes have powers of order one at every exponent.
    logs = np.log(sizes)
    center = logs.mean()
    weights = (standard_errors.min() / standard_errors) ** 2
    w = weights / weights.sum()
    y = risks[:, None, :]
    mean_risk, weighted_risks = y @ w, y * w
    weighted_rises = (y - smallest_floor) * w if math.isfinite(smallest_floor) else None

    def project(exponents: Float[Array, "rows k"]) -> tuple[Array, Array, Array]:
        powers = np.exp(-exponents[..., None] * (logs - center))
        mean_power = powers @ w
        centered = powers - mean_power[..., None]
        slope = (centered * weighted_risks).sum(-1) / (centered**2 @ w)
        floor = mean_risk - slope * mean_power
        if weighted_rises is not None:
            at_smallest = (powers * weighted_rises).sum(-1) / (powers**2 @ w)
            slope = np.where(floor < smallest_floor, at_smallest, slope)
            floor = np.maximum(floor, smallest_floor)
        floor = np.where(slope < 0, np.maximum(mean_risk, smallest_floor), floor)
        slope = np.maximum(slope, 0)
        residuals = y - floor[..., None] - slope[..., None] * powers
        return floor, slope, residuals**2 @ weights

    grid = np.geomspace(*EXPONENTS, NUM_EXPONENTS)
    squares = project(np.broadcast_to(grid, (1, NUM_EXPONENTS)))[2]
    best = squares.argmin(axis=1)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, NUM_EXPONENTS - 1)]
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(NUM_REFINEMENTS):
        inner = np.stack([high - golden * (high - low), low + golden * (high - low)], axis=1)
        left, right = project(inner)[2].T
        is_left = left < right
        low, high = np.where(is_left, low, inner[:, 0]), np.where(is_left, inner[:, 1], high)
    exponent = (low + high) / 2
    floor, slope, squares = (values[:, 0] for values in project(exponent[:, None]))
    return floor, slope * np.exp(exponent * center), exponent, squares / standard_errors.min() ** 2


def _curve(value: Any) -> LearningCurve:
    if not isinstance(value, LearningCurve):
        msg = f"curve: got {value!r:.60}, expected a LearningCurve; fit one by learning_curves.fit"
        raise ValueError(msg)
    return value


def _positive(name: str, value: Real, remedy: str = "") -> float:
    return as_scalar(name, value, expected="a positive number", allowed=lambda number: number > 0, remedy=remedy)


def _check(sizes: Array, risks: Array, standard_errors: Array) -> None:
    if sizes.ndim != 1 or not sizes.shape == risks.shape == standard_errors.shape or len(sizes) < 3:
        msg = f"sizes: got shape {sizes.shape}, risks {risks.shape} and standard_errors {standard_errors.shape}, "
        msg += "expected one length, at least 3; a curve has three parameters"
        raise ValueError(msg)
    if len(np.unique(sizes)) < len(sizes) or not (sizes > 0).all() or not np.isfinite(sizes).all():
        msg = f"sizes: got {sizes}, expected positive numbers, all different; average the risks of equal sizes first"
        raise ValueError(msg)
    if not np.isfinite(risks).all():
        msg = f"risks: got {risks}, expected finite numbers"
        raise ValueError(msg)
    if not (np.isfinite(standard_errors) & (standard_errors > 0)).all():
        msg = f"standard_errors: got {standard_errors}, expected finite numbers above 0"
        raise ValueError(msg)
