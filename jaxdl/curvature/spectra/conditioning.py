"""Conditioning: rates of descent from the eigenvalues of a Hessian, and rescalings that improve them.

Every function takes the eigenvalues of a symmetric matrix, the matrix, or products with it. Predictions are for the quadratic
with that Hessian, and hold near a minimum.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, Scalar, ScalarLike

from jaxdl.curvature.checks import check_axes, check_finite, check_vector, is_known
from jaxdl.curvature.products.operators import ASYMMETRY, Matvec, flat_operator, refuse_nonlinear
from jaxdl.kinds import check_numbers
from jaxdl.rounding import negligible, product
from jaxdl.types import Params


class Descent(NamedTuple):
    """Step and momentum of a descent on a quadratic, and the factor by which each iteration shrinks an error.

    >>> best = conditioning(jnp.array([4.0, 1.0])).gradient_descent
    >>> print(best.step.round(3), best.rate.round(3))                              # 2 / (4 + 1), (4 - 1) / (4 + 1)
    0.4 0.6
    """

    step: Scalar
    momentum: Scalar
    rate: Scalar
    """Of the slowest mode in the range: the error after t iterations is of order rate^t; above 1 it diverges."""
    mode_rates: Float[Array, " p"]
    """Of each eigenvalue's mode; 1 where the eigenvalue is zero and nothing moves."""


class Conditioning(NamedTuple):
    """The range of a spectrum, and the best constant steps on it.

    >>> print(conditioning(jnp.array([4.0, 1.0])).condition_number)
    4.0
    """

    largest: Scalar
    smallest: Scalar
    """The smallest positive eigenvalue that is not zero by the tolerance."""
    condition_number: Scalar
    """On the range: max |λ| / min |λ| over the eigenvalues that are not zero."""
    num_zero: Int[Array, ""]
    num_negative: Int[Array, ""]
    """Directions along which every descent diverges; their mode rates are above 1."""
    largest_step: Scalar
    """2 / L: gradient descent converges for smaller steps only."""
    gradient_descent: Descent
    heavy_ball: Descent


class StepTest(NamedTuple):
    """The predicted change by a step of size ε against the gradient g: f(x - ε g) - f(x) = -ε g·g + ½ ε² g·Hg.

    >>> test = step_test(lambda v: 2 * v, jnp.ones(2), 0.5)
    >>> print(test.predicted_change, test.best_step)                               # of |x|² from (½, ½) to its minimum
    -0.5 0.5
    """

    gradient_term: Scalar
    """g·g, the decrease for each unit of ε that the gradient alone predicts."""
    curvature_term: Scalar
    """½ ε g·Hg, the part of it that curvature takes back."""
    ratio: Scalar
    """curvature_term / gradient_term: above 1 the step goes up, however small the gradient still is."""
    predicted_change: Scalar
    best_step: Scalar
    """g·g / g·Hg, where the ratio is ½; infinite where the curvature along g is not positive."""


def conditioning(
    values: Float[Array, " p"], *, ridge: ScalarLike = 0.0, tolerance: ScalarLike | None = None
) -> Conditioning:
    """The condition number on the range, and the best constant steps with their rates.

    L and l are the largest and the smallest positive eigenvalue, and κ = L / l. Gradient descent with the step 2 / (l + L)
    shrinks the error by (κ - 1) / (κ + 1) in each iteration. The heavy ball, with the step 4 / (√L + √l)² and the momentum
    ((√κ - 1) / (√κ + 1))², shrinks it by (√κ - 1) / (√κ + 1).

    Args:
        values: eigenvalues, in any order; all of them, or as many as are known, the extreme ones among them.
        ridge: λ, which adds exactly λ to every eigenvalue: κ = (L + λ) / (l + λ). May be traced.
        tolerance: eigenvalues up to this size, the ridge included, count as zero; by default 10 eps max|λ| √p.

    Returns:
        The condition number, the counts that qualify it, and both descents. With no positive eigenvalue, or one that is not
        finite, the descents are nan; with one that is not finite, the condition number as well.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).

    >>> result = conditioning(jnp.array([4.0, 1.0, 0.0]))
    >>> print(result.condition_number, result.gradient_descent.rate.round(6), result.heavy_ball.rate.round(6))
    4.0 0.6 0.333333
    >>> print(conditioning(jnp.array([4.0, 1.0, 0.0]), ridge=1.0).condition_number)
    5.0
    """
    check_vector("conditioning", "eigenvalues", values)
    check_numbers("conditioning", -math.inf, ridge=ridge)
    if tolerance is not None:
        check_numbers("conditioning", 0, tolerance=tolerance)
    # NaN is an answer here, and no fault for a mode of debugging to stop at.
    with jax.debug_nans(False):
        return _condition(values + ridge, tolerance)


def _condition(values: Float[Array, " p"], tolerance: ScalarLike | None) -> Conditioning:
    sizes = jnp.abs(values)
    if tolerance is None:
        tolerance = negligible(values)
    is_zero = sizes <= tolerance
    is_positive = ~is_zero & (values > 0)
    largest = jnp.max(jnp.where(is_positive, values, -jnp.inf))
    smallest = jnp.min(jnp.where(is_positive, values, jnp.inf))
    any_positive = jnp.any(is_positive)
    # Written out, since comparisons with nan are false, and take the branch of complex roots for example.
    is_known = any_positive & jnp.all(jnp.isfinite(values))
    largest, smallest = (jnp.where(is_known, value, jnp.nan) for value in (largest, smallest))
    root = jnp.sqrt(largest / smallest)

    def descent(step: Scalar, momentum: Scalar) -> Descent:
        rates = jnp.where(is_known, jnp.where(is_zero, 1, _rates(values, step, momentum)), jnp.nan)
        return Descent(step, momentum, jnp.where(is_known, jnp.max(jnp.where(is_zero, 0, rates)), jnp.nan), rates)

    return Conditioning(
        largest,
        smallest,
        jnp.where(jnp.all(jnp.isfinite(values)), jnp.max(sizes) / jnp.min(jnp.where(is_zero, jnp.inf, sizes)), jnp.nan),
        jnp.sum(is_zero),
        jnp.sum(~is_zero & (values < 0)),
        2 / largest,
        descent(2 / (smallest + largest), jnp.where(is_known, jnp.zeros_like(root), jnp.nan)),
        descent(4 / (jnp.sqrt(largest) + jnp.sqrt(smallest)) ** 2, ((root - 1) / (root + 1)) ** 2),
    )


def descent_rates(values: Float[Array, " p"], step: ScalarLike) -> Float[Array, " p"]:
    """The factor by which gradient descent shrinks the error along each eigenvector, |1 - η λ|.

    >>> print(descent_rates(jnp.array([0.0, 1.0, 2.0, 4.0]), 0.5))
    [1.  0.5 0.  1. ]
    """
    check_vector("descent_rates", "eigenvalues", values, jnp.integer)
    check_numbers("descent_rates", -math.inf, step=step)
    return jnp.abs(1 - step * values)


def heavy_ball_rates(values: Float[Array, " p"], step: ScalarLike, momentum: ScalarLike) -> Float[Array, " p"]:
    """The factor by which the heavy ball x_{t+1} = x_t - η ∇f(x_t) + β (x_t - x_{t-1}) shrinks each eigenvector's error.

    It is the larger |z| of z² - (1 + β - η λ) z + β = 0: √β where the roots are complex, and |1 - η λ| for β = 0.

    >>> print(heavy_ball_rates(jnp.array([0.0, 1.0, 4.0]), 0.5, 0.25))
    [1.  0.5 0.5]
    """
    check_vector("heavy_ball_rates", "eigenvalues", values)
    check_numbers("heavy_ball_rates", -math.inf, step=step)
    check_numbers("heavy_ball_rates", 0, momentum=momentum)
    return _rates(values, step, momentum)


def _rates(values: Float[Array, " p"], step: ScalarLike, momentum: ScalarLike) -> Float[Array, " p"]:
    middle = (1 + momentum - step * values) / 2
    discriminant = middle**2 - momentum
    # The best step and momentum make double roots, whose discriminant is zero but for rounding, of which the root is 1e-8.
    rounding = jnp.finfo(values.dtype).eps * jnp.abs(middle) * (1 + momentum + jnp.abs(step * values))
    is_real = discriminant > 16 * rounding
    real = jnp.abs(middle) + jnp.sqrt(jnp.where(is_real, discriminant, 1))
    return jnp.where(jnp.isnan(discriminant), jnp.nan, jnp.where(is_real, real, jnp.sqrt(momentum)))


def effective_dimension(values: Float[Array, " p"], strength: ScalarLike) -> Scalar:
    """The number of directions that the data decide, rather than a penalty of strength s > 0: Σ λ_i / (λ_i + s).

    For eigenvalues of a positive semi-definite matrix; the strength may be traced.

    >>> print(effective_dimension(jnp.array([1.0, 1.0, 0.0]), 1.0))
    1.0
    """
    check_vector("effective_dimension", "eigenvalues", values, jnp.integer)
    check_numbers("effective_dimension", 0, strength=strength)
    return jnp.sum(values / (values + strength))


def step_test(matvec: Matvec, gradient: Params, step: ScalarLike) -> StepTest:
    """The test for ill-conditioning: if ½ ε g·Hg exceeds g·g, a step against the gradient goes up.

    Args:
        matvec: the Hessian, as of `hvp`.
        gradient: g, at the same parameters.
        step: ε; it may be traced.

    Raises:
        ValueError: an operator or a gradient that `operators.flat_operator` refuses; an operator that is not linear, a gradient
            that is not finite (both unless traced).

    Source: Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 8.2.1.

    >>> test = step_test(lambda v: jnp.array([4.0, 1.0]) * v, jnp.array([1.0, 0.0]), 0.25)
    >>> print(test.ratio, test.predicted_change, test.best_step)
    0.5 -0.125 0.25
    """
    check_numbers("step_test", -math.inf, step=step)
    flat_matvec, zeros, _ = flat_operator("step_test", matvec, gradient)
    check_finite("step_test", "a gradient", gradient, "did the training diverge?")
    flat = ravel_pytree(gradient)[0]
    refuse_nonlinear("step_test", flat_matvec, zeros)
    gradient_term = product(flat, flat)
    curvature = product(flat, flat_matvec(flat))
    curvature_term = jnp.asarray(step * curvature / 2)
    best_step = jnp.where(curvature > 0, gradient_term / jnp.where(curvature > 0, curvature, 1), jnp.inf)
    return StepTest(
        gradient_term,
        curvature_term,
        curvature_term / gradient_term,
        jnp.asarray(step * (curvature_term - gradient_term)),
        best_step,
    )


def rescaled(matrix: Float[Array, "p p"], scales: Float[Array, " p"]) -> Float[Array, "p p"]:
    """The Hessian after every input (or parameter) is divided by its scale: S⁻¹ H S⁻¹.

    `rescaled(matrix, jnp.sqrt(jnp.diagonal(matrix)))` standardizes: a diagonal of ones, as that of correlations.

    >>> print(rescaled(jnp.array([[4.0, 1.0], [1.0, 1.0]]), jnp.array([2.0, 1.0])))
    [[1.  0.5]
     [0.5 1. ]]
    """
    check_axes("rescaled", "a matrix", matrix, "(p, p)", jnp.integer)
    check_vector("rescaled", "scales", scales, jnp.integer)
    if scales.size != len(matrix):
        msg = f"rescaled: got {scales.size} scales for a matrix of shape {matrix.shape}, expected one for each row"
        raise ValueError(msg)
    return matrix / (scales[:, None] * scales[None])


def whitening(matrix: Float[Array, "p p"], *, ridge: ScalarLike = 0.0) -> Float[Array, "p p"]:
    """The whitening matrix W = (H + λ)^-½ on the range of H + λ; without a ridge, W H W has eigenvalues one and zero only.

    Inputs times the whitening of their second-moment matrix, x W, give least squares the condition number one.

    Raises:
        ValueError: a matrix that is not of shape (p, p) or, where known, not symmetric.

    >>> matrix = jnp.array([[4.0, 0.0], [0.0, 0.0]])
    >>> print(whitening(matrix) @ matrix @ whitening(matrix))
    [[1. 0.]
     [0. 0.]]
    """
    check_axes("whitening", "a matrix", matrix, "(p, p)")
    check_numbers("whitening", -math.inf, ridge=ridge)
    if is_known(matrix):
        gap, size = (
            float(np.max(np.abs(part))) for part in (np.asarray(matrix) - np.asarray(matrix).T, np.asarray(matrix))
        )
        if gap > ASYMMETRY * float(jnp.finfo(matrix.dtype).eps) * size:
            msg = f"whitening: got a matrix that differs from its transpose by {gap:.1e}, expected a symmetric one"
            raise ValueError(msg)
    values, vectors = jnp.linalg.eigh(matrix)
    values = values + ridge
    is_kept = values > negligible(values)
    roots = jnp.where(is_kept, 1 / jnp.sqrt(jnp.where(is_kept, values, 1)), 0)
    return product(vectors * roots[None], vectors.T)
