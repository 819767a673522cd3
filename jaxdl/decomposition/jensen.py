"""The Jensen gap of independent runs, the variance of a Bregman loss, on its own."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdl.admission import as_numbers
from jaxdl.decomposition.doubles import check_finite
from jaxdl.decomposition.potentials import Potential
from jaxdl.decomposition.probabilities import warn_of_probabilities
from jaxdl.narrowing import as_type

Array = np.ndarray


class JensenGap(NamedTuple):
    """E A(η) - A(E η) from K runs: as it is, and with its bias of order 1/K removed in two ways."""

    plug_in: Float[Array, "*rows"]
    jackknife: Float[Array, "*rows"]
    delta: Float[Array, "*rows"]


def jensen_gap(potential: Potential, predictions: Float[Array, "runs *rows out"]) -> JensenGap:
    """The variance of independent runs in a Bregman loss.

        plug-in V = mean A(η_i) - A(mean η),     delta: V + sum_i d_i' A''(mean η) d_i / 2K(K-1),  d_i = η_i - mean η,
        jackknife: K V - (K-1) mean of V without run i.

    Raises:
        ValueError: fewer than two runs; natural parameters so large that the potential overflows.

    >>> from jaxdl.decomposition import potentials
    >>> gap = jensen_gap(potentials.softmax, np.array([[0.0, 120.0, 0.0], [0.0, 0.0, 120.0]]))
    >>> float(gap.plug_in.round(4))
    59.3069
    """
    if not isinstance(potential, Potential):
        msg = f"potential: got {potential!r:.80}, expected a Potential; for example decomposition.potentials.softmax"
        raise ValueError(msg)
    eta = as_type("predictions", as_numbers("predictions", predictions), np.float64)
    check_finite("predictions", eta)
    count = len(eta) if eta.ndim else 0
    if eta.ndim < 2 or count < 2 or 0 in eta.shape:
        msg = f"predictions: got shape {eta.shape}, expected (runs, ..., out), with 2 runs or more and none of the axes empty"
        raise ValueError(msg)
    if potential.is_beyond(eta).any():
        msg = f"predictions: got natural parameters up to {eta.max():.4g}, expected at most {potential.largest:g} and at least "
        msg += f"{potential.smallest:g}, beyond which the {potential.name} potential overflows; leave such runs out"
        raise ValueError(msg)
    warn_of_probabilities(potential, eta)
    mean = eta.mean(axis=0)
    values = potential.value(eta)
    plug_in = values.mean(axis=0) - potential.value(mean)
    without = potential.value((count * mean - eta) / (count - 1))
    jackknife = values.mean(axis=0) - count * potential.value(mean) + (count - 1) * without.mean(axis=0)
    spread = potential.curvature(np.broadcast_to(mean, eta.shape), eta - mean).sum(axis=0)
    return JensenGap(plug_in, jackknife, plug_in + spread / (2 * count * (count - 1)))
