"""Standardizations whose mean and scale are those of the training part alone; they work under `jit` and `vmap`."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.admission import check_finite
from jaxdl.examples import check_weights, weighted_examples
from jaxdl.types import Dataset


def standardized(train: Dataset, *others: Dataset) -> tuple[Dataset, ...]:
    """`x ↦ (x - m) / s` for every data set, with the weighted mean m and standard deviation s of `train` alone.

    `m = Σ w x / Σ w` and `s² = Σ w (x - m)² / Σ w`, the convention that divides by n. A column that is constant in
    `train` becomes zero in every data set. In images, each pixel is a column.

    Raises:
        ValueError: data sets with different numbers of features, entries that are NaN or infinite, or whatever
            `examples.weighted_examples` refuses.

    >>> from jaxdl.data.real import from_arrays
    >>> train, test = from_arrays([[1.0, 7.0], [3.0, 7.0]], [0.0, 1.0]), from_arrays([[4.0, 8.0]], [1.0])
    >>> [part.x.tolist() for part in standardized(train, test)]
    [[[-1.0, 0.0], [1.0, 0.0]], [[2.0, 0.0]]]
    """
    train, *rest = _parts(train, others)
    scale = _standardization("x", train.x, train.weight)
    return tuple(part._replace(x=scale(part.x)) for part in (train, *rest))


def standardized_targets(train: Dataset, *others: Dataset) -> tuple[Dataset, ...]:
    """`y ↦ (y - m) / s` for every data set, as `standardized` does for x; errors are then in units of the training targets' s.

    >>> from jaxdl.data.real import from_arrays
    >>> standardized_targets(from_arrays([[0.0], [0.0]], [10.0, 30.0]))[0].y.tolist()
    [[-1.0], [1.0]]
    """
    train, *rest = _parts(train, others)
    scale = _standardization("y", train.y, train.weight)
    return tuple(part._replace(y=scale(part.y)) for part in (train, *rest))


def _parts(train: Dataset, others: tuple[Dataset, ...]) -> list[Dataset]:
    parts = [
        weighted_examples("train", train),
        *(weighted_examples(f"others[{i}]", part) for i, part in enumerate(others)),
    ]
    check_weights("train: weight", parts[0].weight)
    return parts


def _standardization(
    name: str, values: Float[Array, "n *columns"], weight: Float[Array, " n"]
) -> Callable[[Float[Array, "m *columns"]], Float[Array, "m *columns"]]:
    """The map `v ↦ (v - m) / s` fitted to weighted rows."""
    check_finite(name, values)
    # In half precision the weights of 65 520 rows already sum to infinity.
    dtype = jnp.promote_types(values.dtype, jnp.float32)
    is_half = jnp.issubdtype(values.dtype, jnp.floating) and dtype != values.dtype
    narrow, values = values.dtype, values.astype(dtype)
    weight = weight.astype(jnp.promote_types(weight.dtype, jnp.float32))
    share = (weight / jnp.sum(weight)).reshape(-1, *(1,) * (values.ndim - 1))
    used = share > 0
    lowest = jnp.min(jnp.where(used, values, jnp.inf), axis=0, keepdims=True)
    highest = jnp.max(jnp.where(used, values, -jnp.inf), axis=0, keepdims=True)
    # Compared exactly: the rounding error of the mean gives a constant column a tiny, positive standard deviation. A nan is
    # unequal to itself, and stays to be seen.
    varies = lowest != highest
    # In units of the range, from the lowest value: no digits are lost to a large mean, no square overflows or vanishes.
    unit = jnp.where(varies, highest - lowest, 1.0)
    relative = (values - lowest) / unit
    mean = jnp.sum(share * relative, axis=0, keepdims=True)
    variance = jnp.sum(share * (relative - mean) ** 2, axis=0, keepdims=True)
    std = jnp.sqrt(jnp.where(varies, variance, 1.0))

    def standardize(others: Float[Array, "m *columns"]) -> Float[Array, "m *columns"]:
        if others.shape[1:] != values.shape[1:]:
            got, expected = (shape[0] if len(shape) == 1 else shape for shape in (others.shape[1:], values.shape[1:]))
            msg = f"others: got a data set with {got} columns in {name}, expected {expected}, as the training part has"
            raise ValueError(msg)
        check_finite(name, others)
        scaled = jnp.where(varies, ((others.astype(dtype) - lowest) / unit - mean) / std, 0.0)
        return scaled.astype(narrow) if is_half else scaled

    return standardize
