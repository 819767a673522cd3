"""Curvature under the arithmetic of tensor cores and matrix units, which a program's interpreter emulates here.

The interpreter rounds the operands of every matrix product that is not asked to be exact, as accelerators do.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxprs_in_params
from jax.flatten_util import ravel_pytree

from jaxdl import curvature, losses, models
from jaxdl.curvature import critical, landscape, products, spectra
from jaxdl.curvature.precision import _unit_of
from jaxdl.programs.rewriting import evaluate
from jaxdl.types import Dataset

COARSE_CASES = [("tensorfloat32", 1000), ("bfloat16", 0), ("bfloat16", 1000)]
BITS = {"tensorfloat32": 10, "bfloat16": 7}
PRODUCTS = (lax.dot_general_p, lax.conv_general_dilated_p)


def operand_precisions(program):
    """The precisions of all products of float32 in a program and in all that it calls."""
    found = set()
    for equation in getattr(program, "jaxpr", program).eqns:
        if equation.primitive in PRODUCTS and equation.invars[0].aval.dtype == jnp.float32:
            chosen = equation.params["precision"]
            found |= set(chosen) if isinstance(chosen, tuple) else {chosen}
        for inner in jaxprs_in_params(equation.params):
            found |= operand_precisions(inner)
        for value in equation.params.values():
            if isinstance(value, ClosedJaxpr | Jaxpr):
                found |= operand_precisions(value)
    return found


def emulated(function, arithmetic):
    """The function as an accelerator computes it: products that do not ask for all bits have those of `arithmetic`."""

    def rule(equation):
        if equation.primitive not in PRODUCTS or operand_precisions_of(equation) == {lax.Precision.HIGHEST}:
            return None

        def rounded(*operands):
            return equation.primitive.bind(
                *(lax.reduce_precision(each, 8, BITS[arithmetic]) for each in operands), **equation.params
            )

        return rounded

    def call(*arguments):
        program, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        return jax.tree.unflatten(jax.tree.structure(shape), evaluate(program, jax.tree.leaves(arguments), rule))

    return call


def operand_precisions_of(equation):
    chosen = equation.params["precision"]
    return set(chosen) if isinstance(chosen, tuple) else {chosen}


X = jax.random.normal(jax.random.key(1), (100, 8), jnp.float32)
Y = jax.nn.one_hot(jnp.arange(100) % 3, 3, dtype=jnp.float32)
DATA = Dataset(X, Y, jnp.ones(100, jnp.float32))
MODEL = models.mlp((12, 12), 3)
VARIABLES = MODEL.init(jax.random.key(2), X)
PARAMS = VARIABLES["params"]


def loss(params):
    return jnp.mean(losses.softmax_cross_entropy(MODEL.apply({"params": params}, X), Y))


@jax.custom_vjp
def dense(x, w):
    return x @ w


dense.defvjp(lambda x, w: (x @ w, (x, w)), lambda kept, g: (g @ kept[1].T, kept[0].T @ g))


def loss_without_directions(params):
    """Of a layer with a rule for gradients only, which is traced when the gradient is taken."""
    return jnp.mean(dense(jnp.tanh(dense(X, params["a"])), params["b"]) ** 2)


OWN = {"a": jnp.ones((8, 3), jnp.float32) / 8, "b": jnp.ones((3, 1), jnp.float32)}
OVER = (MODEL, losses.softmax_cross_entropy, VARIABLES, DATA)
FORMS = {
    "hvp": lambda **how: (products.hvp(loss, PARAMS, **how), PARAMS),
    "hvp, reverse twice": lambda **how: (products.hvp(loss_without_directions, OWN, **how), OWN),
    "hvp_over": lambda **how: (products.hvp_over(*OVER, **how), PARAMS),
    "hvp_over in chunks": lambda **how: (products.hvp_over(*OVER, chunk_size=32, **how), PARAMS),
    "ggn": lambda **how: (products.ggn(*OVER, **how), PARAMS),
    "ggn in chunks": lambda **how: (products.ggn(*OVER, chunk_size=32, **how), PARAMS),
    "fisher": lambda **how: (products.fisher(*OVER, products.softmax_labels, **how), PARAMS),
    "empirical_fisher": lambda **how: (products.empirical_fisher(*OVER, chunk_size=32, **how), PARAMS),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("precision", ["highest", "tensorfloat32", "bfloat16"])
def test_every_product_has_the_precision_that_is_asked_for(form, precision):
    how = {} if precision == "highest" else {"precision": precision}
    program = jax.make_jaxpr(lambda v: FORMS[form](**how)[0](v))(FORMS[form]()[1])
    with jax.default_matmul_precision(precision):
        (asked,) = operand_precisions(jax.make_jaxpr(jnp.matmul)(X, X.T))
    assert operand_precisions(program) == {asked}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("arithmetic", ["tensorfloat32", pytest.param("bfloat16", marks=pytest.mark.thorough)])
def test_nothing_is_refused_wrongly(form, arithmetic, key):
    """At the platform's own precision most of these are refused as asymmetric."""
    like = FORMS[form]()[1]
    products.check_symmetric(emulated(lambda v: FORMS[form]()[0](v), arithmetic), like, key)


def spectrum_of(params):
    """In double precision, from the largest down."""
    x, y = X.astype(jnp.float64), Y.astype(jnp.float64)
    flat, unravel = ravel_pytree(jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params))
    exact = jax.hessian(lambda w: jnp.mean(losses.softmax_cross_entropy(MODEL.apply({"params": unravel(w)}, x), y)))
    return np.linalg.eigvalsh(np.asarray(exact(flat)))[::-1]


@pytest.mark.parametrize("arithmetic", [pytest.param("tensorfloat32", marks=pytest.mark.thorough), "bfloat16"])
def test_eigenpairs_certify_the_full_precision_under_any_arithmetic(arithmetic, key):
    found = curvature.eigenpairs(
        emulated(lambda v: products.hvp(loss, PARAMS)(v), arithmetic), PARAMS, key, top=3, bottom=2, dense_size=0
    )
    exact = spectrum_of(PARAMS)
    np.testing.assert_array_less(np.abs(found.values - exact[[0, 1, 2, -2, -1]]), found.residual_bounds)
    assert found.converged.all()


@pytest.mark.parametrize(
    ("arithmetic", "dense_size"),
    [("tensorfloat32", 0), *(pytest.param(*each, marks=pytest.mark.thorough) for each in COARSE_CASES)],
)
def test_what_is_certified_in_lower_precision_holds(arithmetic, dense_size, key):
    """Its bounds are those of the arithmetic: every value has an eigenvalue within them, and they are no wider than need be."""
    unit = 2.0 ** -BITS[arithmetic]
    matvec = emulated(lambda v: products.hvp(loss, PARAMS, precision=arithmetic)(v), arithmetic)
    found = curvature.eigenpairs(matvec, PARAMS, key, top=3, bottom=2, dense_size=dense_size, tolerance=40 * unit)
    exact = spectrum_of(PARAMS)
    assert found.converged.all()
    np.testing.assert_array_less(np.abs(found.values - exact[[0, 1, 2, -2, -1]]), found.residual_bounds)
    assert (found.residual_bounds >= 10 * unit * found.norm).all()
    with pytest.raises(ValueError, match=r"tolerance=1e-05, expected at least .*products with digits of"):
        curvature.eigenpairs(matvec, PARAMS, key, top=3, bottom=2)


def test_an_asymmetric_operator_is_refused_in_lower_precision_too(key):
    matrix = jnp.triu(jax.random.normal(key, (50, 50), jnp.float32))
    matvec = emulated(lambda v: jnp.matmul(matrix, v, precision="tensorfloat32"), "tensorfloat32")
    with pytest.raises(ValueError, match="is the operator symmetric"):
        curvature.eigenpairs(matvec, matrix[0], key, top=1, bottom=1, tolerance=0.1)


COARSE = lambda v: products.hvp(loss, PARAMS, precision="tensorfloat32")(v)  # noqa: E731


@pytest.mark.parametrize(
    "tool",
    [
        lambda: curvature.spectral_density(COARSE, PARAMS, jax.random.key(0)),
        lambda: curvature.inertia(COARSE, PARAMS, jax.random.key(0)),
        lambda: curvature.trace(COARSE, PARAMS, jax.random.key(0)),
        lambda: spectra.logdet(COARSE, PARAMS, jax.random.key(0)),
        lambda: critical.minres(COARSE, PARAMS, max_steps=2),
        lambda: products.dense(COARSE, PARAMS),
    ],
)
def test_tools_without_a_certificate_for_it_refuse_lower_precision(tool):
    with pytest.raises(ValueError, match=r"digits of 1e-03 alone, expected those of float32"):
        tool()


def test_a_matrix_of_the_users_own_is_multiplied_exactly(key):
    matrix = jax.random.normal(key, (30, 30), jnp.float32)
    symmetric = emulated(lambda v: (matrix + matrix.T) @ v, "bfloat16")
    found = curvature.eigenpairs(symmetric, matrix[0], key, top=1, bottom=1)
    expected = np.linalg.eigvalsh(np.asarray(matrix + matrix.T, np.float64))[[-1, 0]]
    np.testing.assert_allclose(found.values, expected, atol=1e-4)


def test_what_was_linearized_before_in_lower_precision_is_no_secret(key):
    """An operator whose program has open precisions is exact on CPUs alone."""
    _, push = jax.linearize(jax.grad(loss), PARAMS)
    program = jax.make_jaxpr(push)(PARAMS)
    assert operand_precisions(program) == {None}
    from jaxdl.curvature.precision import product_unit

    num = len(jax.tree.leaves(PARAMS))
    assert product_unit(program, num) == 2.0**-23
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: "gpu")
        assert product_unit(program, num) == 2.0**-7


@pytest.mark.parametrize(
    "search",
    [
        lambda: critical.critical_points(
            loss_without_directions, jax.tree.map(lambda leaf: leaf[None], OWN), max_steps=2
        ),
        lambda: critical.newton_mr(loss, PARAMS, gradient_tolerance=1e-3, max_steps=2),
        lambda: landscape.line(loss, PARAMS, PARAMS, jnp.linspace(-1, 1, 3, dtype=jnp.float32)),
        lambda: landscape.reparametrization(
            jax.random.key(0), loss, PARAMS, lambda w: jax.tree.map(lambda a: 2 * a, w)
        ),
    ],
)
def test_searches_and_slices_compute_with_all_digits(search):
    assert operand_precisions(jax.make_jaxpr(search)()) == {lax.Precision.HIGHEST}


def test_a_precision_of_another_name_is_refused(unchecked):
    with pytest.raises(ValueError, match=r"hvp: got precision='double', expected 'highest'"):
        products.hvp(loss, PARAMS, precision="double")


@pytest.mark.parametrize(
    ("chosen", "unit"),
    [
        (jax.lax.Precision.HIGHEST, 2.0**-23),
        (jax.lax.Precision.DEFAULT, 2.0**-7),  # what precision="bfloat16" asks for, also where CPUs have more
        (None, 2.0**-23),  # on CPUs, where these tests run
        (jax.lax.DotAlgorithmPreset.TF32_TF32_F32, 2.0**-10),
        (jax.lax.DotAlgorithmPreset.BF16_BF16_F32, 2.0**-7),
        (jax.lax.DotAlgorithmPreset.ANY_F8_ANY_F8_F32, 2.0**-2),
        (jax.lax.DotAlgorithm(np.float16, np.float16, np.float32), 2.0**-10),
    ],
)
def test_every_way_to_choose_a_precision_has_its_unit_of_rounding(chosen, unit):
    assert _unit_of(chosen) == unit
