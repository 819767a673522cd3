"""Convolutions and max pooling as CPUs run them fast, in any program: in loops, in branches, in batches of runs."""

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun

from jaxdl.programs.convolutions import as_product
from jaxdl.programs.pooling import by_comparisons
from jaxdl.programs.rewriting import Replacement, applies, evaluate, rewritten


def has_windows(program: ClosedJaxpr | Jaxpr) -> bool:
    """Whether the program, or a loop or branch in it, has a convolution or pooling that `for_cpu` would replace."""
    return applies(_rule, program)


def for_cpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with its convolutions as products and its max pooling as comparisons, where jax computes on CPUs.

    Results are equal up to rounding where all numbers are finite; one that is not may spread over the places of its example. Any
    strides, padding, dilation, groups and numbers of spatial axes are served, and what derivatives make of them. A function
    without either is called as it is.

    >>> import jax.numpy as jnp
    >>> from jax import lax
    >>> image, kernel = jnp.arange(5.0).reshape(1, 5, 1), jnp.ones((2, 1, 1))
    >>> def sums(image):
    ...     return lax.conv_general_dilated(image, kernel, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))
    >>> print(for_cpu(sums)(image).ravel())
    [1. 3. 5. 7.]
    """

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        if jax.default_backend() != "cpu":
            return function(*arguments)
        traced, results = jax.make_jaxpr(function, return_shape=True)(*arguments)
        if not has_windows(traced):  # as it is, since rules of derivatives that a program has lost may be its own
            return function(*arguments)
        return jax.tree.unflatten(jax.tree.structure(results), evaluate(traced, jax.tree.leaves(arguments), _rule))

    return call


def linear_for_cpu(function: Callable[..., Any], like: Any) -> Callable[..., Any]:
    """`for_cpu` of a linear function, rewritten now for arguments of one form, rather than at each call.

    >>> print(linear_for_cpu(lambda x: 2 * x, like=1.0)(3.0))
    6.0
    """
    if jax.default_backend() != "cpu":
        return function
    traced, results = jax.make_jaxpr(function, return_shape=True)(like)
    if not has_windows(traced):
        return function
    flat, structure = jaxpr_as_fun(rewritten(traced, _rule)), jax.tree.structure(results)
    return lambda argument: jax.tree.unflatten(structure, flat(*jax.tree.leaves(argument)))


def _rule(equation: Any) -> Replacement | None:
    return as_product(equation) or by_comparisons(equation)
