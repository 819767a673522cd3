"""Penalties: functions of the parameters alone, `params -> scalar`. Every leaf counts, intercepts and biases included.

To penalise a part only, select it: `lambda params: l2(params["kernel"])`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree, Scalar


def zero(params: PyTree[Array]) -> Scalar:
    """No penalty: 0.

    >>> print(zero({"weights": jnp.array([1.0, -2.0])}))
    0.0
    """
    return _summed(jnp.zeros_like, params)


def l2(params: PyTree[Array]) -> Scalar:
    """Sum of squares, without a factor 1/2: |w|².

    >>> print(l2({"weights": jnp.array([1.0, -2.0])}))
    5.0
    """
    return _summed(jnp.square, params)


def l1(params: PyTree[Array]) -> Scalar:
    """Sum of absolute values: |w|_1. Its gradient is sign(w), zero at zero, so that a zero weight is left in place.

    >>> print(l1({"weights": jnp.array([1.0, -2.0])}))
    3.0
    """
    # The gradient of jnp.abs is 1 at zero: it would push every weight of a model that starts at zero.
    return _summed(lambda leaf: leaf * jnp.sign(leaf), params)


def _summed(elementwise: Callable[[Array], Array], params: PyTree[Array]) -> Scalar:
    # The Python float leaves the parameters' precision alone, and makes a scalar of no parameters at all.
    return jnp.asarray(sum((jnp.sum(elementwise(leaf)) for leaf in jax.tree.leaves(params)), start=0.0))
