"""MINRES against dense linear algebra, and Newton-MR against surfaces with known critical points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.curvature.critical import Kind, critical_point, minres, newton_mr


def symmetric(eigenvalues, seed=0):
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))[0]
    return jnp.array((basis * eigenvalues) @ basis.T)


def solve(matrix, b, **options):
    return jax.jit(lambda matrix, b: minres(lambda v: matrix @ v, b, **options))(matrix, b)


INDEFINITE = np.concatenate([np.linspace(-3, -1, 12), np.linspace(1, 4, 18)])


def test_an_indefinite_system_is_solved(key):
    matrix, b = symmetric(INDEFINITE), jax.random.normal(key, (30,))
    solved = solve(matrix, b, max_steps=100, tolerance=1e-11)
    np.testing.assert_allclose(solved.solution, np.linalg.solve(matrix, b), rtol=1e-9)
    np.testing.assert_allclose(solved.residual_norm, jnp.linalg.norm(b - matrix @ solved.solution), atol=1e-12)


def test_a_compatible_singular_system_has_the_solution_of_least_norm(key):
    matrix = symmetric(np.where(np.arange(30) % 3 == 0, 0, INDEFINITE))
    b = matrix @ jax.random.normal(key, (30,))
    solved = solve(matrix, b, max_steps=100, tolerance=1e-11)
    np.testing.assert_allclose(solved.solution, np.linalg.pinv(matrix, rcond=1e-10) @ b, rtol=1e-8, atol=1e-10)


def test_where_no_solution_exists_the_residual_is_the_smallest(key):
    eigenvalues = np.where(np.arange(30) % 3 == 0, 0, INDEFINITE)
    matrix, b = symmetric(eigenvalues), jax.random.normal(key, (30,))
    solved = solve(matrix, b, max_steps=100, tolerance=1e-8)
    best = jnp.linalg.norm(b - matrix @ (np.linalg.pinv(matrix, rcond=1e-10) @ b))
    np.testing.assert_allclose(solved.residual_norm, best, rtol=1e-10)
    np.testing.assert_allclose(jnp.linalg.norm(b - matrix @ solved.solution), best, rtol=1e-8)
    assert solved.num_matvecs < 100


def test_k_distinct_eigenvalues_take_k_products(key):
    matrix = symmetric(np.repeat([-2.0, 1.0, 3.0], 8))
    assert solve(matrix, jax.random.normal(key, (24,)), max_steps=50, tolerance=1e-10).num_matvecs == 3


def test_each_member_of_a_batch_is_solved_as_if_it_were_alone(key):
    matrices = jnp.stack([symmetric(np.repeat([-2.0, 1.0], 10)), symmetric(np.linspace(1, 2, 20), seed=1)])
    b = jax.random.normal(key, (20,))
    together = jax.jit(jax.vmap(lambda m: minres(lambda v: m @ v, b, max_steps=50, tolerance=1e-10)))(matrices)
    for matrix, solution, num_matvecs in zip(matrices, together.solution, together.num_matvecs, strict=True):
        alone = solve(matrix, b, max_steps=50, tolerance=1e-10)
        np.testing.assert_allclose(solution, alone.solution, rtol=1e-12)
        assert num_matvecs == alone.num_matvecs


@pytest.mark.parametrize(("b", "scale"), [(np.zeros(3), 2.0), (np.ones(3), 0.0)])
def test_nothing_to_solve_gives_zero_and_no_nan(b, scale):
    solved = minres(lambda v: scale * v, jnp.array(b), max_steps=5)
    assert (solved.solution == 0).all()
    np.testing.assert_allclose(solved.residual_norm, np.linalg.norm(b))


def himmelblau(w):
    return (w["x"] ** 2 + w["y"] - 11) ** 2 + (w["x"] + w["y"] ** 2 - 7) ** 2


@pytest.mark.thorough
def test_every_end_on_himmelblaus_surface_is_one_of_its_nine_critical_points(key):
    values = np.array([0.0, 13.3119, 67.7192, 104.0152, 178.3372, 181.6165])
    starts = 5 * jax.random.uniform(key, (40, 2), minval=-1)
    search = jax.vmap(lambda w: newton_mr(himmelblau, {"x": w[0], "y": w[1]}, gradient_tolerance=1e-8))
    found = jax.jit(search)(starts)
    assert found.converged.all()
    nearest = abs(np.asarray(found.value)[:, None] - values[None, :]).min(axis=1)
    assert nearest.max() < 1e-4
    np.testing.assert_allclose(found.value, jax.vmap(himmelblau)(found.params), atol=1e-12)


@pytest.mark.thorough
def test_a_saddle_of_a_hundred_dimensions_is_reached_and_confirmed(key):
    signs = jnp.where(jnp.arange(100) < 30, -1.0, 1.0)

    def loss(w):
        return 0.5 * jnp.sum(signs * w**2) + 0.05 * jnp.sum(w) ** 4 / 100**2

    found = jax.jit(lambda w: newton_mr(loss, w, gradient_tolerance=1e-10))(jax.random.normal(key, (100,)))
    assert found.converged
    point = jax.jit(lambda w: critical_point(loss, w))(found.params)
    assert point.inertia.tolist() == [30, 0, 70]
    assert found.num_matvecs < 100


def test_a_flat_place_is_not_called_converged():
    found = newton_mr(lambda w: w[0] ** 3 / 3 + w[0] + w[1] ** 2, jnp.array([0.5, 1.0]), gradient_tolerance=1e-9)
    assert not found.converged
    assert found.gradient_norm > 0.5
    assert found.flatness < 0.1


@pytest.mark.thorough
def test_every_end_has_a_kind(key):
    def end(loss, start, **options):
        search = jax.jit(lambda w: newton_mr(loss, w, gradient_tolerance=1e-8, key=key, **options))
        found = search(jnp.array(start))
        return found.kind, found.inertia.tolist()

    def scaled(curvatures):
        return lambda w: jnp.sum(jnp.array(curvatures) * w**2) / 2

    nothing = [-1, -1, -1]
    assert end(scaled([1.0, 2.0]), [1.0, 1.0]) == (Kind.MINIMUM, [0, 0, 2])
    assert end(scaled([-1.0, -2.0]), [1.0, 1.0]) == (Kind.MAXIMUM, [2, 0, 0])
    assert end(scaled([1.0, -2.0]), [1.0, 1.0]) == (Kind.SADDLE, [1, 0, 1])
    assert end(scaled([1.0, 0.0]), [1.0, 1.0]) == (Kind.DEGENERATE, [0, 1, 1])
    assert end(lambda w: w[0] ** 3 / 3 + w[0] + w[1] ** 2, [0.5, 1.0]) == (Kind.GRADIENT_FLAT, nothing)
    assert end(lambda w: w[0] + 2 * w[1], [0.5, 1.0]) == (Kind.GRADIENT_FLAT, nothing)
    assert end(lambda w: jnp.exp(-w[0]), [0.5, 1.0], radius=3.0) == (Kind.DIVERGED, nothing)
    assert end(scaled([1.0, 2.0]), [jnp.nan, 1.0]) == (Kind.DIVERGED, nothing)
    assert end(lambda w: himmelblau({"x": w[0], "y": w[1]}), [5.0, -4.0], max_steps=1) == (Kind.UNFINISHED, nothing)


def test_an_ill_conditioned_bowl_is_not_flat_and_without_a_key_an_end_has_no_kind():
    curvatures = jnp.array([1e7, 1.0])
    found = newton_mr(lambda w: jnp.sum(curvatures * w**2) / 2, jnp.array([1e-3, 1.0]), gradient_tolerance=1e-8)
    assert (found.converged, found.kind) == (True, -1)
    assert found.inertia.tolist() == [-1, -1, -1]


@pytest.mark.thorough
def test_minres_is_asked_for_no_more_than_the_type_holds(key):
    curvatures = jnp.repeat(jnp.array([-2.0, 1.0, 3.0], jnp.float32), 8)
    start = jax.random.normal(key, (24,), jnp.float32)

    def loss(w):
        return jnp.sum(curvatures * w**2) / 2

    found = newton_mr(loss, start, gradient_tolerance=1e-5, solver_tolerance=0.0)
    assert found.converged
    assert found.num_matvecs < 20


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: minres(lambda v: v, jnp.ones(2), max_steps=0),
            "minres: got max_steps=0, expected a whole number of 1 or more",
        ),
        (lambda: minres(lambda v: v[:, None], jnp.ones(2), max_steps=1), "structure, shapes and type"),
        (lambda: minres(lambda v: {"b": v["a"]}, {"a": jnp.ones(2)}, max_steps=1), "structure, shapes and type"),
        (
            lambda: newton_mr(jnp.sum, jnp.ones(2), gradient_tolerance=1e-6, max_matvecs=0),
            "newton_mr: got max_matvecs=0",
        ),
        (
            lambda: newton_mr(lambda w: w, jnp.ones(2), gradient_tolerance=1e-6),
            "newton_mr: got a loss .* expected a scalar",
        ),
        (lambda: newton_mr(jnp.sum, jnp.ones(2, int), gradient_tolerance=1e-6), "newton_mr: .* real floats"),
    ],
)
def test_bad_input_is_refused_with_a_remedy(call, words):
    with pytest.raises(ValueError, match=words):
        call()
