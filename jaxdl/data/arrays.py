"""Data sets from arrays.

Every input is checked here: real numbers only, with one label and one weight for each row. Content that an array cannot hold
(masks, units, sparse entries) is refused, never dropped.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdl.admission import as_numbers, check_finite, refuse_unless
from jaxdl.examples import check_weights
from jaxdl.kinds import as_count
from jaxdl.narrowing import as_type
from jaxdl.types import Dataset

MAX_ONE_HOT = 2**30
"""The most numbers that one-hot labels may fill, 4 GiB in single precision: one stray label of 10⁹ asks for more."""


def from_arrays(x: Any, y: Any, *, weight: Any = None, num_classes: int | None = None) -> Dataset:
    """A data set from arrays, lists, pandas data frames and series, and whatever else holds real numbers alone.

    `x` has one row for each example and, behind it, one axis of features or the axes of an image, `(n, h, w, c)`. `y` has one
    row for each example; a one-dimensional `y` becomes a single column, here and nowhere else in jaxdl. With `num_classes`, `y`
    holds whole labels from 0 to `num_classes - 1` and becomes one-hot. `weight` is one for each row unless given. Every field
    gets the precision of x (whole numbers become JAX's default precision), and weights at least float32, unless numbers that
    differ would become equal.

    Raises:
        ValueError: whatever `admission.as_numbers` refuses; entries that are NaN or infinite; numbers whose differences the
            precision of x cannot hold; lengths that differ; no rows or no columns; pandas objects whose row labels are in
            another order, or agree in part; labels outside the classes; negative weights, or none above zero.

    >>> from_arrays([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 2, 1], num_classes=3).y.tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    for name, other in (("y", y), ("weight", weight)):
        check_row_labels(name, x, other)
    features = as_numbers("x", x)
    is_floating = jnp.issubdtype(features.dtype, jnp.floating) and features.dtype != np.longdouble
    dtype = np.dtype(jax.dtypes.canonicalize_dtype(features.dtype if is_floating else float))
    if features.ndim < 2:
        msg = f"x: got shape {features.shape}, expected (n, features) or images (n, h, w, c); "
        msg += "one feature becomes a column by x[:, None]"
        raise ValueError(msg)
    if features.size == 0:
        msg = f"x: got shape {features.shape}, expected at least one row and one column"
        raise ValueError(msg)
    targets = as_numbers("y", y)
    if targets.ndim == 1:
        targets = targets[:, None]
    if targets.ndim != 2 or targets.shape[1] == 0:
        msg = f"y: got shape {targets.shape}, expected (n,) or (n, out)"
        raise ValueError(msg)
    weights = np.ones(len(features), dtype) if weight is None else as_numbers("weight", weight)
    n = len(features)
    for name, field, shape in (("y", targets, (n, targets.shape[1])), ("weight", weights, (n,))):
        if field.shape != shape:
            msg = f"{name}: got shape {field.shape}, expected {shape}, one row for each row of x"
            msg += "; pass weight[:, 0]" if name == "weight" and field.shape == (n, 1) else ""
            raise ValueError(msg)
    features = _finite("x", features, dtype)
    targets = _finite("y", targets, dtype) if num_classes is None else _one_hot(targets, num_classes, dtype)
    # Sums over examples need more digits than half precision has.
    weights = _finite("weight", weights, np.promote_types(dtype, np.float32))
    check_weights("weight", weights)
    return Dataset(jnp.asarray(features), jnp.asarray(targets), jnp.asarray(weights))


def _finite(name: str, values: np.ndarray, dtype: np.dtype) -> Float[np.ndarray, "..."]:
    """`values` as `dtype`, refused unless every entry is finite and different ones stay different."""
    check_finite(name, values)
    return as_type(name, values, dtype)


def _one_hot(labels: np.ndarray, num_classes: int, dtype: np.dtype) -> Float[np.ndarray, "n classes"]:
    """Whole labels `(n, 1)` as rows of the identity."""
    num_classes = as_count("num_classes", num_classes)
    if labels.shape[1] != 1:
        msg = f"y: got shape {labels.shape}, expected one label for each row; leave num_classes out if y is one-hot"
        raise ValueError(msg)
    if labels.size * num_classes > MAX_ONE_HOT:
        msg = (
            f"num_classes: got {num_classes} for {len(labels)} rows, expected a one-hot table of at most 2**30 numbers; number the "
            "labels that occur by np.unique(y, return_inverse=True)[1]"
        )
        raise ValueError(msg)
    known = (labels >= 0) & (labels < num_classes) & (labels == np.floor(labels))
    expected = f"whole labels from 0 to {num_classes - 1}"
    refuse_unless(known, "y", labels, expected, "renumber them, or correct num_classes")
    table = np.zeros((len(labels), num_classes), dtype)
    table[np.arange(len(labels)), labels[:, 0].astype(int)] = 1
    return table


def check_row_labels(name: str, x: Any, other: Any) -> None:
    """Refuse rows labeled in another order: rows are matched by position, but pandas matches them by label."""
    labels: Any = getattr(x, "index", None)
    others: Any = getattr(other, "index", None)
    if not (hasattr(labels, "equals") and hasattr(others, "equals")) or labels.equals(others):
        return
    if len(labels) != len(others):  # as shapes are, which are refused in their own words
        return
    known, given = set(labels), set(others)
    if known == given:
        msg = f"{name}: got the row labels of x in another order, expected one order; align the rows by {name}.loc[x.index]"
        raise ValueError(msg)
    if known & given:
        msg = (
            f"{name}: got {len(given & known)} of the row labels of x and {len(given - known)} others, expected all of them, or "
            "none; take the rows that both have, or, if rows belong together by position, drop the labels of both: "
            "reset_index(drop=True)"
        )
        raise ValueError(msg)
