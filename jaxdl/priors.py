"""Priors and likelihoods as negative log densities, in nats: what makes a penalty a belief, and its strength a number.

A prior is a penalty and a likelihood is a loss; `objectives.map_estimate` adds them up. For a model that is linear in its
parameters, errors N(0, σ²) and a prior N(0, τ²) the most probable weights are those of ridge regression,

    sum_i |y_i - f(x_i)|² + λ |w|²,  λ = σ²/τ²    (`ridge_strength`; both squares without a factor 1/2, or both with it),

which is strength 1/(2τ²) of |w|² beside the negative log-likelihood, and σ²/(2nτ²) beside the *mean* of half the squares.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Scalar, ScalarLike

from jaxdl.kinds import check_scalar
from jaxdl.penalties import l1, l2
from jaxdl.types import Loss, Params, Penalty

__all__ = ["laplace", "normal", "normal_errors", "ridge_strength"]


def normal(std: ScalarLike) -> Penalty:
    """Independent N(0, std²) weights: sum_j w_j² / (2 std²) + log(std sqrt(2π)).

    Args:
        std: positive; it may be traced. The density is normalized, so that values compare across standard deviations.

    Returns:
        A penalty, `params -> scalar`.

    Raises:
        ValueError: a standard deviation that is no scalar, or a number that is not positive.

    >>> print(f"{normal(1.0)({'weights': jnp.array([1.0, 1.0])}):.4f}")
    2.8379
    """
    _check_scale("normal", "std", std)

    def negative_log_density(params: Params) -> Scalar:
        return l2(params) / (2 * std**2) + _count(params) * jnp.log(std * jnp.sqrt(2 * jnp.pi))

    return negative_log_density


def laplace(scale: ScalarLike) -> Penalty:
    """Independent Laplace weights of density exp(-|w|/scale) / (2 scale): sum_j |w_j| / scale + log(2 scale).

    Their variance is 2 scale². The most probable weights are sparse; draws from the prior, and the posterior mean, are not.

    Args:
        scale: positive; it may be traced.

    Returns:
        A penalty, `params -> scalar`.

    Raises:
        ValueError: a scale that is no scalar, or a number that is not positive.

    >>> print(laplace(0.5)({"weights": jnp.array([1.0, -2.0])}))
    6.0
    """
    _check_scale("laplace", "scale", scale)
    return lambda params: l1(params) / scale + _count(params) * jnp.log(2 * scale)


def normal_errors(std: ScalarLike) -> Loss:
    """Targets with independent N(0, std²) errors: |f - y|² / (2 std²) + log(std sqrt(2π)) for each output.

    Args:
        std: positive; it may be traced.

    Returns:
        A loss, `(predictions "*n out", targets "*n out") -> "*n"`.

    Raises:
        ValueError: a standard deviation that is no scalar, or a number that is not positive; shapes that differ.

    >>> print(normal_errors(1.0)(jnp.array([[1.0]]), jnp.array([[0.0]])).round(4))
    [1.4189]
    """
    _check_scale("normal_errors", "std", std)

    def negative_log_density(predictions: Array, targets: Array) -> Array:
        if predictions.shape != targets.shape:
            msg = f"normal_errors: got predictions of shape {predictions.shape} and targets of shape {targets.shape}, "
            msg += 'expected one shape "*n out"; for a single output give both a last axis of length one, y[:, None]'
            raise ValueError(msg)
        each = (predictions - targets) ** 2 / (2 * std**2) + jnp.log(std * jnp.sqrt(2 * jnp.pi))
        return jnp.sum(each, axis=-1)

    return negative_log_density


def ridge_strength(noise_std: ScalarLike, prior_std: ScalarLike) -> ScalarLike:
    """The strength of `learners.ridge` that gives the most probable weights: noise_std² / prior_std².

    Hoerl and Kennard (1970); Bishop (2006), equation 3.55. Both may be traced.

    Raises:
        ValueError: a standard deviation that is no scalar, or a number that is not positive.

    >>> ridge_strength(0.5, 2.0)
    0.0625
    """
    _check_scale("ridge_strength", "noise_std", noise_std)
    _check_scale("ridge_strength", "prior_std", prior_std)
    return (noise_std / prior_std) ** 2


def _count(params: Params) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def _check_scale(name: str, what: str, scale: ScalarLike) -> None:
    check_scalar(
        name,
        scale,
        what=what,
        expected="a positive scalar",
        allowed=lambda number: 0 < number < math.inf,
        remedy="vmap over several",
    )
