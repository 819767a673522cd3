"""Data sets from arrays, and the door for data sets that were built by hand.

Whatever enters is checked here: real numbers only, one label and one weight for each row. What the caller's container holds
and an array cannot (masks, units, sparse entries) is refused, never dropped.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from jaxdl.admission import as_array, as_count, as_numbers, as_type
from jaxdl.types import Dataset

MAX_ONE_HOT = 2**30
"""The most numbers that one-hot labels may fill, 4 GiB in single precision: one stray label of 10⁹ asks for more."""


def from_arrays(x: Any, y: Any, *, weight: Any = None, num_classes: int | None = None) -> Dataset:
    """A data set from arrays, lists, pandas data frames and series, and whatever else holds real numbers alone.

    `x` has one row for each example and, behind it, one axis of features or the axes of an image, `(n, h, w, c)`. `y` has one
    row for each example; a one-dimensional `y` becomes a single column, here and nowhere else in jaxdl. With `num_classes`, `y`
    holds whole labels from 0 to `num_classes - 1` and becomes one-hot. `weight` is one for each row unless given. Every field
    gets the precision of x (whole numbers become JAX's default precision), unless numbers that differ would become equal.

    Raises:
        ValueError: whatever `admission.as_numbers` refuses; entries that are NaN or infinite; numbers whose differences the
            precision of x cannot hold; lengths that differ; no rows or no columns; pandas objects of which one is in another
            order; labels outside the classes; negative weights, or none above zero.

    >>> from_arrays([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 2, 1], num_classes=3).y.tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    for name, other in (("y", y), ("weight", weight)):
        _refuse_another_order(name, x, other)
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
    for name, field in (("y", targets), ("weight", weights)):
        if field.ndim and len(field) != len(features):
            msg = f"{name}: got {len(field)} rows, expected {len(features)}, one for each row of x"
            raise ValueError(msg)
    features = _finite("x", features, dtype)
    targets = _finite("y", targets, dtype) if num_classes is None else _one_hot(targets, num_classes, dtype)
    weights = _finite("weight", weights, dtype)
    refuse_weights("weight", weights, all_zero=False)
    return Dataset(jnp.asarray(features), jnp.asarray(targets), jnp.asarray(weights))


def as_dataset(name: str, value: Any) -> Dataset:
    """A data set whose fields are JAX arrays that fit together, also under `jit`; values are looked at where there are any.

    Raises:
        ValueError: no `Dataset`, fields that hold no real numbers, shapes that do not fit, weights that are NaN, infinite
            or negative.

    >>> as_dataset("train", Dataset(jnp.zeros((2, 1)), jnp.zeros(2), jnp.ones(2)))
    Traceback (most recent call last):
    ...
    ValueError: train: got x (2, 1), y (2,) and weight (2,), expected (n, features), (n, out) and (n,); ...
    """
    if not isinstance(value, Dataset):
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        msg = f"{name}: got a value of type {kind}, expected a Dataset; build one by jaxdl.data.real.from_arrays(x, y)"
        raise ValueError(msg)
    dataset = Dataset(*(as_array(f"{name}.{field}", given) for field, given in zip(value._fields, value, strict=True)))
    x, y, weight = (field.shape for field in dataset)
    if len(x) < 2 or len(y) != 2 or len(weight) != 1 or not x[0] == y[0] == weight[0]:
        msg = (
            f"{name}: got x {x}, y {y} and weight {weight}, expected (n, features), (n, out) and (n,); "
            "jaxdl.data.real.from_arrays builds one from plain arrays"
        )
        raise ValueError(msg)
    refuse_weights(f"{name}.weight", dataset.weight)
    return dataset


def refuse_weights(name: str, weights: Shaped[Array | np.ndarray, "..."], *, all_zero: bool = True) -> None:
    """Raise unless weights are one for each row, finite and not negative; and, where `all_zero` is not allowed, one positive."""
    if isinstance(weights, jax.core.Tracer):
        return
    host = np.asarray(weights, float)
    if host.ndim != 1 or not (np.isfinite(host) & (host >= 0)).all() or not (all_zero or (host > 0).any()):
        msg = f"{name}: got shape {host.shape} and values from {host.min(initial=np.inf):.4g} to "
        msg += f"{host.max(initial=-np.inf):.4g}, expected shape (n,), finite, nothing negative and something positive"
        raise ValueError(msg)


def refuse_unless(
    valid: Shaped[np.ndarray, "..."], name: str, values: Shaped[np.ndarray, "..."], expected: str, remedy: str
) -> None:
    """Raise unless every entry is valid: how many are not, and where the first one is."""
    if valid.all():
        return
    first = np.argwhere(~valid)[0]
    place = ", ".join(f"{axis} {index}" for axis, index in zip(_axes(len(first)), first, strict=True))
    msg = (
        f"{name}: got {np.sum(~valid)} of {valid.size} entries such as {values[tuple(first)].item()!r} in {place} "
        f"(counted from 0), expected {expected}; {remedy}"
    )
    raise ValueError(msg)


def _axes(ndim: int) -> tuple[str, ...]:
    return ("row", "column")[:ndim] if ndim <= 2 else ("row", *(f"axis {axis}" for axis in range(1, ndim)))


def _finite(name: str, values: np.ndarray, dtype: np.dtype) -> Float[np.ndarray, "..."]:
    """`values` as `dtype`, refused unless every entry is finite and stays apart from the others."""
    refuse_unless(np.isfinite(values), name, values, "finite numbers", "remove or impute those rows")
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


def _refuse_another_order(name: str, x: Any, other: Any) -> None:
    """Rows are matched by position; pandas matches them by label, and a caller may count on that."""
    labels: Any = getattr(x, "index", None)
    others: Any = getattr(other, "index", None)
    if not (hasattr(labels, "equals") and hasattr(others, "equals")) or labels.equals(others):
        return
    if len(labels) == len(others) and set(labels) == set(others):
        msg = f"{name}: got the row labels of x in another order, expected one order; align the rows by {name}.loc[x.index]"
        raise ValueError(msg)
