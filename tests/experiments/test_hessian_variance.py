"""Largest eigenvalues over data sets in the smallest setting: the law, the trials, the slopes, and the report."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import runner
from experiments.hessian_variance import EXPERIMENT, Config, slopes
from experiments.hessian_variance_results import (
    TRACY_WIDOM_MEAN,
    TRACY_WIDOM_VARIANCE,
    density,
    excess,
    kolmogorov_distance,
    moments,
    scaling,
    tracy_widom_cumulative,
)
from jaxdl import designs

pytestmark = pytest.mark.thorough

SMALLEST = Config(
    num_features=8, num_examples=30, num_data_sets=48, other_sizes=(15, 60), num_other_data_sets=16, num_networks=2,
    num_units=2, num_steps=3, batch_sizes=(4, 32), num_batches=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    found = EXPERIMENT.measure(SMALLEST, runner.Options(progress=False))
    return {name: np.asarray(value) for name, value in found.items()}


def test_the_tracy_widom_law_has_its_published_quantiles_and_moments():
    np.testing.assert_allclose(tracy_widom_cumulative(np.array([0.9793, 2.0234])), [0.95, 0.99], atol=1e-4)
    s = np.linspace(-8, 6, 141)
    above = 1 - tracy_widom_cumulative(s)
    mean = s[0] + np.trapezoid(above, s)
    np.testing.assert_allclose(mean, TRACY_WIDOM_MEAN, atol=1e-4)
    second = s[0] ** 2 + np.trapezoid(2 * s * above, s)
    np.testing.assert_allclose(second - mean**2, TRACY_WIDOM_VARIANCE, atol=3e-3)


def test_its_density_has_the_mean_and_the_spread_that_are_compared():
    mean, spread = scaling(400, 100)
    x = np.linspace(mean - 5 * spread, mean + 6 * spread, 111)
    weights = density(x, 400, 100)
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
    mean, spread = scaling(160, 40)
    assert abs(top.mean() - mean) < 4 * spread / 20
    assert abs(top.std(ddof=1) / spread - 1) < 4 / np.sqrt(800)
    assert kolmogorov_distance(top, 160, 40) < 1.95 / 20  # the 99.9 % quantile


def test_a_trial_measures_the_eigenvalues_of_its_own_data_set(results):
    key = jax.random.split(jax.random.key(SMALLEST.seed), 4)[0]
    design = designs.independent(SMALLEST.num_data_sets, "data")
    for run in (0, 47):
        x = np.asarray(jax.random.normal(designs.keys_of_run(design, key, run)["data"], (30, 8)))
        values = np.linalg.eigvalsh(x.T @ x / 30)
        np.testing.assert_allclose(results["linear"][run], [values[-1], values[0], values.mean()], rtol=1e-9)


def test_smaller_data_sets_are_cut_from_larger_ones(results):
    key = jax.random.split(jax.random.key(SMALLEST.seed), 4)[1]
    design = designs.independent(SMALLEST.num_other_data_sets, "data")
    x = np.asarray(jax.random.normal(designs.keys_of_run(design, key, 3)["data"], (60, 8)))[:15]
    np.testing.assert_allclose(results["sizes"][0, 3, 0], np.linalg.norm(x, 2) ** 2 / 15, rtol=1e-9)


def test_moments_are_those_of_the_samples(results):
    samples = results["linear"]
    for index, found in enumerate(moments(samples)):
        mean, variance = samples[:, index].mean(), samples[:, index].var(ddof=1)
        np.testing.assert_allclose([found.mean, found.variance], [mean, variance])
        np.testing.assert_allclose(found.bias_squared, (mean - 1) ** 2 - variance / len(samples))
        np.testing.assert_allclose(found.mean_error, np.sqrt(variance / len(samples)))


def test_the_slopes_are_second_derivatives_of_the_largest_eigenvalue():
    """The bias of a mean of B examples is half the mean second derivative along an example's deviation, over B."""
    rng = np.random.default_rng(1)
    examples = rng.normal(size=(40, 5, 5))
    examples = examples + examples.transpose(0, 2, 1) + np.diag([0, 0, 0, 0, 9.0])
    values, vectors = np.linalg.eigh(examples.mean(axis=0))
    found = slopes(jnp.array(values), jnp.array(examples @ vectors[:, -1] @ vectors))

    def largest(epsilon):
        return np.linalg.eigvalsh(examples.mean(axis=0) + epsilon * (examples - examples.mean(axis=0)))[:, -1]

    second = (largest(1e-3) + largest(-1e-3) - 2 * largest(0)) / 1e-6
    np.testing.assert_allclose(found["bias_slope"], second.mean() / 2, rtol=1e-4)
    first = (largest(1e-3) - largest(-1e-3)) / 2e-3
    np.testing.assert_allclose(found["variance_slope"], (first**2).mean(), rtol=1e-4)


def test_a_minibatchs_largest_eigenvalue_exceeds_that_along_the_full_eigenvector(results):
    found = excess(results)
    assert (found >= -1e-5 * results["value"][:, None, None]).all()
    assert (found[:, 0].mean(axis=1) > found[:, 1].mean(axis=1)).all()


def test_the_curvature_along_the_full_eigenvector_is_unbiased_with_the_predicted_variance(results):
    along = results["sampled"][..., 1]
    error = np.sqrt(results["variance_slope"][:, None] / np.array(SMALLEST.batch_sizes)[None, :])
    distance = (along.mean(axis=2) - results["value"][:, None]) / (error / np.sqrt(SMALLEST.num_batches))
    assert (abs(distance) < 4).all()


def test_everything_that_is_shown_is_made_from_the_results(results):
    assert "Tracy-Widom" in EXPERIMENT.tables(SMALLEST, results)
    assert set(EXPERIMENT.plot(SMALLEST, results)) == {"least_squares", "batches"}
    assert [claim.number for claim in EXPERIMENT.claims(SMALLEST, results)] == ["HV1", "HV2", "HV3", "HV4"]


def test_a_spread_that_is_wrong_refutes_the_law(results):
    wide = results["linear"].mean(axis=0) + 3 * (results["linear"] - results["linear"].mean(axis=0))
    verdict = EXPERIMENT.claims(SMALLEST, {**results, "linear": wide})[0].verdict
    assert verdict == "refuted"


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"num_batches": 2}, "at least 3"), ({"batch_sizes": (64, 16)}, "increasing"), ({"other_sizes": ()}, "1 or more")],
)
def test_configurations_without_an_answer_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Config(), **changes)
