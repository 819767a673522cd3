"""More data lower the variance and not the bias.

Source: S0 and S4, on bias and variance.
Textbook: ESL 7.3, UDL 8.3.
Theory: Variance σ²p/n to first order, a slope of -1. A ridge of fixed strength λ shrinks by λ/(λ + n), k neighbours keep σ²/k.
Errs: "More data reduce the variance but not the bias." (S0 and S4): True of least squares in a fixed model. Where the number
    of examples changes how closely the learner follows them (ridge of fixed strength, nearest neighbours, training cut
    short), the bias depends on it.
Scope: One curve with noise 0.3, at 20 to 1280 examples.
Looks: The sizes of the studies were settled at seed 0; the full profile has seed 1.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.book.finding import Finding, each_term, equivalent, restricted
from experiments.book.lab import Lab
from experiments.data_size import curve
from experiments.data_size.curve import Fit, N, trial_of
from jaxdl import designs, plots
from jaxdl.statistics import Verdict, judge, judge_all, log_slope, stacked

SLOPE = (-1.15, -0.85)
MARGIN = 0.05
SIZES = {
    "quick": {"runs": 2048, "others": 256},
    "full": {"runs": 32_768, "others": 2048, "seed": 1},
    "smallest": {"runs": 256, "others": 64},
}
CRITERION = f"""Least squares of degrees 1 and 3: the slope of log variance against log n lies within {SLOPE[0]} and
{SLOPE[1]} (95 % interval by the jackknife), and bias² of degree 1, of which there is much, changes by less than {MARGIN:.0%}
over 16 times the data (two one-sided tests at 5 %). Restricted when, besides, bias² of another learner falls by more than
{MARGIN:.0%} over all n (95 % intervals, Bonferroni)."""

LEAST_SQUARES = {"degree 1": curve.polynomial(1), "degree 3": curve.polynomial(3)}
OTHERS = {
    "ridge, fixed strength": curve.fixed_ridge(20.0),
    "random features, tuned": curve.tuned_features(40),
    "nearest neighbours": curve.nearest(10),
    "network, one pass": curve.one_pass(width=32, batch_size=20),
}
CONDITION = (
    "The class of functions, and what the learner minimises over it, does not depend on n, which is many times the "
)
CONDITION += "number of parameters: least squares without a penalty here."
SIXTEEN = list(N).index(16 * N[0])


def judged(lab: Lab, fixed: Mapping[str, Fit] = LEAST_SQUARES) -> Finding:
    """Two studies, three contrasts, one verdict; `fixed` are the learners of which the claim is made."""
    setting = {"settings": N, "target": curve.TARGET, "dims": ("points", "out")}
    squares = lab.decompose("fixed", trial_of(fixed), designs.independent(lab["runs"], "data"), block=64, **setting)
    others = lab.decompose("others", trial_of(OTHERS), designs.independent(lab["others"], "data"), block=32, **setting)
    learners, shown = {name: (squares | others)[name] for name in [*fixed, *OTHERS]}, next(iter(fixed))

    def falls(terms: Mapping) -> np.ndarray:
        return terms["bias_squared"][-1] - (1 - MARGIN) * terms["bias_squared"][0]

    slopes = {name: each.derive(lambda t: log_slope(N, t["total_variance"])) for name, each in learners.items()}
    change = squares[shown].derive(lambda t: np.log(t["bias_squared"][SIXTEEN] / t["bias_squared"][0]))
    ends = {name: each.derive(falls, level=1 - 0.05 / len(OTHERS)).interval.high for name, each in others.items()}
    fallen = [name for name, high in ends.items() if high < 0]
    parts = [judge(slopes[name].interval, inside=SLOPE) for name in fixed]
    holds = judge_all([*parts, equivalent(change, np.log1p(MARGIN))])
    bias, variance = (each_term(learners, term) for term in ("bias_squared", "total_variance"))
    axes: Any = {"log": True, "xlabel": "training examples n"}
    return Finding(
        what=f"slope of log variance against log n, {shown}",
        shown=slopes[shown],
        verdict=restricted(holds, Verdict.REFUTED if fallen else Verdict.INCONCLUSIVE, CONDITION),
        reading=f"From n = {N[0]} to {16 * N[0]} bias² of {shown} changes by {np.expm1(change.estimate):+.1%}. Over all n it falls "
        f"for {', '.join(fallen) or 'no other learner'}.",
        reference={"first order": -1.0},
        tables={
            "Slopes of log variance against log n": {"learner": list(slopes), "slope": stacked(slopes.values())},
            "Bias² ± s.e.": {"n": N, **bias},
            "Variance ± s.e.": {"n": N, **variance},
        },
        figures={
            "Bias² stays for least squares, and falls for all others": plots.against(N, bias, ylabel="bias²", **axes),
            "Variance falls as 1/n for least squares; that of neighbours stays": plots.against(
                N, variance, ylabel="variance", **axes
            ),
        },
    )


def control(lab: Lab) -> Finding:
    """The same judge on a learner of which the claim is false."""
    return judged(lab, {"ridge, fixed strength": OTHERS["ridge, fixed strength"]})
