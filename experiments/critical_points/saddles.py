"""Descent near saddles: the study of K105."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from experiments.critical_points.autoencoder import loss_of
from jaxdl import designs
from jaxdl.statistics import slope
from jaxdl.types import Keys, Params

STEP_SIZE = 0.1
RATES = (0.1, 0.3, 1.0)
"""The negative curvatures at the saddles that are escaped."""
OFFSETS = (1e-2, 1e-4, 1e-6, 1e-8)
"""How far from the saddle's stable manifold descent begins."""
NOISE = 1e-3
"""Standard deviation of the noise of a stochastic gradient."""
EIGENVALUES = (3.0, 2.0, 1.5, 0.75, 0.5)
CODE_SIZE = 2
"""Of the linear autoencoder, and of its inputs' covariance."""


def escapes(lab: Lab, max_steps: int) -> Any:
    """When descent leaves the saddle of x²/2 - rate y²/2 + y⁴/4, and how high a linear autoencoder's descent ends.

    A run has left when |y| > sqrt(rate) / 2; one that never does is given the number of steps. Times are (offsets, rates), those
    of a start on the stable manifold itself apart; the same noise serves all of a run.
    """
    eigenvalues = jnp.array(EIGENVALUES)
    loss = loss_of(eigenvalues)

    def leaving_time(y: Scalar, rate: Scalar, noise: Float[Array, " steps"]) -> Scalar:
        def step(state: tuple[Scalar, Scalar], given: tuple[Scalar, Scalar]) -> tuple[tuple[Scalar, Scalar], None]:
            (y, time), (i, kick) = state, given
            time = jnp.where((time == max_steps) & (jnp.abs(y) > jnp.sqrt(rate) / 2), i, time)
            return (y - STEP_SIZE * (y**3 - rate * y + kick), time), None

        steps = jnp.arange(max_steps)
        return jax.lax.scan(step, (y, jnp.array(max_steps)), (steps, noise))[0][1]

    def trial(keys: Keys) -> dict[str, Array]:
        key_quartic, key_network = jax.random.split(keys["start"])
        starts = jax.random.normal(key_quartic) * jnp.array([0.0, *OFFSETS])
        noise = NOISE * jax.random.normal(keys["noise"], (max_steps,))
        by_rate = jax.vmap(leaving_time, (None, 0, None))
        by_offset = jax.vmap(by_rate, (0, None, None))
        times = jax.vmap(by_offset, (None, None, 0))(starts, jnp.array(RATES), jnp.stack([0 * noise, noise]))
        drawn = 0.1 * jax.random.normal(key_network, (2, CODE_SIZE, len(EIGENVALUES)))

        def step(_: Array, w: Params) -> Params:
            return jax.tree.map(lambda a, g: a - STEP_SIZE * g, w, jax.grad(loss)(w))

        end = jax.lax.fori_loop(0, max_steps, step, {"encoder": drawn[0], "decoder": drawn[1].T})
        return {
            "on the manifold": times[0, 0],
            "descent": times[0, 1:],
            "with noise": times[1, 1:],
            "autoencoder excess": loss(end) - jnp.sum(eigenvalues[CODE_SIZE:]) / 2,
        }

    return lab.run("escapes", trial, designs.independent(lab["runs"], "start", "noise"))


def slopes(times: Float[np.ndarray, "runs offsets rates"]) -> Float[np.ndarray, "runs rates"]:
    """How the steps to leave, times ln(1 + step size rate), grow with ln(1 / offset): 1 in theory."""
    scaled = times * np.log1p(STEP_SIZE * np.array(RATES))
    return slope(-np.log(OFFSETS), np.moveaxis(scaled, 1, -1))
