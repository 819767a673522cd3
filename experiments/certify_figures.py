"""The figure of `certify`: how far each tool's average lies from the exact value, for every problem."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.certify_results import MLXTEND, OURS, SIDE_BY_SIDE, SKLEARN, rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from experiments.certify import Config

# Of Okabe & Ito's colours; the markers tell them apart in grey.
STYLES = {OURS: ("#0072B2", "o"), MLXTEND: ("#D55E00", "s"), SKLEARN: ("#009E73", "^")}
PANELS = ("bias²", "total variance", "risk")
LINEAR = 1.0  # per cent of the risk: the scale is linear up to here, logarithmic beyond


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """One figure: bias², total variance and risk, with one line for each problem."""
    import numpy as np

    from jaxdl import plots

    risk = rows_of(results, "risk")
    problems = [
        _name(*place) for place in zip(results["study"][risk].tolist(), results["term"][risk].tolist(), strict=True)
    ]
    positions = np.arange(len(problems))[::-1]
    figure = plots.new_figure((11.0, 0.32 * len(problems) + 2.2))
    for axes, kind in zip(figure.subplots(1, 3, sharey=True), PANELS, strict=True):
        rows = rows_of(results, kind)
        exact, scale = results["exact"][rows][:, None], results["exact"][risk][:, None] / 100
        for offset, tool in zip((0.22, 0.0, -0.22), SIDE_BY_SIDE, strict=True):
            colour, marker = STYLES[tool]
            errors = (results[tool][rows] - exact) / scale
            mean, error = errors.mean(axis=1), errors.std(axis=1, ddof=1) / np.sqrt(config.num_seeds)
            axes.errorbar(
                mean, positions + offset, xerr=4 * error, fmt=marker, color=colour, label=tool, markersize=4,
                linewidth=1.2, capsize=2,
            )  # fmt: skip
        axes.axvline(0, color=plots.RISK_COLOR, linewidth=0.8)
        axes.set_xscale("symlog", linthresh=LINEAR)
        low, high = axes.get_xlim()
        ticks = [tick for tick in (-100, -10, -1, 0, 1, 10, 100) if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick:+d}" if tick else "0" for tick in ticks])
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
        axes.set_title(kind, fontsize="medium")
        axes.set_xlabel("average - exact, % of the exact risk")
    figure.axes[0].set_yticks(positions, problems)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize="small")
    figure.suptitle(
        "What mlxtend's recipe calls bias² holds the noise; every plug-in's holds the variance of the mean of the runs\n"
        f"(averages over {config.num_seeds} seeds, with 4 standard errors: a bar that misses zero is wrong)",
        fontsize="medium",
    )
    return {"certify": figure}


def _name(study: str, term: str) -> str:
    return study + term.removeprefix("risk").replace(" at ", ", ")
