"""Descent near saddles, strict and degenerate ones: the study of K105."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from experiments.book.lab import Lab
from experiments.critical_points.autoencoder import loss_of
from jaxdl import designs
from jaxdl.types import Keys, Params

STEP_SIZE = 0.1
RATES = (0.01, 0.1, 1.0)
"""The negative curvatures at the strict saddles that are escaped."""
OFFSETS = (1e-8, 1e-6, 1e-4, 1e-2)
"""How far from the saddle, or from its stable manifold, descent begins."""
NOISE = 1e-3
"""Standard deviation of the noise of a stochastic gradient."""
EIGENVALUES = (3.0, 2.0, 1.5, 0.75, 0.5)
CODE_SIZE, CODE_STEPS = 2, 4000
"""Of the linear autoencoder, and of its descent; its inputs' covariance has the eigenvalues above."""


def escapes(lab: Lab, max_steps: int) -> Any:
    """When descent leaves saddles; a run that never does is given the number of steps. The same noise serves all of a run.

    "strict" is the saddle at zero of x²/2 - rate y²/2 + y⁴/4, left when |y| > sqrt(rate) / 2, with times of shape (offsets, rates).
    "degenerate" is that of (1 - w₁ w₂ w₃)²/2, a network of three layers with a unit each, left when w₁ w₂ w₃ > 1/2. "excess"
    is how high the descent of a linear autoencoder ends above its minimum.
    """
    eigenvalues = jnp.array(EIGENVALUES)
    loss = loss_of(eigenvalues)
    rates = jnp.array(RATES)

    def quartic(y: Float[Array, "offsets rates"]) -> Float[Array, "offsets rates"]:
        return y**3 - rates[None, :] * y

    def product(w: Float[Array, "offsets 3"]) -> Float[Array, "offsets 3"]:
        rest = jnp.prod(w, axis=1, keepdims=True) - 1
        return rest * jnp.stack([w[:, 1] * w[:, 2], w[:, 0] * w[:, 2], w[:, 0] * w[:, 1]], axis=1)

    def trial(keys: Keys) -> dict[str, Array]:
        key_quartic, key_product, key_network = jax.random.split(keys["start"], 3)
        offsets = jnp.array(OFFSETS)
        on_line = (jax.random.normal(key_quartic) * offsets)[:, None] * jnp.ones(len(RATES))[None, :]
        at_zero = offsets[:, None] * jnp.abs(jax.random.normal(key_product, (3,)))[None, :]
        found = {
            "on the manifold": leaving_times(quartic, 0 * on_line, is_beside(rates), keys["noise"], 0.0, max_steps)
        }
        for name, noise in (("", 0.0), (" with noise", NOISE)):
            found["strict" + name] = leaving_times(quartic, on_line, is_beside(rates), keys["noise"], noise, max_steps)
            found["degenerate" + name] = leaving_times(product, at_zero, is_solved, keys["noise"], noise, max_steps)
        drawn = 0.1 * jax.random.normal(key_network, (2, CODE_SIZE, len(EIGENVALUES)))

        def step(_: Array, w: Params) -> Params:
            return jax.tree.map(lambda a, g: a - STEP_SIZE * g, w, jax.grad(loss)(w))

        end = jax.lax.fori_loop(0, CODE_STEPS, step, {"encoder": drawn[0], "decoder": drawn[1].T})
        return found | {"excess": loss(end) - jnp.sum(eigenvalues[CODE_SIZE:]) / 2}

    return lab.run("escapes", trial, designs.independent(lab["runs"], "start", "noise"), block=40)


def leaving_times(
    gradient: Callable[[Array], Array],
    start: Float[Array, "offsets coordinates"],
    has_left: Callable[[Array], Array],
    key: Array,
    noise: float,
    max_steps: int,
) -> Int[Array, "*left"]:
    """The first step at which each start has left; `max_steps` where none is."""

    def step(i: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        w, time = state
        time = jnp.where((time == max_steps) & has_left(w), i, time)
        kick = noise * jax.random.normal(jax.random.fold_in(key, i), w.shape[1:]) if noise else jnp.zeros(w.shape[1:])
        return w - STEP_SIZE * (gradient(w) + kick[None]), time

    time = jnp.full(has_left(start).shape, max_steps)
    return jax.lax.fori_loop(0, max_steps, step, (start, time))[1]


def is_beside(rates: Float[Array, " rates"]) -> Callable[[Array], Bool[Array, "offsets rates"]]:
    """Whether a descent on the quartic is half way to the minimum beside the saddle."""
    return lambda y: jnp.abs(y) > jnp.sqrt(rates)[None, :] / 2


def is_solved(w: Float[Array, "offsets 3"]) -> Bool[Array, " offsets"]:
    """Whether a descent on the three layers is half way to their minimum."""
    return jnp.prod(w, axis=1) > 0.5
