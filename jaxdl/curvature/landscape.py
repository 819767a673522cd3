"""Pictures of a loss surface as numbers: slices through one model or between two, barriers, and matched hidden units.

A slice shows what lies in its directions and nothing else: random directions miss every outlier of the spectrum, and
two points that a straight line separates may be joined by a curve.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PyTree, Scalar
from scipy.optimize import linear_sum_assignment

from jaxdl.curvature.checks import (
    check_arrays,
    check_axes,
    check_counts,
    check_finite,
    check_key,
    check_parameters,
    check_scalar,
    known,
    traced,
)
from jaxdl.types import Key, Params


def random_direction(key: Key, params: Params) -> Params:
    """A direction uniform on the unit sphere, shaped like `params`.

    >>> direction = random_direction(jax.random.key(0), {"w": jnp.zeros((2, 3)), "b": jnp.zeros(3)})
    >>> print(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(direction)).round(6))
    1.0
    """
    check_key("random_direction", key)
    check_parameters("random_direction", params)
    flat, unravel = ravel_pytree(params)
    draws = jax.random.normal(key, flat.shape, flat.dtype)
    return unravel(draws / jnp.linalg.norm(draws))


def filter_normalised(direction: Params, params: Params) -> Params:
    """A direction in which every unit moves in proportion to the norm of its own incoming weights.

        d_j <- d_j |w_j| / |d_j|   for the weights w_j into unit j, on the last axis of a kernel

    so that networks which differ only by a rescaling of their units are drawn alike. What has fewer than two axes, such
    as biases, does not move.

    Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018).

    Raises:
        ValueError: a direction that is not shaped like the parameters.

    >>> params = {"kernel": jnp.array([[3.0, 0.0], [4.0, 1.0]]), "bias": jnp.ones(2)}
    >>> print(filter_normalised(jax.tree.map(jnp.ones_like, params), params)["kernel"].round(3))
    [[3.536 0.707]
     [3.536 0.707]]
    """
    _check_alike("filter_normalised", direction, params)

    def scaled(d: Array, w: Array) -> Array:
        if w.ndim < 2:
            return jnp.zeros_like(d)
        axes = tuple(range(w.ndim - 1))
        norms = [jnp.sqrt(jnp.sum(a**2, axis=axes, keepdims=True)) for a in (d, w)]
        return d * norms[1] / jnp.where(norms[0] > 0, norms[0], 1)

    return jax.tree.map(scaled, direction, params)


def line(
    loss: Callable[[Params], Scalar],
    params: Params,
    direction: Params,
    offsets: Float[Array, " offsets"],
    *,
    batch_size: int = 8,
) -> Float[Array, " offsets"]:
    """The loss along a line: loss(params + t direction) for every offset t.

    Any pytree shaped like the parameters is a direction: a random one, one that is filter-normalised, an eigenvector.
    Memory is that of `batch_size` evaluations.

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

    Arguments and errors as of `line`. Directions are used as they are: give orthogonal ones to draw true to scale.

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

    values = lax.map(value_at, (s.ravel(), t.ravel()), batch_size=batch_size)
    return values.reshape(s.shape)


def interpolation(
    loss: Callable[[Params], Scalar],
    start: Params,
    end: Params,
    fractions: Float[Array, " fractions"],
    *,
    batch_size: int = 8,
) -> Float[Array, " fractions"]:
    """The loss between two models: loss((1 - t) start + t end) for every fraction t. Errors as of `line`.

    >>> print(interpolation(lambda w: (w**2 - 1) ** 2, jnp.array(-1.0), jnp.array(1.0), jnp.linspace(0, 1, 3)))
    [0. 1. 0.]
    """
    _check_slice("interpolation", loss, start, (end,), (fractions,), batch_size)
    direction = jax.tree.map(lambda a, b: b - a, start, end)
    return line(loss, start, direction, fractions, batch_size=batch_size)


def excess_error(
    values: Float[Array, "*batch fractions"], fractions: Float[Array, " fractions"]
) -> Float[Array, "*batch fractions"]:
    """How far a loss between two models lies above the straight line between its ends: L(t) - (1 - t) L(0) - t L(1).

    Its largest value is the barrier of Entezari et al. (2022), zero or below when none stands between. The first and
    last value must be those at the fractions 0 and 1.

    Raises:
        ValueError: as many values as fractions are expected, and fractions from 0 to 1.

    >>> print(excess_error(jnp.array([0.0, 3.0, 2.0]), jnp.linspace(0, 1, 3)).max())
    2.0
    """
    check_axes("excess_error", "fractions", fractions, "(fractions,)", jnp.integer)
    if np.shape(values)[-1:] != fractions.shape:
        msg = f"excess_error: got values of shape {np.shape(values)}, expected {fractions.size} on the last axis, as of fractions"
        raise ValueError(msg)
    if known(fractions) and not (fractions.size > 1 and fractions[0] == 0 and fractions[-1] == 1):
        msg = f"excess_error: got fractions {np.asarray(fractions)}, expected the first to be 0 and the last 1"
        raise ValueError(msg)
    start, end = values[..., :1], values[..., -1:]
    weights = fractions.reshape((1,) * (values.ndim - 1) + fractions.shape)
    return values - (1 - weights) * start - weights * end


class Matched(NamedTuple):
    """A network whose hidden units were put in the order of another's."""

    params: Params
    permutations: tuple[Int[np.ndarray, " _"], ...]
    """For each hidden layer, which of the network's units stands at each place."""
    distance: float
    """The Euclidean distance between the two networks afterwards."""


def match_hidden_units(
    reference: Mapping[str, Any], params: Mapping[str, Any], layers: Sequence[str], *, max_sweeps: int = 100
) -> Matched:
    """The network `params` with its hidden units permuted so that its weights come as near to `reference` as they can.

        P_l <- argmin over permutations |W_l^ref - P_l W_l P_{l-1}ᵀ|² + |W_{l+1}^ref - P_{l+1} W_{l+1} P_lᵀ|², biases likewise

    by one linear assignment for each hidden layer in turn, until none changes. The function computed stays the same. With
    one hidden layer the match is the best there is; with more it is a local optimum. Runs on the host.

    Source: Ainsworth, Hayase and Srinivasa, "Git Re-Basin" (2023), section 3.2; Singh and Jaggi (2020).

    Args:
        reference: layers by name, each a mapping with a "kernel" (inputs, outputs) and perhaps a "bias", as flax has it.
        params: the same, of the same shapes.
        layers: the names of all dense layers in order, the output included.
        max_sweeps: how often all layers are gone through at most.

    Raises:
        ValueError: fewer than two layers, a missing layer, kernels that do not follow each other, unlike shapes.

    >>> layer = lambda kernel: {"kernel": jnp.array(kernel)}
    >>> reference = {"in": layer([[1.0, 2.0]]), "out": layer([[3.0], [4.0]])}
    >>> swapped = {"in": layer([[2.0, 1.0]]), "out": layer([[4.0], [3.0]])}
    >>> matched = match_hidden_units(reference, swapped, ["in", "out"])
    >>> matched.distance, matched.permutations[0].tolist()
    (0.0, [1, 0])
    """
    _check_layers(reference, params, layers)
    kernels = [[np.asarray(net[name]["kernel"], float) for name in layers] for net in (reference, params)]
    biases = [[np.asarray(net[name].get("bias", 0.0), float) for name in layers] for net in (reference, params)]
    sizes = [kernel.shape[1] for kernel in kernels[0][:-1]]
    orders = [np.arange(size) for size in sizes]
    for _ in range(max_sweeps):
        is_changed = False
        for layer, order in enumerate(orders):
            before = orders[layer - 1] if layer else np.arange(kernels[0][0].shape[0])
            after = orders[layer + 1] if layer + 1 < len(orders) else np.arange(kernels[0][layer + 1].shape[1])
            gain = kernels[0][layer].T @ kernels[1][layer][before]
            gain += kernels[0][layer + 1] @ kernels[1][layer + 1][:, after].T
            gain += np.multiply.outer(biases[0][layer], biases[1][layer]) if biases[0][layer].ndim else 0.0
            best = linear_sum_assignment(gain, maximize=True)[1]
            rows = np.arange(len(order))
            # Ties and rounding must not make the sweeps go on for ever.
            if gain[rows, best].sum() > gain[rows, order].sum() + 1e-12 * np.abs(gain).sum():
                orders[layer], is_changed = best, True
        if not is_changed:
            break
    matched = {**params}
    for index, name in enumerate(layers):
        weights = {**params[name]}
        if index:
            weights["kernel"] = jnp.asarray(weights["kernel"])[orders[index - 1]]
        if index < len(orders):
            weights = {part: jnp.asarray(leaf)[..., orders[index]] for part, leaf in weights.items()}
        matched[name] = weights
    differences = jax.tree.map(lambda a, b: float(np.sum((np.asarray(a) - np.asarray(b)) ** 2)), reference, matched)
    return Matched(matched, tuple(orders), math.sqrt(sum(jax.tree.leaves(differences))))


def _check_layers(reference: Mapping[str, Any], params: Mapping[str, Any], layers: Sequence[str]) -> None:
    if (
        isinstance(layers, str)
        or len(layers) < 2
        or any(name not in net for name in layers for net in (reference, params))
    ):
        msg = (
            f"match_hidden_units: got layers {list(layers)} of networks with {sorted(reference)} and {sorted(params)}, "
            "expected at least two, all of them in both"
        )
        raise ValueError(msg)
    _check_alike("match_hidden_units", params, reference)
    for network in (reference, params):
        check_finite("match_hidden_units", "weights", network, "did the training diverge?")
    shapes = [np.shape(reference[name]["kernel"]) for name in layers]
    if any(len(shape) != 2 for shape in shapes) or any(a[1] != b[0] for a, b in itertools.pairwise(shapes)):
        msg = f"match_hidden_units: got kernels of shapes {shapes}, expected dense layers in order, outputs as next inputs"
        raise ValueError(msg)


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
        _check_alike(name, direction, params)
    check_scalar(name, traced(name, "loss", loss, params)[0])


def _check_alike(name: str, direction: PyTree, params: PyTree) -> None:
    for tree in (params, direction):
        check_arrays(name, tree)
    structures: list[Any] = [jax.tree.structure(tree) for tree in (direction, params)]
    shapes = [[jnp.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (direction, params)]
    if structures[0] != structures[1] or shapes[0] != shapes[1]:
        msg = f"{name}: got {structures[0]} of shapes {shapes[0]}, expected {structures[1]} of shapes {shapes[1]}"
        raise ValueError(msg)
