"""The figures of `hessian_spectrum`: outliers by classes, the density along training, and the edge of stability."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.hessian_spectrum_results import LAYERS, PIXELS, counts, relative_sharpness, typical

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from experiments.hessian_spectrum import Config

# Of Okabe & Ito's colours, those that stay visible as lines on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#999999", "#882255")
RED, GREY = "#D55E00", "#999999"


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """All figures, by name."""
    return {
        "outliers": _outliers(config, results),
        "density": _density(config, results),
        "edge": _edge(config, results),
    }


def _outliers(config: "Config", results: Mapping[str, Any]) -> "Figure":
    """Typical spectra at the end, by number of classes, for both kinds of pixels."""
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.6))
    panels = figure.subplots(1, 2, sharey=True)
    found = counts(config, results)[..., -1]
    for pixels, axes in enumerate(panels):
        for index, classes in enumerate(config.classes):
            colour = COLOURS[index % len(COLOURS)]
            top = typical(results["classes.top"][index, pixels])[-1]
            ranks, num = np.arange(1, len(top) + 1), found[index, pixels]
            # Below each other, so that the spectra do not hide one another.
            height = top / top[0] / 6.0**index
            axes.plot(ranks, height, "-", color=colour, linewidth=0.8)
            axes.plot(ranks[:num], height[:num], "o", color=colour, markersize=5, label=f"{classes} classes: {num}")
            axes.plot(ranks[num:], height[num:], "o", color=colour, markersize=3, markerfacecolor="white")
        right = int((found[:, pixels] == np.array(config.classes) - 1).sum())
        axes.set(xlabel="rank", yscale="log", ylim=(None, 30))
        axes.set_title(
            f"Pixels {PIXELS[pixels]}: C - 1 outliers in {right} of {len(config.classes)} cases", fontsize="medium"
        )
        axes.legend(fontsize="x-small", ncols=3, loc="upper right")
    panels[0].set_ylabel("eigenvalue / largest one, shifted for each C")
    figure.suptitle(
        f"The largest eigenvalues after {config.times[-1]} steps; full: above the largest gap", fontweight="bold"
    )
    return figure


def _density(config: "Config", results: Mapping[str, Any]) -> "Figure":
    """The spectral density of ten classes along training, and the largest eigenvalues of each layer's block."""
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2)
    nodes, weights = results["layers.nodes"], results["layers.weights"]
    for time, steps in enumerate(config.times):
        x = nodes[:, time].ravel().astype(float)
        w = weights[:, time].ravel().astype(float) / len(nodes)
        width = np.ptp(x) / 100
        grid = np.linspace(x.min() - 4 * width, x.max() + 4 * width, 600)
        kernels = np.exp(-(((grid[:, None] - x[None, :]) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        left.semilogy(grid, kernels @ w, color=COLOURS[time % len(COLOURS)], linewidth=1.2, label=f"{steps} steps")
    left.set_ylim(bottom=1e-5)
    left.set(xlabel="eigenvalue", ylabel="density, mean over networks, smoothed")
    left.set_title("Ten classes: bulk and outliers along training", fontsize="medium")
    left.legend(fontsize="small")

    lines = [("all parameters", typical(results["classes.top"][-1, 0])[-1], "#000000")]
    lines += [
        (f"{name} layer", values, colour)
        for name, values, colour in zip(LAYERS, typical(results["layers.tops"])[-1], COLOURS, strict=False)
    ]
    for name, values, colour in lines:
        right.semilogy(
            np.arange(1, len(values) + 1), values, "o-", color=colour, markersize=3.5, linewidth=0.9, label=name
        )
    right.axvline(9.5, color=GREY, linestyle=":", linewidth=1, label="C - 1 = 9 eigenvalues")
    right.set(xlabel="rank", ylabel="eigenvalue")
    right.set_title(f"Layer by layer, after {config.times[-1]} steps", fontsize="medium")
    right.legend(fontsize="small")
    figure.suptitle("Bulk and outliers along training, and layer by layer", fontweight="bold")
    return figure


def _edge(config: "Config", results: Mapping[str, Any]) -> "Figure":
    """Sharpness along full-batch gradient descent: itself, and in units of 2 / step size."""
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2)
    relative, steps = relative_sharpness(config, results), config.every * np.arange(results["edge.sharpness"].shape[-1])
    for index, size in enumerate(config.step_sizes):
        colour = COLOURS[index % len(COLOURS)]
        left.plot(steps, results["edge.sharpness"][index].T, color=colour, linewidth=0.5, alpha=0.5)
        left.plot([], [], color=colour, label=f"step size {size:g}")
        left.axhline(2 / size, color=colour, linestyle="--", linewidth=1)
        middle, low, high = np.median(relative[index], axis=0), relative[index].min(axis=0), relative[index].max(axis=0)
        right.plot(steps, middle, color=colour, linewidth=1.2, label=f"step size {size:g}")
        right.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    right.axhline(1, color="black", linestyle="--", linewidth=1)
    left.set_ylim(0, 1.1 * max(2 / config.step_sizes[1], results["edge.sharpness"].max()))
    left.set(xlabel="steps", ylabel="largest eigenvalue")
    left.set_title("Every seed; dashed: 2 / step size", fontsize="medium")
    right.set(xlabel="steps", ylabel="largest eigenvalue · step size / 2")
    right.set_title(f"Median and range of {config.num_edge_seeds} seeds", fontsize="medium")
    left.legend(fontsize="small", loc="lower right")
    right.legend(fontsize="small", loc="center right")
    figure.suptitle("Sharpness grows until gradient descent is barely stable", fontweight="bold")
    return figure
