"""Critical points of a network's loss with a high index have a high loss.

Says: Critical points with a high index have a high loss, and those of low loss are minima.
Source: S0; Dauphin et al. (2014); Bray & Dean (2007).
Scope: tanh networks with one hidden layer of 5 units, three inputs, 25 examples, weight decay; a data set is the replicate. What is
    found depends on where searches begin: there is no unbiased sample of critical points.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since.
"""

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.critical_points import searches
from experiments.critical_points.matrices import name_of
from jaxdl.curvature.critical import Kind
from jaxdl.statistics import Estimate, Interval, judge, means, rank_correlation

GRADIENT = 1e-9
SIZES = {
    "quick": {"data_sets": 3, "descended": 64, "random": 32},
    "full": {"data_sets": 8, "descended": 384, "random": 256, "seed": 1},
    "smallest": {"data_sets": 4, "descended": 16, "random": 16},
}
CRITERION = f"""Distinct points with a gradient below {GRADIENT:g}: the mean rank correlation of index and loss over data sets is
positive (95 % t interval). Two arms: starts along descents, shown, and random starts. A data set with fewer than three distinct
points says nothing."""

STARTS = ("along descents", "from random starts")


def judged(lab: Lab, side: int = 1) -> Finding:
    """The rank correlation by data set, for both kinds of starts; `side` 1 counts negative eigenvalues, -1 positive ones."""
    found = dict(zip(STARTS, searches.ends(lab), strict=True))
    points = {name: [searches.distinct(each, GRADIENT) for each in arm] for name, arm in found.items()}
    index = {name: [count if side == 1 else size - count for _, count, size in arm] for name, arm in points.items()}
    values = {name: [value for value, *_ in arm] for name, arm in points.items()}
    correlations = {name: correlated(index[name], values[name]) for name in STARTS}
    both = {name: measured(each) for name, each in correlations.items()}
    first, second = (judge(each.interval, inside=(0.0, np.inf)) for each in both.values())
    kinds = {
        name: np.sum([np.bincount(each.kind, minlength=len(Kind)) for each in arm], axis=0)
        for name, arm in found.items()
    }
    total = np.sum(list(kinds.values()), axis=0)
    minima = np.concatenate([v[n == 0] for v, (_, n, _) in zip(values[STARTS[0]], points[STARTS[0]], strict=True)])
    random = both[STARTS[1]]
    return Finding(
        what="mean rank correlation of index and loss, starts along descents",
        shown=both[STARTS[0]],
        verdict=restricted(first, second, "The critical points lie near the path of descent."),
        reading=f"Along descents {both[STARTS[0]].estimate:+.2f} over {sum(map(len, values[STARTS[0]]))} points, {len(minima)} "
        "minima"
        + (f" of mean loss {minima.mean():.3f}" if len(minima) else "")
        + f"; from random starts {random.estimate:+.2f} ({random.interval.low:+.2f} to {random.interval.high:+.2f}) over "
        f"{sum(map(len, values[STARTS[1]]))} points. Of all searches {total[Kind.GRADIENT_FLAT] / total.sum():.0%} ended where the "
        "gradient is flat but not zero: no critical points.",
        means="That points of low loss are minima was not judged.",
        reference={"no relation": 0.0},
        tables={
            "Where searches ended": {"end": [name_of(kind) for kind in Kind], **kinds},
            "Rank correlation of index and loss, by data set": {
                "starts": STARTS,
                "distinct points": [sum(map(len, each)) for each in values.values()],
                "correlations": [" ".join(f"{value:+.2f}" for value in each) for each in correlations.values()],
            },
        },
        figures={"Index and loss of the distinct critical points of all data sets": searches.scatter(index, values)},
    )


def correlated(index: list[np.ndarray], value: list[np.ndarray]) -> np.ndarray:
    """The rank correlation of every data set that has one."""
    found = [rank_correlation(a * 1.0, b) for a, b in zip(index, value, strict=True) if len(a) > 2]
    return np.array([each for each in found if np.isfinite(each)])


def measured(correlations: np.ndarray) -> Estimate:
    """Their mean; without an interval for fewer than two."""
    if len(correlations) > 1:
        return means(correlations)
    return Estimate(float(correlations.mean()) if len(correlations) else np.nan, Interval(-np.inf, np.inf))


def control(lab: Lab) -> Finding:
    """The number of positive eigenvalues in place of the index."""
    return judged(lab, side=-1)
