"""Slices of a loss surface through one model or between two, and the barrier between them.

A slice shows only its own directions. Random directions miss every outlier of the spectrum, and a curve may join two points
that a straight line separates.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Scalar

from jaxdl.curvature.checks import check_alike, check_axes, check_loss_value, check_parameters, is_known, trace_shapes
from jaxdl.curvature.precision import at_precision
from jaxdl.kinds import as_key, check_counts, check_function
from jaxdl.types import Key, Params


def random_direction(key: Key, params: Params) -> Params:
    """A direction uniform on the unit sphere, shaped like `params`.

    >>> direction = random_direction(jax.random.key(0), {"w": jnp.zeros((2, 3)), "b": jnp.zeros(3)})
    >>> print(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(direction)).round(6))
    1.0
    """
    as_key("random_direction", key, what="key")
    check_parameters("random_direction", params)
    flat, unravel = ravel_pytree(params)
    draws = jax.random.normal(key, flat.shape, flat.dtype)
    return unravel(draws / jnp.linalg.norm(draws))


def filter_normalized(direction: Params, params: Params) -> Params:
    """The direction rescaled so that every unit moves in proportion to the norm of its own incoming weights.

        d_j <- d_j |w_j| / |d_j|   for the weights w_j into unit j, on the last axis of a kernel

    Networks that differ only by a rescaling of their units then look alike. Leaves with fewer than two axes, such as biases,
    do not move.

    Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018).

    Raises:
        ValueError: a direction that is not shaped like the parameters.

    >>> params = {"kernel": jnp.array([[3.0, 0.0], [4.0, 1.0]]), "bias": jnp.ones(2)}
    >>> print(filter_normalized(jax.tree.map(jnp.ones_like, params), params)["kernel"].round(3))
    [[3.536 0.707]
     [3.536 0.707]]
    """
    check_alike("filter_normalized", direction, params)

    def scale(d: Array, w: Array) -> Array:
        if w.ndim < 2:
            return jnp.zeros_like(d)
        axes = tuple(range(w.ndim - 1))
        norms = [jnp.sqrt(jnp.sum(a**2, axis=axes, keepdims=True)) for a in (d, w)]
        return d * norms[1] / jnp.where(norms[0] > 0, norms[0], 1)

    return jax.tree.map(scale, direction, params)


def line(
    loss: Callable[[Params], Scalar],
    params: Params,
    direction: Params,
    offsets: Float[Array, " offsets"],
    *,
    batch_size: int = 8,
) -> Float[Array, " offsets"]:
    """The loss along a line: loss(params + t direction) for every offset t.

    A direction is any pytree shaped like the parameters: a random or a filter-normalized one, or an eigenvector. `batch_size`
    evaluations run at once.

    Raises:
        ValueError: a direction that is not shaped like the parameters; a batch of none.

    >>> print(line(lambda w: w @ w, jnp.ones(2), jnp.array([1.0, 0.0]), jnp.array([-1.0, 0.0, 1.0])))
    [1. 2. 5.]
    """
    _check_slice("line", loss, params, (direction,), (offsets,), batch_size)
    return _values(loss, params, direction, direction, offsets, jnp.zeros(1, offsets.dtype), batch_size)[:, 0]


def plane(
    loss: Callable[[Params], Scalar],
    params: Params,
    first: Params,
    second: Params,
    first_offsets: Float[Array, " rows"],
    second_offsets: Float[Array, " columns"],
    *,
    batch_size: int = 8,
) -> Float[Array, "rows columns"]:
    """The loss on a plane: loss(params + s first + t second) for all offsets s (rows) and t (columns).

    Arguments and errors are those of `line`. Directions are used as given: orthogonal ones of equal norm are drawn to scale.

    >>> print(plane(lambda w: w[0] - w[1], jnp.zeros(2), *jnp.eye(2), jnp.arange(2.0), jnp.arange(3.0)))
    [[ 0. -1. -2.]
     [ 1.  0. -1.]]
    """
    _check_slice("plane", loss, params, (first, second), (first_offsets, second_offsets), batch_size)
    return _values(loss, params, first, second, first_offsets, second_offsets, batch_size)


def _values(
    loss: Callable[[Params], Scalar],
    params: Params,
    first: Params,
    second: Params,
    first_offsets: Float[Array, " rows"],
    second_offsets: Float[Array, " columns"],
    batch_size: int,
) -> Float[Array, "rows columns"]:
    s, t = jnp.meshgrid(first_offsets, second_offsets, indexing="ij")

    def value_at(offsets: tuple[Scalar, Scalar]) -> Scalar:
        return loss(jax.tree.map(lambda w, d, e: w + offsets[0] * d + offsets[1] * e, params, first, second))

    values = lax.map(at_precision(value_at), (s.ravel(), t.ravel()), batch_size=batch_size)
    return values.reshape(s.shape)


def interpolation(
    loss: Callable[[Params], Scalar],
    start: Params,
    end: Params,
    fractions: Float[Array, " fractions"],
    *,
    batch_size: int = 8,
) -> Float[Array, " fractions"]:
    """The loss between two models: loss((1 - t) start + t end) for every fraction t. Errors are those of `line`.

    >>> print(interpolation(lambda w: (w**2 - 1) ** 2, jnp.array(-1.0), jnp.array(1.0), jnp.linspace(0, 1, 3)))
    [0. 1. 0.]
    """
    _check_slice("interpolation", loss, start, (end,), (fractions,), batch_size)
    direction = jax.tree.map(lambda a, b: b - a, start, end)
    return line(loss, start, direction, fractions, batch_size=batch_size)


def barrier(
    values: Float[Array, "*batch fractions"], fractions: Float[Array, " fractions"]
) -> Float[Array, "*batch fractions"]:
    """The barrier between two models at every fraction t of the way: L(t) - (1 - t) L(0) - t L(1).

    It is the height of the loss above the straight line between its ends. Its maximum is the barrier of Entezari et al. (2022),
    which is zero when nothing stands between. The first and last value must be those at the fractions 0 and 1.

    Raises:
        ValueError: another number of values than of fractions; fractions that do not go from 0 to 1.

    >>> print(barrier(jnp.array([0.0, 3.0, 2.0]), jnp.linspace(0, 1, 3)).max())
    2.0
    """
    check_axes("barrier", "fractions", fractions, "(fractions,)", jnp.integer)
    if np.shape(values)[-1:] != fractions.shape:
        msg = f"barrier: got values of shape {np.shape(values)}, expected {fractions.size} on the last axis, as of fractions"
        raise ValueError(msg)
    if is_known(fractions) and not (fractions.size > 1 and fractions[0] == 0 and fractions[-1] == 1):
        msg = f"barrier: got fractions {np.asarray(fractions)}, expected the first to be 0 and the last 1"
        raise ValueError(msg)
    start, end = values[..., :1], values[..., -1:]
    weights = fractions.reshape((1,) * (values.ndim - 1) + fractions.shape)
    return values - (1 - weights) * start - weights * end


def _check_slice(
    name: str,
    loss: Callable[[Params], Scalar],
    params: Params,
    directions: Sequence[Params],
    offsets: Sequence[Array],
    batch_size: int,
) -> None:
    check_counts(name, 1, batch_size=batch_size)
    for each in offsets:
        check_axes(name, "offsets", each, "(offsets,)", jnp.integer)
    for direction in directions:
        check_alike(name, direction, params)
    check_function(name, loss, ("params",), "pass a function from parameters to a scalar", what="loss")
    check_loss_value(name, trace_shapes(name, "loss", loss, params).shapes)
