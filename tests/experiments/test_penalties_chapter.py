"""What the claims about penalties share: closed forms, optimality, minima, bytes, and intervals over networks and digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import Legendre, Polynomial

from experiments.book import find
from experiments.book.lab import Lab
from experiments.penalties import collapse, k018_the_strength_of_a_prior, memory, minima, polynomials, shrinkage, sparse
from experiments.penalties.k025_sparse_codes import halving
from jaxdl import curvature, learners, models
from jaxdl.statistics import Verdict
from jaxdl.types import Dataset


def lab_of(**sizes):
    return Lab("penalties", {"seed": 0} | sizes)


def test_the_right_strength_of_a_prior_would_have_been_supported():
    finding = k018_the_strength_of_a_prior.judged(lab_of(fits=4), strength=polynomials.right)
    assert finding.judgement.verdict == Verdict.SUPPORTED


def test_roughness_is_the_integral_of_the_squared_second_derivative():
    weights = np.random.default_rng(0).normal(size=(3, polynomials.DEGREE + 1))
    for row, found in zip(weights, polynomials.roughness(weights), strict=True):
        series = Legendre(row * np.sqrt(2 * np.arange(len(row)) + 1)).convert(kind=Polynomial)
        integral = (series.deriv(2) ** 2).integ()
        np.testing.assert_allclose(found, integral(1) - integral(-1), rtol=1e-6)


def test_bias_and_variance_of_ridge_are_their_closed_forms_along_every_eigenvector():
    """The fit is linear in the labels: its mean is the fit of the mean, its covariance sigma² SS' of S, the fits of unit labels."""
    x, mean, n = shrinkage.features(shrinkage.INPUTS), shrinkage.mean_at(shrinkage.INPUTS), shrinkage.NUM_EXAMPLES
    left, _, _ = np.linalg.svd(x, full_matrices=False)
    exact = shrinkage.exact_terms()
    for row, strength in enumerate(shrinkage.STRENGTHS):
        fit = learners.ridge(models.linear(n, intercept=False), float(strength))
        weights = np.asarray(fit({}, Dataset(jnp.asarray(x), jnp.eye(n), jnp.ones(n)))["params"]["weights"])
        np.testing.assert_allclose(left.T @ x @ weights @ mean, exact.mean_along[row], atol=1e-8)
        variance = shrinkage.NOISE_STD**2 * np.diag(left.T @ x @ weights @ weights.T @ x.T @ left)
        np.testing.assert_allclose(variance, exact.variance_along[row], rtol=1e-6)
        smoother = shrinkage.features(shrinkage.POINTS) @ weights
        bias = np.mean((smoother @ mean - shrinkage.mean_at(shrinkage.POINTS)) ** 2)
        np.testing.assert_allclose(bias, exact.bias_squared[row], rtol=1e-6, atol=1e-12)


def test_the_decomposition_of_ridge_agrees_with_its_closed_forms():
    result, exact = shrinkage.decomposed(shrinkage.weights(lab_of(runs=200))), shrinkage.exact_terms()
    for term, value in (("bias_squared", exact.bias_squared), ("total_variance", exact.variance)):
        assert (np.abs(result[term] - value) < 5 * result.standard_errors[term] + 1e-6).all()


def test_the_lasso_meets_its_optimality_conditions(key):
    """Slopes are of one size where weights are not zero, and no larger where they are."""
    keys = dict(zip(("data", "validation"), jax.random.split(key), strict=True))
    drawn = sparse.draw(keys, 2, 5.0, shape=(20, 6))
    weights, residual = sparse.proximal(drawn.train, 1.0, 0.3, 300)
    slopes = np.asarray(drawn.train.x.T @ (drawn.train.y[:, 0] - drawn.train.x @ weights)) / 20
    is_zero = np.asarray(weights) == 0
    assert 0 < is_zero.sum() < 6
    np.testing.assert_allclose(slopes[~is_zero], 0.3 * np.sign(weights)[~is_zero], atol=1e-8)
    assert (np.abs(slopes[is_zero]) <= 0.3 + 1e-8).all()
    assert residual < 1e-8


@pytest.mark.parametrize(("num_nonzero", "correlation"), [(1, 0.0), (5, 0.9), (50, 0.9)])
def test_truths_of_any_sparsity_have_the_signal_that_is_asked(key, num_nonzero, correlation):
    drawn = sparse.draw({"data": key, "validation": key}, num_nonzero, 5.0, correlation)
    np.testing.assert_allclose(drawn.truth @ drawn.covariance @ drawn.truth, 5.0, rtol=1e-6)
    assert (drawn.truth != 0).sum() == num_nonzero


def test_minima_of_independent_weights_are_those_of_each():
    """w²/2 - bw + s sqrt(|w|) has one beside zero if s < 4 (b/3)^(3/2), where its slope w - b + s/(2 sqrt(w)) turns."""
    limit = 4 * (2.0 / 3) ** 1.5
    for strength, expected in ((0.9 * limit, 4), (1.1 * limit, 1)):
        assert minima.num_minima(jnp.eye(3), jnp.array([2.0, 2.0, 0.1]), strength, 0.5) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", memory.FORMATS)
def test_formats_take_less_beyond_the_break_even_share_of_zeros(dtype, name):
    shape, generator = (64, 32), np.random.default_rng(0)
    limit = memory.break_even(shape, np.dtype(dtype).itemsize)[name]
    for share, is_smaller in ((limit - 0.01, False), (limit + 0.01, True)):
        kernel = np.ones(2048, dtype)
        kernel[: round(share * kernel.size)] = 0
        kernel = generator.permutation(kernel).reshape(shape)
        assert (memory.FORMATS[name](kernel) < memory.dense(kernel)) == is_smaller


@pytest.mark.parametrize(("depth", "expected"), [(2, 2.0), (3, 0.0)])
def test_the_hessian_at_zero_is_the_decay_and_with_two_layers_what_the_inputs_tell(depth, expected):
    """So zero is a minimum of two layers from the decay |X'y|/n on, and of three at any."""
    model = collapse.network(2, depth, is_tanh=False)
    x, y = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([[4.0], [0.0]])
    zero = jax.tree.map(jnp.zeros_like, model.init(jax.random.key(0), x)["params"])
    hessian = curvature.products.dense(
        curvature.hvp(lambda params: jnp.mean((model.apply({"params": params}, x) - y) ** 2) / 2, zero), zero
    )
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian)[[0, -1]], [-expected, expected], atol=1e-12)


@pytest.mark.thorough
def test_after_too_much_decay_two_linear_layers_come_back_and_three_stay_at_zero():
    is_above = collapse.RATIOS > 1
    two, three = (collapse.linear(lab_of(runs=3, steps=400), depth) for depth in (2, 3))
    assert (two[:, is_above, 0, 0] < 1e-3).all()
    assert (two[:, ~is_above, 0, 0] > 1e-1).all()
    np.testing.assert_allclose(two[:, :, 1, 1], np.broadcast_to(two[:, :1, 1, 1], two.shape[:2]), atol=1e-3)
    assert (three[:, is_above, 1, 0] < 1e-3).all()


@pytest.mark.thorough
@pytest.mark.parametrize("number", ["K017", "K023", "LQ1", "LQ2"])
def test_what_is_exact_holds_at_the_smallest_sizes(number):
    (entry,) = find.chosen([number], find.claims_below())
    assert find.load(entry).judged(Lab("penalties", entry.sizes("smallest"))).judgement.verdict == Verdict.EXACT


def test_the_strength_that_halves_is_the_smallest_or_else_the_last():
    active = np.array([[0.8, 0.8], [0.5, 0.7], [0.4, 0.6], [0.3, 0.5]])
    np.testing.assert_array_equal(halving(active), [2, 3])
