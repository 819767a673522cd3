"""What rounding allows: products in full precision, norms that do not overflow, and eigenvalues that count as zero."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Real, Scalar, ScalarLike


def product(left: Real[Array | np.ndarray, "..."], right: Real[Array | np.ndarray, "..."]) -> Float[Array, "..."]:
    """The product of two matrices or vectors, in the full precision of their type.

    Accelerators multiply float32 matrices with 8 to 11 bits unless asked otherwise.

    >>> print(product(jnp.eye(2), jnp.ones(2)))
    [1. 1.]
    """
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)


def vector_norm(vectors: Float[Array, "*any p"]) -> Float[Array, "*any"]:
    """Euclidean norms along the last axis; no square of an entry overflows, or underflows to zero.

    >>> print(vector_norm(jnp.array([3e20, 4e20], jnp.float32)), vector_norm(jnp.array([3e-30, 4e-30], jnp.float32)))
    5e+20 5e-30
    """
    plain, limits = _root_of_squares(vectors), jnp.finfo(vectors.dtype)
    one, up = jnp.asarray(1, vectors.dtype), jnp.asarray(2.0 ** (3 * limits.maxexp // 5), vectors.dtype)
    # Near either end of the range, the squares of a multiple by a power of two, which rounds nothing.
    scale = jnp.where(plain < jnp.inf, jnp.where(plain * limits.eps > limits.tiny**0.5, one, up), 1 / up)
    return _root_of_squares(vectors * scale[..., None]) / scale


def negligible(values: Float[Array, " *p"], *, size: Int[Array, ""] | None = None, factor: ScalarLike = 10) -> Scalar:
    """The size up to which an eigenvalue of a symmetric matrix counts as zero: factor · eps · max |λ| · √p.

    Args:
        values: the eigenvalues λ, in any order, or some of them with the largest among them.
        size: the dimension p; by default the number of values.
        factor: eigenvalues are computed to about 10 units of rounding; it may be traced.

    >>> print(negligible(jnp.array([0.0, -4.0], jnp.float32)) < 1e-5)
    True
    """
    root = values.size**0.5 if size is None else jnp.sqrt(size.astype(values.dtype))
    return factor * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values)) * root


def _root_of_squares(vectors: Float[Array, "*any p"]) -> Float[Array, "*any"]:
    # By a product of matrices, as a reduction over a long axis is not vectorized on CPUs.
    squares = product(vectors[..., None, :], vectors[..., :, None])
    return jnp.sqrt(squares[..., 0, 0])
