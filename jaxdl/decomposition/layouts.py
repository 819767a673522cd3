"""What numbers of levels decide about the strata of a design: how many effects, and which sums of mean squares are terms."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdl.designs import Design

Array = np.ndarray


class Layout(NamedTuple):
    """Of each stratum, in the order of `Strata`."""

    degrees_of_freedom: Float[Array, " strata"]
    counts: Float[Array, " strata"]
    """Effects."""
    of_mean: Float[Array, " strata"]
    """The variance of the mean of all runs, as a weighted sum of mean squares."""
    of_components: Float[Array, "components strata"]
    """Likewise the variance components."""
    sizes: Float[Array, "strata components"]
    """Effects of a component that are averaged in one of a stratum, 0 for none: a mean square sums components over these."""
    factors: tuple[tuple[int, ...], ...]
    """The factors whose levels are deleted in a jackknife of each stratum."""


def crossed_layout(counts: Sequence[int]) -> Layout:
    """Strata are the sets of factors, by size."""
    factors = range(len(counts))
    subsets = [frozenset(u) for size in factors for u in itertools.combinations(factors, size + 1)]

    def size(u: frozenset[int]) -> int:
        return math.prod(counts[i] for i in u)

    return Layout(
        degrees_of_freedom=np.array([float(math.prod(counts[i] - 1 for i in u)) for u in subsets]),
        counts=np.array([float(size(u)) for u in subsets]),
        of_mean=np.array([(-1.0) ** (len(u) + 1) / size(u) for u in subsets]),
        of_components=np.array(
            [[(-1.0) ** len(w - u) / size(w - u) if u <= w else 0.0 for w in subsets] for u in subsets]
        ),
        sizes=np.array([[float(size(w - u)) if u <= w else 0.0 for w in subsets] for u in subsets]),
        factors=tuple(tuple(sorted(u)) for u in subsets),
    )


def nested_layout(shape: Sequence[int]) -> Layout:
    """Strata are depths; an independent design has one."""
    depths = len(shape)
    nodes = np.cumprod([1.0, *shape])
    freedoms = np.array([shape[0] - 1.0, *(nodes[depth] * (shape[depth] - 1) for depth in range(1, depths))])
    return Layout(
        degrees_of_freedom=freedoms,
        counts=np.array([float(shape[0]), *freedoms[1:]]),
        of_mean=np.eye(depths)[0] / shape[0],
        of_components=np.eye(depths) - np.eye(depths, k=1) / np.array([1, *shape[1:]]),
        sizes=np.triu(nodes[None, 1:] / nodes[1:, None]),
        factors=((0,),) * depths,
    )


def layout_of(design: Design, shape: Sequence[int]) -> Layout:
    """The layout of a design with other numbers of levels."""
    return crossed_layout(shape) if design.is_crossed else nested_layout(shape)
