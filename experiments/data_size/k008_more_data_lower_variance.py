"""More data lower the variance and not the bias.

Says: More data reduce the variance but not the bias.
Source: S0 and S4, on bias and variance.
Textbook: ESL 7.3, UDL 8.3.
Theory: Variance σ²p/n to first order, a slope of -1. A ridge of fixed strength λ shrinks by λ/(λ + n), k neighbours keep σ²/k.
    At random inputs bias² of least squares itself changes by the order of 1/n.
Errs: "More data reduce the variance but not the bias." (S0 and S4): True of least squares in a fixed model, to first order in
    p/n. Where the number of examples changes how closely the learner follows them (ridge of fixed strength, nearest
    neighbours, training cut short), the bias depends on it.
Scope: One curve with noise 0.3 at random inputs, 20 to 1280 examples; polynomials and four other learners.
Looks: Sizes were settled at seed 0, and a full run was made at seed 1. It tested bias² of degree 1 alone, to 5 % of itself; a
    referee then found that that of degree 3 falls by 6 % of itself. The bar is a share of the risk since, for both degrees, and
    each other learner must fail it; settled at seed 0.
See: K009 (the same ridge of fixed strength: there too more data must lower its bias²)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.book.finding import Finding, each_term, equivalent, in_words, restricted
from experiments.book.lab import Lab
from experiments.data_size import curve
from experiments.data_size.curve import Fit, N, trial_of
from jaxdl import designs, plots
from jaxdl.statistics import Verdict, judge, judge_all, log_slope, stacked

SLOPE = (-1.15, -0.85)
MARGIN = 0.01
SIZES = {
    "quick": {"runs": 2048, "others": 128},
    "full": {"runs": 32_768, "others": 2048, "seed": 26},
    "smallest": {"runs": 256, "others": 64},
}
CRITERION = f"""Least squares of degrees 1 and 3: the slope of log variance against log n lies within {SLOPE[0]} and {SLOPE[1]}
(95 % jackknife interval), and bias² changes from n = 20 to 320 by less than {MARGIN:.0%} of the risk at n = 20 (two one-sided
tests at 5 %). Restricted when this holds, and bias² of each of four other learners falls over all n by more than {MARGIN:.0%} of
its risk at n = 20 (95 % intervals, Bonferroni)."""

LEAST_SQUARES = {"degree 1": curve.polynomial(1), "degree 3": curve.polynomial(3)}
OTHERS = {
    "ridge, fixed strength": curve.fixed_ridge(),
    "random features, tuned": curve.tuned_features(40),
    "nearest neighbours": curve.nearest(10),
    "network, one pass": curve.one_pass(width=32, batch_size=20),
}
CONDITION = "To first order in p/n, where neither functions, objective per example nor steps of training depend on n."
SIXTEEN = list(N).index(16 * N[0])


def judged(lab: Lab, fixed: Mapping[str, Fit] = LEAST_SQUARES) -> Finding:
    """Two studies, one for each arm; `fixed` are the learners of which the claim is made."""
    setting = {"settings": N, "target": curve.TARGET, "dims": ("points", "out")}
    squares = lab.decompose("fixed", trial_of(fixed), designs.independent(lab["runs"], "data"), block=64, **setting)
    others = lab.decompose("others", trial_of(OTHERS), designs.independent(lab["others"], "data"), block=32, **setting)
    learners, shown = {name: (squares | others)[name] for name in [*fixed, *OTHERS]}, next(iter(fixed))

    def change(last: int, level: float = 0.95) -> Any:
        return {
            name: each.derive(lambda t: (t["bias_squared"][last] - t["bias_squared"][0]) / t["risk"][0], level=level)
            for name, each in learners.items()
        }

    slopes = {name: each.derive(lambda t: log_slope(N, t["total_variance"])) for name, each in learners.items()}
    to_first_order, in_all = change(SIXTEEN), change(-1, level=1 - 0.05 / len(OTHERS))
    variance_falls = [judge(slopes[name].interval, inside=SLOPE) for name in fixed]
    bias_stays = [equivalent(to_first_order[name], MARGIN) for name in fixed]
    of_others = {judge(in_all[name].interval, inside=(-MARGIN, np.inf)) for name in OTHERS}
    elsewhere = of_others.pop() if len(of_others) == 1 else Verdict.INCONCLUSIVE
    of_itself = {name: squares[name].bias_squared[SIXTEEN] / squares[name].bias_squared[0] - 1 for name in fixed}
    bias, variance = (each_term(learners, term) for term in ("bias_squared", "total_variance"))
    axes: Any = {"log": True, "xlabel": "training examples n"}
    return Finding(
        what=f"slope of log variance against log n, {shown}",
        shown=slopes[shown],
        verdict=restricted(judge_all([*variance_falls, *bias_stays]), elsewhere, CONDITION),
        reading=f"From n = {N[0]} to {16 * N[0]} bias² changes, as a share of the risk, by "
        f"{in_words({name: to_first_order[name] for name in fixed}, 4)}; as a share of itself by "
        + ", ".join(f"{share:+.1%} ({name})" for name, share in of_itself.items())
        + f". Over all n it changes, as a share of the risk, by {in_words({name: in_all[name] for name in OTHERS}, 2)}.",
        reference={"to first order": -1.0, "lower bar": SLOPE[0], "upper bar": SLOPE[1]},
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
