"""Trace, diagonal and Frobenius norm against matrices of known spectra, and their standard errors against their errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.curvature import trace
from jaxdl.curvature.spectra import diagonal, squared_frobenius_norm

SIZE = 60
NUM_SEEDS = 500
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, SIZE)))[0]
INDEX = np.arange(SIZE)
SPECTRA = {
    "indefinite and flat": np.linspace(-1, 1.5, SIZE),
    "indefinite and decaying": 0.8**INDEX * (-1.0) ** INDEX,
    "outliers and bulk": np.r_[50, 30, 20, -10, np.linspace(-0.5, 1, SIZE - 4)],
    "rank five": np.r_[5, 4, 3, -2, 1, np.zeros(SIZE - 5)],
    "twice the identity": np.full(SIZE, 2.0),
    "zero": np.zeros(SIZE),
}
ESTIMATORS = {
    trace: np.trace,
    squared_frobenius_norm: lambda matrix: np.sum(matrix**2),
    diagonal: np.diagonal,
}


def with_spectrum(values):
    return (TURN * values) @ TURN.T


def laplacian(size):
    return 2 * np.eye(size) - np.eye(size, k=1) - np.eye(size, k=-1)


def circulant(size):
    first = np.zeros(size)
    first[:4] = 3.0, -1.0, 0.5, 0.25
    matrix = np.stack([np.roll(first, shift) for shift in range(size)])
    return (matrix + matrix.T) / 2


@jax.jit
def over_seeds(matrix, keys):
    """Every estimate with 8 probes, for every key."""
    like = jnp.zeros(matrix.shape[0], matrix.dtype)

    def one(key):
        return [estimator(lambda v: matrix @ v, like, key, num_probes=8) for estimator in ESTIMATORS]

    return jax.lax.map(one, keys, batch_size=100)


@pytest.fixture(scope="module")
def studies():
    keys = jax.random.split(jax.random.key(1), NUM_SEEDS)
    return {name: over_seeds(jnp.asarray(with_spectrum(values)), keys) for name, values in SPECTRA.items()}


@pytest.mark.parametrize("make", [laplacian, circulant])
@pytest.mark.parametrize(("estimator", "truth"), ESTIMATORS.items())
def test_estimates_are_exact_where_the_probes_suffice(estimator, truth, make, key):
    matrix = make(20)
    result = estimator(lambda v: jnp.asarray(matrix) @ v, jnp.zeros(20), key, num_probes=10)
    np.testing.assert_allclose(result.estimate, truth(matrix), atol=1e-12)
    np.testing.assert_array_equal(result.standard_error, np.zeros_like(truth(matrix)))
    assert result.num_matvecs == 20


@pytest.mark.thorough
@pytest.mark.parametrize("make", [laplacian, circulant])
def test_estimates_are_within_four_standard_errors_elsewhere(make):
    matrix = make(SIZE)
    results = over_seeds(jnp.asarray(matrix), jax.random.split(jax.random.key(0), NUM_SEEDS))
    for result, truth in zip(results, ESTIMATORS.values(), strict=True):
        deviations = np.abs(np.asarray(result.estimate) - truth(matrix)) / np.asarray(result.standard_error)
        # Student's t with 7 degrees of freedom exceeds 4 in 0.5 % of all draws.
        assert np.mean(deviations > 4) < 0.02
        assert np.all(np.asarray(result.standard_error) > 0)
        assert np.all(result.num_matvecs == 16)


@pytest.mark.parametrize("name", ["indefinite and flat", "indefinite and decaying", "outliers and bulk"])
@pytest.mark.parametrize("position", range(len(ESTIMATORS)))
def test_estimates_have_no_bias_and_standard_errors_are_neither_too_small_nor_far_too_large(name, position, studies):
    result, truth = studies[name][position], list(ESTIMATORS.values())[position](with_spectrum(SPECTRA[name]))
    errors = np.asarray(result.estimate) - truth
    # A mean over the seeds is normal; of all entries of a diagonal at once, 5 is as rare as 4 of one number.
    limit = 4 if np.ndim(truth) == 0 else 5
    assert np.all(np.abs(errors.mean(0)) < limit * errors.std(0) / NUM_SEEDS**0.5)
    ratio = np.mean(np.square(result.standard_error)) / np.mean(errors**2)
    # The sampling error of the ratio, from the scatter over seeds of the squares in it.
    squares = np.square(errors).reshape(NUM_SEEDS, -1).mean(1)
    uncertainty = 4 * squares.std() / squares.mean() / NUM_SEEDS**0.5
    assert 1 - uncertainty < ratio < 2 + uncertainty


def test_the_variance_is_unbiased_where_the_scatter_of_the_estimates_is_a_fifth_too_small(studies):
    """Of a flat spectrum no bound on the variance takes effect; 0.81 is the measured ratio without the correction."""
    result = studies["indefinite and flat"][0]
    errors = np.asarray(result.estimate) - SPECTRA["indefinite and flat"].sum()
    uncertainty = 4 * (2 / NUM_SEEDS) ** 0.5 * 0.5
    assert abs(np.mean(np.square(result.standard_error)) / np.mean(errors**2) - 1) < uncertainty


@pytest.mark.parametrize("name", ["rank five", "zero"])
def test_what_lies_in_the_span_of_the_products_is_exact(name, studies):
    matrix = with_spectrum(SPECTRA[name])
    for result, truth in zip(studies[name], ESTIMATORS.values(), strict=True):
        np.testing.assert_allclose(result.estimate, np.broadcast_to(truth(matrix), result.estimate.shape), atol=1e-12)
        assert np.max(result.standard_error) < 1e-12


def test_trace_and_norm_of_a_multiple_of_the_identity_are_exact(studies):
    for result, truth in zip(studies["twice the identity"][:2], (2 * SIZE, 4 * SIZE), strict=True):
        np.testing.assert_allclose(result.estimate, truth, rtol=1e-12)
        assert np.max(result.standard_error) < 1e-11


def test_the_diagonal_adds_up_to_the_trace_without_bias(studies):
    """A sharper test of it than each of its entries."""
    errors = np.sum(studies["twice the identity"][2].estimate, axis=1) - 2 * SIZE
    assert abs(errors.mean()) < 4 * errors.std() / NUM_SEEDS**0.5
    assert 8 * errors.std() / NUM_SEEDS**0.5 < 2  # so that one eigenvalue too many would show


def test_an_operator_need_not_be_symmetric():
    matrix = jnp.asarray(np.random.default_rng(1).normal(size=(SIZE, SIZE)))
    results = over_seeds(matrix, jax.random.split(jax.random.key(2), NUM_SEEDS))
    for result, truth in zip(results, ESTIMATORS.values(), strict=True):
        errors = np.asarray(result.estimate) - truth(np.asarray(matrix))
        assert np.all(np.abs(errors.mean(0)) < 5 * errors.std(0) / NUM_SEEDS**0.5)


@pytest.mark.thorough
def test_pytrees_and_types_are_kept_and_a_batch_equals_its_members(key):
    scales = jnp.linspace(1, 2, 3, dtype=jnp.float32)
    like = {"bias": jnp.zeros(4, jnp.float32), "kernel": jnp.zeros((5, 6), jnp.float32)}

    def run(scale):
        def matvec(v):
            return {"bias": scale * v["bias"] + jnp.mean(v["kernel"]), "kernel": v["kernel"] + jnp.mean(v["bias"]) / 9}

        return [estimator(matvec, like, key, num_probes=2) for estimator in ESTIMATORS]

    batch, single = jax.jit(jax.vmap(run))(scales), jax.jit(run)
    for i, scale in enumerate(scales):
        for of_batch, alone, estimator in zip(batch, single(scale), ESTIMATORS, strict=True):
            structure = jax.tree.structure(like if estimator is diagonal else 0)
            assert jax.tree.structure(alone.estimate) == jax.tree.structure(alone.standard_error) == structure
            assert {leaf.dtype for leaf in jax.tree.leaves(alone[:2])} == {jnp.dtype("float32")}
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a[i], b, rtol=1e-4, atol=1e-4), of_batch, alone)  # noqa: B023


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_probe_has_no_standard_error(estimator, key):
    with pytest.raises(ValueError, match="got num_probes=1, expected a whole number of 2 or more"):
        estimator(lambda v: v, jnp.zeros(3), key, num_probes=1)
