"""Of all layers it is the middle ones whose Hessian has the spectrum most similar to that of the whole.

Says: The Hessian eigenspectrum of middle layers is observed to be the most similar to the overall one.
Source: Sankar, Khasbage, Vigneswaran & Balasubramanian (2021).
Textbook: none.
Scope: Three hidden layers of 12 tanh units and an output; 500 digits, pixels as they are; cross-entropy, gradient descent. The
    first layer has 780 of 1222 weights, and so decides the spectrum of the whole. The source's networks are far larger, and it
    compares spectra by eye.
Looks: New on 2026-11-26. The distance was settled on four networks of the open digits, which showed the first layer nearest.
See: HS2 (the same distances)
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.layers import LAYERS, LEAST, distances
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, judge, means

MIDDLE = (1, 2)
SIZES = {
    "quick": {"times": (0, 600), "networks": 4, "sealed": False},
    "full": {"times": (0, 60, 200, 600), "networks": 16, "sealed": True, "seed": 26},
    "smallest": {"times": (0, 20), "networks": 3},
}
CRITERION = f"""At the end of training the nearest of the middle layers, places {MIDDLE} of {len(LAYERS)} from 0 on, is nearer to
the whole than the nearest of the others: the difference of their distances (HS2's, from {LEAST:g} of the largest eigenvalue on) is
below zero by the 95 % t interval over networks."""


def judged(lab: Lab) -> Finding:
    """The nearest of the middle layers against the nearest of the first and the last."""
    table = distances(lab)
    others = [place for place in range(len(LAYERS)) if place not in MIDDLE]
    differences = table[:, :, list(MIDDLE)].min(axis=2) - table[:, :, others].min(axis=2)
    end = means(differences[:, -1])
    nearest = np.bincount(table[:, -1].argmin(axis=1), minlength=len(LAYERS))
    return Finding(
        what="distance from the whole, nearest middle layer less nearest other layer",
        shown=Estimate(float(end.estimate), Interval(*map(float, end.interval))),
        verdict=judge(end.interval, inside=(-np.inf, 0.0)),
        reading="The nearest is "
        + ", ".join(f"the {name} layer in {num}" for name, num in zip(LAYERS, nearest, strict=True))
        + f" of {len(table)} networks. Before training the difference is {differences[:, 0].mean():+.3f}. The first layer has most "
        "of the weights here, and the largest eigenvalues.",
        reference={"upper bar": 0.0},
        tables={
            "Distance at the end, ± s.e.": {"layer": LAYERS, "distance": means(table[:, -1].T), "networks nearest": nearest}
        },
        figures={
            "Along training the middle layers fall behind": plots.against(
                lab["times"], {"middle less others": means(differences.T)}, log_x=True, xlabel="training steps",
                ylabel="difference of distances", levels={"as near": 0.0},
            )
        },
    )  # fmt: skip
