"""Checks of single arguments: counts, real numbers, flags, keys and functions.

Errors begin with `name`, the name of the argument, or of the function that was called; then `what` is that of the argument.
"""

import decimal
import fractions
import inspect
import math
import operator
from collections.abc import Callable
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.admission import as_numbers, is_real


def as_count(name: str, value: Any, *, what: str = "", low: int = 1, high: int | None = None, remedy: str = "") -> int:
    """A whole number from `low` to `high`, as an `int`; never a Boolean, nor a float that happens to be whole.

    Raises:
        ValueError: anything else, a value under `jit` included, since counts decide shapes. The error ends with `remedy`.

    >>> as_count("num_runs", np.int64(3))
    3
    >>> as_count("fit", 2.5, what="num_runs", high=9)
    Traceback (most recent call last):
    ...
    ValueError: fit: got num_runs=2.5, expected a whole number from 1 to 9
    """
    if isinstance(value, jax.core.Tracer):
        _refuse(name, what, value, "a whole number at hand, not under jit or vmap", "name it in static_argnames")
    try:
        count = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        count = None
    if count is None or count < low or (high is not None and count > high):
        bounds = f"of {low} or more" if high is None else f"from {low} to {high}"
        _refuse(name, what, value, f"a whole number {bounds}", remedy)
    return count


def as_scalar(
    name: str,
    value: Any,
    *,
    expected: str = "one number",
    allowed: Callable[[float], bool] = lambda _: True,
    remedy: str = "",
) -> float:
    """One real number at hand, as a float.

    Raises:
        ValueError: several numbers, a Boolean, one that is not `allowed`, or whatever `as_numbers` refuses.

    >>> as_scalar("level", np.float32(0.5))
    0.5
    """
    array = as_numbers(name, value)
    if array.ndim != 0 or array.dtype == bool or not allowed(float(array)):
        _refuse(name, "", value if array.ndim == 0 else array, expected, remedy)
    return float(array)


def check_scalar(
    name: str, value: Any, *, what: str, expected: str, allowed: Callable[[float], bool], remedy: str = ""
) -> None:
    """Refuse anything but a real scalar, and a number at hand that is not `allowed`; of a traced one only the shape is known.

    >>> check_scalar("ridge", -1.0, what="strength", expected="a scalar of 0 or more", allowed=lambda number: number >= 0)
    Traceback (most recent call last):
    ...
    ValueError: ridge: got strength=-1.0, expected a scalar of 0 or more
    """
    is_number = isinstance(value, int | float | np.number | np.ndarray | jax.Array) and not isinstance(value, bool)
    fits = is_number and np.ndim(value) == 0 and is_real(jnp.result_type(value))
    if not fits or (not isinstance(value, jax.core.Tracer) and not allowed(float(value))):
        _refuse(name, what, value, expected, remedy)


def check_counts(name: str, low: int, **counts: Any) -> None:
    """Refuse, among several named arguments, anything but whole numbers from `low`; see `as_count`.

    >>> check_counts("trace", 1, num_probes=0)
    Traceback (most recent call last):
    ...
    ValueError: trace: got num_probes=0, expected a whole number of 1 or more
    """
    for what, count in counts.items():
        as_count(name, count, what=what, low=low)


def check_numbers(name: str, low: int | float, high: int | float = math.inf, **numbers: Any) -> None:
    """Refuse, among several named arguments, anything but scalars from `low` to `high`; see `check_scalar`.

    >>> check_numbers("minres", 0, tolerance=float("nan"))
    Traceback (most recent call last):
    ...
    ValueError: minres: got tolerance=nan, expected a number from 0 to inf
    """
    for what, number in numbers.items():
        check_scalar(
            name,
            number,
            what=what,
            expected=f"a number from {low} to {high}",
            allowed=lambda value: low <= value <= high,
        )


def as_strength(name: str, value: Any, *, what: str = "strength") -> Any:
    """A scalar that is traced, or finite and not negative; decimals and fractions become floats.

    >>> as_strength("ridge", decimal.Decimal("0.5"))
    0.5
    """
    strength = float(value) if isinstance(value, decimal.Decimal | fractions.Fraction) else value
    check_scalar(
        name,
        strength,
        what=what,
        expected="a scalar",
        allowed=lambda number: 0 <= number < math.inf,
        remedy="vmap over several; a number is finite and not negative",
    )
    return strength


def check_flag(name: str, value: Any) -> None:
    """Refuse anything but True and False."""
    if not isinstance(value, bool | np.bool_):
        _refuse(name, "", value, "True or False", "")


def as_key(name: str, value: Any, *, what: str = "") -> Any:
    """One random key, of either of JAX's two kinds.

    Raises:
        ValueError: a seed, several keys, or anything else.

    >>> as_key("key", 0)
    Traceback (most recent call last):
    ...
    ValueError: key: got 0, expected one random key; pass jax.random.key(0)
    """
    is_array = isinstance(value, jax.Array | np.ndarray)
    if is_array and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        if value.shape == ():
            return value
        _refuse(name, what, value, "one random key", "take one, or map over them by jax.vmap")
    if is_array and value.dtype == np.uint32 and value.ndim == 1:
        return value
    seed = value if isinstance(value, int) else 0
    return _refuse(name, what, value, "one random key", f"pass jax.random.key({seed})")


def check_function(name: str, value: Any, parameters: tuple[str, ...], remedy: str, *, what: str = "") -> None:
    """Refuse anything but a function of that many positional arguments, where its signature can be read."""
    expected = f"a function ({', '.join(parameters)})"
    if not callable(value):
        _refuse(name, what, value, expected, remedy)
    is_class = inspect.isclass(value)
    try:
        signature = inspect.signature(value.__init__ if is_class else value)
    except (TypeError, ValueError):  # built-in functions have none
        return
    try:
        signature.bind(*((value, *parameters) if is_class else parameters))
    except TypeError:
        taken = list(signature.parameters)[is_class:]
        _refuse(name, what, value, f"{expected}, not one of ({', '.join(taken)})", remedy)


def shown(value: Any) -> str:
    """A value in a few words, for error messages.

    >>> shown(len), shown([0.5]), shown(np.zeros((2, 3)))
    ('len', '[0.5]', 'an array of shape (2, 3) and type float64')
    """
    if isinstance(value, jax.core.Tracer):
        return f"a traced array of shape {value.shape}"
    if isinstance(value, jax.Array | np.ndarray) and value.ndim:
        return f"an array of shape {value.shape} and type {value.dtype}"
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{type(value).__name__}({text[:40]} ...)"


def _refuse(name: str, what: str, value: Any, expected: str, remedy: str) -> NoReturn:
    msg = f"{name}: got {what and f'{what}='}{shown(value)}, expected {expected}{remedy and '; '}{remedy}"
    raise ValueError(msg)
