"""What the results of `critical_points` say: fractions, agreements, correlations, and the tables."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.critical_points import Config
    from jaxdl.statistics import Interval

KINDS = ("minimum", "maximum", "saddle", "degenerate", "gradient-flat", "diverged", "unfinished")
"""In the order of `curvature.critical.Kind`, which cannot be imported without jax."""
NUM_CRITICAL_KINDS = 4
SADDLE = 2
EXACT_MINIMA = {1: 0.5, 2: (2 - math.sqrt(2)) / 4, 3: (math.pi - 2 * math.sqrt(2)) / (4 * math.pi)}
"""The share of positive matrices in the Gaussian orthogonal ensemble."""
ESCAPE_OFFSETS = (1e-2, 1e-4, 1e-6, 1e-8)
ESCAPE_RATES = (0.1, 0.3, 1.0)
ESCAPE_STEP_SIZE = 0.1
MAX_ESCAPE_STEPS = 4000
LARGEST_GAP = 30
"""Outliers are the eigenvalues above the largest ratio of neighbours among this many of the largest."""


def binomial_interval(successes: int, num: int, level: float = 0.95) -> "Interval":
    """The exact interval of a share (Clopper & Pearson, 1934)."""
    from scipy import special

    from jaxdl.statistics import Interval

    tail = (1 - level) / 2
    low = special.betaincinv(successes, num - successes + 1, tail) if successes else 0.0
    high = special.betaincinv(successes + 1, num - successes, 1 - tail) if successes < num else 1.0
    return Interval(float(low), float(high))


def census_counts(results: Mapping[str, Any]) -> dict[str, Any]:
    """How often each class of the autoencoder's critical points was found, and how many found points are of none."""
    import numpy as np

    truth = results["census.classes"]
    is_critical = results["census.kind"] < NUM_CRITICAL_KINDS
    values, indices = results["census.value"][is_critical], results["census.index"][is_critical]
    hits = (np.abs(values[:, None] - truth[None, :, 0]) < 1e-6) & (indices[:, None] == truth[None, :, 1])
    return {"counts": hits.sum(axis=0), "spurious": int((~hits.any(axis=1)).sum()), "critical": int(is_critical.sum())}


def predicted_index(energy: Any) -> Any:
    """The index fraction of the spherical 3-spin model at an energy per spin: the semicircle's mass below zero.

    F(x) = 1/2 + x sqrt(4 - x²) / (4 pi) + arcsin(x / 2) / pi at x = p u / sqrt(p (p - 1)), p = 3
    """
    import numpy as np

    x = np.clip(3 * np.asarray(energy) / math.sqrt(6), -2, 2)
    return 0.5 + x * np.sqrt(4 - x**2) / (4 * np.pi) + np.arcsin(x / 2) / np.pi


def spin_fractions(config: "Config", results: Mapping[str, Any]) -> tuple[Any, Any]:
    """The measured index fractions, and those predicted at the same energies."""
    return results["spins.index"] / (config.num_spins - 1), predicted_index(results["spins.energy"])


def index_correlations(results: Mapping[str, Any], *, is_descended: bool) -> Any:
    """For each data set, the rank correlation of index and loss over a network's distinct critical points."""
    import numpy as np

    from jaxdl.statistics import rank_correlation

    values = []
    for task in np.unique(results["networks.task"]):
        chosen = (results["networks.task"] == task) & (results["networks.is_descended"] == is_descended)
        if chosen.sum() > 2:
            values.append(rank_correlation(results["networks.index"][chosen] * 1.0, results["networks.value"][chosen]))
    return np.array(values)[np.isfinite(values)]


def escape_slopes(results: Mapping[str, Any]) -> Any:
    """For each run and rate, how the steps to leave, times ln(1 + step size rate), grow with ln(1 / offset): 1 in theory."""
    import numpy as np

    x = -np.log(ESCAPE_OFFSETS)
    time = results["escapes.descent"] * np.log1p(ESCAPE_STEP_SIZE * np.array(ESCAPE_RATES))[None, None, :]
    centred = x - x.mean()
    return np.einsum("o,nor->nr", centred, time) / np.sum(centred**2)


def num_outliers(spectrum: Any) -> Any:
    """The number of eigenvalues above the largest ratio of neighbours among the largest ones; a number for each network."""
    import numpy as np

    top = spectrum[..., ::-1][..., : LARGEST_GAP + 1]
    return np.argmax(top[..., :-1] / top[..., 1:], axis=-1) + 1


def typical_spectrum(results: Mapping[str, Any]) -> Any:
    """The geometric mean over networks of the largest eigenvalues on digits, in increasing order."""
    import numpy as np

    return np.exp(np.log(results["digits.spectrum"][:, -LARGEST_GAP - 1 :]).mean(axis=0))


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """Every study in a few lines."""
    import numpy as np

    lines = ["Kind of analytic critical points: in truth, by eigenvalues, by the signs of the diagonal"]
    columns = [results[f"kinds.{name}"] for name in ("truth", "by_eigenvalues", "by_diagonal")]
    rows: list[tuple[str, ...]] = [("function", "truth", "eigenvalues", "diagonal")]
    rows += [
        (name, *(KINDS[kind] for kind in kinds)) for name, *kinds in zip(results["kinds.names"], *columns, strict=True)
    ]
    lines += aligned(rows)

    draws = int(results["matrices.draws"])
    lines += ["", f"Random symmetric matrices, {draws} draws of each size: share that is positive"]
    rows = [("N", "measured", "exact", "coin flips", "indefinite though the diagonal is positive")]
    for size, (positive, folded) in enumerate(results["matrices.positive"], start=1):
        exact = f"{EXACT_MINIMA[size]:.5f}" if size in EXACT_MINIMA else "-"
        rows.append((str(size), f"{positive / draws:.3g}", exact, f"{0.5**size:.3g}", f"{1 - folded / draws:.4f}"))
    lines += aligned(rows)

    total = results["fields.kinds"].sum(axis=0)
    share = ", ".join(f"{name} {count}" for name, count in zip(KINDS, total, strict=True) if count)
    lines += ["", f"Random fields on a torus: {share}; signs add up to zero on {results['fields.adds_up'].sum()} of "
              f"{config.num_fields}"]  # fmt: skip

    found, num_starts, num_steps = (
        census_counts(results),
        len(results["census.kind"]),
        results["census.num_steps"].mean(),
    )
    lines += ["", f"Linear autoencoder, {len(config.eigenvalues)} inputs, {config.code_size} hidden units: "
              f"{np.sum(found['counts'] > 0)} of {len(found['counts'])} classes found, {found['spurious']} spurious, by "
              f"{found['critical']} of {num_starts} searches, of {num_steps:.0f} steps on average"]  # fmt: skip

    measured, predicted = spin_fractions(config, results)
    rms = math.sqrt(np.mean((measured - predicted) ** 2))
    lines += ["", f"Spherical 3-spin model, N = {config.num_spins}: {len(measured)} distinct critical points of "
              f"{results['spins.kinds'].sum()} searches; rms distance of the index fraction from theory {rms:.4f}, correlation "
              f"{np.corrcoef(measured, predicted)[0, 1]:.3f}"]  # fmt: skip

    lines += [
        "",
        f"tanh networks of {results['networks.num_parameters']} parameters: where searches ended, and distinct points",
    ]
    rows = [("starts", *KINDS, "distinct", "rank correlation of index and loss, by data set")]
    for is_descended, name in ((True, "along descents"), (False, "random")):
        distinct = int((results["networks.is_descended"] == is_descended).sum())
        correlations = index_correlations(results, is_descended=is_descended)
        kinds = results["networks.kinds"][int(is_descended)]
        rows.append((name, *map(str, kinds), str(distinct), " ".join(f"{value:+.2f}" for value in correlations)))
    lines += aligned(rows)

    lines += ["", "Mean steps to leave the saddle of x²/2 - rate y²/2 + y⁴/4: descent, and with gradient noise"]
    rows = [("|y| at the start", *(f"rate {rate}" for rate in ESCAPE_RATES))]
    plain, noisy = (results[f"escapes.{name}"].mean(axis=0) for name in ("descent", "stochastic"))
    for offset, first, second in zip(ESCAPE_OFFSETS, plain, noisy, strict=True):
        rows.append((f"{offset:.0e}", *(f"{a:.0f}, {b:.0f}" for a, b in zip(first, second, strict=True))))
    lines += aligned(rows)

    violated = (results["convexity.midpoint_excess"] > 0).any(axis=1)
    negative = results["convexity.extreme_eigenvalues"][:, 0] < 0
    lines += ["", f"Convexity of tanh networks: midpoint inequality violated in {violated.mean():.0%}, negative curvature at the "
              f"start in {negative.mean():.0%} of {len(violated)} networks"]  # fmt: skip

    top = results["digits.spectrum"][:, ::-1][:, :12]
    lines += [
        "",
        f"Networks on digits: outliers {num_outliers(results['digits.spectrum']).tolist()}, of the mean "
        f"spectrum {num_outliers(typical_spectrum(results))}; the largest eigenvalues:",
    ]
    lines += aligned([tuple(f"{value:.3f}" for value in row) for row in top])
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table whose first row holds its headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
