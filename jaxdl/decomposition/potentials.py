"""Log-partition functions: each makes a Bregman loss L(y, η) = A(η) - <y, η> + A*(y) of natural parameters η."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Num
from scipy import special

__all__ = ["Potential", "bernoulli", "gaussian", "poisson", "softmax"]

Array = np.ndarray


class Potential(NamedTuple):
    """A convex function A of natural parameters, and what its Bregman loss needs besides; all reduce the last axis.

    >>> float(gaussian.value(np.array([[3.0]]))[0])                                # η² / 2
    4.5
    """

    name: str
    value: Callable[[Float[Array, "*rows out"]], Float[Array, "*rows"]]
    """A(η)."""
    conjugate: Callable[[Float[Array, "*rows out"]], Float[Array, "*rows"]]
    """A*(y) = sup <y, η> - A(η) at labels or their means: minus the entropy."""
    largest: float = 1e140
    """The largest η that is taken: beyond it powers of A that standard errors need are no doubles."""
    smallest: float = -1e140
    """Likewise the smallest."""

    def is_beyond(self, eta: Num[Array, "*shape"]) -> Bool[Array, "*shape"]:
        """Where natural parameters are outside `smallest` to `largest`."""
        with np.errstate(over="ignore"):  # narrow floats that end before
            return (eta > self.largest) | (eta < self.smallest)


def _log_sum_exp(eta: Float[Array, "*rows out"]) -> Float[Array, "*rows"]:
    """Without the checks of scipy's, which take four times as long; nothing overflows."""
    top = eta.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(eta - top).sum(axis=-1)) + top[..., 0])


softmax = Potential(
    "softmax",
    _log_sum_exp,
    lambda y: special.xlogy(y, y).sum(axis=-1),
)
"""Classes: A = log sum exp; the loss of a one-hot label is the cross-entropy of logits."""

bernoulli = Potential(
    "Bernoulli",
    lambda eta: np.logaddexp(0, eta).sum(axis=-1),
    lambda y: (special.xlogy(y, y) + special.xlogy(1 - y, 1 - y)).sum(axis=-1),
)
"""Binary labels: A = log(1 + exp η), summed over outputs."""

poisson = Potential(
    "Poisson",
    lambda eta: np.exp(eta).sum(axis=-1),
    lambda y: (special.xlogy(y, y) - y).sum(axis=-1),
    largest=150.0,  # degrees of freedom take fourth powers; doubles end at e^709
)
"""Counts: A = exp η, summed over outputs; half the deviance."""

gaussian = Potential(
    "Gaussian",
    lambda eta: (eta**2).sum(axis=-1) / 2,
    lambda y: (y**2).sum(axis=-1) / 2,
    largest=1e70,
    smallest=-1e70,
)
"""Means with unit variance: A = |η|²/2; half the squared error."""
