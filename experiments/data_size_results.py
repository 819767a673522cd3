"""What the results of `data_size` hold: names of learners and arms, terms with their errors, tables."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from experiments.double_descent_results import Measured, measured

if TYPE_CHECKING:
    from experiments.data_size import Config

BIAS, VARIANCE, RISK = ("bias_squared",), ("total_variance",), ("risk",)
CONTROLS = {
    "ridge, fixed strength": ("penalised", 0),
    "random features, tuned": ("penalised", 1),
    "nearest neighbours": ("iterative", 0),
    "network, one pass": ("iterative", 1),
}
"""The study of each learner beside least squares, and its place in it."""
ARMS = ("as it is", "8 x the data", "2 degrees more")
CAUSES = ("too little capacity", "too few data", "steps too small", "noise alone")
RECIPES = {
    "reference": "clean noise as reference",
    "noise": "noise estimated",
    "tested": "estimated, with tests",
    "not longer": "not trained longer",
}


def learners(config: "Config") -> dict[str, tuple[str, int]]:
    """Every learner of K008: the study that holds it, and its place there."""
    polynomials = {f"degree {degree}": ("polynomials", place) for place, degree in enumerate(config.degrees)}
    return {**polynomials, **CONTROLS}


def arms(config: "Config") -> dict[str, list[int]]:
    """The settings of K009: three arms where bias dominates, then the same three where variance does."""
    n, low, high = config.base_size, config.degrees[0], 7
    return {"size": [n, 8 * n, n] * 2, "degree": [low, low, low + 2, high, high, high + 2]}


def curve_sizes(config: "Config") -> tuple[tuple[int, ...], int]:
    """The sizes that learning curves are fitted to, and 5 % more than the first of them."""
    fitted = tuple(size for size in config.sizes if 4 * size <= config.sizes[-1])
    return fitted, round(1.05 * fitted[0])


def along(
    results: Mapping[str, Any],
    where: tuple[str, int],
    terms: tuple[str, ...],
    of: Callable[[Any], Any] = lambda values: values,
) -> Measured:
    """Terms of one learner at every n, or a function of them along the last axis."""
    study, place = where
    return measured(results, study, terms, lambda values: of(values[..., place]))


def logarithm(values: Any) -> Any:
    """The natural logarithm; nan where an estimate is not positive."""
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(values > 0, np.log(np.maximum(values, 1e-300)), np.nan)


def slope(config: "Config") -> Callable[[Any], Any]:
    """The least-squares slope of log values against log n, over the last axis."""
    from jaxdl.statistics import log_slope

    return lambda values: log_slope(config.sizes, values)


def pseudo_values(
    results: Mapping[str, Any], where: tuple[str, int], terms: tuple[str, ...], of: Callable[[Any], Any]
) -> Any:
    """G T - (G - 1) T without group g, of a statistic T of one learner: the jackknife's replicates, nearly independent
    (Tukey, 1958), for tests that ask for replicates.
    """
    import numpy as np

    study, place = where
    rows = np.isin(results[f"{study}.terms"], terms)
    whole = of(results[f"{study}.estimates"][rows].sum(axis=0)[..., place])
    deleted = of(results[f"{study}.without one of groups"][rows].sum(axis=0)[..., place])
    return len(deleted) * whole - (len(deleted) - 1) * deleted


def best_remedies(config: "Config", results: Mapping[str, Any]) -> tuple[Any, Any]:
    """For each case the index of the remedy that lowers the risk most, none unless by the share `worthwhile`; and the share
    of the risk that each of three remedies removes, (3, cases).
    """
    import numpy as np

    excess = (
        results["cases.estimates"][np.isin(results["cases.terms"], ("excess_risk",))][0].reshape(config.num_cases, 4).T
    )
    noise = results["cases.noise_std"].astype(float) ** 2
    shares = (excess[0] - excess[1:]) / (excess[0] + noise)
    best = shares.argmax(axis=0)
    return np.where(shares.max(axis=0) > config.worthwhile, best, len(shares)), shares


def detected(config: "Config", results: Mapping[str, Any], learner: int) -> dict[str, Any]:
    """Whether each curve shows, by Welch's t test at 5 %, that more data than the first size have another risk."""
    import numpy as np
    from scipy import special

    fitted, more = curve_sizes(config)
    sizes = [*fitted, more, config.sizes[-1]]
    means, errors = results["own.risks"][:, learner], results["own.errors"][:, learner]
    found = {}
    for name, size in (("5 % more", more), ("twice", fitted[1]), ("as many as fitted", fitted[-1])):
        at = sizes.index(size)
        parts = errors[0] ** 2, errors[at] ** 2
        error = np.sqrt(sum(parts))
        freedom = error**4 / sum(part**2 / (config.num_repeats - 1) for part in parts)
        found[name] = np.abs(means[0] - means[at]) > special.stdtrit(freedom, 0.975) * error
    return found


def covered(results: Mapping[str, Any], name: str) -> Any:
    """Whether each interval holds what it foretold, (learners, curves)."""
    last = results[f"{name}.risks"][-1]
    return (results[f"{name}.low"] <= last) & (last <= results[f"{name}.high"])


def curve_learners(config: "Config", name: str) -> list[str]:
    """The learners of the curves `own` or `pool`."""
    polynomials = [f"degree {degree}" for degree in config.degrees]
    return [*polynomials, "random features, tuned"] if name == "own" else polynomials


def lag_errors(config: "Config", results: Mapping[str, Any]) -> Any:
    """Mean absolute errors of K012, (drifts, years, lags, series)."""
    return results["traffic.errors"].reshape(len(config.drifts), -1, 4, config.num_series)


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """Every study in a table of its own."""
    return "\n\n".join(
        "\n".join(part) for part in (_sizes(config, results), _arms(config, results), _curves(config, results),
                                     _cases(config, results), _traffic(config, results))
    )  # fmt: skip


def _sizes(config: "Config", results: Mapping[str, Any]) -> list[str]:
    lines = [f"K008: bias² and variance ± s.e. of learners of a curve, noise {config.noise_std**2:.4g}"]
    lines.append(f"{'':24}{'':9}" + "".join(f"{f'n = {n}':>18}" for n in config.sizes))
    for name, where in learners(config).items():
        for label, terms in (("bias²", BIAS), ("variance", VARIANCE)):
            each = along(results, where, terms)
            lines.append(f"{name:24}{label:9}" + "".join(map(_cell, each.estimate, each.standard_error)))
    return lines


def _arms(config: "Config", results: Mapping[str, Any]) -> list[str]:
    given = arms(config)
    lines = ["K009: what more data and more capacity change, each arm with its ridge strength tuned: ± s.e."]
    lines.append(f"{'':18}{'n':>6}{'degree':>8}" + "".join(f"{name:>18}" for name in ("bias²", "variance", "risk")))
    columns = [measured(results, "remedies", terms) for terms in (BIAS, VARIANCE, RISK)]
    for index, (size, degree) in enumerate(zip(given["size"], given["degree"], strict=True)):
        cells = "".join(_cell(each.estimate[index], each.standard_error[index]) for each in columns)
        lines.append(f"{ARMS[index % 3]:18}{size:6d}{degree:8d}{cells}")
    return lines


def _curves(config: "Config", results: Mapping[str, Any]) -> list[str]:
    import numpy as np

    fitted, _ = curve_sizes(config)
    lines = [
        f"K010: learning curves fitted to n = {fitted[0]} to {fitted[-1]} foretell the risk at {config.sizes[-1]}",
        f"{'':42}{'covered (90 %)':>15}{'measured':>10}{'foretold':>10}{'width':>8}{'exponent':>10}",
    ]
    for name, label in (("own", "sets of their own"), ("pool", "one pool, 5 folds")):
        for index, learner in enumerate(curve_learners(config, name)):
            hits = covered(results, name)[index]
            width = np.median(results[f"{name}.high"][index] - results[f"{name}.low"][index])
            numbers = (results[f"{name}.risks"][-1, index].mean(), np.median(results[f"{name}.predicted"][index]))
            exponent = np.median(results[f"{name}.exponents"][index])
            cells = f"{hits.mean():15.3f}{numbers[0]:10.4f}{numbers[1]:10.4f}{width:8.4f}{exponent:10.2f}"
            lines.append(f"{f'{learner}, {label}':42}{cells}")
    lines += ["", f"Share of curves that show a change of risk from n = {fitted[0]} by a test at 5 %"]
    for index, learner in enumerate(curve_learners(config, "own")):
        shares = "".join(f"{name:>12}{hits.mean():7.3f}" for name, hits in detected(config, results, index).items())
        lines.append(f"{learner:24}{shares}")
    return lines


def _cases(config: "Config", results: Mapping[str, Any]) -> list[str]:
    import numpy as np

    best, _ = best_remedies(config, results)
    cause = np.arange(config.num_cases) % 4
    lines = [f"K011: the recipe on {config.num_cases} cases, right where it names the remedy that lowers the risk most"]
    lines.append(f"{'cause':24}{'cases':>7}{'as caused':>11}" + "".join(f"{name:>27}" for name in RECIPES.values()))
    for index, name in enumerate((*CAUSES, "all")):
        chosen = (cause == index) | (index == len(CAUSES))
        cells = "".join(f"{np.mean((results[f'diagnosis.{recipe}'] == best)[chosen]):27.3f}" for recipe in RECIPES)
        lines.append(f"{name:24}{chosen.sum():7d}{np.mean((best == cause)[chosen]):11.3f}{cells}")
    return lines


def _traffic(config: "Config", results: Mapping[str, Any]) -> list[str]:
    errors = lag_errors(config, results)
    parts = {
        name: results[f"traffic.{term}"].reshape(*errors.shape[:3], 2)
        for name, term in (("bias² + noise", "bias_squared_plus_noise"), ("variance", "total_variance"))
    }
    lines = ["K012: forecasts of daily traffic by linear autoregression, each with its ridge strength tuned: ± s.e."]
    lines.append(
        f"{'drift':>6}{'years':>6}{'lags':>6}{'mean abs. error':>18}" + "".join(f"{name:>18}" for name in parts)
    )
    for drift, years, lags in _indices(errors.shape[:3]):
        row = errors[drift, years, lags]
        cells = _cell(row.mean(), row.std(ddof=1) / len(row) ** 0.5)
        cells += "".join(_cell(*values[drift, years, lags]) for values in parts.values())
        lines.append(f"{config.drifts[drift]:6g}{years + 1:6d}{(1, 7, 28, 56)[lags]:6d}{cells}")
    return lines


def _indices(shape: tuple[int, ...]) -> Any:
    import numpy as np

    return np.ndindex(*shape)


def _cell(estimate: float, error: float) -> str:
    return f"{f'{estimate:.4f} ± {error:.4f}':>18}"
