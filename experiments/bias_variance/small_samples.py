"""Polynomials of two degrees on 15 examples, which two claims judge."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.polynomial.legendre import legvander

from experiments.bias_variance.polynomials import (
    NOISE_STD,
    NUM_BATCHES,
    X,
    decomposed,
    exact_terms,
    excess,
    polynomials,
)
from experiments.book.lab import Lab
from jaxdl.decomposition import Decomposition

NUM_EXAMPLES = 15


class Small(NamedTuple):
    """One degree: its decomposition, distances from the pooled fit at the inputs, (bias², variance) in each batch, and their exact
    values.
    """

    whole: Decomposition
    distances: Float[np.ndarray, " runs"]
    batches: Float[np.ndarray, "batches 2"]
    exact: tuple[float, float]


def small_samples(lab: Lab, degrees: tuple[int, int]) -> list[Small]:
    """Both degrees, on the same labels."""
    runs: Any = polynomials(lab, "small", [(degree, NUM_EXAMPLES, NOISE_STD) for degree in degrees], lab["runs"])
    found = []
    for degree, outputs in zip(degrees, np.asarray(runs.outputs, np.float64), strict=True):
        results = [decomposed(batch) for batch in np.split(outputs, NUM_BATCHES)]
        batches = np.array([[float(each.bias_squared), float(each.total_variance)] for each in results])
        # A polynomial is known everywhere from its values at the test points.
        at_inputs = (
            outputs @ np.linalg.pinv(legvander(X, degree)).T @ legvander(np.linspace(-1, 1, NUM_EXAMPLES), degree).T
        )
        distances = excess(at_inputs, at_inputs.mean(axis=0))
        found.append(Small(decomposed(outputs), distances, batches, exact_terms(degree, NUM_EXAMPLES)))
    return found
