"""The loss around a model and between two: slices, barriers, and symmetries, which change parameters but no function."""

from jaxdl.curvature.landscape.hidden_units import Matched, match_hidden_units
from jaxdl.curvature.landscape.reparametrization import Reparametrization, reparametrization
from jaxdl.curvature.landscape.slices import barrier, filter_normalized, interpolation, line, plane, random_direction

__all__ = [
    "Matched",
    "Reparametrization",
    "barrier",
    "filter_normalized",
    "interpolation",
    "line",
    "match_hidden_units",
    "plane",
    "random_direction",
    "reparametrization",
]
