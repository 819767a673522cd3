"""What bootstrap replicates of one data set tell about a bagged predictor and about the rows that each replicate leaves out."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Num

from jaxdl.admission import as_numbers
from jaxdl.decomposition.doubles import check_finite, check_largest, check_smallest, finite_doubles
from jaxdl.decomposition.estimates import jackknife_variance
from jaxdl.narrowing import as_type

Array = np.ndarray
HostOrDevice = np.ndarray | jax.Array
NUM_GROUPS = 32


class InfinitesimalJackknife(NamedTuple):
    """The variance of a bagged predictor over fresh data sets, at each point.

    >>> InfinitesimalJackknife(np.array([0.2]), np.array([0.1])).bias_corrected
    array([0.1])
    """

    variance: Float[Array, " points"]
    """With the noise of B replicates: too large by about n/B times the variance over replicates."""
    bias_corrected: Float[Array, " points"]
    """Without it; may be negative."""


def infinitesimal_jackknife(
    counts: Num[HostOrDevice, "B n"], predictions: Num[HostOrDevice, "B points"]
) -> InfinitesimalJackknife:
    """The sampling variance of the mean of B bootstrap predictors t_b, with no training beyond the bagging itself.

        variance = sum_i Cov_i²,   Cov_i = 1/B sum_b (N_bi - 1)(t_b - mean t),
        bias_corrected = variance - n/B² sum_b (t_b - mean t)²

    where N_bi counts row i in replicate b. As B grows, for the bagged mean of n labels both tend to (1/n²) sum_i (y_i - mean y)².

    Source: Efron (2014), Estimation and accuracy after model selection; Wager, Hastie & Efron (2014), Confidence intervals for
    random forests.

    Args:
        counts: how often each row of the data set occurs in each replicate: the weights of `bootstrap(..., as_weights=True)`.
        predictions: of each replicate's predictor.

    Raises:
        ValueError: fewer than two replicates; rows of counts that do not sum to n, so that they are not bootstrap draws.

    >>> counts, labels = np.array([[2, 0], [1, 1], [1, 1], [0, 2]]), np.array([1.0, 3.0])      # all draws of two rows
    >>> infinitesimal_jackknife(counts, counts @ labels[:, None] / 2).variance
    array([0.5])
    """
    drawn, values = finite_doubles("counts", counts), finite_doubles("predictions", predictions)
    if (
        drawn.ndim != 2
        or values.ndim != 2
        or len(drawn) != len(values)
        or len(drawn) < 2
        or 0 in drawn.shape + values.shape
    ):
        msg = f"counts: got shape {drawn.shape} and predictions of shape {values.shape}, expected (B, n) and (B, points), B >= "
        msg += "2; a single point becomes a column by [:, None]"
        raise ValueError(msg)
    num_replicates, num_rows = drawn.shape
    if (drawn < 0).any() or not np.allclose(drawn.sum(axis=1), num_rows):
        totals = drawn.sum(axis=1)
        msg = f"counts: got numbers down to {drawn.min():g} that sum to {totals.min():.6g} to {totals.max():.6g} in a row, "
        msg += f"expected {num_rows}: n rows drawn from n; other resampling has another correction"
        raise ValueError(msg)
    centred = values - values.mean(axis=0)
    covariances = (drawn - 1).T @ centred / num_replicates
    variance = (covariances**2).sum(axis=0)
    excess = num_rows / num_replicates**2 * (centred**2).sum(axis=0)
    return InfinitesimalJackknife(variance, variance - excess)


class OutOfBag(NamedTuple):
    """The squared error at rows of a data set, each judged by the runs that left it out; arrays by term.

    The terms `"bias_squared_plus_noise"`, `"total_variance"` and `"risk"` are those of a `Decomposition`, raw: over draws from
    this data set, whose law is that of `data.resampling.bag`.

    >>> rng = np.random.default_rng(0)
    >>> found = out_of_bag(rng.normal(size=(200, 30, 1)), rng.random((200, 30)) < 0.368, np.zeros((30, 1)))
    >>> sorted(found.estimates)
    ['bias_squared_plus_noise', 'risk', 'total_variance']
    """

    estimates: dict[str, float]
    standard_errors: dict[str, float]
    """Over draws; of terms that involve labels, also over rows taken as test points drawn anew with their labels."""
    per_point: dict[str, Float[Array, " n"]]
    replicates: dict[str, Float[Array, " groups"]]
    """The estimates with one of at most 32 groups of runs left out."""


def out_of_bag(
    predictions: Num[HostOrDevice, "runs n out"],
    left_out: Bool[HostOrDevice, "runs n"],
    labels: Num[HostOrDevice, "n out"],
) -> OutOfBag:
    """Bias² + noise, variance and risk at the rows of one data set, where runs count for the rows that they did not see.

    With K_i runs f that left row i out,

        bias² + noise = mean over pairs of <f - y_i, f' - y_i>,   risk = mean |f - y_i|²,   variance = risk - (bias² + noise),

    averaged over rows, each term unbiased for what infinitely many draws would give. Standard errors as in `Decomposition`.

    Args:
        predictions: of every run at every row; those at rows that the run has seen are ignored, and may be NaN.
        left_out: whether a run did not see a row.
        labels: of the rows.

    Raises:
        ValueError: shapes that do not fit, NaN or infinity at rows that were left out; fewer than three runs or two rows; a row
            left out by fewer than two runs once any of the groups of runs is gone. About 3 runs in 8 leave a row out, so that 50
            are plenty.

    >>> rng = np.random.default_rng(0)
    >>> left_out = rng.random((200, 30)) < 0.368
    >>> result = out_of_bag(rng.normal(size=(200, 30, 1)), left_out, np.zeros((30, 1)))       # pure variance, 1
    >>> abs(result.estimates["total_variance"] - 1) < 4 * result.standard_errors["total_variance"]
    True
    """
    values, truth = (
        as_type("predictions", as_numbers("predictions", predictions), np.float64),
        finite_doubles("labels", labels),
    )
    mask = as_numbers("left_out", left_out)
    if values.ndim != 3 or mask.dtype != bool or mask.shape != values.shape[:2] or truth.shape != values.shape[1:]:
        msg = (
            f"predictions: got shape {values.shape}, left_out of shape {mask.shape} and dtype {mask.dtype}, and labels of shape "
            f"{truth.shape}, expected (runs, n, out), bool (runs, n) and (n, out); add an axis by [..., None], or "
            "left_out.astype(bool)"
        )
        raise ValueError(msg)
    num_runs = len(values)
    if num_runs < 3 or len(truth) < 2:
        msg = f"predictions: got {num_runs} runs and {len(truth)} rows, expected 3 and 2 at least, and 50 runs or more so that "
        msg += "several leave each row out; add runs"
        raise ValueError(msg)
    check_finite("predictions", values[mask])
    check_largest("predictions", values[mask])
    check_smallest("predictions", values[mask], truth)
    errors = np.where(mask[..., None], values - truth, 0)
    group = np.arange(num_runs) % NUM_GROUPS

    def by_group(array: Float[Array, "runs *rest"]) -> Float[Array, "groups *rest"]:
        return np.stack([array[group == index].sum(axis=0) for index in range(min(NUM_GROUPS, num_runs))])

    counts, sums = by_group(mask.astype(np.float64)), by_group(errors)
    squares = by_group((errors**2).sum(axis=-1))
    rest = counts.sum(axis=0) - counts
    if rest.min() < 2:
        row = int(rest.min(axis=0).argmin())
        msg = f"left_out: got row {row} left out by {int(counts[:, row].sum())} of {num_runs} runs, expected enough to tell "
        msg += "variance from bias; add runs"
        raise ValueError(msg)
    per_point = _terms(counts.sum(0), sums.sum(0), squares.sum(0))
    deleted = _terms(rest, sums.sum(0) - sums, squares.sum(0) - squares)
    replicates = {term: array.mean(axis=-1) for term, array in deleted.items()}
    variances = {term: float(jackknife_variance(each[:, None])[0]) for term, each in replicates.items()}
    for term in ("bias_squared_plus_noise", "risk"):
        variances[term] += float(per_point[term].var()) / (len(truth) - 1)
    return OutOfBag(
        {term: float(points.mean()) for term, points in per_point.items()},
        {term: float(np.sqrt(variance)) for term, variance in variances.items()},
        per_point,
        replicates,
    )


def _terms(
    counts: Float[Array, "*groups n"], sums: Float[Array, "*groups n out"], squares: Float[Array, "*groups n"]
) -> dict[str, Float[Array, "*groups n"]]:
    pairs = ((sums**2).sum(axis=-1) - squares) / (counts * (counts - 1))
    risk = squares / counts
    return {"bias_squared_plus_noise": pairs, "total_variance": risk - pairs, "risk": risk}
