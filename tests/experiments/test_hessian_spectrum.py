"""What the claims about spectra share: eigenvalues against dense ones, outliers, and sharpness against the edge."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from experiments.book.lab import Lab
from experiments.hessian_spectrum import digits, edge
from experiments.hessian_spectrum.outliers import gap, num_outliers
from jaxdl import designs, losses
from jaxdl.data import real

TIMES = (0, 4)
SMALLEST = {"seed": 0, "classes": (2, 10), "times": TIMES, "networks": 2, "probes": 1, "steps": 160, "inits": 2}
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


@pytest.fixture(scope="module")
def layers():
    return digits.layers(LAB).outputs


@pytest.mark.thorough
@pytest.mark.parametrize(("setting", "classes", "centred"), [(1, 2, 1.0), (2, 10, 0.0)])
def test_the_eigenvalues_are_those_of_the_dense_hessian(hessian, setting, classes, centred):
    found = digits.by_classes(LAB, tuple(digits.PIXELS)).outputs["top"][setting, 1, 1]
    keys = designs.keys_of_run(designs.independent(2, *digits.DESIGN_SOURCES), LAB.key("classes"), 1)
    model, data = digits.problem(digits.NUM_EXAMPLES, classes, centred)
    params = jax.tree.map(lambda leaf: leaf[1], digits.trained(keys, model, data, TIMES))
    values = np.linalg.eigvalsh(hessian(params, *data, np.arange(10) < classes, cross_entropy))[::-1]
    np.testing.assert_allclose(found, values[: digits.NUM_TOP], atol=1e-3 * values[0])


@pytest.mark.thorough
def test_the_sharpness_at_the_start_is_that_of_the_halved_weights(hessian):
    found = edge.descents(LAB, (0.05, 0.1)).outputs
    keys = designs.keys_of_run(designs.independent(2, *digits.DESIGN_SOURCES), LAB.key("edge"), 0)
    model, data = digits.problem(edge.NUM_EXAMPLES, 10, 1.0)
    params = jax.tree.map(lambda leaf: leaf / 2, model.init(keys["init"], data.x)["params"])
    values = np.linalg.eigvalsh(hessian(params, *data, np.full(10, True), squared))
    assert abs(found["sharpness"][0, 0, 0] - values[-1]) <= found["bound"][0, 0, 0] + 1e-4 * values[-1]


def test_classes_beyond_the_first_ones_have_neither_examples_nor_probability():
    model, data = digits.problem(40, 4, 1.0)
    known = real.digits()
    assert (np.asarray(data.weight > 0) == (np.argmax(known.y[:40], axis=1) < 4)).all()
    np.testing.assert_allclose(np.average(data.x, axis=0, weights=data.weight), 0, atol=1e-6)
    variables = model.init(jax.random.key(0), data.x)
    probabilities = jax.nn.softmax(model.apply(variables, data.x))
    assert (probabilities[:, 4:] == 0).all()
    assert np.isfinite(losses.softmax_cross_entropy(model.apply(variables, data.x), data.y)[data.weight > 0]).all()


@pytest.mark.thorough
def test_no_layers_eigenvalue_exceeds_that_of_the_whole(layers):
    """Cauchy's interlacing: of a diagonal block, the k-th largest is at most the whole's k-th largest."""
    whole = layers["whole"]
    assert (layers["layers"] <= (whole + 1e-3 * whole[..., :1])[:, :, None, :]).all()


@pytest.mark.thorough
def test_the_density_has_mass_one_and_its_nodes_within_the_spectrum(layers):
    np.testing.assert_allclose(layers["weights"].sum(axis=(2, 3)), 1, rtol=1e-5)
    top, smallest = layers["whole"][..., 0], layers["smallest"]
    assert (layers["nodes"].max(axis=(2, 3)) <= top * 1.001).all()
    assert (layers["nodes"].min(axis=(2, 3)) >= smallest - 1e-3 * top).all()
    assert (layers["bulk_low"] <= layers["bulk"] + 1e-6).all()


def test_outliers_are_counted_up_to_the_largest_ratio_of_few_neighbours():
    top = np.concatenate([[15.0, 12.0, 10.0], np.linspace(2, 1, 16), [0.01]])
    assert num_outliers(top, 4) == 3
    assert gap(top, 4) == pytest.approx(5)
    assert num_outliers(np.array([5.0, 4.0, 1.0, -1.0, -2.0, -3.0]), 2) == 2
    np.testing.assert_allclose(digits.typical(np.array([[4.0, 1.0], [1.0, 9.0]])), [2, 3])


def test_the_edge_is_reached_before_the_last_quarter_or_not_at_all():
    np.testing.assert_allclose(edge.last_quarter(np.arange(8.0)), 6.5)
    assert edge.has_reached(np.array([0.5, 0.96, 0.5, 0.5]), 0.95)
    assert not edge.has_reached(np.array([0.5, 0.5, 0.5, 0.96]), 0.95)
