"""Least squares on p of D Gaussian features, below and beyond interpolation (Belkin, Hsu & Xu, 2020, Theorem 1)."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import designs, learners, models
from jaxdl.decomposition import Target
from jaxdl.rounding import product
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Dataset, Keys


def belkin_hsu_xu(
    *,
    n: int = 40,
    p: int = 60,
    num_features: int = 100,
    signal: float = 1.0,
    noise_std: float = 0.2,
    num_inputs: int = 128,
    num_labels: int = 8,
) -> tuple[Study, Exact]:
    """Minimum-norm least squares on the first p of D features, x ~ N(0, I_D), y = x·beta + sigma e, |beta|² = `signal`.

    With |b_T|² = signal p/D seen and |b_U|² = signal - |b_T|² unseen, crossed over inputs X and label noise e,

        p <= n - 2:  bias² = |b_U|²,  variance = (sigma² + |b_U|²) p / (n - p - 1),  of which sigma² p / (n - p - 1) is the
                     interaction of X and e
        p >= n + 2:  bias² = |b_U|² + |b_T|² (1 - n/p)²,
                     variance = |b_T|² (n/p)(1 - n/p) + (sigma² + |b_U|²) n / (p - n - 1), interaction sigma² n / (p - n - 1).

    The label noise alone has no variance component: flipping the sign of X flips the fitted noise. The risk is Theorem 1's; the
    split by source is ours. Test points are sqrt(D) times the unit vectors, whose mean equals that over x ~ N(0, I).

    Raises:
        ValueError: for n - 1 <= p <= n + 1, where the variance is infinite, and for p > D.

    >>> study, exact = belkin_hsu_xu(n=40, p=60)
    >>> round(float(exact["risk"]), 5)
    1.56632
    """
    exact = minimum_norm_terms(n, p, num_features, signal, noise_std)
    coefficients = jnp.full((num_features, 1), math.sqrt(signal / num_features))
    test_points = math.sqrt(num_features) * jnp.eye(num_features)
    model = models.linear(intercept=False)
    # Of full rank with probability one below interpolation, where LAPACK is not needed.
    fit = (learners.least_squares_qr if p < n else learners.least_squares)(model)

    def trial(keys: Keys) -> jax.Array:
        x = jax.random.normal(keys["inputs"], (n, num_features))
        y = product(x, coefficients) + noise_std * jax.random.normal(keys["labels"], (n, 1))
        variables = fit(keys, Dataset(x[:, :p], y, jnp.ones(n)))
        return model.apply(variables, test_points[:, :p])

    target = Target(mean=np.asarray(product(test_points, coefficients)), noise=noise_std**2)
    design = designs.crossed(inputs=num_inputs, labels=num_labels)
    return simulated(f"random design, n={n}, p={p}", trial, design, target, ("points", "out")), exact


def minimum_norm_terms(n: int, p: int, num_features: int, signal: float, noise_std: float) -> Exact:
    """The terms of `belkin_hsu_xu` in closed form, without a study."""
    if not 0 < p <= num_features or n - 1 <= p <= n + 1:
        msg = f"p: got {p} with n={n} and num_features={num_features}, expected 1 to num_features, outside n - 1 to n + 1, "
        msg += "where the variance is infinite"
        raise ValueError(msg)
    noise = noise_std**2
    seen = signal * p / num_features
    unseen = signal - seen
    if p < n:
        bias, signal_variance, scale = unseen, 0.0, p / (n - p - 1)
    else:
        bias = unseen + seen * (1 - n / p) ** 2
        signal_variance, scale = seen * (n / p) * (1 - n / p), n / (p - n - 1)
    inputs = signal_variance + unseen * scale
    interaction = noise * scale
    return exact_terms(bias, {("inputs",): inputs, ("labels",): 0.0, ("inputs", "labels"): interaction}, noise)
