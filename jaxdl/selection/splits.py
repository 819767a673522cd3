"""Splits of a data set into rows to train on and rows to validate on, at fixed shapes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from jaxdl.examples import fitting_examples
from jaxdl.kinds import as_count, as_key
from jaxdl.types import Dataset, Key


class Rows(NamedTuple):
    """Rows of a data set, by number; uneven parts are padded by a repeated row that is not used.

    >>> print(Rows(jnp.array([0, 2, 2]), jnp.array([True, True, False])).is_used.sum())
    2
    """

    index: Int[Array, "*folds rows"]  # type: ignore[assignment]  # a tuple has a method of this name
    is_used: Bool[Array, "*folds rows"]


class Split(NamedTuple):
    """Rows to train on and rows to validate on, with a leading axis "folds" for several splits.

    >>> split = k_fold(jax.random.key(0), 6, 3)
    >>> split.train.index.shape, split.validation.index.shape
    ((3, 4), (3, 2))
    """

    train: Rows
    validation: Rows


def hold_out(key: Key, num_examples: int, num_validation: int) -> Split:
    """One random split: `num_validation` rows to validate on, the others to train on.

    Raises:
        ValueError: either part would be empty.

    >>> split = hold_out(jax.random.key(0), 5, 2)
    >>> sorted(split.train.index.tolist() + split.validation.index.tolist())
    [0, 1, 2, 3, 4]
    """
    as_key("hold_out", key, what="key")
    num_examples = as_count("hold_out", num_examples, what="num_examples", low=0)
    num_validation = as_count("hold_out", num_validation, what="num_validation", low=0)
    if not 1 <= num_validation < num_examples:
        msg = (
            f"hold_out: got num_validation={num_validation} of {num_examples} examples, expected 1 to {num_examples - 1}, "
            "which leaves at least one to train on"
        )
        raise ValueError(msg)
    order = jax.random.permutation(key, num_examples)
    parts = order[: num_examples - num_validation], order[num_examples - num_validation :]
    return Split(*(Rows(index, jnp.ones(index.shape, bool)) for index in parts))


def k_fold(key: Key, num_examples: int, num_folds: int) -> Split:
    """Random folds: each row validates in exactly one of them and trains in all others (Stone, 1974).

    Sizes differ by at most one; the smaller parts are padded by an unused row. `num_folds=num_examples` leaves one out.
    For repeated cross-validation, `jax.vmap` over keys.

    Returns:
        A split with a leading axis "folds".

    Raises:
        ValueError: fewer than two folds, or more than examples.

    >>> split = k_fold(jax.random.key(0), 5, 2)
    >>> split.validation.is_used.sum(axis=1).tolist(), split.train.is_used.sum(axis=1).tolist()
    ([3, 2], [2, 3])
    """
    as_key("k_fold", key, what="key")
    num_examples = as_count("k_fold", num_examples, what="num_examples", low=0)
    num_folds = as_count("k_fold", num_folds, what="num_folds", low=0)
    if not 2 <= num_folds <= num_examples:
        msg = (
            f"k_fold: got num_folds={num_folds} of {num_examples} examples, expected 2 to {num_examples}; "
            "use hold_out for a single split"
        )
        raise ValueError(msg)
    # The fold of each place in the shuffled order; the places are known before the order is.
    validates = np.arange(num_examples)[None, :] % num_folds == np.arange(num_folds)[:, None]
    order = jax.random.permutation(key, num_examples)

    def rows(chosen: np.ndarray) -> Rows:
        counts = chosen.sum(axis=1)
        places = np.argsort(~chosen, axis=1, kind="stable")[:, : counts.max()]
        return Rows(order[places], jnp.asarray(np.arange(counts.max())[None, :] < counts[:, None]))

    return Split(rows(~validates), rows(validates))


def select(dataset: Dataset, rows: Rows) -> Dataset:
    """The chosen rows of a data set, those of the padding with weight zero.

    Raises:
        ValueError: no `Rows`; data that do not fit together; known rows that the data set lacks.

    >>> data = Dataset(jnp.eye(3), jnp.arange(3.0)[:, None], jnp.ones(3))
    >>> part = select(data, Rows(jnp.array([2, 2]), jnp.array([True, False])))
    >>> part.y.ravel().tolist(), part.weight.tolist()
    ([2.0, 2.0], [1.0, 0.0])
    """
    dataset = fitting_examples("select", dataset)
    check_rows("select", rows, dataset.x.shape[0])
    x, y, weight = (jnp.take(jnp.asarray(field), rows.index, axis=0) for field in dataset)
    return Dataset(x, y, jnp.where(rows.is_used, weight, 0))


def check_rows(name: str, rows: Rows, num_examples: int) -> None:
    """Refuse anything but rows, and known rows that a data set of that many examples lacks."""
    if not isinstance(rows, Rows):
        msg = f"{name}: got rows of type {type(rows).__name__}, expected selection.Rows; take split.train or split.validation"
        raise ValueError(msg)
    if isinstance(rows.index, jax.core.Tracer):
        return
    index = np.asarray(rows.index)
    if index.size == 0 or 0 <= index.min() <= index.max() < num_examples:
        return
    msg = (
        f"{name}: got rows {index.min()} to {index.max()}, expected rows from 0 to {num_examples - 1}; make the split for "
        f"{num_examples} examples"
    )
    raise ValueError(msg)
