"""A fitted learning curve predicts the risk of more data, and better than its last point does.

Says: Whether more data are worth it shows on a learning curve on a logarithmic axis; small additions do not show.
Source: S1, on whether to gather more data. On shapes of curves: Viering & Loog (2022).
Textbook: Deep Learning 11.3.
Theory: Nominal coverage is 0.9. Exponents are 1 to first order for parametric learners, and larger at small n, where the variance
    is σ²p/(n - p). From n = 80 on risk x p/80 is left to fall: 0.008 for a line, two s.e. of a risk on 10,000 labels.
Scope: One curve with noise 0.3; sizes 10 to 80, and 1280; least squares, and random features with a penalty tuned on 100 more.
Looks: Sizes were settled at seed 0, and a full run was made at seed 1, on curves from 20 to 320 alone: they were nearly flat, and a
    constant covered as often. Smaller sizes and the constant came then; a look at seed 0, with 200 curves, saw the constant win.
    A logarithmic axis is tested no more, and small additions are DS1. After the verdict "that still falls" left the sentence.
See: DS1 (what does not show at these sizes)
"""

from collections.abc import Mapping

import numpy as np

from experiments.book.finding import Finding, in_words, restricted
from experiments.book.lab import Lab
from experiments.data_size.curve import Fit, line_then_cubic, polynomial, tuned_features
from experiments.data_size.forecasts import LEVEL, cross_validated, forecasts, risks_of, score_ratio
from jaxdl import designs, plots
from jaxdl.statistics import Verdict, judge, judge_all, share, stacked

COVERAGE = 0.85
RATIO = 1.0
SIZES = {
    "quick": {"curves": 32, "repeats": 10, "resamples": 100},
    "full": {"curves": 500, "resamples": 300, "seed": 26},
    "smallest": {"curves": 20, "repeats": 6, "resamples": 40},
}
CRITERION = f"""Of all curves E(n) = a + b n^-c, fitted to n = 10 to 80, the {LEVEL:.0%} predictive interval holds the risk then
measured at n = 1280 in at least {COVERAGE:.0%} (Wilson), and the interval score, summed over curves, is less than {RATIO:g} times
that of an interval around the risk at n = 80 (bootstrap over curves; the largest ratio is shown). Intervals of 95 %, Bonferroni
over learners. Two arms: the folds of one pool of 100, and then of 1600, as in practice; and sets of its own for each n. Restricted
when it holds for the latter and fails for a pool."""

FITTED, LAST = np.array([10.0, 20.0, 40.0, 80.0]), 1280
OWN = {"degree 1": polynomial(1), "degree 3": polynomial(3), "random features, tuned": tuned_features(40)}
OWN_SETS = "Each n has training and test sets of its own, many times as many examples as the largest n."


def judged(lab: Lab, own: Mapping[str, Fit] = OWN) -> Finding:
    """Curves from the folds of one pool, and curves whose sizes have training sets of their own."""
    sizes = np.array([*FITTED, LAST]).astype(int)
    pools = {"size": sizes, "pool": np.array([100] * len(FITTED) + [1600])}
    pooled = {name: fit for name, fit in own.items() if name != "random features, tuned"}
    curves, repeats, resamples = lab["curves"], lab["repeats"], lab["resamples"]
    runs = lab.run("curves", risks_of(own), designs.independent(curves * repeats, "data"), settings=sizes, block=64)
    folds = lab.run("pools", cross_validated(pooled), designs.independent(curves, "data"), settings=pools, block=32)
    found = {
        f"{name}, one pool": each for name, each in forecasts(folds.outputs, FITTED, LAST, curves, resamples).items()
    }
    found |= {
        f"{name}, own sets": each for name, each in forecasts(runs.outputs, FITTED, LAST, curves, resamples).items()
    }

    level = 1 - 0.05 / len(found)
    covered = {name: share(each.covered, level=level) for name, each in found.items()}
    ratios = {name: score_ratio(each, level, lab["seed"]) for name, each in found.items()}
    parts = {
        name: judge_all(
            [judge(covered[name].interval, inside=(COVERAGE, 1.0)), judge(ratios[name].interval, inside=(0.0, RATIO))]
        )
        for name in found
    }
    of_own, of_pools = (judge_all([parts[name] for name in found if kind in name]) for kind in ("own sets", "one pool"))
    worst = max(ratios, key=lambda name: float(ratios[name].estimate))
    better = [name for name, part in parts.items() if part == Verdict.SUPPORTED]
    return Finding(
        what=f"interval score of the curve relative to that of its last point, {worst}",
        shown=ratios[worst],
        verdict=restricted(of_own, of_pools, OWN_SETS),
        reading=f"Score of the curve relative to its last point: {in_words(ratios, 2)}. Coverage: {in_words(covered, 2)}. Both "
        f"hold for {', '.join(better) or 'none'}.",
        means="What is left to fall must exceed the error of the last point, or a fitted curve adds nothing but its own error.",
        reference={"bar": RATIO},
        ends="family-wise 95 % interval",
        tables={
            f"What curves fitted to n = 10 to 80 predict at {LAST}": {
                "learner": list(found),
                "covered": stacked(covered.values()),
                "score relative to the last point": stacked(ratios.values()),
                "measured": [each.means[-1].mean() for each in found.values()],
                "predicted (median)": [np.median(each.predicted) for each in found.values()],
            }
        },
        figures={
            "Interval score of fitted curves: worse than that of the last point, right of the line": plots.rows(
                list(found), {"score": stacked(ratios.values())}, levels={"as good": RATIO}, log=True,
                xlabel="interval score relative to that of the last point",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A learner that changes its class once it has 1000 examples, which no curve of smaller sizes can tell."""
    return judged(lab, {"a line, then a cubic": line_then_cubic(1000)})
