"""What the claims about double descent share: the kernel, the exact terms, the parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.book.finding import terms_of
from experiments.book.lab import Lab
from experiments.double_descent import features, linear
from jaxdl import models

pytestmark = pytest.mark.thorough
LAB = Lab("double_descent", {"seed": 0, "inputs": 5, "init": 4, "labels": 3})


def test_the_kernel_is_the_mean_over_random_features(key):
    x, z = 3 * jax.random.normal(key, (4, 3)), jnp.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])
    model = models.random_features(100_000)
    variables = model.init(jax.random.key(1), x)
    products = 100_000 * model.features(variables, x)[:, None, :] * model.features(variables, z)[None, :, :]
    errors = products.std(axis=-1) / 100_000**0.5
    assert (abs(products.mean(axis=-1) - features.arc_cosine_kernel(x, z)) < 4 * errors).all()


def test_exact_terms_add_up_to_the_risk_and_are_infinite_at_the_peak():
    terms = linear.exact_terms()
    parts = sum(terms[name] for name in ("bias_squared", "variance[inputs]", "variance[inputs, labels]", "noise"))
    np.testing.assert_allclose(parts, terms["risk"])
    assert (np.isnan(terms["risk"]) == (np.abs(linear.P - linear.N) <= 1)).all()


@pytest.mark.parametrize("strength", [0.0, features.STRENGTH])
def test_the_parts_of_random_features_add_up_and_come_nearer_to_the_kernel(strength):
    result, limit = features.features(LAB, strength), features.kernel(LAB, strength)
    parts = terms_of(result, features.PARTS)
    total = sum(part.estimate for part in parts.values()) + linear.NOISE_STD**2
    np.testing.assert_allclose(total, result.risk, rtol=1e-9)
    far, near = (list(features.P).index(p) for p in (60, 400))
    assert abs(result.risk[near] - limit.risk[0]) < abs(result.risk[far] - limit.risk[0])
