"""Eigenpairs of many parameters in float32: memory, and sums that keep a basis orthogonal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import curvature
from jaxdl.curvature.spectra.eigenpairs import _refuse_too_large, _rotated
from jaxdl.rounding import SLAB, along, vector_norm

OUTLIERS = np.arange(10) - 4.5


def diagonal(size):
    """Ten outliers over a bulk that ends at a tenth."""
    return jnp.linspace(-0.1, 0.1, size, dtype=jnp.float32).at[:10].set(jnp.asarray(OUTLIERS, jnp.float32))


def of(diagonal):
    return curvature.eigenpairs(lambda v: diagonal * v, diagonal, jax.random.key(0))


@pytest.mark.parametrize("size", [10**6, 10**8])
def test_eigenpairs_hold_one_basis(size):
    """A basis of 60 and the row behind it, twice ten pairs, and less than ten vectors besides; no second basis."""
    compiled = jax.jit(of).lower(jax.ShapeDtypeStruct((size,), jnp.float32)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < (61 + 20) * 4 * size


@pytest.mark.thorough
@pytest.mark.parametrize("size", [10**5, 10**6])
def test_right_pairs_of_many_parameters_are_called_converged(size):
    found = of(diagonal(size))
    expected = np.concatenate([OUTLIERS[:4:-1], OUTLIERS[4::-1]])
    assert found.converged.all()
    np.testing.assert_array_less(np.abs(found.values - expected), found.residual_bounds)
    vectors = np.asarray(found.vectors, np.float64)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(10), atol=100 * 2.0**-23)


def test_long_sums_keep_the_digits_of_their_type():
    """Of 1e6 numbers of one size the plain sum of squares on CPUs is off by hundreds of units of rounding."""
    rows = jax.random.normal(jax.random.key(1), (3, 10**6 + 7), jnp.float32)
    exact = np.asarray(rows, np.float64)
    np.testing.assert_allclose(along(rows, rows[0])[0], exact[0] @ exact[0], rtol=20 * 2.0**-23)
    np.testing.assert_allclose(vector_norm(rows), np.linalg.norm(exact, axis=1), rtol=20 * 2.0**-23)


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_basis_is_rotated_in_slabs_as_at_once(is_kept):
    key_basis, key_rotation = jax.random.split(jax.random.key(2))
    basis = jax.random.normal(key_basis, (6, 2 * SLAB + 5), jnp.float32)
    rotation = jax.random.normal(key_rotation, (5, 2), jnp.float32)
    found = _rotated(basis, rotation, is_kept=is_kept)
    expected = basis[:2] if is_kept else rotation.T @ basis[:5]
    np.testing.assert_allclose(found[:2], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found[2:], basis[2:])


def test_what_does_not_fit_is_refused_before_it_starts(unchecked):
    zeros = jax.ShapeDtypeStruct((10**8,), jnp.float32)
    with pytest.raises(ValueError, match=r"basis_size=60 for 100000000 parameters, which takes 28.7 GiB .* the 24 GiB"):
        _refuse_too_large(60, 10, zeros, {"bytes_limit": 24 * 2**30})
    _refuse_too_large(60, 10, zeros, {"bytes_limit": 60 * 2**30})
    _refuse_too_large(60, 10, zeros, None)
