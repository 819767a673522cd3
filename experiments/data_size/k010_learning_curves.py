"""A learning curve on a logarithmic axis predicts the risk of more data; small additions do not show.

Source: S1, on whether to gather more data.
Textbook: Deep Learning 11.3.
Theory: Nominal coverage is 0.9. Exponents are 1 to first order for parametric learners, and larger at small n, where the variance
    is σ²p/(n - p).
Scope: One curve with noise 0.3; sizes 20 to 320, and 1280.
Looks: The sizes of the studies were settled at seed 0; the full profile has seed 1.
"""

from collections.abc import Mapping

import numpy as np

from experiments.book.finding import Finding, in_words, restricted
from experiments.book.lab import Lab
from experiments.data_size.curve import Fit, line_then_cubic, polynomial, tuned_features
from experiments.data_size.forecasts import cross_validated, detected, forecasts, risks_of
from jaxdl import designs, plots
from jaxdl.statistics import Estimate, Verdict, judge, judge_all, share, stacked

COVERAGE = 0.85
UNDETECTED = 0.8
SIZES = {
    "quick": {"curves": 40, "repeats": 10, "resamples": 200},
    "full": {"curves": 1000, "resamples": 300, "seed": 1},
    "smallest": {"curves": 20, "repeats": 6, "resamples": 40},
}
CRITERION = f"""Of all curves E(n) = a + b n^-c, fitted to n = 20 to 320, the 90 % predictive interval holds the risk then
measured at n = 1280 in at least {COVERAGE:.0%}, and 21 instead of 20 examples go unnoticed by a test at 5 % in at least
{UNDETECTED:.0%}, for each of three learners (Wilson 95 % intervals, Bonferroni; the worst coverage is shown). Restricted when it
holds for some and fails for others, or fails for curves of one pool."""

FITTED, MORE, LAST = np.array([20.0, 40.0, 80.0, 160.0, 320.0]), 21, 1280
OWN = {"degree 1": polynomial(1), "degree 3": polynomial(3), "random features, tuned": tuned_features(40)}
POWER_LAW = "Learners whose risk is a power law of n already at the smallest n"
OWN_SETS = "Each n has training and test sets of its own: folds of one pool share their errors."


def judged(lab: Lab, own: Mapping[str, Fit] = OWN) -> Finding:
    """Curves whose sizes have training sets of their own, and curves from the folds of one pool."""
    sizes = np.array([*FITTED, MORE, LAST]).astype(int)
    pools = {"size": np.array([*FITTED, LAST]).astype(int), "pool": np.array([400] * len(FITTED) + [1600])}
    pooled = {name: fit for name, fit in own.items() if name != "random features, tuned"}
    curves, repeats, resamples = lab["curves"], lab["repeats"], lab["resamples"]
    runs = lab.run("curves", risks_of(own), designs.independent(curves * repeats, "data"), settings=sizes, block=64)
    folds = lab.run("pools", cross_validated(pooled), designs.independent(curves, "data"), settings=pools, block=32)
    of_own = forecasts(runs.outputs, FITTED, LAST, curves, resamples)
    of_pools = forecasts(folds.outputs, FITTED, LAST, curves, resamples)

    level = 1 - 0.05 / (2 * len(own))
    covered = {name: share(each.covered, level=level) for name, each in of_own.items()}
    of_pool = {name: share(each.covered, level=level) for name, each in of_pools.items()}
    unseen = {name: share(~detected(each, len(FITTED), repeats), level=level) for name, each in of_own.items()}
    parts = {name: judge_all([_at_least(covered[name], COVERAGE), _at_least(unseen[name], UNDETECTED)]) for name in own}
    good = [name for name, part in parts.items() if part == Verdict.SUPPORTED]
    if good and Verdict.REFUTED in parts.values():
        rest = judge_all([part for name, part in parts.items() if name not in good])
        verdict = restricted(Verdict.SUPPORTED, rest, f"{POWER_LAW}: here {', '.join(good)}.")
    else:
        pool = judge_all([_at_least(each, COVERAGE) for each in of_pool.values()])
        verdict = restricted(judge_all(list(parts.values())), pool, OWN_SETS)
    shown = min(covered, key=lambda name: covered[name].estimate)
    rows = {f"{name}, own sets": each for name, each in of_own.items()}
    rows |= {f"{name}, one pool": each for name, each in of_pools.items()}
    shares = {"covered": stacked(share(each.covered) for each in rows.values())}
    return Finding(
        what=f"share of 90 % intervals that hold the risk at n = {LAST}, {shown}",
        shown=covered[shown],
        verdict=verdict,
        reading=f"Coverage: {in_words(covered)}; by cross-validation of one pool: {in_words(of_pool)}. Five per cent more data go "
        f"unnoticed: {in_words(unseen)}.",
        reference={"bar": COVERAGE, "nominal": 0.9},
        tables={
            f"What curves fitted to n = 20 to 320 predict at {LAST}": {
                "learner": list(rows),
                **shares,
                "measured": [each.means[-1].mean() for each in rows.values()],
                "predicted (median)": [np.median(each.predicted) for each in rows.values()],
                "exponent": [np.median(each.exponents) for each in rows.values()],
            }
        },
        figures={
            "How often the 90 % interval holds what is then measured": plots.rows(
                list(rows), shares, xlabel="share of curves (Wilson 95 %)", levels={"nominal": 0.9, "bar": COVERAGE}
            )
        },
    )


def control(lab: Lab) -> Finding:
    """A learner that changes its class once it has 1000 examples, which no curve of smaller sizes can tell."""
    return judged(lab, {"a line, then a cubic": line_then_cubic(1000)})


def _at_least(share: Estimate, bar: float) -> Verdict:
    return judge(share.interval, inside=(bar, 1))
