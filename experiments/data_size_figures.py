"""The figures of `data_size`: bias² and variance against n; more data or more capacity; learning curves; remedies; lags."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.data_size_results import (
    ARMS,
    BIAS,
    CAUSES,
    RECIPES,
    VARIANCE,
    along,
    best_remedies,
    covered,
    curve_learners,
    curve_sizes,
    lag_errors,
    learners,
    measured,
    slope,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.data_size import Config

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
MARKERS = "os^vDP"


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """All figures, by name."""
    return {
        "bias_and_variance": _sizes(config, results),
        "data_or_capacity": _arms(config, results),
        "learning_curves": _curves(config, results),
        "remedies": _remedies(config, results),
        "lags": _traffic(config, results),
    }


def _sizes(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.8))
    sizes = np.array(config.sizes, float)
    for axes, (label, terms) in zip(figure.subplots(1, 2), (("bias²", BIAS), ("variance", VARIANCE)), strict=True):
        for (name, where), colour, marker in zip(learners(config).items(), COLOURS, MARKERS, strict=True):
            each = along(results, where, terms)
            # An estimate that is not told from zero has no place on a logarithmic axis.
            is_shown = each.interval[0] > 0
            reach = np.stack([each.estimate - each.interval[0], each.interval[1] - each.estimate])
            note = f", slope {along(results, where, terms, slope(config)).estimate:.2f}" if terms == VARIANCE else ""
            axes.errorbar(
                sizes[is_shown], each.estimate[is_shown], reach[:, is_shown], color=colour, marker=marker, markersize=4,
                linewidth=1.3, capsize=2, label=f"{name}{note}",
            )  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="training examples n", ylabel=label)
        axes.set_xticks(sizes, [f"{n:g}" for n in sizes])
        axes.set_xticks([], minor=True)
        axes.legend(fontsize="x-small", framealpha=0.9)
    first, second = figure.axes
    first.set_title("Bias² stays for least squares, and falls for all others", fontsize="medium")
    reference = 2 * config.noise_std**2 / sizes
    second.plot(sizes, reference, color="black", linewidth=1, linestyle=":")
    second.annotate("2σ²/n", (sizes[-1], reference[-1]), ha="right", va="top", fontsize="x-small")
    second.set_title("Variance falls as 1/n for least squares; that of neighbours stays", fontsize="medium")
    return figure


def _arms(config: "Config", results: Mapping[str, Any]) -> "Figure":
    from jaxdl import plots

    figure = plots.new_figure((10.0, 4.0))
    bias, variance = (measured(results, "remedies", terms).estimate for terms in (BIAS, VARIANCE))
    titles = (
        f"Degree {config.degrees[0]}, n = {config.base_size}: bias dominates",
        f"Degree 7, n = {config.base_size}: variance dominates",
    )
    for start, axes, title in zip((0, 3), figure.subplots(1, 2), titles, strict=True):
        b, v = bias[start : start + 3], variance[start : start + 3]
        axes.bar(ARMS, b, color=plots.BIAS_COLOR, label="bias²", width=0.6)
        axes.bar(ARMS, v, bottom=b, color=plots.VARIANCE_COLORS[0], label="variance", width=0.6)
        for place, total in enumerate(b + v):
            axes.annotate(f"{total:.4f}", (place, total), ha="center", va="bottom", fontsize="small")
        axes.set(ylabel="risk above the noise")
        axes.margins(y=0.12)
        axes.set_title(title, fontsize="medium")
        axes.legend(fontsize="small")
    return figure


def _curves(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots
    from jaxdl.statistics import wilson_interval

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2)
    fitted = np.array(curve_sizes(config)[0], float)
    names = curve_learners(config, "own")
    for index, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
        means, errors = results["own.risks"][:, index, 0], results["own.errors"][:, index, 0]
        low, high, predicted = (results[f"own.{n}"][index, 0] for n in ("low", "high", "predicted"))
        left.errorbar(
            fitted,
            means[: len(fitted)],
            2 * errors[: len(fitted)],
            color=colour,
            marker="o",
            markersize=4,
            linewidth=1,
            capsize=2,
            label=name,
        )
        left.errorbar(
            config.sizes[-1] * 0.93,
            predicted,
            [[predicted - low], [high - predicted]],
            color=colour,
            marker="_",
            capsize=4,
            linewidth=3,
            alpha=0.5,
        )
        left.errorbar(
            config.sizes[-1],
            means[-1],
            2 * errors[-1],
            color=colour,
            marker="D",
            markersize=5,
            capsize=2,
            markerfacecolor="white",
        )
    left.set(xscale="log", xlabel="training examples n", ylabel="measured risk ± 2 s.e.")
    ticks = [*fitted, config.sizes[-1]]
    left.set_xticks(ticks, [f"{n:g}" for n in ticks])
    left.set_xticks([], minor=True)
    left.axhline(config.noise_std**2, color="grey", linewidth=1, linestyle=":")
    left.set_title(
        f"One curve of each: band foretold, diamond then measured at n = {config.sizes[-1]}", fontsize="medium"
    )
    left.legend(fontsize="small")
    rows = [(name, label) for name in ("own", "pool") for label in curve_learners(config, name)]
    shares = np.concatenate([covered(results, name).mean(axis=1) for name in ("own", "pool")])
    ends = wilson_interval(np.rint(shares * config.num_curves).astype(int), np.full(len(shares), config.num_curves))
    low, high = map(np.asarray, ends)
    for place, (share, (name, _)) in enumerate(zip(shares, rows, strict=True)):
        colour = COLOURS[0] if name == "own" else COLOURS[4]
        right.errorbar(
            share, place, xerr=[[share - low[place]], [high[place] - share]], color=colour, marker="o", capsize=3
        )
    right.axvline(config.coverage, color="black", linewidth=1)
    right.axvline(0.9, color="grey", linewidth=1, linestyle=":")
    kinds = {"own": "sets of their own", "pool": "one pool, 5 folds"}
    right.set_yticks(range(len(rows)), [f"{label}\n{kinds[name]}" for name, label in rows], fontsize="small")
    right.invert_yaxis()
    right.set(xlabel="share of intervals that hold the risk (Wilson 95 %)")
    right.set_title(f"Coverage of 90 % intervals (dotted); required: {config.coverage:g}", fontsize="medium")
    return figure


def _remedies(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.4))
    left, right = figure.subplots(1, 2)
    best, shares = best_remedies(config, results)
    cause = np.arange(config.num_cases) % 4
    jitter = np.linspace(-0.28, 0.28, config.num_cases)
    for index, (name, colour) in enumerate(zip(("more capacity", "more data", "larger steps"), COLOURS, strict=False)):
        left.plot(cause + jitter, shares[index], "o", color=colour, markersize=3, alpha=0.7, label=name)
    left.axhline(config.worthwhile, color="black", linewidth=1, linestyle=":")
    left.set_yscale("symlog", linthresh=0.1)
    left.set_xticks(range(4), CAUSES, fontsize="small")
    left.set(ylabel="share of the risk that a remedy removes")
    left.set_title("What each remedy does, case by case", fontsize="medium")
    left.legend(fontsize="small")
    width = 0.2
    for place, (recipe, label) in enumerate(RECIPES.items()):
        right_share = [np.mean((results[f"diagnosis.{recipe}"] == best)[cause == index]) for index in range(4)]
        overall = np.mean(results[f"diagnosis.{recipe}"] == best)
        right.bar(
            np.arange(5) + (place - 1.5) * width, [*right_share, overall], width, color=COLOURS[place], label=label
        )
    right.axhline(config.right_share, color="black", linewidth=1, linestyle=":")
    right.set_xticks(range(5), [*CAUSES, "all"], fontsize="small", rotation=15)
    right.set(ylabel="share of cases with the best remedy named", ylim=(0, 1.25))
    right.set_title("The recipe does not see noise unless told", fontsize="medium")
    right.legend(fontsize="x-small", ncols=2, loc="upper center")
    return figure


def _traffic(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots
    from jaxdl.statistics import mean_interval

    figure = plots.new_figure((11.0, 4.2))
    left, right = figure.subplots(1, 2)
    errors = lag_errors(config, results)
    for drift, years in np.ndindex(errors.shape[:2]):
        style = {"color": COLOURS[years], "linestyle": "-" if drift == 0 else "--"}
        name = f"drift {config.drifts[drift]:g}, {years + 1} y"
        rows = errors[drift, years]
        left.plot(range(4), rows.mean(axis=1), marker="o", markersize=4, label=name, **style)
        ratio = np.log(rows[3]) - np.log(rows[2])
        low, high = np.exp(np.array(mean_interval(ratio, level=0.9)))
        centre, place = float(np.exp(ratio.mean())), drift * errors.shape[1] + years
        _whisker(right, centre, low, high, place, style["color"])
    left.set_xticks(range(4), ["1", "7", "28", "56"])
    left.set(yscale="log", xlabel="past days used", ylabel="mean absolute error")
    left.set_title("Errors of forecasts of daily traffic", fontsize="medium")
    left.set_yticks([1, 2, 4], ["1", "2", "4"])
    left.set_yticks([], minor=True)
    left.legend(fontsize="small", handlelength=3.5)
    right.axvspan(1 / (1 + config.lag_margin), 1 + config.lag_margin, color="grey", alpha=0.2, linewidth=0)
    labels = [f"drift {drift:g}, {years} y" for drift in config.drifts for years in (1, 2, 3)]
    right.set_yticks(range(len(labels)), labels)
    right.invert_yaxis()
    right.set(xlabel="error of 56 days relative to 28, 90 % interval")
    right.set_title(f"Grey: no difference, ± {100 * config.lag_margin:g} %", fontsize="medium")
    return figure


def _whisker(axes: "Axes", centre: float, low: float, high: float, place: int, colour: str) -> None:
    axes.errorbar(centre, place, xerr=[[centre - low], [high - centre]], color=colour, marker="o", capsize=3)
