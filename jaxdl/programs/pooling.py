"""Max pooling by comparisons of slices, for CPUs: its gradient runs at the speed of an activation.

XLA finds the largest place of each window by a loop over windows that carries its indices, and scatters the gradient to it, for
what is one comparison for each place of the window. The first of equal places wins, as it does in jax.
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool

from jaxdl.programs.rewriting import Replacement

MOST_PLACES = 32
"""Of a window; a larger one would make a long program."""


def by_comparisons(equation: Any) -> Replacement | None:
    """Comparisons in place of a maximum or minimum over windows, or of a derivative of one."""
    replacements: dict[Any, Callable[..., Array]] = {
        lax.reduce_window_max_p: functools.partial(_extreme, lax.ge_p),
        lax.reduce_window_min_p: functools.partial(_extreme, lax.le_p),
        lax.select_and_gather_add_p: _gathered,
        lax.select_and_scatter_add_p: _scattered,
    }
    if equation.primitive not in replacements:
        return None
    operand, params = equation.invars[-1].aval, equation.params
    dilations = (*params.get("base_dilation", ()), *params.get("window_dilation", ()))
    serves = (
        jnp.issubdtype(operand.dtype, jnp.floating)
        and all(step == 1 for step in dilations)
        and math.prod(params["window_dimensions"]) <= MOST_PLACES
        and equation.outvars[0].aval.size
    )
    return functools.partial(replacements[equation.primitive], params=params) if serves else None


def _extreme(wins: Any, operand: Array, *, params: dict[str, Any]) -> Array:
    """The largest value of each window, or the least."""
    operand = _padded(operand, params, wins)
    best, *others = _windows(operand, params)
    for other in others:
        best = jnp.where(_stays(wins, best, other), best, other)
    return best


def _gathered(tangents: Array, operand: Array, *, params: dict[str, Any]) -> Array:
    """The tangent of the winner of each window."""
    wins = params["select_prim"]
    pairs = zip(
        _windows(_padded(operand, params, wins), params), _windows(_padded(tangents, params), params), strict=True
    )
    best, result = next(pairs)
    for other, tangent in pairs:
        stays = _stays(wins, best, other)
        best, result = jnp.where(stays, best, other), jnp.where(stays, result, tangent)
    return result


def _scattered(source: Array, operand: Array, *, params: dict[str, Any]) -> Array:
    """Zeros, with each window's number of `source` added at its winner."""
    wins, sizes, strides = params["select_prim"], params["window_dimensions"], params["window_strides"]
    padded = _padded(operand, params, wins)
    best, *others = _windows(padded, params)
    winner = jnp.zeros(best.shape, jnp.int32)
    for number, other in enumerate(others, start=1):
        stays = _stays(wins, best, other)
        best, winner = jnp.where(stays, best, other), jnp.where(stays, winner, number)
    # Each axis in tiles of one stride: place `shift * stride + phase` of a window lies at `phase` of the tile `shift` further on.
    tiles = [-(-length // stride) for length, stride in zip(padded.shape, strides, strict=True)]
    shape = [part for pair in zip(tiles, strides, strict=True) for part in pair]
    tile_axes = range(0, len(shape), 2)
    result = jnp.zeros(shape, source.dtype)
    for shifts in itertools.product(*(range(-(-size // stride)) for size, stride in zip(sizes, strides, strict=True))):
        config = [
            (shift, tile - shift - count, 0) for shift, tile, count in zip(shifts, tiles, source.shape, strict=True)
        ]
        shifted = lax.pad(source, jnp.zeros((), source.dtype), config) if any(map(any, config)) else source
        winners = lax.pad(winner, jnp.int32(-1), config) if any(map(any, config)) else winner
        is_winner = lax.broadcast_in_dim(winners, shape, tile_axes) == _numbers(shape, shifts, sizes, strides)
        result = jnp.where(is_winner, result + lax.broadcast_in_dim(shifted, shape, tile_axes), result)
    result = lax.reshape(result, [tile * stride for tile, stride in zip(tiles, strides, strict=True)])
    ends = zip(result.shape, operand.shape, params["padding"], strict=True)
    return lax.pad(
        result, jnp.zeros((), result.dtype), [(-low, length - total + low, 0) for total, length, (low, _) in ends]
    )


def _numbers(shape: Sequence[int], shifts: Sequence[int], sizes: Sequence[int], strides: Sequence[int]) -> Array:
    """The number, among the places of a window, of each phase of a tile; -2 beyond the window."""
    number, is_inside = jnp.int32(0), jnp.bool_(True)
    for axis, (shift, size, stride) in enumerate(zip(shifts, sizes, strides, strict=True)):
        place = shift * stride + lax.broadcasted_iota(jnp.int32, shape, 2 * axis + 1)
        number, is_inside = number * size + place, is_inside & (place < size)
    return jnp.where(is_inside, number, -2)


def _stays(wins: Any, best: Array, other: Array) -> Bool[Array, "*windows"]:
    """Whether the winner of earlier places beats the next one; one that is no number stays."""
    return wins.bind(best, other) | (best != best)


def _windows(padded: Array, params: dict[str, Any]) -> list[Array]:
    """For each place of a window, the array of what all windows have there."""
    sizes, strides = params["window_dimensions"], params["window_strides"]
    counts = [(length - size) // stride + 1 for length, size, stride in zip(padded.shape, sizes, strides, strict=True)]
    return [
        lax.slice(
            padded,
            place,
            [a + (count - 1) * stride + 1 for a, count, stride in zip(place, counts, strides, strict=True)],
            strides,
        )
        for place in itertools.product(*map(range, sizes))
    ]


def _padded(array: Array, params: dict[str, Any], wins: Any = None) -> Array:
    """The array with its padding, which never wins; zeros where nobody competes."""
    worst = 0.0 if wins is None else -jnp.inf if wins is lax.ge_p else jnp.inf
    config = [(low, high, 0) for low, high in params["padding"]]
    return lax.pad(array, jnp.asarray(worst, array.dtype), config) if any(map(any, config)) else array
