"""Products, norms and negligible eigenvalues, in both precisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.rounding import negligible, product, vector_norm

DTYPES = pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])


@DTYPES
def test_the_computed_eigenvalues_of_a_singular_matrix_are_negligible_and_its_others_are_not(dtype, key):
    """A projection on 5 of 60 dimensions, times 1e6: 55 eigenvalues are zero but for rounding."""
    basis = jnp.linalg.qr(jax.random.normal(key, (60, 5), jnp.float64))[0]
    values = jnp.linalg.eigvalsh((1e6 * basis @ basis.T).astype(dtype))
    assert values.dtype == dtype
    assert int(jnp.sum(jnp.abs(values) <= negligible(values))) == 55


@DTYPES
def test_the_extreme_eigenvalues_and_the_dimension_say_the_same_as_all_eigenvalues(dtype):
    values = jnp.linspace(-3.0, 2.0, 49, dtype=dtype)
    ends = negligible(values[jnp.array([0, -1])], size=jnp.int32(49))
    np.testing.assert_allclose(ends, negligible(values), rtol=4 * jnp.finfo(dtype).eps)
    np.testing.assert_allclose(negligible(values), 10 * jnp.finfo(dtype).eps * 3 * 7, rtol=4 * jnp.finfo(dtype).eps)


def test_the_factor_may_be_traced():
    values = jnp.array([1.0, -2.0])
    swept = jax.vmap(lambda factor: negligible(values, factor=factor))(jnp.array([10.0, 20.0]))
    np.testing.assert_allclose(swept, [negligible(values), 2 * negligible(values)])


@DTYPES
@pytest.mark.parametrize("place", ["tiny", "small", "one", "large", "max", "zero", "inf", "nan"])
def test_norms_neither_overflow_nor_underflow(place, dtype):
    limits = np.finfo(dtype)
    sizes = {"tiny": limits.tiny, "small": limits.tiny**0.5, "one": 1, "large": limits.max**0.5, "max": limits.max / 8}
    size = {**sizes, "zero": 0, "inf": np.inf, "nan": np.nan}[place]
    norm = vector_norm(jnp.array([3, 4], dtype) * jnp.asarray(size, dtype))
    assert norm.dtype == dtype
    np.testing.assert_allclose(norm, 5 * size, rtol=4 * limits.eps)


def test_a_product_is_asked_for_in_the_precision_of_its_type():
    text = str(jax.make_jaxpr(product)(jnp.ones((2, 2), jnp.float32), jnp.ones((2, 2), jnp.float32)))
    assert "HIGHEST" in text
