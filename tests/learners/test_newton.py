import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from jaxdl import learners, losses, models, objectives, penalties
from jaxdl.types import Dataset


def classification(num_classes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    labels = rng.integers(0, num_classes, 30)
    y = np.eye(num_classes)[labels] if num_classes > 2 else labels[:, None].astype(float)
    return Dataset(jnp.asarray(x), jnp.asarray(y), jnp.asarray(rng.uniform(0.5, 2, 30)))


@pytest.mark.thorough
def test_one_step_solves_a_quadratic(key):
    model = models.linear(2)
    rng = np.random.default_rng(1)
    dataset = Dataset(jnp.asarray(rng.normal(size=(9, 3))), jnp.asarray(rng.normal(size=(9, 2))), jnp.ones(9))
    risk = objectives.empirical_risk(model, losses.squared_error)
    variables = jax.jit(learners.newton(model, risk, num_steps=1))({"init": key}, dataset)
    expected = learners.least_squares(model)({}, dataset)["params"]["weights"]
    np.testing.assert_allclose(variables["params"]["weights"], expected, rtol=1e-10)
    assert variables["report"]["diverged_at"] == -1


def test_penalised_logistic_regression_converges_quadratically(key):
    dataset, strength = classification(2), 0.1
    model = models.linear()
    risk = objectives.regularized(
        objectives.empirical_risk(model, losses.sigmoid_cross_entropy), penalties.l2, strength
    )

    @jax.jit
    def step(weights):
        started = model._replace(init=lambda key, x: {"params": {"weights": weights}})
        return learners.newton(started, risk, num_steps=1)({"init": key}, dataset)["params"]["weights"]

    path = [jnp.zeros((3, 1))]
    for _ in range(8):
        path.append(step(path[-1]))
    solution = np.array(path[-1])
    x, y, weight = map(np.array, dataset)
    phi = np.column_stack([np.ones(30), x])
    gradient = phi.T @ (weight[:, None] * (expit(phi @ solution) - y)) / weight.sum() + 2 * strength * solution
    np.testing.assert_allclose(gradient, 0, atol=1e-14)
    errors = [np.linalg.norm(weights - solution) for weights in path[1:4]]
    # Quadratic: the constant is bounded by the ratio of third to second derivatives, here well below 1.
    assert errors[1] < errors[0] ** 2
    assert errors[2] < errors[1] ** 2 + 1e-15


def test_damping_makes_the_singular_hessian_of_softmax_regression_solvable(key):
    dataset = classification(3)
    model = models.linear(3)
    risk = objectives.empirical_risk(model, losses.softmax_cross_entropy)
    variables = jax.jit(learners.newton(model, risk, num_steps=12, damping=1e-6))({"init": key}, dataset)
    gradient = jax.jit(jax.grad(lambda params: risk({"params": params}, dataset, None)[0]))(variables["params"])
    np.testing.assert_allclose(gradient["weights"], 0, atol=1e-12)


def test_steps_are_halved_where_a_full_one_overshoots(key):
    """Newton's full step on log cosh diverges from any start beyond 1.09; the halved one reaches the minimum."""

    def log_cosh(predictions, targets):
        return jnp.sum(jnp.logaddexp(predictions - targets, targets - predictions), axis=-1)

    model = models.constant()
    risk = objectives.empirical_risk(model, log_cosh)
    dataset = Dataset(jnp.ones((1, 1)), jnp.full((1, 1), 3.0), jnp.ones(1))
    variables = jax.jit(learners.newton(model, risk, num_steps=8))({"init": key}, dataset)
    np.testing.assert_allclose(variables["params"]["weights"], [[3.0]], rtol=1e-12)


@pytest.mark.thorough
def test_newton_maps_over_data_sets_and_strengths(key):
    first, model = classification(2), models.linear()
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), first, first._replace(y=1 - first.y))
    risk = objectives.empirical_risk(model, losses.sigmoid_cross_entropy)

    def fit(dataset, strength):
        objective = objectives.regularized(risk, penalties.l2, strength)
        variables = learners.newton(model, objective, num_steps=6)({"init": key}, dataset)
        gradient = jax.grad(lambda params: objective({"params": params}, dataset, None)[0])(variables["params"])
        return variables["params"]["weights"], gradient["weights"]

    weights, gradients = jax.jit(jax.vmap(fit))(stacked, jnp.array([0.1, 0.2]))
    np.testing.assert_allclose(gradients, 0, atol=1e-14)
    # Exchanging the classes turns the sign of the solution, and the stronger penalty shrinks it.
    assert jnp.linalg.norm(weights[1]) < jnp.linalg.norm(weights[0])
    assert jnp.sum(weights[0] * weights[1]) < 0


def test_a_step_that_diverges_is_reported(key):
    model = models.constant()
    risk = objectives.empirical_risk(model, lambda f, y: jnp.sum(jnp.log(f) - y, axis=-1))
    dataset = Dataset(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.ones(1))
    variables = jax.jit(learners.newton(model, risk, num_steps=2))({"init": key}, dataset)
    assert variables["report"]["diverged_at"] == 0


def test_a_model_with_dropout_is_refused():
    model = models.mlp([3], 1, dropout_rate=0.5)
    with pytest.raises(ValueError, match=r"use learners\.gradient_descent"):
        learners.newton(model, objectives.empirical_risk(model, losses.squared_error), num_steps=1)


def test_a_negative_number_of_steps_is_refused():
    model = models.constant()
    with pytest.raises(ValueError, match="got num_steps=-1"):
        learners.newton(model, objectives.empirical_risk(model, losses.squared_error), num_steps=-1)
