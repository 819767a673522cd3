"""jaxdl: where does a learner's error come from? bias², variance by source and noise, measured with standard errors."""

from importlib.metadata import version

from jaxdl import (
    curvature,
    data,
    decomposition,
    designs,
    diagnostics,
    ensembles,
    learners,
    learning_curves,
    losses,
    models,
    objectives,
    penalties,
    priors,
    selection,
    statistics,
    studies,
    truths,
    types,
)
from jaxdl.studies import decompose, triangulate

__version__ = version("jaxdl")
__all__ = [
    "curvature",
    "data",
    "decompose",
    "decomposition",
    "designs",
    "diagnostics",
    "ensembles",
    "learners",
    "learning_curves",
    "losses",
    "models",
    "objectives",
    "penalties",
    "priors",
    "selection",
    "statistics",
    "studies",
    "triangulate",
    "truths",
    "types",
]
