import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxdl import losses, models, objectives, penalties
from jaxdl.types import Dataset

MODEL = models.linear(2)
RISK = objectives.empirical_risk(MODEL, losses.squared_error)


def example():
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), rng.integers(0, 3, 6).astype(float)
    return Dataset(jnp.asarray(x), jnp.asarray(y), jnp.asarray(weight)), {"params": {"weights": jnp.ones((4, 2))}}


def value_and_gradient(dataset, variables):
    def value(params):
        return RISK({**variables, "params": params}, dataset, None)[0]

    return jax.value_and_grad(value)(variables["params"])


class Normalised(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        return nn.BatchNorm(use_running_average=not train)(x)


def test_the_empirical_risk_is_the_weighted_mean_of_the_losses():
    dataset, variables = example()
    x, y, weight = map(np.array, dataset)
    each = ((np.column_stack([np.ones(6), x]) @ np.ones((4, 2)) - y) ** 2).sum(1)
    np.testing.assert_allclose(RISK(variables, dataset, None)[0], np.average(each, weights=weight), rtol=1e-12)


def test_a_weight_counts_an_example_that_often():
    dataset, variables = example()
    repeats = np.array(dataset.weight, int)
    repeated = Dataset(*(jnp.asarray(np.repeat(part, repeats, axis=0)) for part in dataset))
    repeated = repeated._replace(weight=jnp.ones(repeats.sum()))
    expected = value_and_gradient(repeated, variables)
    chex.assert_trees_all_close(value_and_gradient(dataset, variables), expected, rtol=1e-12)


def test_a_batch_without_weight_teaches_nothing():
    dataset, variables = example()
    value, gradient = value_and_gradient(dataset._replace(weight=jnp.zeros(6)), variables)
    assert value == 0
    chex.assert_trees_all_equal(gradient, jax.tree.map(jnp.zeros_like, gradient))


def test_a_regularized_objective_adds_strength_times_penalty():
    dataset, variables = example()
    strengths = jnp.array([0.0, 0.1, 10.0])
    values = jax.vmap(
        lambda strength: objectives.regularized(RISK, penalties.l2, strength)(variables, dataset, None)[0]
    )(strengths)
    np.testing.assert_allclose(values, RISK(variables, dataset, None)[0] + 8 * strengths, rtol=1e-12)


def test_training_updates_batch_statistics_and_evaluation_does_not():
    model = models.from_flax(
        Normalised(), train_kwargs={"train": True}, eval_kwargs={"train": False}, mutable=("batch_stats",)
    )
    dataset = Dataset(jnp.array([[1.0], [3.0]]), jnp.zeros((2, 1)), jnp.ones(2))
    variables = model.init(jax.random.key(0), dataset.x)
    value, trained = objectives.empirical_risk(model, losses.squared_error)(variables, dataset, None)
    # Normalised by the batch the outputs are -1 and 1; normalised by the initial statistics, 1 and 3.
    np.testing.assert_allclose(value, 1.0, rtol=1e-4)
    np.testing.assert_allclose(trained["batch_stats"]["BatchNorm_0"]["mean"], [0.02], rtol=1e-5)
    value, evaluated = objectives.evaluation_risk(model, losses.squared_error)(variables, dataset, None)
    np.testing.assert_allclose(value, 5.0, rtol=1e-4)
    chex.assert_trees_all_equal(evaluated, variables)


def test_targets_without_their_last_axis_are_refused():
    dataset, variables = example()
    with pytest.raises(ValueError, match=r"got predictions of shape \(6, 2\) and targets of shape \(6, 1\)"):
        RISK(variables, dataset._replace(y=dataset.y[:, :1]), None)


def test_an_activity_penalty_is_the_weighted_mean_over_examples_and_shapes_the_layer_below():
    dataset, variables = example()
    x, _, weight = map(np.array, dataset)

    def activity(variables, x):
        return {"hidden": x @ variables["params"]["weights"][1:], "inputs": x}

    objective = objectives.with_activity_penalty(RISK, activity, penalties.l1, 0.3)
    each = np.abs(x @ np.ones((3, 2))).sum(axis=1) + np.abs(x).sum(axis=1)
    expected = RISK(variables, dataset, None)[0] + 0.3 * np.average(each, weights=weight)
    np.testing.assert_allclose(objective(variables, dataset, None)[0], expected, rtol=1e-12)

    def added(params):
        value = objective({"params": params}, dataset, None)[0]
        return value - RISK({"params": params}, dataset, None)[0]

    slopes = 0.3 * (weight[:, None] * x * np.sign(x.sum(axis=1))[:, None]).sum(axis=0) / weight.sum()
    found = jax.grad(added)(variables["params"])["weights"]
    np.testing.assert_allclose(found[1:], np.stack([slopes, slopes], axis=1), atol=1e-12)
    np.testing.assert_allclose(found[0], [0, 0], atol=1e-12)


def test_activations_without_a_row_for_each_example_are_refused():
    dataset, variables = example()
    objective = objectives.with_activity_penalty(RISK, lambda variables, x: x[:4], penalties.l1, 1.0)
    with pytest.raises(ValueError, match=r"activations of shapes \[\(4, 3\)\] for 6 examples"):
        objective(variables, dataset, None)
