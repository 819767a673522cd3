"""Real examples: the sets bundled with scikit-learn, files, arrays and data frames; split and standardised honestly.

Whatever enters is checked here, at the door: numbers only, all of them finite, one label and one weight for each row.
Loaders run on the host; `split` and the standardisations also work under `jit` and `vmap`.
"""

import csv
import math
import numbers
import os
import zipfile
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.types import Dataset, Key

Path = str | os.PathLike[str]


def digits() -> Dataset:
    """1797 handwritten digits, 8 by 8 pixels of intensity 0 to 16 as 64 features, one-hot over 10 classes.

    Source: Alpaydin & Kaynak (1998), UCI repository; float32, from scikit-learn.

    >>> digits().x.shape, digits().y.shape
    ((1797, 64), (1797, 10))
    """
    return _bundled(_scikit_learn().load_digits, num_classes=10)


def diabetes() -> Dataset:
    """442 patients, 10 measurements as scikit-learn scales them, and one target: disease progression after a year.

    Source: Efron, Hastie, Johnstone & Tibshirani (2004), Least Angle Regression; float32, from scikit-learn.

    >>> diabetes().x.shape, diabetes().y.shape
    ((442, 10), (442, 1))
    """
    return _bundled(_scikit_learn().load_diabetes)


def breast_cancer() -> Dataset:
    """569 tumours, 30 measurements of cell nuclei, one-hot over 2 classes: malignant, benign.

    Source: Wolberg, Street & Mangasarian (1995), UCI repository; float32, from scikit-learn.

    >>> breast_cancer().x.shape, breast_cancer().y.shape
    ((569, 30), (569, 2))
    """
    return _bundled(_scikit_learn().load_breast_cancer, num_classes=2)


def wine() -> Dataset:
    """178 wines, 13 chemical measurements, one-hot over 3 cultivars.

    Source: Aeberhard & Forina (1991), UCI repository; float32, from scikit-learn.

    >>> wine().x.shape, wine().y.shape
    ((178, 13), (178, 3))
    """
    return _bundled(_scikit_learn().load_wine, num_classes=3)


def from_arrays(x: Any, y: Any, *, weight: Any = None, num_classes: int | None = None) -> Dataset:
    """A data set from anything `numpy.asarray` understands: arrays, lists, pandas data frames and series.

    `x` has one row for each example and one column for each feature. `y` has one row for each example; a
    one-dimensional `y` becomes a single column, here and nowhere else in jaxdl. With `num_classes`, `y` holds whole
    labels from 0 to `num_classes - 1` and becomes one-hot. `weight` is one for each row unless given. Every field gets
    the precision of x (whole numbers become JAX's default precision).

    Raises:
        ValueError: entries that are no numbers, NaN or infinite; lengths that differ; no rows or no columns;
            labels outside the classes; negative weights, or none above zero.

    >>> from_arrays([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 2, 1], num_classes=3).y.tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    features = np.asarray(x)
    dtype = features.dtype if jnp.issubdtype(features.dtype, jnp.floating) else np.dtype(float)
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    features = _finite("x", features, dtype)
    if features.ndim != 2:
        message = (
            f"x has shape {features.shape}, expected (n, features): "
            "one feature becomes a column by x[:, None], an image a row by x.reshape(len(x), -1)"
        )
        raise ValueError(message)
    if features.size == 0:
        message = f"x has shape {features.shape}, expected at least one row and one column"
        raise ValueError(message)
    targets = _finite("y", y, dtype)
    if targets.ndim == 1:
        targets = targets[:, None]
    if targets.ndim != 2 or targets.shape[1] == 0:
        message = f"y has shape {targets.shape}, expected (n,) or (n, out)"
        raise ValueError(message)
    if num_classes is not None:
        targets = _one_hot(targets, num_classes)
    weights = np.ones(len(features), dtype) if weight is None else _finite("weight", weight, dtype)
    if weights.ndim != 1 or (weights < 0).any() or not (weights > 0).any():
        message = (
            f"weight has shape {weights.shape} and minimum {weights.min(initial=0)}, expected shape (n,), "
            "nothing negative and something positive"
        )
        raise ValueError(message)
    for name, field in (("y", targets), ("weight", weights)):
        if len(field) != len(features):
            message = f"{name} has {len(field)} rows, expected {len(features)}, one for each row of x"
            raise ValueError(message)
    return Dataset(jnp.asarray(features), jnp.asarray(targets), jnp.asarray(weights))


def from_npz(
    path: Path, *, x: str = "x", y: str = "y", num_classes: int | None = None, max_bytes: int = 2**32
) -> Dataset:
    """A data set from two named arrays of a `.npz` archive, never unpickling anything; otherwise as `from_arrays`.

    Raises:
        ValueError: not an archive, a name that it lacks, an array of more than `max_bytes` once unpacked, one of
            Python objects, or whatever `from_arrays` refuses.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/lines.npz", x=[[1.0], [2.0]], y=[3.0, 4.0])
    ...     from_npz(f"{folder}/lines.npz").y.tolist()
    [[3.0], [4.0]]
    """
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            message = f"{path} is not a .npz archive; write one by numpy.savez(path, {x}=..., {y}=...)"
            raise ValueError(message)
    with np.load(path, allow_pickle=False) as archive:
        for name in (x, y):
            if name not in archive.files:
                message = f"no array {name!r} in {path}, which holds {archive.files}: name two of these as x= and y="
                raise ValueError(message)
            # Asked of the archive's directory, so that a small file cannot fill the memory before it is refused.
            num_bytes = archive.zip.getinfo(f"{name}.npy").file_size
            if num_bytes > max_bytes:
                message = f"array {name!r} unpacks to {num_bytes} bytes, expected at most max_bytes={max_bytes}"
                raise ValueError(message)
        return from_arrays(archive[x], archive[y], num_classes=num_classes)


def from_csv(
    path: Path, target: str | Sequence[str], *, num_classes: int | None = None, delimiter: str = ","
) -> Dataset:
    r"""A data set from a text table with a header: the columns `target` as y, in that order, all others as x.

    Cells are numbers; a classifier's labels are whole numbers from 0, turned one-hot by `num_classes` (see
    `from_arrays`). Empty lines are skipped; rows are counted from 1, below the header.

    Raises:
        ValueError: no header, a header with numbers or repeated names, a target that it lacks, no column left for x,
            a row of another length, a cell that is not a finite number, or whatever `from_arrays` refuses.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "cars.csv").write_text("weight,price,age\n1.5,9,3\n0.5,7,5\n")
    ...     from_csv(f"{folder}/cars.csv", target="price").x.tolist()
    [[1.5, 3.0], [0.5, 5.0]]
    """
    targets = [target] if isinstance(target, str) else list(target)
    # utf-8-sig: spreadsheets put a byte-order mark in front, which would become part of the first column's name.
    with open(path, newline="", encoding="utf-8-sig") as file:
        header, *rows = [line for line in csv.reader(file, delimiter=delimiter) if line] or [[]]
    names = [name.strip() for name in header]
    if not names or len(set(names)) < len(names) or any(_number(name) is not None for name in names):
        message = f"the first line of {path} is {header}, expected a header: one name for each column, no two the same"
        raise ValueError(message)
    for name in targets:
        if name not in names:
            message = f"no column {name!r} in {path}, expected one of {names}"
            raise ValueError(message)
    table = np.zeros((len(rows), len(names)))
    for row, cells in enumerate(rows, start=1):
        if len(cells) != len(names):
            message = f"row {row} of {path} has {len(cells)} cells, expected {len(names)}, one for each column"
            raise ValueError(message)
        for column, (name, cell) in enumerate(zip(names, cells, strict=True)):
            value = _number(cell)
            if value is None:
                message = f"row {row}, column {name!r} of {path} holds {cell!r}, expected a finite number"
                raise ValueError(message)
            table[row - 1, column] = value
    features = [index for index, name in enumerate(names) if name not in targets]
    return from_arrays(table[:, features], table[:, [names.index(name) for name in targets]], num_classes=num_classes)


def split(key: Key, dataset: Dataset, num_train: int) -> tuple[Dataset, Dataset]:
    """A random split into `(train, test)`, of `num_train` rows and of the rest.

    Raises:
        ValueError: either part would be empty.

    >>> train, test = split(jax.random.key(0), from_arrays(np.eye(5), np.arange(5)), 3)
    >>> sorted(train.y.ravel().tolist() + test.y.ravel().tolist())
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    n = dataset.x.shape[0]
    if not 1 <= num_train < n:
        message = f"num_train is {num_train}, expected 1 to {n - 1}, which leaves at least one of {n} rows for the test"
        raise ValueError(message)
    order = jax.random.permutation(key, n)
    train, test = (
        Dataset(*(jnp.take(field, rows, axis=0) for field in dataset))
        for rows in (order[:num_train], order[num_train:])
    )
    return train, test


def standardized(train: Dataset, *others: Dataset) -> tuple[Dataset, ...]:
    """`x ↦ (x - m) / s` for every data set, with the weighted mean m and standard deviation s of `train` alone.

    `m = Σ w x / Σ w` and `s² = Σ w (x - m)² / Σ w`, the convention that divides by n. A column that is constant in
    `train` carries nothing to learn: it becomes zero in every data set.

    Raises:
        ValueError: data sets with different numbers of features.

    >>> train, test = from_arrays([[1.0, 7.0], [3.0, 7.0]], [0.0, 1.0]), from_arrays([[4.0, 8.0]], [1.0])
    >>> [part.x.tolist() for part in standardized(train, test)]
    [[[-1.0, 0.0], [1.0, 0.0]], [[2.0, 0.0]]]
    """
    scale = _standardization(train.x, train.weight)
    return tuple(part._replace(x=scale(part.x)) for part in (train, *others))


def standardized_targets(train: Dataset, *others: Dataset) -> tuple[Dataset, ...]:
    """`standardized` for y instead of x: errors are then in units of the training targets' standard deviation.

    >>> standardized_targets(from_arrays([[0.0], [0.0]], [10.0, 30.0]))[0].y.tolist()
    [[-1.0], [1.0]]
    """
    scale = _standardization(train.y, train.weight)
    return tuple(part._replace(y=scale(part.y)) for part in (train, *others))


def _standardization(
    values: Float[Array, "n columns"], weight: Float[Array, " n"]
) -> Callable[[Float[Array, "m columns"]], Float[Array, "m columns"]]:
    """The map `v ↦ (v - m) / s` fitted to weighted rows."""
    share = (weight / jnp.sum(weight))[:, None]
    used = share > 0
    lowest = jnp.min(jnp.where(used, values, jnp.inf), axis=0, keepdims=True)
    highest = jnp.max(jnp.where(used, values, -jnp.inf), axis=0, keepdims=True)
    # Compared exactly: the rounding error of the mean gives a constant column a tiny, positive standard deviation.
    varies = lowest < highest
    # In units of the range, from the lowest value: no digits are lost to a large mean, no square overflows or vanishes.
    unit = jnp.where(varies, highest - lowest, 1.0)
    relative = (values - lowest) / unit
    mean = jnp.sum(share * relative, axis=0, keepdims=True)
    variance = jnp.sum(share * (relative - mean) ** 2, axis=0, keepdims=True)
    std = jnp.sqrt(jnp.where(varies, variance, 1.0))

    def standardize(others: Float[Array, "m columns"]) -> Float[Array, "m columns"]:
        if others.shape[1] != values.shape[1]:
            message = f"a data set has {others.shape[1]} columns, expected {values.shape[1]}, as the training part has"
            raise ValueError(message)
        return jnp.where(varies, ((others - lowest) / unit - mean) / std, 0.0)

    return standardize


def _scikit_learn() -> ModuleType:
    try:
        from sklearn import datasets
    except ImportError as error:
        message = 'this data set comes with scikit-learn, which is not installed: pip install "jaxdl[experiments]"'
        raise ImportError(message) from error
    return datasets


def _bundled(load: Callable[..., tuple[np.ndarray, np.ndarray]], *, num_classes: int | None = None) -> Dataset:
    x, y = load(return_X_y=True)
    return from_arrays(x.astype(np.float32), y, num_classes=num_classes)


def _number(cell: str) -> float | None:
    """The finite number that a cell of text holds, if it holds one."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _finite(name: str, values: Any, dtype: np.dtype) -> np.ndarray:
    """`values` as an array of `dtype`, refused unless every entry is a finite number."""
    values = np.asarray(values)
    if values.dtype == object:
        cells = [isinstance(value, numbers.Real | np.bool_) for value in values.ravel()]
        is_number = np.array(cells, bool).reshape(values.shape)
    else:
        real = any(jnp.issubdtype(values.dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_))
        is_number = np.full(values.shape, real)
    _refuse_unless(is_number, name, values, "not numbers", "encode categories as numbers")
    with np.errstate(over="ignore"):
        converted = values.astype(dtype)
    _refuse_unless(np.isfinite(converted), name, values, f"NaN or infinite in {dtype}", "remove or impute those rows")
    return converted


def _refuse_unless(valid: np.ndarray, name: str, values: np.ndarray, what: str, remedy: str) -> None:
    """Raise unless every entry is valid: how many are not, and where the first one is."""
    if valid.all():
        return
    first = np.argwhere(~valid)[0]
    place = ", ".join(f"{axis} {index}" for axis, index in zip(("row", "column"), first, strict=False))
    message = (
        f"{np.sum(~valid)} of {valid.size} entries of {name} are {what}, the first in {place} (counted from 0): "
        f"{values[tuple(first)]!r}; {remedy}"
    )
    raise ValueError(message)


def _one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Whole labels `(n, 1)` as rows of the identity."""
    if labels.shape[1] != 1:
        message = f"y has shape {labels.shape}, expected one label for each row; leave num_classes out if y is one-hot"
        raise ValueError(message)
    known = np.isin(labels, np.arange(num_classes))
    what = f"not among the labels 0 to {num_classes - 1}"
    _refuse_unless(known, "y", labels, what, "renumber them, or correct num_classes")
    return np.eye(num_classes, dtype=labels.dtype)[labels[:, 0].astype(int)]
