"""The strata of a crossed table: mean squares of effects, and inner products of effects that say how precise they are.

The effects of a set u of factors are e_u = sum over subsets w of u of (-1)^|u - w| m_w, from the margins m. Between levels of one
factor all inner products are taken; between cells those along one axis alone, which is little more work than reading the table.
Cells of one row may vary together in size (a product of two effects does): the spread of row sums beyond that of independent
cells is added to the variance of their mean square.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdl.decomposition.layouts import crossed_layout
from jaxdl.decomposition.strata import (
    ROUNDING,
    Moments,
    Pairs,
    Shape,
    Strata,
    centred,
    inverse_points_of,
    kurtosis_elsewhere,
    moments,
    shape_of,
    spread_of,
)

Array = np.ndarray
Subset = frozenset[int]
SLICE_BYTES = 2**23  # of the table at once
FEWEST_IN_PAIRS = 4


class _Stratum(NamedTuple):
    square: Float[Array, " times"]
    freedom: float
    inverse_points: Float[Array, " times"]
    kurtosis: Float[Array, " times"]
    shape: Shape | None
    dependence: Float[Array, " times"] | float
    projected: Float[Array, " times"]
    covariance: Float[Array, " times"]


class CrossedStrata:
    """Inner products of the effects of each subset of factors, summed over chunks of test points."""

    def __init__(self, counts: Sequence[int], times: int, num_points: int, *, with_bias: bool):
        self._counts, self._num_points, self._num_columns = tuple(counts), num_points, num_points
        factors = range(len(counts))
        self._subsets = [u for size in factors for u in itertools.combinations(factors, size + 1)]
        self._axes = {u: _axis_of_pairs([counts[i] for i in u]) for u in self._subsets}
        self._grams = {u: np.zeros((times, *self._shape_of_gram(u))) for u in self._subsets}
        self._projected = {u: np.zeros((times, *(counts[i] for i in u))) for u in self._subsets} if with_bias else None

    def _shape_of_gram(self, u: tuple[int, ...]) -> tuple[int, ...]:
        sizes = [self._counts[i] for i in u]
        along = sizes.pop(self._axes[u])
        return (*sizes, along, along)

    def add(self, margins: dict[Subset, Float[Array, "*levels points out"]], time: int) -> None:
        """The margins at some test points, centred at the target."""
        points, out = margins[frozenset(range(len(self._counts)))].shape[-2:]
        self._num_columns = self._num_points * out
        size = max(1, SLICE_BYTES // (8 * math.prod(self._counts) * out))
        for start in range(0, points, size):
            part = {u: margin[..., start : start + size, :] for u, margin in margins.items()}
            centre = part[frozenset()].reshape(-1)
            for u in self._subsets:
                rows = self._uncentred(part, u).reshape(*(self._counts[i] for i in u), -1)
                if self._projected is not None:
                    self._projected[u][time] += rows @ centre
                rows = np.moveaxis(rows, self._axes[u], -2)
                self._grams[u][time] += rows @ np.swapaxes(rows, -1, -2)

    def _uncentred(self, margins: dict[Subset, Array], u: tuple[int, ...]) -> Array:
        """The effects of u, but for what is the same at all levels along its axis of pairs.

        That goes from the Gram matrices when these are centred, which takes no time.
        """
        along = u[self._axes[u]]
        others = tuple(i for i in u if i != along)
        if not others:
            return margins[frozenset(u)] - margins[frozenset()]
        effects: dict[tuple[int, ...], Array] = {}
        *before, last = others
        # Of subsets without the last factor the effects add up to a margin: the table is gone through once for each other one.
        for count in range(len(before) + 1):
            for inside in itertools.combinations(before, count):
                effect = margins[frozenset((*inside, last, along))] - margins[frozenset((*inside, along))]
                for fewer in range(count):
                    for less in itertools.combinations(inside, fewer):
                        effect -= effects[less]
                effects[inside] = effect
        return effects[tuple(before)]

    def strata(self) -> Strata:
        """The mean squares of all points that were added."""
        found = [self._stratum(u) for u in self._subsets]
        counts = np.array([float(self._size(u)) for u in self._subsets])
        elsewhere = kurtosis_elsewhere(
            np.stack([each.kurtosis for each in found]), np.stack([each.inverse_points for each in found]), counts
        )
        spreads = [
            spread_of(
                each.freedom, count, each.inverse_points, each.kurtosis, elsewhere[index], each.shape, each.dependence
            )
            for index, (each, count) in enumerate(zip(found, counts, strict=True))
        ]
        layout = crossed_layout(self._counts)
        return Strata(
            squares=np.stack([each.square for each in found]),
            degrees_of_freedom=np.array([each.freedom for each in found]),
            normal_variance=np.stack([spread.normal for spread in spreads]),
            lower_variance=np.stack([spread.lower for spread in spreads]),
            upper_variance=np.stack([spread.upper for spread in spreads]),
            projected=None if self._projected is None else np.stack([each.projected for each in found]),
            covariance=None if self._projected is None else np.stack([each.covariance for each in found]),
            effective_points=np.stack([spread.effective_points for spread in spreads]),
            kurtosis=np.stack([spread.kurtosis for spread in spreads]),
            counts=counts,
            of_mean=layout.of_mean,
            of_components=layout.of_components,
            dependence=np.stack([np.broadcast_to(each.dependence, each.square.shape) for each in found]),
        )

    def _size(self, u: Subset | tuple[int, ...]) -> int:
        return math.prod(self._counts[i] for i in u)

    def _stratum(self, u: tuple[int, ...]) -> _Stratum:
        counts, axis = [self._counts[i] for i in u], self._axes[u]
        freedom, size = float(math.prod(count - 1 for count in counts)), float(self._size(u))
        raw = self._grams[u] / self._num_points
        gram = centred(centred(raw, -1), -2)
        own = np.moveaxis(np.diagonal(gram, axis1=-2, axis2=-1), -1, 1 + axis)  # (times, *counts)
        axes = tuple(range(1, own.ndim))
        total = own.sum(axis=axes)
        least = ROUNDING * np.trace(raw, axis1=-2, axis2=-1).sum(axis=axes[:-1])
        total = np.where(total > least, total, 0.0)
        square = total / freedom
        # Relative to the mean square, whose fourth power may be no double.
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.where(square > 0, 1 / square, 0.0)
        own = own * scale.reshape(-1, *[1] * len(counts))
        gram = gram * scale.reshape(-1, *[1] * (gram.ndim - 1))
        pairs = Pairs(own.sum(axis=axes) ** 2, (gram**2).sum(axis=tuple(range(1, gram.ndim))), (own**2).sum(axis=axes))
        known = moments(pairs, counts, axis)
        tau = inverse_points_of(known, self._num_columns)
        projected, covariance = np.zeros(()), np.zeros(())
        if self._projected is not None:
            along = centred(self._projected[u] / self._num_points, 1 + axis)
            projected = (along**2).sum(axis=axes) / freedom
            # The third cumulant of centred effects is that of the effects times (L - 1)(L - 2)/L² for each factor.
            third = (along * own).sum(axis=axes) * square / math.prod((n - 1) * (n - 2) / n for n in counts)
            covariance = 2 * third / size
        return _Stratum(
            square,
            freedom,
            tau,
            known.cumulant,
            shape_of(gram, tau) if len(u) == 1 else None,
            0.0 if len(u) == 1 else _dependence(own, known, counts),
            projected,
            covariance,
        )


def _axis_of_pairs(counts: Sequence[int]) -> int:
    """The shortest axis of four levels or more; the longest where there is none."""
    enough = [axis for axis, count in enumerate(counts) if count >= FEWEST_IN_PAIRS]
    if enough:
        return min(enough, key=lambda axis: counts[axis])
    return max(range(len(counts)), key=lambda axis: counts[axis])


def _dependence(own: Float[Array, "times *counts"], known: Moments, counts: Sequence[int]) -> Float[Array, " times"]:
    """What rows add to the variance of a mean square, relative to its square, when cells of a row vary together in size.

    Sums of squares between rows, less their expectation for independent cells.
    """
    added = np.zeros(len(own))
    for axis, count in enumerate(counts):
        others = [size for i, size in enumerate(counts) if i != axis]
        rows = own.sum(axis=tuple(i + 1 for i in range(len(counts)) if i != axis))
        between = ((rows - rows.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        inside = math.prod(size - 1 for size in others)
        cells = math.prod(size * (1 - 1 / size) ** 2 for size in others)
        fourth = count * (1 - 1 / count) ** 4 + (count - 1) / count**3
        by_chance = 2 * known.of_square * inside * (count - 1) * (count - 2) / count
        by_chance = by_chance + known.cumulant * cells * (fourth - (1 - 1 / count) ** 2)
        added += (between - by_chance) / ((count - 1) * (1 - 1 / count) ** 2 * inside**2) / count
    return np.maximum(added, 0)
