"""Small tanh networks on small data sets: what K104 and K106 share."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from jaxdl.types import Key, Params

NUM_EXAMPLES, NUM_INPUTS, NUM_UNITS = 25, 3, 5


class Task(NamedTuple):
    """Examples to learn."""

    x: Float[Array, "n features"]
    y: Float[Array, " n"]


def random_task(key: Key) -> Task:
    """Few noisy examples of a function of three inputs, standardised."""
    draws = jax.random.normal(key, (NUM_EXAMPLES, NUM_INPUTS + 1))
    x = draws[:, :NUM_INPUTS]
    y = jnp.sin(2 * x[:, 0]) * x[:, 1] + 0.5 * x[:, 2] + 0.3 * draws[:, NUM_INPUTS]
    return Task(x, (y - jnp.mean(y)) / jnp.std(y))


def risk(w: Params, task: Task, strength: float = 0.0) -> Scalar:
    """Half the mean squared error of a tanh network with one hidden layer, and half its squared norm times `strength`."""
    outputs = jnp.tanh(task.x @ w["in"] + w["bias"][None]) @ w["out"] + w["offset"]
    penalty = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(w))
    return 0.5 * jnp.mean((outputs - task.y) ** 2) + 0.5 * strength * penalty


def random_networks(key: Key, shape: tuple[int, ...], low: float, high: float) -> Params:
    """Normal weights, all of one network of a scale between 10^low and 10^high, drawn log-uniformly."""
    key_scale, key_weights = jax.random.split(key)
    scales = 10 ** jax.random.uniform(key_scale, (*shape, 1, 1), minval=low, maxval=high)
    weights = scales * jax.random.normal(key_weights, (*shape, NUM_INPUTS + 2, NUM_UNITS))
    inputs, bias, out = weights[..., :NUM_INPUTS, :], weights[..., NUM_INPUTS, :], weights[..., NUM_INPUTS + 1, :]
    return {"in": inputs, "bias": bias, "out": out, "offset": jnp.zeros(shape)}


def canonical(w: Params) -> Params:
    """The network with its hidden units signed and ordered by their outgoing weights: one for each function's symmetries."""
    signs = jnp.where(w["out"] < 0, -1.0, 1.0)
    order = jnp.argsort(signs * w["out"])
    return {
        "in": (w["in"] * signs[None, :])[:, order],
        "bias": (w["bias"] * signs)[order],
        "out": (w["out"] * signs)[order],
        "offset": w["offset"],
    }
