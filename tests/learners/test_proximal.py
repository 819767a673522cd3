import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import learners, losses, models, objectives, penalties
from jaxdl.types import Dataset

LINEAR = models.linear(intercept=False)
HALF_RISK = objectives.empirical_risk(LINEAR, losses.half_squared_error)
KEYS = {"init": jax.random.key(0)}


def example(num_examples=40, num_features=8, orthonormal=False):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(num_examples, num_features))
    if orthonormal:
        x = np.sqrt(num_examples) * np.linalg.qr(x)[0]
    y = x[:, :2] @ np.array([[2.0], [-1.0]]) + 0.5 * rng.normal(size=(num_examples, 1))
    return x, y, Dataset(jnp.asarray(x), jnp.asarray(y), jnp.ones(num_examples))


def safe_rate(x):
    return len(x) / np.abs(x.T @ x).sum(axis=1).max()


def fitted(data, proximal, **settings):
    learner = learners.proximal_gradient(LINEAR, HALF_RISK, proximal, **settings)
    return jax.jit(learner)(KEYS, data)


@pytest.mark.parametrize(
    "operator",
    [penalties.soft_threshold, penalties.shrink, penalties.hard_threshold, penalties.lq_threshold(0.5)],
    ids=["soft threshold", "shrink", "hard threshold", "lq threshold"],
)
def test_with_orthonormal_features_the_solution_is_the_operator_of_least_squares(operator):
    """X'X = nI: argmin |y - Xw|²/(2n) + s p(w) = prox_s(X'y/n), reached by a single step of size one from anywhere."""
    x, y, data = example(orthonormal=True)
    weights = fitted(data, operator, strength=0.3, learning_rate=1.0, num_steps=1)["params"]["weights"]
    np.testing.assert_allclose(weights, operator(jnp.asarray(x.T @ y / len(x)), 0.3), atol=1e-8)


@pytest.mark.parametrize("accelerated", [False, True])
def test_the_squared_penalty_gives_ridge_regression(accelerated):
    x, _, data = example()
    found = fitted(
        data, penalties.shrink, strength=0.05, learning_rate=safe_rate(x), num_steps=400, accelerated=accelerated
    )
    # |y - Xw|²/(2n) + s|w|² is ridge of strength 2ns.
    expected = learners.ridge(LINEAR, 2 * len(x) * 0.05)({}, data)["params"]["weights"]
    np.testing.assert_allclose(found["params"]["weights"], expected, atol=1e-8)
    assert found["report"]["residual"] < 1e-8


@pytest.mark.parametrize("accelerated", [False, True])
def test_the_lasso_meets_its_optimality_conditions(accelerated):
    """X'(y - Xw)/n = s sign(w) where w is not zero, and at most s in size where it is."""
    x, y, data = example()
    strength = 0.2
    found = fitted(
        data, penalties.soft_threshold, strength=strength, learning_rate=safe_rate(x), num_steps=400,
        accelerated=accelerated,
    )["params"]["weights"]  # fmt: skip
    slope, weights = x.T @ (y - x @ found) / len(x), np.array(found)
    is_zero = weights == 0
    assert is_zero.sum() >= 3
    np.testing.assert_allclose(slope[~is_zero], strength * np.sign(weights[~is_zero]), atol=1e-8)
    assert (np.abs(slope[is_zero]) <= strength + 1e-8).all()


def test_momentum_needs_fewer_steps_and_the_residual_says_so():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 6)) * 0.4 ** np.arange(6)
    data = Dataset(jnp.asarray(x), jnp.asarray(x.sum(axis=1, keepdims=True)), jnp.ones(60))
    slow, fast = (
        fitted(
            data, penalties.soft_threshold, strength=1e-5, learning_rate=safe_rate(x), num_steps=500,
            accelerated=accelerated,
        )["report"]["residual"]
        for accelerated in (False, True)
    )  # fmt: skip
    assert fast < slow / 10


def test_subgradient_descent_has_no_exact_zeros_where_the_proximal_step_has():
    import optax

    x, _, data = example()
    objective = objectives.regularized(HALF_RISK, penalties.l1, 0.2)
    model = models.linear(intercept=False, init_std=1.0)
    learner = learners.gradient_descent(model, objective, optax.sgd(safe_rate(x)), num_steps=400)
    subgradient = jax.jit(learner)(KEYS, data)["params"]["weights"]
    proximal = fitted(data, penalties.soft_threshold, strength=0.2, learning_rate=safe_rate(x), num_steps=400)
    assert not (subgradient == 0).any()
    assert (proximal["params"]["weights"] == 0).sum() >= 3


def test_one_compilation_serves_every_strength_and_vmap_equals_a_loop():
    x, _, data = example()

    def fit(strength):
        learner = learners.proximal_gradient(
            LINEAR, HALF_RISK, penalties.soft_threshold, strength=strength, learning_rate=safe_rate(x), num_steps=50
        )
        return learner(KEYS, data)["params"]["weights"]

    strengths = jnp.array([0.0, 0.1, 10.0])
    compiled = jax.jit(chex.assert_max_traces(fit, n=1))
    one_by_one = jnp.stack([compiled(strength) for strength in strengths])
    np.testing.assert_allclose(jax.jit(jax.vmap(fit))(strengths), one_by_one, atol=1e-12)
    np.testing.assert_array_equal(one_by_one[2], np.zeros((8, 1)))


def test_float32_stays_float32_also_with_traced_settings():
    _, _, data = example()
    data = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), data)

    def fit(rate, strength):
        learner = learners.proximal_gradient(
            LINEAR, HALF_RISK, penalties.soft_threshold, strength=strength, learning_rate=rate, num_steps=3
        )
        return learner(KEYS, data)

    found = jax.jit(fit)(jnp.asarray(0.1), jnp.asarray(0.2))
    assert found["params"]["weights"].dtype == found["report"]["residual"].dtype == jnp.float32


def test_the_report_names_the_first_step_that_was_not_finite():
    _, _, data = example()
    data = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), data)
    found = fitted(data, penalties.keep, strength=0.0, learning_rate=1e6, num_steps=40, accelerated=False)
    assert 0 < int(found["report"]["diverged_at"]) < 20
    fine = fitted(data, penalties.keep, strength=0.0, learning_rate=0.1, num_steps=40)
    assert int(fine["report"]["diverged_at"]) == -1


@pytest.mark.thorough
@pytest.mark.parametrize(
    "network", [models.mlp([6], 1), models.mlp([6], 1, dropout_rate=0.2)], ids=["plain", "dropout"]
)
def test_a_network_is_trained_to_exact_zeros(network, key):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5)).astype(np.float32)
    data = Dataset(jnp.asarray(x), jnp.asarray(x[:, :1] - x[:, 1:2]), jnp.ones(64, jnp.float32))
    risk = objectives.empirical_risk(network, losses.half_squared_error)
    learner = learners.proximal_gradient(
        network, risk, penalties.soft_threshold, strength=0.02, learning_rate=0.1, num_steps=300, accelerated=False
    )
    variables = jax.jit(learner)(dict(zip(("init", "dropout"), jax.random.split(key), strict=True)), data)
    kernel = np.array(variables["params"]["Dense_0"]["kernel"])
    assert (kernel[2:] == 0).mean() > 0.5  # inputs that the targets ignore
    assert objectives.evaluation_risk(network, losses.half_squared_error)(variables, data, None)[0] < 0.3


def test_a_negative_number_of_steps_is_refused():
    with pytest.raises(ValueError, match="got num_steps=-1"):
        learners.proximal_gradient(LINEAR, HALF_RISK, penalties.keep, strength=0.0, learning_rate=1.0, num_steps=-1)
