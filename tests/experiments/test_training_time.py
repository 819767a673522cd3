"""Training time in its smallest setting: the times, the labels, the checks, and that every claim can fail."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import runner
from experiments.training_time import EXPERIMENT, Config, digits_trial, with_wrong_labels
from experiments.training_time_results import (
    BIAS,
    PARTS,
    RISK,
    VARIANCE,
    control_scores,
    log_times,
    measured,
    noise_of,
)

pytestmark = pytest.mark.thorough

SMALLEST = Config(
    num_digits=20, num_points=10, width=4, batch_size=10, num_steps=8, num_times=5, levels=(4, 3, 3), num_ensembles=12,
    control_levels=(16, 8),
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    return EXPERIMENT.measure(SMALLEST, runner.Options(progress=False))


@pytest.mark.parametrize(("num_steps", "num_times"), [(3, 3), (8, 5), (320, 25), (1000, 50), (50, 50)])
def test_times_are_as_many_as_asked_and_increase_from_the_start_to_the_end(num_steps, num_times):
    times = log_times(num_steps, num_times)
    assert len(times) == num_times
    assert (times[0], times[-1]) == (0, num_steps)
    assert (np.diff(times) > 0).all()


def test_gradient_descent_has_the_exact_terms_at_fifty_times_of_one_run(results):
    scores = control_scores(results)
    assert scores.shape == (7, 50)  # bias², three components, total variance, noise, risk
    assert (scores < 4).all()


def test_the_noise_is_the_variance_of_wrong_labels():
    _, mean = digits_trial(SMALLEST, (8,))
    np.testing.assert_allclose(mean.sum(axis=1), 1)
    np.testing.assert_allclose((mean * (1 - mean)).sum(axis=1), noise_of(SMALLEST))


def test_the_parts_and_the_noise_add_up_to_the_risk_at_every_time(results):
    parts = sum(measured(results, terms).estimate for terms in PARTS.values())
    np.testing.assert_allclose(parts + noise_of(SMALLEST), measured(results, RISK).estimate, rtol=1e-9)


def test_at_the_start_only_the_initialisation_varies(results):
    for name, terms in PARTS.items():
        estimate = measured(results, terms).estimate
        if "variance" in name and name != "variance: initialisation, order":
            assert abs(estimate[0]) < 1e-12 < abs(estimate[-1]), name


def test_built_ensembles_vary_less_the_larger_they_are(results):
    assert (np.diff(results["ensembles.built"][0]) < 0).all()


def test_ensembles_are_foretold_within_the_errors_of_both(results):
    (foretold, foretold_error), (built, built_error) = (
        results[f"ensembles.{name}"][:2] for name in ("forecast", "built")
    )
    assert (abs(foretold - built) < 4 * np.hypot(foretold_error, built_error)).all()


def test_everything_that_is_shown_is_made_from_the_results(results):
    first_cells = [line.split()[0] for line in EXPERIMENT.tables(SMALLEST, results).splitlines() if line]
    assert set(map(str, log_times(8, 5))) <= set(first_cells)
    assert set(EXPERIMENT.plot(SMALLEST, results)) == {"sources", "checks"}
    assert list(verdicts(results)) == ["TT1", "TT2", "TT3", "TT4", "TT5"]


def test_a_textbook_course_of_training_supports_every_claim(results):
    course = with_course(results, bias=(5, 4, 3, 2, 1), variance=(0, 0.1, 0.2, 3, 6))
    assert set(verdicts(course).values()) == {"supported"}


@pytest.mark.parametrize(
    ("number", "bias", "variance"),
    [
        ("TT2", (5, 4, 3, 2, 1), (6, 5, 4, 3, 2)),
        ("TT3", (9, 8, 7, 6, 1), (0, 0, 0, 1, 2)),
        ("TT4", (5, 4, 3, 4, 5), (0, 1, 2, 3, 4)),
    ],
)  # fmt: skip
def test_a_claim_is_refuted_by_the_opposite_course_of_training(results, number, bias, variance):
    assert verdicts(with_course(results, bias=bias, variance=variance))[number] == "refuted"


@pytest.mark.parametrize(("number", "name"), [("TT1", "control.estimates"), ("TT5", "ensembles.forecast")])
def test_a_check_is_refuted_by_numbers_that_are_twice_what_they_should_be(results, number, name):
    course = with_course(results, bias=(5, 4, 3, 2, 1), variance=(0, 0.1, 0.2, 3, 6))
    assert verdicts({**course, name: 2 * course[name]})[number] == "refuted"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label_noise": 0.0}, "label_noise 0.0"),
        ({"num_points": 600}, "2 to 597 test digits"),
        ({"levels": (8, 2, 8)}, "at least 3 of each"),
        ({"num_times": 400}, "400 times in 320 steps"),
    ],
)
def test_configurations_that_cannot_be_measured_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Config(), **changes)


def test_labels_are_wrong_as_often_as_said_and_then_any_other_class_alike(key):
    right = jnp.arange(20_000) % 10
    offsets = np.asarray(with_wrong_labels(key, right, 0.2, 10) - right) % 10
    counts = np.bincount(offsets, minlength=10)
    expected = 20_000 * np.array([0.8, *np.full(9, 0.2 / 9)])
    assert (abs(counts - expected) < 4 * np.sqrt(expected)).all()


def verdicts(results):
    return {claim.number: claim.verdict for claim in EXPERIMENT.claims(SMALLEST, results)}


def with_course(results, *, bias, variance):
    """The results with another course of bias² and variance, the latter all of wrong labels, and hardly any error."""
    terms = list(results["training.terms"])
    course = dict(results)
    rng = np.random.default_rng(0)
    for name in ("training.estimates", *(name for name in results if name.startswith("training.without"))):
        values = np.zeros_like(results[name])
        values[terms.index(BIAS[0])] = bias
        for term in (VARIANCE[0], "variance[data, labels]"):
            values[terms.index(term)] = variance
        values[terms.index(RISK[0])] = np.add(bias, variance)
        course[name] = values + (0 if name == "training.estimates" else 1e-6 * rng.normal(size=values.shape))
    for name, error in (("control.estimates", 0), ("ensembles.built", 1e-4), ("ensembles.forecast", 1e-4)):
        if name == "control.estimates":
            course[name] = results["control.exact"]
        else:
            values = np.array([0.5, 0.4, 0.3, 0.25, 0.2])
            course[name] = np.stack([values, np.full(5, error), values - error, values + error])
    return course
