"""Which axis shows numbers best, and how far it should reach: pure functions, whatever draws."""

from typing import Literal

import numpy as np
from jaxtyping import Num

Array = np.ndarray
LEAST_RATIO = 4.0
"""Of the largest position to the smallest: below, a linear axis shows all of them."""
FAR = 10.0
"""Times the upper quartile, beyond which a value is cut off rather than everything else pressed flat."""


def scale_of(x: Num[Array, " x"]) -> Literal["linear", "log", "symlog"]:
    """The scale on which positions are most evenly spaced: `"symlog"` where zero is one of them, as for training steps.

    >>> scale_of(np.array([1, 10, 100])), scale_of(np.array([0, 1, 10, 100])), scale_of(np.array([0, 1, 2, 3]))
    ('log', 'symlog', 'linear')
    """
    values = np.unique(np.asarray(x, float))
    positive = values[values > 0]
    if len(values) < 3 or values[0] < 0 or len(positive) < 2 or positive[-1] < LEAST_RATIO * positive[0]:
        return "linear"
    if _unevenness(np.log(positive)) >= _unevenness(values):
        return "linear"
    return "log" if values[0] > 0 else "symlog"


def robust_top(values: Num[Array, "..."]) -> tuple[float, int]:
    """Where an axis from zero should end, and how many values are beyond: a few that are far above the others are cut off.

    >>> robust_top(np.array([1.0, 2.0, 3.0, 4.0])), robust_top(np.array([1.0, 1.0, 2.0, 2.0, 900.0]))
    ((4.0, 0), (20.0, 1))
    """
    finite = np.asarray(values, float)[np.isfinite(values)]
    if not finite.size:
        return 1.0, 0
    top = FAR * float(np.quantile(finite, 0.75))
    beyond = int((finite > top).sum())
    return (top, beyond) if beyond and top > 0 else (float(finite.max()), 0)


def _unevenness(values: Num[Array, " x"]) -> float:
    """The spread of the steps, as a share of their mean; a single step is even."""
    steps = np.diff(values)
    return float(steps.std() / steps.mean())
