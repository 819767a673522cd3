"""Trace, diagonal and squared Frobenius norm of any square operator from a few products, unbiased, with standard errors.

The estimators are leave-one-out ones (XTrace and XDiag: Epperly, Tropp and Webber, 2024). The products Y = AΩ with random
probes show where A is large. The part of A in the span Q of Y is computed exactly, and only the rest is estimated. To keep that
unbiased, each probe in turn estimates the rest for the span of the others. A need not be definite.

These estimates t_i are correlated, and their scatter understates the variance of their mean by up to a half. It is corrected
here without further products. Let t_i^j be estimate i with probe j left out of the span as well. Then
cov(t_i, t_j) = E (t_i - t_i^j) (t_j - t_j^i) exactly, since a term that depends on one of the two probes has mean zero given
the other.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, PyTree

from jaxdl.curvature.products.operators import FlatMatvec, Matvec, columns_of, flat_operator, refuse_nonlinear
from jaxdl.curvature.spectra.lanczos import BREAKDOWN, orthogonalize
from jaxdl.kinds import as_key, check_counts
from jaxdl.programs.kept import compiled
from jaxdl.rounding import product, vector_norm
from jaxdl.types import Key, Params

CHUNK_SIZE = 4
"""Products at once; on CPUs about 4 are fastest."""
INFLATION = 3
"""The most by which the correlations may multiply the variance; beyond it, they are mostly noise."""


class ProbeEstimate(NamedTuple):
    """An estimate from random probes, its standard error, and the number of products; 0 is the error of an exact result.

    The standard error covers the probes, not rounding. Its square is unbiased but for the bounds of `INFLATION`. Over many seeds
    it was 0.8 to 1.9 times the variance: the low end with 4 probes, the high end where the spectrum decays fast.

    >>> found = trace(lambda v: 2 * v, jnp.zeros(3), jax.random.key(0))
    >>> print(found.estimate, found.standard_error)                                # of a small matrix exact
    6.0 0.0
    """

    estimate: PyTree[Array]
    standard_error: PyTree[Array]
    num_matvecs: Int[Array, ""]


class _Sketch(NamedTuple):
    """A summary of A from 2k products. P_i projects on the span of all Y but y_i; all vectors are rows."""

    basis: Float[Array, "k p"]
    """Q, orthonormal, which spans Y; rows of zeros make up for a lower rank."""
    images: Float[Array, "k p"]
    """A Q."""
    left_out: Float[Array, "k k"]
    """s_i, in the basis: P_i = Q (I - s_i s_iᵀ) Qᵀ. Zero where y_i lies in the span of the others."""
    inside: Float[Array, "k k"]
    """Qᵀ ω_i."""
    residuals: Float[Array, "k p"]
    """r_i = (I - P_i) ω_i."""
    residual_images: Float[Array, "k p"]
    """A r_i."""


class _Pairs(NamedTuple):
    """The direction that leaving out j besides i takes from the span: u_ij = scale_ij (s_j - cosine_ij s_i)."""

    cosine: Float[Array, "k k"]
    scale: Float[Array, "k k"]
    """Zero on the diagonal, and where s_i and s_j are too close to distinguish."""
    shift: Float[Array, "k k"]
    """u_ij · ω_i, by which the residual r_i moves along u_ij."""


def trace(matvec: Matvec, like: Params, key: Key, *, num_probes: int = 16) -> ProbeEstimate:
    """The trace, the mean over i of tr(P_i A) + (p - rank P_i) r_i · A r_i / |r_i|².

    Args:
        matvec: a linear operator, such as `hvp`'s; it need not be symmetric.
        like: a pytree of its form.
        key: for the normal probes.
        num_probes: random vectors, two products each. Where that reaches the dimension p, the matrix is formed by p products
            instead, and the result is exact.

    Returns:
        The estimate, its standard error, and the number of products.

    Raises:
        ValueError: fewer than two probes; an operator that is not linear, products that are not finite (both unless traced);
            an operator or a `like` that `operators.flat_operator` refuses.

    Source: Epperly, Tropp and Webber, "XTrace: making the most of every sample in stochastic trace estimation" (2024).

    >>> result = trace(lambda v: jnp.arange(4.0) * v, jnp.zeros(4), jax.random.key(0))
    >>> print(*result)
    6.0 0.0 4
    """
    flat_matvec, zeros, _ = _check("trace", matvec, like, key, num_probes)
    if 2 * num_probes >= zeros.size:
        return _exact(jnp.trace(columns_of(flat_matvec, zeros)), zeros.size)
    sketch = compiled(_sketch_of, flat_matvec, zeros, jax.random.normal(key, (num_probes, zeros.size), zeros.dtype))
    form = product(sketch.basis, sketch.images.T)
    linear = product(sketch.residuals, sketch.images.T) + product(sketch.residual_images, sketch.basis.T)
    return _scalar_estimate(sketch, form, jnp.sum(sketch.residuals * sketch.residual_images, axis=1), linear)


def squared_frobenius_norm(matvec: Matvec, like: Params, key: Key, *, num_probes: int = 16) -> ProbeEstimate:
    """The sum of all squared entries, which for a symmetric operator is the sum of all squared eigenvalues.

    It is the mean over i of |A P_i|² + (p - rank P_i) |A r_i|² / |r_i|². Arguments, result and errors are those of `trace`. The
    square can be estimated without bias; the norm is its root, with a standard error of standard_error / (2 root).

    >>> result = squared_frobenius_norm(lambda v: jnp.arange(4.0) * v, jnp.zeros(4), jax.random.key(0))
    >>> print(*result)
    14.0 0.0 4
    """
    flat_matvec, zeros, _ = _check("squared_frobenius_norm", matvec, like, key, num_probes)
    if 2 * num_probes >= zeros.size:
        return _exact(jnp.sum(columns_of(flat_matvec, zeros) ** 2), zeros.size)
    sketch = compiled(_sketch_of, flat_matvec, zeros, jax.random.normal(key, (num_probes, zeros.size), zeros.dtype))
    form = product(sketch.images, sketch.images.T)
    linear = 2 * product(sketch.residual_images, sketch.images.T)
    return _scalar_estimate(sketch, form, jnp.sum(sketch.residual_images**2, axis=1), linear)


def diagonal(matvec: Matvec, like: Params, key: Key, *, num_probes: int = 16) -> ProbeEstimate:
    """The diagonal, as a pytree like the parameters: the mean over i of diag(A P_i) + ω_i ⊙ A r_i, with random signs ω_i.

    Arguments, result and errors are those of `trace`; the standard error is a pytree too, one for each entry.

    Source: Epperly, Tropp and Webber, "XTrace: making the most of every sample in stochastic trace estimation" (2024).

    >>> result = diagonal(lambda v: jax.tree.map(lambda a: 2 * a, v), {"bias": jnp.zeros(2)}, jax.random.key(0))
    >>> print(result.estimate, result.num_matvecs)
    {'bias': Array([2., 2.], dtype=float64)} 2
    """
    flat_matvec, zeros, unravel = _check("diagonal", matvec, like, key, num_probes)
    if 2 * num_probes >= zeros.size:
        return _exact(unravel(jnp.diagonal(columns_of(flat_matvec, zeros))), zeros.size)
    signs = jax.random.rademacher(key, (num_probes, zeros.size), zeros.dtype)
    sketch = compiled(_sketch_of, flat_matvec, zeros, signs)
    lost = product(sketch.left_out, sketch.basis), product(sketch.left_out, sketch.images)
    estimates = jnp.sum(sketch.basis * sketch.images, axis=0)[None] - lost[0] * lost[1] + signs * sketch.residual_images
    pairs = _pairs(sketch)

    def add_covariances(total: Float[Array, " p"], i: Array) -> tuple[Float[Array, " p"], None]:
        def directions(rows: Float[Array, "k p"]) -> tuple[Float[Array, "k p"], Float[Array, "k p"]]:
            """Of u_ij and of u_ji, for all j."""
            forward = rows - pairs.cosine[i][:, None] * rows[i][None]
            backward = rows[i][None] - pairs.cosine[:, i][:, None] * rows
            return pairs.scale[i][:, None] * forward, pairs.scale[:, i][:, None] * backward

        bases, images = directions(lost[0]), directions(lost[1])
        from_i = (bases[0] - pairs.shift[i][:, None] * signs[i][None]) * images[0]
        from_j = (bases[1] - pairs.shift[:, i][:, None] * signs) * images[1]
        return total + jnp.sum(from_i * from_j, axis=0), None

    # One probe at a time, since all pairs at once would take probes² vectors of memory.
    covariance = lax.scan(add_covariances, zeros, jnp.arange(num_probes))[0] / (num_probes * (num_probes - 1))
    mean, error = _mean_and_error(estimates, covariance)
    return ProbeEstimate(unravel(mean), unravel(error), jnp.int32(2 * num_probes))


def _check(name: str, matvec: Matvec, like: Params, key: Key, num_probes: int) -> tuple:
    check_counts(name, 2, num_probes=num_probes)
    as_key(name, key, what="key")
    flat_matvec, zeros, unravel = flat_operator(name, matvec, like)
    refuse_nonlinear(name, flat_matvec, zeros)
    return flat_matvec, zeros, unravel


def _exact(value: PyTree[Array], size: int) -> ProbeEstimate:
    return ProbeEstimate(value, jax.tree.map(jnp.zeros_like, value), jnp.int32(size))


def _sketch_of(matvec: FlatMatvec, probes: Float[Array, "k p"]) -> _Sketch:
    def images_of(vectors: Float[Array, "k p"]) -> Float[Array, "k p"]:
        return lax.map(matvec, vectors, batch_size=min(CHUNK_SIZE, len(vectors)))

    probe_images = images_of(probes)
    basis = _orthonormal(probe_images)
    images = images_of(basis)
    coordinates = product(probe_images, basis.T)

    def left_out(i: Array) -> Float[Array, " k"]:
        # Last, so that what remains of it is what the others do not span.
        return _orthonormal(jnp.roll(coordinates, -1 - i, axis=0))[-1]

    directions = jax.vmap(left_out)(jnp.arange(len(probes)))
    inside = product(probes, basis.T)
    kept = inside - jnp.sum(inside * directions, axis=1, keepdims=True) * directions
    return _Sketch(
        basis, images, directions, inside, probes - product(kept, basis), probe_images - product(kept, images)
    )


def _orthonormal(vectors: Float[Array, "k m"]) -> Float[Array, "k m"]:
    """Gram and Schmidt's basis, with a row of zeros for each vector that those before it span.

    Not LAPACK's: a zero shows the rank.
    """
    negligible = BREAKDOWN * jnp.finfo(vectors.dtype).eps * jnp.max(vector_norm(vectors))

    def add(basis: Float[Array, "k m"], i: Array) -> tuple[Float[Array, "k m"], None]:
        remainder, _ = orthogonalize(vectors[i], basis)
        norm = vector_norm(remainder)
        return basis.at[i].set(jnp.where(norm > negligible, remainder / jnp.where(norm > 0, norm, 1), 0)), None

    return lax.scan(add, jnp.zeros_like(vectors), jnp.arange(len(vectors)))[0]


def _pairs(sketch: _Sketch) -> _Pairs:
    left_out = sketch.left_out
    is_direction = jnp.sum(left_out**2, axis=1) > 0.5
    cosine = product(left_out, left_out.T)
    squared_sine = 1 - cosine**2
    apart = is_direction[None, :] & ~jnp.eye(len(left_out), dtype=bool)
    apart = apart & (squared_sine > jnp.finfo(cosine.dtype).eps ** 0.5)
    scale = jnp.where(apart, 1 / jnp.sqrt(jnp.where(apart, squared_sine, 1)), 0)
    return _Pairs(cosine, scale, scale * _along(sketch.inside, left_out, cosine))


def _along(vectors: Float[Array, "k k"], left_out: Float[Array, "k k"], cosine: Float[Array, "k k"]) -> Array:
    """vectors_i · (s_j - cosine_ij s_i)."""
    products = product(vectors, left_out.T)
    return products - cosine * jnp.diagonal(products)[:, None]


@jax.jit
def _scalar_estimate(
    sketch: _Sketch, form: Float[Array, "k k"], quadratic: Float[Array, " k"], linear: Float[Array, "k k"]
) -> ProbeEstimate:
    """From t_i = tr(form P_i) + (p - rank P_i) quadratic_i / |r_i|².

    `quadratic` is the value at r_i of a quadratic form, `linear` its gradient there in the basis, and `form` the part of
    it inside the basis.
    """
    num_probes, size = sketch.residuals.shape
    forms = product(product(sketch.left_out, form), sketch.left_out.T)
    inside = jnp.trace(form) - jnp.diagonal(forms)
    num_outside = size - jnp.sum(sketch.basis**2) + jnp.sum(sketch.left_out**2, axis=1)
    squares = jnp.sum(sketch.residuals**2, axis=1)
    estimates = inside + num_outside * quadratic / squares

    pairs = _pairs(sketch)
    mixed = pairs.cosine * (forms + forms.T)
    lost = pairs.scale**2 * (jnp.diagonal(forms)[None] - mixed + pairs.cosine**2 * jnp.diagonal(forms)[:, None])
    tilt = pairs.scale * _along(linear, sketch.left_out, pairs.cosine)
    quadratics = quadratic[:, None] + pairs.shift * tilt + pairs.shift**2 * lost
    outside = (
        (num_outside[:, None] + (pairs.scale > 0).astype(num_outside.dtype))
        * quadratics
        / (squares[:, None] + pairs.shift**2)
    )
    changes = estimates[:, None] - (inside[:, None] - lost + outside)
    covariance = jnp.sum(changes * changes.T) / (num_probes * (num_probes - 1))
    return ProbeEstimate(*_mean_and_error(estimates, covariance), jnp.int32(2 * num_probes))


def _mean_and_error(estimates: Float[Array, "k *p"], covariance: Float[Array, "*p"]) -> tuple[Array, Array]:
    """var(mean) = (var + (k - 1) covariance) / k, where the estimates scatter by var - covariance."""
    scatter = jnp.var(estimates, axis=0, ddof=1) / len(estimates)
    # The covariance is an estimate as well, of either sign; without bounds, it would make some variances negative.
    variance = jnp.clip(scatter + covariance, scatter, INFLATION * scatter)
    return jnp.mean(estimates, axis=0), jnp.sqrt(variance)
