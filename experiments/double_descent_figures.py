"""The figures of `double_descent`: the linear model against its exact curves; random features with their kernel limit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.double_descent_results import (
    DATA,
    FEATURE_PARTS,
    FEATURE_STUDIES,
    LINEAR_PARTS,
    RISK,
    WITH_INIT,
    Measured,
    Terms,
    at,
    claimed,
    exact,
    measured,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.double_descent import Config

# Of Okabe & Ito's colours, in the order of the parts, those that stay visible as lines on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00")


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """Both figures, by name."""
    return {"linear": _linear(config, results), "random_features": _random_features(config, results)}


def _linear(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    n, sizes = config.num_examples, config.linear_sizes
    figure = plots.new_figure((11.0, 5.4))
    left, right = figure.subplots(1, 2)
    # Nothing is drawn where the exact variance is infinite: what a finite number of runs gives there means nothing.
    for chosen in (np.array(sizes) < n - 1, np.array(sizes) > n + 1):
        _draw(left, right, config, results, "linear", LINEAR_PARTS, chosen, "o")
    every = range(sizes[0], sizes[-1] + 1)
    left.plot(every, exact(config, every, RISK), color=plots.RISK_COLOR, linewidth=1, label="exact risk")
    for terms, colour in zip(LINEAR_PARTS.values(), COLOURS, strict=False):
        right.plot(every, exact(config, every, terms), color=colour, linewidth=1)
    left.set(ylim=(0.05, 100), ylabel="squared error (the signal has power 1)", xlabel="p, Gaussian features in use")
    right.set(ylim=(0.005, 100), xlabel="p, Gaussian features in use")
    left.set_title("Parts of the risk, stacked", fontsize="medium")
    right.set_title("Each part alone; the lines are exact (label noise alone: 0)", fontsize="medium")
    title = "Linear model: the variance diverges where parameters meet examples, then falls; bias² does not notice"
    return _finished(figure, n, title)


def _random_features(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    n, sizes = config.num_examples, config.feature_sizes
    after, last = n + config.gap, sizes[-1]
    figure = plots.new_figure((11.0, 8.6))
    grid = figure.subplots(2, 2, sharex=True, sharey="row")
    for index, study in enumerate(FEATURE_STUDIES):
        above, below = grid[:, index]
        _draw(above, below, config, results, study, FEATURE_PARTS, np.full(len(sizes), True), "o-")
        without_init = [
            (name, colour) for name, colour in zip(FEATURE_PARTS, COLOURS, strict=True) if "init" not in name
        ]
        for axes, terms, colour in [
            (above, RISK, plots.RISK_COLOR),
            *((below, FEATURE_PARTS[name], colour) for name, colour in without_init),
        ]:
            limit = measured(results, "kernel", terms).estimate[index]
            axes.axhline(limit, color=colour, linestyle="--", linewidth=1, label="limit p = ∞: arc-cosine kernel")
        risks = [f"{measured(results, study, RISK, at(sizes, p)).estimate:.2f} at {p}" for p in (n // 2, after, last)]
        above.set_title(f"{study.capitalize()}: risk {', '.join(risks)} features", fontsize="medium")
        interactions, variance = (
            measured(results, study, terms, at(sizes, after)).estimate for terms in (WITH_INIT[1:], DATA + WITH_INIT)
        )
        share = f"{100 * interactions / variance:.0f} %"
        below.set_title(
            f"{share} of the variance at {after} features: interaction with initialisation", fontsize="medium"
        )
        below.set_xlabel("p, random ReLU features in use")
    ticks = (sizes[0], n // 4, n // 2, n, 2 * n, 5 * n, last)
    grid[0, 0].set(ylim=(0.05, 500), ylabel="squared error, stacked", xscale="log")
    grid[1, 0].set(ylim=(3e-4, 500), ylabel="squared error, each part alone")
    grid[1, 0].set_xticks(ticks, [str(p) for p in ticks])
    grid[1, 0].set_xticks([], minor=True)
    title = "Random features: initialisation and data make the peak together, and a ridge removes it"
    return _finished(figure, n, title)


def _draw(
    stack: "Axes",
    alone: "Axes",
    config: "Config",
    results: Mapping[str, Any],
    study: str,
    parts: Mapping[str, Terms],
    chosen: Any,
    style: str,
) -> None:
    """The parts of the risk at the chosen sizes: on top of each other with the risk, and each alone."""
    import numpy as np

    from jaxdl import plots

    def value(terms):
        return measured(results, study, terms, lambda values: values[..., chosen])

    sizes = config.linear_sizes if study == "linear" else config.feature_sizes
    x, trusted = np.array(sizes)[chosen], claimed(config, sizes)[chosen]
    heights = {"noise": np.full(len(x), config.noise_std**2)}
    heights |= {name: value(terms).estimate for name, terms in parts.items()}
    plots.stacked(stack, x, heights, colors=[plots.NOISE_COLOR, *COLOURS[: len(parts)]])
    _points(stack, x, value(RISK), trusted, "o", plots.RISK_COLOR, "risk, 95 % interval")
    for (name, terms), colour in zip(parts.items(), COLOURS, strict=False):
        _points(alone, x, value(terms), trusted, style, colour, name)


def _points(axes: "Axes", x: Any, value: Measured, trusted: Any, style: str, colour: str, label: str) -> None:
    """Estimates with 95 % intervals; hollow and without them where none is claimed; left out where they are negative."""
    import numpy as np

    estimate = np.where(value.estimate > 0, value.estimate, np.nan)
    reach = np.where(trusted, value.interval.high - value.estimate, np.nan)
    axes.errorbar(x, estimate, reach, fmt=style, color=colour, label=label, markersize=3, linewidth=1, capsize=2)
    axes.plot(
        x, np.where(trusted, np.nan, estimate), "o", color=colour, markerfacecolor="white", markersize=4, zorder=5,
        label="hollow: no interval claimed",
    )  # fmt: skip


def _finished(figure: "Figure", n: int, title: str) -> "Figure":
    """What all panels share: logarithmic errors, the mark of p = n, and one legend below."""
    from matplotlib.lines import Line2D

    handles: dict[str, Any] = {}
    for axes in figure.axes:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.axvline(n, color="grey", linestyle=":", linewidth=1, label=f"p = n = {n}")
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    # Lines come first in what matplotlib returns, but the parts are what is looked up.
    ordered = sorted(handles.items(), key=lambda item: isinstance(item[1], Line2D))
    labels, entries = [label for label, _ in ordered], [entry for _, entry in ordered]
    figure.legend(entries, labels, loc="outside lower center", ncols=4, fontsize="small", frameon=False)
    figure.suptitle(title, fontweight="bold")
    return figure
