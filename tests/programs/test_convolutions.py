"""Convolutions as products: the same numbers for any parameters, in loops, under vmap, and for both gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxdl.programs.convolution_plans import plans
from jaxdl.programs.convolutions import _by_product
from jaxdl.programs.windows import for_cpu, has_windows

LAYOUTS = {
    1: (("NWC", "WIO", "NWC"), ("NCW", "OIW", "NCW")),
    2: (("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW"), ("CHWN", "IHWO", "NHWC")),
    3: (("NDHWC", "DHWIO", "NDHWC"), ("NCDHW", "OIDHW", "NDHWC")),
}


@st.composite
def convolutions(draw):
    """An image, a kernel and the parameters of a convolution that fit together."""
    rank = draw(st.integers(1, 3))
    layout = draw(st.sampled_from(LAYOUTS[rank]))
    few = st.lists(st.integers(1, 3), min_size=rank, max_size=rank)
    sizes, kernel = draw(st.lists(st.integers(3, 6), min_size=rank, max_size=rank)), draw(few)
    padding = draw(st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2)), min_size=rank, max_size=rank))
    parameters = {
        "window_strides": draw(few), "padding": padding, "lhs_dilation": draw(few), "rhs_dilation": draw(few),
        "feature_group_count": 1, "batch_group_count": 1,
    }  # fmt: skip
    groups = draw(st.integers(1, 3))
    parameters[draw(st.sampled_from(["feature_group_count", "batch_group_count"]))] = groups
    of_features, of_batch = parameters["feature_group_count"], parameters["batch_group_count"]
    named = {"N": 2 * of_batch, "C": 2 * of_features, "I": 2, "O": 2 * groups}
    image = dict(zip("DHW"[-rank:] if rank > 1 else "W", sizes, strict=True)) | named
    weights = dict(zip("DHW"[-rank:] if rank > 1 else "W", kernel, strict=True)) | named
    shapes = [tuple(image[axis] for axis in layout[0]), tuple(weights[axis] for axis in layout[1])]
    return shapes, parameters | {"dimension_numbers": layout}


def drawn(shapes):
    generator = np.random.default_rng(0)
    return [jnp.asarray(generator.normal(size=shape)) for shape in shapes]


@pytest.mark.thorough
@settings(max_examples=30, deadline=None)
@given(convolutions())
def test_any_convolution_is_the_product_up_to_rounding(convolution):
    check(*convolution)


@pytest.mark.parametrize("groups", ["feature_group_count", "batch_group_count"])
def test_a_convolution_with_all_that_it_may_have_is_the_product_up_to_rounding(groups):
    parameters = {
        "window_strides": (2, 1), "padding": ((1, 2), (-1, 0)), "lhs_dilation": (1, 2), "rhs_dilation": (2, 1),
        "dimension_numbers": ("NHWC", "HWIO", "NCHW"), groups: 2,
    }  # fmt: skip
    check([(4, 6, 5, 4 if groups[0] == "f" else 2), (2, 3, 2, 4)], parameters)


def check(shapes, parameters):

    def function(image, kernel):
        return lax.conv_general_dilated(image, kernel, **parameters)

    try:
        expected = function(*drawn(shapes))
    except (ValueError, TypeError):  # an empty result, which jax refuses
        return
    np.testing.assert_allclose(for_cpu(function)(*drawn(shapes)), expected, rtol=1e-12, atol=1e-12)
    if not expected.size:  # is left as it is
        assert not has_windows(jax.make_jaxpr(function)(*drawn(shapes)))
        return
    # Which way is cheapest depends on sizes: each way is right.
    (equation,) = jax.make_jaxpr(function)(*drawn(shapes)).eqns
    for plan in plans(equation.params, *shapes):
        found = _by_product(equation.params, plan, *drawn(shapes))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("spread", [2, 3, 4])
@pytest.mark.parametrize("padding", [(0, 0), (3, 1), (-2, 4), (2, -1)])
def test_an_image_that_is_spread_out_is_taken_apart(kernel, spread, padding):
    def function(image, kernel):
        return lax.conv_general_dilated(
            image,
            kernel,
            (1, 2),
            (padding, (2, 1)),
            lhs_dilation=(spread, 2),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    image, weights = drawn([(2, 4, 5, 3), (kernel, 2, 3, 2)])
    np.testing.assert_allclose(for_cpu(function)(image, weights), function(image, weights), rtol=1e-12, atol=1e-12)


def network(kernels, image):
    first, second = kernels
    hidden = lax.conv_general_dilated(image, first, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return lax.conv_general_dilated(
        jnp.tanh(hidden), second, (1, 1), ((1, 2), (0, 1)), rhs_dilation=(1, 2), feature_group_count=2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip


def loss(kernels, image):
    return jnp.mean(network(kernels, image) ** 3)


KERNELS = drawn([(3, 3, 2, 4), (2, 2, 2, 6)])
(IMAGE,) = drawn([(5, 8, 8, 2)])


@pytest.mark.parametrize("argument", [0, 1])
def test_both_gradients_are_products_too(argument):
    gradient = jax.grad(loss, argument)
    program = jax.make_jaxpr(for_cpu(gradient))(KERNELS, IMAGE)
    assert has_windows(jax.make_jaxpr(gradient)(KERNELS, IMAGE))
    assert "conv_general_dilated" not in str(program)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14),
        for_cpu(gradient)(KERNELS, IMAGE), gradient(KERNELS, IMAGE),
    )  # fmt: skip


def test_loops_branches_and_batches_are_reached():
    def train(kernels, image):
        def step(kernels, _):
            gradient = lax.cond(image.sum() > -1e9, jax.grad(loss), lambda *_: kernels, kernels, image)
            return jax.tree.map(lambda a, b: a - 0.1 * b, kernels, gradient), loss(kernels, image)

        return lax.scan(step, kernels, length=3)

    batch = jnp.stack([IMAGE, 2 * IMAGE])
    for rewritten in (jax.vmap(for_cpu(train), (None, 0)), for_cpu(jax.vmap(train, (None, 0)))):
        assert "conv_general_dilated" not in str(jax.make_jaxpr(rewritten)(KERNELS, batch))
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12),
            rewritten(KERNELS, batch), jax.vmap(train, (None, 0))(KERNELS, batch),
        )  # fmt: skip


def test_the_derivative_of_a_rewritten_function_is_that_of_the_function():
    direction = jax.tree.map(jnp.ones_like, KERNELS)
    for function in (loss, for_cpu(loss)):
        value = jax.jvp(jax.grad(function), (KERNELS, IMAGE), (direction, jnp.zeros_like(IMAGE)))[1]
        if function is loss:
            expected = value
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13), value, expected)


def test_a_function_without_convolutions_and_one_too_large_for_memory_are_left_as_they_are():
    def plain(x):
        return jnp.tanh(x)

    assert str(jax.make_jaxpr(for_cpu(plain))(1.0)) == str(jax.make_jaxpr(plain)(1.0))
    large = jax.ShapeDtypeStruct((64, 512, 512, 8), jnp.float32), jax.ShapeDtypeStruct((3, 3, 8, 8), jnp.float32)

    def convolve(image, kernel):
        return lax.conv_general_dilated(image, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    assert "conv_general_dilated" in str(jax.make_jaxpr(for_cpu(convolve))(*large))


def test_an_image_that_is_small_until_it_is_spread_out_is_left_as_it_is_too():
    small, kernel = (
        jax.ShapeDtypeStruct((64, 16, 16, 64), jnp.float32),
        jax.ShapeDtypeStruct((8, 8, 64, 64), jnp.float32),
    )

    def transposed(image, kernel):
        return lax.conv_transpose(image, kernel, (8, 8), "SAME")

    assert "conv_general_dilated" in str(jax.make_jaxpr(for_cpu(transposed))(small, kernel))
