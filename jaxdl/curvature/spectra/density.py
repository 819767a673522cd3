"""Spectral densities by stochastic Lanczos quadrature, with a band for the probes' measure and one for the spectrum.

A random direction v sees the spectrum with weights (v · u_j)², u_j the eigenvectors: its measure μ_v. After m Lanczos
steps, the eigenvalues θ_i of the tridiagonal matrix and the squared first entries w_i of its eigenvectors are the nodes
and weights of the Gauss quadrature of μ_v, of which Chebyshev, Markov and Stieltjes proved, for θ_i <= x < θ_{i+1},

    Σ_{j<i} w_j  <=  μ_v(x) = Σ_{λ_j <= x} (v · u_j)²  <=  Σ_{j<=i+1} w_j,

and that no measure with the same Lanczos coefficients can leave the value at x open by more than Christoffel's number

    ρ(x) = 1 / Σ_{k<=m} p_k(x)² = (Σ √w_i c_i / (θ_i - x))² / (1 + Σ c_i² / (θ_i - x)²),

The second form follows from the orthonormal polynomials' recurrence; c_i = β_m s_mi couples node i to what lies outside.
Gauss's own sum up to x is one of those measures, so μ_v(x) is also within ρ(x) of it. Beside a converged eigenvalue of high
multiplicity that leaves nothing open, where the first band is as wide as its weight.

The probes' measure cannot leave these bounds, but for rounding. The spectrum can, because of the scatter over v. For normal v
that scatter is known: the mean over P probes, weighted by |v|², of the mass of k eigenvalues out of p follows the
Beta(kP/2, (p-k)P/2) distribution exactly. It widens the band to one for the spectrum.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Real, Scalar, ScalarLike

from jaxdl.curvature.checks import check_axes, check_type, is_known
from jaxdl.curvature.products.operators import FlatMatvec, Matvec, flat_operator, refuse_asymmetric
from jaxdl.curvature.spectra.lanczos import tridiagonalize
from jaxdl.curvature.spectra.under_vmap import eigh
from jaxdl.kinds import as_key, check_counts, check_numbers
from jaxdl.programs.kept import compiled
from jaxdl.types import Key, Params

ROUNDING = 50
"""Nodes and eigenvalues closer than this many units of rounding, relative to the operator, cannot be ordered."""
BISECTIONS = 50
"""More than the bits of any number used here."""
ERROR_PROBABILITY = 1e-3
"""Of each bound on the spectrum."""


class SpectralDensity(NamedTuple):
    """Gauss quadratures of the spectrum, one for each random direction: a density of atoms, smoothed in figures only.

    >>> density = spectral_density(lambda v: 2 * v, jnp.zeros(3), jax.random.key(0), num_probes=2)
    >>> print(density.dimension, density.norm)
    3 2.0
    """

    nodes: Float[Array, "probes steps"]
    """In increasing order."""
    weights: Float[Array, "probes steps"]
    """Those of each probe add up to one."""
    couplings: Float[Array, "probes steps"]
    """An eigenvalue lies as near to each node as the size of its coupling: zero, but for rounding, once it has converged."""
    probe_weights: Float[Array, " probes"]
    """|v|², relative to the sum."""
    norm: Scalar
    """The largest |node|, below the norm of the operator by little after a few steps; NaN where products are not finite."""
    dimension: Int[Array, ""]
    num_matvecs: Int[Array, ""]


class Quadratures(NamedTuple):
    """The Gauss quadrature of each random direction v, in the symbols above."""

    nodes: Float[Array, "*probes steps"]
    weights: Float[Array, "*probes steps"]
    couplings: Float[Array, "*probes steps"]
    squares: Float[Array, "*probes"]
    """|v|²."""


class Bounds(NamedTuple):
    """The ends of the range of a share or a number of eigenvalues.

    >>> Bounds(jnp.array([0.1]), jnp.array([0.4])).high > 0.3
    Array([ True], dtype=bool)
    """

    low: Real[Array, "*any"]
    high: Real[Array, "*any"]


class Cumulative(NamedTuple):
    """The share of the eigenvalues that are at most x.

    >>> density = spectral_density(lambda v: jnp.arange(3.0) * v, jnp.zeros(3), jax.random.key(0), num_probes=2)
    >>> share = cumulative(density, jnp.array([1.5]))
    >>> bool(share.low[0] <= 2 / 3 <= share.high[0])
    True
    """

    estimate: Float[Array, " x"]
    """It lies in the probes' band; nodes that have not converged are spread to their neighbors."""
    low: Float[Array, " x"]
    """With `high`, the band for the spectrum: at each x, either bound fails with at most the error probability."""
    high: Float[Array, " x"]
    standard_error: Float[Array, " x"]
    """The scatter over probes, (2 α (1 - α) / (p P + 2))^½ for the share α."""
    probed_low: Float[Array, " x"]
    """With `probed_high`, the band for the mean over *these* probes. It cannot fail, but does not bind the spectrum."""
    probed_high: Float[Array, " x"]


def spectral_density(
    matvec: Matvec, like: Params, key: Key, *, num_probes: int = 8, num_steps: int = 64
) -> SpectralDensity:
    """The distribution of a symmetric operator's eigenvalues, from `num_probes` × `num_steps` products.

    Args:
        matvec: the operator, as of `hvp`.
        like: a pytree of its form.
        key: for the random directions, the replacements at breakdowns, and two products that test the symmetry.
        num_probes: random directions.
        num_steps: of Lanczos, for each; the dimension, where that is less. The band narrows like 1 / num_steps.

    Returns:
        Nodes and weights. `cumulative` gives the share of the eigenvalues below x with bands and a standard error;
        `plots.density` draws it.

    Raises:
        ValueError: no probes, or no steps; an asymmetric operator, products that are not finite (both unless traced); an
            operator or a `like` that `operators.flat_operator` refuses.

    Sources: Golub and Meurant, "Matrices, moments and quadrature with applications" (2010); Chen, Trogdon and Ubaru,
    "Analysis of stochastic Lanczos quadrature for spectrum approximation" (2021).

    >>> density = spectral_density(lambda v: jnp.arange(3.0) * v, jnp.zeros(3), jax.random.key(0), num_probes=2)
    >>> print(density.nodes.round(6) + 0.0)
    [[0. 1. 2.]
     [0. 1. 2.]]
    """
    check_counts("spectral_density", 1, num_probes=num_probes, num_steps=num_steps)
    as_key("spectral_density", key, what="key")
    flat_matvec, zeros, _ = flat_operator("spectral_density", matvec, like)
    num_steps = min(num_steps, zeros.size)
    key_symmetry, key_probes = jax.random.split(key)
    refuse_asymmetric("spectral_density", flat_matvec, zeros, key_symmetry, num_probes=1)
    nodes, weights, couplings, squares = quadratures(key_probes, flat_matvec, zeros, num_probes, num_steps)
    return SpectralDensity(
        nodes,
        weights,
        couplings,
        squares / jnp.sum(squares),
        jnp.max(jnp.abs(nodes)),
        jnp.int32(zeros.size),
        jnp.int32(num_probes * num_steps),
    )


def cumulative_band(density: SpectralDensity, x: Float[Array, " x"]) -> Bounds:
    """Bounds on every probe's own μ_v(x) = Σ_{λ_j <= x} (v · u_j)², which cannot fail; `cumulative` has the spectrum's.

    Nodes within rounding of x, `ROUNDING` eps |A|, count as below or above it, whichever is worse: the bounds are those of an
    operator as near to A as that.

    >>> density = spectral_density(lambda v: jnp.arange(3.0) * v, jnp.zeros(3), jax.random.key(0), num_probes=2)
    >>> low, high = cumulative_band(density, jnp.array([-0.5, 2.5]))
    >>> print(low[0].round(6), high[0].round(6))
    [0. 1.] [0. 1.]
    """
    _check_points("cumulative_band", density, x)
    eps = jnp.finfo(density.nodes.dtype).eps
    rounding = ROUNDING * eps * density.norm

    def one_probe(
        nodes: Float[Array, " steps"], weights: Float[Array, " steps"], couplings: Float[Array, " steps"]
    ) -> tuple[Float[Array, " x"], Float[Array, " x"]]:
        sums = jnp.concatenate([jnp.zeros(1, weights.dtype), jnp.cumsum(weights)])
        sums = (sums / sums[-1]).at[-1].set(1)

        def open_at(x: Float[Array, " x"]) -> Float[Array, " x"]:
            """Christoffel's number, the largest mass that could sit at x."""
            gaps = nodes[None] - x[:, None]
            least = jnp.maximum(eps * density.norm, jnp.finfo(density.nodes.dtype).tiny)
            slopes = couplings[None] / jnp.where(jnp.abs(gaps) < least, least, gaps)
            # Plus what the rounding of the eigenvectors may hide.
            mass = jnp.abs(jnp.sum(jnp.sqrt(weights)[None] * slopes, axis=1)) + eps
            return mass**2 / (1 + jnp.sum(slopes**2, axis=1))

        below = jnp.searchsorted(nodes, x - rounding, side="right")
        above = jnp.searchsorted(nodes, x + rounding, side="right")
        low = jnp.maximum(sums[jnp.maximum(below - 1, 0)], sums[below] - open_at(x - rounding))
        high = jnp.minimum(sums[jnp.minimum(above + 1, nodes.size)], sums[above] + open_at(x + rounding))
        is_known = jnp.isfinite(density.norm)
        return jnp.where(is_known, low, 0), jnp.where(is_known, high, 1)

    return Bounds(*jax.vmap(one_probe)(density.nodes, density.weights, density.couplings))


def cumulative(
    density: SpectralDensity, x: Float[Array, " x"], *, error_probability: ScalarLike = ERROR_PROBABILITY
) -> Cumulative:
    """The share of the eigenvalues that are at most x: estimate, band, standard error, and the band for these probes only.

    The probes' mass X of a share α of all eigenvalues has P(X beyond x) <= exp(-(pP/2) KL(α | x)) on either side, by
    Chernoff's bound for the Beta distribution. The band holds all shares that this allows for the masses in the probes' band.
    At one x the spectrum lies outside with probability at most 2 `error_probability`, at some of m points with at most m times
    that. Where products were not finite, both bands go from 0 to 1.

    >>> density = spectral_density(lambda v: jnp.arange(3.0) * v, jnp.zeros(3), jax.random.key(0), num_probes=2)
    >>> print(cumulative(density, jnp.array([-0.5, 2.5])).estimate.round(6))
    [0. 1.]
    >>> share = cumulative(density, jnp.array([0.5]))
    >>> print(share.low < share.probed_low, share.probed_high < share.high)
    [ True] [ True]
    """
    _check_points("cumulative", density, x)
    check_numbers("cumulative", 0, 1, error_probability=error_probability)

    def one_probe(
        nodes: Float[Array, " steps"], weights: Float[Array, " steps"], couplings: Float[Array, " steps"]
    ) -> Float[Array, " x"]:
        gaps = jnp.pad(jnp.diff(nodes), 1, constant_values=jnp.inf)
        left, right = jnp.minimum(gaps[:-1], jnp.abs(couplings)), jnp.minimum(gaps[1:], jnp.abs(couplings))
        # Half of a node's weight on either side: in a smooth density that puts (Σ_{j<i} w_j + w_i / 2) at θ_i, where
        # the quadrature is most accurate; a converged node, such as an eigenvalue of high multiplicity, stays a step.
        shares = (_ramp(x, nodes - left, nodes) + _ramp(x, nodes, nodes + right)) / 2
        return jnp.sum(shares * weights[None], axis=1)

    def mean(values: Float[Array, "probes x"]) -> Float[Array, " x"]:
        return jnp.clip(jnp.sum(density.probe_weights[:, None] * values, axis=0), 0, 1)

    low, high = map(mean, cumulative_band(density, x))
    estimates = jax.vmap(one_probe)(density.nodes, density.weights, density.couplings)
    estimate = jnp.where(jnp.isfinite(density.norm), jnp.clip(mean(estimates), low, high), jnp.nan)
    num_probes, size = density.probe_weights.size, density.dimension.astype(low.dtype)
    variance = 2 * estimate * (1 - estimate) / (density.dimension * num_probes + 2).astype(low.dtype)
    limit = 2 * jnp.log(1 / jnp.asarray(error_probability, low.dtype)) / (size * num_probes)
    return Cumulative(estimate, _farthest(low, 0.0, limit), _farthest(high, 1.0, limit), jnp.sqrt(variance), low, high)


def eigenvalue_counts(
    density: SpectralDensity, x: Float[Array, " x"], *, error_probability: ScalarLike = ERROR_PROBABILITY
) -> Bounds:
    """Bounds on the number of eigenvalues that are at most x; each fails with at most `error_probability`.

    They are the whole numbers inside the band of `cumulative` for the spectrum, and 0 and p where products were not finite.

    >>> density = spectral_density(lambda v: jnp.arange(3.0) * v, jnp.zeros(3), jax.random.key(0), num_probes=2)
    >>> low, high = eigenvalue_counts(density, jnp.array([-0.5, 2.5]))
    >>> print(low, high)
    [0 3] [0 3]
    """
    _check_points("eigenvalue_counts", density, x)
    check_numbers("eigenvalue_counts", 0, 1, error_probability=error_probability)
    share = cumulative(density, x, error_probability=error_probability)
    size = density.dimension.astype(share.low.dtype)
    # A thousandth of a count, so that rounding does not lose a whole one.
    low, high = jnp.ceil(share.low * size - 1e-3), jnp.floor(share.high * size + 1e-3)
    return Bounds(low.astype(jnp.int32), high.astype(jnp.int32))


def quadratures(
    key: Key, matvec: FlatMatvec, zeros: Float[Array, " p"], num_probes: int, num_steps: int
) -> Quadratures:
    """The Gauss quadratures of `num_probes` random directions, from `num_steps` products each."""
    return compiled(_quadratures, matvec, zeros, key, zeros, num_probes=num_probes, num_steps=num_steps)


def _quadratures(
    matvec: FlatMatvec, key: Key, zeros: Float[Array, " p"], *, num_probes: int, num_steps: int
) -> Quadratures:
    def one_probe(key: Key) -> Quadratures:
        key_start, key_breakdown = jax.random.split(key)
        start = jax.random.normal(key_start, zeros.shape, zeros.dtype)
        result = tridiagonalize(key_breakdown, matvec, start, num_steps)
        nodes, vectors = eigh(jnp.diag(result.alphas) + jnp.diag(result.betas[:-1], 1))
        couplings = result.betas[-1] * vectors[-1] * jnp.sign(vectors[0])
        return Quadratures(nodes, vectors[0] ** 2, couplings, jnp.sum(start**2))

    # One after the other: the basis of a probe takes `num_steps` times the memory of the parameters.
    return lax.map(one_probe, jax.random.split(key, num_probes))


def _check_points(name: str, density: SpectralDensity, x: Float[Array, " x"]) -> None:
    check_type(name, "a density", density, SpectralDensity, "spectral_density")
    check_axes(name, "points x", x, "(x,)", jnp.integer)
    if is_known(x) and np.isnan(np.asarray(x)).any():
        msg = f"{name}: got points x with NaN, expected numbers"
        raise ValueError(msg)


def _farthest(mass: Float[Array, " x"], end: float, limit: Scalar) -> Float[Array, " x"]:
    """The share α nearest to the end, 0 or 1, with KL(α | mass) <= limit."""

    def halve(bracket: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        near, far = bracket
        middle = (near + far) / 2
        is_compatible = _relative_entropy(middle, mass) <= limit
        return (jnp.where(is_compatible, middle, near), jnp.where(is_compatible, far, middle)), None

    return lax.scan(halve, (mass, jnp.full_like(mass, end)), None, length=BISECTIONS)[0][1]


def _ramp(x: Float[Array, " x"], start: Float[Array, " steps"], end: Float[Array, " steps"]) -> Float[Array, "x steps"]:
    """From 0 at the start to 1 at the end; a step where they are the same."""
    width = end - start
    along = (x[:, None] - start[None]) / jnp.where(width > 0, width, 1)[None]
    return jnp.where((width > 0)[None], jnp.clip(along, 0, 1), (x[:, None] >= start[None]).astype(along.dtype))


def _relative_entropy(alpha: Float[Array, " x"], mass: Float[Array, " x"]) -> Float[Array, " x"]:
    """KL(α | x) = α log(α / x) + (1 - α) log((1 - α) / (1 - x))."""
    return jax.scipy.special.rel_entr(alpha, mass) + jax.scipy.special.rel_entr(1 - alpha, 1 - mass)
