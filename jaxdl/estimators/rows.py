"""The door for what estimators train on: tables, arrays, sparse matrices and texts by rows, and numbers or labels for each row."""

import hashlib
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Int, Shaped

from jaxdl.admission import as_numbers, check_finite, type_name

Array = np.ndarray
MISSING = ("NoneType", "NAType", "NaTType")
"""Types of missing cells, pandas' among them, which need not be installed."""


def as_rows(name: str, x: Any) -> Any:
    """`x` with rows that `taken` takes: pandas' frames and series as they are, sparse matrices by rows, all else as an array.

    Missing numbers pass, since some estimators take them.

    Raises:
        ValueError: numbers without an axis of features, no rows, rows of uneven lengths, masked entries.
    """
    if scipy.sparse.issparse(x):
        rows = x.tocsr()
    elif _is_frame(x):
        rows = x
    else:
        rows = _as_array(name, x)
    shape = tuple(rows.shape)
    is_text = len(shape) == 1 and np.asarray(rows[:1]).dtype.kind in "OUS"
    if len(shape) < 2 and not is_text:
        msg = f"{name}: got shape {shape}, expected (n, features), or n texts; one feature becomes a column by {name}[:, None]"
        raise ValueError(msg)
    if 0 in shape:
        msg = f"{name}: got shape {shape}, expected at least one row and one column"
        raise ValueError(msg)
    return rows


def check_alike(x: Any, x_test: Any) -> None:
    """Refuse test points that have other columns than the training examples."""
    columns, others = ([str(each) for each in getattr(table, "columns", ())] for table in (x, x_test))
    if columns == others and tuple(x.shape[1:]) == tuple(x_test.shape[1:]):
        return
    got, expected = (shown if any(shown) else table.shape for shown, table in ((others, x_test), (columns, x)))
    remedy = "pass the same features" if bool(columns) == bool(others) else "pass tables of one kind"
    if columns and {*columns} <= {*others}:
        remedy = "pass x_test[x.columns]"
    msg = f"x_test: got columns {got!s:.200}, expected those of x, {expected!s:.200}, in their order; {remedy}"
    raise ValueError(msg)


def as_targets(y: Any, num_rows: int) -> Shaped[Array, "n *out"]:
    """`y` as an array of finite numbers or of texts, one entry or row for each row of x; a single column as `(n,)`.

    Raises:
        ValueError: missing or infinite entries, texts among numbers, another length than that of x.
    """
    values = _as_array("y", y)
    if values.ndim not in (1, 2) or len(values) != num_rows or values.size == 0:
        msg = f"y: got shape {values.shape} for x of {num_rows} rows, expected ({num_rows},) or ({num_rows}, out)"
        raise ValueError(msg + ", an entry for each row of x")
    if values.dtype.kind in "OU":
        cells = values.ravel().tolist()
        missing = [index for index, cell in enumerate(cells) if type(cell).__name__ in MISSING or cell != cell]
        if missing:
            row = missing[0] * len(values) // len(cells)
            msg = f"y: got {len(missing)} of {len(cells)} entries missing, the first in row {row} (counted from 0), expected "
            raise ValueError(msg + "one for each row; remove those rows from x and y")
        is_text = [isinstance(cell, str) for cell in cells]
        if any(is_text) and not all(is_text):
            other = cells[is_text.index(False)]
            msg = f"y: got texts and {other!r:.40} of type {type_name(other)}, expected labels of one kind; pass y.astype(str)"
            raise ValueError(msg)
        values = values.astype(str) if all(is_text) else as_numbers("y", y)
    else:
        values = as_numbers("y", y)
    if values.dtype.kind != "U":
        check_finite("y", values, remedy="remove those rows from x and y")
    return values[:, 0] if values.shape[1:] == (1,) else values


def taken(x: Any, rows: Int[Array, " m"]) -> Any:
    """Some rows, as a copy."""
    return x.iloc[rows] if _is_frame(x) else x[rows]


def digest_of(*tables: Any) -> str:
    """One word for all entries of some tables, so that a store knows its data again."""
    total = hashlib.sha256()
    for table in tables:
        for name, part in _parts(table):
            values = np.asarray(part)
            total.update(f"{name} {values.dtype} {values.shape} ".encode())
            total.update(
                repr(values.tolist()).encode() if values.dtype == object else np.ascontiguousarray(values).tobytes()
            )
    return total.hexdigest()[:16]


def _parts(table: Any) -> list[tuple[str, Any]]:
    if scipy.sparse.issparse(table):
        return [(f"sparse {table.shape}", table.data), ("columns", table.indices), ("ends", table.indptr)]
    if _is_frame(table) and len(table.shape) == 2:
        return [(f"{position} {column}", table.iloc[:, position]) for position, column in enumerate(table.columns)]
    return [("", table)]


def _is_frame(x: Any) -> bool:
    """Whether rows are taken by position as pandas takes them, which need not be installed."""
    return hasattr(x, "iloc")


def _as_array(name: str, values: Any) -> Array:
    """`values` as an array of whatever they hold, all of it."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        msg = f"{name}: got a masked array with masked entries, expected every entry; remove those rows from x and y, or impute"
        raise ValueError(msg)
    try:
        return np.asarray(values)
    except ValueError as error:
        msg = f"{name}: got rows of uneven lengths, expected one length; pad them, or pass them as texts"
        raise ValueError(msg) from error
