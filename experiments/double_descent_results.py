"""What the results of `double_descent` hold: sums of terms with their errors, the exact linear model, tables.

`STUDY.terms` names the rows of `STUDY.estimates` (terms, settings) and of `STUDY.without one of FACTOR` (terms, levels,
settings), its jackknife.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from experiments.double_descent import Config

Terms = tuple[str, ...]
RISK: Terms = ("risk",)
LABEL_NOISE: Terms = ("variance[labels]",)  # exactly zero in the linear model
LINEAR_PARTS: dict[str, Terms] = {
    "bias²": ("bias_squared",),
    "variance: inputs": ("variance[inputs]",),
    "variance: inputs × label noise": ("variance[inputs, labels]",),
}
FEATURE_PARTS: dict[str, Terms] = {
    "bias²": ("bias_squared",),
    "variance: data": ("variance[inputs]", "variance[labels]", "variance[inputs, labels]"),
    "variance: initialisation": ("variance[init]",),
    "variance: initialisation × inputs": ("variance[inputs, init]",),
    "variance: initialisation × label noise": ("variance[init, labels]", "variance[inputs, init, labels]"),
}
DATA = FEATURE_PARTS["variance: data"]
WITH_INIT = tuple(term for terms in FEATURE_PARTS.values() for term in terms if "init" in term)
FEATURE_STUDIES = ("minimum norm", "ridge")
"""In the order of the settings of their limit, the study `kernel`."""


class Measured(NamedTuple):
    """A number or an array of them, with the jackknife standard error and the 95 % interval."""

    estimate: Any
    standard_error: Any
    interval: Any


def measured(
    results: Mapping[str, Any], study: str, terms: Terms, of: Callable[[Any], Any] = lambda values: values
) -> Measured:
    """The sum of some terms at each setting, or a function of it, such as the ratio of two settings."""
    import numpy as np

    from jaxdl.statistics import t_interval

    rows = np.isin(results[f"{study}.terms"], terms)
    estimate = of(results[f"{study}.estimates"][rows].sum(axis=0))
    deleted = [of(values[rows].sum(axis=0)) for name, values in results.items() if name.startswith(f"{study}.without")]
    parts = [((len(values) - 1) * values.var(axis=0), len(values) - 1) for values in deleted]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)  # Satterthwaite (1946)
    return Measured(estimate, np.sqrt(variance), t_interval(estimate, np.sqrt(variance), freedom))


def at(sizes: Sequence[int], p: int) -> Callable[[Any], Any]:
    """The function that takes from values at all settings the one at p."""
    index = list(sizes).index(p)
    return lambda values: values[..., index]


def exact(config: "Config", sizes: Sequence[int], terms: Terms) -> Any:
    """The sum of some terms of the linear model in closed form; nan for n - 1 <= p <= n + 1, where it is infinite."""
    import numpy as np

    from jaxdl.decomposition.named_terms import label_of
    from jaxdl.truths.random_design import minimum_norm_terms

    def total(p):
        if abs(p - config.num_examples) <= 1:
            return np.nan
        values = minimum_norm_terms(config.num_examples, p, config.linear_sizes[-1], 1.0, config.noise_std)
        return sum(value for term, value in values.items() if label_of(term) in terms)

    return np.array([total(p) for p in sizes])


def claimed(config: "Config", sizes: Sequence[int]) -> Any:
    """Where errors and intervals are claimed: away from p = n, around which tails are too heavy for them."""
    import numpy as np

    return np.abs(np.asarray(sizes) - config.num_examples) >= config.gap


def scores(config: "Config", results: Mapping[str, Any], terms: Terms) -> Any:
    """(measured - exact) / s.e. of the linear model; nan where no error is claimed."""
    import numpy as np

    value = measured(results, "linear", terms)
    distance = (value.estimate - exact(config, config.linear_sizes, terms)) / value.standard_error
    return np.where(claimed(config, config.linear_sizes), distance, np.nan)


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """The linear model beside its exact terms, then random features by source, down to single components."""
    n, gap, sizes = config.num_examples, config.gap, config.linear_sizes
    lines = [
        f"Linear model, n = {n}, noise {config.noise_std**2:.4g}: measured ± s.e., exact, and z, their distance in s.e.",
        f"No s.e. is claimed for |p - n| < {gap}, where tails are heavy; up to |p - n| = 7 it is often too small. For",
        "|p - n| <= 1 the exact variance is infinite.",
    ]
    shown = {**LINEAR_PARTS, "variance: label noise": LABEL_NOISE, "risk": RISK}
    for names in (("bias²", "variance: inputs", "risk"), ("variance: label noise", "variance: inputs × label noise")):
        columns = [("p", [str(p) for p in sizes])]
        for name in names:
            columns.append((name, _cells(measured(results, "linear", shown[name]), claimed(config, sizes))))
            columns.append(("exact", [_number(value, ".4f") for value in exact(config, sizes, shown[name])]))
            columns.append(("z", [_number(score, "+.1f") for score in scores(config, results, shown[name])]))
        lines += ["", *_aligned(columns)]

    sizes = config.feature_sizes
    for index, study in enumerate(FEATURE_STUDIES):
        columns = [("p", [*map(str, sizes), "inf"])]
        for name, terms in {**FEATURE_PARTS, "risk": RISK}.items():
            cells = _cells(measured(results, study, terms), claimed(config, sizes))
            limit = "0 exactly" if "init" in name else _cells(measured(results, "kernel", terms), (True, True))[index]
            columns.append((name.removeprefix("variance: ").replace("initialisation", "init"), [*cells, limit]))
        lines += ["", f"Random features, {study}: bias², variance by source, risk; p = inf: the arc-cosine kernel"]
        lines += _aligned(columns)

    columns = [("", [term.removeprefix("variance") for term in (*DATA, *WITH_INIT)])]
    for p in (n // 2, n - gap, n + gap, 2 * n, sizes[-1]):
        values = [measured(results, "minimum norm", (term,), at(sizes, p)) for term in (*DATA, *WITH_INIT)]
        columns.append((f"p = {p}", [_cell(value.estimate, value.standard_error) for value in values]))
    return "\n".join([*lines, "", "Random features, minimum norm: every component of the variance", *_aligned(columns)])


def _cells(value: Measured, trusted: Sequence[bool]) -> list[str]:
    rows = zip(value.estimate, value.standard_error, trusted, strict=True)
    return [_cell(estimate, error) if is_trusted else f"{estimate:.4g} ± none" for estimate, error, is_trusted in rows]


def _cell(estimate: float, error: float) -> str:
    """Both with as many decimals as give the error two digits."""
    decimals = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 4
    return f"{estimate:.{decimals}f} ± {error:.{decimals}f}"


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _aligned(columns: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """The lines of a table, from the headings and cells of its columns."""
    widths = [max(map(len, (heading, *cells))) for heading, cells in columns]
    rows = zip(*((heading, *cells) for heading, cells in columns), strict=True)
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
