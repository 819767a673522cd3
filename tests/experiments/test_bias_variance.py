"""What the claims about capacity share: polynomials against exact terms, classifiers against Domingos."""

import numpy as np
import pytest

from experiments.bias_variance import classes, polynomials, small_samples
from experiments.book.lab import Lab
from jaxdl.statistics import Verdict, means

pytestmark = pytest.mark.thorough


def lab(**sizes):
    return Lab("bias_variance", {"seed": 0, "sealed": False, **sizes})


def test_measured_terms_agree_with_the_exact_ones():
    for degree, outputs in enumerate(polynomials.by_degree(lab(runs=400)).outputs):
        result = polynomials.decomposed(outputs)
        for term, exact in zip(("bias_squared", "total_variance"), polynomials.exact_terms(degree), strict=True):
            assert abs(result[term] - exact) < 4 * result.standard_errors[term]


def test_the_agreement_of_another_degree_is_refused():
    outputs = polynomials.by_degree(lab(runs=400)).outputs
    known = polynomials.exact_by_degree()
    right = polynomials.agreements([polynomials.decomposed(each) for each in outputs], known, 0.05)
    wrong = polynomials.agreements(
        [polynomials.decomposed(outputs[0])], {name: each[1:] for name, each in known.items()}, 0.05
    )
    assert set(right) == {Verdict.SUPPORTED}
    assert wrong == [Verdict.REFUTED, Verdict.SUPPORTED]  # bias² differs by 0.7, variance by 0.002


def test_at_the_inputs_variance_is_in_proportion_to_the_parameters():
    """σ²p/n at fixed inputs, whatever the truth."""
    for degree, small in zip((1, 12), small_samples.small_samples(lab(runs=400), (1, 12)), strict=True):
        found = means(small.distances)
        exact = polynomials.NOISE_STD**2 * (degree + 1) / small_samples.NUM_EXAMPLES * (1 - 1 / 400)
        assert abs(found.estimate - exact) < 4 * found.standard_error


def test_the_best_rule_has_a_bias_by_kohavi_and_wolpert():
    """At probabilities 0.7 and 0.3: noise (1 - 0.49 - 0.09)/2, bias ((1 - 0.7)² + 0.3²)/2, and no variance."""
    np.testing.assert_allclose(classes.of_the_best_rule(), (0.21, 0.09))


def test_exact_terms_of_a_constant_are_those_of_a_mean():
    """The mean of n labels: bias² is the spread of the truth, variance σ²/n."""
    bias, variance = polynomials.exact_terms(0, 25)
    np.testing.assert_allclose(variance, polynomials.NOISE_STD**2 / 25)
    np.testing.assert_allclose(bias, np.mean(polynomials.MEAN**2), rtol=1e-9)


@pytest.mark.parametrize("problem", [classes.moons, classes.digits])
def test_the_risk_of_classifiers_is_the_sum_of_its_parts(problem):
    found = problem(lab(classifiers=24)).differences
    assert found["cross-entropy"] < 1e-6
    assert max(found["Kohavi and Wolpert"], found["Domingos"]) < 1e-12


def test_variance_changes_the_error_as_domingos_says():
    """On digits the label is the best class: where the main prediction is wrong, variance cannot but help, else it cannot."""
    study = classes.digits(lab(classifiers=24))
    assert study.is_right.any()
    right, wrong = study.effects
    assert (right >= 0).all()
    assert (wrong <= 0).all()
