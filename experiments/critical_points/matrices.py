"""Random symmetric matrices and Hessians of random fields, which K102 and K103 count, and analytic cases of known kind."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from experiments.book.lab import Lab
from jaxdl import curvature, designs
from jaxdl.curvature.critical import Kind, critical_point
from jaxdl.types import Keys

LARGEST = 6
"""Rows and columns of the largest matrices."""
BLOCK = 20_000
"""Matrices of one run."""

# A polynomial by its monomials {(power of x, power of y): coefficient}, a critical point of it, and what that is.
ANALYTIC: dict[str, tuple[dict[tuple[int, int], float], tuple[float, float], Kind]] = {
    "x² + y²": ({(2, 0): 1, (0, 2): 1}, (0.0, 0.0), Kind.MINIMUM),
    "-x² - y²": ({(2, 0): -1, (0, 2): -1}, (0.0, 0.0), Kind.MAXIMUM),
    "x² - y²": ({(2, 0): 1, (0, 2): -1}, (0.0, 0.0), Kind.SADDLE),
    "x² + 4xy + y²": ({(2, 0): 1, (1, 1): 4, (0, 2): 1}, (0.0, 0.0), Kind.SADDLE),
    "xy": ({(1, 1): 1}, (0.0, 0.0), Kind.SADDLE),
    "-x² + xy - y²": ({(2, 0): -1, (1, 1): 1, (0, 2): -1}, (0.0, 0.0), Kind.MAXIMUM),
    "Rosenbrock": (
        {(0, 0): 1, (1, 0): -2, (2, 0): 1, (0, 2): 100, (2, 1): -200, (4, 0): 100},
        (1.0, 1.0),
        Kind.MINIMUM,
    ),
    "x² + y⁴": ({(2, 0): 1, (0, 4): 1}, (0.0, 0.0), Kind.DEGENERATE),
    "x² - y⁴": ({(2, 0): 1, (0, 4): -1}, (0.0, 0.0), Kind.DEGENERATE),
    "x³ - 3xy²": ({(3, 0): 1, (1, 2): -3}, (0.0, 0.0), Kind.DEGENERATE),
}


def positive(lab: Lab, coupling: float = 1.0) -> Any:
    """Runs of BLOCK matrices of the Gaussian orthogonal ensemble: how many are positive, of each size, and once their diagonal is.

    A leading block of such a matrix is one of the ensemble in fewer dimensions, so that one draw serves all sizes. Entries on the
    diagonal are independent of all others: to make them positive is to condition on their signs. Entries off the diagonal are
    multiplied by `coupling`.
    """

    def trial(keys: Keys) -> dict[str, Array]:
        entries = jax.random.normal(keys["matrix"], (BLOCK, LARGEST, LARGEST))
        diagonal = jnp.eye(LARGEST)[None]
        matrices = (entries + entries.mT) / 2 * (diagonal + coupling * (1 - diagonal))
        folded = jnp.where(diagonal > 0, jnp.abs(matrices), matrices)
        return {
            name: jnp.sum(is_positive(each), axis=1) for name, each in {"positive": matrices, "folded": folded}.items()
        }

    with jax.enable_x64(True):
        return lab.run("matrices", trial, designs.independent(lab["blocks"], "matrix"), block=1)


def of_fields(lab: Lab) -> Any:
    """Runs of BLOCK Hessians of an isotropic Gaussian field: sums of |det H|, and of those that are positive, of each size.

    At a point the Hessian of such a field, in suitable units, is a matrix of the Gaussian orthogonal ensemble with variances 2 and
    1 plus an independent normal multiple of the identity, whatever its spectrum, and is independent of the gradient. By the
    formula of Kac and Rice critical points see it weighted by |det H|. Minima have a positive H.
    """

    def trial(keys: Keys) -> dict[str, Array]:
        key_matrix, key_shift = jax.random.split(keys["matrix"])
        entries = jax.random.normal(key_matrix, (BLOCK, LARGEST, LARGEST))
        shift = jax.random.normal(key_shift, (BLOCK, 1, 1)) * jnp.eye(LARGEST)[None]
        hessians = (entries + entries.mT) / 2**0.5 + shift
        weights = jnp.stack([jnp.abs(jnp.linalg.det(hessians[:, :n, :n])) for n in range(1, LARGEST + 1)])
        return {"all": jnp.sum(weights, axis=1), "minima": jnp.sum(weights * is_positive(hessians), axis=1)}

    with jax.enable_x64(True):
        return lab.run("fields", trial, designs.independent(lab["blocks"], "matrix"), block=1)


def is_positive(matrices: Float[Array, "draws n n"]) -> Bool[Array, "n draws"]:
    """Whether each leading block is positive: whether all pivots of elimination so far are (Sylvester)."""
    so_far = [jnp.full(matrices.shape[0], True)]
    for _ in range(matrices.shape[1]):
        pivot, row = matrices[:, 0, 0], matrices[:, 0, 1:]
        so_far.append(so_far[-1] & (pivot > 0))
        safe = jnp.where(pivot == 0, 1, pivot)
        matrices = matrices[:, 1:, 1:] - row[:, :, None] * row[:, None, :] / safe[:, None, None]
    return jnp.stack(so_far[1:])


def analytic_kinds() -> tuple[list[Kind], list[Kind], list[Kind]]:
    """The kind of each analytic case: the truth, by eigenvalues, and by the signs of the diagonal."""
    coefficients = np.zeros((len(ANALYTIC), 5, 5))
    for case, (monomials, _, _) in enumerate(ANALYTIC.values()):
        for powers, coefficient in monomials.items():
            coefficients[case][powers] = coefficient

    def inspect(table: Array, point: Array) -> tuple[Array, Array]:
        def polynomial(w: Array) -> Array:
            x, y = (jnp.stack([jnp.ones_like(v), v, v * v, v * v * v, v * v * v * v]) for v in w)
            return x @ table @ y

        hessian = curvature.products.dense(curvature.hvp(polynomial, point), point)
        return critical_point(polynomial, point).kind, jnp.diag(hessian)

    with jax.enable_x64(True):
        points = jnp.array([point for _, point, _ in ANALYTIC.values()])
        found, diagonals = jax.jit(jax.vmap(inspect))(jnp.array(coefficients), points)
    truth = [kind for *_, kind in ANALYTIC.values()]
    return truth, [Kind(int(kind)) for kind in found], [kind_of_signs(row) for row in np.asarray(diagonals)]


def kind_of_signs(diagonal: Float[np.ndarray, " n"]) -> Kind:
    """What the rule that is refuted says."""
    if (diagonal > 0).all():
        return Kind.MINIMUM
    if (diagonal < 0).all():
        return Kind.MAXIMUM
    return Kind.SADDLE if (diagonal > 0).any() and (diagonal < 0).any() else Kind.DEGENERATE


def name_of(kind: Kind) -> str:
    """In words: "gradient-flat"."""
    return kind.name.lower().replace("_", "-")
