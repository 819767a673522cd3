"""Convolutions as matrix products, for CPUs: a program whose convolutions run at the speed of its products.

In a compiled loop XLA runs the gradient of a convolution on CPUs tens of times slower than outside of one, and slower still in a
batch of runs. The same sums as one matrix product keep their speed everywhere.

`convolution_plans` says which product, and what its slices and bands are.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jaxdl.programs.convolution_plans import Axis, Plan, cheapest, group_axis
from jaxdl.programs.rewriting import Replacement


def as_product(equation: Any) -> Replacement | None:
    """A matrix product in place of a convolution that is not too large for one; equal up to rounding where all is finite."""
    if equation.primitive is not lax.conv_general_dilated_p or not equation.outvars[0].aval.size:
        return None
    image, kernel = (variable.aval for variable in equation.invars)
    plan = cheapest(equation.params, image.shape, kernel.shape, image.dtype.itemsize)
    return plan and functools.partial(_by_product, equation.params, plan)


def _by_product(params: dict[str, Any], plan: Plan, image: Array, kernel: Array) -> Array:
    """The convolution with these parameters of `lax.conv_general_dilated`."""
    for index in plan.sliced:
        if plan.axes[index].phases > 1:
            return _by_phases(params, image, kernel, index)
    numbers, order = params["dimension_numbers"], (*plan.sliced, *plan.banded)
    (batch, channel, *on_image), (out, into, *on_kernel) = numbers.lhs_spec, numbers.rhs_spec
    rows, columns = (batch, channel) if plan.kernel_is_few else (channel, batch)
    sliced, banded = ([plan.axes[i] for i in each] for each in (plan.sliced, plan.banded))
    # Groups of the kernel's outputs, and of the image's channels or examples, come first in both.
    image = _grouped(image, group_axis(params), plan.groups)
    image = lax.transpose(image, [0, rows + 1, *(on_image[i] + 1 for i in order), columns + 1])
    patches = _patches(image, sliced)
    kernel = _grouped(kernel, out, plan.groups)
    accuracy = params["precision"], params["preferred_element_type"]
    shape = [plan.groups, plan.rows, *(axis.many for axis in sliced), *(axis.many for axis in banded), plan.outputs]
    if plan.kernel_is_few:
        kernel = lax.transpose(kernel, [0, *(on_kernel[i] + 1 for i in order), into + 1, out + 1])
        spread = _spread(kernel, len(sliced), banded)
        matrix = lax.reshape(spread, (plan.groups, patches.shape[2], spread.size // plan.groups // patches.shape[2]))
        product = lax.dot_general(patches, matrix, (([2], [1]), ([0], [0])), *accuracy)
        result = lax.reshape(product, shape)
        roles = [1, len(shape) - 1, *(2 + order.index(i) for i in range(len(order)))]
    else:
        kernel = lax.transpose(kernel, [0, into + 1, *(on_kernel[i] + 1 for i in order), out + 1])
        matrix = lax.reshape(kernel, (plan.groups, patches.shape[1], kernel.size // plan.groups // patches.shape[1]))
        product = lax.dot_general(patches, matrix, (([1], [1]), ([0], [0])), *accuracy)
        pairs = [axis.few for axis in sliced], [axis.length for axis in banded], [axis.many for axis in banded]
        product = lax.reshape(product, (plan.groups, *pairs[0], *pairs[1], plan.columns, *pairs[2], plan.outputs))
        result = _summed_along_diagonals(product, len(sliced), banded)
        roles = [len(result.shape) - 2, len(result.shape) - 1, *(1 + order.index(i) for i in range(len(order)))]
    # Groups of outputs are outputs: (groups, ..., outputs) -> (..., groups, outputs) -> (..., all outputs).
    result = lax.transpose(result, [*range(1, result.ndim - 1), 0, result.ndim - 1])
    result = lax.reshape(result, (*result.shape[:-2], plan.groups * plan.outputs))
    return lax.transpose(result, [roles[numbers.out_spec.index(axis)] - 1 for axis in range(result.ndim)])


def _patches(image: Array, sliced: Sequence[Axis]) -> Array:
    """The image `(groups, rows, sliced axes, banded axes, columns)` as a matrix `(groups, rows many, few banded columns)`."""
    config = [(0, 0, 0), (0, 0, 0), *((axis.low, axis.high, axis.spread - 1) for axis in sliced)]
    config += [(0, 0, 0)] * (image.ndim - len(config))
    if any(map(any, config)):
        image = lax.pad(image, jnp.zeros((), image.dtype), config)
    slices = []
    for place in itertools.product(*(range(axis.few) for axis in sliced)):
        low, high, steps = [0] * image.ndim, [*image.shape], [1] * image.ndim
        for number, (few, axis) in enumerate(zip(place, sliced, strict=True), start=2):
            low[number], steps[number] = few * axis.few_step, axis.many_step
            high[number] = low[number] + (axis.many - 1) * axis.many_step + 1
        slices.append(lax.slice(image, low, high, steps))
    groups, num_rows = image.shape[0], image.shape[1] * math.prod(axis.many for axis in sliced)
    patches = lax.concatenate(slices, 2 + len(sliced))
    return lax.reshape(patches, (groups, num_rows, patches.size // groups // num_rows))


def _spread(kernel: Array, num_sliced: int, banded: Sequence[Axis]) -> Array:
    """`(groups, few sliced, few banded, columns, outputs)` with zeros as `(groups, few sliced, image, columns, many, outputs)`."""
    if not banded:
        return kernel
    first = 1 + num_sliced
    *lead, columns, outputs = *kernel.shape[:first], *kernel.shape[-2:]
    shape = (*lead, *(axis.length for axis in banded), columns, *(axis.many for axis in banded), outputs)
    many = first + len(banded) + 1
    result = jnp.zeros(shape, kernel.dtype)
    for place in itertools.product(*(range(axis.few) for axis in banded)):
        weights = kernel[(slice(None),) * first + place]
        is_joined = jnp.bool_(True)
        for number, (few, axis) in enumerate(zip(place, banded, strict=True)):
            pairs = lax.broadcast_in_dim(axis.joined(few), shape, (first + number, many + number))
            is_joined = is_joined & pairs
        weights = lax.broadcast_in_dim(weights, shape, (*range(first), many - 1, len(shape) - 1))
        result = jnp.where(is_joined, weights, result)
    return result


def _summed_along_diagonals(product: Array, num_sliced: int, banded: Sequence[Axis]) -> Array:
    """`(groups, few sliced, image, columns, many, outputs)` as `(groups, few sliced, few banded, columns, outputs)`."""
    for number, axis in enumerate(banded):
        on_image, on_many = 1 + num_sliced + number, 2 + num_sliced + len(banded)
        sums = []
        for few in range(axis.few):
            pairs = np.argwhere(axis.joined(few)).tolist()
            parts = [
                lax.index_in_dim(lax.index_in_dim(product, many, on_many, False), place, on_image, False)
                for place, many in pairs
            ]
            absent = np.delete(product.shape, [on_image, on_many])
            sums.append(functools.reduce(lax.add, parts) if parts else jnp.zeros(absent, product.dtype))
        product = jnp.stack(sums, axis=on_image)
    return product


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
        plan = cheapest(own, image.shape, part.shape, image.dtype.itemsize)
        convolve = functools.partial(_by_product, own, plan) if plan else functools.partial(_native, own)
        phases.append(convolve(image, part))
    together = jnp.stack(phases, axis=on_result + 1)
    shape = phases[0].shape
    together = lax.reshape(together, (*shape[:on_result], num_each * step, *shape[on_result + 1 :]))
    return lax.slice_in_dim(together, 0, num_results, 1, on_result)


def _native(params: dict[str, Any], image: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated_p.bind(image, kernel, **params)


def _grouped(array: Array, axis: int, num_groups: int) -> Array:
    """The axis in groups, which become the first axis."""
    shape = (*array.shape[:axis], num_groups, array.shape[axis] // num_groups, *array.shape[axis + 1 :])
    return jnp.moveaxis(lax.reshape(array, shape), axis, 0)
