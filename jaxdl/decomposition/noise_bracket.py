"""Between which values does the noise lie, and what does that leave of bias² + noise for bias²?"""

import math
from typing import Any, NamedTuple, get_args

import numpy as np

from jaxdl.decomposition.doubles import finite_doubles
from jaxdl.decomposition.noise import Direction, NoiseEstimate
from jaxdl.decomposition.result import Decomposition
from jaxdl.statistics import Interval, t_interval

FARTHEST_BY_CHANCE = 5.0
"""Standard errors by which a lower bound may exceed an upper one; beyond, one of them is none."""


class NoiseBracket(NamedTuple):
    """The two estimates between which the noise lies, but for their standard errors.

    >>> low, high = NoiseBracket(NoiseEstimate(0.1, 0.01, "lower", "residual", ""), NoiseEstimate(0.2, 0.01, "upper", "rice", ""))
    >>> low.estimate < high.estimate
    True
    """

    low: NoiseEstimate
    high: NoiseEstimate


def bracket(*estimates: NoiseEstimate) -> NoiseBracket:
    """Between what may the noise lie? Estimates that err upwards bound it from above, those that err downwards from below.

    Unbiased ones bound it from both sides, and zero always does from below. Of several, each end takes the one that bounds most
    tightly with two standard errors added, so that no imprecise one wins by chance; ends that cross by chance are exchanged.

    Raises:
        ValueError: nothing bounds the noise from above, an estimate's direction is "either", or bounds contradict each other by
            more than chance.

    >>> from jaxdl.decomposition.noise import gasser_sroka_jennen_steinmetz, rice
    >>> x = np.linspace(0.0, 1.0, 50)[:, None]
    >>> y = x + 0.1 * np.random.default_rng(0).normal(size=(50, 1))
    >>> low, high = bracket(rice(x, y), gasser_sroka_jennen_steinmetz(x, y))
    >>> low.method, high.method
    ('zero', 'gasser_sroka_jennen_steinmetz')
    """
    for each in estimates:
        _check_estimate("estimates", each)
    unknown = [each.method for each in estimates if each.direction == "either"]
    if unknown:
        msg = f"estimates: got estimates by {unknown} that may err in either direction and bound nothing, expected a known "
        msg += "direction; where you know it, say so: residual(..., direction='upper'), or measured_apart=True"
        raise ValueError(msg)
    above = [each for each in estimates if each.direction in ("upper", "unbiased")]
    below = [each for each in estimates if each.direction in ("lower", "unbiased")]
    if not above:
        msg = f"estimates: got {[each.method for each in estimates]}, none of which bounds the noise from above, expected one that "
        msg += "does; add rice, nearest_neighbor or replicates"
        raise ValueError(msg)
    below.append(NoiseEstimate(0.0, 0.0, "lower", "zero", "a variance is not negative"))
    high = min(above, key=lambda each: each.estimate + 2 * each.standard_error)
    low = max(below, key=lambda each: each.estimate - 2 * each.standard_error)
    apart = low.estimate - high.estimate
    if apart > FARTHEST_BY_CHANCE * math.hypot(low.standard_error, high.standard_error):
        msg = f"estimates: got {low.estimate:.4g} by {low.method} as a lower bound and {high.estimate:.4g} by {high.method} as an "
        msg += f"upper one, expected ends that cross by {FARTHEST_BY_CHANCE:g} standard errors at most; one direction is not true"
        raise ValueError(msg)
    return NoiseBracket(*sorted((low, high), key=lambda each: each.estimate))


def bias_squared_interval(result: Decomposition, bracket: NoiseBracket, *, level: float = 0.95) -> Interval:
    """Where bias² may lie, given bias² + noise and a bracket for the noise: [(b + n) - high, (b + n) - low], widened.

    Each end is moved outwards by t √(SE(b + n)² + SE(noise)²). Never clipped at zero. The noise must be that of the test labels:
    the same law of inputs, or a noise that does not depend on them. Were both estimated from the same labels, their errors would
    mostly cancel in the difference, and the interval be wider than it need be.

    Returns:
        An `Interval` whose ends have the axes of `result`: `(settings, times)` where there are any.

    Raises:
        ValueError: the study does not report bias² + noise, or is one of another loss.

    >>> from jaxdl.decomposition import Target, squared_error
    >>> rng = np.random.default_rng(0)
    >>> labels = np.ones(500) + rng.normal(size=500)                            # bias² 1, noise 1, variance 0.01
    >>> result = squared_error(0.1 * rng.normal(size=(20, 500)), factors=("data",), target=Target(labels=labels))
    >>> noise = NoiseEstimate(1.1, 0.05, "upper", "rice", "")
    >>> low, high = bias_squared_interval(result, bracket(noise))
    >>> bool(low < 1 < high)
    True
    """
    if not isinstance(result, Decomposition) or result.loss != "squared error":
        got = f"a result of the {result.loss}" if isinstance(result, Decomposition) else f"{result!r:.80}"
        msg = f"result: got {got}, expected one of the squared error, to which a bracket for the variance of labels belongs"
        raise ValueError(msg)
    if not isinstance(bracket, NoiseBracket):
        msg = f"bracket: got {bracket!r:.80}, expected a NoiseBracket; bracket(estimate, ...) makes one"
        raise ValueError(msg)
    for each in bracket:
        _check_estimate("bracket", each)
    if bracket.low.estimate > bracket.high.estimate or "either" in (bracket.low.direction, bracket.high.direction):
        msg = f"bracket: got {bracket.low.estimate:.4g} ({bracket.low.direction}) to {bracket.high.estimate:.4g} "
        msg += f"({bracket.high.direction}), expected a lower and an upper bound; bracket(estimate, ...) makes it"
        raise ValueError(msg)
    term = "bias_squared_plus_noise"
    together, error = result.bias_squared_plus_noise, result.standard_errors[term]
    freedom = result.degrees_of_freedom[term]

    def interval(noise: NoiseEstimate) -> Interval:
        with np.errstate(
            invalid="ignore", divide="ignore"
        ):  # without error in b + n there is no uncertainty about its error
            widened = np.where(error == 0, np.inf, freedom * (1 + (noise.standard_error / error) ** 2) ** 2)
        return t_interval(together - noise.estimate, np.hypot(error, noise.standard_error), widened, level=level)

    return Interval(np.asarray(interval(bracket.high).low), np.asarray(interval(bracket.low).high))


def _check_estimate(name: str, value: Any) -> None:
    """Refuse what is no estimate of a variance."""
    if not isinstance(value, NoiseEstimate):
        msg = f"{name}: got {value!r:.80}, expected estimates of `decomposition.noise`, such as rice(x, y)"
        raise ValueError(msg)
    numbers = finite_doubles(name, value[:2])
    if numbers.shape != (2,) or (numbers < 0).any() or value.direction not in get_args(Direction):
        msg = (
            f"{name}: got {value}, expected a finite variance and standard error, neither negative, and a direction of "
        )
        msg += f"{', '.join(get_args(Direction))}"
        raise ValueError(msg)
