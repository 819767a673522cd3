"""A traced program without the arrays that it closes over: they become inputs, and one program serves other arrays.

As constants they would stand in the text of the program, several times over: 400 MB of data are 800 MB of text, and gigabytes while
it is compiled.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array

from jaxdl.programs.lowering import LARGEST_IN_TEXT
from jaxdl.programs.rewriting import as_it_is, interpreted


def opened(program: ClosedJaxpr) -> tuple[Callable[[Sequence[Array], Sequence[Any]], list[Any]], list[Array]]:
    """`(arrays, inputs) -> results`, and the arrays at which that is the program.

    Arrays of a few numbers stay in the program, where the compiler can use their values, and so do those of a function under
    `jax.jit` in a loop or a branch; the loop's own are inputs too.

    >>> data = jnp.arange(100.0)
    >>> function, arrays = opened(jax.make_jaxpr(lambda x: data @ x)(data))
    >>> [array.shape for array in arrays], float(function([jnp.ones(100)], [data])[0])
    ([(100,)], 4950.0)
    """
    found = _large(program)

    def call(arrays: Sequence[Array], inputs: Sequence[Any]) -> list[Any]:
        return _evaluated(program, inputs, dict(zip(found, arrays, strict=True)))

    # NumPy's arrays as they are now, since they may change while the program is in use.
    return call, [each if isinstance(each, jax.Array) else jnp.array(each) for each in found.values()]


def _large(program: ClosedJaxpr) -> dict[int, Array | np.ndarray]:
    """The arrays to open, by identity, so that one that is used twice is one input."""
    found = {id(each): each for each in program.consts if _is_large(each)}
    for inner in filter(None, map(_called, program.jaxpr.eqns)):
        found |= _large(inner)
    return found


def _is_large(constant: Any) -> bool:
    is_array = isinstance(constant, jax.Array | np.ndarray)
    return (
        is_array and constant.size > LARGEST_IN_TEXT and not jax.dtypes.issubdtype(constant.dtype, jax.dtypes.extended)
    )


def _called(equation: Any) -> ClosedJaxpr | None:
    """The program that a call of a function under `jax.jit` calls."""
    return equation.params["jaxpr"] if equation.primitive.name in ("jit", "pjit") else None


def _evaluated(program: ClosedJaxpr, inputs: Sequence[Any], given: Mapping[int, Any]) -> list[Any]:
    """The results with the given arrays in the place of constants, in functions that it calls too."""

    def compute(equation: Any, operands: list[Any]) -> Any:
        called = _called(equation)
        if called is not None and _large(called):
            return _evaluated(called, operands, given)
        return as_it_is(equation, operands)

    return interpreted(program, [given.get(id(each), each) for each in program.consts], inputs, compute)
