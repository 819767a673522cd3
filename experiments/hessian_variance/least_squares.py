"""Hessians of least squares on Gaussian inputs: their extreme and mean eigenvalues, which are 1 for infinitely many examples."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from jaxdl import curvature, losses, models
from jaxdl.decomposition import Target, squared_error
from jaxdl.statistics import Interval, Verdict, judge
from jaxdl.types import Dataset, Keys, Trial

EIGENVALUES = ("largest", "smallest", "mean")


def trial_of(num_features: int, most: int, spike: float = 1.0) -> Trial:
    """`(keys, N)` -> the largest, the smallest and the mean eigenvalue of XᵀX / N for the first N of `most` examples.

    Inputs are independent and normal, of variance one but for the first, whose variance is `spike`.
    """
    model = models.linear(intercept=False)
    scale = np.ones(num_features, np.float32)
    scale[0] = math.sqrt(spike)
    key_search = jax.random.key(0)  # the whole matrix is decomposed: nothing depends on it

    def trial(keys: Keys, size: Scalar) -> Float[Array, " 3"]:
        variables = {"params": {"weights": jnp.zeros((num_features, 1))}}
        x = jax.random.normal(keys["data"], (most, num_features)) * scale[None, :]
        # Labels have no part in this Hessian; a weight of zero removes an example without changing a shape.
        data = Dataset(x, jnp.zeros((most, 1)), (jnp.arange(most) < size).astype(x.dtype))
        product = curvature.products.hvp_over(model, losses.half_squared_error, variables, data)
        ends = curvature.eigenpairs(product, variables["params"], key_search, top=1, bottom=1, dense_size=num_features)
        return jnp.append(ends.values, jnp.sum(data.weight[:, None] * x**2) / (size * num_features))

    return trial


class Moments(NamedTuple):
    """Mean and standard deviation of one eigenvalue over data sets, bias² and variance, with standard errors."""

    mean: float
    mean_error: float
    spread: float
    spread_error: float
    bias_squared: float
    bias_squared_error: float
    variance: float
    variance_error: float


def moments(samples: Float[np.ndarray, "sets statistics"]) -> list[Moments]:
    """The moments of each statistic; its true value is 1."""
    samples = np.asarray(samples, np.float64)
    target = Target(mean=np.ones(samples.shape[1]), noise=0.0)
    parts = squared_error(samples, factors=("data",), target=target).per_point
    found = []
    for index, mean in enumerate(samples.mean(axis=0)):
        bias, variance = (float(parts.estimates[name][index]) for name in ("bias_squared", "total_variance"))
        errors = [float(parts.standard_errors[name][index]) for name in ("bias_squared", "total_variance")]
        spread = math.sqrt(variance)
        of_mean = float(mean), spread / math.sqrt(len(samples))
        found.append(Moments(*of_mean, spread, errors[1] / (2 * spread), bias, errors[0], variance, errors[1]))
    return found


def judge_point(point: float, around: Interval, inside: tuple[float, float]) -> Verdict:
    """Supported when the point lies inside, refuted when all that is around it lies outside, else inconclusive."""
    if judge(Interval(point, point), inside=inside) is Verdict.SUPPORTED:
        return Verdict.SUPPORTED
    return Verdict.REFUTED if judge(around, inside=inside) is Verdict.REFUTED else Verdict.INCONCLUSIVE
