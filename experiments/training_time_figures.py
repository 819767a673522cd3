"""The figures of `training_time`: the parts of the risk along training, and both checks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.training_time_results import (
    CONTROL_STEPS,
    PARTS,
    RISK,
    SIZES,
    WITH_LABELS,
    best,
    log_times,
    measured,
    noise_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.training_time import Config

# Of Okabe & Ito's colours, in the order of the parts, those that stay visible as lines on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00")


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """Both figures, by name."""
    return {"sources": _sources(config, results), "checks": _checks(config, results)}


def _sources(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    times = np.array(log_times(config.num_steps, config.num_times))
    figure = plots.new_figure((11.0, 5.6))
    left, right = figure.subplots(1, 2)
    parts = {name: measured(results, terms) for name, terms in PARTS.items()}
    heights = {"noise": np.full(len(times), noise_of(config)), **{name: each.estimate for name, each in parts.items()}}
    plots.stacked(left, times, heights, colors=[plots.NOISE_COLOR, *COLOURS])
    risk = measured(results, RISK)
    plots.bands(left, times, {"risk, 95 % interval": (risk.estimate, risk.interval)}, colors=[plots.RISK_COLOR])
    lines = {name: (each.estimate, each.interval) for name, each in parts.items()}
    plots.bands(right, times, lines, colors=COLOURS)
    stop = times[best(results)]
    for axes in (left, right):
        axes.axvline(stop, color="grey", linestyle=":", linewidth=1.2, label=f"lowest risk: {stop} steps")
        _mark_steps(axes, config.num_steps)
    left.set(ylim=(0, None), ylabel="expected squared error of noisy one-hot labels")
    right.set(ylim=(0, 1.05 * parts["bias²"].estimate[0]))
    left.set_title(f"Parts of the risk, stacked: lowest after {stop} steps", fontsize="medium")
    end = sum(results["training.estimates"][np.isin(results["training.terms"], WITH_LABELS), -1])
    total = measured(results, ("total_variance",)).estimate[-1]
    right.set_title(
        f"Each alone: wrong labels make {100 * end / total:.0f} % of the variance at the end", fontsize="medium"
    )
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small", frameon=False)
    figure.suptitle(
        f"Digits, {100 * config.label_noise:g} % of the labels wrong: bias² falls, variance rises", fontweight="bold"
    )
    return figure


def _checks(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2)
    times = np.array(log_times(CONTROL_STEPS, config.control_times))
    shown = {"bias_squared": "bias²", "variance[labels]": "variance: label noise", "variance[init]": "variance: start"}
    for (term, name), colour in zip(shown.items(), COLOURS, strict=False):
        row = list(results["control.terms"]).index(term)
        estimate, error, exact = (
            results[f"control.{which}"][row] for which in ("estimates", "standard_errors", "exact")
        )
        left.errorbar(
            times, estimate, 2 * error, fmt="o", color=colour, markersize=3, linewidth=1, label=f"{name} ± 2 s.e."
        )
        left.plot(times, exact, color=colour, linewidth=1)
    _mark_steps(left, CONTROL_STEPS)
    left.set(yscale="log", ylim=(1e-4, 10), ylabel="squared error")
    left.set_title(f"Gradient descent on a linear model, {len(times)} times: lines are exact", fontsize="medium")

    foretold, _, low, high = results["ensembles.forecast"]
    built, _, built_low, built_high = results["ensembles.built"]
    right.fill_between(SIZES, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
    right.plot(SIZES, foretold, color=COLOURS[0], label="foretold, V_D + (V_S + V_DS)/B, with 95 % interval")
    reach = np.stack([built - built_low, built_high - built])
    right.errorbar(SIZES, built, reach, fmt="o", color=plots.RISK_COLOR, capsize=3, label="built, 95 % interval")
    right.set(
        ylim=(0, None), xscale="log", xlabel="members B, each with an initialisation of its own", ylabel="variance"
    )
    right.set_xticks(SIZES, [str(size) for size in SIZES])
    right.set_xticks([], minor=True)
    right.set_title(f"Ensembles after {config.num_steps} steps on the digits", fontsize="medium")
    for axes in (left, right):
        axes.legend(fontsize="small", framealpha=0.9)
    return figure


def _mark_steps(axes: "Axes", last: int) -> None:
    """A logarithmic axis of steps that has room for the start."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)
    axes.set(xlim=(0, last), xlabel="training steps")
    ticks = [0, *(10**power for power in range(10) if 10**power <= last)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
