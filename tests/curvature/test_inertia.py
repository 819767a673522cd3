"""Inertia at critical points whose index is known, and against what bounds it."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.curvature import hvp, inertia
from jaxdl.curvature.spectra import inertia_of

INPUTS, HIDDEN = 8, 3
VARIANCES = np.array([8.0, 6.5, 5.0, 4.2, 3.0, 2.1, 1.3, 0.6])
STRATA = [s for r in range(HIDDEN + 1) for s in itertools.combinations(range(INPUTS), r)]
SIZE = 2 * INPUTS * HIDDEN


def autoencoder_loss(weights):
    gap = jnp.eye(INPUTS) - weights["decoder"] @ weights["encoder"]
    return jnp.sum(gap**2 * jnp.asarray(VARIANCES)[None]) / 2


def critical_point(stratum):
    """The encoder keeps the principal directions of the stratum, and the decoder returns them."""
    kept = np.zeros((HIDDEN, INPUTS))
    kept[range(len(stratum)), stratum] = 1
    return {"encoder": kept, "decoder": kept.T.copy()}


def exact_counts(stratum):
    """Negative, zero and positive eigenvalues in closed form (Baldi and Hornik, 1989)."""
    others = [j for j in range(INPUTS) if j not in stratum]
    unused = HIDDEN - len(stratum)
    larger = sum(VARIANCES[j] > VARIANCES[i] for i in stratum for j in others)
    negative = larger + unused * len(others)
    zero = len(stratum) ** 2 + 2 * unused * len(stratum)
    return negative, zero, SIZE - negative - zero


@jax.jit
def exact(weights):
    return inertia(hvp(autoencoder_loss, weights), weights, jax.random.key(0))


@jax.jit
def banded(weights, key):
    return inertia(hvp(autoencoder_loss, weights), weights, key, dense_size=0, num_steps=20, error_probability=1e-6)


@pytest.fixture(scope="module")
def points():
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(critical_point, STRATA))


def test_all_strata_of_the_linear_autoencoder_have_their_exact_inertia(points):
    result = jax.jit(jax.vmap(exact))(points)
    expected = np.array([exact_counts(stratum) for stratum in STRATA])
    for found in (result.counts, result.low, result.high):
        np.testing.assert_array_equal(np.stack(found, axis=1), expected)


def test_inertia_survives_a_change_of_basis_of_the_hidden_units():
    """Sylvester: W2 C and C^-1 W1 compute the same function, at another spectrum."""
    mixing = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0], [1.0, 0.0, 1.0]])
    for stratum in ((0, 1), (1, 4, 6)):
        point = critical_point(stratum)
        moved = {"encoder": np.linalg.solve(mixing, point["encoder"]), "decoder": point["decoder"] @ mixing}
        result = exact(jax.tree.map(jnp.asarray, moved))
        np.testing.assert_array_equal(np.stack(result.counts), exact_counts(stratum))


@pytest.mark.thorough
def test_bounds_without_the_matrix_contain_the_exact_counts(points):
    keys = jax.random.split(jax.random.key(1), len(STRATA))
    result = jax.jit(jax.vmap(banded))(points, keys)
    expected = np.array([exact_counts(stratum) for stratum in STRATA])
    low, high = (np.stack(bound, axis=1) for bound in (result.low, result.high))
    assert (low <= expected).all()
    assert (expected <= high).all()
    assert (low <= np.stack(result.counts, axis=1)).all()
    assert (np.stack(result.counts, axis=1) <= high).all()
    assert np.mean(high - low) < 0.6 * SIZE  # with 8 probes of 48 dimensions, and no failure in a million
    np.testing.assert_array_equal(np.sum(np.stack(result.counts), axis=0), SIZE)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_large_operators_of_one_sign_or_none_have_no_other_eigenvalues(dtype):
    @jax.jit
    def run(values):
        return inertia(lambda v: values * v, jnp.zeros_like(values), jax.random.key(0), dense_size=0, num_steps=24)

    positive, zero = run(jnp.linspace(1, 3, 300, dtype=dtype)), run(jnp.zeros(300, dtype))
    assert tuple(positive.counts) == tuple(positive.low) == tuple(positive.high) == (0, 0, 300)
    assert tuple(zero.counts) == tuple(zero.low) == tuple(zero.high) == (0, 300, 0)


def test_a_monkey_saddle_is_degenerate_twice(key):
    result = inertia(hvp(lambda w: w[0] ** 3 - 3 * w[0] * w[1] ** 2, jnp.zeros(2)), jnp.zeros(2), key)
    assert tuple(result.counts) == (0, 2, 0)


def test_the_tolerance_is_rounding_times_the_norm_and_may_be_swept():
    values = jnp.array([4.0, 1.0, -1e-9, -1e-3])
    assert inertia_of(values).tolerance == 10 * np.finfo(float).eps * 4 * 2
    factors = jnp.array([10.0, 1e8, 1e13])
    counts = jax.jit(jax.vmap(lambda factor: inertia_of(values, factor=factor).counts))(factors)
    np.testing.assert_array_equal(np.stack(counts, axis=1), [[2, 0, 2], [1, 1, 2], [0, 2, 2]])


def test_the_curve_counts_what_lies_below_each_tolerance():
    values = jnp.asarray(np.random.default_rng(0).normal(size=50) * 10.0 ** -np.arange(50))
    curve = inertia_of(values).curve
    np.testing.assert_array_equal(curve.negative, [np.sum(values < -tolerance) for tolerance in curve.tolerances])
    np.testing.assert_allclose(curve.tolerances[-1], np.max(np.abs(values)), rtol=1e-12)
    assert np.all(np.diff(curve.negative) <= 0)
    np.testing.assert_array_equal(curve.low, curve.high)


@pytest.mark.thorough
def test_a_hessian_that_is_not_finite_has_no_inertia(key):
    def loss(w):
        return jnp.sum(jnp.abs(w) ** 1.5)

    for dense_size in (0, 10):
        found = jax.jit(lambda w, d=dense_size: inertia(hvp(loss, w), w, key, dense_size=d, num_steps=2))(jnp.zeros(3))
        assert tuple(found.counts) == (-1, -1, -1)
        assert tuple(found.low) == (0, 0, 0)
        assert tuple(found.high) == (3, 3, 3)
        assert (found.curve.negative == -1).all()
        with pytest.raises(ValueError, match="NaN"):
            inertia(hvp(loss, jnp.zeros(3)), jnp.zeros(3), key, dense_size=dense_size, num_steps=2)
    with pytest.raises(ValueError, match="NaN or infinite"):
        inertia_of(jnp.array([1.0, jnp.nan]))


@pytest.mark.parametrize("dense_size", [0, 10])
def test_an_asymmetric_operator_is_refused(dense_size, key):
    matrix = jnp.array([[1.0, 0.5], [0.0, 2.0]])
    with pytest.raises(ValueError, match="is the operator symmetric"):
        inertia(lambda v: matrix @ v, jnp.zeros(2), key, dense_size=dense_size)


def test_the_error_probability_may_be_an_array():
    scales = jnp.arange(60.0)
    results = [
        inertia(lambda v: scales * v, scales, jax.random.key(0), dense_size=10, num_steps=8, error_probability=each)
        for each in (0.125, np.array(0.125), jnp.array(0.125))
    ]
    for other in results[1:]:
        jax.tree.map(np.testing.assert_array_equal, results[0], other)
