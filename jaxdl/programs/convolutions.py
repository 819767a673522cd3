"""Convolutions as matrix products: a program whose convolutions a CPU runs at the speed of its products.

In a compiled loop XLA runs the gradient of a convolution on CPUs tens of times slower than outside of one, and slower still in a
batch of runs. The same sums as slices, shifted by each place of the kernel, and one matrix product keep their speed everywhere.
Where the kernel has more places than the result, as in the gradient for a kernel, each place of the result is a product of its own.
An image with zeros between its places, as in the gradient for the input of a strided convolution, is taken apart first.
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr
from jaxtyping import Array

from jaxdl.programs.rewriting import Replacement, applies, evaluate

MOST_PLACES = 128
"""Slices of one convolution; a larger kernel would make a long program."""
MOST_BYTES = 2**28
"""Of all slices of one run together; more stay a convolution, for the sake of memory."""


def convolves(program: ClosedJaxpr | Jaxpr) -> bool:
    """Whether the program, or a loop or branch in it, has a convolution that `as_products` would replace."""
    return applies(_product, program)


def as_products(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with its convolutions as matrix products, equal up to rounding, where jax computes on CPUs.

    Any strides, padding, dilation, groups and numbers of spatial axes are served, and what derivatives make of them. A
    function without convolutions is called as it is.

    >>> image, kernel = jnp.arange(5.0).reshape(1, 5, 1), jnp.ones((2, 1, 1))
    >>> def sums(image):
    ...     return lax.conv_general_dilated(image, kernel, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))
    >>> print(as_products(sums)(image).ravel())
    [1. 3. 5. 7.]
    """

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        if jax.default_backend() != "cpu":
            return function(*arguments)
        traced, results = jax.make_jaxpr(function, return_shape=True)(*arguments)
        if not convolves(traced):  # as it is, since rules of derivatives that a program has lost may be its own
            return function(*arguments)
        return jax.tree.unflatten(jax.tree.structure(results), evaluate(traced, jax.tree.leaves(arguments), _product))

    return call


def _product(equation: Any) -> Replacement | None:
    """A matrix product in place of a convolution that is not too large for one."""
    if equation.primitive is not lax.conv_general_dilated_p:
        return None
    (image, kernel), (result,) = (
        [each.aval for each in variables] for variables in (equation.invars, equation.outvars)
    )
    numbers = equation.params["dimension_numbers"]
    places = [
        math.prod(aval.shape[axis] for axis in spec[2:])
        for aval, spec in ((kernel, numbers.rhs_spec), (result, numbers.out_spec))
    ]
    # A slice for each place of one of the two has all places of the other, also where the image is spread out before.
    of_place = image.dtype.itemsize * math.prod(image.shape[axis] for axis in numbers.lhs_spec[:2])
    fits = 0 < min(places) <= MOST_PLACES and result.size and math.prod(places) * of_place <= MOST_BYTES
    return functools.partial(_by_slices, equation.params) if fits else None


def _by_slices(params: dict[str, Any], image: Array, kernel: Array) -> Array:
    """The convolution with these parameters of `lax.conv_general_dilated`."""
    numbers, strides, dilation = params["dimension_numbers"], params["window_strides"], params["rhs_dilation"]
    (batch, channel, *axes), (out, into, *places) = numbers.lhs_spec, numbers.rhs_spec
    for index, step in enumerate(params["lhs_dilation"]):
        if step > 1 and strides[index] == dilation[index] == 1:
            return _by_phases(params, image, kernel, index)
    image = _padded(image, axes, params["padding"], params["lhs_dilation"])
    sizes = [kernel.shape[axis] for axis in places]
    results = [
        (image.shape[axis] - (size - 1) * step - 1) // stride + 1
        for axis, size, step, stride in zip(axes, sizes, dilation, strides, strict=True)
    ]
    num_groups = max(params["feature_group_count"], params["batch_group_count"])
    # The groups of either kind, of the kernel's outputs and of the image's channels or examples, come first in both.
    image = _grouped(image, channel if params["feature_group_count"] > 1 else batch, num_groups)
    kernel = _grouped(kernel, out, num_groups)
    spatial, accuracy = [axis + 1 for axis in axes], (params["precision"], params["preferred_element_type"])
    each = ([channel + 1], [into + 1]), ([0], [0])
    if math.prod(sizes) <= math.prod(results):
        # One slice for each place of the kernel; channels of all slices are summed over together.
        shifted = [
            _window(image, spatial, [a * step for a, step in zip(place, dilation, strict=True)], results, strides)
            for place in itertools.product(*map(range, sizes))
        ]
        weights = lax.transpose(kernel, (0, *(axis + 1 for axis in places), into + 1, out + 1))
        weights = lax.reshape(weights, (num_groups, math.prod(weights.shape[1:-1]), weights.shape[-1]))
        product = lax.dot_general(
            jnp.concatenate(shifted, axis=channel + 1), weights, (([channel + 1], [1]), ([0], [0])), *accuracy
        )
        left = [axis for axis in range(1, image.ndim) if axis != channel + 1]
        order = [0, image.ndim - 1, 1 + left.index(batch + 1), *(1 + left.index(axis) for axis in spatial)]
    else:
        # One product for each place of the result, over channels and all places of the kernel.
        over = ([*each[0][0], *spatial], [*each[0][1], *(axis + 1 for axis in places)])
        products = [
            lax.dot_general(
                _window(image, spatial, [a * stride for a, stride in zip(place, strides, strict=True)], sizes, dilation),
                kernel, (over, each[1]), *accuracy,
            )
            for place in itertools.product(*map(range, results))
        ]  # fmt: skip
        product = jnp.stack(products, axis=-1)  # (groups, batch, out, places)
        product = lax.reshape(product, (*product.shape[:3], *results))
        order = [0, 2, 1, *range(3, product.ndim)]
    # (groups, out, batch, places): groups of outputs are outputs.
    product = lax.transpose(product, order)
    product = lax.reshape(product, (num_groups * product.shape[1], *product.shape[2:]))
    roles = [1, 0, *range(2, product.ndim)]
    return lax.transpose(product, [roles[numbers.out_spec.index(axis)] for axis in range(product.ndim)])


def _by_phases(params: dict[str, Any], image: Array, kernel: Array, index: int) -> Array:
    """The convolution of an image with zeros between its places, as in the gradient of a strided one for its input.

    Along the spatial axis number `index`, of d-1 zeros after each place, every d-th place of the result needs every d-th of the
    kernel, and no zeros: it is a convolution of the image as it was.
    """
    numbers, step = params["dimension_numbers"], params["lhs_dilation"][index]
    on_image, on_kernel, on_result = (
        spec[2 + index] for spec in (numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec)
    )
    low, high = params["padding"][index]
    length, size = image.shape[on_image], kernel.shape[on_kernel]
    num_results = max((length - 1) * step + 1, 0) + low + high - size + 1
    num_each = -(-num_results // step)

    def replaced(name: str, value: Any) -> Any:
        return (*params[name][:index], value, *params[name][index + 1 :])

    phases = []
    for phase in range(step):
        first = (low - phase) % step
        part = lax.slice_in_dim(kernel, min(first, size), size, step, on_kernel)
        if part.shape[on_kernel] == 0:  # as many zeros as a kernel of one place makes
            part = jnp.zeros_like(lax.slice_in_dim(kernel, 0, 1, 1, on_kernel))
        start = (phase + first - low) // step
        padding = (-start, num_each + part.shape[on_kernel] - 1 - length + start)
        own = params | {"lhs_dilation": replaced("lhs_dilation", 1), "padding": replaced("padding", padding)}
        phases.append(_by_slices(own, image, part))
    together = jnp.stack(phases, axis=on_result + 1)
    shape = phases[0].shape
    together = lax.reshape(together, (*shape[:on_result], num_each * step, *shape[on_result + 1 :]))
    return lax.slice_in_dim(together, 0, num_results, 1, on_result)


def _padded(image: Array, axes: Sequence[int], padding: Any, dilation: Any) -> Array:
    """Zeros around and between the places of the image; negative padding takes places away."""
    config = [(0, 0, 0)] * image.ndim
    for axis, (low, high), step in zip(axes, padding, dilation, strict=True):
        config[axis] = (low, high, step - 1)
    return lax.pad(image, jnp.zeros((), image.dtype), config) if any(map(any, config)) else image


def _grouped(array: Array, axis: int, num_groups: int) -> Array:
    """The axis in groups, which become the first axis."""
    shape = (*array.shape[:axis], num_groups, array.shape[axis] // num_groups, *array.shape[axis + 1 :])
    return jnp.moveaxis(lax.reshape(array, shape), axis, 0)


def _window(
    image: Array, axes: Sequence[int], starts: Sequence[int], counts: Sequence[int], steps: Sequence[int]
) -> Array:
    """`counts` places along each axis, from `starts` in `steps`."""
    low, high, strides = [0] * image.ndim, [*image.shape], [1] * image.ndim
    for axis, start, count, step in zip(axes, starts, counts, steps, strict=True):
        low[axis], high[axis], strides[axis] = start, start + (count - 1) * step + 1, step
    return lax.slice(image, low, high, strides)
