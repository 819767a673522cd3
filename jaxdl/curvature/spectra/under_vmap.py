"""A branch and a small eigendecomposition that stay cheap under `vmap`.

`vmap` turns a `lax.cond` on a batched flag into both of its branches. It turns a decomposition into a batch, over which LAPACK
spreads the threads of a CPU; for small matrices that costs more than it gains. Both functions return, for each member, the
values of their plain counterparts.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float

from jaxdl.rounding import product


@custom_vmap
def anywhere(flag: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether a flag is set; under `vmap`, whether that of any member is, as one flag for a `lax.cond`.

    >>> branch = lambda x: jax.lax.cond(anywhere(x < 0), lambda: jnp.where(x < 0, 0, x), lambda: x)
    >>> print(jax.vmap(branch)(jnp.array([1.0, -1.0])))
    [1. 0.]
    """
    return flag


@anywhere.def_vmap
def _(axis_size: int, in_batched: list[bool], flags: Bool[Array, " members"]) -> tuple[Bool[Array, ""], bool]:
    del axis_size, in_batched
    return anywhere(jnp.any(flags)), False


@jax.custom_jvp
def eigh(upper: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Eigenvalues, in increasing order, and eigenvectors, by columns, of a small symmetric matrix, from its upper triangle.

    Under `vmap` matrices are decomposed one after the other on a CPU, and all at once elsewhere. Derivatives are those of simple
    eigenvalues, dλ_i = v_i · dA v_i and dv_j = Σ_i v_i (v_i · dA v_j) / (λ_j - λ_i), without the terms of equal ones.

    >>> print(jax.vmap(eigh)(jnp.array([[[0.0, 1.0], [0.0, 0.0]]]))[0])
    [[-1.  1.]]
    """
    return _one_by_one(upper)


@eigh.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    values, vectors = eigh(*primals)
    change = jnp.triu(*tangents)
    change = change + jnp.triu(change, 1).T
    inner = product(vectors.T, product(change, vectors))
    gaps = values[None, :] - values[:, None]
    turn = jnp.where(gaps == 0, 0, inner / jnp.where(gaps == 0, 1, gaps))
    return (values, vectors), (jnp.diagonal(inner), product(vectors, turn))


def _at_once(upper: Float[Array, "*members n n"]) -> tuple[Float[Array, "*members n"], Float[Array, "*members n n"]]:
    values, vectors = jnp.linalg.eigh(upper, UPLO="U", symmetrize_input=False)
    return values, vectors


_one_by_one = custom_vmap(_at_once)


@_one_by_one.def_vmap
def _(
    axis_size: int, in_batched: list[bool], upper: Float[Array, "members n n"]
) -> tuple[tuple[Array, Array], tuple[bool, bool]]:
    del axis_size, in_batched
    each = lax.platform_dependent(upper, cpu=lambda matrices: lax.map(_one_by_one, matrices), default=_at_once)
    return each, (True, True)
