"""Learning curves: exact curves are found exactly, intervals cover, and what cannot be fitted is refused."""

import math

import numpy as np
import pytest
from scipy.optimize import curve_fit

from jaxdl.learning_curves import (
    EXPONENTS,
    fit,
    predictive_interval,
    risk_at,
    size_needed,
    size_needed_interval,
)

SIZES = np.array([20.0, 40.0, 80.0, 160.0, 320.0])
CURVES = [(0.09, 0.36, 1.0), (0.0, 0.5, 0.5), (1.0, 40.0, 1.7), (0.2, 3.0, 0.2), (1e-4, 1e3, 2.0)]


def power_law(sizes, floor, amplitude, exponent):
    return floor + amplitude * sizes**-exponent


@pytest.mark.parametrize("truth", CURVES)
@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_an_exact_curve_is_found_exactly_in_any_unit(truth, unit):
    risks = unit * power_law(SIZES, *truth)
    curve = fit(SIZES, risks, 0.01 * risks)
    found = np.array([curve.floor / unit, curve.amplitude / unit, curve.exponent])
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-6)
    assert curve.misfit > 0.999
    np.testing.assert_allclose(risk_at(curve, 1280), unit * power_law(1280.0, *truth), rtol=1e-5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_fit_is_that_of_scipy_started_at_the_truth(seed):
    truth = (0.09, 0.36, 1.0)
    errors = 0.02 * power_law(SIZES, *truth)
    risks = power_law(SIZES, *truth) + errors * np.random.default_rng(seed).normal(size=5)
    curve = fit(SIZES, risks, errors)
    expected, _ = curve_fit(power_law, SIZES, risks, p0=truth, sigma=errors, bounds=([0, 0, 0.05], [np.inf, np.inf, 4]))
    found = power_law(SIZES, curve.floor, curve.amplitude, curve.exponent)
    np.testing.assert_allclose(found, power_law(SIZES, *expected), rtol=1e-5)


def test_precise_risks_decide_and_imprecise_ones_do_not():
    risks = power_law(SIZES, 0.1, 2.0, 1.0)
    wrong = risks + np.array([0.0, 0.0, 0.0, 0.0, 0.5])
    curve = fit(SIZES, wrong, np.array([1e-3, 1e-3, 1e-3, 1e-3, 1e3]))
    np.testing.assert_allclose(risk_at(curve, 320), risks[-1], rtol=1e-4)


def test_the_floor_is_never_below_the_smallest_possible_risk_and_the_curve_never_rises():
    assert fit(SIZES, 1 - 0.1 * np.log(SIZES), np.full(5, 0.01)).floor == 0
    rising = fit(SIZES, SIZES / 320, np.full(5, 0.1))
    assert rising.amplitude == 0
    np.testing.assert_allclose(rising.floor, SIZES.mean() / 320)
    assert fit(SIZES, -1 + 1 / SIZES, np.full(5, 0.01), smallest_floor=-math.inf).floor == pytest.approx(-1)


def test_exponents_stay_within_the_searched_range():
    flat, steep = 1 - 1e-3 * np.log(SIZES), 1 + np.exp(-SIZES)
    for risks in (flat, steep):
        assert EXPONENTS[0] <= fit(SIZES, risks, np.full(5, 1e-6), smallest_floor=-math.inf).exponent <= EXPONENTS[1]


def test_what_is_no_power_law_has_a_misfit_and_what_is_one_has_a_uniform_one():
    bent = np.array([1.0, 0.99, 0.9, 0.2, 0.19])
    assert fit(SIZES, bent, np.full(5, 0.01)).misfit < 1e-6
    rng = np.random.default_rng(0)
    risks = power_law(SIZES, 0.5, 10.0, 1.0)
    errors = 0.01 * risks
    misfits = [fit(SIZES, risks + errors * rng.normal(size=5), errors).misfit for _ in range(200)]
    assert abs(np.mean(misfits) - 0.5) < 4 * math.sqrt(1 / 12 / 200)


@pytest.mark.thorough
@pytest.mark.parametrize("degrees_of_freedom", [math.inf, 9])
def test_the_predictive_interval_covers_a_new_measurement_as_often_as_it_says(degrees_of_freedom):
    truth, num_repeats, rng = (0.09, 0.36, 1.0), 120, np.random.default_rng(0)
    sizes = np.append(SIZES, 1280.0)
    expected = power_law(sizes, *truth)
    num_covered = 0
    for seed in range(num_repeats):
        errors = 0.05 * expected
        risks = expected + errors * rng.normal(size=6)
        if math.isfinite(degrees_of_freedom):
            errors *= np.sqrt(rng.chisquare(degrees_of_freedom, size=6) / degrees_of_freedom)
        curve = fit(SIZES, risks[:5], errors[:5], degrees_of_freedom=degrees_of_freedom)
        low, high = predictive_interval(curve, 1280, standard_error=errors[5], num_resamples=150, seed=seed)
        num_covered += low <= risks[5] <= high
    assert abs(num_covered / num_repeats - 0.9) < 4 * math.sqrt(0.9 * 0.1 / num_repeats)


def test_intervals_widen_with_the_errors_the_level_and_the_distance_and_repeat_by_seed():
    risks = power_law(SIZES, 0.1, 2.0, 1.0)
    curves = [fit(SIZES, risks, error * risks) for error in (0.01, 0.05)]

    def width(curve, size=1280, **options):
        low, high = predictive_interval(curve, size, num_resamples=200, **options)
        return high - low

    assert width(curves[0]) < width(curves[1])
    assert width(curves[0]) < width(curves[0], level=0.99)
    assert width(curves[0]) < width(curves[0], standard_error=0.05)
    assert width(curves[0], 320) < width(curves[0], 5120)
    assert width(curves[0], seed=1) == width(curves[0], seed=1) != width(curves[0], seed=2)


@pytest.mark.parametrize("truth", CURVES[:4])
def test_the_size_needed_is_the_inverse_of_the_risk(truth):
    risks = power_law(SIZES, *truth)
    curve = fit(SIZES, risks, 0.01 * risks)
    for size in (10.0, 1000.0):
        assert size_needed(curve, risk_at(curve, size)) == pytest.approx(size, rel=1e-6)


def test_no_size_reaches_the_floor_and_an_uncertain_floor_leaves_the_size_unbounded():
    risks = power_law(SIZES, 0.1, 2.0, 1.0)
    precise, vague = (fit(SIZES, risks, error * risks) for error in (1e-4, 0.1))
    assert size_needed(precise, 0.099) == size_needed(precise, 0.05) == math.inf
    low, high = size_needed_interval(precise, 0.102, num_resamples=200)
    assert low < 1000 < high < math.inf
    low, high = size_needed_interval(vague, 0.102, num_resamples=200)
    assert low < 1000
    assert high == math.inf


@pytest.mark.parametrize(
    ("sizes", "risks", "errors", "options", "words"),
    [
        (SIZES[:2], np.ones(2), np.ones(2), {}, "at least 3"),
        (np.array([20.0, 20.0, 40.0]), np.ones(3), np.ones(3), {}, "all different"),
        (np.array([0.0, 20.0, 40.0]), np.ones(3), np.ones(3), {}, "positive numbers"),
        (SIZES, np.full(5, np.nan), np.ones(5), {}, "risks: got .*, expected finite"),
        (SIZES, np.ones(5), np.zeros(5), {}, "standard_errors: got .*, expected finite numbers above 0"),
        (SIZES, np.ones(5), np.ones(5), {"degrees_of_freedom": 0}, "degrees_of_freedom: got 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(sizes, risks, errors, options, words):
    with pytest.raises(ValueError, match=words):
        fit(sizes, risks, errors, **options)


def test_intervals_refuse_levels_sizes_and_resamples_that_make_none():
    curve = fit(SIZES, power_law(SIZES, 0.1, 2.0, 1.0), np.ones(5))
    with pytest.raises(ValueError, match="level: got 1"):
        predictive_interval(curve, 1280, level=1.0, num_resamples=2)
    with pytest.raises(ValueError, match=r"size: got .*, expected a positive"):
        predictive_interval(curve, 0)
    with pytest.raises(ValueError, match="num_resamples: got 0"):
        size_needed_interval(curve, 0.2, num_resamples=0)
