"""The figures of `hessian_variance`: least squares beside the Tracy-Widom law, and networks by batch size."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.hessian_variance_results import by_size, density, excess, moments, scaling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from experiments.hessian_variance import Config

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"
NETWORK_STYLES = ((BLUE, "o"), (RED, "s"), (GREEN, "^"), (ORANGE, "v"))


def plot(config: "Config", results: Mapping[str, Any]) -> "dict[str, Figure]":
    """Both figures, by name."""
    return {"least_squares": _least_squares(config, results), "batches": _batches(config, results)}


def _least_squares(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.4))
    left, right = figure.subplots(1, 2)
    d, samples = config.num_features, results["linear"][:, 0]
    mean, spread = scaling(config.num_examples, d)
    values = np.linspace(min(samples.min(), mean - 4 * spread), max(samples.max(), mean + 4.5 * spread), 300)
    left.hist(samples, bins=max(10, len(samples) // 40), density=True, color=BLUE, alpha=0.5, label="measured")
    left.plot(
        values, density(values, config.num_examples, d), color=plots.RISK_COLOR, linewidth=1.2, label="Tracy-Widom"
    )
    left.axvline(float(samples.mean()), color=BLUE, linewidth=1, linestyle="--", label="measured mean")
    left.set(xlabel="largest eigenvalue of the Hessian (1 for infinitely many examples)", ylabel="density")
    left.set_title(f"N = {config.num_examples}, d = {d}: {len(samples)} data sets", fontsize="medium")
    left.legend(fontsize="small")

    sizes = [size for size, _ in by_size(config, results)]
    top = [moments(rows)[0] for _, rows in by_size(config, results)]
    least = min(m.bias_squared / m.variance for m in top)
    grid = np.geomspace(sizes[0], sizes[-1], 60)
    law = np.array([scaling(size, d) for size in grid])
    right.loglog(grid, (law[:, 0] - 1) ** 2, color=BLUE, linewidth=1)
    right.loglog(grid, law[:, 1] ** 2, color=ORANGE, linewidth=1, label="lines: Tracy-Widom")
    for colour, name, estimates, errors in (
        (BLUE, "bias²", [m.bias_squared for m in top], [m.bias_squared_error for m in top]),
        (ORANGE, "variance", [m.variance for m in top], [m.variance_error for m in top]),
    ):
        right.errorbar(
            sizes, estimates, 1.96 * np.array(errors), fmt="o", color=colour, markersize=4, capsize=2, label=name
        )
    right.set(xlabel="N, examples", ylabel="squared error of the largest eigenvalue")
    right.set_xticks(sizes, [str(size) for size in sizes])
    right.set_xticks([], minor=True)
    right.set_title(f"Its error is bias: bias² is at least {least:.0f} times the variance", fontsize="medium")
    right.legend(fontsize="small")
    figure.suptitle("The largest eigenvalue of a Hessian estimated from data is too large", fontweight="bold")
    return figure


def _batches(config: "Config", results: Mapping[str, Any]) -> "Figure":
    import numpy as np

    from jaxdl import plots

    figure = plots.new_figure((11.0, 4.4))
    left, right = figure.subplots(1, 2)
    sizes = np.array(config.batch_sizes)
    found = excess(results)
    for index, value in enumerate(results["value"]):
        colour, marker = NETWORK_STYLES[index % len(NETWORK_STYLES)]
        sampled = results["sampled"][index, ..., 0].astype(float) / value
        bias = found[index] / value
        reach = 1.96 * bias.std(axis=1, ddof=1) / np.sqrt(bias.shape[1])
        left.errorbar(
            sizes, bias.mean(axis=1), reach, fmt=marker, color=colour, markersize=4, capsize=2, label=f"network {index}"
        )
        left.plot(sizes, results["bias_slope"][index] / (sizes * value), color=colour, linewidth=1)
        right.plot(sizes, sampled.std(axis=1, ddof=1), marker, color=colour, markersize=4, label=f"network {index}")
        right.plot(sizes, np.sqrt(results["variance_slope"][index] / sizes) / value, color=colour, linewidth=1)
    left.set(ylabel="bias, relative to all data")
    left.set_title("Bias: lines are c / B, from perturbation theory", fontsize="medium")
    right.set(ylabel="standard deviation, relative to all data")
    right.set_title("Standard deviation: lines are c / √B", fontsize="medium")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="B, examples in the minibatch")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xticks([], minor=True)
        axes.legend(fontsize="small")
    figure.suptitle("The largest eigenvalue of a minibatch's Hessian, at fixed parameters", fontweight="bold")
    return figure
