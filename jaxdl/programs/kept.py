"""Algorithms around a function that is a closure: compiled once for all closures that compute the same from other arrays."""

from collections.abc import Callable, Hashable
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jaxtyping import Array

from jaxdl.programs.lowering import lowering_digest
from jaxdl.programs.rewriting import contains

MOST_KEPT = 32

Closure = Callable[[Array], Array]


def compiled(algorithm: Callable[..., Any], closure: Closure, at: Array, *arrays: Array, **static: Any) -> Any:
    """`algorithm(closure, *arrays, **static)`, compiled; found again by what the closure lowers to at arrays like `at`.

    The closure's own arrays, such as data and parameters, are inputs of the program and no part of it. The algorithm runs as it
    is where anything is traced already, where a static argument cannot be hashed, and where the closure holds Python functions
    that its lowering does not show: callbacks, and rules for `vmap`, which may use arrays of their own.

    >>> import jax.numpy as jnp
    >>> def twice(function, x):
    ...     return function(function(x))
    >>> [float(compiled(twice, lambda x: scale * x, jnp.ones(()), jnp.ones(()))) for scale in (2.0, jnp.float32(3.0))]
    [4.0, 9.0]
    """
    traced = jax.make_jaxpr(closure)(at)
    known = not any(isinstance(each, jax.core.Tracer) for each in jax.tree.leaves((traced.consts, arrays, at)))
    if not known or not all(isinstance(each, Hashable) for each in static.values()) or contains(traced, _is_python):
        return algorithm(closure, *arrays, **static)
    jaxpr = traced.jaxpr  # alone, since what is kept must not hold the closure's arrays

    def opened(constants: list[Array], at: Array) -> Array:
        return jaxpr_as_fun(ClosedJaxpr(jaxpr, constants))(at)[0]

    def program(constants: list[Array], arrays: tuple[Array, ...]) -> Any:
        return algorithm(lambda vector: opened(constants, vector), *arrays, **static)

    # With types, since True and 1 are equal and may compute otherwise.
    named = tuple((name, type(static[name]), static[name]) for name in sorted(static))
    meaning = algorithm, named, lowering_digest(jax.jit(opened).lower(traced.consts, at))
    kept = _programs.pop(meaning, None) or jax.jit(program)
    _programs[meaning] = kept  # the latest at the end
    while len(_programs) > MOST_KEPT:
        _programs.pop(next(iter(_programs)))
    return kept(traced.consts, arrays)


_programs: dict[tuple[Any, ...], Callable[..., Any]] = {}
"""The programs compiled last, by algorithm, its static arguments, and the lowering of the closure."""


def _is_python(equation: Any) -> bool:
    """Whether an operation holds a Python function."""
    return any(word in equation.primitive.name for word in ("callback", "print", "custom_vmap"))
