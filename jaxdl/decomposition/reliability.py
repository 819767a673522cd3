"""What a reader must know of intervals that may not hold as often as they say."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdl.decomposition.strata import Strata
from jaxdl.designs import Design

FEWEST = 7.0  # effective degrees of freedom, as of 8 levels at one point: from there on intervals hold
FARTHEST_BY_CHANCE, OF_FEW_LEVELS = 2.0, 20.0  # standard errors of the kurtosis of normal effects: 2 + 20 / levels
LEAST_KURTOSIS = 1.5  # that changes an interval visibly, whatever its error


def reliability_note(strata: Strata, design: Design, num_points: int) -> str:
    """One sentence for each source whose intervals are rough, with what would help; "" where there is none.

    Few effective test points and levels: their product is small, and so is what an interval is made from. Heavy tails: a variance
    that has not met the rare large effects yet is too small, and nothing in the runs tells by how much.
    """
    notes = []
    for index, name in enumerate(_names(design)):
        freedom = 2 / strata.normal_variance[index]
        with np.errstate(invalid="ignore"):
            varies = strata.squares[index] > 0
        if not varies.any():
            continue
        points = float(strata.effective_points[index][varies].min())
        if freedom[varies].min() < FEWEST - 1e-9:
            levels = round(float(freedom[varies].min()) / points) + 1
            more = (
                f"more levels of {name}, or more test points" if points > num_points / 2 else f"more levels of {name}"
            )
            problem = (
                f"intervals that rest on {levels} levels of {name} and {points:.2g} effective test points are rough"
            )
            notes.append(f"{problem}; {more} would help")
        excess = strata.kurtosis[index] * strata.effective_points[index]  # as that of one point
        own_freedom = float(freedom[varies].max()) / float(strata.effective_points[index][varies].max())
        count = float(strata.counts[index])
        error = math.sqrt(24 * count) / min(own_freedom, count)
        by_chance = (FARTHEST_BY_CHANCE + OF_FEW_LEVELS / _levels(design, index, count)) * error
        if excess[varies].max() > max(LEAST_KURTOSIS, by_chance):
            kurtosis = 3 + float(excess[varies].max())
            problem = (
                f"effects of {name} have heavy tails (kurtosis {kurtosis:.2g} at {points:.2g} effective test points)"
            )
            sources = name.replace(" and ", " or ")
            notes.append(f"{problem}: their intervals may be too low; more levels of {sources} would help")
    return "; ".join(notes)


def _names(design: Design) -> list[str]:
    """The strata of a design, in the order of `Strata`."""
    if not design.is_crossed:
        return list(design.factors)
    return [" and ".join(u) for u in _combinations(design.factors)]


def _levels(design: Design, index: int, count: float) -> float:
    """The fewest levels of a factor in a stratum, or the number of groups of units."""
    return float(min(_combinations(design.shape)[index])) if design.is_crossed else count


def _combinations(values: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [u for size in range(len(values)) for u in itertools.combinations(values, size + 1)]
