"""Most eigenvalues of a network's Hessian lie near zero, and the more the longer it trains.

Source: Sagun et al. (2016).
Scope: One hidden layer of 16 tanh units; the first 500 digits, ten classes, pixels as they are.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.digits import layers
from jaxdl import plots
from jaxdl.statistics import judge, judge_all, means

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE = 0.5
SIZES = {
    "quick": {"times": (0, 60, 600), "networks": 4, "probes": 2},
    "full": {"times": (0, 20, 60, 200, 600), "networks": 12, "probes": 8, "seed": 1},
    "smallest": {"times": (0, 600), "networks": 4, "probes": 2},
}
CRITERION = f"""Ten classes: at the end of training more than {SHARE:.0%} lie within 1 % of the largest, and more than at the start
(95 % t intervals over networks, of the share and of its growth)."""


def judged(lab: Lab, *, backwards: bool = False) -> Finding:
    """The share at the end and its growth, by the spectral density of each network; `backwards` exchanges end and start."""
    outputs = layers(lab).outputs
    bulk, low = outputs["bulk"].astype(float), outputs["bulk_low"].astype(float)
    first, last = (-1, 0) if backwards else (0, -1)
    share, growth = means(bulk[:, last]), means(bulk[:, last] - bulk[:, first])
    return Finding(
        what="share of the eigenvalues within 1 % of the largest, at the end of training",
        shown=share,
        verdict=judge_all([judge(share.interval, inside=(SHARE, 1.0)), judge(growth.interval, inside=(0.0, np.inf))]),
        reading=f"The share goes from {bulk[:, first].mean():.0%} to {bulk[:, last].mean():.0%}; for the directions probed, "
        f"quadrature guarantees at least {low[:, last].mean():.0%}. The largest eigenvalue itself goes from "
        f"{outputs['whole'][:, first, 0].mean():.2f} to {outputs['whole'][:, last, 0].mean():.2f}.",
        reference={"bar": SHARE},
        tables={
            "Means over networks ± s.e.": {
                "steps": lab["times"],
                "within 1 % of the largest": means(bulk.T),
                "of the directions probed, at least": means(low.T),
                **{f"eigenvalue {rank}": means(outputs["whole"][:, :, rank - 1].T) for rank in (1, 10, 11)},
                "smallest": means(outputs["smallest"].T),
            }
        },
        figures={
            "The bulk and the outliers along training: density of the spectrum, mean over networks, smoothed": densities(
                lab["times"], outputs["nodes"], outputs["weights"]
            )
        },
    )


def densities(
    times: Sequence[int], nodes: Float[np.ndarray, "networks times *probes"], weights: Float[np.ndarray, "..."]
) -> "Figure":
    """Quadrature nodes as normal kernels, a line for each time."""
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    for time, steps in enumerate(times):
        x, w = (values[:, time].ravel().astype(float) for values in (nodes, weights))
        width = np.ptp(x) / 100
        grid = np.linspace(x.min() - 4 * width, x.max() + 4 * width, 600)
        kernels = np.exp(-(((grid[:, None] - x[None, :]) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        axes.semilogy(grid, kernels @ w / len(nodes), linewidth=1.2, label=f"{steps} steps")
    axes.set_ylim(bottom=1e-5)
    axes.set(xlabel="eigenvalue", ylabel="density")
    axes.legend(fontsize="small")
    return figure


def control(lab: Lab) -> Finding:
    """The same trainings read backwards."""
    return judged(lab, backwards=True)
