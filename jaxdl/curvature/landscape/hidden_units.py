"""The permutation of hidden units that brings one network nearest to another."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jaxdl.curvature.checks import check_alike, check_finite
from jaxdl.types import Params


class Matched(NamedTuple):
    """A network whose hidden units were put in the order of another's.

    >>> kernels = {"in": {"kernel": jnp.array([[1.0, 2.0]])}, "out": {"kernel": jnp.array([[3.0], [4.0]])}}
    >>> matched = match_hidden_units(kernels, kernels, ["in", "out"])
    >>> matched.distance, matched.permutations[0].tolist()
    (0.0, [0, 1])
    """

    params: Params
    permutations: tuple[Int[np.ndarray, " _"], ...]
    """For each hidden layer, which of the network's units stands at each place."""
    distance: float
    """The Euclidean distance between the two networks afterwards."""


def match_hidden_units(
    reference: Mapping[str, Any], params: Mapping[str, Any], layers: Sequence[str], *, max_sweeps: int = 100
) -> Matched:
    """The network `params`, with its hidden units permuted so that its weights come nearest to `reference`.

        P_l <- argmin over permutations |W_l^ref - P_l W_l P_{l-1}ᵀ|² + |W_{l+1}^ref - P_{l+1} W_{l+1} P_lᵀ|², biases likewise

    One linear assignment for each hidden layer in turn, until none changes. The function computed stays the same. With one
    hidden layer the match is the best one; with more it is a local optimum. It runs on the host.

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
    from scipy.optimize import linear_sum_assignment  # takes longer to import than all of jaxdl's curvature

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
    check_alike("match_hidden_units", params, reference)
    for network in (reference, params):
        check_finite("match_hidden_units", "weights", network, "did the training diverge?")
    shapes = [np.shape(reference[name]["kernel"]) for name in layers]
    if any(len(shape) != 2 for shape in shapes) or any(a[1] != b[0] for a, b in itertools.pairwise(shapes)):
        msg = f"match_hidden_units: got kernels of shapes {shapes}, expected dense layers in order, outputs as next inputs"
        raise ValueError(msg)
