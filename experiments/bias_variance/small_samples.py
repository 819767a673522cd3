"""Polynomials of two degrees on 15 examples, which two claims judge."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from experiments.bias_variance.polynomials import NOISE_STD, NUM_BATCHES, decomposed, exact_terms, excess, polynomials
from experiments.book.lab import Lab

NUM_EXAMPLES = 15


class Small(NamedTuple):
    """One degree: distances from the pooled fit, (bias², variance) in each batch, and their exact values."""

    distances: Float[np.ndarray, " runs"]
    batches: Float[np.ndarray, "batches 2"]
    exact: tuple[float, float]


def small_samples(lab: Lab, degrees: tuple[int, int]) -> list[Small]:
    """Both degrees, on the same labels."""
    runs: Any = polynomials(lab, "small", [(degree, NUM_EXAMPLES, NOISE_STD) for degree in degrees], lab["runs"])
    found = []
    for degree, outputs in zip(degrees, np.asarray(runs.outputs), strict=True):
        results = [decomposed(batch) for batch in np.split(outputs, NUM_BATCHES)]
        batches = np.array([[float(each.bias_squared), float(each.total_variance)] for each in results])
        found.append(Small(excess(outputs, outputs.mean(axis=0)), batches, exact_terms(degree, NUM_EXAMPLES)))
    return found
