"""Terms of the decomposition as linear functions of products between runs, and what a jackknife makes of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdl.decomposition.strata import Strata
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Component

Array = np.ndarray
Term = str | Component


class Estimates(NamedTuple):
    """The terms of one setting."""

    terms: tuple[Term, ...]
    per_point: Float[Array, "terms times points"]
    per_point_variance: Float[Array, "terms times points"]
    """Jackknife variance of each per-point estimate, over runs; nan where the design gives none."""
    replicates: dict[str, Float[Array, "terms levels times"]]
    """For each unit (a factor, or groups of runs): the averaged terms with one level of it deleted, at that level's place;
    nan for levels that were left out of the study altogether."""
    strata: Strata | None = None
    """Of terms that are sums of mean squares, where there are enough levels."""


def term_names(components: Sequence[Term], reference: Reference | None) -> tuple[Term, ...]:
    """Names in the order in which `stack_terms` stacks: bias, components, total variance, risk."""
    if reference is None:
        return (*components, "total_variance")
    return (reference.bias, *components, "total_variance", reference.risk)


def stack_terms(
    shared_nothing: Float[Array, "*columns"],
    shared_all: Float[Array, "*columns"],
    components: list[Float[Array, "*columns"]],
    offsets: tuple[Float[Array, " points"], Float[Array, " points"]] | None,
) -> Float[Array, "terms *columns"]:
    """The terms from E<f, f'> for two runs that share nothing, for a run with itself, and the variance components."""
    total = shared_all - shared_nothing
    if offsets is None:
        return np.stack([*components, total])
    return np.stack([shared_nothing + offsets[0], *components, total, shared_all + offsets[1]])


def jackknife_variance(replicates: Float[Array, "*terms levels columns"]) -> Float[Array, "*terms columns"]:
    """(L - 1)/L times the sum of squared deviations of the L leave-one-out estimates (Quenouille, Tukey).

    Levels that were left out of the study altogether are nan in `replicates`, and do not count.
    """
    present = ~np.isnan(replicates)
    num_levels = present.sum(axis=-2)
    values = np.where(present, replicates, 0)
    with np.errstate(invalid="ignore", divide="ignore"):  # nothing present: nan
        centred = np.where(present, values - values.sum(axis=-2, keepdims=True) / num_levels[..., None, :], 0)
        return (num_levels - 1) / num_levels * (centred**2).sum(axis=-2)


def degrees_of_freedom(
    variance: Float[Array, "*columns"], parts: Sequence[tuple[Float[Array, "*columns"] | np.float64, int]]
) -> Float[Array, "*columns"]:
    """Of a variance that is a sum of parts, each with its own (Satterthwaite, 1946); infinite where it is exactly zero.

    Squares are taken of numbers near one, divided by a power of two, so that they neither overflow nor vanish.
    """
    _, exponent = np.frexp(variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.ldexp(variance, -exponent) ** 2
        freedom = total / sum(np.ldexp(part, -exponent) ** 2 / degrees for part, degrees in parts)
    return np.asarray(np.where(variance == 0, np.inf, freedom))
