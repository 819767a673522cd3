"""The numbers of a decomposition, each with its standard error, its estimand and its population."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.named_terms import Components, Terms, label_of
from jaxdl.designs import Design
from jaxdl.statistics import Interval

Array = np.ndarray


class PerPoint(NamedTuple):
    """Estimates `(settings, times, points)` at each test point, and their standard errors over runs.

    >>> from jaxdl.decomposition import Target, squared_error
    >>> f = np.random.default_rng(0).normal(size=(20, 5))
    >>> result = squared_error(f, factors=("data",), target=Target(mean=np.zeros(5)))
    >>> result.per_point.estimates["total_variance"].shape
    (5,)
    """

    estimates: dict[Term, Float[Array, "*axes points"]]
    standard_errors: dict[Term, Float[Array, "*axes points"]]


class Averages(NamedTuple):
    """The terms averaged over the points of one class, with their errors: the fields of a `Record` of the same names."""

    estimates: dict[Term, Float[Array, "*axes"]]
    standard_errors: dict[Term, Float[Array, "*axes"]]
    degrees_of_freedom: dict[Term, Float[Array, "*axes"]]
    lower_ends: dict[Term, Float[Array, "*axes"]]
    upper_ends: dict[Term, Float[Array, "*axes"]]
    replicates: dict[str, dict[Term, Float[Array, "levels *axes"]]]


@dataclass(frozen=True, eq=False)
class Record:
    """The fields and terms of a `Decomposition`; what tables, files and functions of terms read, which make none."""

    loss: str
    design: Design
    """What varied; its `fixed` sources did not, and the numbers are conditional on them."""
    estimands: dict[Term, str]
    estimates: dict[Term, Float[Array, "*axes"]]
    standard_errors: dict[Term, Float[Array, "*axes"]]
    degrees_of_freedom: dict[Term, Float[Array, "*axes"]]
    lower_ends: dict[Term, Float[Array, "*axes"]]
    upper_ends: dict[Term, Float[Array, "*axes"]]
    populations: dict[Term, str]
    per_point: PerPoint
    replicates: dict[str, dict[Term, Float[Array, "levels *axes"]]]
    """The averaged terms with one level of a factor (or one group of runs) left out: paired comparisons need them."""
    strata: dict[str, Float[Array, "strata *axes"]] = field(default_factory=dict)
    """Of terms that are sums of mean squares: these, and how precise they are, by which other numbers of levels are planned."""
    axes: tuple[str, ...] = ()
    """Which of "settings" and "times" the arrays have."""
    settings: Shaped[Array, " settings"] | None = None
    times: Shaped[Array, " times"] | None = None
    training_size: int | None = None
    study_notes: tuple[str, ...] = ()
    """What all numbers are conditional on, and what a reader must know besides."""
    setting_notes: tuple[str, ...] = ()
    """For each setting what its numbers alone are conditional on, runs that diverged and levels left out; "" for nothing."""
    diverged: tuple[Any, ...] = field(default=(), repr=False)
    """The runs that were left out, each with its `setting`."""
    classes: Int[Array, " points"] | None = field(default=None, repr=False)
    """The class of each test point, its most probable one, where labels are classes."""
    of_classes: dict[int, Averages] = field(default_factory=dict, repr=False)
    """The terms of each class that has test points."""

    @property
    def notes(self) -> tuple[str, ...]:
        """All notes, those of one setting with its number."""
        of_settings = (f"setting {index}: {note}" for index, note in enumerate(self.setting_notes) if note)
        return (*self.study_notes, *of_settings)

    @property
    def variance(self) -> Mapping[Any, Float[Array, "*axes"]]:
        """Variance by source: `variance["data"]`, and interactions: `variance["data", "init"]`."""
        return Components([term for term in self.estimates if isinstance(term, tuple)], self.estimates.__getitem__)

    @property
    def bias_squared(self) -> Float[Array, "*axes"]:
        """|E f - E[y | x]|² of the squared error; an error when labels without a noise estimate leave it unidentified."""
        return self._named("bias_squared")

    @property
    def bias_squared_plus_noise(self) -> Float[Array, "*axes"]:
        """|E f - y|² over labels: bias² and noise together."""
        return self._named("bias_squared_plus_noise")

    @property
    def bias(self) -> Float[Array, "*axes"]:
        """The loss of the central prediction above the noise, for losses other than squares."""
        return self._named("bias")

    @property
    def bias_plus_noise(self) -> Float[Array, "*axes"]:
        """The loss of the central prediction over labels: bias and noise together."""
        return self._named("bias_plus_noise")

    @property
    def shares(self) -> dict[str, Float[Array, "*axes"]]:
        """Shapley's share of the total variance for each factor of a crossed design, in a Bregman loss."""
        named = {
            term: value for term, value in self.estimates.items() if isinstance(term, str) and term.startswith("share[")
        }
        return {term.removeprefix("share[").removesuffix("]"): value for term, value in named.items()}

    @property
    def total_variance(self) -> Float[Array, "*axes"]:
        """E|f - E f|², or what the loss has in its place."""
        return self._named("total_variance")

    @property
    def noise(self) -> Float[Array, "*axes"]:
        """E|y - E[y | x]|², or what the loss has in its place."""
        return self._named("noise")

    @property
    def risk(self) -> Float[Array, "*axes"]:
        """E|f - y|², or the expected loss."""
        return self._named("risk")

    @property
    def excess_risk(self) -> Float[Array, "*axes"]:
        """E|f - E[y | x]|², when the mean is known and the noise is not."""
        return self._named("excess_risk")

    @property
    def intervals(self) -> dict[Term, Interval]:
        """95 % intervals of all terms, not symmetric about the estimates; see `decomposition.intervals`.

        Terms that cannot be negative have ends that are not, also where the estimate is.
        """
        return {term: Interval(low, self.upper_ends[term]) for term, low in self.lower_ends.items()}

    def __getitem__(self, name: Term) -> Float[Array, "*axes"]:
        """The estimate of a term by its name, as the table prints it: `result["variance[data, init]"]`, `result["risk"]`.

        Raises:
            UnknownTermError: a `KeyError` and `ValueError`, for a name that no term has; it lists those that there are.
        """
        return Terms(self.estimates, self.estimates.__getitem__)[name]

    def term(self, name: Term) -> Term:
        """The term that a name stands for: itself, its label in the table, or a single source.

        Raises:
            ValueError: for a name that no term has; it lists those that there are.
        """
        names = Components(self.estimates, self.estimates.__getitem__).names()
        if not isinstance(name, str | tuple) or name not in names:
            labels = ", ".join(repr(label_of(each)) for each in self.estimates)
            msg = f"term: got {name!r:.80}, expected one of those that this study identifies: {labels}"
            raise ValueError(msg)
        return names[name]

    def _named(self, term: str) -> Float[Array, "*axes"]:
        if term not in self.estimates:
            known = [name for name in self.estimates if isinstance(name, str)]
            msg = f"this study does not identify {term!r}; it identifies {known} and the components {list(self.variance)}. "
            msg += "Target(mean=..., noise=...), probabilities or replicate labels identify all of them"
            raise ValueError(msg)
        return self.estimates[term]
