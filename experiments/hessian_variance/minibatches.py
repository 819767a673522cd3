"""Networks on digits, and the largest eigenvalue of their minibatches' Hessians at fixed parameters."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from experiments.book.lab import Lab
from experiments.book.sealed import parts
from jaxdl import curvature, designs, learners, losses, models, objectives
from jaxdl.data import real
from jaxdl.types import Dataset, Keys, Trial

LOSS = losses.softmax_cross_entropy
KEY_SEARCH = jax.random.key(0)


class Minibatches(NamedTuple):
    """Largest eigenvalues of minibatches' Hessians, and what perturbation theory says of them."""

    sizes: np.ndarray
    value: Float[np.ndarray, " networks"]
    """Of the Hessian of all digits."""
    excess: Float[np.ndarray, "networks sizes batches"]
    """λ(H_B) - u · H_B u, with u of all digits: its mean is the bias exactly, since E[u · H_B u] = λ(H)."""
    sampled: Float[np.ndarray, "networks sizes batches"]
    """λ(H_B)."""
    bias_slope: Float[np.ndarray, " networks"]
    variance_slope: Float[np.ndarray, " networks"]


def digits(is_sealed: bool) -> Dataset:
    """The part of the digits that may be used, with intensities between 0 and 1."""
    opened, kept = parts(real.digits(), is_sealed)
    data = kept if is_sealed else opened
    return data._replace(x=data.x / 16)


def network_of(num_units: int, num_steps: int, data: Dataset) -> Trial:
    """`keys` -> a trained network, the largest eigenvalue of its Hessian with its vector, and the slopes."""
    model = models.mlp([num_units], 10, activation=jax.nn.tanh)
    risk = objectives.empirical_risk(model, LOSS)
    learner = learners.gradient_descent(model, risk, optax.adam(0.01), num_steps=num_steps)

    def of_one_example(params: Any, u: Any, x: Array, y: Array) -> Array:
        def one_loss(params: Any) -> Array:
            return LOSS(model.apply({"params": params}, x[None]), y[None])[0]

        return ravel_pytree(jax.jvp(jax.grad(one_loss), (params,), (u,))[1])[0]

    def network(keys: Keys) -> dict[str, Any]:
        variables = learner(keys, data)
        params = variables["params"]
        product = curvature.products.hvp_over(model, LOSS, variables, data)
        values, vectors = jnp.linalg.eigh(curvature.products.dense(product, params))
        u = ravel_pytree(params)[1](vectors[:, -1])
        products = jax.vmap(lambda x, y: of_one_example(params, u, x, y))(data.x, data.y)
        return {"params": params, "vector": u, "value": values[-1], **slopes(values, products @ vectors)}

    return network


def batch_of(num_units: int, most: int, copies: int, data: Dataset) -> Trial:
    """`(keys, {"size", "params", "vector"})` -> λ(H_B) and u · H_B u of a minibatch in which each example stands `copies` times."""
    model = models.mlp([num_units], 10, activation=jax.nn.tanh)

    def trial(keys: Keys, setting: dict[str, Any]) -> Float[Array, " 2"]:
        rows = jnp.repeat(jax.random.randint(keys["batch"], (most // copies,), 0, data.x.shape[0]), copies)
        weight = (jnp.arange(most) < setting["size"]).astype(data.x.dtype)
        batch = jax.tree.map(lambda leaf: leaf[rows], data)._replace(weight=weight)
        u = setting["vector"]
        product = curvature.products.hvp_over(model, LOSS, {"params": setting["params"]}, batch)
        found = curvature.eigenpairs(product, u, KEY_SEARCH, top=1, bottom=0, tolerance=1e-4, start=u)
        return jnp.append(found.values, jnp.vdot(ravel_pytree(u)[0], ravel_pytree(product(u))[0]))

    return trial


def measured(lab: Lab, copies: int = 1) -> Minibatches:
    """All networks of the lab's sizes, and their minibatches of every size, cut from the same draws."""
    data, sizes = digits(lab["sealed"]), np.array(lab["batch_sizes"])
    network = network_of(lab["units"], lab["steps"], data)
    networks = lab.run("networks", network, designs.independent(lab["networks"], "init"), block=1).outputs
    settings = {
        name: jax.tree.map(lambda leaf: np.repeat(leaf, len(sizes), axis=0), networks[name])
        for name in ("params", "vector")
    }
    settings["size"] = np.tile(sizes, lab["networks"])
    trial = batch_of(lab["units"], int(sizes[-1]), copies, data)
    sampled = lab.run("batches", trial, designs.independent(lab["batches"], "batch"), settings=settings).outputs
    sampled = sampled.reshape(lab["networks"], len(sizes), -1, 2).astype(np.float64)
    excess = sampled[..., 0] - sampled[..., 1]
    of_theory = (np.asarray(networks[name], np.float64) for name in ("bias_slope", "variance_slope"))
    return Minibatches(sizes, np.asarray(networks["value"], np.float64), excess, sampled[..., 0], *of_theory)


def slopes(values: Float[Array, " p"], products: Float[Array, "examples p"]) -> dict[str, Array]:
    """B times the bias and the variance of a minibatch's largest eigenvalue, as B grows, from perturbation theory.

        bias = Σ_j Var(u_j · Hᵢ u) / (λ - λ_j) / B,   variance = Var(u · Hᵢ u) / B

    over the examples i, with the eigenvalues λ_j and eigenvectors u_j of all data, λ and u the largest of them. `products`
    holds u_j · Hᵢ u, one row for each example.
    """
    variances = jnp.var(products, axis=0)
    return {"bias_slope": jnp.sum(variances[:-1] / (values[-1] - values[:-1])), "variance_slope": variances[-1]}
