"""Terms of the decomposition as linear functions of products between runs, and what a jackknife makes of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

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
    apart: tuple[Term, ...] = ()
    """Terms that no stratum describes, where there are strata: their intervals are those of t."""
    of_classes: dict[int, "Estimates"] | None = None
    """The terms at the points of each class, where labels are classes."""


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


class Spread(NamedTuple):
    """A variance and its degrees of freedom."""

    variance: Float[Array, "*any"]
    degrees_of_freedom: Float[Array, "*degrees"] | Int[Array, "*degrees"]


def spread_of_levels(replicates: Float[Array, "*terms levels columns"]) -> Spread:
    """What the levels of one unit contribute: `jackknife_variance`, with one degree of freedom less than levels present."""
    return Spread(jackknife_variance(replicates), (~np.isnan(replicates)).sum(axis=-2) - 1)


def spread_of_points(per_point: Float[Array, "*columns points"]) -> Spread:
    """What test points drawn anew contribute to a mean over them: its jackknife, in closed form; nan for one point alone."""
    num_points = per_point.shape[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Spread(per_point.var(axis=-1) / (num_points - 1), np.asarray(max(num_points - 1, 1)))


def total_spread(parts: Sequence[Spread]) -> Spread:
    """Of several units together: the sum of the variances, with the degrees of freedom (sum v_i)² / sum (v_i² / d_i).

    Infinite where the variance is exactly zero. Squares are taken of numbers near one, divided by a power of two, so that they
    neither overflow nor vanish.

    Source: Satterthwaite (1946), An approximate distribution of estimates of variance components.
    """
    variance = np.sum([part for part, _ in parts], axis=0)
    _, exponent = np.frexp(variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.ldexp(variance, -exponent) ** 2
        freedom = total / sum(np.ldexp(part, -exponent) ** 2 / degrees for part, degrees in parts)
    return Spread(variance, np.asarray(np.where(variance == 0, np.inf, freedom)))
