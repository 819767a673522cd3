"""Figures of the result types, drawn with matplotlib.

They compute nothing but clipping stacks at zero and smoothing spectra; the figures state both.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from jaxdl.admission import as_numbers
from jaxdl.curvature.spectra import SpectralDensity, cumulative
from jaxdl.decomposition import Decomposition
from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.named_terms import label_of
from jaxdl.decomposition.table import chosen_terms
from jaxdl.kinds import as_scalar
from jaxdl.panels import (
    BIAS_COLOR,
    RISK_COLOR,
    bands,
    bars,
    colors_of,
    limit,
    limit_intervals,
    parts_of,
    risk_of,
    scale_x,
    stacked,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["against", "decomposition", "density", "rows"]

Array = np.ndarray
SERIES_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999933", "#000000")
MARKERS = "os^vDPX*"
FIGURE_SIZE = (10.0, 4.0)
PANEL_SIZE = (6.0, 4.0)
MOST_INSIDE = 3
"""Lines whose legend has room inside the axes."""


def decomposition(
    result: Decomposition,
    *,
    label: str | None = None,
    logarithmic: bool | None = None,
    terms: Sequence[Term] | None = None,
) -> "Figure":
    """A figure of two panels: the parts of the risk, stacked, and every term with its 95 % interval.

    They are drawn along settings or times, whichever the result has, and as bars if it has neither. Of values that are far above
    most others, the figure says how many are beyond its axes.

    Args:
        result: of a decomposition, with at most one axis.
        label: of the horizontal axis.
        logarithmic: whether that axis is; unless given, where steps or strengths are spread so.
        terms: which are drawn; unless given, the parts that add up to the risk.

    Raises:
        ValueError: no result of a decomposition, or one with both settings and times; select one of them first; names of terms
            that it lacks.

    >>> from jaxdl.decomposition import Target, squared_error
    >>> f = np.random.default_rng(0).normal(size=(20, 5))
    >>> len(decomposition(squared_error(f, factors=("data",), target=Target(mean=np.zeros(5), noise=1.0))).axes)
    2
    """
    _check_kind(result, Decomposition)
    if len(result.axes) > 1:
        msg = f"result: got axes {result.axes}, expected one at most, as a figure shows; select from the other: result.at(time=0)"
        raise ValueError(msg)
    chosen = None if terms is None else chosen_terms(result, terms)
    parts = parts_of(result) if chosen is None else chosen
    figure = new_figure()
    left, right = figure.subplots(1, 2)
    if not result.axes:
        bars(left, right, result, parts, with_risk=chosen is None)
        return figure
    num = len(np.atleast_1d(result.total_variance))
    known = result.settings if result.axes == ("settings",) else result.times
    x = np.arange(num) if known is None else np.asarray(known)
    risk = risk_of(result)
    stacked(left, x, {label_of(term): result.estimates[term] for term in parts}, colors=colors_of(parts))
    heights = np.sum([np.maximum(result.estimates[term], 0) for term in parts], axis=0)
    if chosen is None:
        bands(left, x, {label_of(risk): (result.estimates[risk], result.intervals[risk])}, colors=(RISK_COLOR,))
        heights = np.maximum(heights, result.estimates[risk])
    lines = {label_of(term): (result.estimates[term], result.intervals[term]) for term in parts}
    bands(right, x, lines, colors=colors_of(parts))
    # Logarithmic, but through zero, which unbiased estimates may pass.
    errors = np.concatenate([np.ravel(result.standard_errors[term]) for term in parts])
    visible = errors[np.isfinite(errors) & (errors > 0)]
    right.set_yscale("symlog", linthresh=float(np.median(visible)) if len(visible) else 1.0)
    limit(left, heights)
    limit_intervals(right, [each for each, _ in lines.values()], [each for _, each in lines.values()])
    for axes in (left, right):
        axes.set_xlabel(label or result.axes[0])
        scale_x(axes, x, logarithmic)
        axes.legend(fontsize="small")
    left.set_ylabel(result.loss)
    return figure


def density(result: SpectralDensity, *, width: float | None = None) -> "Figure":
    """A figure of two panels: the smoothed density of the eigenvalues, and their cumulative share with its bands.

    Every node becomes a normal density of standard deviation `width`, by default a hundredth of the range of the nodes.
    Narrower than the spacing of the nodes, it shows them and not the spectrum.

    Raises:
        ValueError: no spectral density, or a width that is not positive.

    >>> import jax
    >>> from jaxdl.curvature import spectral_density
    >>> found = spectral_density(lambda v: np.arange(3.0) * v, jax.numpy.zeros(3), jax.random.key(0), num_probes=2)
    >>> len(density(found).axes)
    2
    """
    _check_kind(result, SpectralDensity)
    if width is not None:
        as_scalar("width", width, expected="a positive number", allowed=lambda width: 0 < width < np.inf)
    nodes, weights = np.asarray(result.nodes), np.asarray(result.weights * result.probe_weights[:, None])
    width = width or float(np.ptp(nodes)) / 100 or 1.0
    x = np.linspace(nodes.min() - 5 * width, nodes.max() + 5 * width, 1001)
    kernels = np.exp(-(((x[:, None] - nodes.reshape(1, -1)) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
    figure = new_figure()
    left, right = figure.subplots(1, 2)
    heights = kernels @ weights.ravel()
    left.semilogy(x, heights, color=BIAS_COLOR, linewidth=1.2)
    left.set_ylim(0.1 / (int(result.dimension) * width), 3 * heights.max())  # from a tenth of a single eigenvalue's
    left.set_ylabel("density")
    left.annotate(f"smoothed, width {width:.2g}", (0.99, 0.98), xycoords="axes fraction", ha="right", va="top")
    share = cumulative(result, jnp.asarray(x, result.nodes.dtype))
    right.plot(x, share.estimate, color=RISK_COLOR, linewidth=1, label="estimate")
    for low, high, alpha, label in (
        (share.probed_low, share.probed_high, 0.4, "left open for these probes"),
        (share.low, share.high, 0.15, "and for the spectrum, 99.8 % at each point"),
    ):
        right.fill_between(x, low, high, color=BIAS_COLOR, alpha=alpha, linewidth=0, label=label)
    right.set_ylabel("share of the eigenvalues")
    right.legend(fontsize="small")
    for axes in (left, right):
        axes.set_xlabel("eigenvalue")
    return figure


def against(
    x: Num[Array, " x"] | Any,
    series: Mapping[str, Any],
    *,
    log: bool = False,
    log_x: bool = False,
    xlabel: str = "",
    ylabel: str = "",
    levels: Mapping[str, float] | None = None,
) -> "Figure":
    """Measured numbers against `x`, a line for each name with its intervals as error bars.

    On logarithmic axes (`log`) an estimate whose interval reaches zero has no place and is left out; the figure says so.

    Args:
        x: the common positions.
        series: by name, values with `estimate` and `interval`, each of the shape of x, such as `Derived`.
        log: both axes logarithmic.
        log_x: a horizontal axis that is logarithmic from one on and has room for zero, as for training steps.
        xlabel: of the horizontal axis.
        ylabel: of the vertical axis.
        levels: horizontal lines by name, such as a bar or a theoretical value.

    Raises:
        ValueError: a series without estimates and intervals, or of another length than x.

    >>> from jaxdl.statistics import Estimate, Interval
    >>> measured = Estimate(np.array([1.0, 2.0]), Interval(np.array([0.9, 1.8]), np.array([1.1, 2.2])))
    >>> len(against([1.0, 2.0], {"risk": measured}).axes)
    1
    """
    x = as_numbers("x", x)
    figure = new_figure(PANEL_SIZE)
    axes = figure.subplots()
    left_out = 0
    for place, (label, each) in enumerate(series.items()):
        if not hasattr(each, "estimate") or np.shape(each.estimate) != x.shape:
            msg = (
                f"series[{label!r}]: got shape {np.shape(getattr(each, 'estimate', ()))}, expected {x.shape}, that of x"
            )
            raise ValueError(msg)
        low, high = each.interval
        is_shown = np.asarray(low) > 0 if log else np.full(x.shape, True)
        left_out += int((~is_shown).sum())
        reach = np.maximum(np.stack([each.estimate - low, high - each.estimate]), 0)
        axes.errorbar(
            x[is_shown], np.asarray(each.estimate)[is_shown], yerr=reach[:, is_shown], label=label,
            color=SERIES_COLORS[place % len(SERIES_COLORS)], marker=MARKERS[place % len(MARKERS)], markersize=4,
            linewidth=1.3, capsize=2,
        )  # fmt: skip
    for label, level in (levels or {}).items():
        axes.axhline(level, color=RISK_COLOR, linewidth=1, linestyle=":")
        axes.annotate(
            label, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize="x-small"
        )
    if log:
        axes.set(xscale="log", yscale="log")
        ticks = [float(x[0])]
        for value in map(float, x[1:]):  # as many labels as there is room for
            ticks += [value] if value > 1.3 * ticks[-1] else []
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
        axes.set_xticks([], minor=True)
    if log_x:
        axes.set_xscale("symlog", linthresh=1, linscale=0.3)
        ticks = [0, *(10**power for power in range(10) if 10**power <= np.max(x))]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
    if left_out:
        axes.set_title(f"left out: {left_out} whose intervals reach zero", loc="right", fontsize="x-small")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if len(series) > MOST_INSIDE:
        figure.legend(loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    else:
        axes.legend(fontsize="small", framealpha=0.9)
    return figure


def rows(
    labels: Sequence[str],
    series: Mapping[str, Any],
    *,
    xlabel: str = "",
    levels: Mapping[str, float] | None = None,
    log: bool = False,
) -> "Figure":
    """Measured numbers as dots with their intervals, a row for each label and a color for each name.

    Args:
        labels: of the rows, the first on top.
        series: by name, values with `estimate` and `interval`, each of the shape `(rows,)`.
        xlabel: of the horizontal axis.
        levels: vertical lines by name, such as a bar or a theoretical value.
        log: a logarithmic horizontal axis.

    Raises:
        ValueError: a series without estimates and intervals, or of another length than the labels.

    >>> from jaxdl.statistics import Estimate, Interval
    >>> measured = Estimate(np.array([1.0, 2.0]), Interval(np.array([0.9, 1.8]), np.array([1.1, 2.2])))
    >>> len(rows(["first", "second"], {"risk": measured}).axes)
    1
    """
    figure = new_figure((PANEL_SIZE[0], 1.2 + 0.38 * len(labels)))
    axes = figure.subplots()
    places = np.arange(len(labels), dtype=float)
    for place, (label, each) in enumerate(series.items()):
        if not hasattr(each, "estimate") or np.shape(each.estimate) != places.shape:
            shape = np.shape(getattr(each, "estimate", ()))
            msg = f"series[{label!r}]: got shape {shape}, expected {places.shape}, one for each row"
            raise ValueError(msg)
        low, high = each.interval
        reach = np.maximum(np.stack([each.estimate - low, high - each.estimate]), 0)
        offset = 0.5 * ((place + 0.5) / len(series) - 0.5)
        axes.errorbar(
            each.estimate, places + offset, xerr=reach, label=label, color=SERIES_COLORS[place % len(SERIES_COLORS)],
            marker=MARKERS[place % len(MARKERS)], markersize=4, linestyle="none", elinewidth=1.3, capsize=2,
        )  # fmt: skip
    for label, level in (levels or {}).items():
        axes.axvline(level, color=RISK_COLOR, linewidth=1, linestyle=":")
        axes.annotate(label, (level, 1), xycoords=("data", "axes fraction"), ha="left", va="top", fontsize="x-small")
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set(xlabel=xlabel, **({"xscale": "log"} if log else {}))
    if not log:
        axes.locator_params(axis="x", nbins=5)
    if len(series) > 1:
        axes.legend(fontsize="small", framealpha=0.9)
    return figure


def new_figure(size: tuple[float, float] = FIGURE_SIZE) -> "Figure":
    """An empty figure, outside of matplotlib's global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = 'figures need matplotlib: pip install "jaxdl[experiments]"'
        raise ImportError(msg) from error
    return Figure(figsize=size, layout="constrained")


def _check_kind(result: Any, kind: type) -> None:
    if not isinstance(result, kind):
        msg = f"result: got a value of type {type(result).__name__}, expected a {kind.__name__}"
        raise ValueError(msg)
