"""Hessians of least squares on Gaussian inputs: their extreme and mean eigenvalues, against those of infinitely many examples."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from jaxdl import curvature, losses, models
from jaxdl.decomposition import Target, squared_error
from jaxdl.decomposition.derive import Derived
from jaxdl.statistics import Estimate, means
from jaxdl.types import Dataset, Keys, Trial


def trial_of(num_features: int, most: int) -> Trial:
    """`(keys, {"size", "spike"})` -> the largest, the smallest and the mean eigenvalue of XᵀX / N.

    N is the size: the first of `most` examples. Inputs are independent and normal, of variance one but for the first, whose
    variance is `spike`.
    """
    model = models.linear(intercept=False)
    key_search = jax.random.key(0)  # the whole matrix is decomposed: nothing depends on it

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Float[Array, " 3"]:
        variables = {"params": {"weights": jnp.zeros((num_features, 1))}}
        scale = jnp.ones(num_features).at[0].set(jnp.sqrt(setting["spike"]))
        x = jax.random.normal(keys["data"], (most, num_features)) * scale[None, :]
        # Labels have no part in this Hessian; a weight of zero removes an example without changing a shape.
        data = Dataset(x, jnp.zeros((most, 1)), (jnp.arange(most) < setting["size"]).astype(x.dtype))
        product = curvature.products.hvp_over(model, losses.half_squared_error, variables, data)
        ends = curvature.eigenpairs(product, variables["params"], key_search, top=1, bottom=1, dense_size=num_features)
        return jnp.append(ends.values, jnp.sum(data.weight[:, None] * x**2) / (setting["size"] * num_features))

    return trial


class Error(NamedTuple):
    """The error of one eigenvalue over data sets, each part with its interval."""

    bias: Estimate
    spread: Derived
    """The standard deviation."""
    bias_squared: Derived
    variance: Derived
    share: Derived
    """Of the mean squared error, what is bias²."""


def error_of(samples: Float[np.ndarray, " sets"], truth: float) -> Error:
    """Bias and variance of one eigenvalue, whose true value is known."""
    samples = np.asarray(samples, np.float64)
    result = squared_error(samples[:, None], factors=("data",), target=Target(mean=np.array([truth]), noise=0.0))
    return Error(
        bias=means(samples - truth),
        spread=result.derive(lambda t: np.sqrt(t["total_variance"])),
        bias_squared=result.derive(lambda t: t["bias_squared"]),
        variance=result.derive(lambda t: t["total_variance"]),
        share=result.derive(lambda t: t["bias_squared"] / (t["bias_squared"] + t["total_variance"])),
    )


def limit_share(spike: float, d: int, n: int) -> float:
    """bias² / (bias² + variance) of an eigenvalue beyond the edge, as d and N grow."""
    bias, variance = d * spike / (n * (spike - 1)), 2 * spike**2 / n * (1 - d / (n * (spike - 1) ** 2))
    return bias**2 / (bias**2 + variance)
