"""What rounding allows: products in full precision, norms that do not overflow, and eigenvalues that count as zero."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Real, Scalar, ScalarLike

SLAB = 2**14
"""Terms of a sum that are added one after the other: few enough for float32 to keep six digits."""


def product(left: Real[Array | np.ndarray, "..."], right: Real[Array | np.ndarray, "..."]) -> Float[Array, "..."]:
    """The product of two matrices or vectors, in the full precision of their type.

    Accelerators multiply float32 matrices with 8 to 11 bits unless asked otherwise.

    >>> print(product(jnp.eye(2), jnp.ones(2)))
    [1. 1.]
    """
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)


def along(basis: Float[Array, "rows p"], vector: Float[Array, " p"]) -> Float[Array, " rows"]:
    """The products of rows with a vector, summed in slabs on CPUs.

    There a sum over p numbers is taken one after the other, and in float32 loses digits with p: at 1e5 a basis would lose its
    orthogonality. Accelerators sum by trees.

    >>> print(along(jnp.ones((2, 3)), jnp.arange(3.0)))
    [3. 3.]
    """
    if vector.size <= SLAB:
        return product(basis, vector)
    return lax.platform_dependent(basis, vector, cpu=_along_in_slabs, default=product)


def _along_in_slabs(basis: Float[Array, "rows p"], vector: Float[Array, " p"]) -> Float[Array, " rows"]:
    num_slabs = vector.size // SLAB

    def add(index: Int[Array, ""], sums: Float[Array, " rows"]) -> Float[Array, " rows"]:
        return sums + product(
            lax.dynamic_slice_in_dim(basis, index * SLAB, SLAB, axis=1),
            lax.dynamic_slice_in_dim(vector, index * SLAB, SLAB),
        )

    rest = product(basis[:, num_slabs * SLAB :], vector[num_slabs * SLAB :])
    return lax.fori_loop(0, num_slabs, add, rest)


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
    size = vectors.shape[-1]
    whole = size - size % SLAB if size > SLAB else 0
    slabs = vectors[..., :whole].reshape(*vectors.shape[:-1], whole // SLAB, SLAB)
    rest = vectors[..., whole:]
    squares = product(rest[..., None, :], rest[..., :, None])[..., 0, 0]
    if whole:
        squares = squares + jnp.sum(product(slabs[..., None, :], slabs[..., :, None])[..., 0, 0], axis=-1)
    return jnp.sqrt(squares)
