"""MINRES: least squares with a symmetric operator, definite or not, from products with it alone."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree, Scalar, ScalarLike

from jaxdl.curvature.checks import check_finite
from jaxdl.curvature.products.operators import flat_operator, refuse_asymmetric
from jaxdl.curvature.spectra.lanczos import FlatMatvec
from jaxdl.kinds import check_counts, check_numbers
from jaxdl.rounding import product
from jaxdl.types import Params


class LeastSquares(NamedTuple):
    """The result of `minres`.

    >>> found = minres(lambda v: 2 * v, jnp.array([2.0, 4.0]), max_steps=5)
    >>> print(found.solution, bool(found.residual_norm < 1e-6))
    [1. 2.] True
    """

    solution: PyTree
    residual_norm: Scalar
    """|b - A x|, by the recurrence"""
    normal_residual_norm: Scalar
    """|A r| for the residual r before the last product, by the recurrence: near zero where no x has a smaller one"""
    num_matvecs: Int[Array, ""]


class MinresState(NamedTuple):
    """The state of MINRES after k products, in the symbols of Paige and Saunders: those with _before are one step older."""

    x: Float[Array, " p"]
    v: Float[Array, " p"]
    v_before: Float[Array, " p"]
    w: Float[Array, " p"]
    w_before: Float[Array, " p"]
    beta: Scalar
    """v is the k-th Lanczos vector, and beta what couples it to the one before."""
    cosine: Scalar
    sine: Scalar
    delta: Scalar
    epsilon: Scalar
    phi: Scalar
    """|b - A x|"""
    normal: Scalar
    norm_squared: Scalar
    """The squared Frobenius norm of the tridiagonal matrix so far, of the order of that of A."""
    is_best: Bool[Array, ""]
    """The residual before the last product could not be lowered."""
    num: Int[Array, ""]


def minres(
    matvec: Callable[[Params], Params], right_side: Params, *, max_steps: int, tolerance: ScalarLike = 1e-6
) -> LeastSquares:
    """The x that minimizes |A x - b| over growing Krylov spaces, for any symmetric A, indefinite or singular ones included.

    It stops when |b - A x| <= tolerance |b|, or |A r| <= tolerance |A| |r| for the residual r, or after `max_steps` products. If
    b lies in the range of A, x is the solution of least norm, A† b; otherwise it is a least-squares solution.

    Args:
        matvec: products with A of pytrees like `right_side`; three more test its symmetry where values are known.
        right_side: b.
        max_steps: the largest number of products.
        tolerance: relative; it may be traced.

    Raises:
        ValueError: no steps; a `right_side` or an operator that `operators.flat_operator` refuses; a right side that is not finite,
            an asymmetric operator (both unless traced).

    Source: Paige and Saunders, "Solution of sparse indefinite systems of linear equations" (1975); Choi, Paige and
    Saunders, "MINRES-QLP" (2011), for the second criterion.

    >>> A = jnp.diag(jnp.array([2.0, -1.0, 0.0]))
    >>> print(minres(lambda v: A @ v, jnp.array([1.0, 1.0, 0.0]), max_steps=3).solution.round(6))
    [ 0.5 -1.   0. ]
    """
    check_counts("minres", 1, max_steps=max_steps)
    check_numbers("minres", 0, tolerance=tolerance)
    flat_matvec, zeros, unravel = flat_operator("minres", matvec, right_side)
    check_finite("minres", "a right side", right_side, "is what it was computed from finite?")
    flat = ravel_pytree(right_side)[0]
    refuse_asymmetric("minres", flat_matvec, zeros, jax.random.key(0), num_probes=1)
    end = flat_minres(flat_matvec, flat, max_steps, jnp.asarray(tolerance, flat.dtype))
    return LeastSquares(unravel(end.x), end.phi, end.normal, end.num)


def flat_minres(matvec: FlatMatvec, b: Float[Array, " p"], max_steps: int, tolerance: Scalar) -> MinresState:
    """The end of MINRES on flat vectors.

    >>> print(flat_minres(lambda v: 2 * v, jnp.ones(2), 1, jnp.asarray(1e-6)).x)
    [0.5 0.5]
    """

    def is_active(state: MinresState) -> Bool[Array, ""]:
        is_solved = state.phi <= tolerance * norm
        return ~is_solved & ~state.is_best & (state.num < max_steps)

    def step(state: MinresState) -> MinresState:
        image = matvec(state.v) - state.beta * state.v_before
        alpha = product(state.v, image)
        image = image - alpha * state.v
        beta = jnp.linalg.norm(image)
        # The last two rotations applied to the new column of the tridiagonal matrix, then one that clears beta.
        delta = state.cosine * state.delta + state.sine * alpha
        gamma_bar = state.sine * state.delta - state.cosine * alpha
        epsilon, delta_next = state.sine * beta, -state.cosine * beta
        gamma = jnp.hypot(gamma_bar, beta)
        normal = state.phi * jnp.hypot(gamma_bar, delta_next)
        norm_squared = state.norm_squared + alpha**2 + beta**2
        # Where b is not in the range, the last direction lowers no residual, and gamma is nothing but rounding.
        is_best = normal <= tolerance * jnp.sqrt(norm_squared) * state.phi
        safe = jnp.where(is_best, 1, gamma)
        cosine, sine = gamma_bar / safe, beta / safe
        w = (state.v - delta * state.w - state.epsilon * state.w_before) / safe
        return MinresState(
            x=jnp.where(is_best, state.x, state.x + state.phi * cosine * w),
            v=image / jnp.where(beta > 0, beta, 1),
            v_before=state.v,
            w=w,
            w_before=state.w,
            beta=beta,
            cosine=cosine,
            sine=sine,
            delta=delta_next,
            epsilon=epsilon,
            phi=jnp.where(is_best, state.phi, state.phi * sine),
            normal=normal,
            norm_squared=norm_squared,
            is_best=is_best,
            num=state.num + 1,
        )

    norm = jnp.linalg.norm(b)
    zero, zeros = jnp.zeros((), b.dtype), jnp.zeros_like(b)
    begin = MinresState(
        x=zeros, v=b / jnp.where(norm > 0, norm, 1), v_before=zeros, w=zeros, w_before=zeros, beta=zero,
        cosine=zero - 1, sine=zero, delta=zero, epsilon=zero, phi=norm, normal=zero, norm_squared=zero,
        is_best=jnp.zeros((), bool), num=jnp.zeros((), jnp.int32),
    )  # fmt: skip
    return lax.while_loop(is_active, step, begin)
