"""Studies of sums of independent effects, and how often the 95 % intervals of their terms hold: what CERT6 judges, cell by cell.

The effects of the sources have variances 1 (data), 0.5 (init) and 0.3 (both; none in a nested design). Test points move together
fully, or not at all.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxdl.decomposition import Target, squared_error

V_DATA, V_INIT, V_BOTH, NOISE = 1.0, 0.5, 0.3, 0.25
NUM_POINTS = {"together": 1, "independent": 16}
NUM_POINTS_OF_LABELS = 64
NAMES: dict[Any, str] = {
    "bias_squared": "bias²", ("data",): "V data", ("init",): "V init", ("init(data)",): "V init", ("data", "init"): "V both",
    "total_variance": "total", "risk": "risk", "excess_risk": "risk",
}  # fmt: skip
TERMS = tuple(dict.fromkeys(NAMES.values()))


class Cell(NamedTuple):
    """One kind of study."""

    design: str
    levels: tuple[int, ...]
    law: str = "normal"
    points: str = "together"
    num_outputs: int = 1
    labels: str = "known mean"
    bias: float = 0.16

    def __str__(self) -> str:
        usual = Cell(self.design, self.levels)
        rest = [str(value) for value, other in zip(self[2:], usual[2:], strict=True) if value != other]
        return " ".join([self.design, "x".join(map(str, self.levels)), *rest])


DESIGNS = (
    ("crossed", (8, 8)), ("crossed", (16, 16)), ("crossed", (32, 32)), ("nested", (16, 4)), ("nested", (32, 4)),
    ("independent", (16,)), ("independent", (32,)), ("independent", (100,)),
)  # fmt: skip
"""Every law of effects meets each of these."""
FEW = (("crossed", (3, 3)), ("crossed", (4, 4)), ("nested", (4, 4)), ("independent", (4,)))
OTHERS = (
    *(Cell(name, levels) for name, levels in FEW),
    *(Cell(name, levels, law, "independent") for law in ("normal", "uniform") for name, levels in DESIGNS[::3]),
    *(Cell(name, levels, bias=bias) for name, levels in DESIGNS[1::3] for bias in (0.0, 0.01, 4.0)),
    Cell("crossed", (16, 16), num_outputs=3),
    Cell("crossed", (16, 16), points="independent", labels="two labels"),
    Cell("independent", (16,), points="independent", labels="two labels"),
)
"""What else may vary, one at a time: few levels, points, bias², outputs, labels."""


def held(cell: Cell, repetitions: int, seed: int, factor: float) -> dict[str, np.ndarray]:
    """How many of the repetitions' intervals hold `factor` times the exact value, of each term that the design has."""
    generator = np.random.default_rng(seed)
    num_points = NUM_POINTS_OF_LABELS if cell.labels != "known mean" else NUM_POINTS[cell.points]
    shape = (repetitions, num_points, cell.num_outputs)
    f, exact = _predictions(cell, shape, lambda *levels: draw(generator, cell.law, (*levels, *shape)))
    arguments: Any = {"factors": ("data", "init")[: len(cell.levels)], "nested": cell.design == "nested"}
    if cell.labels == "known mean":
        target = Target(mean=np.zeros(shape[1:]))
        results = [squared_error(f, dims=("times", "points", "out"), target=target, **arguments)]
    else:
        labels = NOISE**0.5 * generator.normal(size=(repetitions, 2, *shape[1:]))
        results = [
            squared_error(
                f[..., index, :, :], dims=("points", "out"), target=Target(replicates=labels[index]), **arguments
            )
            for index in range(repetitions)
        ]
        exact["risk"] += NOISE
    counts, exact = dict.fromkeys(exact, 0), {name: factor * value for name, value in exact.items()}
    for result in results:
        for term, (low, high) in result.intervals.items():
            if term in NAMES:
                counts[NAMES[term]] += int(np.sum((low <= exact[NAMES[term]]) & (exact[NAMES[term]] <= high)))
    return {name: np.array(count) for name, count in counts.items()}


def _predictions(cell: Cell, shape: tuple[int, ...], effects: Callable[..., Any]) -> tuple[Any, dict[str, float]]:
    """Predictions `(levels, repetitions, points, out)`, and the terms, summed over outputs."""
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
    return f, {name: shape[-1] * value for name, value in exact.items()}


def draw(generator: np.random.Generator, law: str, size: tuple[int, ...]) -> np.ndarray:
    """Independent effects of mean 0 and variance 1."""
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
