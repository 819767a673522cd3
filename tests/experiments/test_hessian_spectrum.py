"""What the claims about spectra share: eigenvalues against dense ones, outliers, and sharpness against the edge."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from experiments.book.lab import Lab
from experiments.book.sealed import parts
from experiments.hessian_spectrum import digits, edge, layers, outliers
from jaxdl import designs, losses
from jaxdl.curvature.spectra import num_outliers
from jaxdl.data import real

TIMES = (0, 4)
SMALLEST = {"seed": 0, "classes": (2, 10), "times": TIMES, "networks": 2, "steps": 160, "inits": 2, "sealed": False}
LAB = Lab("hessian_spectrum", SMALLEST)


@pytest.fixture(scope="module")
def hessian():
    """`(params, x, y, weight) -> H` of the mean loss of outputs written out here, in double precision."""

    @functools.partial(jax.jit, static_argnames="loss")
    def dense(params, x, y, weight, mask, loss):
        flat, unravel = ravel_pytree(jax.tree.map(lambda leaf: leaf.astype(float), params))

        def risk(w):
            w = unravel(w)
            hidden = jnp.tanh(x @ w["Dense_0"]["kernel"] + w["Dense_0"]["bias"][None])
            outputs = hidden @ w["Dense_1"]["kernel"] + w["Dense_1"]["bias"][None]
            return jnp.sum(weight * loss(outputs, y, mask)) / jnp.sum(weight)

        return jax.hessian(risk)(flat)

    return dense


def cross_entropy(outputs, y, mask):
    kept = jnp.where(mask[None], outputs, -jnp.inf)
    logs = outputs - jax.nn.logsumexp(kept, axis=1, keepdims=True)
    return -jnp.sum(jnp.where(mask[None], y * logs, 0), axis=1)


def squared(outputs, y, mask):
    return jnp.sum(jnp.where(mask[None], (outputs - y) ** 2, 0), axis=1) / 2


@pytest.mark.thorough
@pytest.mark.parametrize(("setting", "classes", "centred"), [(1, 2, 1.0), (2, 10, 0.0)])
def test_the_eigenvalues_are_those_of_the_dense_hessian(hessian, setting, classes, centred):
    found = digits.by_classes(LAB, tuple(digits.PIXELS)).outputs["top"][setting, 1, 1]
    keys = designs.keys_of_run(designs.independent(2, *digits.DESIGN_SOURCES), LAB.key("classes"), 1)
    model, data = digits.problem(False, digits.NUM_EXAMPLES, classes, centred)
    params = jax.tree.map(lambda leaf: leaf[1], digits.trained(keys, model, data, TIMES))
    values = np.linalg.eigvalsh(hessian(params, *data, np.arange(10) < classes, cross_entropy))[::-1]
    np.testing.assert_allclose(found, values[: digits.NUM_TOP], atol=1e-3 * values[0])


@pytest.mark.thorough
def test_the_sharpness_at_the_start_is_that_of_the_halved_weights(hessian):
    found = edge.descents(LAB, "edge", (0.05, 0.1)).outputs
    keys = designs.keys_of_run(designs.independent(2, *digits.DESIGN_SOURCES), LAB.key("edge"), 0)
    model, data = digits.problem(False, edge.NUM_EXAMPLES, 10, 1.0)
    params = jax.tree.map(lambda leaf: leaf / 2, model.init(keys["init"], data.x)["params"])
    values = np.linalg.eigvalsh(hessian(params, *data, np.full(10, True), squared))
    assert abs(found["sharpness"][0, 0, 0] - values[-1]) <= found["bound"][0, 0, 0] + 1e-4 * values[-1]


def test_classes_beyond_the_first_ones_have_neither_examples_nor_probability():
    model, data = digits.problem(False, 40, 4, 1.0)
    known = parts(real.digits(), sealed=False).pool
    assert (np.asarray(data.weight > 0) == (np.argmax(known.y[:40], axis=1) < 4)).all()
    np.testing.assert_allclose(np.average(data.x, axis=0, weights=data.weight), 0, atol=1e-6)
    variables = model.init(jax.random.key(0), data.x)
    probabilities = jax.nn.softmax(model.apply(variables, data.x))
    assert (probabilities[:, 4:] == 0).all()
    assert np.isfinite(losses.softmax_cross_entropy(model.apply(variables, data.x), data.y)[data.weight > 0]).all()


def test_a_sealed_problem_has_none_of_the_digits_of_an_open_one():
    opened, kept = (digits.problem(is_sealed, 300, 10, 0.0)[1].x for is_sealed in (False, True))
    assert not (np.asarray(kept)[:, None] == np.asarray(opened)[None]).all(axis=2).any()


@pytest.mark.thorough
def test_the_density_has_mass_one_and_its_nodes_within_the_spectrum():
    trial = digits.density_trial(is_sealed=False, times=TIMES, num_probes=1)
    found = LAB.run("density", trial, designs.independent(2, *digits.DESIGN_SOURCES), block=2).outputs
    np.testing.assert_allclose(found["weights"].sum(axis=(2, 3)), 1, rtol=1e-5)
    top, smallest = found["ends"][..., 0], found["ends"][..., -1]
    assert (found["nodes"].max(axis=(2, 3)) <= top * 1.001).all()
    assert (found["nodes"].min(axis=(2, 3)) >= smallest - 1e-3 * top).all()
    assert (found["bulk_low"] <= found["bulk"] + 1e-6).all()


@pytest.mark.thorough
def test_gradients_of_classes_lie_in_their_span_and_a_direction_at_right_angles_does_not(key):
    model, data = digits.problem(False, 60, 3, 0.0)
    params = model.init(key, data.x)["params"]

    def loss(params, label):
        each = losses.softmax_cross_entropy(model.apply({"params": params}, data.x), data.y)
        return jnp.sum(jnp.where(jnp.argmax(data.y, axis=1) == label, each, 0))

    inside = jax.grad(loss)(params, 1)
    rows = np.stack([ravel_pytree(jax.grad(loss)(params, label))[0] for label in range(3)])
    drawn = np.random.default_rng(0).normal(size=rows.shape[1])
    outside = ravel_pytree(params)[1](jnp.asarray(drawn - rows.T @ np.linalg.lstsq(rows.T, drawn)[0], rows.dtype))
    vectors = jax.tree.map(
        lambda *leaves: jnp.stack(leaves),
        *(jax.tree.map(lambda leaf, v=v: leaf / jnp.linalg.norm(ravel_pytree(v)[0]), v) for v in (inside, outside)),
    )
    np.testing.assert_allclose(digits.overlaps(model, data, params, vectors), [1, 0], atol=1e-4)


def test_spectra_of_one_shape_have_no_distance_and_a_flat_one_lies_far_from_one_outlier():
    values = np.random.default_rng(0).normal(size=50)
    assert layers.distance(values, 3 * values) == 0
    outlier = np.append(np.zeros(99), 1.0)
    assert layers.distance(np.ones(10), outlier) == pytest.approx(0.99, abs=1e-12)


def test_the_interval_of_a_count_holds_what_all_networks_agree_on():
    top = np.array([8.0, 7.0, 6.0, 1.0, 0.9, 0.8, 0.7, 0.6])[None] * np.array([1.0, 2.0, 5.0])[:, None]
    count = outliers.counted(top, classes=3, level=0.95, seed=0)
    assert (count.estimate, *count.interval) == (3, 3, 3)
    np.testing.assert_allclose(digits.typical(np.array([[4.0, 1.0], [1.0, 9.0]])), [2, 3])
    assert num_outliers(np.array([5.0, 4.0, 1.0, -1.0, -2.0, -3.0])) == 2


def test_arrival_is_where_the_line_between_two_measurements_passes_the_level():
    curves = np.array([[0.0, 0.8, 1.2, 0.2], [1.5, 0.1, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4]])
    np.testing.assert_allclose(edge.arrival(curves, 1.0), [1.5 * edge.EVERY, 0, np.inf])
    np.testing.assert_allclose(edge.mean_after(curves[:2], np.array([1.5 * edge.EVERY, 0])), [0.7, 0.45])
    np.testing.assert_allclose(edge.last_quarter(np.arange(8.0)), 6.5)
