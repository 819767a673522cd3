"""The Tracy-Widom law, the eigenvalues of a data set, and the slopes of perturbation theory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.book.lab import Lab
from experiments.hessian_variance import least_squares, minibatches, tracy_widom
from jaxdl import designs, ensembles

KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def found():
    sizes = {"networks": 2, "units": 2, "steps": 3, "batch_sizes": (4, 32), "batches": 8, "seed": 0, "sealed": False}
    return minibatches.measured(Lab("hessian_variance", sizes))


def test_the_tracy_widom_law_has_its_published_quantiles_and_moments():
    np.testing.assert_allclose(tracy_widom.cumulative(np.array([0.9793, 2.0234])), [0.95, 0.99], atol=1e-4)
    s = np.linspace(-8, 6, 141)
    above = 1 - tracy_widom.cumulative(s)
    mean = s[0] + np.trapezoid(above, s)
    np.testing.assert_allclose(mean, tracy_widom.MEAN, atol=1e-4)
    second = s[0] ** 2 + np.trapezoid(2 * s * above, s)
    np.testing.assert_allclose(second - mean**2, tracy_widom.VARIANCE, atol=3e-3)


def test_its_density_has_the_mean_and_the_spread_that_are_compared():
    mean, spread = tracy_widom.mean_and_spread(400, 100)
    x = np.linspace(mean - 5 * spread, mean + 6 * spread, 111)
    weights = tracy_widom.density(x, 400, 100)
    np.testing.assert_allclose(np.trapezoid(weights, x), 1, atol=1e-4)
    np.testing.assert_allclose(np.trapezoid(weights * x, x), mean, rtol=1e-5)
    np.testing.assert_allclose(np.trapezoid(weights * (x - mean) ** 2, x), spread**2, rtol=1e-3)


def test_the_law_fits_the_exact_tridiagonal_model():
    """Dumitriu & Edelman (2002): the eigenvalues of XᵀX are those of a bidiagonal matrix of chi variables."""
    rng = np.random.default_rng(0)
    diagonal = np.sqrt(rng.chisquare(160 - np.arange(40), size=(400, 40)))
    beside = np.sqrt(rng.chisquare(np.arange(39, 0, -1), size=(400, 39)))
    factor = diagonal[:, :, None] * np.eye(40) + np.pad(beside[:, :, None] * np.eye(39), ((0, 0), (1, 0), (0, 1)))
    top = np.linalg.norm(factor, 2, axis=(1, 2)) ** 2 / 160
    mean, spread = tracy_widom.mean_and_spread(160, 40)
    assert abs(top.mean() - mean) < 4 * spread / 20
    assert abs(top.std(ddof=1) / spread - 1) < 4 / np.sqrt(800)
    assert tracy_widom.kolmogorov_distance(top, 160, 40) < 1.95 / 20  # the 99.9 % quantile


def test_a_trial_measures_the_eigenvalues_of_its_own_data_set_cut_to_size():
    design = designs.independent(3, "data")
    settings = {"size": jnp.array([15.0, 60.0]), "spike": jnp.array([1.0, 9.0])}
    outputs = ensembles.run(least_squares.trial_of(8, 60), design, KEY, settings=settings).outputs
    x = np.asarray(jax.random.normal(designs.keys_of_run(design, KEY, 2)["data"], (60, 8)))
    for size, spike, row in zip((15, 60), (1.0, 9.0), outputs[:, 2], strict=True):
        cut = x[:size] * np.where(np.arange(8) == 0, np.sqrt(spike), 1)
        values = np.linalg.eigvalsh(cut.T @ cut / size)
        np.testing.assert_allclose(row, [values[-1], values[0], values.mean()], rtol=1e-9)


def test_errors_are_those_of_the_samples():
    samples = 1 + np.random.default_rng(0).normal(size=64)
    error = least_squares.error_of(samples, 0.5)
    mean, variance = samples.mean(), samples.var(ddof=1)
    np.testing.assert_allclose([error.bias.estimate, error.spread.estimate], [mean - 0.5, np.sqrt(variance)])
    bias_squared = (mean - 0.5) ** 2 - variance / len(samples)
    np.testing.assert_allclose(error.share.estimate, bias_squared / (bias_squared + variance))


def test_an_eigenvalue_beyond_the_edge_has_the_bias_and_the_variance_of_theory():
    """Paul (2007), in NumPy alone: one input of variance 10 among 40, 160 examples."""
    rng, spike, n, d, runs = np.random.default_rng(0), 10.0, 160, 40, 3000
    scale = np.where(np.arange(d) == 0, np.sqrt(spike), 1)
    x = rng.normal(size=(runs, n, d)) * scale
    top = np.linalg.eigvalsh(np.einsum("rni,rnj->rij", x, x) / n)[:, -1]
    share = least_squares.error_of(top, spike).share
    # The limit has an error of order 1 / N in each part.
    assert abs(share.estimate - least_squares.limit_share(spike, d, n)) < 4 * share.standard_error + 2 / n


def test_the_slopes_are_second_derivatives_of_the_largest_eigenvalue():
    """The bias of a mean of B examples is half the mean second derivative along an example's deviation, over B."""
    rng = np.random.default_rng(1)
    examples = rng.normal(size=(40, 5, 5))
    examples = examples + examples.transpose(0, 2, 1) + np.diag([0, 0, 0, 0, 9.0])
    values, vectors = np.linalg.eigh(examples.mean(axis=0))
    found = minibatches.slopes(jnp.array(values), jnp.array(examples @ vectors[:, -1] @ vectors))

    def largest(epsilon):
        return np.linalg.eigvalsh(examples.mean(axis=0) + epsilon * (examples - examples.mean(axis=0)))[:, -1]

    second = (largest(1e-3) + largest(-1e-3) - 2 * largest(0)) / 1e-6
    np.testing.assert_allclose(found["bias_slope"], second.mean() / 2, rtol=1e-4)
    first = (largest(1e-3) - largest(-1e-3)) / 2e-3
    np.testing.assert_allclose(found["variance_slope"], (first**2).mean(), rtol=1e-4)


@pytest.mark.thorough
def test_a_minibatchs_largest_eigenvalue_exceeds_that_along_the_full_eigenvector(found):
    assert (found.excess >= -1e-5 * found.value[:, None, None]).all()
    assert (found.excess[:, 0].mean(axis=1) > found.excess[:, 1].mean(axis=1)).all()


@pytest.mark.thorough
def test_the_curvature_along_the_full_eigenvector_is_unbiased_with_the_predicted_variance(found):
    along = found.sampled - found.excess
    error = np.sqrt(found.variance_slope[:, None] / found.sizes[None, :] / along.shape[2])
    assert (abs(along.mean(axis=2) - found.value[:, None]) < 4 * error).all()
