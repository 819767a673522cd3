"""The door for data: what a caller hands over becomes a NumPy array of real numbers, or an error that says the remedy.

`numpy.asarray` takes almost anything and drops what an array cannot hold: masks, imaginary parts, units of time, the entries of
a sparse matrix. Narrowing to another type drops more (see `narrowing`). The functions here refuse to.
"""

import datetime
import decimal
import numbers
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from jaxdl.narrowing import as_type


def as_numbers(name: str, value: Any) -> Shaped[np.ndarray, "..."]:
    """`value` as a host array of booleans, integers or floats, with every entry unchanged.

    Taken are arrays of NumPy and JAX and what converts to them without loss: numbers, lists, pandas frames and series, masked
    arrays without a masked entry, columns of Python objects that are all numbers. NaN and infinity pass: whether they are allowed
    is the caller's question.

    Args:
        name: what the caller calls it; errors begin with it.
        value: anything.

    Raises:
        ValueError: masked or missing entries, complex numbers, dates and durations, text, sparse matrices, random keys, values
            under `jit`, lists of uneven lengths, or objects that are no numbers.

    >>> as_numbers("x", [[1, 2], [3, 4]]).dtype.name
    'int64'
    >>> as_numbers("x", np.ma.masked_less([1.0, -9.0], 0))
    Traceback (most recent call last):
    ...
    ValueError: x: got a masked array with 1 of 2 entries masked, expected numbers; remove or impute those entries
    """
    _refuse_what_hides(name, value)
    try:
        array = np.asarray(value)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = (
            f"{name}: got a value of type {type_name(value)} that NumPy cannot read ({reason}), expected an array of numbers, with "
            "rows of one length"
        )
        raise ValueError(msg) from error
    if array.dtype == object:
        return _from_objects(name, array, value)
    if array.dtype.kind in "USTa":
        msg = f"{name}: got text ({array.flat[0] if array.size else ''!s:.40}, ...), expected numbers; {_ENCODE}"
        raise ValueError(msg)
    if array.dtype.kind == "c":
        msg = f"{name}: got complex numbers, expected real ones; pass real and imaginary parts as two outputs, on a last axis"
        raise ValueError(msg)
    if array.dtype.kind in "mM":
        msg = f"{name}: got {_TIMES[array.dtype.kind]}, expected numbers; {_DIVIDE[array.dtype.kind]}"
        raise ValueError(msg)
    if not is_real(array.dtype):
        msg = f"{name}: got an array of type {array.dtype}, expected booleans, integers or floats"
        raise ValueError(msg)
    return array


def as_array(name: str, value: Any) -> Shaped[Array, "..."]:
    """`value` as a JAX array of real numbers, also under `jit`: see `as_real`.

    >>> as_array("x", [[1, 2]]).shape
    (1, 2)
    """
    return jnp.asarray(as_real(name, value))


def as_real(name: str, value: Any) -> Any:
    """`value` as a JAX array where it is one, else as a host array of a type that JAX has in this mode.

    What is no JAX array of real numbers passes `as_numbers` and `as_type`.

    Raises:
        ValueError: complex numbers, random keys, or whatever those two refuse.
    """
    if isinstance(value, jax.Array) and is_real(value.dtype):
        return value
    if isinstance(value, jax.core.Tracer):
        msg = f"{name}: got values of type {value.dtype} under jit, expected booleans, integers or floats"
        raise ValueError(msg)
    array = as_numbers(name, value)
    dtype = np.dtype(float) if array.dtype == np.longdouble else array.dtype
    return as_type(name, array, jax.dtypes.canonicalize_dtype(dtype))


def check_finite(name: str, values: Any, *, remedy: str = "remove or impute those rows") -> None:
    """Refuse NaN and infinity among values at hand."""
    host = at_hand(values)
    if host is not None:
        refuse_unless(np.isfinite(host), name, host, "finite numbers", remedy)


def refuse_unless(
    valid: Shaped[np.ndarray, "..."], name: str, values: Shaped[np.ndarray, "..."], expected: str, remedy: str
) -> None:
    """Raise unless every entry is valid: how many are not, and where the first one is.

    >>> refuse_unless(np.array([True, False]), "x", np.array([1, -1]), "counts", "leave out those rows")
    Traceback (most recent call last):
    ...
    ValueError: x: got 1 of 2 entries such as -1 in row 1 (counted from 0), expected counts; leave out those rows
    """
    if valid.all():
        return
    first = np.argwhere(~valid)[0]
    axes = ("row", "column") if len(first) <= 2 else ("row", *(f"axis {axis}" for axis in range(1, len(first))))
    place = ", ".join(f"{axis} {index}" for axis, index in zip(axes, first, strict=False))
    entry = values[tuple(first)]
    msg = (
        f"{name}: got {np.sum(~valid)} of {valid.size} entries such as {entry.item() if isinstance(entry, np.generic) else entry!r}"
        f"{place and f' in {place} (counted from 0)'}, expected {expected}; {remedy}"
    )
    raise ValueError(msg)


def at_hand(value: Any) -> Shaped[np.ndarray, "..."] | None:
    """The values of an array, or `None` where this process does not have them."""
    if isinstance(value, jax.core.Tracer) or (isinstance(value, jax.Array) and not value.is_fully_addressable):
        return None
    return np.asarray(value)


def is_real(dtype: Any) -> bool:
    """Whether a type is one of Booleans, integers or floats."""
    # jax's own notion of a subtype: NumPy's does not know bfloat16.
    return any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_))


def type_name(value: Any) -> str:
    """The type of a value, with its module unless that is Python's own."""
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


_ENCODE = "encode categories as numbers, for example np.unique(values, return_inverse=True)[1]"
_TIMES = {"M": "dates", "m": "durations"}
_DIVIDE = {
    "M": 'subtract a first date and divide: (values - values.min()) / np.timedelta64(1, "D")',
    "m": 'divide by a unit: values / np.timedelta64(1, "s")',
}


def _refuse_what_hides(name: str, value: Any) -> None:
    """Refuse what `numpy.asarray` would read without a word, or not at all."""
    if isinstance(value, jax.core.Tracer):
        msg = f"{name}: got a value under jit, vmap or grad, expected numbers at hand; call this outside of them"
        raise ValueError(msg)
    if isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        msg = f"{name}: got random keys, expected numbers; draw from them, or take jax.random.key_data(keys)"
        raise ValueError(msg)
    if isinstance(value, np.ma.MaskedArray):
        num_masked = int(np.ma.count_masked(value))
        if num_masked:
            msg = (
                f"{name}: got a masked array with {num_masked} of {value.size} entries masked, expected numbers; remove or impute "
                "those entries"
            )
            raise ValueError(msg)
    if not isinstance(value, np.ndarray) and (hasattr(value, "toarray") or hasattr(value, "todense")):
        method = "toarray" if hasattr(value, "toarray") else "todense"
        msg = f"{name}: got a sparse matrix ({type_name(value)}), expected a dense array; pass values.{method}()"
        raise ValueError(msg)
    if isinstance(value, list | tuple):
        for entry in value:
            if not isinstance(entry, float | int):
                _refuse_what_hides(name, entry)


def _from_objects(name: str, array: np.ndarray, value: Any) -> np.ndarray:
    """An array of Python objects that are all real numbers, as integers or floats that equal them."""
    if array.ndim == 0 and not isinstance(array.item(), numbers.Real | decimal.Decimal):
        msg = f"{name}: got a value of type {type_name(value)}, expected an array of numbers"
        raise ValueError(msg)
    cells = array.ravel().tolist()
    is_number = np.array([isinstance(cell, numbers.Real | decimal.Decimal | np.bool_) for cell in cells], bool)
    if not is_number.all():
        remedy = _remedy(cells[int(np.argmin(is_number))])
        refuse_unless(is_number.reshape(array.shape), name, array, "numbers alone", remedy)
    if all(isinstance(cell, numbers.Integral | np.bool_) for cell in cells):
        exact = np.array([int(cell) for cell in cells], object)
        bounds = np.iinfo(np.int64)
        if any(not bounds.min <= cell <= bounds.max for cell in exact):
            msg = f"{name}: got whole numbers beyond 64 bits, expected smaller ones; take logarithms, or pass floats"
            raise ValueError(msg)
        return exact.astype(np.int64).reshape(array.shape)
    try:
        floats = np.array([float(cell) for cell in cells])
    except OverflowError as error:
        msg = f"{name}: got numbers beyond the range of floats, expected smaller ones; rescale them, or take logarithms"
        raise ValueError(msg) from error
    if any(_is_whole(cell) and cell != kept for cell, kept in zip(cells, floats.tolist(), strict=True)):
        msg = f"{name}: got whole numbers beyond 2**53 beside floats, which cannot hold them, expected one type of numbers"
        raise ValueError(msg)
    return floats.reshape(array.shape)


def _is_whole(cell: Any) -> bool:
    """Whether a number that is not a float is whole."""
    if isinstance(cell, decimal.Decimal):
        return cell == cell.to_integral_value()
    return isinstance(cell, numbers.Rational) and cell.denominator == 1


def _remedy(cell: Any) -> str:
    """What to do about an entry that is no number."""
    # pandas' missing values, without pandas: NA is no number, NaT is a date that is not one.
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return "missing values: remove or impute those rows"
    if isinstance(cell, str | bytes):
        return _ENCODE
    if isinstance(cell, datetime.timedelta):
        return _DIVIDE["m"]
    if isinstance(cell, datetime.date):
        return _DIVIDE["M"]
    if isinstance(cell, numbers.Complex):
        return "pass real and imaginary parts as two columns"
    return "convert them by float"
