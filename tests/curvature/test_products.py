import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxdl import losses, models, objectives
from jaxdl.curvature import eigenpairs, ggn, hvp
from jaxdl.curvature.products import (
    check_deterministic,
    dense,
    empirical_fisher,
    fisher,
    gaussian_labels,
    hvp_over,
    restrict,
    sigmoid_labels,
    softmax_labels,
)
from jaxdl.types import Dataset, Model

NUM_EXAMPLES = 7
MODEL = models.mlp([3], 3, activation=jnp.tanh)
LOSS = losses.softmax_cross_entropy
PRODUCTS = {
    "hessian": hvp_over,
    "ggn": ggn,
    "fisher": lambda *arguments, **settings: fisher(*arguments, softmax_labels, **settings),
    "empirical fisher": empirical_fisher,
}


@pytest.fixture(scope="module")
def data():
    draw = np.random.default_rng(0)
    classes = np.eye(3)[draw.integers(0, 3, NUM_EXAMPLES)]
    x = jnp.asarray(draw.normal(size=(NUM_EXAMPLES, 2)))
    return Dataset(x, jnp.asarray(classes), jnp.asarray([1.0, 0.0, 2.0, 0.5, 3.0, 1.0, 1.0]))


@pytest.fixture(scope="module")
def variables(data):
    return jax.tree.map(lambda leaf: leaf + 0.1, MODEL.init(jax.random.key(1), data.x))


@functools.cache
def compiled(name, chunk_size):
    @jax.jit
    def compute(variables, data):
        product = PRODUCTS[name](MODEL, LOSS, variables, data, chunk_size=chunk_size)
        return dense(product, variables["params"])

    return compute


def matrix_of(name, variables, data, chunk_size=None):
    return np.asarray(compiled(name, chunk_size)(variables, data))


def jacobians(variables, data):
    """Of the outputs of every example, `(n, out, p)`, and the outputs."""
    flat, unravel = ravel_pytree(variables["params"])

    def outputs(flat):
        return MODEL.apply({"params": unravel(flat)}, data.x)

    return np.asarray(jax.jit(jax.jacrev(outputs))(flat)), np.asarray(outputs(flat))


def weighted(data, jacobian, inner):
    """sum_i w_i J_iᵀ inner_i J_i / sum_i w_i."""
    weight = np.asarray(data.weight) / float(data.weight.sum())
    return np.einsum("n,nap,nab,nbq->pq", weight, jacobian, inner, jacobian)


def test_the_hessian_over_data_is_that_of_the_evaluation_risk(variables, data):
    flat, unravel = ravel_pytree(variables["params"])
    risk = objectives.evaluation_risk(MODEL, LOSS)
    expected = jax.jit(jax.hessian(lambda flat: risk({"params": unravel(flat)}, data, None)[0]))(flat)
    np.testing.assert_allclose(matrix_of("hessian", variables, data), expected, atol=1e-13)


@pytest.mark.parametrize("name", ["ggn", "fisher"])
def test_gauss_newton_and_fisher_of_softmax_are_explicit_jacobians_around_its_covariance(name, variables, data):
    jacobian, outputs = jacobians(variables, data)
    p = np.asarray(jax.nn.softmax(outputs))
    covariance = np.einsum("na,ab->nab", p, np.eye(3)) - np.einsum("na,nb->nab", p, p)
    expected = weighted(data, jacobian, covariance)
    np.testing.assert_allclose(matrix_of(name, variables, data), expected, atol=1e-14)


def test_the_empirical_fisher_is_the_second_moment_of_the_gradients(variables, data):
    jacobian, outputs = jacobians(variables, data)
    scores = np.asarray(jax.nn.softmax(outputs) - data.y)
    expected = weighted(data, jacobian, np.einsum("na,nb->nab", scores, scores))
    np.testing.assert_allclose(matrix_of("empirical fisher", variables, data), expected, atol=1e-14)


@pytest.mark.parametrize(
    ("loss", "labels"),
    [(losses.half_squared_error, gaussian_labels), (losses.sigmoid_cross_entropy, sigmoid_labels)],
)
def test_the_fisher_matrix_of_an_exponential_family_is_its_gauss_newton_matrix(loss, labels, variables, data):
    @jax.jit
    def both(variables):
        like = variables["params"]
        return (
            dense(fisher(MODEL, loss, variables, data, labels, chunk_size=3), like),
            dense(ggn(MODEL, loss, variables, data, chunk_size=3), like),
        )

    np.testing.assert_allclose(*both(variables), atol=1e-14)


@pytest.mark.parametrize("name", PRODUCTS)
def test_uneven_weighted_chunks_add_up_to_the_whole(name, variables, data):
    whole = matrix_of(name, variables, data)
    np.testing.assert_allclose(matrix_of(name, variables, data, 3), whole, atol=1e-14)
    np.testing.assert_allclose(whole, whole.T, atol=1e-14)
    # Half of all weight, and what the example of weight zero is, change nothing.
    other = Dataset(data.x.at[1].set(5.0), data.y.at[1].set(0.0), data.weight / 2)
    np.testing.assert_allclose(matrix_of(name, variables, other, 3), whole, atol=1e-14)


def test_no_weight_at_all_gives_no_curvature(variables, data):
    empty = data._replace(weight=jnp.zeros(NUM_EXAMPLES))
    np.testing.assert_array_equal(matrix_of("hessian", variables, empty, 3), 0)


def test_products_vmap_over_models_and_data(variables, data):
    @jax.jit
    @jax.vmap
    def product(variables, data):
        return hvp_over(MODEL, LOSS, variables, data, chunk_size=3)(variables["params"])

    twice = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), (variables, data))
    together = product(*twice)
    for member in range(2):
        own_variables, own_data = jax.tree.map(lambda leaf, member=member: leaf[member], twice)
        flat = ravel_pytree(own_variables["params"])[0]
        expected = matrix_of("hessian", own_variables, own_data) @ flat
        np.testing.assert_allclose(ravel_pytree(jax.tree.map(lambda leaf: leaf[member], together))[0], expected)  # noqa: B023


@pytest.mark.thorough
def test_a_restricted_operator_is_a_diagonal_block(variables, data):
    params = variables["params"]
    product = hvp_over(MODEL, LOSS, variables, data, chunk_size=3)
    whole = matrix_of("hessian", variables, data)
    numbers = ravel_pytree(params)[1](jnp.arange(len(whole)))

    def block_of(keep):
        block, like = restrict(product, params, keep)
        rows = ravel_pytree(restrict(lambda v: v, numbers, keep)[1])[0].astype(int)
        return np.asarray(jax.jit(lambda: dense(block, like))()), whole[np.ix_(rows, rows)]

    kernels = jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)
    for keep in ({"Dense_0": False, "Dense_1": True}, kernels):
        np.testing.assert_allclose(*block_of(keep), atol=1e-14)
    with pytest.raises(ValueError, match="keeps nothing"):
        restrict(product, params, False)
    with pytest.raises(ValueError, match="a prefix of"):
        restrict(product, params, {"Dense_0": True})


def autoencoder_spectrum(lam, chosen, hidden):
    """All eigenvalues at the critical point of a linear autoencoder that keeps the chosen directions."""
    others = [j for j in range(len(lam)) if j not in chosen]
    values = [value for i in chosen for _ in chosen for value in (2 * lam[i], 0)]
    for i in chosen:
        for j in others:
            root = np.sqrt((lam[i] - lam[j]) ** 2 + 4 * lam[j] ** 2)
            values += [(lam[i] + lam[j] + root) / 2, (lam[i] + lam[j] - root) / 2]
    for _ in range(hidden - len(chosen)):
        values += [sign * lam[j] for j in others for sign in (1, -1)] + [0] * (2 * len(chosen))
    return np.sort(values)


def test_the_spectrum_at_every_kind_of_critical_point_of_a_linear_autoencoder():
    """Baldi and Hornik (1989): minimum, saddles, maximal saddle."""
    lam, hidden = np.array([4.0, 2.5, 1.5, 1.0, 0.3]), 2

    def loss(params):
        rest = jnp.eye(5) - params["decoder"] @ params["encoder"]
        return 0.5 * jnp.sum(rest**2 * jnp.asarray(lam)[None, :])

    spectrum = jax.jit(lambda params: jnp.linalg.eigvalsh(dense(hvp(loss, params), params)))
    for chosen in [(), (1,), (4,), (0, 1), (1, 3), (3, 4)]:
        encoder = np.zeros((hidden, 5))
        encoder[np.arange(len(chosen)), chosen] = 1
        found = spectrum({"encoder": jnp.asarray(encoder), "decoder": jnp.asarray(encoder.T)})
        np.testing.assert_allclose(found, autoencoder_spectrum(lam, chosen, hidden), atol=1e-13)


@pytest.mark.thorough
def test_softmax_regression_at_zero_has_every_eigenvalue_as_often_as_classes_less_one(key):
    """Eigenvalues of XᵀX / N over C, each C - 1 times, though the basis is smaller than the number of distinct ones."""
    num_classes, num_features = 6, 30
    x = jax.random.normal(key, (100, num_features)) * jnp.linspace(0.5, 2, num_features)[None, :]
    data = Dataset(x, jax.nn.one_hot(jnp.arange(100) % num_classes, num_classes, dtype=x.dtype), jnp.ones(100))
    model = Model(lambda key, x: {}, lambda variables, x: x @ variables["params"])
    zero = {"params": jnp.zeros((num_features, num_classes))}
    settings = {"top": 12, "bottom": 3, "basis_size": 28, "tolerance": 1e-10}
    pairs = jax.jit(lambda zero: eigenpairs(hvp_over(model, LOSS, zero, data), zero["params"], key, **settings))(zero)
    expected = np.linalg.eigvalsh(x.T @ x / 100)[::-1] / num_classes
    np.testing.assert_allclose(pairs.values[:12], np.repeat(expected, num_classes - 1)[:12], rtol=1e-10)
    np.testing.assert_allclose(pairs.values[12:], 0, atol=1e-12)
    assert np.all(pairs.converged)


def test_rescaled_layers_rescale_the_hessian_of_the_same_function():
    """Dinh et al. (2017): W1 -> a W1, W2 -> W2 / a leaves a ReLU network alone, and H becomes T⁻¹ H T⁻¹."""
    x = jax.random.normal(jax.random.key(0), (20, 3))

    def loss(params):
        return jnp.mean((jax.nn.relu(x @ params[0]) @ params[1] - jnp.sin(x[:, :1])) ** 2)

    keys = jax.random.split(jax.random.key(1))
    params = (jax.random.normal(keys[0], (3, 4)), jax.random.normal(keys[1], (4, 1)))
    scale = 3.0
    hessian = jax.jit(lambda params: dense(hvp(loss, params), params))
    original, rescaled = hessian(params), hessian((scale * params[0], params[1] / scale))
    t = np.r_[np.full(12, scale), np.full(4, 1 / scale)]
    np.testing.assert_allclose(rescaled, original / t[:, None] / t[None, :], atol=1e-12)


def test_bad_losses_and_parameters_are_refused(variables, data):
    for loss, params, message in [
        (lambda w: w, jnp.ones(2), r"returns \(2,\), expected a scalar"),
        (lambda w: (w.sum(), w), jnp.ones(2), "expected a scalar"),
        (lambda w: jnp.sum(w > 0), jnp.ones(2), "of type int64, expected a real float"),
        (jnp.sum, jnp.arange(2), "real floats"),
        (jnp.sum, jnp.array([1.0, jnp.nan]), "nan.*expected finite numbers"),
    ]:
        with pytest.raises(ValueError, match=message):
            hvp(loss, params)
    with pytest.raises(ValueError, match="expected a whole number of 1 or more"):
        hvp_over(MODEL, LOSS, variables, data, chunk_size=0)
    with pytest.raises(ValueError, match=r"x \(5, 2\), y \(7, 3\) and weight \(7,\)"):
        hvp_over(MODEL, LOSS, variables, Dataset.__new__(Dataset, data.x[:5], data.y, data.weight))
    for loss in (lambda f, y: jnp.mean(LOSS(f, y)), lambda f, y: (f - y) ** 2):
        with pytest.raises(ValueError, match=r"expected \(7,\), one for each"):
            ggn(MODEL, loss, variables, data)


def test_a_stochastic_loss_is_refused_and_a_deterministic_one_is_not():
    draws = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at the same parameters"):
        check_deterministic(lambda w: jnp.sum(w) * draws.normal(), jnp.ones(2))
    with pytest.raises(ValueError, match="nan"):
        check_deterministic(lambda w: jnp.sum(w) * jnp.nan, jnp.ones(2))
    check_deterministic(lambda w: jnp.sum(w**2), jnp.ones(2))


def test_parameters_known_beforehand_may_be_used_inside_a_compiled_function():
    known = jnp.array([1.0, 2.0])
    product = jax.jit(lambda v: hvp(lambda w: w[0] ** 2 * w[1], known)(v))(jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(product, [4.0, 2.0])


def test_a_loss_that_is_no_scalar_is_not_compared():
    for loss in (lambda w: w, lambda w: (jnp.sum(w), w)):
        with pytest.raises(ValueError, match="expected a scalar"):
            check_deterministic(loss, jnp.ones(2))
