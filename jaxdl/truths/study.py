"""A study with a known answer: how to obtain its predictions, and their exact terms."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Num

from jaxdl import ensembles
from jaxdl.decomposition import Decomposition, Target, squared_error
from jaxdl.decomposition.estimates import Term
from jaxdl.designs import Design
from jaxdl.types import Key, Trial

Exact = dict[Term, Float[np.ndarray, "*times"]]
"""The exact value of each term, with an axis for times where the study has one."""
NUM_REPLICATES = 50  # labels of each test point, as in scikit-learn's example


def exact_terms(bias: Any, components: Mapping[Term, Any], noise: Any) -> Exact:
    """All terms of a squared error, from bias², the variance components by source, and the noise.

        total_variance = sum of the components,   risk = bias² + total_variance + noise

    >>> {str(term): float(value) for term, value in exact_terms(1.0, {("data",): 0.5}, 0.25).items()}
    {'bias_squared': 1.0, "('data',)": 0.5, 'total_variance': 0.5, 'noise': 0.25, 'risk': 1.75}
    """
    total = sum(components.values())
    terms = {"bias_squared": bias, **components, "total_variance": total, "noise": noise, "risk": bias + total + noise}
    return {term: np.asarray(value) for term, value in terms.items()}


class Study(NamedTuple):
    """Predictions with one leading axis for each factor, and the truth at their test points.

    `trial` and `design` are what `jaxdl.decompose` takes; a recorded study has neither, and its factors are crossed.

    >>> import jax
    >>> from jaxdl import truths
    >>> study, exact = truths.ishigami()
    >>> len(study.factors) == study.predictions(jax.random.key(0)).ndim - 1, bool(abs(exact["total_variance"] - 13.844588) < 1e-5)
    (True, True)
    """

    name: str
    factors: tuple[str, ...]
    predictions: Callable[[Key], Num[np.ndarray, "..."]]
    target: Target
    dims: tuple[str, ...] = ("points",)
    trial: Trial | None = None
    design: Design | None = None
    tolerance: float = 0.0
    """The rounding of the exact values."""
    labels: Callable[[Key], Float[np.ndarray, "replicates *points"]] | None = None
    """Independent labels of every test point; `None`: normal, with the target's mean and noise."""
    loss: Callable[..., Decomposition] | None = None
    """The function of `jaxdl.decomposition` that decomposes the predictions; `None`: `squared_error`."""

    def decompose(self, predictions: Num[np.ndarray, "..."], target: Target) -> Decomposition:
        """The decomposition of the predictions by the study's own loss."""
        loss = squared_error if self.loss is None else self.loss
        if self.design is None:
            return loss(predictions, factors=self.factors, target=target, dims=self.dims)
        return loss(predictions, design=self.design, target=target, dims=self.dims)

    def draw_labels(self, key: Key) -> Float[np.ndarray, "replicates *points"]:
        """Replicate labels of the test points, for tools that do not know the mean."""
        if self.labels is not None:
            return self.labels(key)
        mean = np.asarray(self.target.mean, np.float64)
        noise = np.asarray(0.0 if self.target.noise is None else self.target.noise, np.float64)
        if "out" in self.dims:  # the target's noise is a sum over outputs
            noise = np.broadcast_to(noise, mean.shape[:1])[:, None] / mean.shape[1]
        return mean + np.sqrt(noise) * generator_of(key).normal(size=(NUM_REPLICATES, *mean.shape))


def simulated(name: str, trial: Trial, design: Design, target: Target, dims: tuple[str, ...] = ("points",)) -> Study:
    """A study that runs `trial` over a design."""
    prepared = functools.cache(lambda: ensembles.prepare(trial, design))  # the trials here never change

    def predictions(key: Key) -> Num[np.ndarray, "..."]:
        return prepared()(key).outputs

    return Study(name, design.factors, predictions, target, dims, trial, design)


def generator_of(key: Key) -> np.random.Generator:
    """NumPy's generator, seeded by a key, for random numbers outside of compiled programs."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))
