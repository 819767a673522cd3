import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxdl.curvature.spectra.under_vmap import anywhere, eigh


def made_positive(x):
    return lax.cond(anywhere(x < 0), lambda: jnp.where(x < 0, 0, x), lambda: x)


@pytest.mark.parametrize("lowest", [-1.0, 1.0])
def test_a_branch_stays_one_under_nested_vmaps_and_changes_nobody_else(lowest):
    x = jnp.array([[1.0, lowest], [2.0, 3.0]])
    branch = jax.jit(jax.vmap(jax.vmap(made_positive)))
    np.testing.assert_array_equal(branch(x), np.maximum(x, 0))
    assert "stablehlo.case" in branch.lower(x).as_text()


def test_a_branch_stays_one_in_a_loop_and_has_derivatives():
    def looped(x):
        return lax.scan(lambda x, _: (made_positive(x - 1), None), x, None, length=3)[0]

    x = jnp.array([1.5, 4.0])
    assert "stablehlo.case" in jax.jit(jax.vmap(looped)).lower(x).as_text()
    np.testing.assert_array_equal(jax.grad(lambda x: jax.vmap(looped)(x).sum())(x), [0.0, 1.0])


def test_decompositions_are_those_of_each_matrix_alone_one_by_one():
    matrices = jax.random.normal(jax.random.key(0), (2, 3, 5, 5), jnp.float32)
    nested = jax.jit(jax.vmap(jax.vmap(eigh)))
    values, vectors = nested(matrices)
    for index in np.ndindex(2, 3):
        alone = jax.jit(eigh)(matrices[index])
        np.testing.assert_array_equal(values[index], alone[0])
        np.testing.assert_array_equal(vectors[index], alone[1])
    upper = np.triu(np.asarray(matrices, float))
    expected = np.linalg.eigvalsh(upper + np.swapaxes(np.triu(upper, 1), -1, -2))
    np.testing.assert_allclose(values, expected, atol=20 * np.finfo(np.float32).eps * np.abs(expected).max())
    calls = re.findall(r"@lapack_.* : \((.*?)\) ->", nested.lower(matrices).as_text())
    assert calls
    assert all(call == "tensor<5x5xf32>" for call in calls)


@pytest.mark.thorough
def test_derivatives_of_decompositions_are_those_of_the_symmetric_matrix():
    matrices = jax.random.normal(jax.random.key(1), (3, 4, 4))
    weights = jax.random.normal(jax.random.key(2), (4, 4))

    def of(decompose):
        def total(matrix):
            values, vectors = decompose(matrix)
            return jnp.sum(jnp.sin(values)) + jnp.sum(weights * vectors**2)

        return lambda matrix: total(matrix + matrix.T)

    ours = jax.vmap(jax.grad(of(eigh)))(matrices)
    theirs = jax.vmap(jax.grad(of(jnp.linalg.eigh)))(matrices)
    np.testing.assert_allclose(ours, theirs, atol=1e-10)
    outside = jax.grad(lambda matrices: jax.vmap(of(eigh))(matrices).sum())(matrices)
    np.testing.assert_allclose(outside, theirs, atol=1e-10)


def test_equal_eigenvalues_leave_the_derivative_finite():
    gradient = jax.grad(lambda matrix: eigh(matrix)[1][0, 0] ** 2 + eigh(matrix)[0].sum())(jnp.eye(3))
    np.testing.assert_allclose(gradient, np.eye(3), atol=1e-12)
