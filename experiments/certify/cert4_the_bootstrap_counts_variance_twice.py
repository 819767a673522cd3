"""Bootstrapping one data set, as mlxtend does, counts the variance twice: its loss is too large by about one variance.

Source: mlxtend 0.25, evaluate.bias_variance_decomp.
Theory: Exactly (n - 1)/n variances for the sample mean; one to first order in p/n for smooth learners, more at finite n.
Scope: Least squares without intercept, 5 Gaussian inputs, 50 rounds.
Looks: Judged before at seed 0 by an interval above a half, at n = 30 alone, where it was 1.107 [1.074, 1.140].
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from experiments.book.finding import Finding, judge_each
from experiments.book.lab import Lab
from experiments.certify.bootstrap import NUM_FEATURES, by_formulas, exact, on_fresh_data
from jaxdl import designs, plots
from jaxdl.ensembles import on_host
from jaxdl.statistics import means, stacked

SAMPLES = (30, 60, 240)
EXCESS = (0.75, 1.25)
SIZES = {"quick": {"sets": 300}, "full": {"sets": 4000, "seed": 26}, "smallest": {"sets": 100}}
CRITERION = f"""(loss - exact risk) / exact variance, over data sets of n = {SAMPLES} examples, lies within {EXCESS} for each n
(95 % intervals, Bonferroni; the smallest n is shown)."""


def judged(lab: Lab, formulas: Callable[..., Any] = by_formulas) -> Finding:
    """A run is one data set with its labels; the excess goes over data sets."""

    def trial(count: int) -> Any:
        return on_host(
            lambda seeds: formulas(count, jax.random.key(seeds["data"])), name=f"{formulas.__name__}, n = {count}"
        )

    design = designs.independent(lab["sets"], "data")
    found = {count: lab.run(f"{formulas.__name__} {count}", trial(count), design) for count in SAMPLES}
    level = 1 - 0.05 / len(SAMPLES)
    truth = {count: exact(count) for count in SAMPLES}
    excess = [
        means((np.asarray(runs.outputs)[:, 0] - truth[count]["risk"]) / truth[count]["total_variance"], level=level)
        for count, runs in found.items()
    ]
    loss, printed, spread = np.asarray(found[SAMPLES[0]].outputs).mean(axis=0)
    of_first = truth[SAMPLES[0]]
    noise = of_first["risk"] - of_first["bias_squared"] - of_first["total_variance"]
    return Finding(
        what=f"excess of the loss over the exact risk in exact variances, n = {SAMPLES[0]}",
        shown=excess[0],
        verdict=judge_each(stacked(excess).interval, inside=EXCESS),
        reading=f"At n = {SAMPLES[0]} it prints loss {loss:.3f} = bias {printed:.3f} + variance {spread:.3f}, where "
        f"{of_first['risk']:.3f} = bias² {of_first['bias_squared']:.3f} + variance {of_first['total_variance']:.3f} + noise "
        f"{noise:.3f} is exact. The excess is " + ", ".join(f"{float(each.estimate):.2f}" for each in excess)
        + f" variances at n = {', '.join(map(str, SAMPLES))}.",
        reference={"lower bar": EXCESS[0], "upper bar": EXCESS[1], "first order": 1.0},
        ends="family-wise 95 % interval",
        tables={
            "One data set, bootstrapped: the loss, and its excess over the exact risk": {
                "n": SAMPLES, "inputs": [NUM_FEATURES] * len(SAMPLES), "exact risk": [truth[n]["risk"] for n in SAMPLES],
                "loss": stacked([means(np.asarray(runs.outputs)[:, 0]) for runs in found.values()]),
                "excess in variances": stacked(excess),
            }
        },
        figures={
            "Excess of mlxtend's loss over the exact risk, in variances": plots.against(
                np.array(SAMPLES), {"bootstrap of one data set": stacked(excess)}, log=True, xlabel="examples n",
                ylabel="(loss - risk) / variance", levels={"one variance": 1.0},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The same formulas on fresh data sets."""
    return judged(lab, on_fresh_data)
