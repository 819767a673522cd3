"""The figures of `penalties`: bias against variance, the prior, sparsity, collapse, and networks that are sparse."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.penalties_results import (
    ACTIVITY_STRENGTHS,
    COLLAPSE_NETS,
    COLLAPSE_RATIOS,
    COLLAPSED,
    DECAY_STRENGTHS,
    EXPONENTS,
    LOWERED,
    NOISE_STD,
    PRIOR_VARIANCES,
    SHRINKAGE_STRENGTHS,
    break_even,
    sparse_settings,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.penalties import Config

BLUE, ORANGE, GREEN, PINK, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00"


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """All figures, by name."""
    return {
        "trade_off": _trade_off(config, results),
        "prior": _prior(results),
        "sparsity": _sparsity(config, results),
        "collapse": _collapse(results),
        "networks": _networks(config, results),
    }


def _trade_off(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.4))
    left, right = figure.subplots(1, 2)
    strengths = np.array(SHRINKAGE_STRENGTHS[1:])
    estimates, errors, exact = (results[f"shrinkage.{name}"][1:] for name in ("estimates", "errors", "exact"))
    for part, (name, colour) in enumerate({"bias²": BLUE, "variance": ORANGE, "risk": plots.RISK_COLOR}.items()):
        left.plot(strengths, exact[:, part], color=colour, linewidth=1)
        left.errorbar(
            strengths, estimates[:, part], 2 * errors[:, part], fmt="o", color=colour, markersize=3, capsize=2,
            label=f"{name} ± 2 s.e.",
        )  # fmt: skip
    left.axhline(results["shrinkage.exact"][0, 2], color="grey", linestyle=":", label="risk of least squares, exact")
    best = int(exact[:, 2].argmin())
    left.set(xscale="log", xlabel="λ", ylim=(0, 2.5 * exact[0, 2]), ylabel="squared error")
    left.set_title(f"Degree 12, n = {config.num_examples}: lowest risk at λ = {strengths[best]:.2g}", fontsize="medium")

    values = results["eigen.values"]
    for strength, colour in ((0.1, GREEN), (1.0, BLUE), (10.0, ORANGE), (100.0, RED)):
        row = int(np.abs(np.log(np.maximum(SHRINKAGE_STRENGTHS, 1e-9)) - np.log(strength)).argmin())
        grid = np.geomspace(values.min() / 1.5, values.max() * 1.5, 100)
        right.plot(grid, (grid / (grid + SHRINKAGE_STRENGTHS[row])) ** 2, color=colour, linewidth=1)
        right.plot(
            values, results["eigen.found"][row, 1] / NOISE_STD**2, "o", color=colour, markersize=4,
            label=f"λ = {SHRINKAGE_STRENGTHS[row]:.2g}",
        )  # fmt: skip
    right.set(xscale="log", xlabel="eigenvalue s² of X'X", ylim=(0, None), ylabel="variance left, share of σ²")
    right.set_title("Along each eigenvector: the line is (s²/(s²+λ))²", fontsize="medium")
    return _finished(figure, left, right)


def _prior(results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.2))
    left, right = figure.subplots(1, 2)
    arms = ((1, "λ = 1/(2s²)", BLUE), (2, "λ = s²/2, as printed", RED))
    for which, name, colour in arms:
        distance = results["prior.distance"][:, :, which]
        roughness = results["prior.roughness"][:, :, which]
        for axes, values in ((left, distance), (right, roughness)):
            low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=1)
            axes.fill_between(PRIOR_VARIANCES, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(PRIOR_VARIANCES, middle, "o-", color=colour, markersize=4, label=name)
            axes.set(xscale="log", yscale="log", xlabel="prior variance s²")
    left.set(ylabel="relative distance from the posterior mean", ylim=(1e-17, 1e3))
    right.set(ylabel="∫ f''²")
    left.set_title("Distance of the penalised fit from the posterior mean", fontsize="medium")
    right.set_title("Roughness of the fit", fontsize="medium")
    figure.suptitle("Medians over data sets; 10 % to 90 % of them in the bands", fontsize="small")
    return _finished(figure, left, right)


def _sparsity(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((13.0, 4.4))
    left, middle, right = figure.subplots(1, 3)
    settings = sparse_settings(config)
    positions = np.arange(len(config.num_nonzero))
    for q, offset, hatch in ((1.0, -0.2, ""), (2.0, 0.2, "//")):
        rows = [settings.index((k, q)) for k in config.num_nonzero]
        bias, variance = results["sparse.parts"][rows][:, :, 0].T
        style = {"width": 0.36, "hatch": hatch, "edgecolor": "white", "linewidth": 0.5}
        left.bar(positions + offset, bias, color=BLUE, label=f"L{q:g}: bias²", **style)
        left.bar(
            positions + offset, variance, bottom=np.maximum(bias, 0), color=ORANGE, label=f"L{q:g}: variance", **style
        )
    left.set_xticks(positions, [str(k) for k in config.num_nonzero])
    left.set(xlabel=f"coefficients that are not zero, of {config.num_features}", ylabel="excess risk")
    left.set_title("Tuned L1 and tuned L2 (hatched), by parts", fontsize="medium")

    rows = [settings.index((config.num_nonzero[0], q)) for q in EXPONENTS]
    names = [f"{q:g}" for q in EXPONENTS]
    zeros = results["sparse.zeros"][rows]
    middle.boxplot(list(100 * zeros), tick_labels=names, medianprops={"color": RED})
    middle.axhline(
        100 * (1 - config.num_nonzero[0] / config.num_features), color="grey", linestyle=":", label="zero in truth"
    )
    middle.set(xlabel="q of the penalty |w|^q", ylabel="% of weights exactly zero", ylim=(-4, 104))
    middle.set_title(f"Exact zeros, {config.num_nonzero[0]} coefficients not zero", fontsize="medium")

    several = 100 * (results["sparse.num_minima"][rows] > 1).mean(axis=1)
    moved = results["sparse.mirrored"][rows].mean(axis=1)
    right.bar(np.arange(len(rows)) - 0.2, several, width=0.36, color=PINK, label="% of runs with several minima")
    right.bar(np.arange(len(rows)) + 0.2, 100 * moved, width=0.36, color=GREEN, label="% moved by a rotation")
    right.set_xticks(range(len(rows)), names)
    right.set(xlabel="q of the penalty |w|^q", ylabel="%")
    right.set_title("Convex? Indifferent to rotations?", fontsize="medium")
    return _finished(figure, left, middle, right)


def _collapse(results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.4))
    axes = figure.subplots(1, 2, sharey=True)
    titles = (
        "After training at this decay",
        f"After the decay is then lowered to {LOWERED:g}",
    )
    for phase, (panel, title) in enumerate(zip(axes, titles, strict=True)):
        for (name, net), colour, marker in zip(COLLAPSE_NETS.items(), (BLUE, ORANGE, RED), "os^", strict=True):
            norms = results[f"collapse.{name}"][:, :, phase, 0]
            low, middle, high = np.quantile(norms, [0, 0.5, 1], axis=1)
            reach = np.stack([middle - low, high - middle])
            style = {"linestyle": "-" if net.depth == 2 else "--", "markersize": 5, "capsize": 2}
            panel.errorbar(COLLAPSE_RATIOS, middle, reach, marker=marker, color=colour, label=name, **style)
        panel.axvline(1, color="grey", linestyle=":", label="|X'y|/n")
        panel.set(xlabel="weight decay, in units of |X'y|/n")
        panel.set_yscale("symlog", linthresh=COLLAPSED)
        panel.set_title(title, fontsize="medium")
    axes[0].set(ylabel="norm of the weights; all runs within the bars", ylim=(-COLLAPSED / 5, 3))
    figure.suptitle("Too much weight decay, and less again: all weights vanish, and may come back", fontweight="bold")
    return _finished(figure, axes[0])


def _networks(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.4))
    left, right = figure.subplots(1, 2)
    zeros = results["weights.zeros"]
    for which, (name, colour) in enumerate({"float32": BLUE, "float64": GREEN}.items()):
        dense, compressed = np.moveaxis(results["weights.bytes"][:, :, which], -1, 0)
        left.plot(
            100 * zeros.ravel(), (compressed / dense).ravel(), ".", color=colour, label=f"compressed rows, {name}"
        )
        left.axvline(100 * break_even(config, (4, 8)[which]), color=colour, linestyle=":", linewidth=1)
    left.axhline(1, color=plots.RISK_COLOR, linewidth=1, label="dense, whatever its zeros")
    left.set(xlabel="% of the kernel exactly zero", ylabel="bytes, over those of the dense kernel", ylim=(0, None))
    left.set_title("Memory of sparse weights, and accuracy (crosses)", fontsize="medium")
    accuracy = left.twinx()
    accuracy.plot(100 * zeros.mean(axis=1), 100 * results["weights.test"].mean(axis=1), "x--", color=RED, linewidth=1)
    accuracy.set(ylim=(0, 100))
    accuracy.set_ylabel("% of test digits right", color=RED)

    num = len(ACTIVITY_STRENGTHS)
    active, test = 100 * results["codes.active"][:, :, 1], 100 * results["codes.test"]
    arms = {
        "penalty on activations": (slice(0, num), BLUE, ACTIVITY_STRENGTHS),
        "weight decay": ([0, *range(num, num + len(DECAY_STRENGTHS))], ORANGE, (0.0, *DECAY_STRENGTHS)),
    }
    for name, (rows, colour, strengths) in arms.items():
        x, y = active[rows].mean(axis=1), test[rows].mean(axis=1)
        error = test[rows].std(axis=1, ddof=1) / test.shape[1] ** 0.5
        right.errorbar(x, y, 2 * error, fmt="o-", color=colour, markersize=4, capsize=2, label=f"{name}, ± 2 s.e.")
        for strength, at in zip(strengths, zip(x, y, strict=True), strict=True):
            if strength > 0:
                right.annotate(
                    f"{strength:g}", at, xytext=(3, 5), textcoords="offset points", fontsize="x-small", color=colour
                )
    left.legend(fontsize="small", framealpha=0.9, loc="lower left")
    right.axvline(active[0].mean() / 2, color="grey", linestyle=":", label="half of those active without")
    right.set(xlabel="% of hidden units active on test digits", ylabel="% of test digits right")
    right.set_title("Active units, and accuracy, over strengths", fontsize="medium")
    return _finished(figure, right)


def _finished(figure: "Figure", *panels: "Axes") -> "Figure":
    for axes in panels:
        axes.legend(fontsize="small", framealpha=0.9)
    return figure
