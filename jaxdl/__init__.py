"""jaxdl: where does a learner's error come from, and what does its loss surface look like? Measured, with standard errors."""

from importlib.metadata import version

from jaxdl import (
    data,
    decomposition,
    designs,
    ensembles,
    learners,
    losses,
    models,
    objectives,
    penalties,
    statistics,
    truths,
    types,
)
from jaxdl.measure import decompose

__version__ = version("jaxdl")
__all__ = [
    "data",
    "decompose",
    "decomposition",
    "designs",
    "ensembles",
    "learners",
    "losses",
    "models",
    "objectives",
    "penalties",
    "statistics",
    "truths",
    "types",
]
