"""Critical points: searches for them, their kinds, their distinct ones, and the ways out of saddles."""

from jaxdl.curvature.critical.distinct import Completeness, Distinct, completeness, distinct
from jaxdl.curvature.critical.minres import LeastSquares, minres
from jaxdl.curvature.critical.newton_mr import NewtonMR, newton_mr
from jaxdl.curvature.critical.points import (
    CriticalPoints,
    EscapeDirections,
    Kind,
    critical_point,
    critical_points,
    escape_directions,
)

__all__ = [
    "Completeness",
    "CriticalPoints",
    "Distinct",
    "EscapeDirections",
    "Kind",
    "LeastSquares",
    "NewtonMR",
    "completeness",
    "critical_point",
    "critical_points",
    "distinct",
    "escape_directions",
    "minres",
    "newton_mr",
]
