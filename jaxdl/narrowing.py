"""Numbers as another type, refused where that type would make different numbers equal, or whole numbers others."""

from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import DTypeLike, Float, Shaped

LARGEST_LOSS = 1e-3
"""How far rounding may move a number, as a share of the spread of its column."""
UNITS_OF_ROUNDING = 8
"""A column whose numbers differ by fewer units of its own type's rounding is constant: what is left comes from computing it."""
ENTRIES_AT_ONCE = 2**20  # so that checking a table takes little memory beside it
ROWS_OF_SAMPLE = 1024  # of a column, to find where most of its numbers lie


class _Columns(NamedTuple):
    """What rounding does to the columns of a table."""

    low: Float[np.ndarray, " columns"]
    high: Float[np.ndarray, " columns"]
    moved: Float[np.ndarray, " columns"]
    """The largest change of an entry."""


def as_type(name: str, array: Shaped[np.ndarray, "*shape"], dtype: DTypeLike) -> Shaped[np.ndarray, "*shape"]:
    """A real `array` as `dtype`, refused where that would falsify it.

    Rounding to the nearest float is no falsification, unless it moves an entry by more than `LARGEST_LOSS` of its column's spread
    (entries along the first axis): then numbers that differ become equal. The spread is the range, and also that of the half of
    the numbers that lie closest together, where those are moved: one outlier hides nothing. Numbers too small for full precision
    count as zero, as compilers make them so. Whole numbers that stay whole must stay equal.

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
    if array.size == 0 or _is_exact(array.dtype, dtype):
        return array.astype(dtype, copy=False)
    with np.errstate(all="ignore"):
        converted = array.astype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        _refuse_changed_integers(name, array, converted)
        return converted
    table, stored = (values.reshape(len(array) if array.ndim else 1, -1) for values in (array, converted))
    _refuse_too_large(name, table, stored)
    if array.ndim:
        columns = _columns(table, stored)
        for column in np.flatnonzero(columns.moved > 0).tolist():
            if _loses_differences(table[:, column], columns, column, dtype):
                raise ValueError(_loss_of(name, table[:, column], stored[:, column]))
    return converted


def _is_exact(source: np.dtype, dtype: np.dtype) -> bool:
    """Whether every number of one type is one of the other."""
    # NumPy calls 64-bit integers safe as doubles, which hold them up to 2**53.
    return source == dtype or (
        np.can_cast(source, dtype, "safe") and not (source.kind in "iu" and source.itemsize == 8)
    )


def _refuse_too_large(
    name: str, table: Shaped[np.ndarray, "n columns"], stored: Shaped[np.ndarray, "n columns"]
) -> None:
    is_lost = ~np.isfinite(stored)
    if jnp.issubdtype(table.dtype, jnp.floating):
        is_lost &= np.isfinite(table)
    if is_lost.any():
        largest = np.abs(table[is_lost]).max()
        msg = f"{name}: got {largest:.3g}, beyond the range of {stored.dtype}, expected smaller numbers; rescale them"
        raise ValueError(msg)


def _columns(table: Shaped[np.ndarray, "n columns"], stored: Shaped[np.ndarray, "n columns"]) -> _Columns:
    """Ranges of the columns, and how far rounding moves their finite entries, a few rows at a time."""
    low, high, moved = (np.full(table.shape[1], value) for value in (np.inf, -np.inf, 0.0))
    for rows in _blocks(table.shape):
        before, after = _as_doubles(table[rows], stored[rows], table[:1])
        finite = np.isfinite(before)
        low = np.minimum(low, np.where(finite, before, np.inf).min(axis=0))
        high = np.maximum(high, np.where(finite, before, -np.inf).max(axis=0))
        with np.errstate(invalid="ignore"):
            moved = np.maximum(moved, np.where(finite, np.abs(before - after), 0.0).max(axis=0))
    return _Columns(low, high, moved)


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    size = max(1, ENTRIES_AT_ONCE // max(shape[1], 1))
    return (slice(start, start + size) for start in range(0, shape[0], size))


def _as_doubles(
    table: Shaped[np.ndarray, "n columns"],
    stored: Shaped[np.ndarray, "n columns"],
    first: Shaped[np.ndarray, "one columns"],
) -> tuple[Float[np.ndarray, "n columns"], Float[np.ndarray, "n columns"]]:
    """Numbers before and after rounding; both less the first row where doubles hold neither."""
    is_integer = jnp.issubdtype(table.dtype, jnp.integer)
    if table.dtype.itemsize > 8 or (
        is_integer and table.dtype.itemsize == 8 and np.abs(table.astype(float)).max() >= 2**53
    ):
        exact = table.astype(object) if is_integer else table
        after = np.frompyfunc(int, 1, 1)(stored.astype(np.float64)) if is_integer else stored.astype(table.dtype)
        with np.errstate(invalid="ignore"):
            return tuple(np.asarray(each - first.astype(exact.dtype), np.float64) for each in (exact, after))  # type: ignore[return-value]
    after = stored.astype(np.float64)
    return table.astype(np.float64), np.where(np.abs(after) < float(jnp.finfo(stored.dtype).tiny), 0.0, after)


def _loses_differences(column: Shaped[np.ndarray, " n"], columns: _Columns, index: int, dtype: np.dtype) -> bool:
    """Whether rounding moves numbers of a column by too much of their spread."""
    reach = columns.high[index] - columns.low[index]
    if not reach > 0:
        return False
    size = max(abs(columns.high[index]), abs(columns.low[index]))
    rounding = float(jnp.finfo(column.dtype).eps) if jnp.issubdtype(column.dtype, jnp.floating) else 0.0
    if reach <= UNITS_OF_ROUNDING * rounding * size:
        return False
    if columns.moved[index] > LARGEST_LOSS * reach:
        return True
    sample = column[:: max(1, len(column) // ROWS_OF_SAMPLE)].astype(np.float64)
    values = np.unique(sample[np.isfinite(sample)])
    half = len(values) // 2
    if half < 2:
        return False
    widths = values[half:] - values[:-half]
    start = int(widths.argmin())
    core = values[start : start + half + 1]
    moved = np.abs(core - core.astype(dtype).astype(np.float64)).max()
    is_constant = widths[start] <= UNITS_OF_ROUNDING * rounding * np.abs(core).max()
    return not is_constant and bool(moved > LARGEST_LOSS * widths[start])


def _loss_of(name: str, column: Shaped[np.ndarray, " n"], stored: Shaped[np.ndarray, " n"]) -> str:
    """What is lost of a column."""
    before, after = (each[:, 0] for each in _as_doubles(column[:, None], stored[:, None], column[:1, None]))
    finite = np.isfinite(before)
    before, after = before[finite], after[finite]
    if stored.dtype.itemsize < 8:
        remedy = (
            'subtract an offset and rescale, or ask for double precision: jax.config.update("jax_enable_x64", True)'
        )
    else:
        remedy = "subtract an offset first"
    largest = np.abs(column[finite].astype(float)).max()
    return (
        f"{name}: got numbers up to {largest:.3g} that differ by at most {np.ptp(before):.3g}, of which {stored.dtype} keeps "
        f"{len(np.unique(after))} of {len(np.unique(before))} distinct values, expected differences that {stored.dtype} can hold; "
        f"{remedy}"
    )


def _refuse_changed_integers(
    name: str, array: Shaped[np.ndarray, "*shape"], converted: Shaped[np.ndarray, "*shape"]
) -> None:
    """Whole numbers are exact or refused: a seed, a label or a count has no nearest neighbor."""
    is_changed = converted != array
    if is_changed.any():
        first = array[is_changed].flat[0].item()
        msg = f"{name}: got {first!r}, which {converted.dtype} cannot hold, expected a number that it can"
        if jnp.issubdtype(array.dtype, jnp.integer) and converted.dtype.itemsize < 8:
            msg += '; use smaller ones, or ask for 64 bits: jax.config.update("jax_enable_x64", True)'
        raise ValueError(msg)
