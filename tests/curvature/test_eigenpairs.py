import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.sparse.linalg import LinearOperator, eigsh

from jaxdl import learners, losses, models, objectives
from jaxdl.curvature import eigenpairs, hvp
from jaxdl.curvature.products import dense, hvp_over
from jaxdl.types import Dataset

SIZE = 150
TOLERANCE = {jnp.float32: 1e-5, jnp.float64: 1e-10}
RANDOM = np.random.default_rng(0)
SPECTRA = {
    "twice the identity": np.full(SIZE, 2.0),
    "zero": np.zeros(SIZE),
    "rank five": np.r_[5.0, 4.0, 3.0, 2.0, 1.0, np.zeros(SIZE - 5)],
    "two triples": np.r_[np.full(3, 10.0), np.full(3, 1.0), np.zeros(SIZE - 6)],
    "two values": np.r_[np.full(60, 3.0), np.full(SIZE - 60, -1.0)],
    "laplacian": 2 - 2 * np.cos(np.arange(1, SIZE + 1) * np.pi / (SIZE + 1)),
    "pairs of signs": np.r_[1.0, -0.999, 0.5, -0.5, 0.1 * RANDOM.normal(size=SIZE - 4)],
    "triples in a bulk": np.repeat(RANDOM.normal(size=SIZE // 3), 3),
}


def with_spectrum(values, dtype):
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(SIZE, SIZE)))[0]
    return jnp.asarray((turn * values) @ turn.T, dtype)


def search(matrix, key, max_cycles=100):
    """By Lanczos, though the matrix is small enough to be decomposed."""
    tolerance = TOLERANCE[matrix.dtype.type]
    return eigenpairs(lambda v: matrix @ v, matrix[0], key, tolerance=tolerance, dense_size=0, max_cycles=max_cycles)


run = jax.jit(search, static_argnames="max_cycles")
run_together = jax.jit(jax.vmap(search))


def ends(values, top=5, bottom=5):
    decreasing = np.sort(values)[::-1]
    return np.r_[decreasing[:top], decreasing[len(decreasing) - bottom :]]


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("name", SPECTRA)
def test_nothing_is_wrong_and_nothing_is_falsely_certified(name, dtype, key):
    norm = np.abs(SPECTRA[name]).max()
    eps = np.finfo(dtype).eps
    matrix = with_spectrum(SPECTRA[name], dtype)
    pairs = run(matrix, key)
    assert np.all(pairs.converged)
    # An eigenvalue is as far off as the square of its residual, were arithmetic exact.
    np.testing.assert_allclose(pairs.values, ends(SPECTRA[name]), atol=30 * eps * norm, rtol=0)
    vectors = np.asarray(pairs.vectors, float)
    residuals = np.linalg.norm(vectors @ np.asarray(matrix, float) - pairs.values[:, None] * vectors, axis=1)
    assert np.all(residuals <= pairs.residual_bounds)
    assert np.all(pairs.residual_bounds <= TOLERANCE[dtype] * norm * (1 + 10 * eps))
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(10), atol=50 * eps)
    np.testing.assert_allclose(pairs.norm, norm, rtol=1e-3)


@pytest.mark.thorough
def test_an_unfinished_search_certifies_only_what_is_right(key):
    matrix = with_spectrum(SPECTRA["laplacian"], jnp.float64)
    pairs = run(matrix, key, max_cycles=2)
    assert not np.any(pairs.converged)
    errors = np.abs(np.asarray(pairs.values)[:, None] - SPECTRA["laplacian"][None, :]).min(axis=1)
    assert np.all(errors <= pairs.residual_bounds)
    assert pairs.residual_bounds.max() > 1e-4


@pytest.mark.thorough
def test_a_member_is_the_same_beside_itself_and_beside_slower_ones(key):
    names = ["two triples", "pairs of signs", "laplacian"]
    matrices = [with_spectrum(SPECTRA[name], jnp.float64) for name in names]
    keys = jnp.stack([key] * 3)
    together = run_together(jnp.stack(matrices), keys)
    assert len(set(together.num_matvecs.tolist())) == 3
    for member, matrix in enumerate(matrices):
        among_its_own = run_together(jnp.stack([matrix] * 3), keys)
        for one, other in zip(together, among_its_own, strict=True):
            np.testing.assert_array_equal(one[member], other[member])
        alone = run(matrix, key)
        assert alone.num_matvecs == together.num_matvecs[member]
        np.testing.assert_array_equal(alone.converged, together.converged[member])
        np.testing.assert_allclose(alone.values, together.values[member], atol=1e-12)


@pytest.mark.thorough
def test_dense_and_iterative_answers_agree_on_pytrees(key):
    def loss(params):
        hidden = jnp.tanh(params["in"] @ jnp.linspace(-1, 1, 5))
        return jnp.sum(jnp.sin(params["out"] @ hidden) ** 2)

    params = {"in": jax.random.normal(key, (8, 5)), "out": jnp.cos(jnp.arange(16.0)).reshape(2, 8)}

    @jax.jit
    def both(params):
        matvec = hvp(loss, params)
        small = {"top": 2, "bottom": 1, "tolerance": 1e-10}
        iterative = eigenpairs(matvec, params, key, dense_size=0, basis_size=30, **small)
        return iterative, eigenpairs(matvec, params, key, **small), jax.vmap(matvec)(iterative.vectors)

    iterative, exact, images = both(params)
    assert np.all(iterative.converged)
    assert np.all(exact.converged)
    assert exact.num_matvecs == 56
    np.testing.assert_allclose(iterative.values, exact.values, atol=1e-12)
    for name, leaf in iterative.vectors.items():
        assert leaf.shape == (3, *params[name].shape)
        scaled = iterative.values.reshape(3, 1, 1) * leaf
        np.testing.assert_allclose(images[name], scaled, atol=1e-10 * float(iterative.norm))


@pytest.mark.thorough
def test_a_warm_start_saves_products(key):
    matrix = with_spectrum(SPECTRA["laplacian"], jnp.float64)
    vectors = np.linalg.eigh(matrix)[1]

    @jax.jit
    def top_two(start):
        return eigenpairs(
            lambda v: matrix @ v, matrix[0], key, top=2, bottom=0, basis_size=20, dense_size=0, start=start
        )

    cold, warm = top_two(jnp.ones(SIZE)), top_two(jnp.asarray(vectors[:, -1] + vectors[:, -2]))
    assert warm.num_matvecs < 0.6 * cold.num_matvecs
    np.testing.assert_allclose(warm.values, cold.values, atol=1e-8)
    # A start that is of no use is replaced.
    for useless in (0.0, jnp.nan):
        assert np.all(top_two(jnp.full(SIZE, useless)).converged)


@pytest.mark.thorough
def test_an_asymmetric_operator_and_nan_are_refused_where_known_and_uncertified_under_jit(key):
    matrix = with_spectrum(SPECTRA["two values"], jnp.float64) + jnp.triu(jnp.full((SIZE, SIZE), 0.01))
    with pytest.raises(ValueError, match="is the operator symmetric"):
        search(matrix, key)
    assert not np.any(run(matrix, key).converged)
    with pytest.raises(ValueError, match="NaN"):
        search(matrix.at[3, 3].set(jnp.nan), key)
    assert not np.any(run(matrix.at[3, 3].set(jnp.nan), key).converged)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"top": 3, "bottom": 2}, "dimension 4, expected one pair or more, and no more than dimensions"),
        ({"top": 0, "bottom": 0}, "expected one pair or more"),
        ({"top": -1}, "got top=-1, expected a whole number of 0 or more"),
        ({"top": 1, "bottom": 1, "tolerance": 1e-16}, "float64 certifies nothing"),
        ({"top": 1, "bottom": 1, "max_cycles": 1}, "one to find pairs, and one to confirm"),
        ({"top": 1, "bottom": 1, "basis_size": 3}, "expected at least top \\+ bottom \\+ 2 = 4"),
    ],
)
def test_impossible_requests_are_refused(arguments, message, key):
    with pytest.raises(ValueError, match=message):
        eigenpairs(lambda v: v, jnp.ones(4), key, **arguments)


@pytest.mark.parametrize(
    ("matvec", "like", "message"),
    [
        (lambda v: v, jnp.arange(4), "real floats of one type"),
        (lambda v: v, jnp.ones(4, complex), "real floats of one type"),
        (lambda v: v, {"a": jnp.ones(2), "b": jnp.ones(2, jnp.float32)}, "float32 and float64"),
        (lambda v: v, {}, "at least one parameter"),
        (lambda v: (v,), jnp.ones(4), "structure, shapes and type"),
        (lambda v: v[:2], jnp.ones(4), "structure, shapes and type"),
        (lambda v: v.astype(jnp.float32), jnp.ones(4), "structure, shapes and type"),
        (lambda v: v, jnp.ones(4, jnp.float16), "expected float32 or float64"),
    ],
)
def test_operators_of_the_wrong_form_are_refused(matvec, like, message, key):
    with pytest.raises(ValueError, match=message):
        eigenpairs(matvec, like, key, top=1, bottom=1)


@pytest.mark.thorough
def test_both_ends_of_a_trained_network_cost_half_the_products_of_arpack(key):
    """In float32, to residuals of 1e-5 of the norm, against SciPy's `eigsh(which="BE")` stopped at the same residual.

    SciPy's basis is its default, of 2 k + 1 vectors; ours has 40. The last 40 products confirm what was found.
    """
    x = jax.random.normal(key, (200, 8), jnp.float32)
    data = Dataset(x, jnp.sin(2 * x[:, :3]), jnp.ones(200, jnp.float32))
    model = models.mlp([16, 16], 3, activation=jnp.tanh)
    risk = objectives.evaluation_risk(model, losses.half_squared_error)
    learner = learners.gradient_descent(model, risk, optax.adam(jnp.float32(0.01)), num_steps=200)

    @jax.jit
    @jax.vmap
    def members(key):
        variables = learner({"init": key}, data)
        params = variables["params"]
        matvec = hvp_over(model, losses.half_squared_error, variables, data)
        return eigenpairs(matvec, params, key, tolerance=1e-5), dense(matvec, params, chunk_size=50)

    pairs, hessians = members(jax.random.split(key, 2))
    assert np.all(pairs.converged)
    for member, hessian in enumerate(np.asarray(hessians)):
        assert hessian.dtype == np.float32
        exact = np.linalg.eigvalsh(hessian.astype(float))
        norm = np.abs(exact).max()
        np.testing.assert_allclose(pairs.values[member], ends(exact), atol=1e-5 * norm)
        assert np.all(pairs.residual_bounds[member] <= 1e-5 * norm)
        num_matvecs, residual, looseness = 0, 1.0, 1 / 64

        def product(vector, hessian=hessian):
            nonlocal num_matvecs
            num_matvecs += 1
            return hessian @ vector.ravel()

        while residual > 1e-5:  # the loosest of ARPACK's tolerances, which are relative to each value, that does
            num_matvecs, looseness = 0, looseness / 2
            operator = LinearOperator(hessian.shape, matvec=product, dtype=np.float32)
            start = np.random.default_rng(0).normal(size=len(hessian)).astype(np.float32)
            values, vectors = eigsh(operator, k=10, which="BE", tol=looseness, v0=start, maxiter=10_000)
            residual = np.linalg.norm(hessian.astype(float) @ vectors - vectors * values, axis=0).max() / norm
        assert pairs.num_matvecs[member] <= 0.5 * num_matvecs


@pytest.mark.thorough
@pytest.mark.parametrize("dense_size", [0, 200])
def test_a_norm_that_overflows_is_never_certified_and_a_square_that_does_changes_nothing(dense_size, key):
    shape = jnp.linspace(-1, 2, 160, dtype=jnp.float32)

    @jax.jit
    def extremes(scale):
        return eigenpairs(lambda v: scale * shape * v, shape, key, top=1, bottom=1, dense_size=dense_size)

    for scale in (1e-21, 3e19):  # |A q|² is 0 or infinite
        pairs = extremes(jnp.float32(scale))
        assert np.all(pairs.converged)
        np.testing.assert_allclose(pairs.values / np.float32(scale), [2, -1], rtol=1e-4)
    assert not np.any(extremes(jnp.float32(3e38)).converged)


@pytest.mark.thorough
def test_tiny_operators_are_measured_and_those_without_digits_refused_for_what_they_are(key):
    shape = jnp.linspace(-1, 2, 50, dtype=jnp.float32)
    pairs = eigenpairs(lambda v: jnp.float32(1e-21) * shape * v, shape, key, top=1, bottom=1)
    np.testing.assert_allclose(np.asarray(pairs.values) * 1e21, [2, -1], rtol=1e-4)
    with pytest.raises(ValueError, match="scale the function up"):
        eigenpairs(lambda v: jnp.full_like(v, 1e-44), shape, key, top=1, bottom=1)


@pytest.mark.parametrize("start", [{"a": jnp.ones(4)}, jnp.ones(3), jnp.ones(4, jnp.float32)])
def test_a_start_of_another_form_is_refused(start, key):
    with pytest.raises(ValueError, match="eigenpairs: got a start of"):
        eigenpairs(lambda v: v, jnp.ones(4), key, top=1, bottom=1, start=start)
