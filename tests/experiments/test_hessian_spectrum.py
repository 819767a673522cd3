"""Spectra along training in the smallest setting: eigenvalues against dense ones, outliers, and the report."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from experiments import runner
from experiments.hessian_spectrum import EXPERIMENT, Config, digits_problem, trained
from experiments.hessian_spectrum_results import (
    gap,
    has_reached,
    last_quarter,
    num_outliers,
    relative_sharpness,
    typical,
)
from jaxdl import designs, losses
from jaxdl.data import real

pytestmark = pytest.mark.thorough

SMALLEST = Config(
    num_examples=40, num_units=2, classes=(2, 10), times=(0, 4), num_seeds=2, num_probes=1, num_lanczos_steps=16,
    num_edge_examples=30, step_sizes=(0.05, 0.1), num_edge_steps=8, every=2, num_edge_seeds=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    found = EXPERIMENT.measure(SMALLEST, runner.Options(progress=False))
    return {name: np.asarray(value) for name, value in found.items()}


@pytest.fixture(scope="module")
def hessian():
    """`(params, x, y, weight) -> H` of the mean cross-entropy of outputs written out here, in double precision."""

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


@pytest.mark.parametrize(("setting", "classes", "centred"), [((0, 1), 2, 1.0), ((1, 0), 10, 0.0)])
def test_the_eigenvalues_are_those_of_the_dense_hessian(results, hessian, setting, classes, centred):
    key = jax.random.split(jax.random.key(SMALLEST.seed))[0]
    keys = designs.keys_of_run(designs.independent(2, "init", "search"), key, 1)
    model, data = digits_problem(SMALLEST, 40, classes, centred)
    params = jax.tree.map(lambda leaf: leaf[1], trained(SMALLEST, keys, model, data))
    values = np.linalg.eigvalsh(hessian(params, *data, np.arange(10) < classes, cross_entropy))[::-1]
    np.testing.assert_allclose(results["classes.top"][(*setting, 1, 1)], values[:22], atol=1e-3 * values[0])
    np.testing.assert_allclose(results["classes.smallest"][(*setting, 1, 1)], values[-1], atol=1e-3 * values[0])


def test_the_sharpness_at_the_start_is_that_of_the_halved_weights(results, hessian):
    key = jax.random.split(jax.random.key(SMALLEST.seed))[1]
    keys = designs.keys_of_run(designs.independent(2, "init", "search"), key, 0)
    model, data = digits_problem(SMALLEST, 30, 10, 1.0)
    params = jax.tree.map(lambda leaf: leaf / 2, model.init(keys["init"], data.x)["params"])
    values = np.linalg.eigvalsh(hessian(params, *data, np.full(10, True), squared))
    assert abs(results["edge.sharpness"][0, 0, 0] - values[-1]) <= results["edge.bound"][0, 0, 0] + 1e-4 * values[-1]


def test_classes_beyond_the_first_ones_have_neither_examples_nor_probability():
    model, data = digits_problem(SMALLEST, 40, 4, 1.0)
    digits = real.digits()
    assert (np.asarray(data.weight > 0) == (np.argmax(digits.y[:40], axis=1) < 4)).all()
    np.testing.assert_allclose(np.average(data.x, axis=0, weights=data.weight), 0, atol=1e-6)
    variables = model.init(jax.random.key(0), data.x)
    probabilities = jax.nn.softmax(model.apply(variables, data.x))
    assert (probabilities[:, 4:] == 0).all()
    assert np.isfinite(losses.softmax_cross_entropy(model.apply(variables, data.x), data.y)[data.weight > 0]).all()


def test_no_layers_eigenvalue_exceeds_that_of_the_whole(results):
    """Cauchy's interlacing: of a diagonal block, the k-th largest is at most the whole's k-th largest."""
    whole, layers = results["classes.top"][-1, 0], results["layers.tops"]
    assert (layers <= (whole + 1e-3 * whole[..., :1])[:, :, None, :]).all()


def test_the_density_has_mass_one_and_its_nodes_within_the_spectrum(results):
    np.testing.assert_allclose(results["layers.weights"].sum(axis=(2, 3)), 1, rtol=1e-5)
    top, smallest = results["classes.top"][-1, 0, :, :, 0], results["classes.smallest"][-1, 0]
    assert (results["layers.nodes"].max(axis=(2, 3)) <= top * 1.001).all()
    assert (results["layers.nodes"].min(axis=(2, 3)) >= smallest - 1e-3 * top).all()
    assert (results["layers.bulk_low"] <= results["layers.bulk"] + 1e-6).all()


def test_outliers_are_counted_up_to_the_largest_ratio_of_few_neighbours():
    top = np.concatenate([[15.0, 12.0, 10.0], np.linspace(2, 1, 16), [0.01]])
    assert num_outliers(top, 4) == 3
    assert gap(top, 4) == pytest.approx(5)
    assert num_outliers(np.array([5.0, 4.0, 1.0, -1.0, -2.0, -3.0]), 2) == 2
    np.testing.assert_allclose(typical(np.array([[4.0, 1.0], [1.0, 9.0]])), [2, 3])


def test_sharpness_is_relative_to_the_edge_of_each_step_size(results):
    relative = relative_sharpness(SMALLEST, results)
    np.testing.assert_allclose(relative[1], 0.05 * results["edge.sharpness"][1], rtol=1e-6)
    np.testing.assert_allclose(last_quarter(np.arange(8.0)), 6.5)
    assert has_reached(np.array([0.5, 0.96, 0.5, 0.5]), 0.95)
    assert not has_reached(np.array([0.5, 0.5, 0.5, 0.96]), 0.95)


def test_everything_that_is_shown_is_made_from_the_results(results):
    assert "layer" in EXPERIMENT.tables(SMALLEST, results)
    assert set(EXPERIMENT.plot(SMALLEST, results)) == {"outliers", "density", "edge"}
    assert [claim.number for claim in EXPERIMENT.claims(SMALLEST, results)] == ["HS1", "HS2", "HS3", "HS4", "HS5"]


@pytest.mark.parametrize(
    ("curves", "verdict"),
    [
        ([[0.2, 0.5, 1.0, 1.001], [0.2, 0.5, 1.0, 1.0]], "supported"),
        ([[0.2, 0.5, 1.0, 1.001], [0.2, 0.5, 1.0, 1.0], [0.2, 0.5, 0.6, 0.7]], "restricted"),
        ([[0.2, 0.5, 1.0, 0.5], [0.2, 0.5, 1.0, 0.51]], "refuted"),
    ],
)
def test_the_edge_is_judged_by_all_seeds_and_then_by_those_that_reached_it(results, curves, verdict):
    relative = np.array(curves)
    sizes = np.array(SMALLEST.step_sizes)[:, None, None]
    changed = {**results, "edge.sharpness": 2 * relative[None] / sizes}
    assert EXPERIMENT.claims(SMALLEST, changed)[3].verdict == verdict


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": (2, 4)}, "10 at the end"),
        ({"times": (5,)}, "two or more"),
        ({"every": 7}, "multiple of every=7"),
        ({"num_seeds": 1}, "at least 2"),
    ],
)
def test_configurations_without_an_answer_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Config(), **changes)
