"""What the claims about capacity share: polynomials against exact terms, classifiers against Domingos."""

import numpy as np
import pytest

from experiments.bias_variance import classes, polynomials
from experiments.book.lab import Lab

pytestmark = pytest.mark.thorough


def lab(**sizes):
    return Lab("bias_variance", {"seed": 0, **sizes})


def test_measured_terms_agree_with_the_exact_ones():
    for degree, outputs in enumerate(polynomials.by_degree(lab(runs=400)).outputs):
        result = polynomials.decomposed(outputs)
        for term, exact in zip(("bias_squared", "total_variance"), polynomials.exact_terms(degree), strict=True):
            assert abs(result[term] - exact) < 4 * result.standard_errors[term]


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
