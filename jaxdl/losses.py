"""Losses of single examples: `(predictions "*n out", targets "*n out") -> "*n"`.

They sum over outputs and never over examples: `jaxdl.objectives` reduces, with the examples' weights. Whole numbers and lists of
numbers are taken as floats.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, ScalarLike

from jaxdl.admission import as_array, as_type, at_hand
from jaxdl.kinds import check_scalar

__all__ = [
    "absolute_error",
    "half_squared_error",
    "huber",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "squared_error",
]


def _of_equal_shapes(loss: Callable[..., Array]) -> Callable[..., Array]:
    """`loss`, refusing predictions and targets that would broadcast."""

    @functools.wraps(loss)
    def checked(predictions: Array, targets: Array, **settings: ScalarLike) -> Array:
        predictions = _as_array(loss.__name__, "predictions", predictions)
        targets = _as_array(loss.__name__, "targets", targets)
        if predictions.shape != targets.shape or predictions.ndim == 0:
            msg = (
                f"{loss.__name__}: got predictions of shape {predictions.shape} and targets of shape {targets.shape}, "
                'expected one shape "*n out"; for a single output give both a last axis of length one, y[:, None]'
            )
            raise ValueError(msg)
        return loss(*_as_floats(loss.__name__, predictions, targets), **settings)

    return checked


def _as_array(name: str, what: str, value: Any) -> Array:
    if isinstance(value, jax.Array):
        return value
    if isinstance(value, tuple | Mapping) or any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(value)):
        msg = f"{name}: got {what} of type {type(value).__name__}, expected an array; return the {what} alone"
        raise ValueError(msg)
    return as_array(f"{name}: {what}", value)


def _as_floats(name: str, predictions: Array, targets: Array) -> tuple[Array, Array]:
    """Whole numbers as floats of the other's precision: differences of unsigned ones would wrap around."""
    dtype = jnp.result_type(predictions, targets)
    if not jnp.issubdtype(dtype, jnp.inexact):
        dtype = jnp.result_type(float)

    def as_float(what: str, values: Array) -> Array:
        if jnp.issubdtype(values.dtype, jnp.inexact):
            return values
        host = at_hand(values)
        return values.astype(dtype) if host is None else jnp.asarray(as_type(f"{name}: {what}", host, dtype))

    return as_float("predictions", predictions), as_float("targets", targets)


@_of_equal_shapes
def squared_error(predictions: Float[Array, "*n out"], targets: Float[Array, "*n out"]) -> Float[Array, "*n"]:
    """Squared distance |f - y|², without a factor 1/2.

    >>> print(squared_error(jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 0.0]])))
    [5.]
    """
    return jnp.sum(optax.losses.squared_error(predictions, targets), axis=-1)


@_of_equal_shapes
def half_squared_error(predictions: Float[Array, "*n out"], targets: Float[Array, "*n out"]) -> Float[Array, "*n"]:
    """Half the squared distance, |f - y|² / 2, whose gradient is the residual f - y.

    >>> print(half_squared_error(jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 0.0]])))
    [2.5]
    """
    return jnp.sum(optax.losses.l2_loss(predictions, targets), axis=-1)


@_of_equal_shapes
def absolute_error(predictions: Float[Array, "*n out"], targets: Float[Array, "*n out"]) -> Float[Array, "*n"]:
    """Absolute error, sum over outputs of |f - y|.

    >>> print(absolute_error(jnp.array([[1.0, -2.0]]), jnp.array([[0.0, 0.0]])))
    [3.]
    """
    return jnp.sum(jnp.abs(predictions - targets), axis=-1)


@_of_equal_shapes
def huber(
    predictions: Float[Array, "*n out"], targets: Float[Array, "*n out"], *, delta: ScalarLike = 1.0
) -> Float[Array, "*n"]:
    """Huber's loss, summed over outputs: r²/2 where |r| <= delta, delta (|r| - delta/2) beyond, for r = f - y.

    Note the 1/2 (Huber, 1964). `functools.partial(huber, delta=...)` is a loss of another `delta`, which may be traced.

    Raises:
        ValueError: shapes differ; a delta that is no scalar, or a number that is not positive.

    >>> print(huber(jnp.array([[3.0]]), jnp.array([[0.0]])))
    [2.5]
    """
    check_scalar(
        "huber", delta, what="delta", expected="a positive scalar", allowed=lambda number: 0 < number < math.inf
    )
    return jnp.sum(optax.losses.huber_loss(predictions, targets, delta=delta), axis=-1)


@_of_equal_shapes
def softmax_cross_entropy(predictions: Float[Array, "*n out"], targets: Float[Array, "*n out"]) -> Float[Array, "*n"]:
    """Cross-entropy of class probabilities `targets` (or one-hot labels) and softmax(predictions), in nats.

    -sum_c y_c log softmax(f)_c: predictions are logits.

    Raises:
        ValueError: shapes differ; or a single output, whose softmax is always one.

    >>> print(softmax_cross_entropy(jnp.array([[0.0, 0.0]]), jnp.array([[1.0, 0.0]])).round(4))
    [0.6931]
    """
    if predictions.shape[-1] == 1:
        msg = (
            f"softmax_cross_entropy: got logits of shape {predictions.shape}, expected two outputs or more, since the "
            "softmax of one logit is always 1; use sigmoid_cross_entropy for a single probability"
        )
        raise ValueError(msg)
    return optax.losses.softmax_cross_entropy(predictions, targets)


@_of_equal_shapes
def sigmoid_cross_entropy(predictions: Float[Array, "*n out"], targets: Float[Array, "*n out"]) -> Float[Array, "*n"]:
    """Cross-entropy of independent binary targets and sigmoid(predictions), summed over outputs, in nats.

    -sum_o [y_o log sigmoid(f_o) + (1 - y_o) log sigmoid(-f_o)]: predictions are logits, targets lie in [0, 1].

    >>> print(sigmoid_cross_entropy(jnp.array([[0.0]]), jnp.array([[1.0]])).round(4))
    [0.6931]
    """
    return jnp.sum(optax.losses.sigmoid_binary_cross_entropy(predictions, targets), axis=-1)
