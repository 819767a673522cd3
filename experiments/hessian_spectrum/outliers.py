"""The outliers of a typical spectrum, with an interval over networks, and their figure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from experiments.hessian_spectrum.digits import typical
from jaxdl import plots
from jaxdl.curvature.spectra import num_outliers
from jaxdl.statistics import Estimate, Interval, bootstrap_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def counted(tops: Float[np.ndarray, "networks ranks"], classes: int, level: float, seed: int) -> Estimate:
    """The outliers among the 2 `classes` + 2 largest of the geometric mean, with a bootstrap interval over networks."""

    def count(sample: np.ndarray) -> int:
        return int(num_outliers(typical(sample)))

    ends = tops[:, : 2 * classes + 2]
    low, high = bootstrap_interval(ends, statistic=count, num_resamples=4000, seed=seed, level=level)
    return Estimate(float(count(ends)), Interval(float(low), float(high)))


def spectra(tops: Mapping[str, Float[np.ndarray, " ranks"]], counts: Mapping[str, int]) -> "Figure":
    """Spectra by rank, each shifted down from the one before, full dots for outliers."""
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    for place, (name, top) in enumerate(tops.items()):
        shown = top[top > 1e-6 * top[0]]
        height, ranks, num = shown / top[0] / 6.0**place, np.arange(1, len(shown) + 1), counts[name]
        (line,) = axes.plot(ranks, height, "-", linewidth=0.8)
        axes.plot(ranks[:num], height[:num], "o", color=line.get_color(), markersize=5, label=f"{name}: {num}")
        axes.plot(ranks[num:], height[num:], "o", color=line.get_color(), markersize=3, markerfacecolor="white")
    axes.set(xlabel="rank", ylabel="eigenvalue / largest, shifted", yscale="log", ylim=(None, 200))
    axes.legend(fontsize="x-small", ncols=3, loc="upper right", title="outliers", title_fontsize="x-small")
    return figure
