"""Penalties that are sums over the parameters of a function of each, or of the norm of each group."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree, Scalar, ScalarLike

from jaxdl.kinds import check_scalar, shown
from jaxdl.types import Penalty


def zero(params: PyTree[Array]) -> Scalar:
    """No penalty: 0.

    >>> print(zero({"weights": jnp.array([1.0, -2.0])}))
    0.0
    """
    return _sum(jnp.zeros_like, params)


def l2(params: PyTree[Array]) -> Scalar:
    """Sum of squares, without a factor 1/2: |w|².

    >>> print(l2({"weights": jnp.array([1.0, -2.0])}))
    5.0
    """
    return _sum(jnp.square, params)


def l1(params: PyTree[Array]) -> Scalar:
    """Sum of absolute values: |w|_1. Its gradient is sign(w), zero at zero, so a zero weight stays.

    >>> print(l1({"weights": jnp.array([1.0, -2.0])}))
    3.0
    """
    return _sum(_absolute, params)


def lq(q: ScalarLike) -> Penalty:
    """Sum of powers of absolute values, sum_i |w_i|^q: the q-th power of a norm for q >= 1, and not a norm for q < 1.

    `lq(1)` is `l1` and `lq(2)` is `l2`. For q < 1 the penalty is not convex, and its slope at zero is infinite (Frank and
    Friedman, 1993); its gradient there is defined as zero, so a zero weight stays.

    Args:
        q: a positive exponent; it may be traced.

    Returns:
        A penalty, `params -> scalar`.

    Raises:
        ValueError: an exponent that is no scalar, or a number that is not positive.

    >>> print(lq(3.0)({"weights": jnp.array([1.0, -2.0])}))
    9.0
    """
    check_exponent("lq", q)
    return lambda params: _sum(lambda leaf: _power(leaf, q), params)


def elastic_net(l1_share: ScalarLike) -> Penalty:
    """The mixture share |w|_1 + (1 - share) |w|²: a share of 1 is `l1`, and one of 0 is `l2`.

    Zou and Hastie (2005). Without a factor 1/2 in the squares, as in `l2`: the penalty alpha (r |w|_1 + (1 - r) |w|² / 2) of
    scikit-learn and glmnet is ours of strength alpha (1 + r) / 2 and share 2r / (1 + r).

    Args:
        l1_share: between 0 and 1; it may be traced.

    Returns:
        A penalty, `params -> scalar`.

    Raises:
        ValueError: a share that is no scalar, or a number outside [0, 1].

    >>> print(elastic_net(0.5)({"weights": jnp.array([1.0, -2.0])}))
    4.0
    """
    check_share("elastic_net", l1_share)

    def mixture(leaf: Array) -> Array:
        share = jnp.asarray(l1_share, leaf.dtype)
        return share * _absolute(leaf) + (1 - share) * jnp.square(leaf)

    return lambda params: _sum(mixture, params)


def group(axis: int = -1) -> Penalty:
    """The sum of the Euclidean norms of groups, sum_g |w_g|: whole groups become zero together (Yuan and Lin, 2006).

    The entries of a leaf along `axis` are a group: of a kernel "inputs units" the last axis groups all weights that leave an
    input, and the first, axis 0, all that enter a unit. A vector is one group. Groups of features are rows of a reshaped leaf:
    `lambda params: group()(params["weights"].reshape(num_groups, -1))`. Groups of all sizes weigh alike; Yuan and Lin's
    factor is the root of their size.

    Its gradient is w_g / |w_g|, and zero at zero, so a group of zeros stays.

    Returns:
        A penalty, `params -> scalar`.

    Raises:
        ValueError: an axis that is no whole number, such as parameters for which `group()` should have been called first.

    >>> print(group()({"kernel": jnp.array([[3.0, 4.0], [0.0, 0.0]])}))
    5.0
    """
    check_axis("group", axis)
    return lambda params: _sum(lambda leaf: group_norms(leaf, axis), params)


def group_norms(leaf: Array, axis: int) -> Array:
    """Euclidean norms along `axis`, which is kept with length one; their gradient at zero is zero."""
    if not -leaf.ndim <= axis < leaf.ndim:
        msg = f"group: got axis={axis} for a leaf of shape {leaf.shape}, expected one of its axes; select other leaves"
        raise ValueError(msg)
    squares = jnp.sum(jnp.square(leaf), axis=axis, keepdims=True)
    is_zero = squares == 0
    return jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, squares)))


def check_exponent(name: str, q: ScalarLike) -> None:
    """Refuse an exponent that is not a positive scalar; of a traced one only the shape is known."""
    check_scalar(
        name,
        q,
        what="q",
        expected="a positive scalar",
        allowed=lambda number: 0 < number < math.inf,
        remedy="count the non-zero weights for q = 0, vmap over several q",
    )


def check_share(name: str, share: ScalarLike) -> None:
    """Refuse a share that is no scalar between 0 and 1; of a traced one only the shape is known."""
    check_scalar(
        name,
        share,
        what="l1_share",
        expected="a scalar between 0 (all l2) and 1 (all l1)",
        allowed=lambda number: 0 <= number <= 1,
    )


def check_axis(name: str, axis: int) -> None:
    """Refuse an axis of groups that is no whole number."""
    if not isinstance(axis, int | np.integer) or isinstance(axis, bool):
        msg = f"{name}: got axis={shown(axis)}, expected a whole number; call the factory before its penalty: {name}()"
        raise ValueError(msg)


def _absolute(leaf: Array) -> Array:
    # The gradient of jnp.abs is 1 at zero: it would push every weight of a model that starts at zero.
    return leaf * jnp.sign(leaf)


def _power(leaf: Array, q: ScalarLike) -> Array:
    is_zero = leaf == 0
    size = jnp.where(is_zero, 1, jnp.abs(leaf))
    return jnp.where(is_zero, 0, size ** jnp.asarray(q, leaf.dtype))


def _sum(elementwise: Callable[[Array], Array], params: PyTree[Array]) -> Scalar:
    # The Python float leaves the parameters' precision alone, and makes a scalar of no parameters at all.
    return jnp.asarray(sum((jnp.sum(elementwise(leaf)) for leaf in jax.tree.leaves(params)), start=0.0))
