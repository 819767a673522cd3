"""Spectra layer by layer, and how far they are from that of the whole: what HS2 and HS6 share."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from experiments.book.lab import Lab
from experiments.hessian_spectrum.digits import NUM_EXAMPLES, hessian_of, problem, trained
from jaxdl import curvature, designs
from jaxdl.types import Keys, Params

WIDTHS = (12, 12, 12)
LAYERS = ("first", "second", "third", "output")
"""In the order of the parameters: three hidden layers and the output."""
LEAST = 0.01
"""Eigenvalues below this share of the largest are not told apart: they make up the bulk near zero."""


def distances(lab: Lab) -> Float[np.ndarray, "networks times layers"]:
    """The distance of each layer's spectrum from that of the whole, for each network at each time."""

    def trial(keys: Keys) -> dict[str, Array]:
        model, data = problem(lab["sealed"], NUM_EXAMPLES, 10, 0.0, WIDTHS)

        def at(params: Params) -> dict[str, Array]:
            hessian = curvature.products.dense(hessian_of(model, data, params), params)
            found, first = {"whole": jnp.linalg.eigvalsh(hessian)}, 0
            for name, layer in zip(LAYERS, sorted(params), strict=True):
                last = first + ravel_pytree(params[layer])[0].size
                found[name] = jnp.linalg.eigvalsh(hessian[first:last, first:last])
                first = last
            return found

        return jax.lax.map(at, trained(keys, model, data, lab["times"]))

    spectra: dict[str, Any] = lab.run("layers", trial, designs.independent(lab["networks"], "init"), block=1).outputs
    whole, table = spectra["whole"], np.empty((*spectra["whole"].shape[:2], len(LAYERS)))
    for place in np.ndindex(table.shape):
        table[place] = distance(spectra[LAYERS[place[2]]][place[:2]], whole[place[:2]])
    return table


def distance(one: Float[np.ndarray, " p"], other: Float[np.ndarray, " q"]) -> float:
    """The largest difference between the shares of eigenvalues beyond a threshold, of either sign.

    Both spectra are divided by their largest eigenvalue, and thresholds are at least LEAST: zero for equal shapes, at most one.
    """
    thresholds = np.geomspace(LEAST, 1, 64)
    return max(
        float(np.abs(beyond(sign * one / one.max(), thresholds) - beyond(sign * other / other.max(), thresholds)).max())
        for sign in (1, -1)
    )


def beyond(values: Float[np.ndarray, " p"], thresholds: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """The share of values above each threshold."""
    return (values[:, None] > thresholds[None, :]).mean(axis=0)
