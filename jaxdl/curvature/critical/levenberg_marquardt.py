"""Levenberg-Marquardt on the gradient of a function of a flat vector, the search of `critical_points`."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Scalar, ScalarLike

from jaxdl.curvature.products.linearized import linearized_gradient
from jaxdl.rounding import negligible, product

GIVE_UP = 2.0**16
"""Sixteen steps in a row that do not lower the gradient: its norm is down to rounding."""

SLOW = 0.01
"""Progress has stalled where a step lowers |g|² by no more than this share."""

LEAST_SHARE = 1e-2
"""Of a Newton step; where less of it does not lower the gradient, rounding or a flat place does not let it."""

FlatLoss = Callable[[Float[Array, " p"]], Scalar]


class Tolerances(NamedTuple):
    """The tolerances that end a search and classify its end."""

    gradient: ScalarLike
    flat: ScalarLike
    radius: ScalarLike


class State(NamedTuple):
    """The state of a search."""

    flat: Float[Array, " p"]
    gradient: Float[Array, " p"]
    hessian: Float[Array, "p p"]
    damping: Scalar
    """Of H² relative to (|g| / (1 + |w|))²."""
    growth: Scalar
    """The factor by which the damping grows when the next step fails."""
    progress: Scalar
    """The share of |g|² that the last good step took away."""
    num_steps: Int[Array, ""]


class Conditions(NamedTuple):
    """Properties of a point by products with its Hessian; soft directions need its eigenvalues."""

    is_small: Bool[Array, ""]
    """The gradient is small on the scale of the Hessian's norm."""
    is_flat: Bool[Array, ""]
    """The gradient lies in the Hessian's kernel, or in directions that are soft beside its norm."""
    is_lost: Bool[Array, ""]
    """Not finite, or outside of the radius."""


def levenberg_marquardt(loss: FlatLoss, start: Float[Array, " p"], max_steps: int, tolerances: Tolerances) -> State:
    """The end of the search that `critical_points` describes, before the Newton steps of `polish`.

    >>> end = levenberg_marquardt(lambda w: jnp.sum((w**2 - 1) ** 2), jnp.array([0.7, 2.0]), 20, Tolerances(1e-5, 1e-4, 9.0))
    >>> print(end.flat.round(3))
    [1. 1.]
    """
    eps = jnp.finfo(start.dtype).eps
    identity = jnp.eye(start.size, dtype=start.dtype)

    def is_active(state: State) -> Bool[Array, ""]:
        ends = conditions(state.flat, state.gradient, state.hessian, tolerances)
        # In an ill-conditioned bowl the gradient looks flat too, but there the search gets on.
        is_over = ends.is_small | ends.is_lost | (ends.is_flat & (state.progress <= SLOW))
        return ~is_over & (state.growth < GIVE_UP) & (state.num_steps < max_steps)

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
            progress=jnp.where(is_better, 1 - after / before, state.progress),
            num_steps=state.num_steps + 1,
        )

    gradient, hessian = derivatives(loss, start)
    one = jnp.ones((), start.dtype)
    begin = State(start, gradient, hessian, one, 2 * one, one, jnp.zeros((), jnp.int32))
    return lax.while_loop(is_active, step, begin)


def polish(loss: FlatLoss, state: State, max_steps: int, tolerances: Tolerances) -> State:
    """The state after Newton steps, or shares of them, for as long as they are not small and lower the gradient.

    H² with its shift loses eigenvalues below sqrt(eps) |H|; the decomposition of H has them down to rounding.

    >>> soft, end = jnp.array([1e12, 1.0]), Tolerances(1e-12, 1e-7, jnp.inf)
    >>> begin = State(jnp.array([0.0, 0.7]), jnp.array([0.0, 0.7]), jnp.diag(soft), *jnp.zeros(3), jnp.int32(0))
    >>> print(polish(lambda w: jnp.sum(soft * w**2) / 2, begin, 9, end).flat)
    [0. 0.]
    """

    def is_active(carry: tuple[State, Array, Array]) -> Bool[Array, ""]:
        state, step, share = carry
        is_lost = conditions(state.flat, state.gradient, state.hessian, tolerances).is_lost
        is_over = is_lost | is_short(step, state.flat, tolerances)
        return ~is_over & (share >= LEAST_SHARE) & (state.num_steps < max_steps)

    def advance(carry: tuple[State, Array, Array]) -> tuple[State, Array, Array]:
        state, step, share = carry
        candidate = state.flat - share * step
        gradient, hessian = derivatives(loss, candidate)
        is_better = (jnp.sum(gradient**2) < jnp.sum(state.gradient**2)) & jnp.all(jnp.isfinite(hessian))
        state = state._replace(
            flat=jnp.where(is_better, candidate, state.flat),
            gradient=jnp.where(is_better, gradient, state.gradient),
            hessian=jnp.where(is_better, hessian, state.hessian),
            num_steps=state.num_steps + is_better.astype(state.num_steps.dtype),
        )
        share = jnp.where(is_better, jnp.minimum(2 * share, 1), share / 4)
        return state, newton_step(state.gradient, *jnp.linalg.eigh(state.hessian)), share

    first = newton_step(state.gradient, *jnp.linalg.eigh(state.hessian))
    return lax.while_loop(is_active, advance, (state, first, jnp.ones_like(state.damping)))[0]


def newton_step(
    gradient: Float[Array, " p"], spectrum: Float[Array, " p"], vectors: Float[Array, "p p"]
) -> Float[Array, " p"]:
    """H⁺ g, with the pseudo-inverse that leaves out negligible eigenvalues.

    >>> print(newton_step(jnp.array([3.0, 1.0]), jnp.array([0.5, 0.0]), jnp.eye(2)))
    [6. 0.]
    """
    is_known = jnp.abs(spectrum) > negligible(spectrum)
    along = product(vectors.T, gradient)
    return product(vectors, jnp.where(is_known, along / jnp.where(is_known, spectrum, 1), 0))


def is_short(step: Float[Array, " p"], flat: Float[Array, " p"], tolerances: Tolerances) -> Bool[Array, ""]:
    """Whether a Newton step is small, so that a critical point is near.

    >>> print(is_short(jnp.array([1e-4]), jnp.array([1.0]), Tolerances(1e-6, 1e-4, 9.0)))
    True
    """
    return jnp.linalg.norm(step) <= tolerances.gradient**0.5 * (1 + jnp.linalg.norm(flat))


def conditions(
    flat: Float[Array, " p"],
    gradient: Float[Array, " p"],
    hessian: Float[Array, "p p"],
    tolerances: Tolerances,
) -> Conditions:
    """Whether a point's gradient is small, whether it may lie in the Hessian's kernel, and whether the point is lost.

    >>> print(conditions(jnp.ones(2), jnp.zeros(2), jnp.eye(2), Tolerances(1e-6, 1e-4, 9.0)).is_small)
    True
    """
    size, curvature, reach = jnp.linalg.norm(gradient), jnp.linalg.norm(hessian), 1 + jnp.linalg.norm(flat)
    is_small = size <= tolerances.gradient * curvature * reach
    # The Hessian may vanish where the gradient does not: then the gradient itself says what curvature would count.
    is_flat = (
        jnp.linalg.norm(product(hessian, gradient)) <= tolerances.flat * jnp.maximum(curvature, size / reach) * size
    )
    is_lost = ~(jnp.isfinite(curvature) & jnp.isfinite(size) & (reach <= 1 + tolerances.radius))
    return Conditions(is_small, is_flat, is_lost)


def derivatives(loss: FlatLoss, flat: Float[Array, " p"]) -> tuple[Float[Array, " p"], Float[Array, "p p"]]:
    """The gradient and the dense Hessian of a function of a flat vector.

    >>> derivatives(lambda w: w[0] ** 2 * w[1], jnp.array([1.0, 2.0]))[1].tolist()
    [[4.0, 2.0], [2.0, 0.0]]
    """
    gradient, tangent = linearized_gradient("derivatives", loss, flat)
    return gradient, jax.vmap(tangent)(jnp.eye(flat.size, dtype=flat.dtype))
