"""Networks on digits and the ends of their spectra: what the claims about outliers and the bulk share."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from experiments.book.sealed import parts
from jaxdl import curvature, designs, learners, losses, models, objectives
from jaxdl.data import real
from jaxdl.types import Dataset, Keys, Model, Params, Trial

NUM_EXAMPLES = 500
"""The first digits of the part of the data set that may be used."""
WIDTHS = (16,)
"""Hidden tanh units."""
STEP_SIZE = 0.1
"""Of gradient descent on the cross-entropy."""
NUM_TOP = 22
"""Eigenvalues that are computed: those among which outliers of ten classes are looked for."""
PIXELS = {"as they are": 0.0, "centred": 1.0}
DESIGN_SOURCES = ("init", "search")


def problem(
    is_sealed: bool, num_examples: int, classes: int | Scalar, centred: float | Scalar, widths: Sequence[int] = WIDTHS
) -> tuple[Model, Dataset]:
    """The first digits below `classes`, and a network with as many outputs; both may be traced.

    Intensities are between 0 and 1, less their mean where `centred` is 1. Other digits have no weight, and the outputs of
    other classes have no probability, so that one shape serves all numbers of classes.
    """
    opened, kept = parts(real.digits(), is_sealed)
    digits = jax.tree.map(lambda leaf: leaf[:num_examples], kept if is_sealed else opened)
    is_used = jnp.arange(10) < classes
    weight = (jnp.argmax(digits.y, axis=1) < classes).astype(digits.x.dtype)
    mean = jnp.sum(weight[:, None] * digits.x, axis=0, keepdims=True) / jnp.sum(weight)
    network = models.mlp(list(widths), 10, activation=jax.nn.tanh)

    def apply(variables: Any, x: Array) -> Array:
        return jnp.where(is_used[None, :], network.apply(variables, x), -1e4)

    data = digits._replace(x=(digits.x - centred * mean) / 16, weight=weight)
    return network._replace(apply=apply, train_apply=None), data


def trained(keys: Keys, model: Model, data: Dataset, times: Sequence[int]) -> Params:
    """The parameters at all times of gradient descent on the cross-entropy."""
    risk = objectives.empirical_risk(model, losses.softmax_cross_entropy)
    learner = learners.gradient_descent(model, risk, optax.sgd(STEP_SIZE), num_steps=times[-1], times=times)
    return learner(keys, data)["params"]


def hessian_of(model: Model, data: Dataset, params: Params) -> Any:
    """Products with the Hessian of the cross-entropy."""
    return curvature.products.hvp_over(model, losses.softmax_cross_entropy, {"params": params}, data)


def overlaps(model: Model, data: Dataset, params: Params, vectors: Params) -> Float[Array, " vectors"]:
    """The share of each vector's squared length that lies in the span of the mean gradients of the classes."""

    def by_class(params: Params) -> Float[Array, " classes"]:
        each = losses.softmax_cross_entropy(model.apply({"params": params}, data.x), data.y)
        return jnp.mean(jnp.where(data.weight > 0, each, 0)[:, None] * data.y, axis=0)

    rows, tops = (
        jax.vmap(lambda tree: ravel_pytree(tree)[0])(each) for each in (jax.jacrev(by_class)(params), vectors)
    )
    basis, sizes, _ = jnp.linalg.svd(rows.T, full_matrices=False)
    # Classes that have no examples have no gradient, and no direction.
    return jnp.sum((jnp.where(sizes > 1e-4 * sizes[0], 1, 0)[:, None] * (basis.T @ tops.T)) ** 2, axis=0)


def by_classes(lab: Lab, pixels: Sequence[str]) -> Any:
    """Runs of which `top` has the largest eigenvalues: (classes and pixels, networks, times, NUM_TOP)."""

    def trial(keys: Keys, setting: Mapping[str, Scalar]) -> dict[str, Array]:
        model, data = problem(lab["sealed"], NUM_EXAMPLES, setting["classes"], setting["centred"])

        def at(params: Params) -> dict[str, Array]:
            found = curvature.eigenpairs(
                hessian_of(model, data, params), params, keys["search"], top=NUM_TOP, bottom=0, tolerance=1e-4
            )
            overlap = overlaps(model, data, params, found.vectors)
            return {"top": found.values, "overlap": overlap, "converged": jnp.all(found.converged)}

        return jax.lax.map(at, trained(keys, model, data, lab["times"]))

    settings = {
        "classes": np.repeat(lab["classes"], len(pixels)),
        "centred": np.tile([PIXELS[name] for name in pixels], len(lab["classes"])).astype(np.float32),
    }
    design = designs.independent(lab["networks"], *DESIGN_SOURCES)
    return lab.run("classes", trial, design, settings=settings, block=2)


def density_trial(is_sealed: bool, times: Sequence[int], num_probes: int) -> Trial:
    """On ten classes, pixels as they are, at all times: both ends of the spectrum, and the share of eigenvalues near zero."""
    model, data = problem(is_sealed, NUM_EXAMPLES, 10, 0.0)

    def trial(keys: Keys) -> dict[str, Array]:
        key_ends, key_density = jax.random.split(keys["search"])

        def at(params: Params) -> dict[str, Array]:
            product = hessian_of(model, data, params)
            ends = curvature.eigenpairs(product, params, key_ends, top=11, bottom=1, tolerance=1e-4).values
            density = curvature.spectral_density(product, params, key_density, num_probes=num_probes, num_steps=64)
            near = 0.01 * jnp.max(density.nodes)
            share = curvature.spectra.cumulative(density, jnp.stack([-near, near]))
            return {
                "ends": ends,
                "nodes": density.nodes,
                "weights": density.weights * density.probe_weights[:, None],
                "bulk": share.estimate[1] - share.estimate[0],
                "bulk_low": share.probed_low[1] - share.probed_high[0],
            }

        return jax.lax.map(at, trained(keys, model, data, times))

    return trial


def typical(top: Float[np.ndarray, "networks *rest"]) -> Float[np.ndarray, "*rest"]:
    """The geometric mean over networks, the first axis; eigenvalues that are not positive count as tiny ones."""
    return np.exp(np.log(np.maximum(top, np.finfo(np.float32).tiny)).mean(axis=0))
