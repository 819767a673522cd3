"""Conditioning against descents that are run, and against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.curvature import conditioning, hvp
from jaxdl.curvature.landscape import reparametrization
from jaxdl.curvature.products import dense
from jaxdl.curvature.spectra import (
    descent_rates,
    effective_dimension,
    heavy_ball_rates,
    inertia_of,
    rescaled,
    step_test,
    whitening,
)

VALUES = np.array([9.0, 5.0, 2.5, 1.0, 0.25])
ROOT = np.sqrt(VALUES[0] / VALUES[-1])


def descend(values, step, momentum, num_steps):
    """Errors of every mode after each step, from one, by the textbook's iteration on the quadratic."""
    before = after = np.ones_like(values)
    errors = [after]
    for _ in range(num_steps):
        before, after = after, after - step * values * after + momentum * (after - before)
        errors.append(after)
    return np.stack(errors)


def test_best_rates_of_both_descents_are_the_closed_forms():
    result = conditioning(jnp.asarray(VALUES))
    kappa = VALUES[0] / VALUES[-1]
    np.testing.assert_allclose(result.condition_number, kappa, rtol=1e-12)
    np.testing.assert_allclose(result.gradient_descent.step, 2 / (VALUES[0] + VALUES[-1]), rtol=1e-12)
    np.testing.assert_allclose(result.gradient_descent.rate, (kappa - 1) / (kappa + 1), rtol=1e-12)
    np.testing.assert_allclose(result.heavy_ball.step, 4 / (VALUES[0] ** 0.5 + VALUES[-1] ** 0.5) ** 2, rtol=1e-12)
    np.testing.assert_allclose(result.heavy_ball.momentum, ((ROOT - 1) / (ROOT + 1)) ** 2, rtol=1e-12)
    np.testing.assert_allclose(result.heavy_ball.rate, (ROOT - 1) / (ROOT + 1), rtol=1e-12)


def test_the_best_heavy_ball_is_as_exact_for_any_spectrum():
    """Its double roots lose half of their digits where rounding is taken for a discriminant."""
    spectra = jnp.asarray(np.random.default_rng(0).uniform(0.01, 1, size=(200, 3)))
    roots = jnp.sqrt(jnp.max(spectra, axis=1) / jnp.min(spectra, axis=1))
    rates = jax.jit(jax.vmap(lambda values: conditioning(values).heavy_ball.rate))(spectra)
    np.testing.assert_allclose(rates, (roots - 1) / (roots + 1), rtol=1e-12)


def test_gradient_descent_shrinks_every_mode_at_its_predicted_rate():
    result = conditioning(jnp.asarray(VALUES)).gradient_descent
    errors = np.abs(descend(VALUES, float(result.step), 0.0, 30))
    np.testing.assert_allclose(errors[30] / errors[10], result.mode_rates**20, rtol=1e-8)


def test_the_heavy_ball_shrinks_every_mode_at_its_predicted_rate():
    """Two steps' errors against the squared rate: exactly where roots are complex, since then |z|² is the determinant."""
    step, momentum = 0.15, 0.5
    rates = np.asarray(heavy_ball_rates(jnp.asarray(VALUES), step, momentum))
    errors = descend(VALUES, step, momentum, 201)

    def area(t):  # e_{t+1} e_{t-1} - e_t² shrinks by the product of the roots
        return errors[t + 1] * errors[t - 1] - errors[t] ** 2

    is_complex = (1 + momentum - step * VALUES) ** 2 < 4 * momentum
    assert is_complex.any()
    assert not is_complex.all()
    np.testing.assert_allclose((area(20) / area(10))[is_complex], rates[is_complex] ** 20, rtol=1e-8)
    np.testing.assert_allclose((errors[200] / errors[190])[~is_complex], rates[~is_complex] ** 10, rtol=1e-8)


def test_rates_of_the_heavy_ball_are_the_radii_of_its_iteration_matrices():
    steps, momenta = np.meshgrid(np.linspace(0.01, 0.5, 7), np.linspace(0, 0.95, 6))
    for step, momentum in zip(steps.ravel(), momenta.ravel(), strict=True):
        matrices = [[[1 + momentum - step * value, -momentum], [1, 0]] for value in VALUES]
        radii = np.abs(np.linalg.eigvals(np.array(matrices))).max(1)
        # Of a double root, eigvals knows half of the digits.
        np.testing.assert_allclose(heavy_ball_rates(jnp.asarray(VALUES), step, momentum), radii, atol=1e-7)


def test_no_other_step_or_momentum_is_faster():
    result, values = conditioning(jnp.asarray(VALUES)), jnp.asarray(VALUES)
    steps, momenta = jnp.linspace(0.001, 0.6, 300), jnp.linspace(0, 0.99, 100)
    plain = jax.vmap(lambda step: jnp.max(descent_rates(values, step)))(steps)
    both = jax.vmap(lambda b: jax.vmap(lambda step: jnp.max(heavy_ball_rates(values, step, b)))(steps))(momenta)
    assert jnp.min(plain) >= result.gradient_descent.rate
    assert jnp.min(both) >= result.heavy_ball.rate
    assert result.heavy_ball.rate < result.gradient_descent.rate
    below, above = (jnp.max(descent_rates(values, result.largest_step * factor)) for factor in (0.999, 1.001))
    assert below < 1 < above


def test_a_ridge_adds_its_strength_to_every_eigenvalue():
    strengths = jnp.array([0.0, 0.5, 10.0])
    result = jax.jit(jax.vmap(lambda strength: conditioning(jnp.asarray(VALUES), ridge=strength)))(strengths)
    np.testing.assert_allclose(result.condition_number, (9 + strengths) / (0.25 + strengths), rtol=1e-12)
    assert np.all(np.diff(result.heavy_ball.rate) < 0)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_zero_modes_stay_and_negative_ones_grow(dtype):
    flat = conditioning(jnp.array([4.0, 1.0, 1e-9 if dtype == jnp.float32 else 1e-17], dtype))
    assert (flat.num_zero, flat.num_negative) == (1, 0)
    np.testing.assert_allclose(flat.condition_number, 4, rtol=1e-6)
    np.testing.assert_allclose(flat.gradient_descent.rate, 0.6, rtol=1e-6)
    assert flat.gradient_descent.mode_rates[2] == 1
    saddle = conditioning(jnp.array([4.0, 1.0, -0.5], dtype))
    assert (saddle.num_zero, saddle.num_negative) == (0, 1)
    assert saddle.condition_number == 8
    assert saddle.gradient_descent.rate > 1
    assert saddle.heavy_ball.rate > 1
    assert saddle.gradient_descent.rate.dtype == dtype
    assert jnp.isnan(conditioning(jnp.array([-1.0, -2.0], dtype)).largest)


def test_the_effective_dimension_is_the_trace_of_the_ridge_smoother():
    inputs = np.random.default_rng(0).normal(size=(20, 6))
    moments, strength = inputs.T @ inputs, 3.0
    smoother = inputs @ np.linalg.solve(moments + strength * np.eye(6), inputs.T)
    found = effective_dimension(jnp.linalg.eigvalsh(jnp.asarray(moments)), strength)
    np.testing.assert_allclose(found, np.trace(smoother), rtol=1e-10)


def quartic(w):
    return 2 * w["a"][0] ** 2 + w["a"][1] ** 2 / 2 + w["b"][0] ** 4 / 12 + w["a"][0] * w["b"][0]


def test_the_step_test_predicts_the_change_of_the_loss():
    params = {"a": jnp.array([1.0, -2.0]), "b": jnp.array([0.5])}
    matvec, gradient = hvp(quartic, params), jax.grad(quartic)(params)
    step = 1e-3
    result = step_test(matvec, gradient, step)
    change = quartic(jax.tree.map(lambda w, g: w - step * g, params, gradient)) - quartic(params)
    np.testing.assert_allclose(result.predicted_change, change, rtol=1e-6)
    np.testing.assert_allclose(step_test(matvec, gradient, result.best_step).ratio, 0.5, rtol=1e-12)
    np.testing.assert_allclose(step_test(matvec, gradient, 2 * result.best_step).predicted_change, 0, atol=1e-12)
    assert step_test(matvec, gradient, 3 * result.best_step).ratio > 1
    assert jnp.isinf(step_test(lambda v: jax.tree.map(jnp.negative, v), gradient, step).best_step)


def network_loss(activation):
    x, y = np.random.default_rng(0).normal(size=(2, 12, 3))

    def loss(weights):
        return jnp.mean((activation(jnp.asarray(x) @ weights["first"]) @ weights["second"] - jnp.asarray(y)) ** 2)

    return loss


WEIGHTS = dict(zip(("first", "second"), np.random.default_rng(1).normal(size=(2, 3, 3)), strict=True))
SCALE = 4.0


def rescale(weights):
    return {"first": SCALE * weights["first"], "second": weights["second"] / SCALE}


@pytest.mark.thorough
def test_rescaled_layers_of_a_relu_network_compute_the_same_with_another_hessian(key):
    """H(T w) = T^-T H(w) T^-1, entry by entry (Dinh et al., 2017): sharper at will, with the same inertia."""
    loss, weights = network_loss(jax.nn.relu), jax.tree.map(jnp.asarray, WEIGHTS)
    gaps = reparametrization(key, loss, weights, rescale)
    assert gaps.value_gap < 1e-12
    assert gaps.product_gap < 1e-12
    here, there = (dense(hvp(loss, w), weights) for w in (weights, rescale(weights)))
    scales = np.r_[np.full(9, SCALE), np.full(9, 1 / SCALE)]
    np.testing.assert_allclose(there, rescaled(here, jnp.asarray(scales)), rtol=1e-8, atol=1e-12)
    before, after = jnp.linalg.eigvalsh(here), jnp.linalg.eigvalsh(there)
    np.testing.assert_array_equal(np.stack(inertia_of(after).counts), np.stack(inertia_of(before).counts))
    assert after[-1] > 5 * before[-1]


def test_a_change_that_alters_the_function_is_told_from_one_that_does_not(key):
    loss, weights = network_loss(jnp.tanh), jax.tree.map(jnp.asarray, WEIGHTS)
    gaps = reparametrization(key, loss, weights, rescale)
    assert gaps.value_gap > 0.01
    assert gaps.product_gap > 0.01
    with pytest.raises(ValueError, match="got num_probes=0, expected a whole number of 1 or more"):
        reparametrization(key, loss, weights, rescale, num_probes=0)


@pytest.mark.thorough
def test_scaling_helps_unequal_inputs_and_whitening_makes_the_condition_number_one():
    inputs = np.random.default_rng(0).normal(size=(50, 4)) * np.array([1.0, 10.0, 100.0, 1000.0])
    moments = jnp.asarray(inputs.T @ inputs / 50)

    def condition_number(matrix):
        return conditioning(jnp.linalg.eigvalsh(matrix)).condition_number

    standardised = rescaled(moments, jnp.sqrt(jnp.diagonal(moments)))
    np.testing.assert_allclose(jnp.diagonal(standardised), 1, rtol=1e-12)
    assert condition_number(standardised) < 10 < 1e5 < condition_number(moments)
    white = whitening(moments)
    np.testing.assert_allclose(white @ moments @ white, np.eye(4), atol=1e-8)
    np.testing.assert_allclose(condition_number(white @ moments @ white), 1, rtol=1e-8)
    softened = whitening(moments, ridge=1e4)
    np.testing.assert_allclose(softened @ (moments + 1e4 * jnp.eye(4)) @ softened, np.eye(4), atol=1e-8)


def test_without_a_positive_eigenvalue_or_with_a_nan_nothing_is_promised():
    for values in ([-1.0, -2.0], [0.0, 0.0], [1.0, jnp.nan]):
        result = conditioning(jnp.array(values))
        for descent in (result.gradient_descent, result.heavy_ball):
            assert all(np.isnan(field).all() for field in descent)
    assert np.isnan(conditioning(jnp.array([1.0, jnp.nan])).condition_number)
    assert conditioning(jnp.array([-1.0, -2.0])).condition_number == 2
    np.testing.assert_array_equal(heavy_ball_rates(jnp.array([jnp.nan, 1.0]), 0.5, 0.25), [jnp.nan, 0.5])


def test_what_changes_the_form_of_the_parameters_is_refused(key):
    with pytest.raises(ValueError, match="step_test: got a matvec that returns"):
        step_test(lambda v: {"b": v["a"], "a": v["b"]}["a"], {"a": jnp.ones(2), "b": jnp.ones(2)}, 0.1)
    with pytest.raises(ValueError, match="reparametrization: got a transform"):
        reparametrization(key, jnp.sum, jnp.ones((2, 1)), jnp.ravel)
