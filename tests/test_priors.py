import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl import learners, losses, models, objectives, penalties, priors
from jaxdl.types import Dataset

MODEL = models.polynomial(6)
PARAMS = {"kernel": jnp.array([[0.3, -2.0], [0.5, 0.0]]), "bias": jnp.array([1.5])}


def example():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(9, 1))
    y = np.sin(3 * x) + 0.3 * rng.normal(size=(9, 1))
    return Dataset(jnp.asarray(x), jnp.asarray(y), jnp.asarray(rng.integers(1, 4, 9).astype(float)))


@pytest.mark.parametrize(
    ("prior", "law"), [(priors.normal(0.7), stats.norm(scale=0.7)), (priors.laplace(0.7), stats.laplace(scale=0.7))]
)
def test_a_prior_is_the_negative_log_density_of_all_weights(prior, law):
    expected = -sum(law.logpdf(np.array(leaf)).sum() for leaf in jax.tree.leaves(PARAMS))
    np.testing.assert_allclose(prior(PARAMS), expected, rtol=1e-12)
    assert prior(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), PARAMS)).dtype == jnp.float32


def test_normal_errors_are_the_negative_log_density_of_the_targets():
    predictions, targets = jnp.array([[1.0, 2.0], [0.0, -1.0]]), jnp.array([[0.5, 2.5], [1.0, 1.0]])
    expected = -stats.norm(predictions, 0.4).logpdf(targets).sum(axis=1)
    np.testing.assert_allclose(priors.normal_errors(0.4)(predictions, targets), expected, rtol=1e-12)


@pytest.mark.parametrize("prior_std", [0.1, 1.0, 30.0])
def test_the_most_probable_weights_are_those_of_ridge_and_the_posterior_mean(prior_std):
    """MAP = ridge with λ = σ²/τ² = the mean of a jointly normal law given the targets."""
    data, noise_std = example(), 0.3
    posterior = objectives.map_estimate(MODEL, priors.normal_errors(noise_std), priors.normal(prior_std))
    keys = {"init": jax.random.key(0)}
    found = jax.jit(learners.newton(MODEL, posterior, num_steps=2))(keys, data)["params"]["weights"]
    ridge = learners.ridge(MODEL, priors.ridge_strength(noise_std, prior_std))(keys, data)["params"]["weights"]
    phi, y, weight = (np.array(part) for part in (MODEL.features({}, data.x), data.y, data.weight))
    covariance = prior_std**2 * phi @ phi.T + np.diag(noise_std**2 / weight)
    mean = prior_std**2 * phi.T @ np.linalg.solve(covariance, y)
    np.testing.assert_allclose(found, mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ridge, mean, rtol=1e-8, atol=1e-10)


@pytest.mark.thorough
def test_the_most_probable_weights_under_a_laplace_prior_are_those_of_the_lasso(key):
    """-log posterior = |r|²/(2σ²) + |w|_1/b: the proximal learner of strength σ²/b finds them, and no step leads away."""
    data, noise_std, scale = example(), 0.3, 0.05
    num = float(data.weight.sum())
    risk = objectives.empirical_risk(MODEL, losses.half_squared_error)
    learner = learners.proximal_gradient(
        MODEL, risk, penalties.soft_threshold, strength=noise_std**2 / scale / num, learning_rate=0.1, num_steps=3000
    )
    weights = jax.jit(learner)({"init": key}, data)["params"]["weights"]
    posterior = objectives.map_estimate(MODEL, priors.normal_errors(noise_std), priors.laplace(scale))

    def value(weights):
        return posterior({"params": {"weights": weights}}, data, None)[0]

    assert 0 < int(jnp.sum(weights == 0)) < weights.size
    directions = jax.random.normal(key, (50, *weights.shape))
    around = jax.vmap(lambda direction: value(weights + 1e-4 * direction))(directions)
    assert (around > value(weights)).all()


def test_one_compilation_serves_every_prior_and_noise_level():
    data = example()

    def value(stds):
        posterior = objectives.map_estimate(MODEL, priors.normal_errors(stds[0]), priors.normal(stds[1]))
        return posterior({"params": {"weights": jnp.ones((7, 1))}}, data, None)[0]

    grid = jnp.array([[0.1, 1.0], [1.0, 0.1]])
    np.testing.assert_allclose(jax.jit(jax.vmap(value))(grid), [value(np.array(row)) for row in grid], rtol=1e-12)


@pytest.mark.parametrize("make", [priors.normal, priors.laplace, priors.normal_errors])
def test_a_scale_that_is_not_positive_is_refused(make):
    with pytest.raises(ValueError, match=r"=-1.0, expected a positive scalar"):
        make(-1.0)


def test_errors_of_other_shapes_than_the_targets_are_refused():
    with pytest.raises(ValueError, match=r"predictions of shape \(3, 1\) and targets of shape \(3, 2\)"):
        priors.normal_errors(1.0)(jnp.ones((3, 1)), jnp.ones((3, 2)))
