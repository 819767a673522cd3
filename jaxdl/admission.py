"""The door for data: what a caller hands over becomes a NumPy array of real numbers, or an error that says the remedy.

`numpy.asarray` takes almost anything and drops what an array cannot hold: masks, imaginary parts, units of time, the entries of
a sparse matrix. Narrowing to another type drops more: large whole numbers, small differences. The functions here refuse to.
"""

import datetime
import numbers
import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

LARGEST_LOSS = 1e-3
"""How far rounding may move a number, as a share of the range of its column."""


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
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = (
            f"{name}: got a value of type {_type(value)} that NumPy cannot read ({told}), expected an array of numbers, with "
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
    if not _is_real(array.dtype):
        msg = f"{name}: got an array of type {array.dtype}, expected booleans, integers or floats"
        raise ValueError(msg)
    return array


def as_type(name: str, array: Shaped[np.ndarray, "*shape"], dtype: Any) -> Shaped[np.ndarray, "*shape"]:
    """A real `array` as `dtype`, refused where that would falsify it.

    Rounding to the nearest float is no falsification, unless it moves an entry by more than `LARGEST_LOSS` of its column's range
    (entries along the first axis): then numbers that differ become equal. Numbers too small for full precision count as zero,
    as compilers make them so. Whole numbers that stay whole must stay equal.

    Raises:
        ValueError: lost differences, numbers beyond the range of `dtype`, whole numbers that change.

    >>> as_type("t", np.array([0.1, 0.2]), np.float32)
    array([0.1, 0.2], dtype=float32)
    >>> as_type("t", 1_700_000_000 + np.arange(60), np.float32)
    Traceback (most recent call last):
    ...
    ValueError: t: got numbers up to 1.7e+09 that differ by at most 59, of which float32 keeps 1 of 60 distinct values, ...
    """
    dtype = np.dtype(dtype)
    if array.dtype == dtype or array.size == 0:
        return array.astype(dtype, copy=False)
    with np.errstate(all="ignore"):
        converted = array.astype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        _refuse_changed_integers(name, array, converted, dtype)
        return converted
    with np.errstate(over="ignore"):
        wide = array.astype(np.float64)
    is_finite = np.isfinite(array) if jnp.issubdtype(array.dtype, jnp.floating) else np.ones(array.shape, bool)
    if (is_finite & ~np.isfinite(converted.astype(np.float64))).any():
        msg = f"{name}: got {np.abs(array[is_finite]).max():.3g}, beyond the range of {dtype}, expected smaller ones; rescale them"
        raise ValueError(msg)
    tiny = float(jnp.finfo(dtype).tiny)
    kept = np.where(np.abs(converted.astype(np.float64)) < tiny, 0.0, converted.astype(np.float64))
    if array.dtype.itemsize >= wide.dtype.itemsize and array.dtype != wide.dtype:
        wide, kept = _from_first(array, converted)
    moved = np.where(is_finite, np.abs(wide - np.where(is_finite, kept, 0.0)), 0.0)
    if not moved.any() or array.ndim == 0:
        return converted
    low, high = (
        bound(np.where(is_finite, wide, empty), axis=0, keepdims=True)
        for bound, empty in ((np.min, np.inf), (np.max, -np.inf))
    )
    with np.errstate(invalid="ignore", over="ignore"):
        lost = (moved > LARGEST_LOSS * (high - low)) & (high > low)
    if lost.any():
        is_lost = np.moveaxis(lost, 0, -1).any(axis=-1)
        column, stored = (np.moveaxis(values, 0, -1)[is_lost].reshape(-1, len(wide))[0] for values in (wide, kept))
        distinct = [len(np.unique(values[np.isfinite(column)])) for values in (stored, column)]
        column = column[np.isfinite(column)]
        msg = (
            f"{name}: got numbers up to {np.abs(array[is_finite]).max():.3g} that differ by at most {np.ptp(column):.3g}, of which "
            f"{dtype} keeps {distinct[0]} of {distinct[1]} distinct values, expected differences that {dtype} can hold; subtract "
            'an offset and rescale, or ask for double precision: jax.config.update("jax_enable_x64", True)'
        )
        raise ValueError(msg)
    return converted


def as_array(name: str, value: Any) -> Shaped[Array, "..."]:
    """`value` as a JAX array of real numbers, also under `jit`: what is not yet one passes `as_numbers` and `as_type`.

    Raises:
        ValueError: complex numbers, random keys, or whatever those two refuse.

    >>> as_array("x", [[1, 2]]).shape
    (1, 2)
    """
    if isinstance(value, jax.Array) and _is_real(value.dtype):
        return value
    if isinstance(value, jax.core.Tracer):
        msg = f"{name}: got values of type {value.dtype} under jit, expected booleans, integers or floats"
        raise ValueError(msg)
    array = as_numbers(name, value)
    dtype = np.dtype(float) if array.dtype == np.longdouble else array.dtype
    return jnp.asarray(as_type(name, array, jax.dtypes.canonicalize_dtype(dtype)))


def as_scalar(name: str, value: Any) -> float:
    """One real number, as a float.

    Raises:
        ValueError: several numbers, a Boolean, or whatever `as_numbers` refuses.

    >>> as_scalar("level", np.float32(0.5))
    0.5
    """
    array = as_numbers(name, value)
    if array.ndim != 0 or array.dtype == bool:
        got = "a Boolean" if array.dtype == bool else f"an array of shape {array.shape}"
        msg = f"{name}: got {got}, expected one number"
        raise ValueError(msg)
    return float(array)


def as_count(name: str, value: Any, *, low: int = 1, high: int | None = None, remedy: str = "") -> int:
    """A whole number from `low` to `high`, as an `int`; never a Boolean, nor a float that happens to be whole.

    Raises:
        ValueError: anything else, a value under `jit` included, since counts decide shapes. The error ends with `remedy`.

    >>> as_count("num_runs", np.int64(3))
    3
    >>> as_count("num_runs", 2.5, high=9)
    Traceback (most recent call last):
    ...
    ValueError: num_runs: got 2.5, expected a whole number from 1 to 9
    """
    if isinstance(value, jax.core.Tracer):
        msg = f"{name}: got a value under jit, expected a whole number at hand; name it in static_argnames"
        raise ValueError(msg)
    try:
        count = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        count = None
    if count is None or count < low or (high is not None and count > high):
        bounds = f"of {low} or more" if high is None else f"from {low} to {high}"
        msg = f"{name}: got {value!r:.60}, expected a whole number {bounds}{remedy and '; '}{remedy}"
        raise ValueError(msg)
    return count


def as_key(name: str, value: Any) -> Any:
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
        msg = (
            f"{name}: got keys of shape {value.shape}, expected one random key; take one, or map over them by jax.vmap"
        )
        raise ValueError(msg)
    if is_array and value.dtype == np.uint32 and value.ndim == 1:
        return value
    seed = value if isinstance(value, int) else 0
    got = f"an array of type {value.dtype}" if is_array else f"{value!r:.60}"
    msg = f"{name}: got {got}, expected one random key; pass jax.random.key({seed})"
    raise ValueError(msg)


def _from_first(
    array: Shaped[np.ndarray, "*shape"], converted: Shaped[np.ndarray, "*shape"]
) -> tuple[Shaped[np.ndarray, "*shape"], Shaped[np.ndarray, "*shape"]]:
    """Numbers wider than doubles, and what became of them, as doubles: both less the first row, exactly."""
    if jnp.issubdtype(array.dtype, jnp.integer):
        exact, kept = array.astype(object), np.frompyfunc(int, 1, 1)(converted.astype(np.float64))
    else:
        exact, kept = array, converted.astype(array.dtype)
    first = exact[:1] if array.ndim else exact
    with np.errstate(invalid="ignore"):
        return np.asarray(exact - first, np.float64), np.asarray(kept - first, np.float64)


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
        msg = f"{name}: got a sparse matrix ({_type(value)}), expected a dense array; pass values.{method}()"
        raise ValueError(msg)
    if isinstance(value, list | tuple):
        for entry in value:
            if not isinstance(entry, float | int):
                _refuse_what_hides(name, entry)


def _from_objects(name: str, array: np.ndarray, value: Any) -> np.ndarray:
    """An array of Python objects that are all real numbers, as integers or floats that equal them."""
    if array.ndim == 0 and not isinstance(array.item(), numbers.Real):
        msg = f"{name}: got a value of type {_type(value)}, expected an array of numbers"
        raise ValueError(msg)
    cells = array.ravel().tolist()
    is_number = np.array([isinstance(cell, numbers.Real | np.bool_) for cell in cells], bool)
    if not is_number.all():
        first = int(np.flatnonzero(~is_number)[0])
        cell = cells[first]
        place = ", ".join(
            f"{axis} {i}" for axis, i in zip(("row", "column"), np.unravel_index(first, array.shape), strict=False)
        )
        msg = (
            f"{name}: got {int((~is_number).sum())} of {array.size} entries that are not numbers, the first in {place} (counted "
            f"from 0): {cell!r}, expected numbers; {_remedy(cell)}"
        )
        raise ValueError(msg)
    if all(isinstance(cell, numbers.Integral | np.bool_) for cell in cells):
        exact = np.array([int(cell) for cell in cells], object)
        bounds = np.iinfo(np.int64)
        if any(not bounds.min <= cell <= bounds.max for cell in exact):
            msg = f"{name}: got whole numbers beyond 64 bits, expected smaller ones; take logarithms, or pass floats"
            raise ValueError(msg)
        return exact.astype(np.int64).reshape(array.shape)
    floats = np.array([float(cell) for cell in cells])
    if any(
        isinstance(cell, numbers.Integral) and cell != kept for cell, kept in zip(cells, floats.tolist(), strict=True)
    ):
        msg = f"{name}: got whole numbers beyond 2**53 beside floats, which cannot hold them, expected one type of numbers"
        raise ValueError(msg)
    return floats.reshape(array.shape)


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


def _refuse_changed_integers(name: str, array: np.ndarray, converted: np.ndarray, dtype: np.dtype) -> None:
    """Whole numbers are exact or refused: a seed, a label or a count has no nearest neighbour."""
    is_changed = converted != array
    if is_changed.any():
        msg = f"{name}: got {array[is_changed].flat[0].item()!r}, which {dtype} cannot hold, expected a number that it can"
        if jnp.issubdtype(array.dtype, jnp.integer):
            msg += '; use smaller ones, or ask for 64 bits: jax.config.update("jax_enable_x64", True)'
        raise ValueError(msg)


def _is_real(dtype: np.dtype) -> bool:
    # jax's own notion of a subtype: NumPy's does not know bfloat16.
    return any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_))


def _type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
