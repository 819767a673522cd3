"""The largest eigenvalue of a minibatch's Hessian is too large on average, and the less so the larger the batch.

Says: The largest eigenvalue of a batch's Hessian exceeds that of all data, by more for smaller batches.
Source: Granziol, Zohren & Roberts (2022); Jensen's inequality.
Textbook: Wainwright, High-Dimensional Statistics, chapter 8.
Theory: Two theorems for batches drawn with replacement: each batch's largest eigenvalue is at least its curvature along the vector
    of all data, which is unbiased; and the mean over batches falls with their size, since the eigenvalue is convex.
Scope: Small tanh networks on digits, after a short training; without replacement a batch of all data has no bias.
Looks: Earlier full looks at seeds 0 and 1 saw all digits. That the sign cannot fail was pointed out by a referee; the verdict is
    "exact" since. The sealed third dates from 2026-11-26.
See: HV4 (how large it is)
"""

import math

import numpy as np

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.hessian_variance import minibatches
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, judge, judge_all, mean_interval, means

SIZES = {
    "quick": {
        "networks": 2, "units": 8, "steps": 100, "batch_sizes": (16, 64, 256, 1024), "batches": 16, "sealed": False
    },
    "full": {"networks": 4, "batches": 96, "sealed": True, "seed": 26},
    "smallest": {"networks": 2, "units": 2, "steps": 3, "batch_sizes": (4, 32), "batches": 16},
}  # fmt: skip
CRITERION = """For each network: the bias falls from every batch size to the next, and is above zero at the largest, by 95 % t
intervals over the same minibatches. Both are theorems, which only a wrong program can fail. Shown is the mean relative bias at
the largest."""


def judged(lab: Lab, backwards: bool = False) -> Finding:
    """One study of all networks and batch sizes; `backwards` takes the sizes in the reverse order."""
    found = minibatches.measured(lab)
    relative = found.excess / found.value[:, None, None]
    sizes = found.sizes
    if backwards:
        relative, sizes = relative[:, ::-1], sizes[::-1]
    falls = -np.diff(relative, axis=1).reshape(-1, relative.shape[2])
    intervals = [mean_interval(row) for row in (*falls, *relative[:, -1])]
    least = min(intervals[: len(falls)], key=lambda interval: interval.low)
    bias, ratios = relative[:, -1].mean(axis=0), 1 + relative.mean(axis=(0, 2))
    by_network = {f"network {index}": means(rows) for index, rows in enumerate(relative)}
    return Finding(
        what=f"mean bias of the largest eigenvalue at B = {sizes[-1]}, relative to all data",
        shown=Estimate(float(bias.mean()), Interval(*map(float, mean_interval(bias)))),
        verdict=exact(judge_all([judge(interval, inside=(0.0, math.inf)) for interval in intervals])),
        reading="Relative to all data it is "
        + ", ".join(f"{ratio:.3g} at B = {size}" for ratio, size in zip(ratios, sizes, strict=True))
        + f"; the smallest fall has the interval {least.low:.2g} to {least.high:.2g}.",
        tables={"Bias relative to the largest eigenvalue of all data, ± s.e.": {"B": sizes, **by_network}},
        figures={
            "A minibatch is sharper than all data, and the less so the larger it is": plots.against(
                sizes, by_network, log=True, xlabel="examples in the minibatch B", ylabel="bias, relative to all data"
            )
        },
    )


def control(lab: Lab) -> Finding:
    """The same judge told the sizes in the reverse order, so that the bias rises."""
    return judged(lab, backwards=True)
