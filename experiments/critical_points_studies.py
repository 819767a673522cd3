"""The studies of `critical_points` whose answer is known: matrices, random fields, a linear autoencoder, spins.

Imported by `measure` alone, so that jax is not needed to show a finished run.
"""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.critical_points_draws import normal, uniform
from jaxdl import curvature
from jaxdl.curvature import critical_points
from jaxdl.curvature.critical import CriticalPoints, Kind, completeness, critical_point, distinct
from jaxdl.types import Key, Params

if TYPE_CHECKING:
    from experiments.critical_points import Config

PERIOD = 2 * np.pi
FIELD_MODES = [k for k in itertools.product(range(-3, 4), repeat=2) if k > (0, 0) and k[0] ** 2 + k[1] ** 2 <= 9]
CHUNK = 32
"""Searches side by side: the slowest of them decides when the next ones begin."""

# A polynomial by its monomials {(power of x, power of y): coefficient}, a critical point of it, and what that is.
ANALYTIC = (
    ("x² + y²", {(2, 0): 1, (0, 2): 1}, (0.0, 0.0), Kind.MINIMUM),
    ("-x² - y²", {(2, 0): -1, (0, 2): -1}, (0.0, 0.0), Kind.MAXIMUM),
    ("x² - y²", {(2, 0): 1, (0, 2): -1}, (0.0, 0.0), Kind.SADDLE),
    ("x² + 4xy + y²", {(2, 0): 1, (1, 1): 4, (0, 2): 1}, (0.0, 0.0), Kind.SADDLE),
    ("xy", {(1, 1): 1}, (0.0, 0.0), Kind.SADDLE),
    ("-x² + xy - y²", {(2, 0): -1, (1, 1): 1, (0, 2): -1}, (0.0, 0.0), Kind.MAXIMUM),
    (
        "Rosenbrock",
        {(0, 0): 1, (1, 0): -2, (2, 0): 1, (0, 2): 100, (2, 1): -200, (4, 0): 100},
        (1.0, 1.0),
        Kind.MINIMUM,
    ),
    ("x² + y⁴", {(2, 0): 1, (0, 4): 1}, (0.0, 0.0), Kind.DEGENERATE),
    ("x² - y⁴", {(2, 0): 1, (0, 4): -1}, (0.0, 0.0), Kind.DEGENERATE),
    ("x³ - 3xy²", {(3, 0): 1, (1, 2): -3}, (0.0, 0.0), Kind.DEGENERATE),
)


def kinds() -> dict[str, Any]:
    """The kind of each analytic case: the truth, by eigenvalues, and by the signs of the diagonal."""
    coefficients = np.zeros((len(ANALYTIC), 5, 5))
    for case, (_, monomials, _, _) in enumerate(ANALYTIC):
        for powers, coefficient in monomials.items():
            coefficients[case][powers] = coefficient

    def inspect(table, point):
        def polynomial(w):
            x, y = (jnp.stack([jnp.ones_like(v), v, v * v, v * v * v, v * v * v * v]) for v in w)
            return x @ table @ y

        hessian = curvature.products.dense(curvature.hvp(polynomial, point), point)
        return critical_point(polynomial, point).kind, jnp.diag(hessian)

    points = jnp.array([point for _, _, point, _ in ANALYTIC])
    found, diagonals = jax.jit(jax.vmap(inspect))(jnp.array(coefficients), points)
    by_diagonal = [
        Kind.MINIMUM if (row > 0).all() else
        Kind.MAXIMUM if (row < 0).all() else
        Kind.SADDLE if (row > 0).any() and (row < 0).any() else
        Kind.DEGENERATE
        for row in np.asarray(diagonals)
    ]  # fmt: skip
    return {
        "kinds.names": np.array([name for name, *_ in ANALYTIC]),
        "kinds.truth": np.array([truth for *_, truth in ANALYTIC]),
        "kinds.by_eigenvalues": found,
        "kinds.by_diagonal": np.array(by_diagonal),
    }


def random_matrices(config: "Config", key: Key) -> dict[str, Any]:
    """How many matrices of the Gaussian orthogonal ensemble are positive, and how many once their diagonal is.

    A leading block of such a matrix is one of the ensemble in fewer dimensions, so that one draw serves all sizes.
    Entries on the diagonal are independent of all others: to make them positive is to condition on their signs.
    """
    block, size = 20_000, config.largest_matrix
    num_blocks = -(-config.num_matrices // block)

    def count(key_block: Key) -> Array:
        entries = jax.random.normal(key_block, (block, size, size))
        matrices = (entries + entries.mT) / 2
        is_diagonal = jnp.broadcast_to(jnp.eye(size, dtype=bool)[None], matrices.shape)
        folded = jnp.where(is_diagonal, jnp.abs(matrices), matrices)
        return jnp.stack([jnp.sum(_is_positive(m), axis=1) for m in (matrices, folded)], axis=1)

    counts = jax.jit(lambda keys: jax.lax.map(count, keys).sum(axis=0))(jax.random.split(key, num_blocks))
    return {"matrices.positive": counts, "matrices.draws": np.array(num_blocks * block)}


def _is_positive(matrices: Float[Array, "draws n n"]) -> Array:
    """Whether each leading block is positive: whether all pivots of elimination so far are (Sylvester)."""
    is_positive = [jnp.full(matrices.shape[0], True)]
    for _ in range(matrices.shape[1]):
        pivot, row = matrices[:, 0, 0], matrices[:, 0, 1:]
        is_positive.append(is_positive[-1] & (pivot > 0))
        safe = jnp.where(pivot == 0, 1, pivot)
        matrices = matrices[:, 1:, 1:] - row[:, :, None] * row[:, None, :] / safe[:, None, None]
    return jnp.stack(is_positive[1:])


def random_fields(config: "Config", key: Key) -> dict[str, Any]:
    """The kinds of all critical points of random sums of waves on a torus, and whether they add up to zero."""
    key_waves, key_starts = jax.random.split(key)
    waves = normal(key_waves, config.num_fields, 2, len(FIELD_MODES))
    starts = uniform(key_starts, config.num_fields, config.num_field_starts, 2, high=PERIOD)
    modes = np.array(FIELD_MODES, float)

    def search(given: tuple[Array, Array]) -> CriticalPoints:
        waves, starts = given

        def field(x):
            phases = modes @ x
            return jnp.cos(phases) @ waves[0] + jnp.sin(phases) @ waves[1]

        return critical_points(field, starts, max_steps=50)

    found = compiled_map(search, (waves, starts))
    found = found._replace(params=found.params % PERIOD)
    shifts = [s for s in itertools.product((-PERIOD, 0.0, PERIOD), repeat=2) if s != (0.0, 0.0)]
    symmetries = [lambda x, shift=shift: x + np.array(shift) for shift in shifts]
    counts, sums = [], []
    for index in range(config.num_fields):
        points = distinct(_member(found, index), symmetries=symmetries).points
        counts.append(np.bincount(points.kind, minlength=len(Kind)))
        sums.append(completeness(points, euler_characteristic=0).adds_up)
    return {"fields.kinds": np.array(counts), "fields.adds_up": np.array(sums)}


def autoencoder(eigenvalues: Float[Array, " n"]) -> Callable[[Params], Scalar]:
    """Half the expected squared error of a linear autoencoder of inputs with a diagonal covariance."""

    def loss(w: Params) -> Scalar:
        rest = jnp.eye(eigenvalues.shape[0]) - w["decoder"] @ w["encoder"]
        return 0.5 * jnp.sum(rest**2 * eigenvalues[None, :])

    return loss


def census(config: "Config", key: Key) -> dict[str, Any]:
    """Critical points of a linear autoencoder from random starts of all scales, beside the classes that there are.

    Starts are normal, of a scale drawn log-uniformly: near zero all searches end at zero, and large starts reach the
    points of low loss.
    """
    key_encoder, key_decoder, key_scale = jax.random.split(key, 3)
    n, p = len(config.eigenvalues), config.code_size
    num = -(-config.num_census_starts // CHUNK) * CHUNK
    scales = 10 ** uniform(key_scale, num, 1, 1, low=-0.6, high=0.5)
    starts = {
        "encoder": (scales * normal(key_encoder, num, p, n)).reshape(-1, CHUNK, p, n),
        "decoder": (scales * normal(key_decoder, num, n, p)).reshape(-1, CHUNK, n, p),
    }
    loss = autoencoder(jnp.array(config.eigenvalues))
    found = compiled_map(lambda chunk: critical_points(loss, chunk, max_steps=150), starts)
    found = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found)
    return {
        "census.value": found.value,
        "census.index": found.inertia[:, 0],
        "census.kind": found.kind,
        "census.num_steps": found.num_steps,
        "census.classes": np.array(classes(config.eigenvalues, p)),
    }


def classes(eigenvalues: tuple[float, ...], code_size: int) -> list[tuple[float, int]]:
    """The distinct pairs of loss and index of a linear autoencoder's critical points (Baldi and Hornik, 1989).

    One stratum of them for each set of at most `code_size` eigenvectors that are kept:

        loss = sum of the other eigenvalues / 2,
        index = number of (kept, other) pairs in the wrong order + (units to spare) (other eigenvectors)
    """
    n, found = len(eigenvalues), set()
    for kept in itertools.chain.from_iterable(itertools.combinations(range(n), r) for r in range(code_size + 1)):
        others = [j for j in range(n) if j not in kept]
        index = sum(eigenvalues[j] > eigenvalues[i] for i in kept for j in others)
        index += (code_size - len(kept)) * len(others)
        found.add((round(sum(eigenvalues[j] for j in others) / 2, 9), index))
    return sorted(found)


def lagrangian(couplings: Float[Array, "n n n"]) -> Callable[[Params], Scalar]:
    """The spherical 3-spin energy with a multiplier for |x|² = N, whose critical points are those on the sphere.

        sum_ijk J_ijk x_i x_j x_k / N + multiplier (|x|² - N) / 2

    Its bordered Hessian has one negative and one positive eigenvalue more than the Hessian on the sphere (Haynsworth).
    """
    n = couplings.shape[0]

    def loss(w: Params) -> Scalar:
        energy = jnp.einsum("ijk,i,j,k", couplings, w["x"], w["x"], w["x"], precision="highest") / n
        return energy + w["multiplier"] * (w["x"] @ w["x"] - n) / 2

    return loss


def spins(config: "Config", key: Key) -> dict[str, Any]:
    """Energy and index of critical points of the spherical 3-spin model, from starts uniform on the sphere."""
    n = config.num_spins

    key_couplings, key_starts = jax.random.split(key)
    couplings = normal(key_couplings, config.num_couplings, n, n, n)
    starts = normal(key_starts, config.num_couplings, config.num_spin_starts, n)
    starts *= n**0.5 / np.linalg.norm(starts, axis=2, keepdims=True)

    def search(given: tuple[Array, Array]) -> CriticalPoints:
        couplings, x = given
        loss = lagrangian(couplings)
        # The multiplier for which the gradient is tangent to the sphere: Euler's identity for a cubic form.
        energy = jax.vmap(lambda x: loss({"x": x, "multiplier": jnp.zeros(())}))(x)
        return critical_points(loss, {"x": x, "multiplier": -3 * energy / n}, max_steps=100)

    found = compiled_map(search, (couplings, starts))
    energies, indices, draws = [], [], []
    for draw in range(config.num_couplings):
        points = distinct(_member(found, draw)).points
        energies.append(points.value / n)
        indices.append(points.inertia[:, 0] - 1)
        draws.append(np.full(len(points.value), draw))
    return {
        "spins.energy": np.concatenate(energies),
        "spins.index": np.concatenate(indices),
        "spins.draw": np.concatenate(draws),
        "spins.kinds": np.bincount(np.ravel(found.kind), minlength=len(Kind)),
    }


def compiled_map(function: Callable[[Any], Any], over: Any) -> Any:
    """`function` of one member after the other along the leading axes, compiled once; NumPy arrays."""
    return jax.tree.map(np.asarray, jax.jit(lambda over: jax.lax.map(function, over))(over))


def _member(found: CriticalPoints, index: int) -> CriticalPoints:
    return jax.tree.map(lambda leaf: leaf[index], found)
