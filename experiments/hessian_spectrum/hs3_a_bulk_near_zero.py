"""Most eigenvalues of a network's Hessian lie near zero, and the more the longer it trains.

Says: The spectrum is a bulk around zero and a few eigenvalues away from it.
Source: Sagun et al. (2016).
Textbook: UDL 20.3.
Scope: One hidden layer of 16 tanh units; 500 digits, ten classes, pixels as they are; networks differ in their start alone.
Looks: Earlier looks saw all digits, at seeds 0 and 1, and compared the end with the start alone. The sealed third dates from
    2026-11-26.
See: K107 (the bulk of other networks)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.digits import DESIGN_SOURCES, density_trial
from jaxdl import designs, plots
from jaxdl.statistics import judge, judge_all, means, rank_correlation, trend_test

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE = 0.5
SIZES = {
    "quick": {"times": (0, 60, 600), "networks": 3, "probes": 2, "sealed": False},
    "full": {"times": (0, 60, 200, 600), "networks": 16, "probes": 2, "sealed": True, "seed": 26},
    "smallest": {"times": (0, 40, 600), "networks": 4},
}
CRITERION = f"""Ten classes: at the end of training more than {SHARE:.0%} lie within 1 % of the largest, and the rank correlation of
their share with the training time is above zero (95 % t intervals over networks)."""


def judged(lab: Lab, *, backwards: bool = False) -> Finding:
    """The share along training, by the spectral density of each network; `backwards` reverses the times."""
    trial = density_trial(lab["sealed"], lab["times"], lab["probes"])
    outputs = lab.run("density", trial, designs.independent(lab["networks"], *DESIGN_SOURCES), block=2).outputs
    order = slice(None, None, -1 if backwards else 1)
    bulk, low, ends = (outputs[name][:, order].astype(float) for name in ("bulk", "bulk_low", "ends"))
    times = np.arange(len(lab["times"]), dtype=float)
    share, trend = means(bulk[:, -1]), means(np.array([rank_correlation(times, row) for row in bulk]))
    return Finding(
        what="share of the eigenvalues within 1 % of the largest, at the end of training",
        shown=share,
        verdict=judge_all([judge(share.interval, inside=(SHARE, 1.0)), judge(trend.interval, inside=(0.0, 1.0))]),
        reading=f"The mean share is {', '.join(f'{each:.2f}' for each in bulk.mean(axis=0))} after "
        f"{', '.join(map(str, lab['times'][order]))} steps (rank correlation {trend.estimate:.2f}; Kendall's trend test "
        f"p = {trend_test(bulk):.0e}). The window does not make it: the largest eigenvalue, whose 1 % it is, goes from "
        f"{ends[:, 0, 0].mean():.2f} over {ends[..., 0].mean(axis=0).max():.2f} to {ends[:, -1, 0].mean():.2f}. For the directions "
        f"probed, quadrature guarantees at least {low[:, -1].mean():.0%} at the end.",
        reference={"lower bar": SHARE},
        tables={
            "Means over networks ± s.e.": {
                "steps": lab["times"][order],
                "within 1 % of the largest": means(bulk.T),
                "of the directions probed, at least": means(low.T),
                **{f"eigenvalue {rank}": means(ends[:, :, rank - 1].T) for rank in (1, 10, 11)},
                "smallest": means(ends[:, :, -1].T),
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
