"""Networks on digits and the ends of their spectra: what the claims about outliers and the bulk share."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from jaxdl import curvature, designs, learners, losses, models, objectives
from jaxdl.data import real
from jaxdl.types import Dataset, Keys, Model, Params, Trial

NUM_EXAMPLES = 500
"""The first digits of the data set."""
NUM_UNITS = 16
"""Hidden tanh units."""
STEP_SIZE = 0.1
"""Of gradient descent on the cross-entropy."""
NUM_TOP = 22
"""Eigenvalues that are computed: those among which outliers of ten classes are looked for."""
LAYERS = ("hidden", "output")
PIXELS = {"as they are": 0.0, "centred": 1.0}
DESIGN_SOURCES = ("init", "search")


def problem(num_examples: int, classes: int | Scalar, centred: float | Scalar) -> tuple[Model, Dataset]:
    """The first digits below `classes`, and a network with as many outputs; both may be traced.

    Intensities are between 0 and 1, less their mean where `centred` is 1. Other digits have no weight, and the outputs of
    other classes have no probability, so that one shape serves all numbers of classes.
    """
    digits = jax.tree.map(lambda leaf: leaf[:num_examples], real.digits())
    is_used = jnp.arange(10) < classes
    weight = (jnp.argmax(digits.y, axis=1) < classes).astype(digits.x.dtype)
    mean = jnp.sum(weight[:, None] * digits.x, axis=0, keepdims=True) / jnp.sum(weight)
    network = models.mlp([NUM_UNITS], 10, activation=jax.nn.tanh)

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


def by_classes(lab: Lab, pixels: Sequence[str]) -> Any:
    """Runs of which `top` has the largest eigenvalues: (classes and pixels, networks, times, NUM_TOP)."""

    def trial(keys: Keys, setting: Mapping[str, Scalar]) -> dict[str, Array]:
        model, data = problem(NUM_EXAMPLES, setting["classes"], setting["centred"])

        def at(params: Params) -> dict[str, Array]:
            found = curvature.eigenpairs(
                hessian_of(model, data, params), params, keys["search"], top=NUM_TOP, bottom=0, tolerance=1e-4
            )
            return {"top": found.values, "converged": jnp.all(found.converged)}

        return jax.lax.map(at, trained(keys, model, data, lab["times"]))

    settings = {
        "classes": np.repeat(lab["classes"], len(pixels)),
        "centred": np.tile([PIXELS[name] for name in pixels], len(lab["classes"])).astype(np.float32),
    }
    design = designs.independent(lab["networks"], *DESIGN_SOURCES)
    return lab.run("classes", trial, design, settings=settings, block=2)


def layers_trial(times: Sequence[int], num_probes: int) -> Trial:
    """On ten classes, pixels as they are, at all times.

    The ends of the whole spectrum and of each layer's block, the spectral density, and the share of eigenvalues within 1 % of
    the largest.
    """
    model, data = problem(NUM_EXAMPLES, 10, 0.0)

    def trial(keys: Keys) -> dict[str, Array]:
        key_whole, key_density, *keys_layers = jax.random.split(keys["search"], 4)

        def at(params: Params) -> dict[str, Array]:
            product = hessian_of(model, data, params)
            whole = curvature.eigenpairs(product, params, key_whole, top=NUM_TOP, bottom=1, tolerance=1e-4)
            tops = []
            for layer, key_layer in zip(sorted(params), keys_layers, strict=True):
                block, like = curvature.products.restrict(product, params, {name: name == layer for name in params})
                tops.append(curvature.eigenpairs(block, like, key_layer, top=NUM_TOP, bottom=0, tolerance=1e-4).values)
            density = curvature.spectral_density(product, params, key_density, num_probes=num_probes, num_steps=64)
            near = 0.01 * jnp.max(density.nodes)
            share = curvature.spectra.cumulative(density, jnp.stack([-near, near]))
            return {
                "whole": whole.values[:NUM_TOP],
                "smallest": whole.values[NUM_TOP],
                "layers": jnp.stack(tops),
                "nodes": density.nodes,
                "weights": density.weights * density.probe_weights[:, None],
                "bulk": share.estimate[1] - share.estimate[0],
                "bulk_low": share.probed_low[1] - share.probed_high[0],
            }

        return jax.lax.map(at, trained(keys, model, data, times))

    return trial


def layers(lab: Lab) -> Any:
    """The runs of `layers_trial`: networks on the first axis, times on the second."""
    design = designs.independent(lab["networks"], *DESIGN_SOURCES)
    return lab.run("layers", layers_trial(lab["times"], lab["probes"]), design, block=2)


def typical(top: Float[np.ndarray, "networks *rest"]) -> Float[np.ndarray, "*rest"]:
    """The geometric mean over networks, the first axis; eigenvalues that are not positive count as tiny ones."""
    return np.exp(np.log(np.maximum(top, np.finfo(np.float32).tiny)).mean(axis=0))
