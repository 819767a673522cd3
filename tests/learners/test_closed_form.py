import chex
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxdl import learners, models
from jaxdl.types import Dataset

LEARNERS = {
    "least_squares": learners.least_squares,
    "least_squares_qr": learners.least_squares_qr,
    "ridge": lambda model, mask=None: learners.ridge(model, 0.3, mask=mask),
}
every_learner = pytest.mark.parametrize("learner_of", LEARNERS.values(), ids=LEARNERS.keys())
POLYNOMIAL = models.polynomial(4, num_outputs=2)
LINEAR = models.linear(intercept=False)


def example(num_examples=12, dtype=float, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-1, 1, (num_examples, 1)), rng.normal(size=(num_examples, 2))
    return Dataset(jnp.asarray(x, dtype), jnp.asarray(y, dtype), jnp.asarray(rng.integers(0, 3, num_examples), dtype))


def gaussian(num_examples, num_features):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(num_examples, num_features)), rng.normal(size=(num_examples, 1))
    return x, y, Dataset(jnp.asarray(x), jnp.asarray(y), jnp.ones(num_examples))


def weights_of(learner, dataset, keys=None):
    return jax.jit(lambda dataset: learner({} if keys is None else keys, dataset)["params"]["weights"])(dataset)


@pytest.mark.parametrize("learner_of", [learners.least_squares, learners.least_squares_qr])
def test_least_squares_is_numpys(learner_of):
    x, y, dataset = gaussian(20, 6)
    np.testing.assert_allclose(weights_of(learner_of(LINEAR), dataset), np.linalg.lstsq(x, y)[0], rtol=1e-10)


@pytest.mark.parametrize("condition", [1e2, 1e6])
def test_orthogonalised_least_squares_is_as_accurate_as_lapacks_on_ill_conditioned_features(condition):
    rng = np.random.default_rng(2)
    left, right = (np.linalg.qr(rng.normal(size=(n, 8)))[0] for n in (30, 8))
    x = left * np.geomspace(1, 1 / condition, 8) @ right.T
    y = rng.normal(size=(30, 1))
    dataset = Dataset(jnp.asarray(x), jnp.asarray(y), jnp.ones(30))
    weights = np.array(weights_of(learners.least_squares_qr(LINEAR), dataset))
    residual = y - x @ weights
    assert np.abs(x.T @ residual).max() < 1e-10
    np.testing.assert_allclose(x @ weights, x @ np.linalg.lstsq(x, y)[0], atol=1e-10)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (7, 7)])
def test_among_all_minimisers_least_squares_is_the_shortest(shape):
    x, y, dataset = gaussian(*shape)
    # A repeated column leaves a whole line of minimisers, at every shape.
    x = np.column_stack([x, x[:, 0]])
    weights = weights_of(learners.least_squares(LINEAR), dataset._replace(x=jnp.asarray(x)))
    np.testing.assert_allclose(weights, np.linalg.pinv(x) @ y, atol=1e-10)


def test_dependent_features_give_no_number_without_lapack():
    x, _, dataset = gaussian(9, 5)
    dependent = dataset._replace(x=jnp.asarray(np.column_stack([x, x @ np.ones(5)])))
    assert jnp.all(jnp.isnan(weights_of(learners.least_squares_qr(LINEAR), dependent)))


@pytest.mark.parametrize("shape", [(20, 6), (6, 20), (8, 8)])
def test_ridge_solves_the_normal_equations(shape):
    x, y, dataset = gaussian(*shape)
    strength = 0.7
    expected = np.linalg.solve(x.T @ x + strength * np.eye(shape[1]), x.T @ y)
    np.testing.assert_allclose(weights_of(learners.ridge(LINEAR, strength), dataset), expected, atol=1e-10)


def test_ridge_of_vanishing_strength_is_least_squares():
    _, _, dataset = gaussian(6, 20)
    expected = weights_of(learners.least_squares(LINEAR), dataset)
    np.testing.assert_allclose(weights_of(learners.ridge(LINEAR, 0.0), dataset), expected, atol=1e-10)


@every_learner
def test_a_weight_counts_an_example_that_often(learner_of):
    dataset = example()
    repeats = np.array(dataset.weight, int)
    repeated = Dataset(*(jnp.asarray(np.repeat(part, repeats, axis=0)) for part in dataset))
    repeated = repeated._replace(weight=jnp.ones(repeats.sum()))
    learner = learner_of(POLYNOMIAL)
    np.testing.assert_allclose(weights_of(learner, dataset), weights_of(learner, repeated), atol=1e-10)


@every_learner
def test_a_mask_makes_the_polynomial_of_a_lower_degree(learner_of):
    dataset = example()

    def fit(degree):
        mask = models.degree_mask(4, degree)
        return learner_of(POLYNOMIAL, mask=mask)({}, dataset)["params"]["weights"]

    weights = jax.jit(jax.vmap(fit))(jnp.array([0, 2]))
    np.testing.assert_allclose(
        weights[1, :3], weights_of(learner_of(models.polynomial(2, num_outputs=2)), dataset), atol=1e-10
    )
    assert not jnp.any(weights[0, 1:])
    assert not jnp.any(weights[1, 3:])


@every_learner
def test_a_closed_form_maps_over_data_sets_in_their_precision(learner_of):
    dtype = jnp.float32
    datasets = [example(dtype=dtype, seed=seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *datasets)
    learner = learner_of(POLYNOMIAL, mask=models.degree_mask(4, 3))
    together = jax.jit(jax.vmap(lambda dataset: learner({}, dataset)))(stacked)
    assert together["params"]["weights"].dtype == dtype
    alone = weights_of(learner, datasets[2])
    tolerance = 100 * jnp.finfo(dtype).eps
    np.testing.assert_allclose(together["params"]["weights"][2], alone, rtol=tolerance, atol=tolerance)


def test_one_compilation_serves_every_strength_of_ridge():
    dataset = example()
    fit = chex.assert_max_traces(
        lambda strength: learners.ridge(POLYNOMIAL, strength)({}, dataset)["params"]["weights"], n=1
    )
    compiled = jax.jit(fit)
    phi, y, c = np.array(POLYNOMIAL.features({}, dataset.x)), np.array(dataset.y), np.array(dataset.weight)
    for strength in (0.1, 1.0, 10.0):
        expected = np.linalg.solve(phi.T * c @ phi + strength * np.eye(5), phi.T * c @ y)
        np.testing.assert_allclose(compiled(jnp.asarray(strength)), expected, rtol=1e-10)


@every_learner
def test_a_closed_form_reads_no_key_unless_the_model_draws_features(learner_of, key):
    dataset = example()
    assert set(jax.eval_shape(learner_of(POLYNOMIAL), {}, dataset)) == {"params"}
    model = models.random_features(5, jnp.tanh, num_outputs=2)
    with pytest.raises(ValueError, match=r"got keys for \[\], expected one for 'init' besides"):
        learner_of(model)({}, dataset)
    found, drawn = jax.jit(lambda: (learner_of(model)({"init": key}, dataset), model.init(key, dataset.x)))()
    chex.assert_trees_all_equal(found["features"], drawn["features"])


def test_orthogonalised_least_squares_calls_no_lapack():
    lowered = jax.jit(lambda dataset: learners.least_squares_qr(POLYNOMIAL)({}, dataset)).lower(example())
    assert "custom_call" not in lowered.as_text()


@every_learner
def test_a_model_that_is_not_linear_in_its_parameters_is_refused(learner_of):
    with pytest.raises(ValueError, match=r"got a model without features.*use|train others"):
        learner_of(models.mlp([3], 1))


@every_learner
def test_a_model_of_another_number_of_outputs_is_refused(learner_of):
    with pytest.raises(ValueError, match="give the model num_outputs=2"):
        learner_of(models.polynomial(4))({}, example())


@every_learner
def test_a_mask_of_another_length_is_refused(learner_of):
    with pytest.raises(ValueError, match=r"got a mask of shape \(4,\), expected \(5,\)"):
        learner_of(POLYNOMIAL, mask=jnp.ones(4))({}, example())


@pytest.fixture
def without_type_checker():
    """As users run: the type checker of the tests would refuse some arguments before the library does."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("without_type_checker")
def test_several_strengths_at_once_are_refused():
    with pytest.raises(ValueError, match=r"got strength=an array of shape \(2,\).*, expected a scalar; vmap"):
        learners.ridge(POLYNOMIAL, jnp.ones(2))


def test_more_features_than_examples_are_refused_without_lapack():
    with pytest.raises(ValueError, match=r"got 5 features and 4 examples.*use least_squares"):
        learners.least_squares_qr(POLYNOMIAL)({}, example(4))
