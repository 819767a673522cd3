"""A traced program with some of its operations replaced, in loops and branches too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxprs_in_params

Replacement = Callable[..., Any]
"""`operands -> results`, in place of an operation."""
Rule = Callable[[Any], Replacement | None]
"""`equation -> replacement`, or None where the operation stays."""


def contains(program: ClosedJaxpr | Jaxpr, is_one: Callable[[Any], bool]) -> bool:
    """Whether any operation of the program, or of a loop or branch in it, is one of those asked for.

    >>> program = jax.make_jaxpr(jax.jit(jax.numpy.sin))(1.0)
    >>> contains(program, lambda equation: equation.primitive.name == "sin")
    True
    """
    return any(
        is_one(equation) or any(contains(inner, is_one) for inner in jaxprs_in_params(equation.params))
        for equation in getattr(program, "jaxpr", program).eqns
    )


def applies(rule: Rule, program: ClosedJaxpr | Jaxpr) -> bool:
    """Whether the rule replaces any operation of the program, or of a loop or branch in it.

    >>> program = jax.make_jaxpr(lambda x: jax.numpy.sin(x))(1.0)
    >>> applies(lambda equation: abs if equation.primitive.name == "sin" else None, program)
    True
    """
    return contains(program, lambda equation: rule(equation) is not None)


def rewritten(program: ClosedJaxpr, rule: Rule) -> ClosedJaxpr:
    """The program with the replacements in place; itself where there are none."""
    if not applies(rule, program):
        return program
    return jax.make_jaxpr(lambda *inputs: evaluate(program, inputs, rule))(*program.in_avals)


def evaluate(program: ClosedJaxpr, inputs: Sequence[Any], rule: Rule) -> list[Any]:
    """What the program computes from `inputs`, its leaves, with the replacements in place.

    >>> program = jax.make_jaxpr(lambda x: 2 * jax.numpy.sin(x))(1.0)
    >>> [float(each) for each in evaluate(program, [-3.0], lambda equation: abs if equation.primitive.name == "sin" else None)]
    [6.0]
    """

    def compute(equation: Any, operands: list[Any]) -> Any:
        replacement = rule(equation)
        if replacement is not None:
            return replacement(*operands)
        return as_it_is(equation, operands, _inner_rewritten(equation.params, rule))

    return interpreted(program, program.consts, inputs, compute)


def interpreted(
    program: ClosedJaxpr,
    constants: Sequence[Any],
    inputs: Sequence[Any],
    compute: Callable[[Any, list[Any]], Any],
) -> list[Any]:
    """The results of the program from `constants` in the place of its own, each operation by `compute(equation, operands)`.

    >>> program = jax.make_jaxpr(lambda x: 2 * jax.numpy.sin(x))(0.0)
    >>> [float(each) for each in interpreted(program, program.consts, [0.0], as_it_is)]
    [0.0]
    """
    jaxpr = program.jaxpr
    values: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *inputs), strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        with equation.ctx.manager:
            results = compute(equation, [read(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, results if equation.primitive.multiple_results else [results], strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def as_it_is(equation: Any, operands: list[Any], params: Mapping[str, Any] | None = None) -> Any:
    """What an operation computes, with other parameters of the same names where they are given."""
    parameters = equation.primitive.get_bind_params(equation.params if params is None else params)
    return equation.primitive.bind(*operands, **parameters)


def _inner_rewritten(value: Any, rule: Rule) -> Any:
    """Parameters of an operation, with the programs among them (bodies of loops, branches) rewritten."""
    if isinstance(value, ClosedJaxpr):
        return rewritten(value, rule)
    if isinstance(value, Jaxpr):
        return rewritten(ClosedJaxpr(value, ()), rule).jaxpr if applies(rule, value) else value
    if isinstance(value, dict):
        return {name: _inner_rewritten(each, rule) for name, each in value.items()}
    if isinstance(value, tuple) and any(isinstance(each, ClosedJaxpr | Jaxpr) for each in value):
        parts = [_inner_rewritten(each, rule) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value
