import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp

from jaxdl import losses

DELTA = 0.7


def huber_formula(f, y):
    size = np.abs(f - y)
    return np.where(size <= DELTA, size**2 / 2, DELTA * (size - DELTA / 2)).sum(-1)


FORMULAS = {
    "squared_error": (losses.squared_error, lambda f, y: ((f - y) ** 2).sum(-1)),
    "half_squared_error": (losses.half_squared_error, lambda f, y: ((f - y) ** 2).sum(-1) / 2),
    "absolute_error": (losses.absolute_error, lambda f, y: np.abs(f - y).sum(-1)),
    "huber": (functools.partial(losses.huber, delta=DELTA), huber_formula),
    "softmax_cross_entropy": (losses.softmax_cross_entropy, lambda f, y: -(y * log_softmax(f, axis=-1)).sum(-1)),
    "sigmoid_cross_entropy": (
        losses.sigmoid_cross_entropy,
        lambda f, y: -(y * np.log(expit(f)) + (1 - y) * np.log(expit(-f))).sum(-1),
    ),
}
every_loss = pytest.mark.parametrize(("loss", "formula"), FORMULAS.values(), ids=FORMULAS.keys())


def example(dtype=float):
    rng = np.random.default_rng(0)
    predictions = rng.normal(size=(5, 3))
    logits = rng.normal(size=(5, 3))
    targets = np.exp(logits - logsumexp(logits, axis=-1, keepdims=True))
    return jnp.asarray(predictions, dtype), jnp.asarray(targets, dtype)


@every_loss
def test_a_loss_is_its_formula_for_each_example(loss, formula):
    predictions, targets = example()
    np.testing.assert_allclose(
        loss(predictions, targets), formula(np.array(predictions), np.array(targets)), rtol=1e-12
    )


@every_loss
def test_a_loss_of_a_batch_is_the_losses_of_its_examples(loss, formula):
    predictions, targets = example()
    alone = jnp.stack([loss(f, y) for f, y in zip(predictions, targets, strict=True)])
    np.testing.assert_allclose(jax.vmap(loss)(predictions, targets), alone, rtol=1e-14)
    np.testing.assert_allclose(loss(predictions, targets), alone, rtol=1e-14)


@every_loss
def test_a_loss_keeps_float32(loss, formula):
    assert loss(*example(jnp.float32)).dtype == jnp.float32


@every_loss
@pytest.mark.parametrize("shapes", [((5,), (5, 1)), ((5, 1), (5,)), ((5, 2), (5, 1)), ((1, 2), (5, 2)), ((), ())])
def test_a_loss_refuses_shapes_that_would_broadcast(loss, formula, shapes):
    predictions, targets = map(jnp.ones, shapes)
    with pytest.raises(ValueError, match=r"got predictions of shape .* expected one shape"):
        loss(predictions, targets)


def test_the_gradient_of_half_the_squared_error_is_the_residual():
    predictions, targets = example()
    gradient = jax.grad(lambda f: losses.half_squared_error(f, targets).sum())(predictions)
    np.testing.assert_allclose(gradient, predictions - targets, rtol=1e-14)


def test_the_gradient_of_the_softmax_cross_entropy_is_the_error_of_the_probabilities():
    predictions, targets = example()
    gradient = jax.grad(lambda f: losses.softmax_cross_entropy(f, targets).sum())(predictions)
    np.testing.assert_allclose(gradient, jax.nn.softmax(predictions) - targets, atol=1e-14)


def test_huge_logits_give_a_finite_cross_entropy():
    predictions, targets = jnp.array([[1e4, -1e4]]), jnp.array([[0.0, 1.0]])
    np.testing.assert_allclose(losses.softmax_cross_entropy(predictions, targets), [2e4])
    np.testing.assert_allclose(losses.sigmoid_cross_entropy(predictions, targets), [2e4])


def test_the_softmax_of_a_single_logit_is_refused():
    with pytest.raises(ValueError, match="use sigmoid_cross_entropy"):
        losses.softmax_cross_entropy(jnp.ones((5, 1)), jnp.ones((5, 1)))


def test_the_width_of_hubers_loss_may_be_traced():
    predictions, targets = example()
    deltas = jnp.array([0.1, DELTA])
    values = jax.vmap(lambda delta: losses.huber(predictions, targets, delta=delta))(deltas)
    np.testing.assert_allclose(values[1], huber_formula(np.array(predictions), np.array(targets)), rtol=1e-12)


@every_loss
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.uint32, np.int32])
@pytest.mark.parametrize("convert", [jnp.asarray, np.asarray, np.ndarray.tolist])
def test_whole_numbers_and_lists_are_taken_as_floats(loss, formula, dtype, convert, unchecked):
    predictions, targets = np.array([[1, 0], [100, 3]]).astype(dtype), np.array([[1, 0], [0, 1]]).astype(dtype)
    expected = formula(predictions.astype(float), targets.astype(float))
    np.testing.assert_allclose(loss(convert(predictions), convert(targets)), expected, rtol=1e-12)
    found = loss(jnp.asarray(predictions, jnp.float32), jnp.asarray(targets))
    assert found.dtype == jnp.float32


def test_the_distance_of_unsigned_numbers_does_not_wrap_around():
    found = jax.jit(losses.absolute_error)(jnp.array([[1]], jnp.uint8), jnp.array([[200]], jnp.uint8))
    np.testing.assert_array_equal(found, [199.0])


def test_whole_numbers_whose_differences_floats_cannot_hold_are_refused(unchecked):
    whole = jnp.array([[2**30], [2**30 + 1]], jnp.int32)
    with pytest.raises(ValueError, match=r"targets: got numbers up to .* that differ by at most 1"):
        losses.absolute_error(jnp.zeros((2, 1), jnp.float32), whole)


@every_loss
@pytest.mark.parametrize("pack", [lambda f: (f, f), lambda f: {"logits": f}, lambda f: [f, f]])
def test_predictions_among_other_things_are_refused_by_name(loss, formula, pack, unchecked):
    with pytest.raises(
        ValueError, match=r"predictions of type (tuple|dict|list), expected an array; return the predic"
    ):
        jax.jit(lambda f, y: loss(pack(f), y))(*example())
