"""The precision that a traced function computes in, of its types and of its matrix products.

Accelerators multiply float32 matrices with 8 to 11 bits unless asked otherwise. Curvature asks for all of them; a lower precision
is a choice, which the trace tells of.
"""

from collections.abc import Callable, Sequence
from typing import Any
from typing import Literal as OneOf

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

Precision = OneOf["highest", "tensorfloat32", "bfloat16"]
"""Of matrix products: all digits of their type, or those that tensor cores and matrix units keep."""
FULL: Precision = "highest"
UNITS = {"tensorfloat32": 2.0**-10, "bfloat16": 2.0**-7}
"""What one unit of rounding is, relative to an operand."""
EIGHT_BITS = 2.0**-2
"""Of numbers of eight bits, which keep two or three of them."""


def check_product_precision(name: str, precision: str) -> None:
    """Refuse what names no precision of products.

    >>> check_product_precision("hvp", "double")
    Traceback (most recent call last):
    ...
    ValueError: hvp: got precision='double', expected 'highest', 'tensorfloat32' or 'bfloat16'; leave it out for all digits
    """
    if precision != FULL and precision not in UNITS:
        expected = "'highest', 'tensorfloat32' or 'bfloat16'"
        msg = f"{name}: got precision={precision!r:.60}, expected {expected}; leave it out for all digits"
        raise ValueError(msg)


def at_precision(function: Callable[..., Any], precision: str = FULL) -> Callable[..., Any]:
    """The function, whose matrix products are of this precision where it does not choose one itself.

    >>> print(jax.make_jaxpr(at_precision(jnp.matmul))(jnp.eye(2), jnp.eye(2)).eqns[0].params["precision"][0])
    HIGHEST
    """

    def call(*arguments: Any) -> Any:
        with jax.default_matmul_precision(precision):
            return function(*arguments)

    return call


def product_unit(traced: ClosedJaxpr, num_first: int) -> float:
    """One unit of rounding of the coarsest product or convolution that depends on the first inputs; of their type at least.

    Products that leave their precision open have that of the platform: all digits on CPUs, and else those of bfloat16.

    >>> with jax.default_matmul_precision("tensorfloat32"):
    ...     traced = jax.make_jaxpr(lambda v: jnp.ones((2, 2), jnp.float32) @ v)(jnp.ones(2, jnp.float32))
    >>> product_unit(traced, 1) == 2**-10
    True
    """
    depends = [position < num_first for position in range(len(traced.jaxpr.invars))]
    seen: dict[str, float] = {}
    _follow(traced.jaxpr, depends, {}, seen)
    return max([float(jnp.finfo(aval.dtype).eps) for aval in traced.in_avals[:num_first]] + list(seen.values()))


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
    _follow(traced.jaxpr, depends, seen, {})
    coarsest = max(seen, key=seen.__getitem__, default=None)
    return coarsest if coarsest is not None and seen[coarsest] > finest else None


def _follow(jaxpr: Jaxpr, depends: Sequence[bool], seen: dict[str, float], products: dict[str, float]) -> list[bool]:
    """Which outputs depend on the inputs marked in `depends`.

    The float types on the way, with their eps, are added to `seen`, and precisions of products below float32 to `products`.
    """
    reached = {variable for variable, is_reached in zip(jaxpr.invars, depends, strict=True) if is_reached}
    for equation in jaxpr.eqns:
        inputs = [not isinstance(variable, Literal) and variable in reached for variable in equation.invars]
        if not any(inputs):
            continue
        outputs = [True] * len(equation.outvars)
        products.update(_products_of(equation))
        for inner in _inside(equation.params):
            is_same = len(inner.invars) == len(inputs)
            # A carry may be reached only in the second round of a loop.
            carried = equation.params.get("num_carry", 0) if is_same else 0
            first = equation.params.get("num_consts", 0)
            given = list(inputs) if is_same else [True] * len(inner.invars)
            while True:
                ends = _follow(inner, given, seen, products)
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


def _products_of(equation: Any) -> dict[str, float]:
    """The precision of an operation that multiplies matrices of float32 with fewer digits, and its unit."""
    is_product = equation.primitive in (lax.dot_general_p, lax.conv_general_dilated_p)
    if not is_product or all(variable.aval.dtype != jnp.float32 for variable in equation.invars):
        return {}
    chosen = equation.params["precision"]
    each = chosen if isinstance(chosen, tuple) else (chosen,)
    units = {str(one): _unit_of(one) for one in each}
    return {name: unit for name, unit in units.items() if unit > float(jnp.finfo(jnp.float32).eps)}


def _unit_of(chosen: lax.Precision | lax.DotAlgorithm | lax.DotAlgorithmPreset | None) -> float:
    full = float(jnp.finfo(jnp.float32).eps)
    if chosen is None:
        return full if jax.default_backend() == "cpu" else UNITS["bfloat16"]
    if isinstance(chosen, lax.Precision):
        at = {lax.Precision.HIGHEST: full, lax.Precision.HIGH: UNITS["tensorfloat32"]}
        return at.get(chosen, UNITS["bfloat16"])
    if isinstance(chosen, lax.DotAlgorithm):
        return max(
            full, float(jnp.finfo(chosen.lhs_precision_type).eps), float(jnp.finfo(chosen.rhs_precision_type).eps)
        )
    first = chosen.name.partition("_")[0]  # of algorithms such as TF32_TF32_F32: the type of what is multiplied
    of_types = {
        "F32": full,
        "F64": full,
        "TF32": UNITS["tensorfloat32"],
        "F16": UNITS["tensorfloat32"],
        "BF16": UNITS["bfloat16"],
    }
    return of_types.get(first, EIGHT_BITS)  # ANY_F8_ANY_F8_F32 and what may come


def _inside(parameters: dict[str, Any]) -> list[Jaxpr]:
    values = [item for value in parameters.values() for item in (value if isinstance(value, tuple | list) else [value])]
    bodies = [value.jaxpr if isinstance(value, ClosedJaxpr) else value for value in values]
    return [body for body in bodies if isinstance(body, Jaxpr)]
