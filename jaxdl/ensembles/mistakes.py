"""Errors for what no compiled trial can hold, in the terms of this library.

A trial is traced: jax runs it once on placeholders to learn what it computes. Where a trial asks a placeholder for its value,
jax's own message names tracers. Here it becomes an error that says what to write instead.
"""

import contextlib
import traceback
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxprs_in_params

from jaxdl.admission import as_numbers
from jaxdl.kinds import check_function
from jaxdl.narrowing import as_type

ARRAYS = (
    "trial: got a call of NumPy, scikit-learn or another library on values that jax has yet to compute, expected jax.numpy "
    "throughout, since a trial is compiled. Use jax.numpy and jaxdl.learners inside; or train outside, and pass the arrays you "
    "already have to decomposition.squared_error"
)
SIZES = (
    "trial: got a setting, or another value that jax has yet to compute, where a Python number is needed, expected sizes that are "
    "known before the program runs. Shapes, numbers of steps and slices are static: run one study for each size; or keep one shape "
    "for all (models.mlp_of_width for widths, a mask for degrees). Elsewhere drop float(), int() and .item(), and use jax.numpy "
    "in place of math"
)
BRANCHES = (
    "trial: got an if, while or boolean mask on a value that jax has yet to compute, expected branches that jax can compile; use "
    "jax.numpy.where(condition, a, b), jax.lax.cond or jax.lax.while_loop"
)
SEEDS = (
    "trial: got keys[name] used as a number, a seed or a key of another kind, expected it in jax.random alone: it is a random key "
    'already. Draw from it: jax.random.normal(keys["data"], (n,)); split it for several draws: jax.random.split(keys["data"], 3)'
)

COMPILED = (
    "trial: got a function that jax.jit has compiled, expected a plain one: its keys are no array. Drop the jit around the trial; "
    "the whole study is compiled, and functions that the trial calls may be"
)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn jax's errors about placeholders, raised inside, into a ValueError with a remedy; let all others pass."""
    try:
        yield
    except (TypeError, IndexError, ValueError, *PLACEHOLDERS) as error:
        explanation = _explanation(error)
        if explanation is None:
            raise
        msg = f"{explanation}{_place(error)}"
        raise ValueError(msg) from error


PLACEHOLDERS = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.TracerArrayConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)
STATIC = ("must be static", "must have static", "Shapes must be", "must have __hash__", "Non-hashable static arguments")
"""Words of jax's errors about a placeholder where a number is needed."""


def _explanation(error: Exception) -> str | None:
    text = str(error)
    if isinstance(error, TypeError) and any(word in text for word in ("SeedSequence", "was given a PRNG key", "key<")):
        return SEEDS
    if isinstance(error, TypeError) and "Error interpreting argument" in text and "RecordedKeys" in text:
        return COMPILED
    if isinstance(error, jax.errors.TracerBoolConversionError | jax.errors.NonConcreteBooleanIndexError):
        return BRANCHES
    if isinstance(error, jax.errors.TracerArrayConversionError):
        return ARRAYS
    if isinstance(error, PLACEHOLDERS) or ("Tracer" in text and any(word in text for word in STATIC)):
        return SIZES
    return None


def _place(error: Exception) -> str:
    """The last line of the caller's own code on the way to the error."""
    places = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "site-packages" not in frame.f_code.co_filename
        and frame.f_globals.get("__name__", "").partition(".")[0]
        not in ("jaxdl", "numpy")  # NumPy's compiled files too
    ]
    return f" ({places[-1][0]}, line {places[-1][1]})" if places else ""


def check_call(trial: Any, setting: Any) -> None:
    """Refuse, before it is traced, anything but a function of `(keys)`, or of `(keys, setting)` where there are settings.

    Raises:
        ValueError: something that cannot be called, or a function with other arguments.
    """
    if setting is None:
        remedy = "pass settings= to have a second argument, or bind the rest by functools.partial"
        check_function("trial", trial, ("keys",), remedy)
    else:
        check_function("trial", trial, ("keys", "setting"), "as settings= is given, it takes each of them")


def check_returned(outputs: Any, aux: Any) -> None:
    """Refuse a result whose meaning is open, and parts of it that are no arrays, or that jax's arrays of this mode would falsify.

    Raises:
        ValueError: a bare tuple, which may be several predictions or a prediction and a report; no array at all; a leaf that is
            no array.
    """
    if type(outputs) is tuple:
        msg = (
            f"trial: got a tuple of {len(outputs)} as a result, expected an array of predictions; return "
            'jaxdl.types.Run(predictions, aux) for predictions and a report, or {"name": predictions, ...} for several'
        )
        raise ValueError(msg)
    if not jax.tree.leaves(outputs):
        msg = (
            f"trial: got {outputs!r} as a result, expected an array of predictions; return it, or a dict of such arrays"
        )
        raise ValueError(msg)
    for leaf in jax.tree.leaves((outputs, aux)):
        _check_leaf(leaf)


def _check_leaf(leaf: Any) -> None:
    if isinstance(leaf, jax.Array | float | complex | np.complexfloating):
        return
    if isinstance(leaf, np.ndarray) and np.iscomplexobj(leaf) and not isinstance(leaf, np.ma.MaskedArray):
        return
    array = as_numbers("trial's result", leaf)
    as_type("trial's result", array, jax.dtypes.canonicalize_dtype(array.dtype))


def callbacks_of(program: ClosedJaxpr | Jaxpr) -> frozenset[str]:
    """The operations by which a program calls back into Python, such as "pure_callback" and "debug_callback".

    >>> callbacks_of(jax.make_jaxpr(lambda x: jax.debug.callback(print, x))(1.0))
    frozenset({'debug_callback'})
    """
    equations = getattr(program, "jaxpr", program).eqns
    own = {
        each.primitive.name for each in equations if "callback" in each.primitive.name or "print" in each.primitive.name
    }
    return frozenset(own).union(*(callbacks_of(inner) for each in equations for inner in jaxprs_in_params(each.params)))
