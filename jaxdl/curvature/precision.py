"""The precision that a traced function computes in."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal


def lower_precision(traced: ClosedJaxpr, num_first: int) -> str | None:
    """The least precise float type among all values that depend on the first inputs, where it is below theirs.

    >>> import jax
    >>> lower_precision(jax.make_jaxpr(lambda v: v.astype(jnp.float16).astype(jnp.float32))(jnp.ones(2, jnp.float32)), 1)
    'float16'
    >>> lower_precision(jax.make_jaxpr(lambda v: v * jnp.float16(2))(jnp.ones(2, jnp.float32)), 1)
    """
    depends = [position < num_first for position in range(len(traced.jaxpr.invars))]
    finest = min(float(jnp.finfo(aval.dtype).eps) for aval in traced.in_avals[:num_first])
    seen: dict[str, float] = {}
    _follow(traced.jaxpr, depends, seen)
    coarsest = max(seen, key=seen.__getitem__, default=None)
    return coarsest if coarsest is not None and seen[coarsest] > finest else None


def _follow(jaxpr: Jaxpr, depends: Sequence[bool], seen: dict[str, float]) -> list[bool]:
    """Which outputs depend on the inputs marked in `depends`; adds the float types on the way, with their eps, to `seen`."""
    reached = {variable for variable, is_reached in zip(jaxpr.invars, depends, strict=True) if is_reached}
    for equation in jaxpr.eqns:
        inputs = [not isinstance(variable, Literal) and variable in reached for variable in equation.invars]
        if not any(inputs):
            continue
        outputs = [True] * len(equation.outvars)
        for inner in _inside(equation.params):
            is_same = len(inner.invars) == len(inputs)
            # A carry may be reached only in the second round of a loop.
            carried = equation.params.get("num_carry", 0) if is_same else 0
            first = equation.params.get("num_consts", 0)
            given = list(inputs) if is_same else [True] * len(inner.invars)
            while True:
                ends = _follow(inner, given, seen)
                grown = [*given]
                for index in range(carried):
                    grown[first + index] |= ends[index]
                if grown == given:
                    break
                given = grown
            if is_same and len(ends) == len(outputs):
                outputs = ends
        for variable, is_reached in zip(equation.outvars, outputs, strict=True):
            if is_reached:
                reached.add(variable)
                dtype = getattr(variable.aval, "dtype", None)
                if dtype is not None and jnp.issubdtype(dtype, jnp.floating):
                    seen[str(dtype)] = float(jnp.finfo(dtype).eps)
    return [not isinstance(variable, Literal) and variable in reached for variable in jaxpr.outvars]


def _inside(parameters: dict[str, Any]) -> list[Jaxpr]:
    values = [item for value in parameters.values() for item in (value if isinstance(value, tuple | list) else [value])]
    bodies = [value.jaxpr if isinstance(value, ClosedJaxpr) else value for value in values]
    return [body for body in bodies if isinstance(body, Jaxpr)]
