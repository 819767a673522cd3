"""Gradient descent on a linear model has the exact bias², variance by source and risk at every stopping time.

Says: Stopped gradient descent is a spectral filter, with the bias and variance of one.
Source: Ali, Kolter & Tibshirani (2019), for the spectral filter; the split by source is jaxdl's.
Textbook: Deep Learning 7.8.
Theory: The filter 1 - (1 - learning rate x s²/n)^t of each singular value s.
Scope: One design of inputs; stopping times of one trajectory, over independent replicates of a whole study.
Looks: Levels were settled on runs at seed 0, and a full run was made at seed 1. It asked one run for the largest of its distances
    in its own standard errors, which are of 7 terms along one path: too large errors would have passed. Independent replicates of
    the study, and a margin, took their place; settled at seed 0, where a margin of 2 % was more than quick sizes can tell.
"""

from typing import Any

import jax
import numpy as np

from experiments.book.finding import Finding, equivalent, exact
from experiments.book.lab import Lab
from experiments.training_time.digits import log_times
from jaxdl import plots, truths
from jaxdl.decomposition.derive import Derived
from jaxdl.decomposition.named_terms import label_of
from jaxdl.statistics import Estimate, Interval, judge_all, means, t_interval
from jaxdl.types import Keys

MARGIN = 0.05
STEPS = 1000
SIZES = {
    "quick": {"replicates": 32, "labels": 8, "init": 64, "times": 25},
    "full": {"replicates": 96, "labels": 16, "init": 128, "times": 50, "seed": 26},
    "smallest": {"replicates": 8, "labels": 4, "init": 32, "times": 7},
}
CRITERION = f"""At each stopping time up to {STEPS} steps, the mean of each term over independent replicates of the study is within
{MARGIN:.0%} of the risk of the exact one (two one-sided t tests over replicates at 5 % each). The farthest is shown."""

SHOWN: dict[str | tuple[str, ...], str] = {
    ("labels",): "variance: label noise",
    ("init",): "variance: start",
    "bias_squared": "bias²",
}


def judged(lab: Lab, learning_rate: float = 0.5) -> Finding:
    """The exact terms are those of the learning rate that is given, the runs those of the true one."""
    times = log_times(STEPS, lab["times"])
    study, _ = truths.stopped_descent(times=times, num_labels=lab["labels"], num_inits=lab["init"])
    _, theory = truths.stopped_descent(times=times, learning_rate=learning_rate)
    run, design = study.trial, study.design
    assert run is not None and design is not None  # noqa: PT018 - a simulated study has both

    def trial(keys: Keys, replicate: jax.Array) -> Any:
        return run({name: jax.random.fold_in(keys[name], replicate) for name in study.factors})

    result = lab.decompose(
        "replicates", trial, design, target=study.target, dims=study.dims, settings=np.arange(lab["replicates"])
    )
    found = {
        (label_of(term), time): _mean(
            (result[term][:, place] - np.broadcast_to(theory[term], len(times))[place]) / above
        )
        for term in result.estimates
        for (place, time), above in zip(enumerate(times), theory["risk"], strict=True)
    }
    worst = max(found, key=lambda place: abs(float(found[place].estimate)))
    excluded = max(float(np.abs(np.asarray(t_interval(*each[:3], level=0.9))).max()) for each in found.values())
    columns = {name: means(np.asarray(result[term]).T) for term, name in SHOWN.items()}
    exactly = {f"{name}, exact": np.broadcast_to(theory[term], len(times)) for term, name in SHOWN.items()}
    figure = plots.against(np.array(times), columns, log_x=True, xlabel="training steps", ylabel="squared error")
    for curve in exactly.values():
        figure.axes[0].plot(times, curve, color="black", linewidth=0.8, zorder=3)
    return Finding(
        what=f"difference from the exact term as a share of the risk, {worst[0]} after {worst[1]} steps",
        shown=Estimate(found[worst].estimate, t_interval(*found[worst][:3], level=1 - 0.05 / len(found))),
        verdict=exact(judge_all([equivalent(each, MARGIN) for each in found.values()])),
        reading=f"Of all terms and times none is farther from the exact one than {abs(float(found[worst].estimate)):.2%} of the "
        f"risk; errors above {excluded:.2%} are excluded. Replicates: {lab['replicates']}, each a study of its own.",
        theory=0.0,
        ends="family-wise 95 % interval",
        reference={"lower bar": -MARGIN, "upper bar": MARGIN},
        tables={"Means over replicates ± s.e., and exact": {"steps": times, **columns, **exactly}},
        figures={"Measured parts lie on the exact curves (black) at every stopping time": figure},
    )


def control(lab: Lab) -> Finding:
    """The exact terms of another learning rate."""
    return judged(lab, learning_rate=0.1)


def _mean(values: np.ndarray) -> Derived:
    found = means(values)
    freedom = np.asarray(len(values) - 1.0)
    return Derived(found.estimate, found.standard_error, freedom, Interval(*found.interval))
