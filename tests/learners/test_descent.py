import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx

from jaxdl import learners, losses, models, objectives
from jaxdl.data import orders
from jaxdl.types import Dataset

# Starts where it is told: drawing a start takes longer to compile than the training.
LINEAR = models.linear(intercept=False)._replace(
    init=lambda key, x: {"params": {"weights": 1 + jnp.arange(x.shape[1], dtype=x.dtype)[:, None] / 8}}
)
HALF_RISK = objectives.empirical_risk(LINEAR, losses.half_squared_error)
DROPPED = models.linear(intercept=False, init_std=1.0)._replace(
    train_apply=lambda variables, x, key: (
        LINEAR.apply(variables, x * jax.random.bernoulli(key, 0.7, x.shape)),
        variables,
    ),
    stochastic=True,
)


class Normalised(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(8)(x))
        return nn.Dense(1)(nn.relu(x))


NETWORKS = {
    "plain": models.mlp([8], 1),
    "dropout": models.mlp([8], 1, dropout_rate=0.2),
    "batch normalisation": models.from_flax(
        Normalised(), train_kwargs={"train": True}, eval_kwargs={"train": False}, mutable=("batch_stats",)
    ),
    "nnx": models.from_nnx(
        lambda rngs: nnx.Sequential(nnx.Linear(2, 8, rngs=rngs), nnx.relu, nnx.Linear(8, 1, rngs=rngs))
    ),
}


def fixed_design():
    """MATH.md's fixed design: n = 30, p = 8, singular values over three decades."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 8)) * 0.5 ** np.arange(8)
    y = x @ np.ones((8, 1)) + 0.5 * rng.normal(size=(30, 1))
    return x, y, Dataset(jnp.asarray(x), jnp.asarray(y), jnp.ones(30))


def in_turn(key, num_examples, batch_size, num_steps):
    """A minibatch order without a sort to compile."""
    return jnp.arange(num_steps * batch_size).reshape(num_steps, batch_size) % num_examples


def sources(key):
    return dict(zip(("init", "order", "dropout"), jax.random.split(key, 3), strict=True))


def test_descent_on_a_quadratic_follows_the_spectral_filter(key):
    """w_t = V [(1 - g) V'w_0 + g / s U'y], g = 1 - (1 - eta s²/n)^t, on |Xw - y|²/(2n)."""
    x, y, dataset = fixed_design()
    rate, times = 0.5, (0, 10, 100, 1000)
    model = models.linear(intercept=False, init_std=1.0)
    learner = learners.gradient_descent(model, HALF_RISK, optax.sgd(rate), num_steps=1000, times=times)
    weights = jax.jit(learner)({"init": key}, dataset)["params"]["weights"]
    start = np.array(model.init(key, dataset.x)["params"]["weights"])
    left, s, right = np.linalg.svd(x, full_matrices=False)
    for t, found in zip(times, weights, strict=True):
        g = (1 - (1 - rate * s**2 / 30) ** t)[:, None]
        np.testing.assert_allclose(
            found, right.T @ ((1 - g) * (right @ start) + g / s[:, None] * (left.T @ y)), atol=1e-10
        )


@pytest.mark.thorough
def test_times_are_the_variables_that_shorter_trainings_return(key):
    _, _, dataset = fixed_design()
    keys, model = sources(key), DROPPED._replace(init=LINEAR.init)
    risk = objectives.empirical_risk(model, losses.squared_error)
    learner = functools.partial(learners.gradient_descent, model, risk, optax.adam(0.1))
    path = jax.jit(learner(num_steps=9, times=(0, 2, 7)))(keys, dataset)
    start = model.init(keys["init"], dataset.x)["params"]["weights"]
    np.testing.assert_array_equal(path["params"]["weights"][0], start)
    alone = jax.jit(learner(num_steps=7))(keys, dataset)
    chex.assert_trees_all_close(jax.tree.map(lambda leaf: leaf[2], path), alone, rtol=1e-12)


def test_minibatches_of_all_examples_are_full_batches(key):
    _, _, dataset = fixed_design()
    dataset = dataset._replace(weight=jnp.arange(30.0))
    full = learners.gradient_descent(LINEAR, HALF_RISK, optax.sgd(0.1, momentum=0.9), num_steps=20)
    order = orders.reshuffled_each_epoch
    batches = learners.minibatch_descent(
        LINEAR, HALF_RISK, optax.sgd(0.1, momentum=0.9), num_steps=20, batch_size=30, order=order
    )
    expected = jax.jit(full)(sources(key), dataset)["params"]["weights"]
    np.testing.assert_allclose(jax.jit(batches)(sources(key), dataset)["params"]["weights"], expected, atol=1e-12)


@pytest.mark.thorough
def test_minibatches_follow_their_order(key):
    """Steps on one example each, written out: w <- w - eta x (x'w - y)."""
    x, y, dataset = fixed_design()
    learner = learners.minibatch_descent(
        LINEAR, HALF_RISK, optax.sgd(0.05), num_steps=40, batch_size=1, order=orders.shuffled_once
    )
    keys = sources(key)
    w = np.array(LINEAR.init(keys["init"], dataset.x)["params"]["weights"])
    for row in np.array(orders.shuffled_once(keys["order"], 30, 1, 40))[:, 0]:
        w = w - 0.05 * x[row][:, None] * (x[row] @ w - y[row])
    np.testing.assert_allclose(jax.jit(learner)(keys, dataset)["params"]["weights"], w, rtol=1e-10)


@pytest.mark.thorough
@pytest.mark.parametrize("model", NETWORKS.values(), ids=NETWORKS.keys())
def test_one_learner_trains_every_network(model, key):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 2)).astype(np.float32)
    dataset = Dataset(jnp.asarray(x), jnp.asarray(x[:, :1] * x[:, 1:]), jnp.ones(32, jnp.float32))
    learner = learners.minibatch_descent(
        model,
        objectives.empirical_risk(model, losses.squared_error),
        optax.sgd(0.1, momentum=0.9),
        num_steps=150,
        batch_size=16,
        order=in_turn,
        times=(0, 150),
    )
    evaluate = objectives.evaluation_risk(model, losses.squared_error)

    def train(keys):
        variables = learner(keys, dataset)
        return variables, jax.vmap(lambda variables: evaluate(variables, dataset, None)[0])(variables)

    keys = jax.jit(jax.vmap(sources))(jax.random.split(key, 2))
    variables, risks = jax.jit(jax.vmap(train))(keys)
    assert jnp.all(risks[:, 1] < 0.5 * risks[:, 0])
    np.testing.assert_array_equal(variables.pop("report")["diverged_at"], np.full((2, 2), -1))
    structure = jax.eval_shape(model.init, key, dataset.x)
    chex.assert_trees_all_equal_shapes_and_dtypes(jax.tree.map(lambda leaf: leaf[0, 0], variables), structure)


@pytest.mark.thorough
def test_training_on_two_keys_at_once_is_training_on_each(key):
    _, _, dataset = fixed_design()
    risk = objectives.empirical_risk(DROPPED, losses.squared_error)
    learner = learners.minibatch_descent(
        DROPPED, risk, optax.adam(0.1), num_steps=20, batch_size=7, order=orders.with_replacement
    )
    keys = jax.jit(jax.vmap(sources))(jax.random.split(key, 2))
    together = jax.jit(jax.vmap(learner, in_axes=(0, None)))(keys, dataset)
    with jax.debug_key_reuse(True):
        alone = jax.jit(learner)(jax.tree.map(lambda leaf: leaf[1], keys), dataset)
    chex.assert_trees_all_close(jax.tree.map(lambda leaf: leaf[1], together), alone, rtol=1e-10)


def test_one_compilation_serves_every_learning_rate(key):
    _, _, dataset = fixed_design()

    def fit(rate):
        learner = learners.gradient_descent(LINEAR, HALF_RISK, optax.adam(rate), num_steps=5)
        return learner({"init": key}, dataset)["params"]["weights"]

    rates = jnp.array([0.01, 0.1, 1.0])
    compiled = jax.jit(chex.assert_max_traces(fit, n=1))
    one_by_one = jnp.stack([compiled(rate) for rate in rates])
    np.testing.assert_allclose(jax.jit(jax.vmap(fit))(rates), one_by_one, rtol=1e-10)


def test_a_schedule_counts_steps(key):
    _, _, dataset = fixed_design()
    schedule = optax.piecewise_constant_schedule(0.1, {3: 0.0})
    learner = learners.gradient_descent(LINEAR, HALF_RISK, optax.sgd(schedule), num_steps=6, times=(2, 3, 6))
    weights = jax.jit(learner)({"init": key}, dataset)["params"]["weights"]
    assert jnp.any(weights[0] != weights[1])
    np.testing.assert_array_equal(weights[1], weights[2])


@pytest.mark.thorough
def test_an_optimiser_with_a_line_search_is_told_the_objective(key):
    x, y, dataset = fixed_design()
    learner = learners.gradient_descent(LINEAR, HALF_RISK, optax.lbfgs(), num_steps=100)
    weights = jax.jit(learner)({"init": key}, dataset)["params"]["weights"]
    np.testing.assert_allclose(weights, np.linalg.lstsq(x, y)[0], atol=1e-8)


@pytest.mark.parametrize("rate", [1.0, 50.0])
def test_the_report_names_the_first_step_that_was_not_finite(rate, key):
    """Float32 descent on w²/2 multiplies w by 1 - rate: its objective overflows when w² does."""
    dataset = Dataset(jnp.ones((1, 1), jnp.float32), jnp.zeros((1, 1), jnp.float32), jnp.ones(1, jnp.float32))
    num_steps = 40
    learner = learners.gradient_descent(LINEAR, HALF_RISK, optax.sgd(rate), num_steps=num_steps, times=(2, 20, 40))
    found = jax.jit(learner)({"init": key}, dataset)["report"]["diverged_at"]
    start = float(LINEAR.init(key, dataset.x)["params"]["weights"][0, 0])
    log_values = 2 * (np.log(abs(start)) + np.arange(num_steps) * np.log(max(abs(1 - rate), 1e-300)))
    is_bad = log_values > np.log(float(np.finfo(np.float32).max))
    first = int(np.argmax(is_bad)) if is_bad.any() else -1
    assert found.dtype == jnp.int32
    np.testing.assert_array_equal(found, [-1, first if first < 20 else -1, first])


def test_parameters_that_overflow_in_the_last_step_are_reported(key):
    dataset = Dataset(jnp.ones((1, 1)), jnp.zeros((1, 1)), jnp.ones(1))
    learner = learners.gradient_descent(LINEAR, HALF_RISK, optax.sgd(jnp.inf), num_steps=1)
    assert jax.jit(learner)({"init": key}, dataset)["report"]["diverged_at"] == 1


@pytest.mark.parametrize(("stochastic", "expected"), [(False, {"init", "order"}), (True, {"init", "order", "dropout"})])
def test_a_learner_reads_only_the_sources_it_uses(stochastic, expected, key):
    read = set()

    class Recording(dict):
        def __getitem__(self, name):
            read.add(name)
            return super().__getitem__(name)

    _, _, dataset = fixed_design()
    model, keys = LINEAR._replace(stochastic=stochastic), Recording(sources(key))
    learner = learners.minibatch_descent(
        model,
        objectives.empirical_risk(model, losses.squared_error),
        optax.sgd(0.1),
        num_steps=2,
        batch_size=5,
        order=orders.with_replacement,
    )
    jax.eval_shape(lambda: learner(keys, dataset))
    assert read == expected


def test_float32_data_train_in_float32_whatever_the_precision_of_the_rate(key):
    _, _, dataset = fixed_design()
    dataset = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), dataset)
    learner = learners.gradient_descent(LINEAR, HALF_RISK, optax.adam(jnp.float64(0.1)), num_steps=2)
    assert jax.eval_shape(learner, {"init": key}, dataset)["params"]["weights"].dtype == jnp.float32


@pytest.mark.parametrize("times", [(), (3, 2), (2, 2), (-1, 2), (2, 11)])
def test_times_that_are_no_increasing_step_counts_are_refused(times):
    with pytest.raises(ValueError, match=r"got times=.* expected increasing step counts between 0 and 10"):
        learners.gradient_descent(LINEAR, HALF_RISK, optax.sgd(0.1), num_steps=10, times=times)


def test_a_negative_number_of_steps_is_refused():
    with pytest.raises(ValueError, match="gradient_descent: got num_steps=-1"):
        learners.gradient_descent(LINEAR, HALF_RISK, optax.sgd(0.1), num_steps=-1)


def test_an_order_of_another_shape_is_refused(key):
    _, _, dataset = fixed_design()

    def one_by_one(key, num_examples, batch_size, num_steps):
        return in_turn(key, num_examples, 1, num_steps)

    learner = learners.minibatch_descent(LINEAR, HALF_RISK, optax.sgd(0.1), num_steps=4, batch_size=2, order=one_by_one)
    with pytest.raises(ValueError, match=r"got an order of shape \(4, 1\), expected .* \(4, 2\)"):
        learner(sources(key), dataset)


def test_optax_counts_steps_under_strict_promotion_of_types(key):
    learner = learners.gradient_descent(LINEAR, HALF_RISK, optax.adam(1e-2), num_steps=2)
    x = jnp.linspace(-1.0, 1.0, 8)[:, None]
    with jax.numpy_dtype_promotion("strict"):
        jax.eval_shape(lambda: learner({"init": key}, Dataset(x, x, jnp.ones(8))))
