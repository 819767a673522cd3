"""Critical points of a network's loss with a high index have a high loss.

Says: Critical points with a high index have a high loss, and those of low loss are minima.
Source: S0; Dauphin et al. (2014); Bray & Dean (2007).
Textbook: Deep Learning 8.2.3; UDL 20.3.
Scope: tanh networks with one hidden layer of 5 units, three inputs, 25 examples, weight decay; a data set is the replicate. What is
    found depends on where searches begin: there is no unbiased sample of critical points.
Looks: Full looks at seeds 0 and 1 compared arms whose losses had other ranges, 8 data sets. Since a referee's reading random starts
    are cut to losses that descents reach, with smaller scales that lead there, and the second half of the sentence is CP3.
See: CP3 (the same points, low ones), CP2 (spins)
"""

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.critical_points import searches
from experiments.critical_points.matrices import name_of
from jaxdl.curvature.critical import Kind
from jaxdl.statistics import Estimate, Interval, Verdict, judge, means, rank_correlation

GRADIENT = 1e-9
FEWEST = 4
SIZES = {
    "quick": {"data_sets": 3, "descended": 48, "random": 96},
    "full": {"data_sets": 10, "descended": 192, "random": 320, "seed": 26},
    "smallest": {"data_sets": 4, "descended": 16, "random": 16},
}
CRITERION = f"""Distinct points with a gradient below {GRADIENT:g}: the mean rank correlation of index and loss over data sets is
positive (95 % t interval). Two arms: starts along descents, shown; and random starts, of which points count whose loss lies in the
range of both arms on their data set. Fewer than {FEWEST} points of a data set, or all of one index, say nothing."""

STARTS = ("along descents", "from random starts")
MATCHED = "along descents, in the common range"


def judged(lab: Lab, side: int = 1) -> Finding:
    """The rank correlation by data set, for both kinds of starts; `side` 1 counts negative eigenvalues, -1 positive ones."""
    arms = searches.ends(lab)
    points = [[searches.distinct(each, GRADIENT) for each in arm] for arm in arms]
    everywhere = [np.full(len(value), True) for value, *_ in points[0]]
    common = [[searches.within(a[0], b[0]) for a, b in zip(*pair, strict=True)] for pair in (points, points[::-1])]
    values, index = {}, {}
    for name, arm, cut in ((STARTS[0], 0, everywhere), (STARTS[1], 1, common[1]), (MATCHED, 0, common[0])):
        values[name] = [value[kept] for (value, *_), kept in zip(points[arm], cut, strict=True)]
        index[name] = [(n if side == 1 else p - n)[kept] for (_, n, p), kept in zip(points[arm], cut, strict=True)]
    both = {name: correlated(index[name], values[name]) for name in values}
    found = {name: measured(each) for name, each in both.items()}
    first, second = (judge(found[name].interval, inside=(0.0, np.inf)) for name in STARTS)
    random, matched, of_random = found[STARTS[1]], found[MATCHED], both[STARTS[1]]
    needed = (2 * of_random.std(ddof=1) / abs(random.estimate)) ** 2 if len(of_random) > 1 else np.inf
    kinds = [np.bincount(np.concatenate([each.kind for each in arm]), minlength=len(Kind)) for arm in arms]
    total = np.sum(kinds, axis=0)
    return Finding(
        what="mean rank correlation of index and loss, starts along descents",
        shown=found[STARTS[0]],
        verdict=restricted(first, second, "The critical points lie near the path of descent."),
        reading=f"Along descents {found[STARTS[0]].estimate:+.2f} over {sum(map(len, values[STARTS[0]]))} points; from random "
        f"starts {random.estimate:+.2f} ({random.interval.low:+.2f} to {random.interval.high:+.2f}) over "
        f"{sum(map(len, values[STARTS[1]]))} points of {len(of_random)} data sets"
        + (f": about {needed:.0f} would settle the sign" if second == Verdict.INCONCLUSIVE else "")
        + f". In the same range of losses points along descents have {matched.estimate:+.2f} ({matched.interval.low:+.2f} to "
        f"{matched.interval.high:+.2f}). Of all searches {total[Kind.GRADIENT_FLAT] / total.sum():.0%} ended where the gradient is "
        "flat but not zero: no critical points.",
        means="That points of low loss are minima is CP3.",
        reference={"lower bar": 0.0},
        tables={
            "Where searches ended": {"end": [name_of(kind) for kind in Kind], **dict(zip(STARTS, kinds, strict=True))},
            "Rank correlation of index and loss, by data set": {
                "starts": list(values),
                "points": [sum(map(len, each)) for each in values.values()],
                "correlations": [" ".join(f"{value:+.2f}" for value in each) for each in both.values()],
            },
        },
        figures={
            "Along descents index follows loss; from random starts, at losses that both reach, points have all indices": (
                searches.scatter({name: index[name] for name in STARTS}, {name: values[name] for name in STARTS})
            )
        },
    )


def correlated(index: list[np.ndarray], value: list[np.ndarray]) -> np.ndarray:
    """The rank correlation of every data set that has one."""
    found = [rank_correlation(a * 1.0, b) for a, b in zip(index, value, strict=True) if len(a) >= FEWEST]
    return np.array([each for each in found if np.isfinite(each)])


def measured(correlations: np.ndarray) -> Estimate:
    """Their mean; without an interval for fewer than two."""
    if len(correlations) > 1:
        return means(correlations)
    return Estimate(float(correlations.mean()) if len(correlations) else np.nan, Interval(-np.inf, np.inf))


def control(lab: Lab) -> Finding:
    """The number of positive eigenvalues in place of the index."""
    return judged(lab, side=-1)
