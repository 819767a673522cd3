"""How many outliers a spectrum has, and its figure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from jaxdl import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def num_outliers(top: Float[np.ndarray, "*rest ranks"], classes: int) -> Int[np.ndarray, "*rest"]:
    """The number of eigenvalues above the largest ratio of neighbours among the 2 `classes` + 2 largest ones."""
    return np.argmax(ratios(top, classes), axis=-1) + 1


def gap(top: Float[np.ndarray, "*rest ranks"], classes: int) -> Float[np.ndarray, "*rest"]:
    """That largest ratio."""
    return ratios(top, classes).max(axis=-1)


def ratios(top: Float[np.ndarray, "*rest ranks"], classes: int) -> Float[np.ndarray, "*rest ratios"]:
    """Of each eigenvalue to the next, zero where the next is not positive."""
    ends = top[..., : 2 * classes + 2]
    return np.where(ends[..., 1:] > 0, ends[..., :-1] / np.where(ends[..., 1:] > 0, ends[..., 1:], 1), 0)


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
