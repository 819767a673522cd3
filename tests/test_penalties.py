import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import penalties

PARAMS = {"dense": {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.array([-1.0, 0.0])}}
FORMULAS = {
    "zero": (penalties.zero, lambda w: 0.0, np.zeros_like),
    "l2": (penalties.l2, lambda w: np.sum(w**2), lambda w: 2 * w),
    "l1": (penalties.l1, lambda w: np.sum(np.abs(w)), np.sign),
}
every_penalty = pytest.mark.parametrize(("penalty", "value", "gradient"), FORMULAS.values(), ids=FORMULAS.keys())


@every_penalty
def test_a_penalty_is_its_formula_over_all_leaves(penalty, value, gradient):
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(PARAMS)])
    np.testing.assert_allclose(penalty(PARAMS), value(flat), rtol=1e-14)


@every_penalty
def test_the_gradient_of_a_penalty_is_its_formula(penalty, value, gradient):
    expected = jax.tree.map(lambda leaf: gradient(np.array(leaf)), PARAMS)
    chex.assert_trees_all_close(jax.grad(penalty)(PARAMS), expected, rtol=1e-14)


@every_penalty
def test_a_penalty_maps_over_stacked_parameters(penalty, value, gradient):
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), PARAMS)
    doubled = jax.tree.map(lambda leaf: 2 * leaf, PARAMS)
    np.testing.assert_allclose(jax.vmap(penalty)(stacked), [penalty(PARAMS), penalty(doubled)], rtol=1e-14)


@every_penalty
def test_a_penalty_keeps_float32(penalty, value, gradient):
    assert penalty(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), PARAMS)).dtype == jnp.float32


@every_penalty
def test_no_parameters_cost_nothing(penalty, value, gradient):
    assert penalty({}) == 0
