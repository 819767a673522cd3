"""Figures of the result types, drawn with matplotlib; no computation but clipping stacks at zero, which they say."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Num

from jaxdl.decomposition import Decomposition
from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.result import label_of
from jaxdl.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
# Okabe & Ito's palette, told apart by colour-blind readers and in grey.
BIAS_COLOUR, NOISE_COLOUR, RISK_COLOUR = "#0072B2", "#BBBBBB", "#000000"
VARIANCE_COLOURS = ("#E69F00", "#009E73", "#CC79A7", "#F0E442", "#56B4E9", "#D55E00", "#999933")
FIGURE_SIZE = (10.0, 4.0)


def decomposition(result: Decomposition, *, label: str | None = None, logarithmic: bool = False) -> "Figure":
    """Two panels: the parts of the risk, stacked; and every term on its own with its 95 % interval.

    Along settings or times, whichever the result has; as bars when it has neither.

    Raises:
        ValueError: for a result with both settings and times; select one of them first.
    """
    figure = new_figure()
    left, right = figure.subplots(1, 2)
    if len(result.axes) > 1:
        msg = (
            f"got a result with axes {result.axes}; a figure shows one. Draw it with plots.stacked for a slice of each"
        )
        raise ValueError(msg)
    if not result.axes:
        _bars(left, right, result)
        return figure
    num = len(np.atleast_1d(result.total_variance))
    x = np.arange(num) if result.settings is None else np.asarray(result.settings)
    parts = parts_of(result)
    risk = next((term for term in ("risk", "excess_risk") if term in result.estimates), "total_variance")
    stacked(left, x, {label_of(term): result.estimates[term] for term in parts}, colours=colours_of(parts))
    bands(left, x, {label_of(risk): (result.estimates[risk], result.intervals[risk])}, colours=(RISK_COLOUR,))
    terms = {label_of(term): (result.estimates[term], result.intervals[term]) for term in parts}
    bands(right, x, terms, colours=colours_of(parts))
    # Logarithmic, but through zero, which unbiased estimates may pass.
    errors = np.concatenate([np.ravel(result.standard_errors[term]) for term in parts])
    visible = errors[np.isfinite(errors) & (errors > 0)]
    right.set_yscale("symlog", linthresh=float(np.median(visible)) if len(visible) else 1.0)
    for axes in (left, right):
        axes.set_xlabel(label or result.axes[0])
        if logarithmic:
            axes.set_xscale("log")
        axes.legend(fontsize="small")
    left.set_ylabel("squared error")
    return figure


def new_figure(size: tuple[float, float] = FIGURE_SIZE) -> "Figure":
    """An empty figure that no global state knows of."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = 'figures need matplotlib: pip install "jaxdl[experiments]"'
        raise ImportError(msg) from error
    return Figure(figsize=size, layout="constrained")


def parts_of(result: Decomposition) -> list[Term]:
    """The terms that add up to the risk, from the bottom of the stack: noise, bias², variances."""
    components: list[Term] = [*result.variance] or ["total_variance"]
    named: list[Term] = [
        term for term in ("noise", "bias_squared", "bias_squared_plus_noise") if term in result.estimates
    ]
    return [*named, *components]


def colours_of(parts: Sequence[Term]) -> list[str]:
    """One colour for each part: fixed for bias² and noise, in turn for the variances."""
    variances = iter(VARIANCE_COLOURS * (1 + len(parts) // len(VARIANCE_COLOURS)))
    fixed = {"noise": NOISE_COLOUR, "bias_squared": BIAS_COLOUR, "bias_squared_plus_noise": BIAS_COLOUR}
    return [fixed[part] if part in fixed else next(variances) for part in parts]


def stacked(
    axes: "Axes", x: Num[Array, " x"], parts: Mapping[str, Num[Array, " x"]], *, colours: Sequence[str]
) -> None:
    """Areas on top of each other; negative estimates are drawn as zero, here and nowhere else."""
    heights = [np.maximum(values, 0) for values in parts.values()]
    axes.stackplot(x, *heights, labels=list(parts), colors=list(colours), alpha=0.85, linewidth=0)
    if any((np.asarray(values) < 0).any() for values in parts.values()):
        axes.annotate(
            "negative estimates drawn as zero", (0.99, 0.01), xycoords="axes fraction", ha="right", fontsize="x-small"
        )


def bands(
    axes: "Axes",
    x: Num[Array, " x"],
    lines: Mapping[str, tuple[Num[Array, " x"], Interval]],
    *,
    colours: Sequence[str],
) -> None:
    """A line for each estimate, and its 95 % interval as error bars."""
    for (label, (estimate, (low, high))), colour in zip(lines.items(), colours, strict=True):
        reach = np.stack([estimate - low, high - estimate])  # nan where there is no interval: none is drawn
        axes.errorbar(
            x, estimate, yerr=reach, label=label, color=colour, marker="o", markersize=3, linewidth=1.2, capsize=2
        )


def _bars(left: "Axes", right: "Axes", result: Decomposition) -> None:
    parts = parts_of(result)
    bottom = 0.0
    for part, colour in zip(parts, colours_of(parts), strict=True):
        height = max(float(result.estimates[part]), 0.0)
        left.bar(0, height, bottom=bottom, color=colour, label=label_of(part))
        bottom += height
    left.set_xticks([])
    left.set_ylabel("squared error")
    left.legend(fontsize="small")
    for position, (part, colour) in enumerate(zip(parts, colours_of(parts), strict=True)):
        low, high = result.intervals[part]
        value = float(result.estimates[part])
        reach = np.array([[value - float(low)], [float(high) - value]])
        right.errorbar([value], [position], xerr=reach, color=colour, marker="o", capsize=3)
    right.set_yticks(range(len(parts)), [label_of(part) for part in parts])
    right.set_xlabel("estimate with 95 % interval")
