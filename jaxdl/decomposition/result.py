"""The result of a decomposition: every number with its standard error, its estimand and the population that it speaks of."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from jaxdl.decomposition.estimates import Term
from jaxdl.designs import Component, Design
from jaxdl.statistics import Interval, t_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset as XarrayDataset

Array = np.ndarray


class PerPoint(NamedTuple):
    """Estimates `(settings, times, points)` at each test point, and their standard errors over runs."""

    estimates: dict[Term, Float[Array, "*axes points"]]
    standard_errors: dict[Term, Float[Array, "*axes points"]]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Bias², variance components, noise and risk, averaged over test points; axes `(settings, times)` where there are any.

    Terms are named `"bias_squared"` (or `"bias_squared_plus_noise"`), `("data",)`, `("data", "init")` for variance components,
    `"total_variance"`, `"noise"` and `"risk"`. Estimates are unbiased, so that a small one may be negative: none is clipped.
    """

    design: Design
    estimates: dict[Term, Float[Array, "*axes"]]
    standard_errors: dict[Term, Float[Array, "*axes"]]
    degrees_of_freedom: dict[Term, Float[Array, "*axes"]]
    populations: dict[Term, str]
    per_point: PerPoint
    replicates: dict[str, dict[Term, Float[Array, "levels *axes"]]]
    """The averaged terms with one level of a factor (or one group of runs) left out: paired comparisons need them."""
    axes: tuple[str, ...] = ()
    """Which of "settings" and "times" the arrays have."""
    settings: Shaped[Array, " settings"] | None = None
    training_size: int | None = None
    notes: tuple[str, ...] = ()
    """What the numbers are conditional on: runs that diverged, levels left out."""
    diverged: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def variance(self) -> Mapping[Component, Float[Array, "*axes"]]:
        """Variance by source: `variance[("data",)]`, and interactions: `variance[("data", "init")]`."""
        return _Components({term: value for term, value in self.estimates.items() if isinstance(term, tuple)})

    @property
    def bias_squared(self) -> Float[Array, "*axes"]:
        """|E f - E[y | x]|²; an error when labels without a noise estimate leave it unidentified."""
        return self._named("bias_squared")

    @property
    def bias_squared_plus_noise(self) -> Float[Array, "*axes"]:
        """|E f - y|² over labels: bias² and noise together."""
        return self._named("bias_squared_plus_noise")

    @property
    def total_variance(self) -> Float[Array, "*axes"]:
        """E|f - E f|²."""
        return self._named("total_variance")

    @property
    def noise(self) -> Float[Array, "*axes"]:
        """E|y - E[y | x]|²."""
        return self._named("noise")

    @property
    def risk(self) -> Float[Array, "*axes"]:
        """E|f - y|²."""
        return self._named("risk")

    @property
    def excess_risk(self) -> Float[Array, "*axes"]:
        """E|f - E[y | x]|², when the mean is known and the noise is not."""
        return self._named("excess_risk")

    @property
    def intervals(self) -> dict[Term, Interval]:
        """95 % t intervals of all terms."""
        bounds = {
            term: t_interval(value, self.standard_errors[term], self.degrees_of_freedom[term])
            for term, value in self.estimates.items()
        }
        return {term: Interval(np.asarray(low), np.asarray(high)) for term, (low, high) in bounds.items()}

    def estimand(self, term: Term) -> str:
        """What a term estimates."""
        sources = ", ".join(self.design.sources)
        if isinstance(term, tuple):
            return _component_estimand(term)
        return {
            "bias_squared": f"|E f - E[y|x]|², E over {sources}",
            "bias_squared_plus_noise": f"E|E f - y|², E f over {sources}: bias² and noise together",
            "total_variance": f"E|f - E f|² over {sources}",
            "noise": "E|y - E[y|x]|²",
            "risk": "E|f - y|²",
            "excess_risk": "E|f - E[y|x]|²",
        }[term]

    def table(self) -> str:
        """Term, estimate, standard error, 95 % interval, estimand and population, as plain text."""
        from jaxdl.decomposition.table import format_table

        return format_table(self)

    def __str__(self) -> str:
        return self.table()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything but `diverged` runs' `aux` to an `.npz` file, without pickle."""
        from jaxdl.decomposition.storage import save

        save(self, path)

    def to_xarray(self) -> "XarrayDataset":
        """Labelled arrays: `estimate`, `standard_error`, `low`, `high`, `per_point`; needs the extra `xarray`."""
        from jaxdl.decomposition.storage import to_xarray

        return to_xarray(self)

    def plot(self) -> "Figure":
        """The parts of the risk: bars, or stacked areas along settings or times; needs the extra `experiments`."""
        from jaxdl.plots import decomposition

        return decomposition(self)

    def _named(self, term: str) -> Float[Array, "*axes"]:
        if term not in self.estimates:
            known = [name for name in self.estimates if isinstance(name, str)]
            msg = f"this study does not identify {term!r}; it identifies {known} and the components {list(self.variance)}. "
            msg += "Target(mean=..., noise=...), probabilities or replicate labels identify all of them"
            raise ValueError(msg)
        return self.estimates[term]


class _Components(dict[Component, Array]):
    """Variance components by source; a missing one names those that the design identifies."""

    def __missing__(self, component: object) -> Array:
        msg = f"no component {component!r}; this design identifies {list(self)}, each a tuple of factors"
        raise KeyError(msg)


def label_of(term: Term) -> str:
    """`variance[data, init]` for components, the term itself otherwise."""
    return f"variance[{', '.join(term)}]" if isinstance(term, tuple) else term


def _component_estimand(component: Component) -> str:
    if len(component) > 1:
        return f"interaction of {' and '.join(component)}"
    [factor] = component
    if "(" not in factor:
        return f"Var E[f | {factor}]"
    source, outer = factor.rstrip(")").split("(")
    return f"E Var[f | {outer}] over {source}, interactions with {outer} included"
