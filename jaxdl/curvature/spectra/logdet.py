"""Log-determinants, exact for small operators, and by stochastic Lanczos quadrature for large positive definite ones."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.curvature.products.operators import DENSE_SIZE, Matvec, columns_of, flat_operator, refuse_asymmetric
from jaxdl.curvature.spectra.density import quadratures
from jaxdl.curvature.spectra.trace import ProbeEstimate
from jaxdl.kinds import as_key, check_counts
from jaxdl.types import Key, Params


def logdet(
    matvec: Matvec,
    like: Params,
    key: Key,
    *,
    positive_definite: bool = False,
    num_probes: int = 8,
    num_steps: int = 64,
    dense_size: int = DENSE_SIZE,
) -> ProbeEstimate:
    """The log-determinant log |det A| = Σ log |λ_j|: the Gauss quadrature of p log λ, averaged over random directions.

    Up to `dense_size` the matrix is formed, and the result is exact. Beyond it, no quadrature works for an indefinite operator,
    as the logarithm has its pole inside the spectrum: you must state that the operator is positive definite. The result is nan
    if that turns out to be false. Gauss quadrature errs upwards, less so with more steps and for smaller condition numbers. The
    standard error covers the probes only.

    Args:
        matvec: a symmetric operator, as of `hvp`.
        like: a pytree of its form.
        key: for the random directions, and two products that test the symmetry.
        positive_definite: whether all eigenvalues are known to be positive.
        num_probes: random directions, at least 2.
        num_steps: of Lanczos, for each.
        dense_size: up to this dimension, one product for each column.

    Raises:
        ValueError: a large operator not stated to be positive definite; fewer than 2 probes; no steps; an asymmetric
            operator, products that are not finite (both unless traced); an operator or a `like` that
            `operators.flat_operator` refuses.

    >>> result = logdet(lambda v: jnp.array([2.0, -4.0]) * v, jnp.zeros(2), jax.random.key(0))
    >>> print(result.estimate.round(6), result.standard_error)
    2.079442 0.0
    """
    check_counts("logdet", 2, num_probes=num_probes)
    check_counts("logdet", 1, num_steps=num_steps)
    check_counts("logdet", 0, dense_size=dense_size)
    as_key("logdet", key, what="key")
    flat_matvec, zeros, _ = flat_operator("logdet", matvec, like)
    key_symmetry, key_probes = jax.random.split(key)
    refuse_asymmetric("logdet", flat_matvec, zeros, key_symmetry, num_probes=1)
    if zeros.size <= dense_size:
        values = jnp.linalg.eigvalsh(columns_of(flat_matvec, zeros))
        exact = jnp.sum(_log(values, positive_definite))
        return ProbeEstimate(exact, jnp.zeros_like(exact), jnp.int32(zeros.size))
    if not positive_definite:
        msg = (
            f"logdet: got an operator of dimension {zeros.size}, above dense_size={dense_size}, expected one stated to be "
            "positive definite; pass positive_definite=True if it is, add a ridge if it may not be, or raise dense_size"
        )
        raise ValueError(msg)
    num_steps = min(num_steps, zeros.size)
    nodes, weights, *_ = quadratures(key_probes, flat_matvec, zeros, num_probes, num_steps)
    values = zeros.size * jnp.sum(weights * _log(nodes, positive_definite), axis=1) / jnp.sum(weights, axis=1)
    error = jnp.std(values, ddof=1) / num_probes**0.5
    return ProbeEstimate(jnp.mean(values), error, jnp.int32(num_probes * num_steps))


def _log(values: Float[Array, "*any"], positive_definite: bool) -> Float[Array, "*any"]:
    if positive_definite:
        return jnp.where(values > 0, jnp.log(jnp.where(values > 0, values, 1)), jnp.nan)
    return jnp.log(jnp.abs(values))
