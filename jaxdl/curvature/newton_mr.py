"""Newton-MR: a critical point of a model too large for its Hessian, from products with it alone."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree, Scalar, ScalarLike

from jaxdl.curvature.critical_points import check_points
from jaxdl.types import Params

NUM_HALVINGS = 30
"""How often a step is halved before the search is given up."""
SUFFICIENT = 1e-4
"""The share of the decrease of |g|² predicted by its slope that a step must bring (Armijo)."""

Product = Callable[[Float[Array, " p"]], Float[Array, " p"]]


class LeastSquares(NamedTuple):
    """What `minres` found."""

    solution: PyTree
    residual_norm: Scalar
    """|b - A x|, by the recurrence"""
    normal_residual_norm: Scalar
    """|A r| for the residual r before the last product, by the recurrence: near zero where no x has a smaller one"""
    num_products: Int[Array, ""]


class NewtonMR(NamedTuple):
    """Where a search ended."""

    params: Params
    value: Scalar
    gradient_norm: Scalar
    flatness: Scalar
    """|H g| / |g|: near zero where the gradient lies in the Hessian's kernel; nan where the gradient is exactly zero"""
    converged: Bool[Array, ""]
    """The gradient's norm is at most the tolerance."""
    num_steps: Int[Array, ""]
    num_products: Int[Array, ""]
    """Products with a Hessian."""


class _Minres(NamedTuple):
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
    """The squared Frobenius norm of the tridiagonal matrix so far: a lower bound of that of A."""
    is_best: Bool[Array, ""]
    """The residual before the last product could not be lowered."""
    num: Int[Array, ""]


def minres(
    matvec: Callable[[Params], Params], right_side: Params, *, max_steps: int, tolerance: ScalarLike = 1e-6
) -> LeastSquares:
    """The x that minimises |A x - b| over growing Krylov spaces, for a symmetric A, definite or not, singular or not.

    Stops when |b - A x| <= tolerance |b|, or |A r| <= tolerance |A| |r| for the residual r, or after `max_steps`
    products. Where b lies in the range of A, x is the solution of least norm, A† b; elsewhere it is one of least squares.

    Args:
        matvec: products with A of pytrees like `right_side`; not checked to be symmetric.
        right_side: b.
        max_steps: the largest number of products.
        tolerance: relative; it may be traced.

    Raises:
        ValueError: no steps.

    Source: Paige and Saunders, "Solution of sparse indefinite systems of linear equations" (1975); Choi, Paige and
    Saunders, "MINRES-QLP" (2011), for the second criterion.

    >>> A = jnp.diag(jnp.array([2.0, -1.0, 0.0]))
    >>> print(minres(lambda v: A @ v, jnp.array([1.0, 1.0, 0.0]), max_steps=3).solution.round(6))
    [ 0.5 -1.   0. ]
    """
    _check_steps("minres", max_steps)
    flat, unravel = ravel_pytree(right_side)
    result = _minres(lambda v: ravel_pytree(matvec(unravel(v)))[0], flat, max_steps, jnp.asarray(tolerance, flat.dtype))
    return result._replace(solution=unravel(result.solution))


def newton_mr(
    loss: Callable[[Params], Scalar],
    start: Params,
    *,
    gradient_tolerance: ScalarLike,
    max_steps: int = 100,
    max_products: int = 200,
    solver_tolerance: ScalarLike = 1e-4,
) -> NewtonMR:
    """The critical point that Newton's method with MINRES reaches: each step lowers |g|, and no Hessian is formed.

        w <- w + 2^-j p,   p = argmin |H p + g| over a Krylov space,
        with the first j such that |g(w + 2^-j p)|² <= |g|² + 2 SUFFICIENT 2^-j <p, H g>

    The gradient is linearised once for each step. As with `critical_points`, where this ends need not be critical:
    look at `flatness`. For one start; use `jax.vmap` for many.

    Args:
        loss: a scalar function of the parameters, twice differentiable.
        start: where to begin.
        gradient_tolerance: |g| at which to stop.
        max_steps: the largest number of steps.
        max_products: the largest number of products with the Hessian in one step.
        solver_tolerance: of MINRES; lowered to |g| over |g| at the start, for superlinear convergence.

    Raises:
        ValueError: no steps or no products; parameters not of floating point; a loss that is not a scalar.

    Source: Roosta, Liu, Xu and Mahoney, "Newton-MR: inexact Newton method with minimum residual sub-problem solver"
    (2018).

    >>> found = newton_mr(lambda w: (w["x"] ** 2 - 1) ** 2, {"x": jnp.array(0.7)}, gradient_tolerance=1e-5)
    >>> print(found.params["x"].round(5), found.converged)
    1.0 True
    """
    _check_steps("newton_mr", min(max_steps, max_products))
    check_points(loss, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], start))
    flat, unravel = ravel_pytree(start)
    gradient_of = jax.grad(lambda w: loss(unravel(w)))

    def is_active(state: tuple) -> Bool[Array, ""]:
        _, gradient, is_stuck, num_steps, _ = state
        norm = jnp.linalg.norm(gradient)
        return ~is_stuck & jnp.isfinite(norm) & (norm > gradient_tolerance) & (num_steps < max_steps)

    def step(state: tuple) -> tuple:
        w, _, _, num_steps, num_products = state
        gradient, product = jax.linearize(gradient_of, w)
        accuracy = jnp.minimum(solver_tolerance, jnp.linalg.norm(gradient) / first_norm).astype(flat.dtype)
        solved = _minres(product, -gradient, max_products, accuracy)
        slope = jnp.vdot(solved.solution, product(gradient))

        def is_too_long(search: tuple) -> Bool[Array, ""]:
            size, after = search
            is_lower = jnp.sum(after**2) <= jnp.sum(gradient**2) + 2 * SUFFICIENT * size * slope
            return ~is_lower & (size > 0.5**NUM_HALVINGS)

        def halved(search: tuple) -> tuple:
            return search[0] / 2, gradient_of(w + search[0] / 2 * solved.solution)

        longest = (jnp.ones((), flat.dtype), gradient_of(w + solved.solution))
        size, after = lax.while_loop(is_too_long, halved, longest)
        is_stuck = ~(jnp.sum(after**2) < jnp.sum(gradient**2))
        return (
            jnp.where(is_stuck, w, w + size * solved.solution),
            jnp.where(is_stuck, gradient, after),
            is_stuck,
            num_steps + 1,
            num_products + solved.num_products + 1,
        )

    zero = jnp.zeros((), jnp.int32)
    first = gradient_of(flat)
    first_norm = jnp.linalg.norm(first)
    begin = (flat, first, jnp.zeros((), bool), zero, zero)
    w, gradient, _, num_steps, num_products = lax.while_loop(is_active, step, begin)
    norm = jnp.linalg.norm(gradient)
    return NewtonMR(
        params=unravel(w),
        value=loss(unravel(w)),
        gradient_norm=norm,
        flatness=jnp.linalg.norm(jax.jvp(gradient_of, (w,), (gradient,))[1]) / norm,
        converged=norm <= gradient_tolerance,
        num_steps=num_steps,
        num_products=num_products,
    )


def _minres(product: Product, b: Float[Array, " p"], max_steps: int, tolerance: Scalar) -> LeastSquares:
    def is_active(state: _Minres) -> Bool[Array, ""]:
        is_solved = state.phi <= tolerance * norm
        return ~is_solved & ~state.is_best & (state.num < max_steps)

    def step(state: _Minres) -> _Minres:
        image = product(state.v) - state.beta * state.v_before
        alpha = jnp.vdot(state.v, image)
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
        return _Minres(
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
    begin = _Minres(
        x=zeros, v=b / jnp.where(norm > 0, norm, 1), v_before=zeros, w=zeros, w_before=zeros, beta=zero,
        cosine=zero - 1, sine=zero, delta=zero, epsilon=zero, phi=norm, normal=zero, norm_squared=zero,
        is_best=jnp.zeros((), bool), num=jnp.zeros((), jnp.int32),
    )  # fmt: skip
    end = lax.while_loop(is_active, step, begin)
    return LeastSquares(end.x, end.phi, end.normal, end.num)


def _check_steps(name: str, num: int) -> None:
    if num < 1:
        msg = f"{name}: got at most {num} steps or products, expected 1 or more"
        raise ValueError(msg)
