"""Gaussian predictions with a known covariance over test points: the terms and their standard errors are exact."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdl import designs
from jaxdl.decomposition import Target
from jaxdl.decomposition.estimates import Term
from jaxdl.rounding import product
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Keys

NUM_POINTS, VARIANCE, LENGTH_SCALE, NOISE = 50, 0.3, 0.1, 0.1


def gaussian_process(*, num_runs: int = 50) -> tuple[Study, Exact]:
    """Predictions f ~ N(b, C) at 50 points of [0, 1], b(x) = 0.3 sin 3x, C = 0.3 exp(-(x - x')² / (2 · 0.1²)).

    bias² = |b|²/M, variance = tr C / M with M points; the points count for M_eff = (tr C)² / tr C² = 6.09 independent ones.

    >>> study, exact = gaussian_process()
    >>> round(float(exact["bias_squared"]), 5), round(float(exact["total_variance"]), 5)
    (0.04617, 0.3)
    """
    x = _points()
    root, bias = jnp.asarray(square_root(covariance(x, VARIANCE))), jnp.asarray(bias_at(x))

    def trial(keys: Keys) -> jax.Array:
        return bias + product(root, jax.random.normal(keys["data"], (NUM_POINTS,)))

    exact = exact_terms(float((bias_at(x) ** 2).mean()), {("data",): VARIANCE}, NOISE)
    target = Target(mean=np.zeros(NUM_POINTS), noise=NOISE)
    study = simulated("Gaussian process", trial, designs.independent(num_runs, "data"), target)
    return study, exact


def gaussian_process_errors(num_runs: int) -> dict[Term, float]:
    """The exact standard errors of our estimates of `gaussian_process` from K runs.

        s.e.(bias²)² = (4 b'Cb/K + 2 tr C² / (K (K - 1))) / M²,   s.e.(variance)² = 2 tr C² / ((K - 1) M²)

    The first holds for any distribution with covariance C, the second for normal ones.

    >>> {term: round(error, 5) for term, error in gaussian_process_errors(30).items()}
    {'bias_squared': 0.02166, 'total_variance': 0.03192}
    """
    if num_runs < 2:
        msg = f"num_runs: got {num_runs}, expected at least 2, as a variance needs"
        raise ValueError(msg)
    bias, cov = bias_at(_points()), covariance(_points(), VARIANCE)
    linear, quadratic = 4 * bias @ cov @ bias / num_runs, 2 * np.sum(cov**2) / (num_runs - 1)
    return {
        "bias_squared": float(np.sqrt(linear + quadratic / num_runs) / NUM_POINTS),
        "total_variance": float(np.sqrt(quadratic) / NUM_POINTS),
    }


def bias_at(x: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """0.3 sin 3x."""
    return 0.3 * np.sin(3 * x)


def covariance(x: Float[np.ndarray, " points"], variance: float) -> Float[np.ndarray, "points points"]:
    """The squared-exponential covariance with length scale 0.1."""
    return variance * np.exp(-((x[:, None] - x[None, :]) ** 2) / (2 * LENGTH_SCALE**2))


def square_root(matrix: Float[np.ndarray, "points points"]) -> Float[np.ndarray, "points points"]:
    """R with R R' = `matrix`, by eigenvectors, as smooth covariances are singular in double precision."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0))


def _points() -> Float[np.ndarray, " points"]:
    return np.linspace(0, 1, NUM_POINTS)
