"""What the figure of a decomposition is made of: stacks, lines with intervals, bars, and axes that reach as far as they should."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Num

from jaxdl.admission import as_numbers
from jaxdl.decomposition import Decomposition
from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.named_terms import label_of
from jaxdl.scales import FAR, robust_top, scale_of
from jaxdl.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
# Okabe & Ito's palette, which color-blind readers can distinguish, and which works in gray.
BIAS_COLOR, NOISE_COLOR, RISK_COLOR = "#0072B2", "#BBBBBB", "#000000"
VARIANCE_COLORS = ("#E69F00", "#009E73", "#CC79A7", "#F0E442", "#56B4E9", "#D55E00", "#999933")
BIASES = ("bias_squared", "bias_squared_plus_noise", "bias", "bias_plus_noise")


def parts_of(result: Decomposition) -> list[Term]:
    """The terms that add up to the risk, from the bottom of the stack: noise, bias, variances."""
    components: list[Term] = [*(f"share[{name}]" for name in result.shares)] or [*result.variance]
    if "net_variance" in result.estimates:  # Domingos's effects, of which some are negative
        components = ["net_variance"]
    biases = ("noise_effect" if "noise_effect" in result.estimates else "noise", *BIASES)
    named: list[Term] = [term for term in biases if term in result.estimates]
    return [*named, *(components or ["total_variance"])]


def risk_of(result: Decomposition) -> Term:
    """The term that the parts add up to."""
    return next((term for term in ("risk", "excess_risk") if term in result.estimates), "total_variance")


def colors_of(parts: Sequence[Term]) -> list[str]:
    """One color for each part: fixed for bias and noise, in turn for the variances."""
    variances = iter(VARIANCE_COLORS * (1 + len(parts) // len(VARIANCE_COLORS)))
    fixed = {"noise": NOISE_COLOR, "noise_effect": NOISE_COLOR} | dict.fromkeys(BIASES, BIAS_COLOR)
    return [fixed[part] if part in fixed else next(variances) for part in parts]


def stacked(axes: "Axes", x: Num[Array, " x"], parts: Mapping[str, Num[Array, " x"]], *, colors: Sequence[str]) -> None:
    """Draws areas on top of each other; negative estimates are drawn as zero, here and nowhere else."""
    heights = [np.maximum(as_numbers(f"parts[{label!r}]", values), 0) for label, values in parts.items()]
    axes.stackplot(x, *heights, labels=list(parts), colors=list(colors), alpha=0.85, linewidth=0)
    if any((np.asarray(values) < 0).any() for values in parts.values()):
        axes.annotate(
            "negative estimates drawn as zero", (0.99, 0.01), xycoords="axes fraction", ha="right", fontsize="x-small"
        )


def bands(
    axes: "Axes",
    x: Num[Array, " x"],
    lines: Mapping[str, tuple[Num[Array, " x"], Interval]],
    *,
    colors: Sequence[str],
) -> None:
    """Draws a line for each estimate, with its 95 % interval as error bars."""
    for (label, (estimate, (low, high))), color in zip(lines.items(), colors, strict=True):
        # nan where there is no interval: none is drawn. Of an estimate below zero the interval begins at zero.
        reach = np.maximum(np.stack([estimate - low, high - estimate]), 0)
        axes.errorbar(
            x, estimate, yerr=reach, label=label, color=color, marker="o", markersize=3, linewidth=1.2, capsize=2
        )


def bars(left: "Axes", right: "Axes", result: Decomposition, parts: Sequence[Term], *, with_risk: bool) -> None:
    """Draws the parts on top of each other, and each with its interval."""
    top, below = 0.0, 0.0
    for part, color in zip(parts, colors_of(parts), strict=True):
        height = float(result.estimates[part])
        left.bar(0, height, bottom=top if height > 0 else below, color=color, label=label_of(part))
        top, below = (top + height, below) if height > 0 else (top, below + height)
    if with_risk:
        risk = risk_of(result)
        label = f"{label_of(risk)}, their sum"
        left.axhline(float(result.estimates[risk]), color=RISK_COLOR, linewidth=1.2, label=label)
    left.axhline(0, color=RISK_COLOR, linewidth=0.5)
    left.set_xticks([])
    left.set_ylabel(result.loss)
    left.legend(fontsize="small")
    for position, (part, color) in enumerate(zip(parts, colors_of(parts), strict=True)):
        low, high = result.intervals[part]
        value = float(result.estimates[part])
        # Of an estimate below zero the interval begins at zero.
        reach = np.maximum(np.array([[value - float(low)], [float(high) - value]]), 0)
        right.errorbar([value], [position], xerr=reach, color=color, marker="o", capsize=3)
    right.set_yticks(range(len(parts)), [label_of(part) for part in parts])
    right.set_xlabel("estimate with 95 % interval")


def scale_x(axes: "Axes", x: Num[Array, " x"], logarithmic: bool | None) -> None:
    """The scale that was asked for, or on which the positions are most evenly spaced."""
    scale = scale_of(x) if logarithmic is None else "log" if logarithmic else "linear"
    if scale == "symlog":
        axes.set_xscale("symlog", linthresh=float(np.min(x[x > 0])), linscale=0.3)
    else:
        axes.set_xscale(scale)


def limit(axes: "Axes", heights: Num[Array, " x"]) -> None:
    """End a stack where most heights do, and say how many are beyond."""
    top, beyond = robust_top(heights)
    if beyond:
        axes.set_ylim(0, top)
        axes.set_title(f"beyond the axis: {beyond}, up to {np.max(heights):.3g}", loc="right", fontsize="x-small")


def limit_intervals(axes: "Axes", estimates: Sequence[Array], intervals: Sequence[Interval]) -> None:
    """Let the estimates decide how far an axis reaches, with those ends of intervals that are not far beyond them."""
    size = FAR * float(np.max(np.abs(estimates)))
    ends = np.ravel([*estimates, *(end for interval in intervals for end in interval)])
    near = ends[np.isfinite(ends) & (np.abs(ends) <= size)]
    if len(near) < np.isfinite(ends).sum():
        axes.set_ylim(near.min() * (1.1 if near.min() < 0 else 0.9), near.max() * 1.1)
        axes.set_title("some intervals end beyond the axis", loc="right", fontsize="x-small")
