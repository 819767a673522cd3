"""How often jaxdl's 95 % intervals hold: a table over designs, levels, laws of effects, points, outputs, labels and bias².

Predictions are sums of independent effects of the sources, with variances 1 (data), 0.5 (init) and 0.3 (both; none in a nested
design), drawn anew in every study; at test points that move together fully, or not at all.
"""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.random import Generator

V_DATA, V_INIT, V_BOTH, NOISE = 1.0, 0.5, 0.3, 0.25
COLUMNS = ("bias²", "V data", "V init", "V both", "total", "risk")
POINTS = {"together": 1, "independent": 16}
NUM_POINTS_OF_LABELS = 64


class Cell(NamedTuple):
    """One line of the table."""

    design: str
    levels: tuple[int, ...]
    law: str = "normal"
    points: str = "together"
    num_outputs: int = 1
    labels: str = "known mean"
    bias: float = 0.16

    def __str__(self) -> str:
        name = f"{self.design} {'x'.join(map(str, self.levels))}"
        outputs = "" if self.num_outputs == 1 else f", {self.num_outputs} outputs"
        return f"{name:18}{self.law:13}{self.points + outputs:24}{self.labels:13}{self.bias:6.2f}"


def cells() -> tuple[Cell, ...]:
    """Every design with every law, and what else may vary one at a time."""
    designs = (
        ("crossed", (8, 8)), ("crossed", (16, 16)), ("crossed", (32, 32)), ("nested", (16, 4)), ("nested", (32, 4)),
        ("independent", (16,)), ("independent", (32,)), ("independent", (100,)),
    )  # fmt: skip
    few = (("crossed", (3, 3)), ("crossed", (4, 4)), ("nested", (4, 4)), ("independent", (4,)))
    return (
        *(Cell(design, levels) for design, levels in few),
        *(
            Cell(design, levels, law)
            for law in ("normal", "uniform", "exponential", "lognormal", "t3")
            for design, levels in designs
        ),
        *(
            Cell(design, levels, law, "independent")
            for law in ("normal", "uniform", "exponential")
            for design, levels in designs[::3]
        ),
        *(Cell(design, levels, bias=bias) for design, levels in designs[1::3] for bias in (0.0, 0.01, 4.0)),
        Cell("crossed", (16, 16), num_outputs=3),
        Cell("crossed", (16, 16), points="independent", labels="two labels"),
        Cell("independent", (16,), points="independent", labels="two labels"),
    )


def measure(repetitions: int, seed: int) -> dict[str, Any]:
    """The share of intervals that hold, `"cells terms"`, nan for terms that a design does not have."""
    import numpy as np

    generator = np.random.default_rng(seed)
    shares = [_shares(cell, repetitions, generator) for cell in cells()]
    return {
        "coverage cell": np.array([str(cell) for cell in cells()]),
        "coverage share": np.array([[each.get(column, np.nan) for column in COLUMNS] for each in shares]),
    }


def table(results: Mapping[str, Any], repetitions: int) -> list[str]:
    """The shares in per cent, a line for each cell."""
    import numpy as np

    heading = f"{'design':18}{'effects':13}{'points':24}{'labels':13}{'bias²':>6}"
    error = 100 * (0.05 * 0.95 / repetitions) ** 0.5
    lines = [
        f"How often 95 % intervals hold, in per cent of {repetitions} studies (error {error:.1f})",
        heading + "".join(f"{column:>8}" for column in COLUMNS),
    ]
    for name, shares in zip(results["coverage cell"].tolist(), results["coverage share"], strict=True):
        lines.append(name + "".join(" " * 7 + "-" if np.isnan(share) else f"{100 * share:8.1f}" for share in shares))
    return lines


def _shares(cell: Cell, repetitions: int, generator: "Generator") -> dict[str, float]:
    import numpy as np

    from jaxdl.decomposition import Target, squared_error

    random_labels = cell.labels != "known mean"
    num_points = NUM_POINTS_OF_LABELS if random_labels else POINTS[cell.points]
    shape = (repetitions, num_points, cell.num_outputs)
    f, exact = _predictions(cell, shape, lambda *levels: draw(generator, cell.law, (*levels, *shape)))
    names: dict[Any, str] = {
        "bias_squared": "bias²", ("data",): "V data", ("init",): "V init", ("init(data)",): "V init", ("data", "init"): "V both",
        "total_variance": "total", "risk": "risk", "excess_risk": "risk",
    }  # fmt: skip
    decompose = functools.partial(
        squared_error, factors=("data", "init")[: len(cell.levels)], nested=cell.design == "nested"
    )
    if not random_labels:
        target = Target(mean=np.zeros(shape[1:]))
        results = [decompose(f, dims=("times", "points", "out"), target=target)]
    else:
        labels = NOISE**0.5 * generator.normal(size=(repetitions, 2, *shape[1:]))
        results = [
            decompose(f[..., index, :, :], dims=("points", "out"), target=Target(replicates=labels[index]))
            for index in range(repetitions)
        ]
        exact["risk"] += NOISE
    holds: dict[str, list[float]] = {}
    for result in results:
        for term, (low, high) in result.intervals.items():
            if term in names:
                name = names[term]
                holds.setdefault(name, []).append(float(np.mean((low <= exact[name]) & (exact[name] <= high))))
    return {name: float(np.mean(each)) for name, each in holds.items()}


def _predictions(cell: Cell, shape: tuple[int, ...], effects: Callable[..., Any]) -> tuple[Any, dict[str, float]]:
    """Predictions `(levels, repetitions, points, out)`, and the terms, summed over outputs."""
    num_outputs = shape[-1]
    exact = {"bias²": cell.bias, "V data": V_DATA}
    f = cell.bias**0.5 + V_DATA**0.5 * effects(cell.levels[0], *[1] * (len(cell.levels) - 1))
    if cell.design == "crossed":
        f = f + V_INIT**0.5 * effects(1, cell.levels[1]) + V_BOTH**0.5 * effects(*cell.levels)
        exact |= {"V init": V_INIT, "V both": V_BOTH}
    elif cell.design == "nested":
        f = f + V_INIT**0.5 * effects(*cell.levels)
        exact |= {"V init": V_INIT}
    exact["total"] = sum(exact.values()) - cell.bias
    exact["risk"] = exact["total"] + cell.bias
    return f, {name: num_outputs * value for name, value in exact.items()}


def draw(generator: "Generator", law: str, size: tuple[int, ...]) -> Any:
    """Independent effects of mean 0 and variance 1."""
    import numpy as np

    if law == "normal":
        return generator.normal(size=size)
    if law == "uniform":
        return generator.uniform(-(3**0.5), 3**0.5, size=size)
    if law == "exponential":
        return generator.exponential(size=size) - 1
    if law == "lognormal":
        variance = (np.exp(0.25) - 1) * np.exp(0.25)
        return (generator.lognormal(0, 0.5, size=size) - np.exp(0.125)) / variance**0.5
    return generator.standard_t(3, size=size) / 3**0.5
