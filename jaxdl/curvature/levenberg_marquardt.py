"""Levenberg-Marquardt on the gradient of a function of a flat vector: the search of `critical_points`."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Scalar, ScalarLike

GIVE_UP = 2.0**16
"""Sixteen steps in a row that do not lower the gradient: its norm is down to rounding."""

FlatLoss = Callable[[Float[Array, " p"]], Scalar]


class Tolerances(NamedTuple):
    """When a search ends, and what its end is called."""

    gradient: ScalarLike
    flat: ScalarLike
    radius: ScalarLike


class State(NamedTuple):
    """Where a search is."""

    flat: Float[Array, " p"]
    gradient: Float[Array, " p"]
    hessian: Float[Array, "p p"]
    damping: Scalar
    """Of H² relative to (|g| / (1 + |w|))²."""
    growth: Scalar
    """The factor by which the damping grows when the next step fails."""
    num_steps: Int[Array, ""]


class Conditions(NamedTuple):
    """What holds at a point."""

    is_critical: Bool[Array, ""]
    is_flat: Bool[Array, ""]
    """The gradient lies in the Hessian's kernel."""
    is_lost: Bool[Array, ""]
    """Not finite, or outside of the radius."""


def levenberg_marquardt(loss: FlatLoss, start: Float[Array, " p"], max_steps: int, tolerances: Tolerances) -> State:
    """Where the search that `critical_points` describes ends.

    >>> end = levenberg_marquardt(lambda w: jnp.sum((w**2 - 1) ** 2), jnp.array([0.7, 2.0]), 20, Tolerances(1e-5, 1e-4, 9.0))
    >>> print(end.flat.round(3))
    [1. 1.]
    """
    eps = jnp.finfo(start.dtype).eps
    identity = jnp.eye(start.size, dtype=start.dtype)

    def is_active(state: State) -> Bool[Array, ""]:
        ends = conditions(state.flat, state.gradient, state.hessian, tolerances)
        return (
            ~(ends.is_critical | ends.is_flat | ends.is_lost) & (state.growth < GIVE_UP) & (state.num_steps < max_steps)
        )

    def step(state: State) -> State:
        slope = product(state.hessian, state.gradient)
        size = jnp.linalg.norm(state.hessian)
        shift = state.damping * (jnp.linalg.norm(state.gradient) / (1 + jnp.linalg.norm(state.flat))) ** 2
        # Below rounding of H² a shift has no effect, and Cholesky's method may meet a negative pivot.
        shift = jnp.maximum(shift, start.size * eps * size**2)
        factor = jax.scipy.linalg.cho_factor(product(state.hessian, state.hessian) + shift * identity)
        direction = jax.scipy.linalg.cho_solve(factor, -slope)
        candidate = state.flat + direction
        gradient, hessian = derivatives(loss, candidate)
        before, after = (jnp.sum(g**2) for g in (state.gradient, gradient))
        predicted = jnp.sum(direction * (shift * direction - slope))
        gain = (before - after) / predicted
        is_better = (after < before) & jnp.all(jnp.isfinite(hessian))
        shrunk = state.damping * jnp.maximum(1 / 3, 1 - (2 * gain - 1) ** 3)
        return State(
            flat=jnp.where(is_better, candidate, state.flat),
            gradient=jnp.where(is_better, gradient, state.gradient),
            hessian=jnp.where(is_better, hessian, state.hessian),
            damping=jnp.where(is_better, jnp.maximum(shrunk, eps), state.damping * state.growth),
            growth=jnp.where(is_better, 2.0, 2 * state.growth).astype(start.dtype),
            num_steps=state.num_steps + 1,
        )

    gradient, hessian = derivatives(loss, start)
    one = jnp.ones((), start.dtype)
    begin = State(start, gradient, hessian, one, 2 * one, jnp.zeros((), jnp.int32))
    return lax.while_loop(is_active, step, begin)


def conditions(
    flat: Float[Array, " p"],
    gradient: Float[Array, " p"],
    hessian: Float[Array, "p p"],
    tolerances: Tolerances,
) -> Conditions:
    """Whether a point is critical, whether its gradient lies in the Hessian's kernel, and whether it is lost.

    >>> print(conditions(jnp.ones(2), jnp.zeros(2), jnp.eye(2), Tolerances(1e-6, 1e-4, 9.0)).is_critical)
    True
    """
    size, curvature, reach = jnp.linalg.norm(gradient), jnp.linalg.norm(hessian), 1 + jnp.linalg.norm(flat)
    is_critical = size <= tolerances.gradient * curvature * reach
    # The Hessian may vanish where the gradient does not: then the gradient itself says what curvature would count.
    is_flat = (
        jnp.linalg.norm(product(hessian, gradient)) <= tolerances.flat * jnp.maximum(curvature, size / reach) * size
    )
    is_lost = ~(jnp.isfinite(curvature) & jnp.isfinite(size) & (reach <= 1 + tolerances.radius))
    return Conditions(is_critical, is_flat, is_lost)


def derivatives(loss: FlatLoss, flat: Float[Array, " p"]) -> tuple[Float[Array, " p"], Float[Array, "p p"]]:
    """The gradient and the dense Hessian of a function of a flat vector.

    >>> derivatives(lambda w: w[0] ** 2 * w[1], jnp.array([1.0, 2.0]))[1].tolist()
    [[4.0, 2.0], [2.0, 0.0]]
    """
    gradient, tangent = jax.linearize(jax.grad(loss), flat)
    return gradient, jax.vmap(tangent)(jnp.eye(flat.size, dtype=flat.dtype))


def product(matrix: Float[Array, "..."], other: Float[Array, "..."]) -> Float[Array, "..."]:
    """A product of matrices or vectors in the full precision of its type.

    >>> print(product(jnp.eye(2), jnp.ones(2)))
    [1. 1.]
    """
    return jnp.matmul(matrix, other, precision=lax.Precision.HIGHEST)
