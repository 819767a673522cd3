"""Outliers of a spectrum: the eigenvalues above its largest gap."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from jaxdl.admission import as_numbers


def num_outliers(largest: Float[np.ndarray, "*rest ranks"] | Any) -> Int[np.ndarray, "*rest"]:
    """The number of eigenvalues above the largest ratio of neighbors.

        argmax_k λ_k / λ_{k+1},   over the k for which λ_{k+1} > 0

    How many of the largest eigenvalues are given decides where the gap is looked for: twice as many as outliers are expected, and a
    few more, leave room for an answer on either side. Without two positive eigenvalues it is 1.

    Args:
        largest: eigenvalues in decreasing order, on the last axis, at least two.

    Raises:
        ValueError: fewer than two eigenvalues, or an order that is not decreasing.

    >>> print(num_outliers(np.array([9.0, 8.0, 7.0, 1.0, 0.9, -0.1])))
    3
    """
    largest = as_numbers("largest", largest)
    if largest.ndim == 0 or largest.shape[-1] < 2 or (np.diff(largest, axis=-1) > 0).any():
        msg = f"largest: got shape {largest.shape}, expected two eigenvalues or more, in decreasing order; sort them first"
        raise ValueError(msg)
    above, below = largest[..., :-1], largest[..., 1:]
    ratios = np.where(below > 0, above / np.where(below > 0, below, 1), 0)
    return np.asarray(np.argmax(ratios, axis=-1) + 1)
