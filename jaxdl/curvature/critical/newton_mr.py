"""Newton-MR: a critical point of a model whose Hessian is too large to form, from products with it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Scalar, ScalarLike

from jaxdl.curvature.critical.minres import flat_minres
from jaxdl.curvature.critical.points import Kind, check_point
from jaxdl.curvature.precision import FULL
from jaxdl.curvature.products.linearized import linearized_gradient, product_at
from jaxdl.curvature.spectra.inertia import Inertia, inertia
from jaxdl.kinds import as_key, check_counts, check_numbers
from jaxdl.rounding import product
from jaxdl.types import Key, Params

NUM_HALVINGS = 30
"""How often a step is halved before the search is given up."""
UNCOUNTED = -1
"""In the place of counts, and of a kind, where no key is given to count eigenvalues with."""
MOST_ACCURATE = 4
"""The smallest relative residual required of MINRES, in units of rounding."""
SUFFICIENT = 1e-4
"""The share of the decrease of |g|² predicted by its slope that a step must bring (Armijo)."""


class NewtonMR(NamedTuple):
    """The end of a search.

    >>> found = newton_mr(lambda w: jnp.sum((w - 1) ** 2), jnp.zeros(2), gradient_tolerance=1e-6)
    >>> print(found.params, bool(found.converged))
    [1. 1.] True
    """

    params: Params
    value: Scalar
    gradient_norm: Scalar
    flatness: Scalar
    """|H g| / |g|: near zero where the gradient lies in the Hessian's kernel; nan where the gradient is exactly zero"""
    converged: Bool[Array, ""]
    """The gradient's norm is at most the tolerance."""
    num_steps: Int[Array, ""]
    num_matvecs: Int[Array, ""]
    """Products with a Hessian, without those of the inertia."""
    inertia: Int[Array, "3"]
    """The number of negative, zero and positive eigenvalues, the first of them the index; -1 without a key, and where the
    search has not converged."""
    kind: Int[Array, ""]
    """A `Kind`; -1 where the search has converged, but without a key."""


def newton_mr(
    loss: Callable[[Params], Scalar],
    start: Params,
    *,
    gradient_tolerance: ScalarLike,
    max_steps: int = 100,
    max_matvecs: int = 200,
    solver_tolerance: ScalarLike = 1e-4,
    flat_tolerance: ScalarLike | None = None,
    radius: ScalarLike = np.inf,
    key: Key | None = None,
) -> NewtonMR:
    """The critical point that Newton's method with MINRES reaches: each step lowers |g|, and no Hessian is formed.

        w <- w + 2^-j p,   p = argmin |H p + g| over a Krylov space,
        with the first j such that |g(w + 2^-j p)|² <= |g|² + 2 SUFFICIENT 2^-j <p, H g>

    The gradient is linearized once for each step. As with `critical_points`, the end need not be critical: look at
    `kind`. It takes one start; use `jax.vmap` for many.

    Args:
        loss: a scalar function of the parameters, twice differentiable.
        start: where to begin.
        gradient_tolerance: |g| at which to stop.
        max_steps: the largest number of steps.
        max_matvecs: the largest number of products with the Hessian in one step.
        solver_tolerance: of MINRES; lowered to |g| over |g| at the start, for superlinear convergence, but not below 4 eps.
        flat_tolerance: |H g| / (|g| |H|) up to which a place where no share of a step lowers |g| is gradient-flat and not
            unfinished; by default eps^(1/4). |H| is estimated by MINRES in the last step.
        radius: points with |w| beyond it have diverged.
        key: with one, the eigenvalues at the end are counted by `inertia`, and a converged search has a kind. Where its
            counts are bounds, the kind is degenerate unless they allow for no other.

    Raises:
        ValueError: no steps or no products; parameters not of floating point; a loss that is not a scalar.

    Source: Roosta, Liu, Xu and Mahoney, "Newton-MR: inexact Newton method with minimum residual sub-problem solver"
    (2018).

    >>> found = newton_mr(lambda w: (w["x"] ** 2 - 1) ** 2, {"x": jnp.array(0.7)}, gradient_tolerance=1e-5)
    >>> print(found.params["x"].round(5), found.converged, found.kind)
    1.0 True -1
    """
    check_counts("newton_mr", 1, max_steps=max_steps, max_matvecs=max_matvecs)
    check_numbers(
        "newton_mr", 0, gradient_tolerance=gradient_tolerance, solver_tolerance=solver_tolerance, radius=radius
    )
    if flat_tolerance is not None:
        check_numbers("newton_mr", 0, flat_tolerance=flat_tolerance)
    if key is not None:
        as_key("newton_mr", key, what="key")
    check_point("newton_mr", loss, start)
    # Where a search meets NaN, its record says so: no fault for a mode of debugging to stop at.
    with jax.debug_nans(False), jax.default_matmul_precision(FULL):
        return _search(
            loss, start, gradient_tolerance, max_steps, max_matvecs, solver_tolerance, flat_tolerance, radius, key
        )


def _search(
    loss: Callable[[Params], Scalar],
    start: Params,
    gradient_tolerance: ScalarLike,
    max_steps: int,
    max_matvecs: int,
    solver_tolerance: ScalarLike,
    flat_tolerance: ScalarLike | None,
    radius: ScalarLike,
    key: Key | None,
) -> NewtonMR:
    flat, unravel = ravel_pytree(start)

    def flat_loss(w: Float[Array, " p"]) -> Scalar:
        return loss(unravel(w))

    gradient_of = jax.grad(flat_loss)

    def is_lost(w: Float[Array, " p"], gradient: Float[Array, " p"]) -> Bool[Array, ""]:
        return ~(jnp.isfinite(jnp.linalg.norm(gradient)) & (jnp.linalg.norm(w) <= radius))

    def is_active(state: tuple) -> Bool[Array, ""]:
        w, gradient, is_stuck, _, num_steps, _ = state
        is_over = is_stuck | is_lost(w, gradient) | (jnp.linalg.norm(gradient) <= gradient_tolerance)
        return ~is_over & (num_steps < max_steps)

    def step(state: tuple) -> tuple:
        w, _, _, _, num_steps, num_matvecs = state
        gradient, hessian = linearized_gradient("newton_mr", flat_loss, w)
        accuracy = jnp.minimum(solver_tolerance, jnp.linalg.norm(gradient) / first_norm)
        accuracy = jnp.maximum(accuracy, MOST_ACCURATE * eps).astype(flat.dtype)
        solved = flat_minres(hessian, -gradient, max_matvecs, accuracy)
        slope = product(solved.x, hessian(gradient))

        def is_too_long(search: tuple) -> Bool[Array, ""]:
            size, after = search
            is_lower = jnp.sum(after**2) <= jnp.sum(gradient**2) + 2 * SUFFICIENT * size * slope
            return ~is_lower & (size > 0.5**NUM_HALVINGS)

        def halve(search: tuple) -> tuple:
            return search[0] / 2, gradient_of(w + search[0] / 2 * solved.x)

        longest = (jnp.ones((), flat.dtype), gradient_of(w + solved.x))
        size, after = lax.while_loop(is_too_long, halve, longest)
        is_stuck = ~(jnp.sum(after**2) < jnp.sum(gradient**2))
        return (
            jnp.where(is_stuck, w, w + size * solved.x),
            jnp.where(is_stuck, gradient, after),
            is_stuck,
            jnp.sqrt(solved.norm_squared),
            num_steps + 1,
            num_matvecs + solved.num + 1,
        )

    eps = float(jnp.finfo(flat.dtype).eps)
    zero = jnp.zeros((), jnp.int32)
    first = gradient_of(flat)
    first_norm = jnp.linalg.norm(first)
    begin = (flat, first, jnp.zeros((), bool), jnp.zeros_like(first_norm), zero, zero)
    w, gradient, is_stuck, curvature, num_steps, num_matvecs = lax.while_loop(is_active, step, begin)
    norm = jnp.linalg.norm(gradient)
    flatness = jnp.linalg.norm(product_at("newton_mr", flat_loss, flat)(flat_loss, w, gradient)) / norm
    converged = (norm <= gradient_tolerance) & ~is_lost(w, gradient)
    # As in `conditions`: where the Hessian vanishes, the gradient itself says what curvature would count.
    curvature = jnp.maximum(curvature, norm / (1 + jnp.linalg.norm(w)))
    is_flat = is_stuck & (flatness <= (eps**0.25 if flat_tolerance is None else flat_tolerance) * curvature)
    counts, kind = jnp.full(3, UNCOUNTED, jnp.int32), jnp.int32(UNCOUNTED)
    if key is not None:
        # A branch, which costs nothing where there is nothing to count, and in which nothing is refused for not being finite.
        counts, kind = lax.cond(
            converged,
            lambda: _count_kind(inertia(linearized_gradient("newton_mr", flat_loss, w)[1], jnp.zeros_like(w), key)),
            lambda: (counts, kind),
        )
    return NewtonMR(
        params=unravel(w),
        value=loss(unravel(w)),
        gradient_norm=norm,
        flatness=flatness,
        converged=converged,
        num_steps=num_steps,
        num_matvecs=num_matvecs,
        inertia=counts,
        kind=jnp.select(
            [is_lost(w, gradient), converged, is_flat],
            [jnp.int32(Kind.DIVERGED), kind, jnp.int32(Kind.GRADIENT_FLAT)],
            jnp.int32(Kind.UNFINISHED),
        ),
    )


def _count_kind(result: Inertia) -> tuple[Int[Array, "3"], Int[Array, ""]]:
    """The counts, and the kind of a critical point that they, or their bounds, prove."""
    counts, low = (jnp.stack(numbers).astype(jnp.int32) for numbers in (result.counts, result.low))
    size = jnp.sum(counts, dtype=jnp.int32)
    kind = jnp.select(
        [(low[0] > 0) & (low[2] > 0), low[2] == size, low[0] == size],
        [jnp.int32(Kind.SADDLE), jnp.int32(Kind.MINIMUM), jnp.int32(Kind.MAXIMUM)],
        jnp.int32(Kind.DEGENERATE),
    )
    return counts, kind
