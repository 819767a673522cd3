"""Bias² falls monotonically with training time.

Says: With training time the bias falls.
Source: Lecture notes on early stopping; Ali, Kolter & Tibshirani (2019) for linear models.
Textbook: Deep Learning 7.8.
Theory: In the linear model of TT1 it falls at every step.
Scope: Digits, every fifth label wrong; 200 training digits of a pool of 1198; one width (32), Adam at one rate.
    Where wide networks pass interpolation, epoch-wise double descent (Nakkiran et al., 2020) is the place to look for a rise.
Looks: Sizes were settled at seed 0, also at full size, and a full run was made at seed 1. The criterion did not
    change. Earlier looks saw all digits; the sealed third dates from 2026-11-26.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.book.finding import Finding, each_term
from experiments.book.lab import Lab
from experiments.training_time.digits import log_times, training
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, Verdict

RISE = 0.05
SIZES = {
    "quick": {"steps": 320, "times": 25, "data": 8, "labels": 6, "init": 8, "sealed": False},
    "full": {"steps": 1000, "times": 31, "data": 16, "labels": 12, "sealed": True, "seed": 26},
    "smallest": {"steps": 80, "times": 7, "data": 4, "labels": 3, "init": 8},
}
CRITERION = f"""From each time to the next, and from each to the end, bias² rises by no more than {RISE:.0%} (95 % intervals of the
ratios, over runs and test digits, Bonferroni; the one that reaches highest is shown). Refuted when one of them lies above one."""


def judged(lab: Lab, moved: int = 0) -> Finding:
    """Ratios of bias² at two times, neighbours and any with the end."""
    result = training(lab, moved=moved)
    times = log_times(lab["steps"], lab["times"])
    level = 1 - 0.05 / (2 * (len(times) - 1))

    def ratios(t: Mapping[Any, np.ndarray]) -> np.ndarray:
        bias = t["bias_squared"]
        return np.concatenate([bias[1:] / bias[:-1], bias[-1:] / bias[:-1]])

    found = result.derive(ratios, level=level)
    low, high = map(np.asarray, found.interval)
    worst = int(np.argmax(high))
    verdict = Verdict.INCONCLUSIVE
    if np.max(low) > 1:
        verdict = Verdict.REFUTED
    elif high[worst] <= 1 + RISE:
        verdict = Verdict.SUPPORTED
    bias = result.bias_squared
    return Finding(
        what="ratio of bias² at a later and an earlier time, the one that reaches highest",
        shown=Estimate(float(found.estimate[worst]), Interval(float(low[worst]), float(high[worst]))),
        verdict=verdict,
        reading=f"Bias² falls from {bias[0]:.3f} to {bias[-1]:.4f}; {int((found.estimate > 1).sum())} of {found.estimate.size} "
        f"ratios are above one, and the largest is {found.estimate.max():.3f}.",
        ends="family-wise 95 % interval",
        reference={"bar": 1 + RISE},
        tables={"Bias² ± s.e.": {"steps": times, **each_term({"bias²": result}, "bias_squared")}},
        figures={
            "Bias² along training": plots.against(
                times, each_term({"bias²": result}, "bias_squared"), log_x=True, xlabel="training steps", ylabel="bias²"
            )
        },
    )


def control(lab: Lab) -> Finding:
    """Labels that are all moved to the next class, while the target stays: training leads away from it."""
    return judged(lab, moved=1)
