"""The strata of independent and nested designs, from the sums of groups of units and from pairs within each unit.

Between units the mean square is that of the units' means, and its effects are those of the groups, scaled to the variance of a
unit. At each depth inside a unit, children of one node are centred and their inner products taken; how much the mean squares of
units differ, beyond what normal children explain, is counted as kurtosis, be it that or that units differ in variance.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jaxdl.decomposition.layouts import nested_layout
from jaxdl.decomposition.strata import (
    PRIOR_LEVELS,
    PRIOR_UNITS,
    ROUNDING,
    Pairs,
    Strata,
    centred,
    inverse_points_of,
    kurtosis_elsewhere,
    moments,
    normal_moments,
    shape_of,
    spread_of,
)

Array = np.ndarray


def pairs_within(children: Float[Array, "units *nodes times points out"]) -> Float[Array, "units times 1 2"]:
    """For each unit, from the children along the last axis of `nodes`: (sum of |e|²)² and the sum of <e, e'>² over their pairs.

    Averages over points within, and over nodes outside.
    """
    axis = children.ndim - 4
    rows = np.moveaxis(children.reshape(*children.shape[:-2], -1), axis, -2)
    gram = rows @ np.swapaxes(rows, -1, -2) / children.shape[-2]
    gram = centred(centred(gram, -1), -2)
    own = np.trace(gram, axis1=-2, axis2=-1)
    both = np.stack([own**2, (gram**2).sum(axis=(-2, -1))], axis=-1)[..., None, :]
    return both.mean(axis=tuple(range(1, axis)))


def grouped_strata(
    shape: Sequence[int],
    counts: Float[Array, " groups"],
    sums: tuple[
        Float[Array, "groups times points out"], Float[Array, "groups times points _"], Float[Array, "groups times 1 _"]
    ],
    *,
    with_bias: bool,
) -> Strata:
    """The strata of an independent design or a nested one of `shape`, from the sums of each group that is not empty.

    These are the sums of units' means, of |unit mean|² and c_1 .. c_depth as in `grouped`, and of pairs within, by depth.
    """
    totals, products, pairs = sums
    num_units, num_groups = float(counts.sum()), len(counts)
    mean = totals.sum(axis=0) / num_units
    gram, along = _between_groups(counts, totals)
    of_groups = _squares_of_groups(counts, totals, products, mean, shape)
    least = ROUNDING * products[..., -1].sum(axis=0).mean(axis=-1) / num_units
    squares, freedoms, taus, kurtoses, shapes = [], [], [], [], []
    tau = np.ones(mean.shape[0])
    for depth, values in enumerate(of_groups):
        share, inside = (
            (num_units - 1, 1.0) if depth == 0 else (num_units, math.prod(shape[1:depth]) * (shape[depth] - 1.0))
        )
        freedom, square = share * inside, values.sum(axis=0) / share
        square = np.where(square > least, square, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.where(square > 0, 1 / square, 0.0)
        shape_found = None
        if depth == 0:
            relative = gram * scale[:, None, None]
            own = np.diagonal(relative, axis1=1, axis2=2)
            of_pairs = Pairs(own.sum(axis=1) ** 2, (relative**2).sum(axis=(1, 2)), (own**2).sum(axis=1))
            known = moments(of_pairs, (num_groups,), 0)
            tau, kurtosis = inverse_points_of(known, gram_columns(totals)), known.cumulant
            if num_units == num_groups:
                shape_found = shape_of(relative, tau)
        elif shape[depth] > 2:  # with two children pairs tell nothing: then as many effective points as one depth above
            within = pairs[..., 0, 2 * depth - 2 : 2 * depth].sum(axis=0) / num_units * scale[:, None] ** 2
            tau = inverse_points_of(
                normal_moments(within[:, 0], within[:, 1], (shape[depth],), 0), gram_columns(totals)
            )
        if depth > 0 or num_units > num_groups:
            kurtosis = num_groups * (_unevenness(values, counts) - 2 * tau / freedom)
        squares.append(square)
        taus.append(tau)
        kurtoses.append(kurtosis)
        shapes.append(shape_found)
        freedoms.append(freedom)
    per_group = np.array([num_units, *freedoms[1:]]) / num_groups
    of_effects = np.stack(kurtoses) * per_group[:, None]  # not of groups
    elsewhere = kurtosis_elsewhere(of_effects, np.stack(taus), np.full(len(taus), float(num_groups)))
    spreads = [
        spread_of(
            freedom,
            float(num_groups),
            taus[depth],
            kurtoses[depth],
            elsewhere[depth] / per_group[depth],
            shapes[depth],
            prior=PRIOR_LEVELS if depth == 0 else PRIOR_UNITS,
        )
        for depth, freedom in enumerate(freedoms)
    ]
    freedoms[0] = num_groups - 1.0
    depths, nothing = len(of_groups), np.zeros_like(tau)
    projected = (along**2).sum(axis=0) / (num_groups - 1)
    # Third cumulants, from sums over the units of a group, with the mean as far from the truth as the spread of all groups says.
    shares = along * np.sqrt(counts)[:, None]
    third = (
        num_groups
        / max(num_groups - 2, 1)
        * (shares * (of_groups[0] - counts[:, None] * squares[0])).sum(axis=0)
        / num_units
    )
    covariance = 2 * third / num_units
    return Strata(
        squares=np.stack(squares),
        degrees_of_freedom=np.array(freedoms, np.float64),
        normal_variance=np.stack([spread.normal for spread in spreads]),
        lower_variance=np.stack([spread.lower for spread in spreads]),
        upper_variance=np.stack([spread.upper for spread in spreads]),
        projected=np.stack([projected, *[nothing] * (depths - 1)]) if with_bias else None,
        covariance=np.stack([covariance, *[nothing] * (depths - 1)]) if with_bias else None,
        effective_points=np.stack([spread.effective_points for spread in spreads]),
        kurtosis=of_effects,
        counts=np.full(depths, float(num_groups)),
        of_mean=np.eye(depths)[0] / num_units,
        of_components=nested_layout(shape).of_components,
        dependence=np.zeros_like(np.stack(taus)),
    )


def gram_columns(totals: Float[Array, "groups times points out"]) -> int:
    """Numbers in one run's predictions."""
    return totals.shape[-2] * totals.shape[-1]


def _between_groups(
    counts: Float[Array, " groups"], totals: Float[Array, "groups times points out"]
) -> tuple[Float[Array, "times groups groups"], Float[Array, "groups times"]]:
    """Inner products of groups' deviations, scaled to the variance of a unit, and those with the mean."""
    rows = np.moveaxis(totals.reshape(*totals.shape[:2], -1), 0, 1)
    gram = rows @ np.swapaxes(rows, -1, -2) / totals.shape[-2]  # of the totals themselves, which takes no copy of them
    with_mean = gram.sum(axis=-1, keepdims=True) / counts.sum()
    of_mean = with_mean.sum(axis=-2, keepdims=True) / counts.sum()
    shift = with_mean * counts
    gram = gram - shift - np.swapaxes(shift, -1, -2) + counts[:, None] * counts * of_mean
    along = (with_mean - counts[:, None] * of_mean)[..., 0] / np.sqrt(counts)
    return gram / np.sqrt(counts[:, None] * counts), along.T


def _squares_of_groups(
    counts: Float[Array, " groups"],
    totals: Float[Array, "groups times points out"],
    products: Float[Array, "groups times points _"],
    mean: Float[Array, "times points out"],
    shape: Sequence[int],
) -> list[Float[Array, "groups times"]]:
    """For each depth, the sum over a group's units: of |unit mean - mean|², then of mean squares within the unit."""
    about_mean = -2 * np.einsum("gtpo,tpo->gtp", totals, mean) + counts[:, None, None] * np.einsum(
        "tpo,tpo->tp", mean, mean
    )
    found = [(products[..., 0] + about_mean).mean(axis=-1)]
    found += [(products[..., depth] - products[..., depth - 1]).mean(axis=-1) for depth in range(2, len(shape) + 1)]
    for depth in range(len(shape) - 2, 0, -1):  # a mean square holds that of the next depth
        found[depth] = found[depth] + found[depth + 1] / shape[depth + 1]
    return found


def _unevenness(values: Float[Array, "groups times"], counts: Float[Array, " groups"]) -> Float[Array, " times"]:
    """The relative variance of the sum of groups' values, by how far each is from its share."""
    total = values.sum(axis=0)
    apart = ((values - counts[:, None] / counts.sum() * total) ** 2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, apart / total**2, 0.0) * len(counts) / (len(counts) - 1)
