"""Inertia: the numbers of negative, zero and positive eigenvalues, and how they depend on the tolerance of zero.

In trained networks most eigenvalues are nearly zero; at initialization half of the spectrum may lie within a thousandth of its
norm. A bare index, the number of negative eigenvalues, then means nothing. So every count comes with its tolerance, with
bounds, and with the whole curve of negative counts as the tolerance grows.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Scalar, ScalarLike

from jaxdl.curvature.checks import check_vector
from jaxdl.curvature.products.operators import DENSE_SIZE, Matvec, columns_of, flat_operator, refuse_asymmetric
from jaxdl.curvature.spectra.density import SpectralDensity, cumulative, eigenvalue_counts, spectral_density
from jaxdl.kinds import as_key, check_counts, check_numbers
from jaxdl.rounding import negligible
from jaxdl.types import Key, Params

CURVE_POINTS = 33

CountAtMost = Callable[[Float[Array, " x"]], tuple[Int[Array, " x"], Int[Array, " x"], Int[Array, " x"]]]


class Counts(NamedTuple):
    """The numbers of eigenvalues below -tolerance, up to the tolerance, and above it; -1 where they are not finite.

    >>> Counts(2, 0, 5).negative
    2
    """

    negative: Int[Array, ""]
    """The index of a critical point."""
    zero: Int[Array, ""]
    positive: Int[Array, ""]


class Curve(NamedTuple):
    """The number of eigenvalues below -tolerance, for tolerances up to the norm.

    >>> curve = inertia_of(jnp.array([-2.0, 1.0, 3.0])).curve
    >>> bool(curve.negative[0] == 1 and curve.negative[-1] == 0)
    True
    """

    tolerances: Float[Array, " steps"]
    negative: Int[Array, " steps"]
    low: Int[Array, " steps"]
    high: Int[Array, " steps"]


class Inertia(NamedTuple):
    """The counts; where they are exact, both bounds agree with them.

    Where the operator is not finite and that is only known under `jit`, every count is -1, and the bounds are 0 and p.

    >>> found = inertia_of(jnp.array([-2.0, 0.0, 3.0]))
    >>> print(*found.counts, bool(found.tolerance < 1e-3))
    1 1 1 True
    """

    counts: Counts
    low: Counts
    high: Counts
    tolerance: Scalar
    curve: Curve


def inertia(
    matvec: Matvec,
    like: Params,
    key: Key,
    *,
    dense_size: int = DENSE_SIZE,
    num_probes: int = 8,
    num_steps: int = 64,
    factor: ScalarLike = 10,
    error_probability: ScalarLike = 1e-3,
) -> Inertia:
    """The numbers of negative, zero and positive eigenvalues of a symmetric operator.

    Up to `dense_size` the matrix is formed, and they are exact. Beyond it they are estimated from a spectral density, with the
    bounds of `eigenvalue_counts`, each of which fails with at most `error_probability`.

    Args:
        matvec: the operator, as of `hvp`.
        like: a pytree of its form.
        key: for the random directions of the density, and two products that test the symmetry.
        dense_size: up to this dimension, one product for each column.
        num_probes: random directions of the density.
        num_steps: of Lanczos, for each.
        factor: c in the tolerance c eps |H| √p up to which an eigenvalue counts as zero; it may be traced.
        error_probability: of each bound from the density.

    Returns:
        Counts, their bounds, the tolerance, and the curve of the negative count from it up to the norm.

    Raises:
        ValueError: no probes, or no steps; an asymmetric operator, products that are not finite (both unless traced); an
            operator or a `like` that `operators.flat_operator` refuses.

    >>> result = inertia(lambda v: jnp.array([3.0, 0.0, -1.0, -2.0]) * v, jnp.zeros(4), jax.random.key(0))
    >>> print(*result.counts)
    2 1 1
    """
    check_counts("inertia", 1, num_probes=num_probes, num_steps=num_steps)
    check_counts("inertia", 0, dense_size=dense_size)
    check_numbers("inertia", 0, factor=factor)
    check_numbers("inertia", 0, 1, error_probability=error_probability)
    as_key("inertia", key, what="key")
    flat_matvec, zeros, _ = flat_operator("inertia", matvec, like)
    if zeros.size <= dense_size:
        refuse_asymmetric("inertia", flat_matvec, zeros, key, num_probes=1)
        return inertia_of(jnp.linalg.eigvalsh(columns_of(flat_matvec, zeros)), factor=factor)
    density = spectral_density(matvec, like, key, num_probes=num_probes, num_steps=num_steps)
    _refuse_infinite(density.norm)
    return _estimated(density, factor, error_probability)


@jax.jit
def _estimated(density: SpectralDensity, factor: ScalarLike, error_probability: ScalarLike) -> Inertia:
    """The inertia that a spectral density shows."""

    def at_most(x: Float[Array, " x"]) -> tuple[Int[Array, " x"], Int[Array, " x"], Int[Array, " x"]]:
        low, high = eigenvalue_counts(density, x, error_probability=error_probability)
        share = cumulative(density, x).estimate
        return jnp.clip(jnp.round(share * density.dimension).astype(jnp.int32), low, high), low, high

    tolerance = negligible(density.nodes, size=density.dimension, factor=factor)
    return _inertia(at_most, density.dimension, density.norm, tolerance)


def inertia_of(values: Float[Array, " p"], *, factor: ScalarLike = 10) -> Inertia:
    """The exact inertia from all eigenvalues, in any order; of a matrix, `inertia_of(jnp.linalg.eigvalsh(matrix))`.

    Raises:
        ValueError: no eigenvalues; ones that are not finite, unless traced.

    >>> print(*inertia_of(jnp.array([3.0, 1e-17, -1.0, -2.0])).counts)
    2 1 1
    """
    check_vector("inertia_of", "eigenvalues", values)
    check_numbers("inertia_of", 0, factor=factor)

    def at_most(x: Float[Array, " x"]) -> tuple[Int[Array, " x"], Int[Array, " x"], Int[Array, " x"]]:
        number = jnp.sum(values[None] <= x[:, None], axis=1, dtype=jnp.int32)
        return number, number, number

    norm = jnp.max(jnp.abs(values))
    _refuse_infinite(norm)
    return _inertia(at_most, jnp.int32(values.size), norm, negligible(values, factor=factor))


def _refuse_infinite(norm: Scalar) -> None:
    if not isinstance(norm, jax.core.Tracer) and not bool(jnp.isfinite(norm)):
        msg = "inertia_of: got eigenvalues that are NaN or infinite, expected finite ones; is the loss smooth at this point?"
        raise ValueError(msg)


def _inertia(at_most: CountAtMost, size: Int[Array, ""], norm: Scalar, tolerance: Scalar) -> Inertia:
    is_finite = jnp.isfinite(norm)

    def where_finite(number: Int[Array, "*steps"], otherwise: int | Int[Array, ""]) -> Int[Array, "*steps"]:
        return jnp.where(is_finite, number, otherwise)

    # Above zero even for an operator that is zero, whose eigenvalues are neither negative nor positive.
    tolerance = jnp.maximum(jnp.asarray(tolerance, norm.dtype), jnp.finfo(norm.dtype).tiny)
    ratio = jnp.maximum(norm / tolerance, 1)
    tolerances = tolerance * ratio ** jnp.linspace(0, 1, CURVE_POINTS, dtype=norm.dtype)
    negative, fewest, most = at_most(-tolerances)
    curve = Curve(tolerances, where_finite(negative, -1), where_finite(fewest, 0), where_finite(most, size))
    up_to, fewest, most = (number[0] for number in at_most(tolerance[None]))
    counts = Counts(negative[0], up_to - negative[0], size - up_to)
    low = Counts(curve.low[0], jnp.maximum(fewest - curve.high[0], 0), size - most)
    high = Counts(curve.high[0], jnp.maximum(most - curve.low[0], 0), size - fewest)
    return Inertia(
        Counts(*(where_finite(number, -1) for number in counts)),
        Counts(*(where_finite(number, 0) for number in low)),
        Counts(*(where_finite(number, size) for number in high)),
        tolerance,
        curve,
    )
