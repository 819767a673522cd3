"""The figures of `critical_points`: index against energy, what searches found, and how saddles are left."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.critical_points_results import (
    ESCAPE_OFFSETS,
    ESCAPE_RATES,
    ESCAPE_STEP_SIZE,
    EXACT_MINIMA,
    KINDS,
    NUM_CRITICAL_KINDS,
    census_counts,
    index_correlations,
    num_outliers,
    predicted_index,
    spin_fractions,
    typical_spectrum,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.critical_points import Config

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """All figures, by name."""
    return {
        "index": _index(config, results),
        "searches": _searches(results),
        "curvature": _curvature(results),
    }


def _index(config: "Config", results: Mapping[str, Any]) -> "Figure":
    """Index against energy: spins with their theory, tanh networks from both kinds of starts."""
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2)
    measured, predicted = spin_fractions(config, results)
    reach = 1.1 * np.abs(results["spins.energy"]).max()
    energies = np.linspace(-reach, reach, 200)
    left.plot(
        results["spins.energy"], measured, "o", color=BLUE, markersize=3, alpha=0.6, label="critical points found"
    )
    left.plot(energies, predicted_index(energies), color="black", linewidth=1.2, label="theory, N = ∞")
    left.set(xlabel="energy per spin", ylabel="index / (N - 1)")
    rms = np.sqrt(np.mean((measured - predicted) ** 2))
    left.set_title(f"Spherical 3-spin model, N = {config.num_spins}: rms distance {rms:.3f}", fontsize="medium")

    share = results["networks.index"] / results["networks.num_parameters"]
    for is_descended, colour, marker, name in (
        (False, GREY, "s", "from random starts"),
        (True, RED, "o", "along descents"),
    ):
        chosen = results["networks.is_descended"] == is_descended
        correlations = index_correlations(results, is_descended=is_descended)
        told = f", mean rank correlation {correlations.mean():+.2f}" if len(correlations) else ""
        right.plot(
            results["networks.value"][chosen], share[chosen], marker, color=colour, markersize=4, alpha=0.6,
            label=f"{name}: {chosen.sum()} points{told}",
        )  # fmt: skip
    right.set(xlabel="loss", ylabel="index / parameters", xscale="log")
    low, high = right.get_xlim()
    right.set_xticks([tick for tick in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if low < tick < high])
    right.set_xticks([], minor=True)
    right.xaxis.set_major_formatter("{x:g}")
    right.set_title(
        f"tanh networks of {results['networks.num_parameters']} parameters, {config.num_tasks} data sets",
        fontsize="medium",
    )
    for axes in (left, right):
        axes.legend(fontsize="small")
    figure.suptitle("Does the index of critical points follow their energy?", fontweight="bold")
    return figure


def _searches(results: Mapping[str, Any]) -> "Figure":
    """The census, class by class, and how searches on networks ended."""
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2)
    found = census_counts(results)
    truth, counts = results["census.classes"], found["counts"]
    hit = counts > 0
    left.scatter(
        truth[hit, 0],
        truth[hit, 1],
        s=15 + 12 * np.sqrt(counts[hit]),
        color=GREEN,
        alpha=0.8,
        label="found (area: how often)",
    )
    if not hit.all():
        left.scatter(truth[~hit, 0], truth[~hit, 1], s=40, facecolors="none", edgecolors=RED, label="missed")
    left.set(xlabel="loss", ylabel="index")
    left.legend(fontsize="small")
    left.set_title(
        f"Linear autoencoder: {hit.sum()} of {len(hit)} classes, {found['spurious']} spurious", fontsize="medium"
    )
    kinds = results["networks.kinds"][::-1]
    shares = kinds / kinds.sum(axis=1, keepdims=True)
    colours = ("#0072B2", "#56B4E9", "#009E73", "#CC79A7", "#E69F00", "#000000", "#BBBBBB")
    start = np.zeros(2)
    for index, (name, colour) in enumerate(zip(KINDS, colours, strict=True)):
        if kinds[:, index].sum():
            right.barh(["along descents", "random starts"], shares[:, index], left=start, color=colour, label=name)
        start += shares[:, index]
    critical = shares[:, :NUM_CRITICAL_KINDS].sum(axis=1)
    right.set(xlabel="share of searches", xlim=(0, 1))
    right.set_title(
        f"tanh networks: critical are {critical[0]:.0%} and {critical[1]:.0%} of the ends", fontsize="medium"
    )
    right.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, frameon=False)
    figure.suptitle("Where the gradient's norm has a minimum need not be a critical point", fontweight="bold")
    return figure


def _curvature(results: Mapping[str, Any]) -> "Figure":
    """Positive random matrices, times to leave a saddle, and the spectrum of networks on digits."""
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((13.0, 4.4))
    first, second, third = figure.subplots(1, 3)
    draws = int(results["matrices.draws"])
    shares = results["matrices.positive"] / draws
    sizes = np.arange(1, len(shares) + 1)
    _line(first, sizes, shares[:, 0], BLUE, "positive")
    _line(first, sizes, shares[:, 1], ORANGE, "positive, if the diagonal is")
    first.plot(sizes, 0.5**sizes, "--", color=GREY, linewidth=1, label="independent signs")
    first.plot(list(EXACT_MINIMA), list(EXACT_MINIMA.values()), "x", color="black", label="exact")
    first.set(xlabel="N", ylabel="share of random symmetric matrices", yscale="log")
    first.set_title("Positive matrices are rarer than coin flips", fontsize="medium")

    offsets = np.array(ESCAPE_OFFSETS)
    times = {name: results[f"escapes.{name}"].mean(axis=0) for name in ("descent", "stochastic")}
    for rate, colour, plain, noisy in zip(
        ESCAPE_RATES, (BLUE, GREEN, RED), times["descent"].T, times["stochastic"].T, strict=True
    ):
        second.plot(offsets, plain, "o-", color=colour, linewidth=1, markersize=4, label=f"curvature -{rate}")
        second.plot(offsets, noisy, "s:", color=colour, linewidth=1, markersize=4)
    second.set(
        xlabel="distance from the stable manifold",
        ylabel=f"mean steps of size {ESCAPE_STEP_SIZE}",
        xscale="log",
        yscale="log",
    )
    second.plot([], [], "s:", color="black", linewidth=1, markersize=4, label="with gradient noise")
    second.set_ylim(top=3 * times["descent"].max())
    second.set_title("Saddles delay descent; noise helps it out", fontsize="medium")

    spectrum, ranks = results["digits.spectrum"][:, ::-1], np.arange(1, 41)
    for row in spectrum:
        third.plot(ranks, row[:40], "-", color=GREY, linewidth=0.8)
    typical = typical_spectrum(results)[::-1]
    num = int(num_outliers(typical[::-1]))
    third.plot(ranks[:num], typical[:num], "o", color=RED, markersize=4, label=f"{num} outliers of the geometric mean")
    third.plot(ranks[num : len(typical)], typical[num:], "o", color=BLUE, markersize=4, label="bulk")
    third.plot([], [], "-", color=GREY, linewidth=0.8, label="each network")
    third.axvline(10, color="black", linestyle=":", linewidth=1, label="10 classes")
    third.set(xlabel="rank", ylabel="eigenvalue", yscale="log")
    third.set_title("The largest eigenvalues of networks on digits", fontsize="medium")
    for axes in (first, second, third):
        axes.legend(fontsize="x-small")
    figure.suptitle("What eigenvalues of a Hessian say, and its diagonal does not", fontweight="bold")
    return figure


def _line(axes: "Axes", x: Any, y: Any, colour: str, label: str) -> None:
    import numpy as np

    axes.plot(x, np.where(y > 0, y, np.nan), "o-", color=colour, linewidth=1, markersize=4, label=label)
