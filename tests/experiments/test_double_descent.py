"""What the claims about double descent share: the kernel, the exact terms, the parts."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.book import find
from experiments.book.finding import terms_of
from experiments.book.lab import Lab
from experiments.double_descent import dd2_the_risk_peaks as dd2
from experiments.double_descent import features, linear
from jaxdl import models
from jaxdl.statistics import Verdict

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


def test_risks_by_inputs_are_the_means_that_the_runs_have():
    """Their mean is the risk, and without one level the rest average to the replicate."""
    result = features.features(LAB)
    risks = linear.risks_by_inputs(result)
    np.testing.assert_allclose(risks.mean(axis=0), result.risk, rtol=1e-9)
    np.testing.assert_allclose(risks[1:].mean(axis=0), result.replicates["inputs"]["risk"][0], rtol=1e-9)
    assert (risks > 0).all()


def test_the_median_risk_of_the_linear_model_is_highest_where_parameters_meet_examples():
    risks = linear.risks_by_inputs(linear.linear(LAB, 24, 4))
    assert abs(linear.P[np.median(risks, axis=0).argmax()] - linear.N) <= 2


def test_features_that_tell_nothing_raise_the_risk_beyond_the_peak():
    """Nearly without noise the risk beyond n is |β|² (1 - n/p), which rises; with noise enough it falls."""
    few, beyond = linear.linear(LAB, 24, 4, num_used=20, noise_std=0.05), list(linear.P).index(linear.N + linear.GAP)
    assert few.risk[-1] > few.risk[beyond]
    exact = linear.exact_terms()["risk"]
    assert exact[-1] < exact[beyond]


def test_controls_refute_the_peak_and_the_fall_beyond_it():
    lab = Lab("double_descent", find.Entry("DD2", "double_descent", Path(dd2.__file__)).sizes("smallest"))
    for without_peak in ({"strength": 20.0}, {"num_used": 20, "noise_std": 0.05}):
        assert dd2.judged(lab, **without_peak).judgement.verdict == Verdict.REFUTED
