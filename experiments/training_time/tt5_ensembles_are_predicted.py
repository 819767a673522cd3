"""The components of variance predict that of ensembles over initialisations: V_D + (V_S + V_DS)/B for B members.

Says: The variance of an ensemble over initialisations is V_D + (V_S + V_DS)/B.
Source: jaxdl; the two-way analysis of variance (Fisher, 1925).
Textbook: Deep Learning 7.11, UDL 9.3.
Theory: An identity of the population.
Scope: Digits, every fifth label wrong; 200 training digits of a pool of 1198; one width (32), Adam at one rate. Both
    sides draw their training sets from the same pool, and are measured at the same 300 digits.
Looks: Sizes were settled at seed 0, also at full size, and a full run was made at seed 1. The criterion did not
    change. Earlier looks saw all digits; the sealed third dates from 2026-11-26.
"""

from typing import Any

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.training_time.digits import label_means, split, training, trial_of
from jaxdl import designs, plots
from jaxdl.decomposition import Target, ensemble_forecast, squared_error
from jaxdl.statistics import Estimate, Interval, judge, judge_all, t_interval
from jaxdl.types import Keys, Run

AGREEMENT = 0.2
MEMBERS = (1, 2, 4, 8, 16)
SIZES = {
    "quick": {"steps": 320, "times": 25, "data": 6, "labels": 6, "init": 8, "ensembles": 20, "sealed": False},
    "full": {"steps": 1000, "times": 31, "data": 16, "labels": 12, "ensembles": 64, "sealed": True, "seed": 26},
    "smallest": {"steps": 80, "times": 7, "data": 6, "labels": 4, "init": 6, "ensembles": 16},
}
CRITERION = f"""For each number of members B in {MEMBERS} the predicted variance, divided by that of ensembles built on fresh
training data, lies within {AGREEMENT:.0%} of one (95 % intervals, Bonferroni; the ratio farthest from one is shown)."""


def judged(lab: Lab, over: str = "init") -> Finding:
    """The last time of the common study, and ensembles of networks that share a training set."""
    last = trial_of(lab, (lab["steps"],))

    def member(keys: Keys) -> Run:
        trained: Any = last(designs.tied(keys, labels="data"))
        return Run(trained.outputs[0], trained.aux)

    built = lab.run("ensembles", member, designs.nested(data=lab["ensembles"], init=max(MEMBERS)))
    result = training(lab, points_are_drawn=False)  # both sides have the same
    forecast = ensemble_forecast(result.at(time=-1), over=over, sizes=MEMBERS)
    target = Target(probabilities=label_means(split(lab).test))
    means = [np.asarray(built.outputs)[:, :size].mean(axis=1) for size in MEMBERS]
    found = [squared_error(each, factors=("data",), target=target, dims=("points", "out")) for each in means]

    predicted, measured = np.asarray(forecast.variance), np.array([each.total_variance for each in found])
    errors = np.asarray(forecast.standard_errors), np.array([each.standard_errors["total_variance"] for each in found])
    ratio = predicted / measured
    parts = (ratio * errors[0] / predicted) ** 2, (ratio * errors[1] / measured) ** 2
    # Satterthwaite (1946), with the least that the prediction can have.
    freedom = sum(parts) ** 2 / (
        parts[0] ** 2 / (min(lab["data"], lab["labels"], lab["init"]) - 1) + parts[1] ** 2 / (lab["ensembles"] - 1)
    )
    ends = t_interval(ratio, np.sqrt(sum(parts)), freedom, level=1 - 0.05 / len(MEMBERS))
    rows = [Interval(float(a), float(b)) for a, b in zip(*map(np.asarray, ends), strict=True)]
    worst = int(np.abs(ratio - 1).argmax())
    of_built = Interval(*np.transpose([each.intervals["total_variance"] for each in found]))
    both = {
        "predicted": Estimate(predicted, forecast.interval, errors[0]),
        "built": Estimate(measured, of_built, errors[1]),
    }
    return Finding(
        what=f"predicted over measured variance of ensembles of {MEMBERS[worst]}",
        shown=Estimate(float(ratio[worst]), rows[worst]),
        verdict=judge_all([judge(row, inside=(1 - AGREEMENT, 1 + AGREEMENT)) for row in rows]),
        reading="Variance predicted and built: "
        + ", ".join(f"{a:.3f} and {b:.3f} of {size}" for size, a, b in zip(MEMBERS, predicted, measured, strict=True))
        + " members.",
        theory=1.0,
        ends="family-wise 95 % interval",
        tables={
            "Variance of ensembles ± s.e., and the risk of those built": {
                "members": MEMBERS, **both, "risk": [float(each.risk) for each in found],
            }
        },
        figures={
            "The variance of ensembles, predicted from single networks and built": plots.against(
                np.array(MEMBERS), both, log=True, xlabel="members", ylabel="variance"
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The prediction for averages over training sets."""
    return judged(lab, over="data")
