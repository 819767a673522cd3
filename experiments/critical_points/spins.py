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


def searched(lab: Lab) -> Any:
    """Runs of searches from starts uniform on the sphere, for each draw of the couplings."""
    n, num_starts = lab["spins"], lab["starts"]

    def trial(keys: Keys) -> dict[str, Any]:
        loss = lagrangian(jax.random.normal(keys["couplings"], (n, n, n)))
        x = jax.random.normal(keys["starts"], (num_starts, n))
        x *= n**0.5 / jnp.linalg.norm(x, axis=1, keepdims=True)
        # The multiplier for which the gradient is tangent to the sphere: Euler's identity for a cubic form.
        energy = jax.vmap(lambda x: loss({"x": x, "multiplier": jnp.zeros(())}))(x)
        return curvature.critical_points(loss, {"x": x, "multiplier": -3 * energy / n}, max_steps=100)._asdict()

    with jax.enable_x64(True):
        return lab.run("spins", trial, designs.independent(lab["draws"], "couplings", "starts"), block=1)


def distinct_points(runs: Any, num_spins: int) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Energy per spin and index fraction of the distinct critical points of all draws."""
    found, energies, fractions = CriticalPoints(**runs.outputs), [], []
    for draw in range(len(found.value)):
        points = curvature.critical.distinct(jax.tree.map(lambda leaf, at=draw: leaf[at], found)).points
        energies.append(points.value / num_spins)
        fractions.append((points.inertia[:, 0] - 1) / (num_spins - 1))
    return np.concatenate(energies), np.concatenate(fractions)


def predicted_index(energy: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """The index fraction at an energy per spin as N grows: the semicircle's mass below zero.

    F(x) = 1/2 + x sqrt(4 - x²) / (4 pi) + arcsin(x / 2) / pi at x = p u / sqrt(p (p - 1)), p = 3
    """
    x = np.clip(3 * np.asarray(energy) / 6**0.5, -2, 2)
    return 0.5 + x * np.sqrt(4 - x**2) / (4 * np.pi) + np.arcsin(x / 2) / np.pi
