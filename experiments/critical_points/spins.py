"""The spherical 3-spin model, whose index is a known function of the energy: the study of CP2."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from jaxdl import curvature, designs
from jaxdl.curvature.critical import CriticalPoints
from jaxdl.types import Keys, Params

THRESHOLD = 8**0.5 / 3**0.5
"""Minus the energy per spin below which minima prevail, 2 √((p - 1) / p) for p = 3."""
STEP_SIZE, MOST_STEPS = 0.02, 200
"""Of descents on the sphere, which take a number of steps that is log-uniform; every second start takes none."""


def lagrangian(couplings: Float[Array, "n n n"]) -> Callable[[Params], Scalar]:
    """The spherical 3-spin energy with a multiplier for |x|² = N, whose critical points are those on the sphere.

        sum_ijk J_ijk x_i x_j x_k / N + multiplier (|x|² - N) / 2

    Its bordered Hessian has one negative and one positive eigenvalue more than the Hessian on the sphere (Haynsworth).
    """
    n = couplings.shape[0]

    def loss(w: Params) -> Scalar:
        energy = jnp.einsum("ijk,i,j,k", couplings, w["x"], w["x"], w["x"], precision="highest") / n
        return energy + w["multiplier"] * (w["x"] @ w["x"] - n) / 2

    return loss


def on_sphere(x: Float[Array, " n"]) -> Float[Array, " n"]:
    """The point of the sphere |x|² = N in the same direction."""
    return x * (x.size**0.5 / jnp.linalg.norm(x))


def searched(lab: Lab, n: int) -> Any:
    """Runs of searches for N = n, half of them from uniform starts, half from along descents, for each draw of the couplings."""
    num_starts = lab["starts"]

    def trial(keys: Keys) -> dict[str, Any]:
        loss = lagrangian(jax.random.normal(keys["couplings"], (n, n, n)))
        key_x, key_time = jax.random.split(keys["starts"])

        def energy(x: Float[Array, " n"]) -> Scalar:
            return loss({"x": x, "multiplier": jnp.zeros(())})

        def descended(x: Float[Array, " n"], time: Scalar) -> Float[Array, " n"]:
            def step(i: Array, x: Array) -> Array:
                return jnp.where(i < time, on_sphere(x - STEP_SIZE * jax.grad(energy)(x)), x)

            return jax.lax.fori_loop(0, MOST_STEPS, step, on_sphere(x))

        times = MOST_STEPS ** jax.random.uniform(key_time, (num_starts,)) * (jnp.arange(num_starts) % 2)
        x = jax.vmap(descended)(jax.random.normal(key_x, (num_starts, n)), times)
        # The multiplier for which the gradient is tangent to the sphere: Euler's identity for a cubic form.
        starts = {"x": x, "multiplier": -3 * jax.vmap(energy)(x) / n}
        return curvature.critical_points(loss, starts, max_steps=100)._asdict()

    with jax.enable_x64(True):
        return lab.run(f"spins {n}", trial, designs.independent(lab["draws"], "couplings", "starts"), block=1)


def distinct_points(runs: Any, n: int) -> tuple[Float[np.ndarray, " points"], ...]:
    """Energy per spin, index fraction and draw of the distinct critical points of all draws."""
    found, rows = CriticalPoints(**runs.outputs), []
    for draw in range(len(found.value)):
        points = curvature.critical.distinct(jax.tree.map(lambda leaf, at=draw: leaf[at], found)).points
        rows += [
            (value / n, (index - 1) / (n - 1), draw)
            for value, index in zip(points.value, points.inertia[:, 0], strict=True)
        ]
    return tuple(np.array(rows, float).reshape(-1, 3).T)


def predicted_index(energy: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """The index fraction at an energy per spin as N grows: the semicircle's mass below zero.

    F(x) = 1/2 + x sqrt(4 - x²) / (4 pi) + arcsin(x / 2) / pi at x = p u / sqrt(p (p - 1)), p = 3
    """
    x = np.clip(3 * np.asarray(energy) / 6**0.5, -2, 2)
    return 0.5 + x * np.sqrt(4 - x**2) / (4 * np.pi) + np.arcsin(x / 2) / np.pi
