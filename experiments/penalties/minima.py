"""Minima of least squares with the penalty |w|^q for q < 1, counted by the sets of inputs whose weights are not zero."""

import itertools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Scalar, ScalarLike

SLOPE = 1e-9
"""What counts as none."""


def minimum_on(
    chosen: Bool[Array, " p"],
    moments: Float[Array, "p p"],
    products: Float[Array, " p"],
    strength: ScalarLike,
    q: float,
) -> Bool[Array, ""]:
    """Whether w'Mw/2 - b'w + strength Σ |w|^q has a minimum at which the chosen weights, and no others, are not zero.

    It is proved by its slope and its Hessian; off the chosen weights the slope of |w|^q is infinite. Reweighted ridge steps from
    least squares lead near it, Newton's to it; what is not found so is not counted.
    """
    moments = jnp.where(chosen[:, None] & chosen[None, :], moments, jnp.eye(len(chosen)))
    products = jnp.where(chosen, products, 0.0)

    def reweighted(_: int, w: Array) -> Array:
        # (M + strength q diag(|w|^(q-2))) w = b, in a form that has no infinities where w is zero.
        root = jnp.where(chosen, jnp.abs(w) ** (1 - q / 2), 1.0)
        inner = root[:, None] * moments * root[None, :] + jnp.diag(jnp.where(chosen, strength * q, 0.0))
        return root * jnp.linalg.solve(inner, root * products)

    def slope_and_hessian(w: Array) -> tuple[Array, Array]:
        size = jnp.where(chosen, jnp.abs(w), 1.0)
        slope = moments @ w - products + jnp.where(chosen, strength * q * jnp.sign(w) * size ** (q - 1), 0.0)
        bend = jnp.where(chosen, strength * q * (q - 1) * size ** (q - 2), 0.0)
        return slope, moments + jnp.diag(bend)

    def newton(_: int, w: Array) -> Array:
        slope, hessian = slope_and_hessian(w)
        return w - jnp.linalg.solve(hessian, slope)

    w = jax.lax.fori_loop(0, 30, reweighted, jnp.linalg.solve(moments, products))
    w = jax.lax.fori_loop(0, 8, newton, w)
    slope, hessian = slope_and_hessian(w)
    is_there = jnp.all(jnp.isfinite(hessian)) & (jnp.max(jnp.abs(slope)) < SLOPE) & jnp.all((w != 0) | ~chosen)
    curvature = jnp.linalg.eigvalsh(jnp.where(is_there, hessian, jnp.eye(len(chosen))))[0]
    return is_there & (curvature > 0)


def num_minima(moments: Float[Array, "p p"], products: Float[Array, " p"], strength: ScalarLike, q: float) -> Scalar:
    """How many sets of inputs have one, at the least; the empty set always does."""
    sets = jnp.array(list(itertools.product((False, True), repeat=len(products)))[1:])
    return 1 + jnp.sum(jax.vmap(lambda chosen: minimum_on(chosen, moments, products, strength, q))(sets))
