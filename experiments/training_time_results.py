"""What the results of `training_time` hold: stopping times, sums of terms by source with their errors, tables."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from experiments.double_descent_results import Measured

if TYPE_CHECKING:
    from experiments.training_time import Config

Terms = tuple[str, ...]
SIZES = (1, 2, 4, 8, 16)
"""Members of the ensembles."""
CONTROL_STEPS = 1000
RISK: Terms = ("risk",)
BIAS: Terms = ("bias_squared",)
VARIANCE: Terms = ("total_variance",)
PARTS: dict[str, Terms] = {
    "bias²": BIAS,
    "variance: digits": ("variance[data]",),
    "variance: wrong labels": ("variance[labels]", "variance[data, labels]"),
    "variance: initialisation, order": ("variance[init]", "variance[data, init]"),
    "variance: wrong labels × initialisation": ("variance[labels, init]", "variance[data, labels, init]"),
}
WITH_LABELS: Terms = tuple(term for terms in PARTS.values() for term in terms if "labels" in term)


def log_times(num_steps: int, num_times: int) -> tuple[int, ...]:
    """Zero, and increasing step counts up to `num_steps` that are as even in the logarithm as whole numbers can be."""
    times = [0]
    for index in range(num_times - 1):
        even = num_steps ** (index / (num_times - 2))
        times.append(max(times[-1] + 1, round(even)))
    return tuple(times)


def measured(
    results: Mapping[str, Any], terms: Terms, of: Callable[[Any], Any] = lambda values: values, *, level: float = 0.95
) -> Measured:
    """The sum of some terms of the study `training` at all times, or a function of it, such as the difference of two times."""
    import numpy as np

    from jaxdl.statistics import t_interval

    rows = np.isin(results["training.terms"], terms)
    estimate = of(results["training.estimates"][rows].sum(axis=0))
    deleted = [of(values[rows].sum(axis=0)) for name, values in results.items() if name.startswith("training.without")]
    parts = [((len(values) - 1) * values.var(axis=0), len(values) - 1) for values in deleted]
    variance = sum(part for part, _ in parts)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)  # Satterthwaite (1946)
    freedom = np.where(variance == 0, np.inf, freedom)
    return Measured(estimate, np.sqrt(variance), t_interval(estimate, np.sqrt(variance), freedom, level=level))


def noise_of(config: "Config") -> float:
    """1 - sum of squared class probabilities: what no prediction of a noisy one-hot label can avoid."""
    return 1 - (1 - config.label_noise) ** 2 - config.label_noise**2 / 9


def best(results: Mapping[str, Any]) -> int:
    """The index of the time of the lowest estimated risk."""
    return int(measured(results, RISK).estimate.argmin())


def control_scores(results: Mapping[str, Any]) -> Any:
    """Distance of each term at each time from its exact value, in standard errors beyond what rounding explains."""
    import numpy as np

    distance = np.abs(results["control.estimates"] - results["control.exact"])
    rounding = 1e-6 * results["control.exact"].max()
    beyond = np.maximum(distance - rounding, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(beyond > 0, beyond / results["control.standard_errors"], 0.0)


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """The parts of the risk at every time, then ensembles foretold and built."""
    columns = {**{name: measured(results, terms) for name, terms in PARTS.items()}, "risk": measured(results, RISK)}
    lines = [
        f"Digits, {100 * config.label_noise:g} % of the labels wrong: n = {config.num_digits}; "
        f"{' x '.join(map(str, config.levels))} digits x wrong labels x initialisations; noise {noise_of(config):.4f}",
        f"{'steps':>6}" + "".join(f"  {_short(name):>20}" for name in columns),
    ]
    for index, time in enumerate(log_times(config.num_steps, config.num_times)):
        cells = [f"{each.estimate[index]:.4f} ± {each.standard_error[index]:.4f}" for each in columns.values()]
        lines.append(f"{time:6d}" + "".join(f"  {cell:>20}" for cell in cells))
    lines += [
        "",
        "wrong labels: with their interaction with the digits drawn. init, order: with theirs. Unknown of the digits' own labels:",
        "they are taken as right. Training sets are drawn without replacement from a pool of 1200, which they share: the variance",
        f"of the digits over fresh sets is {1200 / (1200 - config.num_digits):.3g} times as large.",
        "",
        f"Variance of ensembles over initialisations after {config.num_steps} steps, ± s.e.: {config.num_ensembles} built "
        "of each size",
        f"{'members':>8}  {'foretold':>18}  {'built':>18}  {'risk of the built':>18}",
    ]
    for size, foretold, built, risk in zip(
        SIZES, results["ensembles.forecast"].T, results["ensembles.built"].T, results["ensembles.risk"], strict=True
    ):
        cells = [f"{estimate:.4f} ± {error:.4f}" for estimate, error, *_ in (foretold, built)]
        lines.append(f"{size:8d}" + "".join(f"  {cell:>18}" for cell in (*cells, f"{risk:.4f}")))
    return "\n".join(lines)


def _short(name: str) -> str:
    return name.removeprefix("variance: ").replace("initialisation", "init").replace("wrong labels × ", "labels × ")
