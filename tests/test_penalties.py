import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from jaxdl import penalties

PARAMS = {"dense": {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.array([-1.0, 0.0])}}
FORMULAS = {
    "zero": (penalties.zero, lambda w: 0.0, np.zeros_like),
    "l2": (penalties.l2, lambda w: np.sum(w**2), lambda w: 2 * w),
    "l1": (penalties.l1, lambda w: np.sum(np.abs(w)), np.sign),
    "lq, 3": (penalties.lq(3.0), lambda w: np.sum(np.abs(w) ** 3), lambda w: 3 * w * np.abs(w)),
    "lq, 1/2": (
        penalties.lq(0.5),
        lambda w: np.sum(np.abs(w) ** 0.5),
        lambda w: np.sign(w) / (2 * np.sqrt(np.where(w == 0, 1, np.abs(w)))),
    ),
    "elastic net": (
        penalties.elastic_net(0.25),
        lambda w: np.sum(np.abs(w)) / 4 + 3 * np.sum(w**2) / 4,
        lambda w: np.sign(w) / 4 + 1.5 * w,
    ),
}
every_penalty = pytest.mark.parametrize(("penalty", "value", "gradient"), FORMULAS.values(), ids=FORMULAS.keys())


def half_threshold(weights, strength):
    """The proximal operator of the square roots' sum, in closed form (Xu, Chang, Xu and Zhang, 2012)."""
    is_kept = np.abs(weights) > 1.5 * strength ** (2 / 3)
    angle = np.arccos(np.where(is_kept, strength / 4 * (np.where(is_kept, np.abs(weights), 1) / 3) ** -1.5, 0))
    return np.where(is_kept, 2 / 3 * weights * (1 + np.cos(2 / 3 * (np.pi - angle))), 0)


# The operator, and the penalty of one weight whose minimiser it returns.
OPERATORS = {
    "keep": (penalties.keep, lambda z: 0.0),
    "soft threshold": (penalties.soft_threshold, abs),
    "shrink": (penalties.shrink, lambda z: z**2),
    "elastic net": (penalties.elastic_net_threshold(0.25), lambda z: 0.25 * abs(z) + 0.75 * z**2),
    "group": (penalties.group_threshold(), abs),
    "hard threshold": (penalties.hard_threshold, lambda z: float(z != 0)),
    **{f"lq, {q}": (penalties.lq_threshold(q), lambda z, q=q: abs(z) ** q) for q in (0.3, 0.5, 1.0, 1.3, 2.0, 4.0)},
}
every_operator = pytest.mark.parametrize(("operator", "penalty"), OPERATORS.values(), ids=OPERATORS.keys())
WEIGHTS = np.array([-6.0, -2.5, -1.2, -0.4, 0.0, 1e-3, 0.7, 1.6, 3.0, 40.0])


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


def test_the_group_penalty_is_the_sum_of_the_norms_of_rows_or_columns():
    kernel = np.array(PARAMS["dense"]["kernel"])
    for axis in (0, 1):
        expected = np.linalg.norm(kernel, axis=axis).sum()
        np.testing.assert_allclose(penalties.group(axis)(jnp.asarray(kernel)), expected, rtol=1e-14)
        expected = kernel / np.linalg.norm(kernel, axis=axis, keepdims=True)
        np.testing.assert_allclose(jax.grad(penalties.group(axis))(jnp.asarray(kernel)), expected, rtol=1e-14)
    np.testing.assert_array_equal(jax.grad(penalties.group())(jnp.zeros((2, 3))), np.zeros((2, 3)))


def test_one_compilation_serves_every_exponent_and_share():
    weights = jnp.asarray(WEIGHTS)
    exponents = jnp.array([0.5, 1.0, 2.0])
    values = jax.jit(jax.vmap(lambda q: penalties.lq(q)(weights)))(exponents)
    np.testing.assert_allclose(values, [penalties.lq(q)(weights) for q in (0.5, 1.0, 2.0)], rtol=1e-14)
    shares = jax.jit(jax.vmap(lambda share: penalties.elastic_net_threshold(share)(weights, 1.0)))(
        jnp.array([0.0, 1.0])
    )
    np.testing.assert_allclose(shares, [penalties.shrink(weights, 1.0), penalties.soft_threshold(weights, 1.0)])
    found = jax.jit(jax.vmap(lambda q: penalties.lq_threshold(q)(weights, 0.7)))(exponents)
    closed = [half_threshold, penalties.soft_threshold, penalties.shrink]
    np.testing.assert_allclose(found, [operator(weights, 0.7) for operator in closed], atol=1e-12)


@every_operator
@pytest.mark.parametrize("strength", [0.05, 1.0, 3.0])
def test_an_operator_returns_the_global_minimiser(operator, penalty, strength):
    """Nothing on a fine grid, refined by Brent's method, is lower than what the operator returns."""
    found = np.array(operator({"w": jnp.asarray(WEIGHTS)[:, None]}, strength)["w"])[:, 0]
    for weight, z in zip(WEIGHTS, found, strict=True):

        def energy(z, weight=weight):
            return 0.5 * (z - weight) ** 2 + strength * penalty(z)

        grid = np.append(np.linspace(-abs(weight), abs(weight), 401), 0.0)
        best = min(grid, key=energy)
        span = abs(weight) / 200 + 1e-9
        refined = minimize_scalar(energy, bounds=(best - span, best + span), method="bounded", options={"xatol": 1e-12})
        assert energy(z) <= min(energy(best), refined.fun) + 1e-12 * (1 + weight**2)
        assert abs(z) <= abs(weight)


@every_operator
def test_an_operator_keeps_float32_and_is_finite_everywhere(operator, penalty):
    weights = {"w": jnp.asarray(WEIGHTS, jnp.float32)[:, None], "b": jnp.zeros(2, jnp.float32)}
    for strength in (0.0, 0.5, 1e4):
        found = jax.jit(operator)(weights, strength)
        chex.assert_trees_all_equal_shapes_and_dtypes(found, weights)
        chex.assert_tree_all_finite(found)
    np.testing.assert_allclose(operator(weights, 0.0)["w"], weights["w"], rtol=1e-6)


@pytest.mark.parametrize("name", ["soft threshold", "hard threshold", "lq, 0.5", "group", "lq, 0.3", "lq, 1.0"])
def test_corners_give_exact_zeros(name):
    operator, _ = OPERATORS[name]
    found = np.array(operator(jnp.asarray(WEIGHTS)[:, None], 1.0))[:, 0]
    assert (found[np.abs(WEIGHTS) < 1] == 0).all()
    assert found[-1] != 0


def test_a_group_stays_on_its_ray_or_vanishes_whole():
    found = np.array(penalties.group_threshold(0)(jnp.array([[3.0, 0.3], [4.0, 0.4]]), 1.0))
    np.testing.assert_allclose(found, [[2.4, 0], [3.2, 0]], rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: penalties.lq(0), "got q=0, expected a positive scalar"),
        (lambda: penalties.lq_threshold(-1.0), "got q=-1.0, expected a positive scalar"),
        (lambda: penalties.elastic_net(1.5), "between 0 \\(all l2\\) and 1"),
    ],
)
def test_what_is_no_strength_or_exponent_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
