"""What the results of `penalties` hold: the values swept, choices made on validation data, and tables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from experiments.penalties import Config

NOISE_STD = 0.3
DEGREE = 12
NUM_POINTS = 200
NUM_BATCHES = 20
"""Of the samples of the shrinkage study: replicates for its trend tests."""
RIDGE_STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
PRIOR_VARIANCES = (0.01, 0.1, 1.0, 10.0, 100.0)
SHRINKAGE_STRENGTHS = (0.0, *(10.0 ** (power / 2) for power in range(-8, 5)))
"""Zero is least squares; then 1e-4 to 100, two to a decade."""
SIGNAL = 5.0
"""|b|² of every truth of the study of sparsity; the noise has variance one."""
EXPONENTS = (0.5, 1.0, 1.5, 2.0, 4.0)
LQ_STRENGTHS = tuple(10.0 ** (power / 4) for power in range(-12, 2))
"""0.001 to 1.8, four to a decade, for every exponent."""
WEIGHT_STRENGTHS = (0.0, *(10.0 ** (power / 2) for power in range(-8, -2)))
ACTIVITY_STRENGTHS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
DECAY_STRENGTHS = (1e-4, 1e-3, 1e-2)
NUM_TRAIN, NUM_VALIDATION = 300, 200
COLLAPSE_RATIOS = (0.25, 0.5, 0.75, 0.9, 0.95, 1.05, 1.1, 1.25, 1.5)
"""Strengths of weight decay over the predicted threshold |X'y|/n."""
LOWERED = 0.25
"""The ratio to which the strength is then lowered."""
COLLAPSED = 1e-3
"""Weights of a smaller norm are gone."""


class Net(NamedTuple):
    """A network of the study of collapse."""

    depth: int
    is_tanh: bool


COLLAPSE_NETS = {
    "two layers, linear": Net(2, False),
    "two layers, tanh": Net(2, True),
    "three layers, tanh": Net(3, True),
}


def sparse_settings(config: "Config") -> list[tuple[int, float]]:
    """(non-zero coefficients, q): every exponent on the sparsest truth, q = 1 and 2 on the others."""
    sparsest, *others = config.num_nonzero
    return [(sparsest, q) for q in EXPONENTS] + [(k, q) for k in others for q in (1.0, 2.0)]


def activity_settings() -> list[tuple[float, float]]:
    """(strength of the penalty of activations, of weight decay): each alone."""
    return [(strength, 0.0) for strength in ACTIVITY_STRENGTHS] + [(0.0, strength) for strength in DECAY_STRENGTHS]


def best_strength(results: Mapping[str, Any]) -> int:
    """The index of the strength of lowest risk on the first half of the label samples."""
    import numpy as np

    return int(np.split(results["shrinkage.runs"], 2, axis=1)[0].mean(axis=1).argmin())


def tuned_weights(config: "Config", results: Mapping[str, Any]) -> Any:
    """For each network the largest strength of its L1 penalty whose validation accuracy is within the margin of its best."""
    import numpy as np

    accuracy = results["weights.validation"]
    is_good = accuracy >= accuracy.max(axis=0) - config.accuracy_margin - 1e-6
    return np.where(is_good, np.arange(len(accuracy))[:, None], 0).max(axis=0)


def halving(results: Mapping[str, Any]) -> Any:
    """For each network the smallest strength that halves the active share on validation digits; the largest where none does."""
    import numpy as np

    active = results["codes.active"][: len(ACTIVITY_STRENGTHS), :, 0]
    is_half = active <= active[0] / 2
    is_half[-1] = True
    return np.argmax(is_half, axis=0)


def break_even(config: "Config", value_bytes: int) -> float:
    """The share of zeros above which compressed rows of a (64, width) kernel take less memory than the kernel."""
    rows, num_values = 64, 64 * config.width
    return 1 - (value_bytes * num_values - 4 * (rows + 1)) / ((value_bytes + 4) * num_values)


def interval_of(ends: Any) -> Any:
    """A pair of scalars as an interval."""
    from jaxdl.statistics import Interval

    low, high = ends
    return Interval(float(low), float(high))


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """Ridge over strengths, |w|^q over q and truths, networks over strengths."""
    return "\n".join(
        [*_of_ridge(config, results), "", *_of_exponents(config, results), "", *_of_networks(config, results)]
    )


def _of_ridge(config: "Config", results: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Ridge polynomials of degree {DEGREE}: n = {config.num_examples}, {config.num_samples} label samples, "
        f"noise {NOISE_STD**2:.4g}",
        f"{'λ':>8}  {'bias² ± s.e.':>19}  {'exact':>8}  {'variance ± s.e.':>19}  {'exact':>8}  {'risk ± s.e.':>19}",
    ]
    rows = zip(
        SHRINKAGE_STRENGTHS,
        results["shrinkage.estimates"],
        results["shrinkage.errors"],
        results["shrinkage.exact"],
        strict=True,
    )
    for strength, found, errors, exact in rows:
        cells = [f"{value:9.6f} ± {error:.1e}" for value, error in zip(found, errors, strict=True)]
        lines.append(
            f"{strength:8.2g}  {cells[0]:>19}  {exact[0]:8.6f}  {cells[1]:>19}  {exact[1]:8.6f}  {cells[2]:>19}"
        )
    return lines


def _of_exponents(config: "Config", results: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Regression penalised by |w|^q: {config.num_rows} examples, {config.num_features} inputs, |b|² = {SIGNAL:g}, noise 1, "
        f"{config.num_datasets} training sets; tuned on as many validation examples",
        f"{'non-zero':>8}  {'q':>4}  {'excess risk':>11}  {'bias² ± s.e.':>15}  {'variance ± s.e.':>15}  "
        f"{'zeros':>6}  {'kept':>5}  {'minima':>6}  {'mirrored':>8}  {'residual':>8}",
    ]
    names = ("excess", "zeros", "recall", "num_minima", "mirrored")
    for row, (num_nonzero, q) in enumerate(sparse_settings(config)):
        excess, zeros, recall, minima, mirrored = (results[f"sparse.{name}"][row].mean() for name in names)
        cells = [f"{value:.3f} ± {error:.3f}" for value, error in results["sparse.parts"][row]]
        lines.append(
            f"{num_nonzero:8d}  {q:4g}  {excess:11.4f}  {cells[0]:>15}  {cells[1]:>15}  {zeros:6.1%}  "
            f"{recall:5.0%}  {minima:6.1f}  {mirrored:8.1e}  {results['sparse.residual'][row].max():8.1e}"
        )
    return [
        *lines,
        "minima: places at which descent ends; mirrored: change by an orthogonal map of the inputs; residual: the largest",
    ]


def _of_networks(config: "Config", results: Mapping[str, Any]) -> list[str]:
    sizes = f"{NUM_TRAIN} digits, {config.width} hidden units, {config.num_networks} networks"
    lines = [
        f"L1 of the kernels, by proximal steps: {sizes}",
        f"{'strength':>9}  {'zeros':>6}  {'test accuracy':>13}  {'compressed/dense':>16}",
    ]
    dense, compressed = results["weights.bytes"][:, :, 0, 0], results["weights.bytes"][:, :, 0, 1]
    for row, strength in enumerate(WEIGHT_STRENGTHS):
        zeros, accuracy = (results[f"weights.{name}"][row].mean() for name in ("zeros", "test"))
        lines.append(f"{strength:9.2g}  {zeros:6.1%}  {accuracy:13.1%}  {(compressed[row] / dense[row]).mean():16.3f}")
    lines += [
        "",
        f"L1 of the activations, or weight decay: {sizes}",
        f"{'activity':>9}  {'decay':>7}  {'active':>6}  {'test accuracy':>13}",
    ]
    for row, (activity, decay) in enumerate(activity_settings()):
        active, accuracy = results["codes.active"][row, :, 1].mean(), results["codes.test"][row].mean()
        lines.append(f"{activity:9.2g}  {decay:7.2g}  {active:6.1%}  {accuracy:13.1%}")
    lines += [
        "The 597 test digits are the same for all networks, and none is trained or tuned on.",
        "",
        f"Weight decay in units of |X'y|/n: norm of the weights, and share unexplained; then after it is lowered to "
        f"{LOWERED:g}; {config.num_collapses} runs",
        f"{'decay':>6}" + "".join(f"  {name:>31}" for name in COLLAPSE_NETS),
    ]
    for row, ratio in enumerate(COLLAPSE_RATIOS):
        means = [results[f"collapse.{name}"][row].mean(axis=0).ravel() for name in COLLAPSE_NETS]
        lines.append(f"{ratio:6.2f}" + "".join(f"  {a:7.1e} {b:7.3f}; {c:7.1e} {d:6.3f}" for a, b, c, d in means))
    return lines
