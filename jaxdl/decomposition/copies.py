"""Rows of a table that are copies of others, and tables that are sorted by their labels: what would draw noise estimates down.

Errors of labels can be seen only where labels were measured one by one. Exact copies of whole rows, as tables hold that were
joined, resampled or oversampled, would count as measurements without any error. Where labels are continuous, no two measurements
agree in all digits, and every repeated row is a copy. Where labels are rounded, or classes, repeated rows may be either.

Rows of equal input are compared in the order of the table, which must tell nothing of their errors: after a sort by label,
neighbours differ by less than two labels do. A random order then takes its place.
"""

import math
import warnings
import zlib
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxdl.decomposition.doubles import check_flag, check_smallest, finite_doubles

Array = np.ndarray
HostOrDevice = np.ndarray | jax.Array
CONTINUOUS = 0.9
"""Labels are continuous when more than this share of different rows has a label of its own: a chance tie is then rare."""
SUSPICIOUS = 0.05
"""An order of labels that chance gives less often than this is taken for a sort."""


class Rows(NamedTuple):
    """Inputs and labels, row by row, and what is known of copies among them."""

    inputs: Float[Array, "n features"]
    labels: Float[Array, "n out"]
    num_copies: int = 0
    """Rows that were left out."""
    may_hold_copies: bool = False
    """Whether some rows may be copies that cannot be told from measurements."""
    note: str = ""
    """What was done, for the explanation of an estimate."""


def measured_rows(x: HostOrDevice, y: HostOrDevice, at_least: int, *, measured_apart: bool) -> Rows:
    """Inputs and labels, row by row, without copies."""
    check_flag("measured_apart", measured_apart)
    inputs, labels = matrices(x, y, at_least)
    rows = Rows(inputs, labels) if measured_apart else without_copies(inputs, labels)
    if len(rows.labels) < at_least:
        msg = f"x: got {len(inputs)} rows, of which {rows.num_copies} are exact copies of others, expected at least {at_least} "
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
    """The rows without exact copies of others, in their order, with a warning; all of them where labels are rounded or classes.

    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.1], [0.2], [0.3]])
    >>> without_copies(x, y).num_copies, without_copies(x, np.ones((3, 1))).may_hold_copies
    (0, False)
    """
    _, first = np.unique(np.concatenate([inputs, labels], axis=1), axis=0, return_index=True)
    repeated = len(inputs) - len(first)
    if not repeated:
        return Rows(inputs, labels)
    distinct = len(np.unique(labels[first], axis=0))
    if distinct <= CONTINUOUS * len(first):
        return Rows(inputs, labels, may_hold_copies=True, note=_doubt(repeated, len(inputs)))
    warnings.warn(
        f"{repeated} of {len(inputs)} rows are exact copies of others: they tell nothing of the noise and are left out. If every "
        "row was measured, pass measured_apart=True",
        stacklevel=4,
    )
    kept = np.sort(first)
    return Rows(inputs[kept], labels[kept], repeated, note=f"; without {repeated} rows that are exact copies of others")


def with_doubt(fitted: Float[Array, "n out"], labels: Float[Array, "n out"]) -> Rows:
    """All rows of a fit, and whether so many agree with others in fit and label that some may be copies."""
    both = np.concatenate([fitted, labels], axis=1)
    repeated = len(both) - len(np.unique(both, axis=0))
    if repeated <= (1 - CONTINUOUS) * len(both):
        return Rows(fitted, labels)
    return Rows(fitted, labels, may_hold_copies=True, note=_doubt(repeated, len(both)))


def _doubt(repeated: int, num_rows: int) -> str:
    return (
        f"; {repeated} of {num_rows} rows equal others: if they are copies, the estimate is too small; if every row was "
        "measured, pass measured_apart=True"
    )


def in_no_order_of_labels(rows: Rows) -> Rows:
    """The rows, those of equal input in a random order when the labels of all of them were sorted."""
    _, group, counts = np.unique(rows.inputs, axis=0, return_inverse=True, return_counts=True)
    if counts.max(initial=0) < 2:
        return rows
    order = np.argsort(group.reshape(-1), kind="stable")
    if not any(_is_sorted(column[order], counts) for column in rows.labels.T):
        return rows
    # The seed comes from the labels: one order for all tables would be another sort.
    shuffled = np.random.default_rng(zlib.crc32(rows.labels.tobytes())).permutation(len(order))
    note = f"{rows.note}; rows of equal input were sorted by label, and have been shuffled"
    return rows._replace(inputs=rows.inputs[shuffled], labels=rows.labels[shuffled], note=note)


def _is_sorted(labels: Float[Array, " n"], counts: Int[Array, " groups"]) -> bool:
    """Whether the labels of every group rise, or those of every group fall, and chance would hardly make them."""
    steps = np.diff(labels)
    is_within = np.ones(len(steps), bool)
    is_within[np.cumsum(counts)[:-1] - 1] = False
    if not ((steps[is_within] >= 0).all() or (steps[is_within] <= 0).all()):
        return False
    # Of the distinct orders of each group's labels, one.
    chance = 0.0
    for group in np.split(labels, np.cumsum(counts)[:-1]):
        ties = np.unique(group, return_counts=True)[1]
        chance += sum(math.lgamma(count + 1) for count in ties) - math.lgamma(len(group) + 1)
    return chance < math.log(SUSPICIOUS)
