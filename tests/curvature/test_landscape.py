"""Slices of quadratics, whose values are known, and permuted networks, whose permutation is."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.curvature.landscape import (
    barrier,
    filter_normalized,
    interpolation,
    line,
    match_hidden_units,
    plane,
    random_direction,
)

PARAMS = {"a": jnp.array([[1.0, 2.0], [3.0, 4.0]]), "b": jnp.array([0.5, -1.0])}
OFFSETS = jnp.linspace(-2, 2, 9)


def quadratic(params):
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))


def test_a_random_direction_is_uniform_on_the_sphere(key):
    directions = jax.vmap(lambda key: random_direction(key, PARAMS))(jax.random.split(key, 4000))
    flat = np.concatenate([leaf.reshape(4000, -1) for leaf in jax.tree.leaves(directions)], axis=1)
    np.testing.assert_allclose((flat**2).sum(axis=1), 1, rtol=1e-12)
    # The variance of a squared coordinate on the sphere in six dimensions is 2 (6 - 1) / (6² (6 + 2)).
    assert (abs((flat**2).mean(axis=0) - 1 / 6) < 4 * np.sqrt(10 / 288 / 4000)).all()


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_a_slice_of_a_quadratic_is_a_parabola(key, batch_size):
    direction = random_direction(key, PARAMS)
    slope = 2 * sum(jnp.vdot(d, w) for d, w in zip(*map(jax.tree.leaves, (direction, PARAMS)), strict=True))
    values = line(quadratic, PARAMS, direction, OFFSETS, batch_size=batch_size)
    np.testing.assert_allclose(values, quadratic(PARAMS) + slope * OFFSETS + OFFSETS**2, rtol=1e-12)


@pytest.mark.thorough
def test_rows_and_columns_of_a_plane_are_lines(key):
    first, second = (random_direction(k, PARAMS) for k in jax.random.split(key))
    values = plane(quadratic, PARAMS, first, second, OFFSETS, jnp.array([-1.0, 0.0, 2.0]))
    assert values.shape == (9, 3)
    np.testing.assert_allclose(values[:, 1], line(quadratic, PARAMS, first, OFFSETS), rtol=1e-12)
    at_row = jax.tree.map(lambda w, d: w + OFFSETS[3] * d, PARAMS, first)
    np.testing.assert_allclose(values[3], line(quadratic, at_row, second, jnp.array([-1.0, 0.0, 2.0])), rtol=1e-12)


def test_a_filter_normalised_direction_moves_each_unit_by_its_own_norm(key):
    direction = filter_normalized(random_direction(key, PARAMS), PARAMS)
    np.testing.assert_allclose(jnp.linalg.norm(direction["a"], axis=0), jnp.linalg.norm(PARAMS["a"], axis=0))
    assert (direction["b"] == 0).all()


@pytest.mark.thorough
def test_a_filter_normalised_slice_does_not_see_a_rescaling_of_hidden_units(key):
    """ReLU units scaled up on one side and down on the other: the same function (Dinh et al., 2017), the same slice."""
    keys = jax.random.split(key, 3)
    x = jax.random.normal(keys[0], (20, 3))
    params = {"in": jax.random.normal(keys[1], (3, 4)), "out": jax.random.normal(keys[2], (4, 1))}
    draw = random_direction(key, params)

    def loss(w):
        return jnp.mean((jax.nn.relu(x @ w["in"]) @ w["out"] - jnp.sum(x, axis=1, keepdims=True)) ** 2)

    def slice_of(factor):
        scaled = {"in": params["in"] * factor, "out": params["out"] / factor}
        return line(loss, scaled, filter_normalized(draw, scaled), OFFSETS)

    np.testing.assert_allclose(slice_of(1.0), slice_of(7.0), rtol=1e-10)


def test_the_excess_over_a_chord_of_a_quadratic_is_known():
    start, end = PARAMS, jax.tree.map(lambda leaf: -3 * leaf, PARAMS)
    fractions = jnp.linspace(0, 1, 5)
    values = interpolation(quadratic, start, end, fractions)
    np.testing.assert_allclose(values[jnp.array([0, 4])], [quadratic(start), quadratic(end)], rtol=1e-12)
    expected = -fractions * (1 - fractions) * 16 * quadratic(PARAMS)
    np.testing.assert_allclose(barrier(values, fractions), expected, atol=1e-10)
    np.testing.assert_allclose(barrier(jnp.stack([values, values]), fractions)[1], expected, atol=1e-10)


LAYERS = ("Dense_0", "Dense_1", "Dense_2")


def network(key, sizes=(3, 6, 5, 2)):
    shapes = list(itertools.pairwise(sizes))
    keys = jax.random.split(key, 2 * len(shapes))
    return {
        name: {"kernel": jax.random.normal(k, shape), "bias": jax.random.normal(b, shape[1:])}
        for name, shape, k, b in zip(LAYERS, shapes, keys[::2], keys[1::2], strict=False)
    }


def outputs(net, x):
    for name in LAYERS[: len(net)]:
        x = jnp.tanh(x) @ net[name]["kernel"] + net[name]["bias"][None]
    return x


def permuted(net, first, second):
    a, b, c = (net[name] for name in LAYERS)
    return {
        "Dense_0": {"kernel": a["kernel"][:, first], "bias": a["bias"][first]},
        "Dense_1": {"kernel": b["kernel"][first][:, second], "bias": b["bias"][second]},
        "Dense_2": {"kernel": c["kernel"][second], "bias": c["bias"]},
    }


@pytest.mark.thorough
def test_a_permuted_network_is_brought_back(key):
    net = network(key)
    first, second = np.array([3, 0, 5, 1, 4, 2]), np.array([4, 2, 0, 1, 3])
    matched = match_hidden_units(net, permuted(net, first, second), LAYERS)
    assert matched.distance == 0
    np.testing.assert_array_equal(matched.permutations[0], np.argsort(first))
    np.testing.assert_array_equal(matched.permutations[1], np.argsort(second))


@pytest.mark.thorough
def test_matching_keeps_the_function_lowers_the_distance_and_the_barrier(key):
    key_net, key_noise, key_x = jax.random.split(key, 3)
    net, x = network(key_net), jax.random.normal(key_x, (50, 3))
    noise = jax.tree.map(lambda leaf: 0.1 * jax.random.normal(key_noise, leaf.shape), net)
    other = permuted(jax.tree.map(jnp.add, net, noise), np.arange(6)[::-1], np.roll(np.arange(5), 2))
    matched = match_hidden_units(net, other, LAYERS)
    np.testing.assert_allclose(outputs(matched.params, x), outputs(other, x), rtol=1e-12)
    gaps = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), net, matched.params)
    np.testing.assert_allclose(matched.distance**2, sum(jax.tree.leaves(gaps)), rtol=1e-12)

    def height(end):
        fractions = jnp.linspace(0, 1, 7)
        values = interpolation(lambda w: jnp.mean((outputs(w, x) - outputs(net, x)) ** 2), net, end, fractions)
        return barrier(values, fractions).max()

    assert height(matched.params) < 0.1 * height(other)


def test_one_hidden_layer_is_matched_as_well_as_by_trying_all_permutations(key):
    nets = [network(k, (3, 4, 2)) for k in jax.random.split(key)]
    matched = match_hidden_units(*nets, LAYERS[:2])

    def distance(order):
        order = np.array(order)
        parts = [
            nets[0]["Dense_0"]["kernel"] - nets[1]["Dense_0"]["kernel"][:, order],
            nets[0]["Dense_0"]["bias"] - nets[1]["Dense_0"]["bias"][order],
            nets[0]["Dense_1"]["kernel"] - nets[1]["Dense_1"]["kernel"][order],
            nets[0]["Dense_1"]["bias"] - nets[1]["Dense_1"]["bias"],
        ]
        return float(jnp.sqrt(sum(jnp.sum(part**2) for part in parts)))

    np.testing.assert_allclose(matched.distance, min(map(distance, itertools.permutations(range(4)))), rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_no_exchange_of_two_units_brings_a_matched_network_nearer(seed):
    reference, other = (jax.tree.map(np.asarray, network(k)) for k in jax.random.split(jax.random.key(seed)))
    matched = match_hidden_units(reference, other, LAYERS)

    def exchanged(first, second):
        net = permuted(jax.tree.map(np.asarray, matched.params), first, second)
        return sum(np.sum((a - b) ** 2) for a, b in zip(jax.tree.leaves(reference), jax.tree.leaves(net), strict=True))

    def exchanges(size):
        for i, j in itertools.combinations(range(size), 2):
            order = np.arange(size)
            order[[i, j]] = order[[j, i]]
            yield order

    distances = [exchanged(order, np.arange(5)) for order in exchanges(6)]
    distances += [exchanged(np.arange(6), order) for order in exchanges(5)]
    assert min(distances) > matched.distance**2 * (1 - 1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: line(quadratic, PARAMS, {"a": PARAMS["a"]}, OFFSETS), "got PyTreeDef"),
        (lambda: line(quadratic, PARAMS, {**PARAMS, "b": jnp.ones(3)}, OFFSETS), r"\(3,\)"),
        (lambda: line(quadratic, PARAMS, PARAMS, OFFSETS, batch_size=0), "batch_size=0"),
        (lambda: filter_normalized(jnp.ones(2), jnp.ones(3)), "filter_normalized"),
        (lambda: interpolation(quadratic, PARAMS, PARAMS["a"], OFFSETS), "interpolation"),
        (lambda: match_hidden_units({}, {}, ["in"]), "at least two"),
        (lambda: match_hidden_units(network(jax.random.key(0)), {}, LAYERS), "all of them in both"),
        (lambda: match_hidden_units(*[network(jax.random.key(0))] * 2, LAYERS[::2]), "outputs as next inputs"),
    ],
)
def test_bad_input_is_refused_with_a_remedy(call, words):
    with pytest.raises(ValueError, match=words):
        call()
