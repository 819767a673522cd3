"""One-sided tests over replicates, exact where that is cheap.

Each states the direction in which it rejects; for the other one swap or negate its arguments. A replicate that is nan makes the
p-value nan.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special

from jaxdl.kinds import as_scalar
from jaxdl.statistics.intervals import as_floats


def paired_t_test(
    larger: Float[np.ndarray, " replicates"] | Any, smaller: Float[np.ndarray, " replicates"] | Any
) -> float:
    """The one-sided p-value for E[larger] > E[smaller], from the t statistic of the paired differences.

    >>> round(paired_t_test(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])), 4)
    0.0371
    """
    larger, smaller = _pairs(larger=larger, smaller=smaller)
    if not (np.isfinite(larger) & np.isfinite(smaller)).all():
        return math.nan
    differences, num_replicates = larger - smaller, len(larger)
    spread = differences.std(ddof=1)
    if spread == 0:  # a constant difference: certain, unless it is zero
        return {1.0: 0.0, 0.0: 0.5, -1.0: 1.0}[float(np.sign(differences[0]))]
    t = float(differences.mean() / spread) * math.sqrt(num_replicates)
    return float(special.stdtr(num_replicates - 1, -t))


def equivalence_test(differences: Float[np.ndarray, " replicates"] | Any, *, margin: float) -> float:
    """The p-value for |E[difference]| < margin: the larger one of two one-sided t tests, against -margin and +margin.

    A small value is evidence that no difference matters; a large p-value of `paired_t_test` is not. It is below α exactly when
    the t interval of level 1 - 2α lies inside (-margin, margin). Where it is not, `judge` of that interval distinguishes a
    difference that matters from too few replicates. For a ratio take differences of logarithms, and as margin the logarithm of
    the largest ratio that does not matter. The margin must be positive (ValueError), and fixed before the data are seen.

    Source: Schuirmann, "A comparison of the two one-sided tests procedure and the power approach" (1987).

    >>> differences = np.array([0.1, -0.2, 0.0, 0.1, -0.1])
    >>> round(equivalence_test(differences, margin=0.3), 4), round(equivalence_test(differences, margin=0.1), 4)
    (0.0043, 0.121)
    """
    expected = "the smallest difference that matters, a positive number"
    margin = as_scalar("margin", margin, expected=expected, allowed=lambda value: 0 < value < math.inf)
    differences = as_floats("differences", differences)
    if differences.ndim != 1 or len(differences) < 2:
        msg = f"differences: got shape {differences.shape}, expected (replicates,), at least 2"
        raise ValueError(msg)
    limit = np.full_like(differences, margin)
    return max(paired_t_test(differences, -limit), paired_t_test(limit, differences))


def sign_test(larger: Float[np.ndarray, " replicates"] | Any, smaller: Float[np.ndarray, " replicates"] | Any) -> float:
    """The one-sided p-value for P(larger > smaller) > 1/2, exact from the binomial; tied pairs are left out.

    >>> round(sign_test(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4)), 12)
    0.0625
    """
    larger, smaller = _pairs(larger=larger, smaller=smaller)
    if np.isnan(larger).any() or np.isnan(smaller).any():
        return math.nan
    wins, losses = int((larger > smaller).sum()), int((larger < smaller).sum())
    return float(special.bdtrc(wins - 1, wins + losses, 0.5))


def rank_correlation(x: Float[np.ndarray, " n"] | Any, y: Float[np.ndarray, " n"] | Any) -> float:
    """Spearman's ρ: the correlation of the ranks of `x` and `y`, ties sharing their mean rank; nan for a constant.

    >>> round(rank_correlation(np.arange(4.0), np.array([1.0, 10.0, 100.0, 50.0])), 6)
    0.8
    """
    x, y = _pairs(x=x, y=y)
    if np.isnan(x).any() or np.isnan(y).any():
        return math.nan
    ranks_x, ranks_y = (_ranks(values) - (len(values) + 1) / 2 for values in (x, y))
    norm = math.sqrt((ranks_x**2).sum() * (ranks_y**2).sum())
    return float((ranks_x * ranks_y).sum() / norm) if norm > 0 else math.nan


def trend_test(values: Float[np.ndarray, "replicates levels"] | Any) -> float:
    """The one-sided p-value for values that increase along the levels, within replicates: Kendall's, exact.

    The statistic is the number of pairs of levels in increasing order, summed over replicates. Without a trend every
    order of a replicate's levels is equally likely, which gives the exact law of that number. A tied pair counts
    against the trend, so that the p-value stays valid. For a single series give one replicate.

    Source: Hirsch, Slack & Smith, "Techniques of trend analysis for monthly water quality data" (1982), where
    replicates are months; Mann (1945) for one series.

    >>> round(1 / trend_test(np.array([[0.0, 1.0, 2.0, 3.0]])), 6)
    24.0
    """
    values = as_floats("values", values)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2 or np.isnan(values).any():
        what = "a nan" if np.isnan(values).any() else f"shape {values.shape}"
        msg = f"values: got {what}, expected (replicates, levels), at least 1 replicate and 2 levels, and no nan"
        raise ValueError(msg)
    num_replicates, num_levels = values.shape
    earlier, later = np.triu_indices(num_levels, k=1)
    increasing = int((values[:, earlier] < values[:, later]).sum())
    # The number of increasing pairs of a random order is a sum of independent uniforms on {0..k-1}, k = 2..levels.
    one_replicate = np.ones(1)
    for level in range(2, num_levels + 1):
        one_replicate = np.convolve(one_replicate, np.full(level, 1 / level))
    law = np.ones(1)
    for bit in f"{num_replicates:b}":  # the power by repeated squaring: all terms are positive, so no digits are lost
        law = np.convolve(law, law)
        law = np.convolve(law, one_replicate) if bit == "1" else law
    return min(1.0, float(law[increasing:].sum()))


def holm(p_values: Float[np.ndarray, " tests"] | Any) -> Float[np.ndarray, " tests"]:
    """P-values adjusted so that the chance of any false rejection stays below the level (Holm, 1979).

    One that is nan counts as a test and stays nan. Raises ValueError for numbers that are no probabilities.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(6)
    array([0.03, 0.06, 0.06])
    """
    p_values = as_floats("p_values", p_values)
    if p_values.ndim != 1 or (p_values < 0).any() or (p_values > 1).any():
        msg = f"p_values: got {p_values!r:.60}, expected shape (tests,), from 0 to 1"
        raise ValueError(msg)
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def _ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[where]


def _pairs(**values: Any) -> list[Float[np.ndarray, " replicates"]]:
    """Two named arguments as vectors of one length, at least 2."""
    first, second = (as_floats(name, value) for name, value in values.items())
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        msg = f"{next(iter(values))}: got shapes {first.shape} and {second.shape}, expected (n,) twice, of one length, at least 2"
        raise ValueError(msg)
    return [first, second]
