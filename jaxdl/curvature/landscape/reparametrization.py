"""How a Hessian changes under a change of parameters that leaves the function alone."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Scalar

from jaxdl.curvature.checks import check_loss, check_parameters, check_same_form, trace_shapes
from jaxdl.curvature.precision import at_precision
from jaxdl.curvature.products.linearized import linearized_gradient
from jaxdl.curvature.products.operators import flat_operator
from jaxdl.kinds import as_key, check_counts, check_function
from jaxdl.rounding import product
from jaxdl.types import Key, Params


class Reparametrization(NamedTuple):
    """How far a linear change of the parameters is from a symmetry of the function.

    >>> loss = lambda w: (w[0] * w[1]) ** 2
    >>> gaps = reparametrization(jax.random.key(0), loss, jnp.array([2.0, 3.0]), lambda w: w * jnp.array([2.0, 1.0]))
    >>> print(gaps.value_gap > 0)                                                    # 36 became 144: no symmetry
    True
    """

    value_gap: Scalar
    """|f(Tθ) - f(θ)| / max(|f(θ)|, 1)."""
    product_gap: Scalar
    """The largest |Tᵀ H(Tθ) T v - H(θ) v| / |H(θ) v| over random v."""


def reparametrization(
    key: Key,
    loss: Callable[[Params], Scalar],
    params: Params,
    transform: Callable[[Params], Params],
    *,
    num_probes: int = 4,
) -> Reparametrization:
    """The gaps in f(Tθ) = f(θ) and H(Tθ) = T⁻ᵀ H(θ) T⁻¹, which hold for every linear symmetry T of the function f.

    Scaling one layer of a ReLU network up and the next one down is a symmetry. It changes eigenvalues, and so every measure of
    sharpness, at will, while function and inertia stay. The second equation is tested without inverses, as
    Tᵀ H(Tθ) T v = H(θ) v for random v.

    Args:
        key: for the random directions.
        loss: a scalar function of the parameters.
        params: θ.
        transform: T, a linear map of the parameters.
        num_probes: how many directions.

    Returns:
        The gap in the value and the largest gap in the products, both of the order of rounding where T is a symmetry.

    Raises:
        ValueError: no probes; a transform that changes the structure, the shapes or the type; what `hvp` refuses.

    Source: Dinh, Pascanu, Bengio and Bengio, "Sharp minima can generalize for deep nets" (2017).

    >>> gaps = reparametrization(
    ...     jax.random.key(0), lambda w: (w[0] * w[1] - 1) ** 2, jnp.array([2.0, 3.0]), lambda w: w * jnp.array([4.0, 0.25])
    ... )
    >>> print(gaps.value_gap, gaps.product_gap < 1e-12)
    0.0 True
    """
    check_counts("reparametrization", 1, num_probes=num_probes)
    as_key("reparametrization", key, what="key")
    check_parameters("reparametrization", params)
    check_loss("reparametrization", loss, params)
    check_function(
        "reparametrization", transform, ("params",), "pass a linear function of parameters", what="transform"
    )
    image, *_ = trace_shapes("reparametrization", "transform", transform, params)
    check_same_form("reparametrization", "a transform to parameters", image, params)
    moved, forward = at_precision(lambda: jax.linearize(transform, params))()
    backward = jax.linear_transpose(forward, params)
    here, there = (linearized_gradient("reparametrization", loss, at)[1] for at in (params, moved))
    _, zeros, unravel = flat_operator("reparametrization", here, params)

    def gap(key: Key) -> Scalar:
        direction = unravel(jax.random.normal(key, zeros.shape, zeros.dtype))
        expected = here(direction)
        difference = jax.tree.map(jnp.subtract, backward(there(forward(direction)))[0], expected)
        return jnp.sqrt(_dot(difference, difference) / _dot(expected, expected))

    exact_loss = at_precision(loss)
    value = exact_loss(params)
    value_gap = jnp.abs(exact_loss(moved) - value) / jnp.maximum(jnp.abs(value), 1)
    return Reparametrization(value_gap, jnp.max(jax.lax.map(gap, jax.random.split(key, num_probes))))


def _dot(left: Params, right: Params) -> Scalar:
    return product(ravel_pytree(left)[0], ravel_pytree(right)[0])
