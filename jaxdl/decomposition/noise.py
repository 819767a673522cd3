"""How noisy are the labels? Estimates of the noise variance in regression, and the direction in which each errs.

The noise sigma² is E|y - E[y|x]|², summed over outputs as in `Target.noise`, and averaged over the inputs at hand. From labels
y_i = f(x_i) + e_i with independent e_i, most estimators here take pseudo-residuals, which weigh neighbouring labels so that a
smooth mean f cancels:

    estimate = (1/N) sum_i |sum_k w_ik y_k|²,   sum_k w_ik = 0,  sum_k w_ik² = 1,
    E estimate = sigma² + (1/N) sum_i |sum_k w_ik f(x_k)|²        (where sigma² is the same everywhere).

What f leaves is never negative: these estimators err upwards, by the roughness of f at the spacing of the inputs. Standard
errors ask nothing of the law of the noise: squares that share a label are correlated, others are not.

All this is true of labels with errors of their own. A row that is a copy of another has none: see `jaxdl.decomposition.copies`.
Every estimator leaves copies out with a warning, or says `"either"` where it cannot tell them from labels that happen to be equal;
`measured_apart=True` states that every row was measured. Rounding of labels is a part of their noise.
"""

import math
import warnings
from typing import Literal, NamedTuple, get_args

import jax
import numpy as np
from jaxtyping import Float, Int, Num

from jaxdl.decomposition.copies import Rows, in_no_order_of_labels, matrices, measured_rows, with_doubt
from jaxdl.decomposition.doubles import check_smallest
from jaxdl.kinds import as_scalar, check_flag

__all__ = [
    "NoiseEstimate",
    "gasser_sroka_jennen_steinmetz",
    "hall_kay_titterington",
    "nearest_neighbor",
    "replicates",
    "residual",
    "rice",
]

Array = np.ndarray
HostOrDevice = np.ndarray | jax.Array
Direction = Literal["unbiased", "upper", "lower", "either"]
LARGEST_DIMENSION = 4  # beyond, the nearest neighbour of n points, at distance ~ n^(-1/d), is no neighbour


class NoiseEstimate(NamedTuple):
    """An estimate of the noise variance, and in which direction its expectation may be wrong.

    >>> x = np.arange(4.0)[:, None]
    >>> round(rice(x, np.array([[0.0], [1.0], [0.0], [1.0]])).estimate, 6)          # half the mean square of differences
    0.5
    """

    estimate: float
    """Summed over outputs."""
    standard_error: float
    """Of the estimate about its own expectation: what it errs by on average is not in it."""
    direction: Direction
    """"upper": never below sigma² in expectation; "lower": never above; "either": unknown."""
    method: str
    explanation: str
    """The expectation, in words."""


def rice(
    x: Num[HostOrDevice, "n features"], y: Num[HostOrDevice, "n out"], *, measured_apart: bool = False
) -> NoiseEstimate:
    """Half the mean square of differences of labels that are neighbours in x (Rice, 1984).

        sum_i |y_{i+1} - y_i|² / (2 (n - 1)),   expectation sigma² + sum_i |f_{i+1} - f_i|² / (2 (n - 1))

    Rows of equal x are replicates: they come in a random order, and their differences are noise alone. Inputs that differ in their
    last digits alone, such as 2.0000001 for 2, are replicates once they are rounded: do so first, as their order may be that of
    the labels.

    Raises:
        ValueError: more than one feature, fewer than two rows, shapes that do not fit, NaN or infinity.

    >>> x, y = np.arange(4.0)[:, None], np.array([[1.0], [3.0], [1.0], [3.0]])
    >>> round(rice(x, y).estimate, 12)
    2.0
    """
    rows = _sorted_by_input(x, y, at_least=2, measured_apart=measured_apart)
    labels = rows.labels
    members = _windows(len(labels), 2)
    weights = np.broadcast_to(np.array([-1.0, 1.0]) / math.sqrt(2), members.shape)
    explanation = "too large by half the mean square of f(x_{i+1}) - f(x_i), the steps of the mean between neighbours"
    return _from_pseudo_residuals(rows, members, weights, "rice", explanation)


def gasser_sroka_jennen_steinmetz(
    x: Num[HostOrDevice, "n features"], y: Num[HostOrDevice, "n out"], *, measured_apart: bool = False
) -> NoiseEstimate:
    """The mean square distance of a label from the line through its two neighbours (Gasser, Sroka & Jennen-Steinmetz, 1986).

        1/(n - 2) sum_i |a_i y_{i-1} + b_i y_{i+1} - y_i|² / (a_i² + b_i² + 1),
        a_i = (x_{i+1} - x_i) / (x_{i+1} - x_{i-1}),  b_i = 1 - a_i

    which is 2/3 mean |y_{i-1}/2 + y_{i+1}/2 - y_i|² at equal spacing. Unbiased for every straight line, whatever the spacing.
    Rows of equal x are replicates: three in a row have a_i = 1/2.

    Raises:
        ValueError: more than one feature, fewer than three rows, shapes that do not fit, NaN or infinity.

    >>> x, y = np.array([[0.0], [1.0], [4.0]]), np.array([[5.0], [7.0], [13.0]])     # a straight line
    >>> gasser_sroka_jennen_steinmetz(x, y).estimate
    0.0
    """
    rows = _sorted_by_input(x, y, at_least=3, measured_apart=measured_apart)
    inputs, labels = rows.inputs[:, 0], rows.labels
    members = _windows(len(labels), 3)
    left, middle, right = inputs[members].T
    span = right - left
    first = np.where(span > 0, (right - middle) / np.where(span > 0, span, 1), 0.5)
    weights = np.stack([first, -np.ones_like(first), 1 - first], axis=1)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    explanation = "too large by the mean square of the mean's distance from its own chords, zero for a straight line"
    return _from_pseudo_residuals(rows, members, weights, "gasser_sroka_jennen_steinmetz", explanation)


def hall_kay_titterington(
    x: Num[HostOrDevice, "n features"], y: Num[HostOrDevice, "n out"], *, measured_apart: bool = False
) -> NoiseEstimate:
    """The mean square of the optimal differences of three neighbours (Hall, Kay & Titterington, 1990).

        1/(n - 2) sum_i |d_0 y_i + d_1 y_{i+1} + d_2 y_{i+2}|²,   d = ((1 + √5)/4, -1/2, (1 - √5)/4) = (.809, -.5, -.309)

    Of all differences of three labels the one of smallest variance: 2.5 sigma⁴/n with Gaussian noise, against 3 for `rice` and 3.9
    for `gasser_sroka_jennen_steinmetz`. It ignores the spacing. Rows of equal x are replicates.

    Raises:
        ValueError: more than one feature, fewer than three rows, shapes that do not fit, NaN or infinity.

    >>> x, y = np.arange(3.0)[:, None], np.array([[0.0], [2.0], [0.0]])
    >>> round(hall_kay_titterington(x, y).estimate, 12)
    1.0
    """
    rows = _sorted_by_input(x, y, at_least=3, measured_apart=measured_apart)
    labels = rows.labels
    members = _windows(len(labels), 3)
    difference = np.array([(1 + math.sqrt(5)) / 4, -0.5, (1 - math.sqrt(5)) / 4])
    weights = np.broadcast_to(difference, members.shape)
    explanation = "too large by the mean square of the same differences of the mean"
    return _from_pseudo_residuals(rows, members, weights, "hall_kay_titterington", explanation)


def nearest_neighbor(
    x: Num[HostOrDevice, "n features"], y: Num[HostOrDevice, "n out"], *, measured_apart: bool = False
) -> NoiseEstimate:
    """Half the mean square difference between a label and that of the nearest other input, in any dimension.

        1/(2n) sum_i |y_i - y_{nn(i)}|²,   expectation sigma² + 1/(2n) sum_i |f(x_i) - f(x_{nn(i)})|²

    Distances are Euclidean: scale the features first. Warns beyond 4 features, where even the nearest input is far away and the
    estimate close to the variance of the labels. An equal x is the nearest of all: replicates are compared with each other.

    Source: Liitiäinen, Corona & Lendasse (2008), On nonparametric residual variance estimation.

    Raises:
        ValueError: fewer than two rows, shapes that do not fit, NaN or infinity.

    >>> x, y = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 9.0], [9.0, 8.0]]), np.array([[0.0], [2.0], [5.0], [5.0]])
    >>> round(nearest_neighbor(x, y).estimate, 12)
    1.0
    """
    rows = in_no_order_of_labels(measured_rows(x, y, at_least=2, measured_apart=measured_apart))
    inputs = rows.inputs
    check_smallest("x", inputs)  # as squared distances
    if inputs.shape[1] > LARGEST_DIMENSION:
        warnings.warn(
            f"got {inputs.shape[1]} features: beyond {LARGEST_DIMENSION} the nearest neighbour is rarely near, and the estimate "
            "mostly the variation of the mean. Project x first, or use residual() with a good smoother",
            stacklevel=2,
        )
    numbers = np.arange(len(inputs))
    # Among equal inputs a point need not come first in its own list of neighbours, or be there at all.
    from scipy.spatial import KDTree  # slow to import, and used here alone

    first, second = KDTree(inputs).query(inputs, k=2)[1].T
    members = np.stack([numbers, np.where(first == numbers, second, first)], axis=1)
    weights = np.broadcast_to(np.array([1.0, -1.0]) / math.sqrt(2), members.shape)
    explanation = "too large by half the mean square of f(x_i) - f(x_nn(i)), the steps of the mean to the nearest input"
    return _from_pseudo_residuals(rows, members, weights, "nearest_neighbor", explanation)


def residual(
    y: Num[HostOrDevice, "n out"],
    fitted: Num[HostOrDevice, "n out"],
    degrees_of_freedom: float | int,
    *,
    direction: Direction = "either",
    measured_apart: bool = False,
) -> NoiseEstimate:
    """The residual sum of squares of a fit to these very labels, over what the fit leaves free: RSS / (n - df).

    For a linear smoother, fitted = S y, the expectation is sigma² + |(I - S) f|² / (n - df) when df = 2 tr S - tr S Sᵀ. In least
    squares this is the number of parameters: "unbiased" when the model holds f, "upper" when it may not. A smaller df, such as
    the tr S of ridge regression, and a smoother chosen by these labels err downwards: hence "either" unless stated otherwise.

    Raises:
        ValueError: degrees of freedom outside 0 to n, shapes that do not fit, NaN or infinity.

    >>> y = np.array([[1.0], [3.0], [5.0]])
    >>> residual(y, np.full((3, 1), 3.0), 1, direction="upper").estimate
    4.0
    """
    if direction not in get_args(Direction):
        msg = f"direction: got {direction!r}, expected one of {', '.join(get_args(Direction))}"
        raise ValueError(msg)
    check_flag("measured_apart", measured_apart)
    fits, labels = matrices(fitted, y, at_least=2, names=("fitted", "y"))
    if fits.shape != labels.shape:
        msg = f"fitted: got shape {fits.shape} and y of shape {labels.shape}, expected one shape; nothing is broadcast"
        raise ValueError(msg)
    freedom = as_scalar(
        "degrees_of_freedom",
        degrees_of_freedom,
        expected=f"0 to less than {len(labels)}, the number of rows",
        allowed=lambda freedom: 0 <= freedom < len(labels),
        remedy="a fit that interpolates leaves nothing to see the noise by: fit less freely",
    )
    rows = Rows(fits, labels) if measured_apart else with_doubt(fits, labels)
    explanation = (
        "RSS / (n - df): too large by the misfit of the smoother, too small where df misses some of its freedom"
    )
    return _from_residuals(labels - fits, freedom, _direction(rows, direction), "residual", explanation + rows.note)


def replicates(
    x: Num[HostOrDevice, "n features"], y: Num[HostOrDevice, "n out"], *, measured_apart: bool = False
) -> NoiseEstimate:
    """The variance of labels at equal x, pooled over all x: sum_x sum_i |y_xi - mean y_x|² / sum_x (n_x - 1).

    Unbiased whatever the mean: no smoothness is asked of it. Rows whose x occurs once are left out; where the
    noise changes with x, it is that of the others.

    Raises:
        ValueError: no x occurs twice; shapes that do not fit, NaN or infinity.

    >>> x, y = np.array([[0.0], [1.0], [0.0], [7.0], [1.0]]), np.array([[1.0], [5.0], [3.0], [9.0], [5.5]])
    >>> replicates(x, y).estimate
    1.0625
    """
    rows = measured_rows(x, y, at_least=2, measured_apart=measured_apart)
    inputs, labels = rows.inputs, rows.labels
    _, group, counts = np.unique(inputs, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    if counts.max() < 2:
        apart = f" after {rows.num_copies} copies were left out" if rows.num_copies else ""
        msg = f"x: got {len(inputs)} rows of x, all different{apart}, expected an x that was measured twice. Use nearest_neighbor"
        raise ValueError(msg)
    sums = np.zeros((len(counts), labels.shape[1]))
    np.add.at(sums, group, labels)
    repeated = counts[group] > 1
    deviations = (labels - (sums / counts[:, None])[group])[repeated]
    explanation = "no bias: replicates share their mean" + rows.note
    return _from_residuals(deviations, int((counts > 1).sum()), _direction(rows, "unbiased"), "replicates", explanation)


def _direction(rows: Rows, known: Direction) -> Direction:
    """What is known of labels measured one by one, and nothing where some may be copies: these would draw every estimate down."""
    if not rows.may_hold_copies:
        return known
    return "lower" if known == "lower" else "either"


def _from_pseudo_residuals(
    rows: Rows,
    members: Int[Array, "terms k"],
    weights: Float[Array, "terms k"],
    method: str,
    explanation: str,
) -> NoiseEstimate:
    """The mean square of weighted sums of the labels that each term has as members.

    Its variance is the sum of products of deviations over all pairs of terms that share a label; at least that of independent
    terms, since squares that share a label rise and fall together.
    """
    labels = rows.labels
    squares = (np.einsum("tk,tko->to", weights, labels[members]) ** 2).sum(axis=-1)
    num_terms, size = members.shape
    from scipy import sparse  # slow to import, and used here alone

    uses = sparse.csr_array((np.ones(members.size), members.reshape(-1), np.arange(num_terms + 1) * size))
    shares = uses @ uses.T
    shares.data[:] = 1
    deviations = squares - squares.mean()
    variance = max(float(deviations @ (shares @ deviations)), float(deviations @ deviations)) / num_terms**2
    estimate = float(squares.mean())
    smallest = estimate * math.sqrt(2 / (num_terms * labels.shape[1]))  # few squares may be equal by accident
    error = max(math.sqrt(variance), smallest)
    return NoiseEstimate(estimate, error, _direction(rows, "upper"), method, explanation + rows.note)


def _from_residuals(
    residuals: Float[Array, "n out"],
    degrees_of_freedom: float | int,
    direction: Direction,
    method: str,
    explanation: str,
) -> NoiseEstimate:
    """RSS / (n - df), with the variance of squared residuals taken from themselves: 2 sigma⁴/(n - df) for Gaussian noise."""
    squares = (residuals**2).sum(axis=-1)
    free = len(squares) - degrees_of_freedom
    error = squares.std() * len(squares) / free**1.5
    estimate = float(squares.sum() / free)
    # Few squares may be equal by accident, or by symmetry; Gaussian noise has no smaller error than this.
    smallest = estimate * math.sqrt(2 / (free * residuals.shape[1]))
    return NoiseEstimate(estimate, max(float(error), smallest), direction, method, explanation)


def _windows(num_rows: int, size: int) -> Int[Array, "terms k"]:
    """Every run of `size` consecutive rows."""
    return np.arange(num_rows - size + 1)[:, None] + np.arange(size)


def _sorted_by_input(x: HostOrDevice, y: HostOrDevice, at_least: int, *, measured_apart: bool) -> Rows:
    """Rows in the order of their only feature, those of equal x in a random order."""
    rows = measured_rows(x, y, at_least, measured_apart=measured_apart)
    if rows.inputs.shape[1] != 1:
        msg = f"x: got x of shape {rows.inputs.shape}, expected (n, 1): only one feature puts rows in order; use nearest_neighbor"
        raise ValueError(msg)
    rows = in_no_order_of_labels(rows)
    order = np.argsort(rows.inputs[:, 0], kind="stable")
    return rows._replace(inputs=rows.inputs[order], labels=rows.labels[order])
