"""What the results of `network_size` hold: sums of terms with their errors, what was chosen on which data, tables.

`STUDY.ARM.terms` names the rows of `STUDY.ARM.estimates` (terms, widths) and of `STUDY.ARM.without one of FACTOR` (terms, levels,
widths), its jackknife. `STUDY.chosen` numbers the strength that each run chose: (widths, data, init).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from experiments.network_size import Config

Terms = tuple[str, ...]
Cell = tuple[float, float, float]
"""Width, weight decay, rate of dropout."""


class Measured(NamedTuple):
    """A number or an array of them, with the jackknife standard error and the 95 % interval."""

    estimate: Any
    standard_error: Any
    interval: Any


STUDIES = {
    "features": "random features with ridge",
    "few": "networks with weight decay, few examples",
    "many": "networks with weight decay, many examples",
}
ARMS = {"tuned": "regularisation tuned", "without": "no regularisation"}
KINDS = ("right", "noisy", "shuffled")
RISK: Terms = ("risk",)
BIAS: Terms = ("bias_squared",)
VARIANCE: Terms = ("total_variance",)
PARTS: dict[str, Terms] = {
    "bias²": BIAS,
    "variance: data": ("variance[data]",),
    "variance: initialisation": ("variance[init]",),
    "variance: data × initialisation": ("variance[data, init]",),
}


def widths_of(config: "Config", study: str) -> tuple[int, ...]:
    """The widths that a study sweeps."""
    return config.feature_widths if study == "features" else config.network_widths


def examples_of(config: "Config", study: str) -> int:
    """The size of a study's training sets."""
    return config.many_examples if study == "many" else config.num_examples


def strengths_of(config: "Config", study: str) -> tuple[float, ...]:
    """The penalties or weight decays that a study chooses from, the same for every width; the first is none."""
    return 0.0, *(config.feature_strengths if study == "features" else config.network_strengths)


def levels_of(config: "Config", study: str) -> tuple[int, int]:
    """Training sets and initialisations of a study."""
    return config.feature_levels if study == "features" else config.network_levels


def median_strengths(config: "Config", study: str, results: Mapping[str, Any]) -> list[float]:
    """The median over runs of the strength that validation examples chose, for each width."""
    import numpy as np

    strengths = np.array(strengths_of(config, study))
    return [float(np.quantile(strengths[chosen], 0.5, method="lower")) for chosen in results[f"{study}.chosen"]]


def shares_at_end(config: "Config", study: str, results: Mapping[str, Any]) -> list[float]:
    """The share of runs that chose the largest strength, for each width: where it is high, a larger one may have been better."""
    last = len(strengths_of(config, study)) - 1
    return [float((chosen == last).mean()) for chosen in results[f"{study}.chosen"]]


def report_cells(config: "Config", scores: Any) -> dict[str, Cell]:
    """The cells of the grid that are judged on fresh digits: the best large and small ones, both without regularisation, the best.

    By the mean accuracy of (widths, strengths, rates, seeds); small is the adequate width or less, large 8 times that or more.
    """
    import numpy as np

    means, widths = scores.mean(axis=-1), np.array(config.grid_widths)
    cells = {}
    for name, chosen in {
        "large": widths >= 8 * config.adequate_width,
        "small": widths <= config.adequate_width,
    }.items():
        at = best_cell(np.where(chosen[:, None, None], means, -np.inf))
        cells[name] = cell_at(config, at)
    unregularised = {f"{name}, unregularised": (cell[0], 0.0, 0.0) for name, cell in cells.items()}
    return cells | unregularised | {"any size": cell_at(config, best_cell(means))}


def best_cell(means: Any) -> tuple[int, int, int]:
    """The position of the highest mean accuracy."""
    import numpy as np

    return tuple(map(int, np.unravel_index(means.argmax(), means.shape)))  # type: ignore[return-value]


def cell_at(config: "Config", position: tuple[int, int, int]) -> Cell:
    """Width, weight decay and rate at a position of the grid."""
    axes = config.grid_widths, config.grid_strengths, config.grid_rates
    width, strength, rate = (values[index] for values, index in zip(axes, position, strict=True))
    return float(width), strength, rate


def measured(
    results: Mapping[str, Any],
    study: str,
    terms: Terms,
    of: Callable[[Any], Any] = lambda values: values,
    *,
    level: float = 0.95,
) -> Measured:
    """The sum of some terms at all widths, or a function of it, with the two-way jackknife's error."""
    import numpy as np

    from jaxdl.statistics import t_interval

    rows = np.isin(results[f"{study}.terms"], terms)
    estimate = of(results[f"{study}.estimates"][rows].sum(axis=0))
    deleted = [
        of(values[rows].sum(axis=0)) for name, values in results.items() if name.startswith(f"{study}.without one")
    ]
    parts = [((len(values) - 1) * values.var(axis=0), len(values) - 1) for values in deleted]
    variance = sum(part for part, _ in parts)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)  # Satterthwaite (1946)
    freedom = np.where(variance == 0, np.inf, freedom)
    return Measured(estimate, np.sqrt(variance), t_interval(estimate, np.sqrt(variance), freedom, level=level))


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """Both studies of width by source, then memory, then the grid and its report."""
    import numpy as np

    from jaxdl.statistics import mean_interval, wilson_interval

    lines = [
        f"A teacher's noisy labels, noise {config.noise_std**2:.4g}; training sets x initialisations: "
        f"{' x '.join(map(str, config.feature_levels))} for random features, "
        f"{' x '.join(map(str, config.network_levels))} for networks.",
        "Beside the median of the strengths that were chosen stands how many runs chose the largest.",
    ]
    for study, model in STUDIES.items():
        strengths, shares = median_strengths(config, study, results), shares_at_end(config, study, results)
        for arm, name in ARMS.items():
            columns = {
                part: measured(results, f"{study}.{arm}", terms) for part, terms in {**PARTS, "risk": RISK}.items()
            }
            heads = [part.replace("variance: ", "").replace("initialisation", "init") for part in columns]
            lines += [
                "",
                f"{model}, n = {examples_of(config, study)}, {name}",
                f"{'width':>6} {'median':>9} {'largest':>9}" + "".join(f"  {head:>20}" for head in heads),
            ]
            for index, width in enumerate(widths_of(config, study)):
                cells = [f"{each.estimate[index]:.4f} ± {each.standard_error[index]:.4f}" for each in columns.values()]
                strength, share = (strengths[index], shares[index]) if arm == "tuned" else (0.0, 0.0)
                lines.append(f"{width:6d} {strength:9.3g} {share:9.1%}" + "".join(f"  {cell:>20}" for cell in cells))
    lines += [
        "",
        f"Digits, n = {config.num_memorised}, {config.num_seeds} networks each: how many make no error on their training labels "
        "(95 % Wilson interval), and the accuracy on fresh digits (95 % t interval)",
        f"{'width':>6} {'parameters':>10}" + "".join(f"  {f'{kind} labels':>44}" for kind in KINDS),
    ]
    for column, width in enumerate(config.memory_widths):
        cells = []
        for row in range(len(KINDS)):
            count = int((results["memory.train"][row, column] == 0).sum())
            low, high = wilson_interval(count, config.num_seeds)
            test = results["memory.test"][row, column].astype(np.float64)
            below, above = mean_interval(test)
            cells.append(
                f"{count}/{config.num_seeds} ({low:.3f} to {high:.3f}), {test.mean():.3f} ({below:.3f} to {above:.3f})"
            )
        lines.append(f"{width:6d} {num_parameters(width):10d}" + "".join(f"  {cell:>44}" for cell in cells))
    means = results["grid.choice"].mean(axis=-1)
    lines += [
        "",
        f"Digits, {100 * config.label_noise:g} % of the labels wrong, n = {config.num_digits}: accuracy on the "
        f"digits that choose, as noisy, {config.num_choices} networks in each cell; columns: weight decay / dropout",
        f"{'width':>6}"
        + "".join(f"  {f'{a:g} / {b:g}':>10}" for a in config.grid_strengths for b in config.grid_rates),
    ]
    lines += [
        f"{width:6d}" + "".join(f"  {value:10.4f}" for value in row.ravel())
        for width, row in zip(config.grid_widths, means, strict=True)
    ]
    lines += [
        "",
        f"Chosen cells on other digits, their own labels: {config.num_reports} fresh networks each, 95 % t interval",
    ]
    for (name, cell), values in zip(
        report_cells(config, results["grid.choice"]).items(), results["grid.report"], strict=True
    ):
        low, high = mean_interval(values.astype(np.float64))
        lines.append(f"{name:>22}: {told(cell):50} {values.mean():.4f} ({low:.4f} to {high:.4f})")
    return "\n".join(lines)


def num_parameters(width: int) -> int:
    """Of a network on the digits: 64 pixels, one hidden layer, 10 classes."""
    return (64 + 1) * width + (width + 1) * 10


def told(cell: Cell) -> str:
    """A cell in words."""
    return f"width {cell[0]:.0f}, weight decay {cell[1]:g}, dropout {cell[2]:g}"
