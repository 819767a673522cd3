"""What the results of `hessian_variance` say: the Tracy-Widom law, moments with their errors, biases of minibatches, tables."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from experiments.hessian_variance import Config

TRACY_WIDOM_MEAN, TRACY_WIDOM_VARIANCE = -1.2065335745820, 1.6077810345810
"""Of the law for real symmetric matrices."""
EIGENVALUES = ("largest", "smallest", "mean")
"""What is measured of every data set; all are 1 for infinitely many examples."""
GRID = 32


class Moments(NamedTuple):
    """Of one statistic over data sets: mean and standard deviation, bias² and variance, each with its standard error."""

    mean: float
    mean_error: float
    spread: float
    spread_error: float
    bias_squared: float
    bias_squared_error: float
    variance: float
    variance_error: float


def tracy_widom_cumulative(s: Any) -> Any:
    """P(TW1 <= s) = det(1 - A_s), where A_s has the kernel Ai(x + y + s) on x, y > 0, by Gauss-Legendre quadrature.

    Sources: Ferrari & Spohn (2005); Bornemann (2010).
    """
    import numpy as np
    from scipy import special

    nodes, weights = np.polynomial.legendre.leggauss(GRID)
    x, roots = 8 * (nodes + 1), np.sqrt(8 * weights)
    kernel = special.airy(x[:, None] + x[None, :] + np.asarray(s)[..., None, None])[0]
    return np.linalg.det(np.eye(GRID) - roots[:, None] * kernel * roots[None, :])


def scaling(num_examples: int, num_features: int) -> tuple[float, float]:
    """(m + s E[TW1], s sd(TW1)): mean and standard deviation of the largest eigenvalue of XᵀX / N.

        N m = (√n + √p)²,  N s = (√n + √p) (1 / √n + 1 / √p)^⅓,  n = N - ½, p = d - ½

    The constants of Ma (2012), whose error is of second order. Those of Johnstone (2001), n = N - 1 and p = d, make the mean
    too large by 0.002 at N = 400 and d = 100, more than the standard error over 1,500 data sets.
    """
    centre, scale = _centre_and_scale(num_examples, num_features)
    return centre + scale * TRACY_WIDOM_MEAN, scale * math.sqrt(TRACY_WIDOM_VARIANCE)


def density(values: Any, num_examples: int, num_features: int) -> Any:
    """The density that the Tracy-Widom law gives to the largest eigenvalue."""
    centre, scale = _centre_and_scale(num_examples, num_features)
    s, step = (values - centre) / scale, 1e-3
    return (tracy_widom_cumulative(s + step) - tracy_widom_cumulative(s - step)) / (2 * step * scale)


def kolmogorov_distance(samples: Any, num_examples: int, num_features: int) -> float:
    """The largest difference between the share of samples below a value and its probability by the Tracy-Widom law."""
    import numpy as np

    centre, scale = _centre_and_scale(num_examples, num_features)
    grid = np.linspace(-8, 6, 141)  # between its points the law is linear to 2e-4
    probabilities = np.interp((np.sort(samples) - centre) / scale, grid, tracy_widom_cumulative(grid))
    steps = np.arange(len(samples) + 1) / len(samples)
    return float(max(np.max(steps[1:] - probabilities), np.max(probabilities - steps[:-1])))


def moments(samples: Any) -> list[Moments]:
    """Of samples (data sets, statistics) whose truth is 1, those of every statistic."""
    import numpy as np

    from jaxdl.decomposition import Target, squared_error

    truth = np.ones(samples.shape[1])
    parts = squared_error(samples, factors=("data",), target=Target(mean=truth, noise=0.0)).per_point
    means, found = samples.mean(axis=0, dtype=float), []
    for index, mean in enumerate(means):
        bias, variance = (parts.estimates[name][index] for name in ("bias_squared", "total_variance"))
        bias_error, variance_error = (parts.standard_errors[name][index] for name in ("bias_squared", "total_variance"))
        spread = math.sqrt(variance)
        found.append(
            Moments(
                mean, spread / math.sqrt(len(samples)), spread, variance_error / (2 * spread),
                bias, bias_error, variance, variance_error,
            )
        )  # fmt: skip
    return found


def excess(results: Mapping[str, Any]) -> Any:
    """(networks, sizes, batches) of λ(H_B) - u · H_B u, whose mean is the bias exactly, since E[u · H_B u] = λ(H).

    Beside λ(H_B) - λ(H) it is without the scatter that is linear in H_B, and never negative.
    """
    return (results["sampled"][..., 0] - results["sampled"][..., 1]).astype(float)


def slope_ratios(config: "Config", results: Mapping[str, Any]) -> Any:
    """(sizes, batches) of B times the bias, divided by what perturbation theory predicts; averaged over networks."""
    import numpy as np

    sizes = np.array(config.batch_sizes)[None, :, None]
    return (sizes * excess(results) / results["bias_slope"][:, None, None]).mean(axis=0)


def by_size(config: "Config", results: Mapping[str, Any]) -> list[tuple[int, Any]]:
    """All sizes of least squares, in increasing order, with their samples."""
    pairs = [*zip(config.other_sizes, results["sizes"], strict=True), (config.num_examples, results["linear"])]
    return sorted(pairs, key=lambda pair: (pair[0], len(pair[1])))


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """Least squares by size, then networks by batch size."""
    import numpy as np

    d = config.num_features
    lines = [
        f"Least squares on {d} inputs: the largest eigenvalue of the Hessian, which is 1 for infinitely many examples",
    ]
    rows = [
        (
            "N",
            "data sets",
            "mean ± s.e.",
            "Tracy-Widom",
            "z",
            "sd ± s.e.",
            "Tracy-Widom",
            "bias² ± s.e.",
            "variance ± s.e.",
        )
    ]
    others = [("N", "smallest ± s.e.", "sd", "mean of all ± s.e.", "sd", "its exact sd")]
    for size, samples in by_size(config, results):
        top, bottom, average = moments(samples)
        mean, spread = scaling(size, d)
        rows.append((
            str(size), str(len(samples)), _pair(top.mean, top.mean_error), f"{mean:.4f}",
            f"{(top.mean - mean) / top.mean_error:+.1f}", _pair(top.spread, top.spread_error), f"{spread:.4f}",
            _pair(top.bias_squared, top.bias_squared_error), _pair(top.variance, top.variance_error),
        ))  # fmt: skip
        others.append((
            str(size), _pair(bottom.mean, bottom.mean_error), f"{bottom.spread:.4f}",
            _pair(average.mean, average.mean_error), f"{average.spread:.5f}", f"{math.sqrt(2 / (size * d)):.5f}",
        ))  # fmt: skip
    lines += aligned(rows)
    distance = kolmogorov_distance(results["linear"][:, 0], config.num_examples, d)
    lines += [
        f"Kolmogorov's distance from the law at N = {config.num_examples}: {distance:.3f}; a sample of it stays below "
        f"{1.36 / math.sqrt(len(results['linear'])):.3f} in 95 % of cases.",
        "",
        *aligned(others),
    ]

    lines += [
        "",
        f"Networks on digits, {config.num_batches} minibatches: relative to the largest eigenvalue of all data",
    ]
    compared: list[tuple[str, ...]] = [("network", "B", "bias ± s.e.", "theory", "sd", "theory")]
    found, sampled = excess(results), results["sampled"][..., 0].astype(float)
    for index, value in enumerate(results["value"]):
        for size, one, plain in zip(config.batch_sizes, found[index], sampled[index], strict=True):
            compared.append((
                f"{index} (eigenvalue {value:.3f})", str(size),
                _pair(one.mean() / value, one.std(ddof=1) / (math.sqrt(len(one)) * value)),
                f"{results['bias_slope'][index] / (size * value):.4f}", f"{plain.std(ddof=1) / value:.4f}",
                f"{math.sqrt(results['variance_slope'][index] / size) / value:.4f}",
            ))  # fmt: skip
    lines += aligned(compared)
    ratios = slope_ratios(config, results)
    told = ", ".join(
        f"{_pair(row.mean(), row.std(ddof=1) / math.sqrt(len(row)))} at {size}"
        for size, row in zip(config.batch_sizes, ratios, strict=True)
    )
    lines += [
        "",
        f"Measured bias over the predicted one, mean of {len(np.atleast_1d(results['value']))} networks: {told}",
    ]
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table whose first row holds its headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _centre_and_scale(num_examples: int, num_features: int) -> tuple[float, float]:
    n, d = math.sqrt(num_examples - 0.5), math.sqrt(num_features - 0.5)
    return (n + d) ** 2 / num_examples, (n + d) * (1 / n + 1 / d) ** (1 / 3) / num_examples


def _pair(estimate: float, error: float) -> str:
    """Both with as many decimals as give the error two digits."""
    decimals = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 4
    return f"{estimate:.{decimals}f} ± {error:.{decimals}f}"
