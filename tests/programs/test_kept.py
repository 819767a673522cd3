"""Algorithms around closures: compiled once for all that compute the same, and never for another."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.custom_batching import custom_vmap

from jaxdl.curvature.products.operators import columns_of
from jaxdl.programs import kept
from jaxdl.programs.kept import compiled


@pytest.fixture
def traces(monkeypatch):
    """How often the algorithm below was traced or run."""
    monkeypatch.setattr(kept, "_programs", {})
    return []


def algorithm_of(traces):
    def power(function, x, *, steps):
        traces.append(steps)
        for _ in range(steps):
            x = function(x)
        return x

    return power


def run(algorithm, function, steps=2):
    return np.asarray(compiled(algorithm, function, jnp.ones(3), jnp.ones(3), steps=steps))


def closure(matrix):
    return lambda x: jnp.tanh(matrix @ x)


def test_closures_that_differ_in_their_arrays_share_a_program_and_keep_their_own_results(traces):
    algorithm = algorithm_of(traces)
    matrices = [np.random.default_rng(seed).normal(size=(3, 3)) for seed in range(3)]
    for matrix in matrices:
        expected = closure(matrix)(closure(matrix)(jnp.ones(3)))
        np.testing.assert_allclose(run(algorithm, closure(jnp.asarray(matrix))), expected, rtol=1e-12)
    assert len(traces) == 1


def test_other_functions_static_arguments_and_algorithms_have_programs_of_their_own(traces):
    algorithm, other = algorithm_of(traces), algorithm_of(traces)
    scales = [2.0, 3.0]
    for function in (closure(jnp.eye(3)), lambda x: jnp.sin(jnp.eye(3) @ x), *[lambda x, s=s: s * x for s in scales]):
        np.testing.assert_allclose(run(algorithm, function), function(function(jnp.ones(3))), rtol=1e-12)
    run(algorithm, closure(jnp.eye(3)), steps=1)
    run(other, closure(jnp.eye(3)))
    assert len(traces) >= 5


def test_under_jit_vmap_and_grad_the_algorithm_is_part_of_what_surrounds_it(traces):
    algorithm = algorithm_of(traces)

    def total(matrix):
        return compiled(algorithm, closure(matrix), jnp.ones(3), jnp.ones(3), steps=2).sum()

    def plain(matrix):
        return closure(matrix)(closure(matrix)(jnp.ones(3))).sum()

    batch = jnp.stack([jnp.eye(3), 2 * jnp.eye(3)])
    for transform in (jax.jit, jax.vmap, jax.grad):
        argument = batch if transform is jax.vmap else batch[0]
        np.testing.assert_allclose(transform(total)(argument), transform(plain)(argument), rtol=1e-12)


def test_a_closure_that_calls_back_into_python_is_never_found_again(traces):
    shape = jax.ShapeDtypeStruct((3,), jnp.result_type(float))
    for factor in (2.0, 3.0):

        def function(x, factor=factor):
            return jax.pure_callback(lambda y: np.asarray(factor * y), shape, x)

        np.testing.assert_allclose(run(algorithm_of(traces), function), factor**2 * np.ones(3))


def test_a_closure_with_a_rule_for_vmap_is_never_found_again():
    def operator(matrix):
        product = custom_vmap(lambda x: matrix @ x)
        product.def_vmap(lambda _, is_batched, rows: (rows @ matrix.T, True))
        return product

    for scale in (1.0, 2.0):
        np.testing.assert_array_equal(columns_of(operator(scale * jnp.eye(2)), jnp.zeros(2)), scale * np.eye(2))


def test_the_arrays_of_a_closure_are_not_kept(traces):
    matrix = jnp.eye(3) + 1
    run(algorithm_of(traces), closure(matrix))
    held = weakref.ref(matrix)
    del matrix
    gc.collect()
    assert len(kept._programs) == 1
    assert held() is None


def test_static_arguments_may_be_arrays_and_equal_ones_of_other_types_are_others(traces):
    algorithm = algorithm_of(traces)
    np.testing.assert_array_equal(run(algorithm, closure(jnp.eye(3)), steps=np.array(1)), np.tanh(np.ones(3)))
    assert not kept._programs
    for steps in (1, True):
        run(algorithm, closure(jnp.eye(3)), steps=steps)
    assert len(kept._programs) == 2


def test_a_mode_of_jax_that_changes_the_program_makes_another(traces):
    algorithm = algorithm_of(traces)
    function = closure(jnp.eye(3))
    run(algorithm, function)
    with jax.default_matmul_precision("highest"):
        run(algorithm, function)
    assert len(traces) == 2


def test_no_more_programs_are_kept_than_there_is_room_for(traces, monkeypatch):
    monkeypatch.setattr(kept, "MOST_KEPT", 2)
    algorithm = algorithm_of(traces)
    for steps in (1, 2, 3):
        run(algorithm, closure(jnp.eye(3)), steps=steps)
    assert len(kept._programs) == 2
