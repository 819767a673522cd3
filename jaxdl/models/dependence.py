"""Whether the outputs of a function depend on its argument, or on random numbers, by its equations as jax traces them.

A count of draws would not do: a key may be split for nothing, and numbers may be drawn from a key that no stream counts.
"""

from collections.abc import Callable, Collection
from typing import Any

import jax
from jax.extend.core import Literal

_DRAWS = frozenset({"random_bits", "threefry2x32", "rng_bit_generator", "rng_uniform"})


def depends(function: Callable[[Any], Any], argument: Any) -> bool:
    """Whether an array among the outputs depends on an array of the argument.

    >>> key = jax.random.key(0)
    >>> depends(lambda key: jax.random.split(key)[0], key), depends(lambda key: jax.numpy.zeros(len(jax.random.split(key))), key)
    (True, False)
    """
    jaxpr = _trace(function, argument)
    return any(_mark(jaxpr, [True] * len(jaxpr.invars), ()))


def depends_on_draws(function: Callable[[Any], Any], argument: Any) -> bool:
    """Whether an array among the outputs depends on random numbers that the function draws, from any key.

    >>> depends_on_draws(lambda shift: shift + jax.random.normal(jax.random.key(0)), 1.0)
    True
    """
    jaxpr = _trace(function, argument)
    return any(_mark(jaxpr, [False] * len(jaxpr.invars), _DRAWS))


def _trace(function: Callable[[Any], Any], argument: Any) -> Any:
    def arrays(argument: Any) -> list[jax.Array]:
        return [leaf for leaf in jax.tree.leaves(function(argument)) if isinstance(leaf, jax.Array)]

    return jax.make_jaxpr(arrays)(argument).jaxpr


def _mark(jaxpr: Any, inputs: list[bool], sources: Collection[str]) -> list[bool]:
    """Which outputs depend on marked inputs, or on what the primitives `sources` return."""
    marked = {variable for variable, is_marked in zip(jaxpr.invars, inputs, strict=True) if is_marked}

    def which(variables: Any) -> list[bool]:
        return [not isinstance(variable, Literal) and variable in marked for variable in variables]

    for equation in jaxpr.eqns:
        outputs = _through(equation, which(equation.invars), sources)
        marked.update(variable for variable, is_marked in zip(equation.outvars, outputs, strict=True) if is_marked)
    return which(jaxpr.outvars)


def _through(equation: Any, inputs: list[bool], sources: Collection[str]) -> list[bool]:
    """Which outputs of one equation are marked; where its structure is unknown, all of them if any input is."""
    name, number = equation.primitive.name, len(equation.outvars)
    inner = [
        _open(part) for value in equation.params.values() for part in _parts(value) if hasattr(_open(part), "eqns")
    ]
    if name in sources:
        return [True] * number
    if name == "cond":
        branches = [_mark(branch, inputs[1:], sources) for branch in inner]
        return [inputs[0] or any(each) for each in zip(*branches, strict=True)]
    if name == "scan":
        # Constants, carry and slices come in this order; slices alone have an axis more outside. (The names of the equation's own
        # parameters differ between versions of jax.)
        num_slices, num_stacked = (
            sum(len(outer.aval.shape) != len(part.aval.shape) for outer, part in zip(*pair, strict=True))
            for pair in ((equation.invars, inner[0].invars), (equation.outvars, inner[0].outvars))
        )
        stop = len(inputs) - num_slices
        start = stop - (number - num_stacked)
        while True:
            outputs = _mark(inner[0], inputs, sources)
            carry = [old or new for old, new in zip(inputs[start:stop], outputs, strict=False)]
            if carry == inputs[start:stop]:
                return [*carry, *outputs[len(carry) :]]
            inputs = [*inputs[:start], *carry, *inputs[stop:]]
    if len(inner) == 1 and len(inner[0].invars) == len(inputs) and len(inner[0].outvars) == number:
        return _mark(inner[0], inputs, sources)
    has_source = any(any(_mark(part, [False] * len(part.invars), sources)) for part in inner)
    return [any(inputs) or has_source] * number


def _open(part: Any) -> Any:
    return getattr(part, "jaxpr", part)


def _parts(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
