"""Linear smoothers on fixed inputs: nearest neighbors, polynomials and kernel ridge, all exact by one formula."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdl import designs, learners, models
from jaxdl.decomposition import Target
from jaxdl.rounding import product
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Dataset, Keys, Trial

NOISE = 0.25
Array = np.ndarray


def inputs() -> Float[Array, " n"]:
    """30 inputs in [-1, 1], in order, unevenly spaced, so that no two neighbors are equally near."""
    return np.sort(np.random.default_rng(0).uniform(-1, 1, size=30))


def mean_at(x: Float[Array, " n"]) -> Float[Array, " n"]:
    """sin(pi x)."""
    return np.sin(np.pi * x)


def smoother_terms(
    smoother: Float[Array, "points n"], mean: Float[Array, " n"], mean_at_points: Float[Array, " points"], noise: float
) -> Exact:
    """All terms of predictions f = S y, for labels y with mean m and variance sigma² at fixed inputs.

        bias² = |S m - m_points|² / M,   variance = sigma² tr(S S') / M      with M test points

    >>> terms = smoother_terms(np.full((3, 3), 1 / 3), np.zeros(3), np.zeros(3), noise=1.0)     # the sample mean
    >>> round(float(terms["total_variance"]), 6)
    0.333333
    """
    bias = ((smoother @ mean - mean_at_points) ** 2).mean()
    variance = noise * np.sum(smoother**2) / len(smoother)
    return exact_terms(bias, {("labels",): variance}, noise)


def nearest_neighbors(*, num_neighbors: int = 5, num_runs: int = 200) -> tuple[Study, Exact]:
    """The mean label of the k nearest of 30 fixed inputs: bias² = (f(x) - (1/k) sum f(x_l))², variance = sigma²/k.

    At 20 points between the inputs. Source: Hastie, Tibshirani & Friedman, ESL, 7.10.

    Raises:
        ValueError: k outside 1 to 30.

    >>> study, exact = nearest_neighbors(num_neighbors=5)
    >>> float(exact["total_variance"]).__round__(12)
    0.05
    """
    x, points = inputs(), np.linspace(-0.95, 0.95, 20)
    if not 1 <= num_neighbors <= len(x):
        msg = f"num_neighbors: got {num_neighbors}, expected 1 to {len(x)}, the number of examples"
        raise ValueError(msg)
    distances = np.abs(points[:, None] - x[None, :])
    nearest = np.argsort(distances, axis=1)[:, :num_neighbors]
    smoother = np.zeros_like(distances)
    np.put_along_axis(smoother, nearest, 1 / num_neighbors, axis=1)

    def trial(keys: Keys) -> jax.Array:
        train = _noisy(keys, x)
        _, neighbors = jax.lax.top_k(-jnp.abs(jnp.asarray(points)[:, None] - train.x.T), num_neighbors)
        return train.y[neighbors].mean(axis=1)

    exact = smoother_terms(smoother, mean_at(x), mean_at(points), NOISE)
    return _study(f"{num_neighbors} nearest neighbors", trial, points, num_runs), exact


def polynomial_regression(*, degree: int = 3, num_runs: int = 200) -> tuple[Study, Exact]:
    """Least-squares polynomials, at their 30 fixed inputs: variance = sigma² (degree + 1)/n, bias² = |(I - H) m|²/n.

    H projects on polynomials of the degree.

    >>> study, exact = polynomial_regression(degree=5)
    >>> round(float(exact["total_variance"]), 12)       # 0.25 * 6 / 30
    0.05
    """
    x = inputs()
    basis, _ = np.linalg.qr(np.vander(x, degree + 1))
    model = models.polynomial(degree)
    fit = learners.least_squares_qr(model)

    def trial(keys: Keys) -> jax.Array:
        train = _noisy(keys, x)
        return model.apply(fit(keys, train), train.x)

    exact = smoother_terms(basis @ basis.T, mean_at(x), mean_at(x), NOISE)
    return _study(f"polynomials of degree {degree}", trial, x, num_runs), exact


def kernel_ridge(*, strength: float = 0.1, length_scale: float = 0.3, num_runs: int = 200) -> tuple[Study, Exact]:
    """Predictions K (K + lambda I)^-1 y at 30 fixed inputs, with the kernel exp(-(x - x')² / (2 l²)).

    variance = (sigma²/n) sum (k / (k + lambda))² over the eigenvalues k of K.

    >>> study, exact = kernel_ridge(strength=1e-3)
    >>> study, stronger = kernel_ridge(strength=1.0)
    >>> bool(stronger["total_variance"] < exact["total_variance"] and stronger["bias_squared"] > exact["bias_squared"])
    True
    """
    x = inputs()
    gram = np.exp(-((x[:, None] - x[None, :]) ** 2) / (2 * length_scale**2))
    values, vectors = np.linalg.eigh(gram)
    smoother = (vectors * (values / (values + strength))) @ vectors.T

    def trial(keys: Keys) -> jax.Array:
        kernel = jnp.asarray(gram)
        regularized = kernel + strength * jnp.eye(len(x))
        weights = jax.scipy.linalg.solve(regularized, _noisy(keys, x).y, assume_a="pos")
        return product(kernel, weights)

    exact = smoother_terms(smoother, mean_at(x), mean_at(x), NOISE)
    return _study("kernel ridge", trial, x, num_runs), exact


def _study(name: str, trial: Trial, points: Float[Array, " points"], num_runs: int) -> Study:
    target = Target(mean=mean_at(points)[:, None], noise=NOISE)
    return simulated(name, trial, designs.independent(num_runs, "labels"), target, ("points", "out"))


def _noisy(keys: Keys, x: Float[Array, " n"]) -> Dataset:
    mean = jnp.asarray(mean_at(x))[:, None]
    y = mean + NOISE**0.5 * jax.random.normal(keys["labels"], mean.shape)
    return Dataset(jnp.asarray(x)[:, None], y, jnp.ones(len(x)))
