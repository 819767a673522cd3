"""jaxdl: where does a learner's error come from? bias², variance by source and noise, measured with standard errors."""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxdl import (
        curvature,
        data,
        decomposition,
        designs,
        diagnostics,
        ensembles,
        estimators,
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
    "estimators",
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


def __getattr__(name: str) -> Any:
    """A module, or a function of `studies`, imported when it is first used: nobody waits for what they do not use."""
    if name not in __all__:
        msg = f"module 'jaxdl' has no attribute {name!r}; it has {', '.join(__all__)}"
        raise AttributeError(msg)
    is_function = name in ("decompose", "triangulate")
    found = (
        getattr(importlib.import_module("jaxdl.studies"), name)
        if is_function
        else importlib.import_module(f"jaxdl.{name}")
    )
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
