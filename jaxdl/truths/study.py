"""A study whose answer is known: how to obtain its predictions, and what they must decompose into."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdl import ensembles
from jaxdl.decomposition import Target
from jaxdl.decomposition.estimates import Term
from jaxdl.designs import Design
from jaxdl.types import Key, Trial

Exact = dict[Term, Float[np.ndarray, "*times"]]
"""The exact value of each term, with an axis for times where the study has one."""


class Study(NamedTuple):
    """Predictions with one leading axis for each crossed factor, and the truth at their test points.

    `trial` and `design` are what `jaxdl.decompose` takes; a recorded study has no trial.
    """

    name: str
    factors: tuple[str, ...]
    predictions: Callable[[Key], Float[np.ndarray, "..."]]
    target: Target
    dims: tuple[str, ...] = ("points",)
    trial: Trial | None = None
    design: Design | None = None
    tolerance: float = 0.0
    """By how much the exact values are rounded."""


def simulated(name: str, trial: Trial, design: Design, target: Target, dims: tuple[str, ...] = ("points",)) -> Study:
    """A study that runs `trial` over a crossed or independent `design`."""

    def predictions(key: Key) -> Float[np.ndarray, "..."]:
        return ensembles.run(trial, design, key).outputs

    return Study(name, design.factors, predictions, target, dims, trial, design)
