"""Proximal operators of penalties: `(params, strength) -> params`.

They return the minimizer over z of

    |z - w|² / 2 + strength penalty(z),

with the *half* square, as everywhere in the literature (Parikh and Boyd, 2014). Strengths are not negative and may be traced.
Where the penalty is not convex and two minimizers tie, the smaller one is returned.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree, ScalarLike

from jaxdl.kinds import as_strength
from jaxdl.penalties.norms import check_axis, check_exponent, check_share, group_norms

Proximal = Callable[[PyTree[Array], ScalarLike], PyTree[Array]]
NUM_NEWTON_STEPS = 24
"""Of `lq_threshold`: a step that would leave the interval that holds the root halves it; others double the digits."""


def keep(params: PyTree[Array], strength: ScalarLike) -> PyTree[Array]:
    """The proximal operator of no penalty: w itself.

    >>> print(keep(jnp.array([3.0, -0.5]), 1.0))
    [ 3.  -0.5]
    """
    del strength
    return params


def soft_threshold(params: PyTree[Array], strength: ScalarLike) -> PyTree[Array]:
    """The proximal operator of `l1`: sign(w) max(|w| - strength, 0).

    Donoho and Johnstone (1994). With orthonormal features it turns least squares into the lasso.

    >>> print(soft_threshold(jnp.array([3.0, -0.5]), 1.0))
    [2. 0.]
    """

    def operate(leaf: Array, s: Array) -> Array:
        return jnp.where(jnp.abs(leaf) > s, leaf - s * jnp.sign(leaf), 0)

    return _on_leaves(operate, params, strength)


def shrink(params: PyTree[Array], strength: ScalarLike) -> PyTree[Array]:
    """The proximal operator of `l2`, which is |w|² without a factor 1/2: w / (1 + 2 strength).

    >>> print(shrink(jnp.array([3.0, -0.5]), 1.0).round(3))
    [ 1.    -0.167]
    """
    return _on_leaves(lambda leaf, s: leaf / (1 + 2 * s), params, strength)


def elastic_net_threshold(l1_share: ScalarLike) -> Proximal:
    """The proximal operator of `elastic_net(l1_share)`: sign(w) max(|w| - strength a, 0) / (1 + 2 strength (1 - a)), a the share.

    Raises:
        ValueError: a share that is no scalar, or a number outside [0, 1].

    >>> print(elastic_net_threshold(0.5)(jnp.array([3.0, -0.5]), 2.0).round(3))
    [0.667 0.   ]
    """
    check_share("elastic_net_threshold", l1_share)
    return lambda params, strength: shrink(
        soft_threshold(params, strength * jnp.asarray(l1_share)), strength * (1 - jnp.asarray(l1_share))
    )


def group_threshold(axis: int = -1) -> Proximal:
    """The proximal operator of `group(axis)`: w_g max(1 - strength / |w_g|, 0) for each group.

    Raises:
        ValueError: as `group`.

    >>> print(group_threshold()(jnp.array([[3.0, 4.0], [0.3, 0.4]]), 1.0).round(3))
    [[2.4 3.2]
     [0.  0. ]]
    """
    check_axis("group_threshold", axis)

    def operate(leaf: Array, s: Array) -> Array:
        norms = group_norms(leaf, axis)
        is_kept = norms > s
        return jnp.where(is_kept, leaf * (1 - s / jnp.where(is_kept, norms, 1)), 0)

    return lambda params, strength: _on_leaves(operate, params, strength)


def hard_threshold(params: PyTree[Array], strength: ScalarLike) -> PyTree[Array]:
    """The proximal operator of the number of non-zero weights: w where |w| > sqrt(2 strength), and 0 elsewhere.

    Blumensath and Davies (2008). That number, "L0", is neither a norm nor convex.

    >>> print(hard_threshold(jnp.array([3.0, -0.5]), 1.0))
    [3. 0.]
    """
    return _on_leaves(lambda leaf, s: jnp.where(leaf**2 > 2 * s, leaf, 0), params, strength)


def lq_threshold(q: ScalarLike) -> Proximal:
    """The proximal operator of `lq(q)` for any q > 0, which may be traced: one compilation for a sweep over q.

    Zero where |w| is at most (2 - q) s^(1/(2-q)) (2 - 2q)^((q-1)/(2-q)) for q <= 1, with s the strength: at q = 1 that is s
    (Marjanovic and Solo, 2012). Elsewhere sign(w) z with the larger root of z + s q z^(q-1) = |w|, by Newton's method kept inside
    an interval that holds the root.

    Raises:
        ValueError: an exponent that is no scalar, or a number that is not positive.

    >>> print(lq_threshold(4.0)(jnp.array([5.0, 0.0]), 1.0).round(3))
    [1. 0.]
    """
    check_exponent("lq_threshold", q)

    def operate(leaf: Array, s: Array) -> Array:
        exponent = jnp.asarray(q, leaf.dtype)
        below_one = jnp.minimum(exponent, 1)
        gap = 1 - below_one
        threshold = (2 - below_one) * s ** (1 / (2 - below_one)) * (2 * gap) ** (-gap / (2 - below_one))
        is_kept = (jnp.abs(leaf) > jnp.where(exponent > 1, 0, threshold)) & (leaf != 0)
        size = jnp.where(is_kept, jnp.abs(leaf), 1)
        strength = jnp.where(is_kept, s, 0)
        # Below one, left of this point the slope falls: the root there is a maximum.
        low = (strength * below_one * gap) ** (1 / (2 - below_one))

        def narrow(_: Array | int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            low, high, z = state
            pull = strength * exponent * z ** (exponent - 1)
            slope = z + pull - size
            low, high = jnp.where(slope <= 0, z, low), jnp.where(slope >= 0, z, high)
            newton = z - slope / (1 + (exponent - 1) * pull / z)
            is_inside = (newton >= low) & (newton <= high) & (newton > 0)
            return low, high, jnp.where(is_inside, newton, (low + high) / 2)

        z = jax.lax.fori_loop(0, NUM_NEWTON_STEPS, narrow, (low, size, size))[2]
        return jnp.where(is_kept, jnp.sign(leaf) * z, 0)

    return lambda params, strength: _on_leaves(operate, params, strength)


def _on_leaves(operate: Callable[[Array, Array], Array], params: PyTree[Array], strength: ScalarLike) -> PyTree[Array]:
    strength = as_strength("a proximal operator", strength)
    return jax.tree.map(lambda leaf: operate(leaf, jnp.asarray(strength, leaf.dtype)), params)
