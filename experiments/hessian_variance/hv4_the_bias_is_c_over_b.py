"""For large batches the bias of a minibatch's largest eigenvalue is c / B, with c from the spread of the examples' Hessians.

Says: The largest eigenvalue of a batch's Hessian exceeds that of all data by a term of order 1 / B.
Source: Second-order perturbation theory; Granziol, Zohren & Roberts (2022) for isotropic noise.
Textbook: Wainwright, High-Dimensional Statistics, chapter 8.
Theory: The ratio tends to 1 as B grows; c is the sum over eigenvectors j of Var(u_j · H_i u) / (l - l_j).
Scope: Small tanh networks on digits, after a short training; the interval is over minibatches, for the average of the
    networks at hand; the margin is not judged of single ones.
Looks: Earlier full looks at seeds 0 and 1 saw all digits, with 96 batches and a margin of 0.8 to 1.25. The sealed third dates from
    2026-11-26.
See: HV3 (its sign)
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_variance import minibatches
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, judge, mean_interval, means

AGREEMENT = (0.9, 1.1)
SIZES = {
    "quick": {
        "networks": 2, "units": 8, "steps": 100, "batch_sizes": (16, 64, 256, 1024), "batches": 24, "sealed": False
    },
    "full": {"networks": 4, "batches": 384, "sealed": True, "seed": 26},
    "smallest": {"networks": 2, "units": 2, "steps": 3, "batch_sizes": (4, 64), "batches": 24},
}  # fmt: skip
CRITERION = f"""At the largest batch size the bias over the one predicted, averaged over networks, lies between {AGREEMENT[0]:g} and
{AGREEMENT[1]:g} (two one-sided t tests at 5 % over minibatches)."""


def judged(lab: Lab, copies: int = 1) -> Finding:
    """The study of minibatches; in each, every example stands `copies` times."""
    found = minibatches.measured(lab, copies)
    ratios = (found.sizes[None, :, None] * found.excess / found.bias_slope[:, None, None]).mean(axis=0)
    single = found.sizes[None, :] * found.excess.mean(axis=2) / found.bias_slope[:, None]
    spreads = found.sampled.std(axis=2, ddof=1) / np.sqrt(found.variance_slope[:, None] / found.sizes[None, :])
    return Finding(
        what=f"bias of the largest eigenvalue at B = {found.sizes[-1]} over that predicted",
        shown=Estimate(float(ratios[-1].mean()), Interval(*map(float, mean_interval(ratios[-1])))),
        verdict=judge(mean_interval(ratios[-1], level=0.9), inside=AGREEMENT),
        reference={"lower bar": AGREEMENT[0], "upper bar": AGREEMENT[1], "limit of large batches": 1.0},
        reading="It is "
        + ", ".join(f"{row.mean():.2f} at B = {size}" for row, size in zip(ratios, found.sizes, strict=True))
        + f"; single networks stray by up to {abs(single[:, 0] - 1).max():.0%} at B = {found.sizes[0]} and "
        f"{abs(single[:, -1] - 1).max():.0%} at the largest.",
        tables={
            "Measured over predicted": {
                "B": found.sizes,
                "bias, ± s.e.": means(ratios),
                "standard deviation, mean of networks": spreads.mean(axis=0).round(3),
            }
        },
        figures={
            "The bias over c / B tends to one as batches grow": plots.against(
                found.sizes, {"mean of networks": means(ratios)}, xlabel="examples in the minibatch B",
                ylabel="bias over the one predicted", levels={"limit": 1.0},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Minibatches in which every example stands four times: they hold a quarter of the examples, and have four times the bias."""
    return judged(lab, copies=4)
