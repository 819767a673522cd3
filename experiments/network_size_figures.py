"""The figures of `network_size`: bias² and variance against width with and without regularisation, and networks on the digits."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.network_size_results import (
    ARMS,
    BIAS,
    KINDS,
    PARTS,
    STUDIES,
    VARIANCE,
    examples_of,
    measured,
    report_cells,
    told,
    widths_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.network_size import Config

# Of Okabe & Ito's colours, those that stay visible as lines on white.
ARM_COLOURS = {"tuned": "#0072B2", "without": "#D55E00"}
SOURCE_COLOURS = ("#E69F00", "#009E73", "#CC79A7")
KIND_COLOURS = {"right": "#0072B2", "noisy": "#E69F00", "shuffled": "#D55E00"}


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """Both figures, by name."""
    return {"width": _width(config, results), "digits": _digits(config, results)}


def _width(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((15.0, 8.6))
    grid = figure.subplots(2, len(STUDIES), sharex="col")
    for column, (study, model) in enumerate(STUDIES.items()):
        widths = np.array(widths_of(config, study))
        above, below = grid[:, column]
        shown = []
        for arm, colour in ARM_COLOURS.items():
            for terms, style, name in ((VARIANCE, "o-", "variance"), (BIAS, "s--", "bias²")):
                value = measured(results, f"{study}.{arm}", terms)
                # A measured variance has no finite moments near n without a penalty, hence no interval.
                trusted = np.full(len(widths), True)
                if (study, arm) == ("features", "without"):
                    trusted = np.abs(widths - config.num_examples) >= config.gap
                _points(above, widths, value, trusted, style, colour, f"{name}, {ARMS[arm]}")
                shown.append(value.estimate[value.estimate > 0])
        for (name, terms), colour in zip(list(PARTS.items())[1:], SOURCE_COLOURS, strict=True):
            value = measured(results, f"{study}.tuned", terms)
            plots.bands(below, widths, {name: (value.estimate, value.interval)}, colors=[colour])
        total = measured(results, f"{study}.tuned", VARIANCE)
        lines = {"their sum, the variance": (total.estimate, total.interval)}
        plots.bands(below, widths, lines, colors=[ARM_COLOURS["tuned"]])
        # Wide intervals of small numbers would stretch a logarithmic axis over many powers of ten.
        above.set(yscale="log", xscale="log", ylim=(0.3 * np.concatenate(shown).min(), None))
        above.yaxis.set_major_formatter("{x:g}")
        below.set_ylim(top=1.35 * max(np.max(total.interval.high), np.max(total.estimate)))  # room for the legend
        below.set_xlabel("random features" if study == "features" else "hidden units")
        free = measured(results, f"{study}.without", VARIANCE).estimate
        peak = int(free.argmax())
        above.set_title(
            f"{model.capitalize()}, n = {examples_of(config, study)}\n"
            f"Unregularised variance is largest at width {widths[peak]}, {free[peak]:.2g}",
            fontsize="medium",
        )
        first, last = total.estimate[[0, -1]]
        below.set_title(
            f"Tuned variance by source: {first:.3f} at width {widths[0]}, {last:.3f} at {widths[-1]}",
            fontsize="medium",
        )
        if study == "features":
            label = f"as many features as examples, {config.num_examples}"
            for axes in (above, below):
                axes.axvline(config.num_examples, color="grey", linestyle=":", linewidth=1, label=label)
        n, is_dense = config.num_examples, study == "features"
        ticks = [width for width in widths if not (is_dense and 0 < abs(width - n) <= n / 4)]
        below.set_xticks(ticks, [str(width) for width in ticks], fontsize="small")
        below.set_xticks([], minor=True)
    for axes in grid.ravel():
        axes.set_ylabel("squared error")
        axes.legend(fontsize="small", framealpha=0.9)
    figure.suptitle("Bias² and variance against width, with tuned regularisation and without", fontweight="bold")
    return figure


def _points(axes: "Axes", x: Any, value: Any, trusted: Any, style: str, colour: str, label: str) -> None:
    """Estimates with 95 % intervals, where they are trusted; hollow elsewhere; left out where they are negative."""
    import numpy as np

    estimate = np.where(value.estimate > 0, value.estimate, np.nan)
    low, high = (np.where(trusted, end, np.nan) for end in value.interval)
    reach = np.stack([np.minimum(estimate - low, 0.999 * estimate), high - estimate])
    axes.errorbar(x, estimate, reach, fmt=style, color=colour, label=label, markersize=4, linewidth=1.2, capsize=2)
    hollow = np.where(trusted, np.nan, estimate)
    axes.plot(x, hollow, style[0], color=colour, markerfacecolor="white", markersize=5, zorder=5)


def _digits(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots
    from jaxdl.statistics import mean_interval, wilson_interval

    figure = plots.new_figure((11.0, 8.6))
    (left, right), (choice, report) = figure.subplots(2, 2)
    widths = config.memory_widths
    for row, kind in enumerate(KINDS):
        counts = (results["memory.train"][row] == 0).sum(axis=-1)
        accuracy = np.moveaxis(results["memory.test"][row].astype(np.float64), -1, 0)
        for axes, estimate, interval in (
            (left, counts / config.num_seeds, wilson_interval(counts, config.num_seeds)),
            (right, accuracy.mean(axis=0), mean_interval(accuracy)),
        ):
            # Side by side, since many shares are the same.
            beside = np.array(widths) * 1.05 ** (row - 1)
            plots.bands(axes, beside, {f"{kind} labels": (estimate, interval)}, colors=[KIND_COLOURS[kind]])
    left.axhline(config.least_share, color="grey", linestyle=":", linewidth=1, label=f"{100 * config.least_share:g} %")
    right.axhline(0.1, color="grey", linestyle=":", linewidth=1, label="chance")
    left.set_title(f"Share of networks without an error on {config.num_memorised} training digits", fontsize="medium")
    right.set_title("Their accuracy on fresh digits", fontsize="medium")
    for axes in (left, right):
        axes.set(ylim=(-0.03, 1.03), xlabel="hidden units")
        _width_axis(axes, widths)

    scores = results["grid.choice"].astype(np.float64)
    means = scores.mean(axis=-1)
    best = np.stack([cells.reshape(-1, config.num_choices)[cells.mean(axis=-1).argmax()] for cells in scores])
    free = scores[:, config.grid_strengths.index(0.0), config.grid_rates.index(0.0)]
    for name, colour, values in (
        ("best weight decay and dropout", ARM_COLOURS["tuned"], best),
        ("no regularisation", ARM_COLOURS["without"], free),
    ):
        lines = {name: (values.mean(axis=1), mean_interval(values.T))}
        plots.bands(choice, np.array(config.grid_widths), lines, colors=[colour])
    choice.set(xlabel="hidden units", ylabel="accuracy on labels as noisy")
    choice.set_title(
        f"{100 * config.label_noise:g} % wrong labels: the digits that choose; best at width "
        f"{config.grid_widths[int(means.max(axis=(1, 2)).argmax())]}",
        fontsize="medium",
    )
    _width_axis(choice, config.grid_widths)

    cells = report_cells(config, results["grid.choice"])
    found = dict(zip(cells, results["grid.report"].astype(np.float64), strict=True))
    for row, ((name, cell), values) in enumerate(zip(cells.items(), found.values(), strict=True)):
        low, high = mean_interval(values)
        colour = ARM_COLOURS["without" if "unregularised" in name else "tuned"]
        report.errorbar(
            [values.mean()], [row], xerr=[[values.mean() - low], [high - values.mean()]], fmt="o", color=colour, capsize=3
        )  # fmt: skip
        report.annotate(
            f"{name}: {told(cell)}", (0.02, row - 0.18), xycoords=("axes fraction", "data"), fontsize="small"
        )
    report.set_yticks([])
    report.set(ylim=(len(cells) - 0.5, -0.6), xlabel="accuracy on other digits' own labels, 95 % intervals")
    low, high = mean_interval(found["large"] - found["small"])
    report.set_title(f"Large minus small, paired: {100 * low:+.2f} to {100 * high:+.2f} points", fontsize="medium")
    for axes in (left, right, choice):
        axes.legend(fontsize="small", framealpha=0.9)
    figure.suptitle("Networks on digits: what they memorise, and which size serves best", fontweight="bold")
    return figure


def _width_axis(axes: "Axes", widths: tuple[int, ...]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.set_xticks([], minor=True)
