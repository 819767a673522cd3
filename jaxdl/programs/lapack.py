"""LAPACK one matrix at a time: a program in which no decomposition waits for another.

On CPUs jaxlib spreads a *batch* of matrices over XLA's thread pool, and the call that did so holds a thread of the pool until its
parts are done. Before jax 0.12 several such calls, of independent decompositions or on several devices, can hold every thread
while their parts wait in the queue behind them: the program stands still for ever. A call with a single matrix has no parts and
waits for nothing. So batches become loops here; the devices of an ensemble keep the cores busy instead.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, Primitive
from jaxtyping import Array

from jaxdl.programs.rewriting import Replacement, applies, rewritten

CORE_RANKS: dict[Primitive, int] = {
    **dict.fromkeys(
        (
            lax.linalg.cholesky_p,
            lax.linalg.eig_p,
            lax.linalg.eigh_p,
            lax.linalg.hessenberg_p,
            lax.linalg.householder_product_p,
            lax.linalg.lu_p,
            lax.linalg.ormqr_p,
            lax.linalg.qr_p,
            lax.linalg.schur_p,
            lax.linalg.svd_p,
            lax.linalg.triangular_solve_p,
            lax.linalg.tridiagonal_p,
        ),
        2,
    ),
    lax.linalg.tridiagonal_solve_p: 1,
}
"""The operations that call LAPACK or BLAS on CPUs, with the rank of their first operand for a single matrix."""


def batches_lapack(program: ClosedJaxpr | Jaxpr) -> bool:
    """Whether any operation of the program, or of a loop or branch in it, decomposes several matrices in one call."""
    return applies(_loop, program)


def one_matrix_at_a_time(program: ClosedJaxpr) -> ClosedJaxpr:
    """The same program with every batch of decompositions as a loop over its matrices.

    Each matrix goes through the same LAPACK routine as in the batch; what surrounds the calls may be fused otherwise, in the last
    bits.

    >>> from jax.extend.core import jaxpr_as_fun
    >>> batch = jnp.stack([jnp.eye(2), 2 * jnp.eye(2)])
    >>> program = jax.make_jaxpr(jnp.linalg.inv)(batch)
    >>> batches_lapack(program), batches_lapack(one_matrix_at_a_time(program))
    (True, False)
    >>> print(jaxpr_as_fun(one_matrix_at_a_time(program))(batch)[0][1])
    [[0.5 0. ]
     [0.  0.5]]
    """
    return rewritten(program, _loop)


def _loop(equation: Any) -> Replacement | None:
    """A loop in place of a batch of several matrices."""
    return functools.partial(_looped, equation) if math.prod(_leading_shape(equation)) > 1 else None


def _looped(equation: Any, *operands: Array) -> Any:
    """One decomposition after the other, over all leading axes."""
    leading = _leading_shape(equation)
    flat = [jnp.reshape(operand, (-1, *operand.shape[len(leading) :])) for operand in operands]
    results = lax.map(lambda single: equation.primitive.bind(*single, **equation.params), flat)
    return jax.tree.map(lambda leaf: jnp.reshape(leaf, (*leading, *leaf.shape[1:])), results)


def _leading_shape(equation: Any) -> tuple[int, ...]:
    """The axes in front of the matrix; none for an operation that is no decomposition."""
    rank = CORE_RANKS.get(equation.primitive)
    if rank is None:
        return ()
    shape = equation.invars[0].aval.shape
    return shape[: len(shape) - rank]
