"""A trajectory of training against its exact answer: fifty stopping times of one compiled run."""

import jax
import numpy as np
import pytest

from jaxdl import decompose, truths
from jaxdl.truths.fixed_design import NOISE, inputs

TIMES = (*range(20), *range(20, 100, 8), *range(100, 1000, 50), 999, 1000)


@pytest.fixture(scope="module")
def exact_and_measured():
    study, exact = truths.stopped_descent(times=TIMES, num_labels=48, num_inits=128)
    result = decompose(study.trial, study.design, jax.random.key(3), target=study.target, dims=study.dims)
    return exact, result


def test_every_term_lies_within_four_standard_errors_at_fifty_times(exact_and_measured):
    exact, result = exact_and_measured
    assert len(TIMES) == len(set(TIMES)) == 50
    for term, value in exact.items():
        rounding = 1e-9 * np.abs(exact["risk"]).max()
        distance = np.abs(result.estimates[term] - value)
        assert distance.shape == (50,)
        assert (distance <= 4 * result.standard_errors[term] + rounding).all(), (term, distance)


def test_the_errors_of_a_trajectory_are_no_larger_than_they_need_to_be(exact_and_measured):
    """So that agreement within them says something: the risk is known to a few per cent at every time."""
    _, result = exact_and_measured
    assert (result.standard_errors["risk"][10:] < 0.05 * result.risk[10:]).all()


def test_the_exact_course_is_that_of_the_iteration_itself():
    """Mean and covariance of the weights, stepped one at a time, without a spectral filter."""
    _, exact = truths.stopped_descent(times=TIMES)
    x = inputs()
    shrink = np.eye(x.shape[1]) - 0.5 * x.T @ x / len(x)
    mean, of_start, of_labels = np.zeros(x.shape[1]), np.eye(x.shape[1]), np.zeros((x.shape[1], len(x)))
    for time in range(max(TIMES) + 1):
        if time in TIMES:
            index = TIMES.index(time)
            expected = {
                "bias_squared": np.mean((x @ (mean - 1)) ** 2),
                ("init",): np.sum((x @ of_start) ** 2) / len(x),
                ("labels",): NOISE * np.sum((x @ of_labels) ** 2) / len(x),
            }
            for term, value in expected.items():
                np.testing.assert_allclose(exact[term][index], value, rtol=1e-9, atol=1e-14)
        mean = shrink @ mean + 0.5 * x.T @ x.sum(axis=1) / len(x)
        of_start, of_labels = shrink @ of_start, shrink @ of_labels + 0.5 * x.T / len(x)
