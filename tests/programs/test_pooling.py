"""Max pooling by comparisons: the same values and derivatives, whatever the windows and the ties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxdl.programs.windows import for_cpu, has_windows

WINDOWS = [
    ((1, 2, 2, 1), (1, 2, 2, 1), "VALID"),
    ((1, 2, 3, 1), (1, 2, 3, 1), "SAME"),
    ((1, 3, 3, 1), (1, 2, 2, 1), "SAME"),
    ((1, 2, 1, 2), (1, 3, 1, 1), ((0, 0), (1, 2), (0, 0), (1, 0))),
]


def tied(shape):
    """Numbers of which many are equal, in float64."""
    return jnp.asarray(np.random.default_rng(0).integers(0, 3, shape).astype(float))


def pooled(operation, start, window):
    return lambda image: lax.reduce_window(image, start, operation, *window)


def check(operation, start, window, shape):
    function, image = pooled(operation, start, window), tied(shape)
    direction = jnp.asarray(np.random.default_rng(1).normal(size=shape))

    def derivatives(image):
        value, pull = jax.vjp(function, image)
        (gradient,) = pull(jnp.arange(1.0, value.size + 1).reshape(value.shape))
        return value, gradient, jax.jvp(function, (image,), (direction,))[1]

    program = str(jax.make_jaxpr(for_cpu(derivatives))(image))
    assert "reduce_window" not in program
    assert "select_and" not in program
    value, gradient, along = for_cpu(derivatives)(image)
    expected = derivatives(image)
    np.testing.assert_array_equal(value, expected[0])
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-14)
    # jax's own derivative along a direction takes another of equal places than its gradient does, beside padding.
    each = jnp.eye(value.size).reshape(-1, *value.shape)
    rows = jax.vmap(lambda one: jax.vjp(function, image)[1](one)[0])(each)
    np.testing.assert_allclose(along.ravel(), jnp.tensordot(rows, direction, len(shape)), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("operation", "start"), [(lax.max, -jnp.inf), (lax.min, jnp.inf)])
def test_values_gradients_and_directions_are_those_of_jax_with_its_rule_for_ties(operation, start, window):
    check(operation, start, window, (2, 7, 6, 3))


@st.composite
def windows(draw):
    """A shape, and windows, strides and padding that fit it."""
    rank = draw(st.integers(1, 3))
    few = st.lists(st.integers(1, 3), min_size=rank, max_size=rank)
    sizes = draw(few)
    padding = [(draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))) for size in sizes]
    shape = draw(st.lists(st.integers(3, 7), min_size=rank, max_size=rank))
    return (tuple(sizes), tuple(draw(few)), tuple(padding)), tuple(shape)


@pytest.mark.thorough
@settings(max_examples=20, deadline=None)
@given(windows())
def test_any_windows_are_served(case):
    if max(case[0][0]) > 1:  # else jax itself leaves nothing of it
        check(lax.max, -jnp.inf, *case)


def test_a_number_that_is_none_stays_one():
    image = tied((1, 4, 4, 1)).at[0, 1, 0, 0].set(jnp.nan).at[0, 2, 2, 0].set(jnp.nan)
    function = pooled(lax.max, -jnp.inf, WINDOWS[0])
    np.testing.assert_array_equal(for_cpu(function)(image), function(image))
    assert int(jnp.isnan(for_cpu(function)(image)).sum()) == 2


def test_what_is_differentiated_after_it_was_rewritten_keeps_the_rule_for_ties():
    function = pooled(lax.max, -jnp.inf, WINDOWS[2])

    def loss(image):
        return jnp.sum(function(image) ** 3)

    image = tied((1, 5, 5, 2))
    expected = jax.grad(loss)(image)
    np.testing.assert_allclose(jax.grad(for_cpu(loss))(image), expected, rtol=1e-14)
    np.testing.assert_allclose(for_cpu(jax.grad(loss))(image), expected, rtol=1e-14)
    product = jax.jvp(for_cpu(jax.grad(loss)), (image,), (jnp.ones_like(image),))[1]
    np.testing.assert_allclose(product, jax.jvp(jax.grad(loss), (image,), (jnp.ones_like(image),))[1], rtol=1e-14)


def test_whole_numbers_and_large_windows_are_left_as_they_are():
    image = jnp.arange(64).reshape(1, 8, 8, 1)
    assert not has_windows(jax.make_jaxpr(pooled(lax.max, 0, WINDOWS[0]))(image))
    large = pooled(lax.max, -jnp.inf, ((1, 8, 8, 1), (1, 8, 8, 1), "VALID"))
    assert not has_windows(jax.make_jaxpr(large)(image.astype(float)))
