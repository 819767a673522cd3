"""Every truth with an exact answer: the closed form against published numbers, and our estimates against the closed form."""

import jax
import numpy as np
import pytest

from jaxdl import truths

KEY = jax.random.key(11)


@pytest.mark.parametrize(
    ("p", "bias", "inputs", "interaction", "risk"),
    [
        (10, 0.90, 0.31034, 0.01379, 1.26414),
        (20, 0.80, 0.84211, 0.04211, 1.72421),
        (30, 0.70, 2.33333, 0.13333, 3.20667),
        (60, 0.46667, 0.97544, 0.08421, 1.56632),
        (80, 0.40, 0.40513, 0.04103, 0.88615),
        (100, 0.36, 0.24, 0.02712, 0.66712),
    ],
)
def test_random_design_has_the_published_values(p, bias, inputs, interaction, risk):
    _, exact = truths.belkin_hsu_xu(n=40, p=p)
    values = [exact["bias_squared"], exact["inputs",], exact["inputs", "labels"], exact["risk"]]
    np.testing.assert_allclose(values, [bias, inputs, interaction, risk], atol=5.1e-6)


def test_ordinary_least_squares_has_variance_p_over_n_minus_p_minus_1():
    _, exact = truths.belkin_hsu_xu(n=50, p=20, num_features=20, noise_std=1.0)
    np.testing.assert_allclose(exact["total_variance"], 20 / 29, rtol=1e-12)
    np.testing.assert_allclose(exact["total_variance"], exact["inputs", "labels"], rtol=1e-12)


@pytest.mark.parametrize("p", [0, 39, 40, 41, 101])
def test_interpolation_itself_is_refused(p):
    with pytest.raises(ValueError, match="variance is infinite"):
        truths.belkin_hsu_xu(n=40, p=p)


@pytest.mark.parametrize(
    ("strength", "bias", "variance"),
    [(0.1, 0.00249583, 0.03257064), (1.0, 0.02454407, 0.01903427), (10.0, 0.22332311, 0.00544846)],
)
def test_ridge_has_the_published_values(strength, bias, variance):
    _, exact = truths.ridge_regression(strength=strength)
    np.testing.assert_allclose([exact["bias_squared"], exact["labels",]], [bias, variance], atol=5.1e-9)


def test_gradient_descent_has_the_published_values_at_every_time():
    _, exact = truths.gradient_descent()
    np.testing.assert_allclose(exact["bias_squared"], [0.07806616, 0.00672651, 0.00084075], atol=5.1e-9)
    np.testing.assert_allclose(exact["labels",], [0.01272216, 0.02827070, 0.03980411], atol=5.1e-9)
    np.testing.assert_allclose(exact["init",], [0.07921747, 0.00601035, 0.00065770], atol=5.1e-9)


def test_ishigami_has_the_published_values():
    _, exact = truths.ishigami()
    np.testing.assert_allclose(
        [exact["x1",], exact["x2",], exact["x1", "x3"]], [4.345888, 6.125, 3.373700], atol=5.1e-7
    )


SMALL = {
    "sample mean": lambda: truths.sample_mean(),
    "Ishigami": lambda: truths.ishigami(levels=(6, 5, 4)),
    "random design, p < n": lambda: truths.belkin_hsu_xu(n=40, p=20, num_inputs=32, num_labels=4),
    "random design, p > n": lambda: truths.belkin_hsu_xu(n=40, p=60, num_inputs=32, num_labels=4),
    "ridge": lambda: truths.ridge_regression(),
    "gradient descent": lambda: truths.gradient_descent(num_labels=16, num_inits=8),
    "published trees": lambda: truths.published_trees(),
    "published bags": lambda: truths.published_trees(bagged=True),
}


@pytest.mark.parametrize("name", SMALL)
def test_our_estimates_agree_with_the_exact_answer(name):
    card = truths.certify([SMALL[name]()], KEY)
    assert card.passed, str(card)


FULL = {
    "sample mean": lambda: truths.sample_mean(num_runs=20_000),
    "Ishigami": lambda: truths.ishigami(levels=(64, 64, 32)),
    "random design, p < n": lambda: truths.belkin_hsu_xu(n=40, p=20, num_inputs=512, num_labels=8),
    "random design, p > n": lambda: truths.belkin_hsu_xu(n=40, p=60, num_inputs=512, num_labels=8),
    "gradient descent": lambda: truths.gradient_descent(num_labels=200, num_inits=200),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_one_large_study_lies_within_three_of_its_own_standard_errors(name):
    study, exact = FULL[name]()
    result = truths.measured(study, KEY)
    for term, value in exact.items():
        error = np.maximum(result.standard_errors[term], 1e-6 * np.abs(exact["total_variance"]))
        assert (np.abs(result.estimates[term] - value) < 3 * error).all(), (term, result.estimates[term], value, error)


def test_the_plug_in_recipe_fails_where_bias_is_small():
    problem = truths.sample_mean(offset=0.0, num_runs=5)
    assert truths.certify([problem], KEY, num_seeds=100).passed
    card = truths.certify([problem], KEY, estimator=truths.plug_in, num_seeds=100)
    assert not card.passed
    assert "WRONG" in str(card)


def test_the_published_bias_of_a_tree_is_inflation():
    """The example prints bias² 0.0003; without the variance that it contains, it is zero within its error."""
    study, _ = truths.published_trees()
    predictions = study.predictions(KEY)
    assert round(float(truths.plug_in(study, predictions)["bias_squared"]), 4) == 0.0003
    result = truths.measured(study, KEY)
    assert result.intervals["bias_squared"].low < 0 < result.intervals["bias_squared"].high
    assert abs(result.bias_squared) < 1e-5
