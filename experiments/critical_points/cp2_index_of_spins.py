"""The index of critical points of the spherical 3-spin model is a function of their energy, the one that theory gives.

Source: Auffinger, Ben Arous & Černý (2013); Choromanska et al. (2015).
Theory: A distance of zero as N grows; rounding the index to whole numbers alone gives about 0.3 / (N - 1).
Scope: N = 24, the energies that random starts lead to.
Looks: Sizes were settled on runs at seed 0, also at full size, where the distance was 0.0267; the full profile has seed 1 since.
"""

import math

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.critical_points import spins
from jaxdl import plots
from jaxdl.curvature.critical import Kind
from jaxdl.statistics import Estimate, bootstrap_interval, judge

AGREEMENT = 0.03
SIZES = {
    "quick": {"spins": 24, "draws": 2, "starts": 64},
    "full": {"spins": 24, "draws": 8, "starts": 192, "seed": 1},
    "smallest": {"spins": 8, "draws": 2, "starts": 24},
}
CRITERION = f"""The root mean square distance of index fractions from theory is at most {AGREEMENT:g} (95 % bootstrap interval over
distinct points)."""


def judged(lab: Lab, sign: int = 1) -> Finding:
    """Index fractions against those of theory at the same energies, or, with `sign` -1, at the opposite ones."""
    runs = spins.searched(lab)
    energy, measured = spins.distinct_points(runs, lab["spins"])
    error = measured - spins.predicted_index(sign * energy)
    distance = root_mean_square(error)
    interval = bootstrap_interval(error, statistic=root_mean_square, num_resamples=1000, seed=lab["seed"])
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes, grid = figure.subplots(), np.linspace(-1.1, 1.1, 200) * np.abs(energy).max()
    axes.plot(energy, measured, "o", markersize=3, alpha=0.6, label="critical points found")
    axes.plot(grid, spins.predicted_index(sign * grid), color="black", linewidth=1.2, label="theory, N = ∞")
    axes.set(xlabel="energy per spin", ylabel="index / (N - 1)")
    axes.legend(fontsize="small")
    return Finding(
        what="root mean square distance of index fractions from theory",
        shown=Estimate(distance, interval),
        verdict=judge(interval, inside=(0.0, AGREEMENT)),
        reading=f"It is {distance:.4f} over {len(error)} points with energies from {energy.min():.2f} to {energy.max():.2f}, where "
        f"one unit of the index is {1 / (lab['spins'] - 1):.3f}; {np.mean(runs.outputs['kind'] == Kind.SADDLE):.0%} of the "
        "searches found one.",
        reference={"as N grows": 0.0, "bar": AGREEMENT},
        figures={"Index against energy: critical points lie along the curve of theory": figure},
    )


def root_mean_square(values: np.ndarray) -> float:
    """sqrt(mean(values²))."""
    return math.sqrt(np.mean(values**2))


def control(lab: Lab) -> Finding:
    """The theory of the opposite energy."""
    return judged(lab, sign=-1)
