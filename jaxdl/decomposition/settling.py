"""What a difference of two procedures says, and how many levels of what would settle it."""

import enum
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy import special

from jaxdl.decomposition.planning import cheapest
from jaxdl.designs.layout import MOST_RUNS
from jaxdl.statistics import Interval

POINTS = "test points"
NORMAL = float(special.ndtri(0.975))  # many levels are what settles


class Outcome(enum.Enum):
    """Of the second procedure beside the first.

    >>> Outcome("undecided") is Outcome.UNDECIDED
    True
    """

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference within the margin"
    UNDECIDED = "undecided"


class Settling(NamedTuple):
    """How many levels would settle a difference of the size that was measured, to first order.

    >>> Settling(alone={"data": 40, "test points": None}, together={"data": 40}, num_needed=24).alone["data"]
    40
    """

    alone: dict[str, int | None]
    """Of each source, and test points where they are drawn anew, if the others stay; None where these alone leave it open."""
    together: dict[str, int] | None
    """Of all sources, for the fewest runs, at the test points at hand; None where these alone leave it open."""
    num_needed: int | None
    """Runs of each procedure that `together` has beyond those at hand."""


def outcome_of(interval: Interval, margin: float, *, larger_is_better: bool) -> Outcome:
    """By where the interval of the difference lies: beyond the margin, within it, or across.

    >>> outcome_of(Interval(-0.3, -0.1), 0.0, larger_is_better=False).value
    'better'
    """
    low, high = float(interval.low), float(interval.high)
    if low > margin or high < -margin:
        return Outcome.BETTER if (low > margin) == larger_is_better else Outcome.WORSE
    return Outcome.NO_DIFFERENCE if -margin < low and high < margin else Outcome.UNDECIDED


def settling_of(difference: float, margin: float, parts: Mapping[str, float], counts: Mapping[str, int]) -> Settling:
    """From the part of each unit in the variance of a difference, and its levels at hand.

    >>> settling_of(0.1, 0.0, {"seed": 0.01}, {"seed": 5})      # 5 · 0.01 / (0.1/1.96)² = 19.2
    Settling(alone={'seed': 20}, together={'seed': 20}, num_needed=15)

    Levels inside a level have no part of their own, as in `nested(seed=5, order=3)`, and each outer level has as many runs:

    >>> settling_of(0.1, 0.0, {"seed": 0.01}, {"seed": 5, "order(seed)": 3}).num_needed
    45
    """
    allowed = (abs(abs(difference) - margin) / NORMAL) ** 2
    alone = {unit: _alone(unit, parts, counts, allowed) for unit in parts}
    sources = [unit for unit in parts if unit != POINTS]
    least = tuple(counts[unit] for unit in sources)

    def reaches(shape: Sequence[int]) -> bool:
        scaled = sum(parts[unit] * counts[unit] / count for unit, count in zip(sources, shape, strict=True))
        return scaled + parts.get(POINTS, 0.0) <= allowed

    if parts.get(POINTS, 0.0) >= allowed:
        return Settling(alone, None, None)
    best = cheapest(least, [False] * len(least), reaches, math.prod, MOST_RUNS)
    if best is None:
        return Settling(alone, None, None)
    inside = math.prod(count for unit, count in counts.items() if unit not in parts and unit != POINTS)
    return Settling(alone, dict(zip(sources, best, strict=True)), inside * (math.prod(best) - math.prod(least)))


def _alone(unit: str, parts: Mapping[str, float], counts: Mapping[str, int], allowed: float) -> int | None:
    rest = allowed - sum(part for name, part in parts.items() if name != unit)
    if rest <= 0:
        return None
    return max(counts[unit], math.ceil(counts[unit] * parts[unit] / rest))
