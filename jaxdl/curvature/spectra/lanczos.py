"""The Lanczos kernel: orthonormal Krylov bases of a symmetric operator on vectors, of fixed shape, safe at breakdowns.

Vectors are flat here; `operators.flat_operator` brings an operator on pytrees to that form. Every new vector is
orthogonalized against the whole basis by classical Gram-Schmidt, twice (twice is enough: Giraud, Langou and Rozloznik, 2005).
Otherwise copies of converged eigenvalues would appear.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Scalar

from jaxdl.curvature.checks import check_finite, check_vector, is_known
from jaxdl.curvature.products.operators import FlatMatvec, check_matvec
from jaxdl.curvature.spectra.under_vmap import anywhere
from jaxdl.kinds import as_key, check_counts
from jaxdl.rounding import along, product, vector_norm
from jaxdl.types import Key

BREAKDOWN = 20
"""A remainder of at most this many units of rounding, relative to the operator, is rounding and not a direction."""
INSIDE = "promise_in_bounds"
"""Columns are never beyond the end; checking costs as much as a small product."""


class Krylov(NamedTuple):
    """An orthonormal basis Q, by rows, and the operator A seen from it.

    Rows and columns that are not yet filled are zero. A q_j = Σ_i C_ij q_i + r_j w_j, with w_j a unit vector outside the
    basis as it was when column j was filled; it becomes row j + 1, unless a breakdown put a random vector there.
    """

    basis: Float[Array, "rows p"]
    """One row more than there are columns: the last is where the next column would start."""
    coefficients: Float[Array, "columns columns"]
    """C_ij = q_i · A q_j where i <= j. Below the diagonal it is unspecified: A is symmetric."""
    remainders: Float[Array, " columns"]
    followed: Bool[Array, " columns"]
    """Whether w_j is in the basis, as row j + 1, so that A q_j lies in its span."""
    scale: Scalar
    """The largest |A q_j| so far: a lower bound of the norm of A, and close to it after a few columns.

    Where it is not finite, all that is filled from there on is NaN.
    """


class Tridiagonal(NamedTuple):
    """Q A Qᵀ = T, with Q by rows: the tridiagonal T has `alphas` on its diagonal and `betas[:-1]` beside it.

    >>> start = jnp.ones(2) / jnp.sqrt(2)
    >>> found = tridiagonalize(jax.random.key(0), lambda v: jnp.array([3.0, 1.0]) * v, start, 2)
    >>> print(found.alphas.round(4))                                               # their sum is the trace
    [2. 2.]
    """

    alphas: Float[Array, " steps"]
    betas: Float[Array, " steps"]
    """The last one couples Q to what lies outside: |A y - θ y| = betas[-1] |s_last| for a Ritz pair (θ, y = Qᵀ s)."""
    basis: Float[Array, "steps p"]


def tridiagonalize(key: Key, matvec: FlatMatvec, start: Float[Array, " p"], num_steps: int) -> Tridiagonal:
    """Lanczos' tridiagonal matrix T = Q A Qᵀ of a symmetric A; the rows of Q are orthonormal, the first along `start`.

    At a breakdown the Krylov space of `start` is exhausted. Then β is 0 and Q continues with a random vector, so that multiple
    eigenvalues appear with their multiplicity. The Gauss quadrature of `start` reads only the block before the first zero: later
    weights are zero, as the first entries of T's eigenvectors are.

    Args:
        key: for the vectors that replace exhausted directions.
        matvec: the operator on flat vectors.
        start: not zero; it need not be normalized.
        num_steps: products with A, and rows of Q.

    Returns:
        The two diagonals and the basis, of shapes fixed by `num_steps` and p; XLA drops a basis that is not used. Everything is
        NaN from the first product whose norm is not finite.

    Raises:
        ValueError: more steps than dimensions, or none; a start of zeros, or not finite, where known; a matvec that changes
            the shape or the type of its vector.

    Source: Paige, "Computational variants of the Lanczos method for the eigenproblem" (1972).

    >>> result = tridiagonalize(jax.random.key(0), lambda v: 2 * v, jnp.ones(3), 3)
    >>> print(result.alphas.round(4), result.betas)
    [2. 2. 2.] [0. 0. 0.]
    """
    check_vector("tridiagonalize", "a start", start)
    check_counts("tridiagonalize", 0, num_steps=num_steps)
    check_matvec("tridiagonalize", matvec)
    as_key("tridiagonalize", key, what="key")
    if not 1 <= num_steps <= start.size:
        msg = (
            f"tridiagonalize: got num_steps={num_steps} for an operator of dimension {start.size}, expected between 1 and the "
            "dimension; lower num_steps"
        )
        raise ValueError(msg)
    check_finite("tridiagonalize", "a start", start, "draw one")
    if is_known(start) and not np.asarray(start).any():
        msg = "tridiagonalize: got a start of zeros, expected a direction; draw one"
        raise ValueError(msg)
    spare = jax.random.normal(key, start.shape, start.dtype)
    krylov = extend(matvec, begin(start / vector_norm(start), num_steps), spare, first=0)
    betas = jnp.where(krylov.followed, krylov.remainders, 0)
    return Tridiagonal(jnp.diagonal(krylov.coefficients), betas, krylov.basis[:num_steps])


def start_along(given: Float[Array, " p"], drawn: Float[Array, " p"]) -> Float[Array, " p"]:
    """A given vector for a warm start, or a random one if that is zero or not finite."""
    norm = vector_norm(given)
    return jnp.where((norm > 0) & jnp.isfinite(norm), given, drawn)


def begin(start: Float[Array, " p"], columns: int) -> Krylov:
    """A basis of one unit vector, with none of its `columns` filled."""
    return unfilled(jnp.zeros((columns + 1, start.size), start.dtype).at[0].set(start))


def unfilled(basis: Float[Array, "rows p"]) -> Krylov:
    """A basis of a few orthonormal rows, with zeros in the others, and with none of its columns filled."""
    columns = basis.shape[0] - 1
    return Krylov(
        basis,
        jnp.zeros((columns, columns), basis.dtype),
        jnp.zeros(columns, basis.dtype),
        jnp.zeros(columns, bool),
        jnp.zeros((), basis.dtype),
    )


def extend(
    matvec: FlatMatvec, krylov: Krylov, spare: Float[Array, " p"], *, first: int, given: int | Int[Array, ""] = 1
) -> Krylov:
    """The basis with columns `first`, `first + 1`, ... filled, by one product each.

    Args:
        matvec: the operator on flat vectors.
        krylov: its rows up to `first`, and its columns before, are filled.
        spare: a random vector, whose cyclic shifts replace exhausted directions.
        first: the first column to fill.
        given: how many rows are kept as they are; the remainders of columns before the last of them are not followed.

    Raises:
        ValueError: a matvec that changes the shape or the type of its vector.
    """

    def step(krylov: Krylov, column: Array) -> tuple[Krylov, None]:
        basis = krylov.basis
        image = matvec(basis[column])
        if image.shape != basis.shape[1:] or image.dtype != basis.dtype:
            msg = (
                f"extend: got a matvec that maps {basis.dtype}{list(basis.shape[1:])} to {image.dtype}"
                f"{list(image.shape)}, expected the same shape and type"
            )
            raise ValueError(msg)
        scale = jnp.maximum(krylov.scale, vector_norm(image))
        # Beside an infinite scale every remainder is rounding: what follows must not look like an exhausted space.
        image = jnp.where(jnp.isfinite(scale), image, jnp.nan)
        remainder_vector, coefficients = orthogonalize(image, basis)
        remainder = vector_norm(remainder_vector)
        is_breakdown = jnp.isfinite(scale) & (remainder <= BREAKDOWN * jnp.finfo(basis.dtype).eps * scale)

        following = remainder_vector / jnp.where(is_breakdown, 1, remainder)

        def replace() -> Array:
            # Shifts, which are independent with probability one: drawing anew takes longer than most small products.
            replacement, _ = orthogonalize(jnp.roll(spare, column + 1), basis)
            return jnp.where(is_breakdown, replacement / vector_norm(replacement), following)

        following = lax.cond(anywhere(is_breakdown), replace, lambda: following)
        is_given = column + 1 < given
        return (
            Krylov(
                basis.at[column + 1].set(jnp.where(is_given, basis[column + 1], following), mode=INSIDE),
                krylov.coefficients.at[:, column].set(coefficients[:-1], mode=INSIDE),
                krylov.remainders.at[column].set(remainder, mode=INSIDE),
                krylov.followed.at[column].set(~(is_breakdown | is_given), mode=INSIDE),
                scale,
            ),
            None,
        )

    return lax.scan(step, krylov, jnp.arange(first, krylov.remainders.size, dtype=jnp.int32))[0]


def orthogonalize(
    vector: Float[Array, " p"], basis: Float[Array, "rows p"]
) -> tuple[Float[Array, " p"], Float[Array, " rows"]]:
    """The part of the vector outside the span of the basis, and its coefficients inside it."""
    coefficients = jnp.zeros(basis.shape[0], basis.dtype)
    for _ in range(2):
        # At the default precision, an accelerator's products would cost the basis its orthogonality.
        inside = along(basis, vector)
        vector = vector - product(inside, basis)
        coefficients = coefficients + inside
    return vector, coefficients
