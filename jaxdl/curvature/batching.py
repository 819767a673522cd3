"""A branch and a small eigendecomposition that stay cheap under `vmap`.

`vmap` turns a `lax.cond` on a batched flag into both of its branches, and a decomposition into a batch of them, over which LAPACK
spreads on the threads of a CPU; before jax 0.12 that can deadlock in a program over several devices, where `jaxdl.ensembles` then
uses one. Both functions here have the values of their plain counterparts, member by member.
"""

import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float


@custom_vmap
def anywhere(flag: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether a flag is set; under `vmap`, whether any member's is, as one flag that a `lax.cond` can branch on.

    >>> branch = lambda x: jax.lax.cond(anywhere(x < 0), lambda: jnp.where(x < 0, 0, x), lambda: x)
    >>> print(jax.vmap(branch)(jnp.array([1.0, -1.0])))
    [1. 0.]
    """
    return flag


@anywhere.def_vmap
def _(axis_size: int, in_batched: list[bool], flags: Bool[Array, " members"]) -> tuple[Bool[Array, ""], bool]:
    del axis_size, in_batched
    return anywhere(jnp.any(flags)), False


@custom_vmap
def eigh(upper: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Eigenvalues, in increasing order, and eigenvectors, by columns, of a small symmetric matrix; its upper triangle is read.

    Under `vmap` one after the other on a CPU, and all at once elsewhere.

    >>> print(jax.vmap(eigh)(jnp.array([[[0.0, 1.0], [0.0, 0.0]]]))[0])
    [[-1.  1.]]
    """
    values, vectors = jnp.linalg.eigh(upper, UPLO="U", symmetrize_input=False)
    return values, vectors


@eigh.def_vmap
def _(
    axis_size: int, in_batched: list[bool], upper: Float[Array, "members n n"]
) -> tuple[tuple[Array, Array], tuple[bool, bool]]:
    del axis_size, in_batched

    def at_once(matrices: Array) -> tuple[Array, Array]:
        values, vectors = jnp.linalg.eigh(matrices, UPLO="U", symmetrize_input=False)
        return values, vectors

    return lax.platform_dependent(upper, cpu=lambda each: lax.map(eigh, each), default=at_once), (True, True)
