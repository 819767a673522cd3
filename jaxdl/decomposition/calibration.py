"""Calibration error: how far the shares of right predictions are from their predicted probabilities."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from jaxdl.admission import as_numbers, refuse_unless
from jaxdl.decomposition.estimates import jackknife_variance
from jaxdl.kinds import as_count, check_flag

Array = np.ndarray
NUM_GROUPS = 32
TOLERANCE = 1e-3  # of sums of probabilities, in half precision


class CalibrationError(NamedTuple):
    """A number for each run; standard errors are over test points drawn anew, for that run as it is.

    >>> p = np.full((1, 8, 2), 0.5)
    >>> found = calibration_error(p, np.array([0, 1, 0, 1, 0, 1, 0, 1]))
    >>> print(found.expected)
    [0.]
    """

    expected: Float[Array, "*runs"]
    """Sum over bins of (share of predictions) · |share right - mean probability|, which chance makes too large."""
    squared: Float[Array, "*runs"]
    """The same with squares, less what chance adds: may be negative, as an estimate of zero is that is right on average."""
    expected_standard_error: Float[Array, "*runs"]
    squared_standard_error: Float[Array, "*runs"]


def calibration_error(
    probabilities: Shaped[Array, "..."],
    labels: Shaped[Array, " points"],
    *,
    num_bins: int = 15,
    every_class: bool = False,
) -> CalibrationError:
    """The calibration error of each run in bins of equal width of the predicted probability.

    Bin b has n_b predictions, of m_b points. Their mean difference of "is right" and probability is d_b, and v_b is its variance:

        expected = sum of n_b/n |d_b|,      squared = sum of n_b/n (d_b² - v_b),
        v_b = m_b/(m_b - 1) · sum over points of (sum of the point's differences in b - their number · d_b)² / n_b².

    The classes of one point depend on each other, so that points are what varies. With one prediction a point v_b is s_b²/n_b, and
    `squared` is unbiased. A bin with a single point shows no spread and counts as zero in it: take fewer bins than points.

    A number of each run is a metric: `metric(calibration_error(p, y).squared, factors=("data", "init"))` splits its variance.

    Args:
        probabilities: `(levels of each factor, points, classes)`.
        labels: class numbers `(points,)`.
        num_bins: bins between 0 and 1.
        every_class: all classes of a point count, each against whether it is the label; by default only the most probable one.
            Jiang et al. bound the gap of disagreement and error by that of the votes in this form, times the number of classes.

    Raises:
        ValueError: probabilities that are none or do not add up to one, labels that are no classes, fewer than 3 points.

    Source: Naeini, Cooper & Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning; of squares Kumar,
    Liang & Ma (2019), Verified uncertainty calibration, arXiv 1909.10155.

    >>> p = np.tile([0.8, 0.2], (1000, 1))
    >>> y = (np.arange(1000) % 10 < 3).astype(int)        # right in 7 of 10
    >>> found = calibration_error(p, y)
    >>> found.expected.round(6).item(), found.squared.round(3).item()
    (0.1, 0.01)
    """
    num_bins = as_count("num_bins", num_bins)
    check_flag("every_class", every_class)
    p = as_numbers("probabilities", probabilities)
    if p.ndim < 2 or p.shape[-1] < 2 or p.shape[-2] < 3 or 0 in p.shape:
        msg = f"probabilities: got shape {p.shape}, expected (levels of each factor, points, classes), with 3 points and 2 classes "
        msg += "or more; of two classes np.stack([1 - p, p], axis=-1)"
        raise ValueError(msg)
    p = p.astype(np.float64)
    refuse_unless((p >= 0) & (p <= 1), "probabilities", p, "numbers from 0 to 1", "apply the softmax to logits")
    total = p.sum(axis=-1)
    refuse_unless(np.abs(total - 1) < TOLERANCE, "probabilities", total, "sums of one over classes", "normalise them")
    y = _classes(labels, p.shape[-2], p.shape[-1])
    if every_class:
        probability, is_right = p, np.broadcast_to(y[:, None] == np.arange(p.shape[-1]), p.shape)
    else:
        top = p.argmax(axis=-1)[..., None]
        probability, is_right = np.take_along_axis(p, top, axis=-1), top == y[:, None]
    runs = p.shape[:-2]
    shape = (-1, *probability.shape[-2:])
    expected, squared = _by_bins(probability.reshape(shape), is_right.reshape(shape), num_bins)
    errors = [np.sqrt(jackknife_variance(each[:, 1:, None])[:, 0]) for each in (expected, squared)]
    return CalibrationError(*(each.reshape(runs) for each in (expected[:, 0], squared[:, 0], *errors)))


def _by_bins(
    probability: Float[Array, "runs points classes"], is_right: Shaped[Array, "runs points classes"], num_bins: int
) -> tuple[Float[Array, "runs rows"], Float[Array, "runs rows"]]:
    """Both errors from all points, then without each group of points: point i is in group i mod their number."""
    num_runs, num_points, _ = probability.shape
    num_groups = min(num_points, NUM_GROUPS)
    bins = np.minimum((probability * num_bins).astype(int), num_bins - 1)
    place = np.arange(num_runs * num_points).reshape(num_runs, num_points, 1) * num_bins + bins
    difference = (is_right - probability).ravel()

    def by_point(weights: Array | None) -> Float[Array, "runs points bins"]:
        sums = np.bincount(place.ravel(), weights, minlength=num_runs * num_points * num_bins)
        return sums.reshape(num_runs, num_points, num_bins).astype(np.float64)

    def summed(of_points: Float[Array, "runs points bins"]) -> Float[Array, "runs rows bins"]:
        groups = np.stack([of_points[:, group::num_groups].sum(axis=1) for group in range(num_groups)], axis=1)
        of_all = groups.sum(axis=1, keepdims=True)
        return np.concatenate([of_all, of_all - groups], axis=1)

    number, total = by_point(None), by_point(difference)
    count, points, first = summed(number), summed((number > 0).astype(float)), summed(total)
    squares, mixed, numbers = summed(total**2), summed(total * number), summed(number**2)
    with np.errstate(invalid="ignore", divide="ignore"):  # empty bins count for nothing, single points show no spread
        mean = np.where(count > 0, first / count, 0.0)
        spread = squares - 2 * mean * mixed + mean**2 * numbers
        chance = np.where(points > 1, points / (points - 1) * spread / count**2, mean**2)
    share = count / count.sum(axis=-1, keepdims=True)
    return (share * np.abs(mean)).sum(axis=-1), (share * (mean**2 - chance)).sum(axis=-1)


def _classes(labels: Shaped[Array, " points"], num_points: int, num_classes: int) -> Int[Array, " points"]:
    y = as_numbers("labels", labels)
    if y.shape != (num_points,):
        msg = f"labels: got shape {y.shape} for probabilities at {num_points} points, expected ({num_points},); one class each"
        raise ValueError(msg)
    is_class = np.isfinite(y) & (y == np.round(y)) & (y >= 0) & (y < num_classes)
    refuse_unless(is_class, "labels", y, f"classes 0 to {num_classes - 1}", "relabel by np.unique")
    return y.astype(int)
