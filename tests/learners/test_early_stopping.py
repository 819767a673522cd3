import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import learners, losses, models, objectives
from jaxdl.types import Dataset

MODEL = models.constant()
RISK = objectives.empirical_risk(MODEL, losses.half_squared_error)
TARGET = 10.0
DATASET = Dataset(jnp.ones((10, 1)), jnp.full((10, 1), TARGET), jnp.ones(10))


def sources(key):
    return dict(zip(("init", "split"), jax.random.split(key), strict=True))


def distance_to(goal):
    """A validation objective that ignores its data: the weight's distance to a goal on its way."""
    return lambda variables, dataset, key: (jnp.sum(jnp.abs(variables["params"]["weights"] - goal)), variables)


@pytest.mark.parametrize(("goal", "patience", "num_steps"), [(6.0, 3, 100), (6.0, 50, 20), (-1.0, 4, 100)])
def test_the_variables_closest_to_the_goal_are_returned_after_patience_runs_out(goal, patience, num_steps, key):
    """Descent of rate 0.1 takes the weight to 10 (1 - 0.9^t): past the goal, the validation objective only rises."""
    learner = learners.early_stopping(
        MODEL, RISK, optax.sgd(0.1), validation=distance_to(goal), num_steps=num_steps, patience=patience
    )
    variables = jax.jit(learner)(sources(key), DATASET)
    path = TARGET * (1 - 0.9 ** np.arange(num_steps + 1))
    best = int(np.argmin(np.abs(path - goal)))
    assert variables["report"]["best_at"] == best
    assert variables["report"]["stopped_at"] == min(best + patience, num_steps)
    np.testing.assert_allclose(variables["params"]["weights"], [[path[best]]], rtol=1e-12)


@pytest.mark.thorough
def test_training_and_validation_share_no_example(key):
    """Labels are powers of two, so that a sum of them names its examples."""
    codes = 2.0 ** jnp.arange(10)
    dataset = DATASET._replace(y=codes[:, None])

    def names_held_out(variables, dataset, key):
        return -jnp.sum(variables["params"]["weights"]) - 1e6 * jnp.sum(dataset.weight * codes), variables

    learner = learners.early_stopping(
        MODEL, RISK, optax.sgd(1.0), validation=names_held_out, num_steps=1, patience=1, validation_fraction=0.3
    )
    # One step of rate one takes the weight to the mean of the examples trained on.
    trained_on = round(7 * float(jax.jit(learner)(sources(key), dataset)["params"]["weights"][0, 0]))
    assert trained_on.bit_count() == 7

    def is_other_part(variables, dataset, key):
        held_out = jnp.sum(dataset.weight * codes)
        is_rest = held_out == 2**10 - 1 - trained_on
        return jnp.where(is_rest, -jnp.sum(variables["params"]["weights"]), 0.0), variables

    learner = learners.early_stopping(
        MODEL, RISK, optax.sgd(1.0), validation=is_other_part, num_steps=1, patience=1, validation_fraction=0.3
    )
    assert jax.jit(learner)(sources(key), dataset)["report"]["best_at"] == 1


@pytest.mark.thorough
def test_early_stopping_maps_over_keys_that_stop_at_different_steps(key):
    model = models.linear()._replace(init=lambda key, x: {"params": {"weights": jnp.zeros((4, 1))}})
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(12, 3)), rng.normal(size=(12, 1))
    dataset = Dataset(jnp.asarray(x), jnp.asarray(x[:, :1] + noise), jnp.ones(12))
    learner = learners.early_stopping(
        model,
        objectives.empirical_risk(model, losses.squared_error),
        optax.sgd(0.02),
        validation=objectives.evaluation_risk(model, losses.squared_error),
        num_steps=60,
        patience=5,
    )
    keys = jax.vmap(sources)(jax.random.split(key, 3))
    together = jax.jit(jax.vmap(learner, in_axes=(0, None)))(keys, dataset)
    alone = jax.jit(learner)(jax.tree.map(lambda leaf: leaf[1], keys), dataset)
    assert len(set(together["report"]["stopped_at"].tolist())) > 1
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-8), together, alone)


def test_a_diverged_search_returns_its_best_and_says_so(key):
    learner = learners.early_stopping(MODEL, RISK, optax.sgd(1e200), validation=RISK, num_steps=50, patience=5)
    variables = jax.jit(learner)(sources(key), DATASET)
    assert variables["report"]["best_at"] == 0
    assert 0 < variables["report"]["diverged_at"] <= 5
    assert variables["params"]["weights"] == 0


@pytest.mark.parametrize("fraction", [0.0, 0.04, 1.0])
def test_a_fraction_that_leaves_a_part_empty_is_refused(fraction, key):
    learner = learners.early_stopping(
        MODEL, RISK, optax.sgd(0.1), validation=RISK, num_steps=5, patience=1, validation_fraction=fraction
    )
    with pytest.raises(ValueError, match=f"got validation_fraction={fraction}.*expected between 1 and 9"):
        learner(sources(key), DATASET)


def test_no_patience_is_refused():
    with pytest.raises(ValueError, match="got patience=0, expected a whole number of 1 or more"):
        learners.early_stopping(MODEL, RISK, optax.sgd(0.1), validation=RISK, num_steps=5, patience=0)
