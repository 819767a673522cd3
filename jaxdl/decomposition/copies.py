"""Rows of a table that are copies of others, and tables that are sorted by their labels: what would draw noise estimates down.

Errors of labels can be seen only where labels were measured one by one. Exact copies of whole rows, as tables hold that were
joined, resampled or oversampled, would count as measurements without any error. Where labels are continuous, no two measurements
agree in all digits, and every repeated row is a copy. Where labels are rounded, or classes, repeated rows may be either.

A copy that went through another file differs by rounding: continuous labels are compared as far as single precision holds them.

Rows of equal input are compared in a random order: the order of the table may depend on their errors, and after a sort by label,
neighbours differ by less than two labels do.
"""

import warnings
import zlib
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, Num

from jaxdl.decomposition.doubles import check_smallest, finite_doubles
from jaxdl.kinds import check_flag

Array = np.ndarray
HostOrDevice = np.ndarray | jax.Array
CONTINUOUS = 0.9
"""Labels are continuous when more than this share of different rows has a label of its own: a chance tie is then rare."""
NEAR = 2.0**-23
"""Numbers of a column that differ by less, as a share of their size, are equal up to rounding in single precision."""


class Rows(NamedTuple):
    """Inputs and labels, row by row, and what is known of copies among them."""

    inputs: Float[Array, "n features"]
    labels: Float[Array, "n out"]
    num_copies: int = 0
    """Rows that were left out."""
    may_hold_copies: bool = False
    """Whether some rows may be copies that look like measurements."""
    note: str = ""
    """What was done, for the explanation of an estimate."""


def measured_rows(x: HostOrDevice, y: HostOrDevice, at_least: int, *, measured_apart: bool) -> Rows:
    """Inputs and labels, row by row, without copies."""
    check_flag("measured_apart", measured_apart)
    inputs, labels = matrices(x, y, at_least)
    rows = Rows(inputs, labels) if measured_apart else without_copies(inputs, labels)
    if len(rows.labels) < at_least:
        msg = (
            f"x: got {len(inputs)} rows, of which {rows.num_copies} are copies of others, expected at least {at_least} "
        )
        msg += "that were measured apart; measure more"
        raise ValueError(msg)
    return rows


def matrices(
    x: HostOrDevice, y: HostOrDevice, at_least: int, names: tuple[str, str] = ("x", "y")
) -> tuple[Float[Array, "n features"], Float[Array, "n out"]]:
    """Both as matrices of finite doubles with one number of rows."""
    inputs, labels = (finite_doubles(name, values) for name, values in zip(names, (x, y), strict=True))
    got = f"{names[0]}: got {names[0]} of shape {inputs.shape} and {names[1]} of shape {labels.shape}"
    if inputs.ndim != 2 or labels.ndim != 2 or len(inputs) != len(labels):
        msg = f"{got}, expected (n, features) and (n, out); a vector becomes a column by [:, None]"
        raise ValueError(msg)
    if len(inputs) < at_least or 0 in inputs.shape + labels.shape:
        msg = f"{got}, expected at least {at_least} rows, and a column in each"
        raise ValueError(msg)
    check_smallest(names[1], labels)
    return inputs, labels


def without_copies(inputs: Float[Array, "n features"], labels: Float[Array, "n out"]) -> Rows:
    """The rows without copies of others, in their order, with a warning; all of them where labels are rounded or classes.

    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.1], [0.2], [0.3]])
    >>> without_copies(x, y).num_copies, without_copies(x, np.ones((3, 1))).may_hold_copies
    (0, False)
    """
    if not _has_ties(labels[:, 0], NEAR):  # the common case
        return Rows(inputs, labels)
    both = np.concatenate([inputs, labels], axis=1)
    first = _first_of_equals(both)
    repeated = len(both) - len(first)
    if len(_first_of_equals(labels[first])) <= CONTINUOUS * len(first):
        if not repeated:
            return Rows(inputs, labels)
        return Rows(inputs, labels, may_hold_copies=True, note=_doubt(repeated, len(both)))
    kind = "exact copies of others"
    kept, nearly = (first[_first_of_equals(_rounded(both[first], near))] for near in (NEAR, 16 * NEAR))
    # Where labels are dense, some are near others by chance: then 16 times as far, there are 16 times as many.
    if len(first) - len(kept) > (len(first) - len(nearly)) / 4:
        first, repeated, kind = kept, len(both) - len(kept), "copies of others, up to rounding to single precision"
    if not repeated:
        return Rows(inputs, labels)
    warnings.warn(
        f"{repeated} of {len(both)} rows are {kind}: they say nothing of the noise and are left out. If every row was measured, "
        "pass measured_apart=True",
        stacklevel=4,
    )
    return Rows(inputs[first], labels[first], repeated, note=f"; without {repeated} rows that are {kind}")


def with_doubt(fitted: Float[Array, "n out"], labels: Float[Array, "n out"]) -> Rows:
    """All rows of a fit, and whether so many agree with others in fit and label that some may be copies."""
    both = np.concatenate([fitted, labels], axis=1)
    repeated = len(both) - len(_first_of_equals(_rounded(both, NEAR)))
    if repeated <= (1 - CONTINUOUS) * len(both):
        return Rows(fitted, labels)
    return Rows(fitted, labels, may_hold_copies=True, note=_doubt(repeated, len(both)))


def _doubt(repeated: int, num_rows: int) -> str:
    return (
        f"; {repeated} of {num_rows} rows equal others: if they are copies, the estimate is too small; if every row was "
        "measured, pass measured_apart=True"
    )


def in_no_order_of_labels(rows: Rows) -> Rows:
    """The rows in a random order, the same for every order of the table, where inputs are equal; else as they are."""
    if not _has_ties(rows.inputs[:, 0]):  # the common case
        return rows
    order = np.lexsort([*rows.labels.T, *rows.inputs.T])
    inputs, labels = rows.inputs[order], rows.labels[order]
    if not (inputs[1:] == inputs[:-1]).all(axis=1).any():
        return rows
    # The seed comes from the labels: one order for all tables would be another sort.
    shuffled = np.random.default_rng(zlib.crc32(labels.tobytes())).permutation(len(order))
    return rows._replace(inputs=inputs[shuffled], labels=labels[shuffled])


def _has_ties(column: Float[Array, " n"], near: float = 0.0) -> bool:
    return bool(_is_near(np.sort(column), near).any())


def _is_near(ascending: Float[Array, " n"], near: float) -> Bool[Array, " n-1"]:
    """Which neighbours differ by at most the share `near` of their size.

    Near zero that of a millionth of the column's range counts, and far from zero that of 8 ranges.
    """
    scale = ascending[-1] - ascending[0]
    size = np.maximum(np.abs(ascending[1:]), np.abs(ascending[:-1]))
    return np.diff(ascending) <= near * np.clip(size, 1e-6 * scale, 8 * scale)


def _rounded(matrix: Float[Array, "n columns"], near: float) -> Int[Array, "n columns"]:
    """In each column numbers that are equal for those that are near each other."""
    codes = np.empty(matrix.shape, int)
    for column, values in enumerate(matrix.T):
        order = np.argsort(values)
        codes[order, column] = np.concatenate([[0], np.cumsum(~_is_near(values[order], near))])
    return codes


def _first_of_equals(matrix: Num[Array, "n columns"]) -> Int[Array, " groups"]:
    """The numbers of the rows that equal no earlier one."""
    order = np.lexsort(matrix.T)  # keeps the order of equals, as `np.unique` of rows does in many times the time
    is_first = (matrix[order[1:]] != matrix[order[:-1]]).any(axis=1)
    return np.sort(order[np.concatenate([[True], is_first])])
