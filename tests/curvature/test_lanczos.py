import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.curvature.spectra import tridiagonalize

SIZE = 40
SPECTRA = {
    "twice the identity": np.full(SIZE, 2.0),
    "zero": np.zeros(SIZE),
    "rank five": np.r_[5.0, 4.0, 3.0, 2.0, 1.0, np.zeros(SIZE - 5)],
    "two triples": np.r_[np.full(3, 10.0), np.full(3, 1.0), np.zeros(SIZE - 6)],
    "two values": np.r_[np.full(11, 3.0), np.full(SIZE - 11, -1.0)],
    "laplacian": 2 - 2 * np.cos(np.arange(1, SIZE + 1) * np.pi / (SIZE + 1)),
}


def with_spectrum(values, dtype):
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, SIZE)))[0]
    return jnp.asarray((turn * values) @ turn.T, dtype)


@jax.jit
def run(matrix, key):
    start = jax.random.normal(key, (SIZE,), matrix.dtype)
    return tridiagonalize(jax.random.fold_in(key, 1), lambda v: matrix @ v, start, SIZE)


def matrix_of(result):
    beside = np.diag(np.asarray(result.betas[:-1], float), 1)
    return np.diag(np.asarray(result.alphas, float)) + beside + beside.T


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("name", SPECTRA)
def test_all_eigenvalues_appear_as_often_as_they_should_on_an_orthonormal_basis(name, dtype, key):
    matrix = with_spectrum(SPECTRA[name], dtype)
    result = run(matrix, key)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        np.linalg.eigvalsh(matrix_of(result)), np.sort(SPECTRA[name]), atol=30 * eps * np.abs(SPECTRA[name]).max()
    )
    np.testing.assert_allclose(result.basis @ result.basis.T, np.eye(SIZE), atol=10 * eps)


def test_the_tridiagonal_is_the_operator_seen_from_the_basis(key):
    matrix = with_spectrum(SPECTRA["laplacian"], jnp.float64)
    steps = 10
    result = jax.jit(lambda m: tridiagonalize(key, lambda v: m @ v, jnp.arange(1.0, SIZE + 1), steps))(matrix)
    np.testing.assert_allclose(result.basis @ matrix @ result.basis.T, matrix_of(result), atol=1e-13)
    np.testing.assert_allclose(result.basis[0], np.arange(1, SIZE + 1) / np.linalg.norm(np.arange(1, SIZE + 1)))
    outside = matrix @ result.basis[-1] - matrix_of(result)[-1] @ result.basis
    np.testing.assert_allclose(np.linalg.norm(outside), result.betas[-1], rtol=1e-12)


@pytest.mark.thorough
def test_a_start_that_spans_an_invariant_space_breaks_down_with_a_zero(key):
    diagonal = jnp.arange(1.0, SIZE + 1)
    start = jnp.zeros(SIZE).at[3].set(1.0).at[7].set(2.0)
    result = tridiagonalize(key, lambda v: diagonal * v, start, 5)
    assert result.betas[1] == 0
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix_of(result)[:2, :2]), [4, 8], rtol=1e-13)
    assert result.betas[2] > 0


@pytest.mark.thorough
def test_vmapped_runs_are_those_of_a_loop(key):
    matrices = jnp.stack([scale * with_spectrum(SPECTRA["laplacian"], jnp.float64) for scale in (1, 2)])
    together = jax.jit(jax.vmap(run, in_axes=(0, None)))(matrices, key)
    for index in range(2):
        np.testing.assert_allclose(together.alphas[index], run(matrices[index], key).alphas, atol=1e-8)


@pytest.mark.parametrize("steps", [0, SIZE + 1])
def test_steps_beyond_the_dimension_are_refused(steps, key):
    with pytest.raises(ValueError, match="expected between 1 and the dimension"):
        tridiagonalize(key, lambda v: v, jnp.ones(SIZE), steps)


def test_a_matvec_that_changes_the_type_is_refused(key):
    with pytest.raises(ValueError, match=r"float64.* to float32.*expected the same shape and type"):
        tridiagonalize(key, lambda v: v.astype(jnp.float32), jnp.ones(SIZE), 3)


@pytest.mark.thorough
def test_an_infinite_scale_breaks_nothing_down_and_shows_as_nan(key):
    spectrum = jnp.linspace(-1, 2, SIZE, dtype=jnp.float32)
    result = jax.jit(lambda s: tridiagonalize(key, lambda v: s * spectrum * v, jnp.ones_like(spectrum), 5))(3e38)
    assert np.isnan(result.alphas[1:]).all()
    assert np.isnan(result.betas[1:]).all()


@pytest.mark.parametrize("scale", [1e-30, 3e19, 1e37])
def test_scales_whose_squares_no_float_holds_change_nothing(scale, key):
    spectrum = jnp.linspace(-1, 2, SIZE, dtype=jnp.float32)

    @jax.jit
    def alphas(scale):
        return tridiagonalize(key, lambda v: scale * spectrum * v, jnp.ones_like(spectrum), 10).alphas / scale

    np.testing.assert_allclose(alphas(jnp.float32(scale)), alphas(jnp.float32(1)), atol=1e-5)
