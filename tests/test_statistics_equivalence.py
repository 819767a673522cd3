"""Proportions, equivalence and slopes, against SciPy, and against their coverage of what is known."""

import math

import numpy as np
import pytest
import scipy.stats

from jaxdl.statistics import (
    Verdict,
    equivalence_test,
    judge,
    log_slope,
    mean_interval,
    paired_t_test,
    slope,
    slope_interval,
    wilson_interval,
)


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (3, 8), (190, 200), (5, 5), (0, 1)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilson_interval_is_scipys(successes, trials, level):
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    low, high = wilson_interval(successes, trials, level=level)
    assert math.isclose(low, expected.low, abs_tol=1e-14)
    assert math.isclose(high, expected.high, rel_tol=1e-14)


def test_wilson_interval_ends_exactly_at_0_and_1_but_is_never_empty():
    for trials in range(1, 200):
        low, high = wilson_interval(np.array([0, trials]), trials)
        assert low[0] == 0
        assert high[1] == 1
        assert 0 < high[0] < 1
        assert 0 < low[1] < 1


def test_wilson_interval_covers_close_to_its_level_over_all_counts():
    trials, probability = 60, 0.2
    counts = np.arange(trials + 1)
    low, high = wilson_interval(counts, trials)
    chances = scipy.stats.binom.pmf(counts, trials, probability)
    # The exact coverage; it oscillates around the level by about one step of the law, whose largest chance is 0.13.
    assert abs(chances[(low <= probability) & (probability <= high)].sum() - 0.95) < 0.03


@pytest.mark.parametrize(("mean", "margin"), [(0.0, 0.5), (0.3, 0.5), (-0.3, 0.5), (0.8, 0.5)])
def test_equivalence_test_is_the_worse_one_of_two_one_sided_tests_of_scipy(mean, margin):
    differences = np.random.default_rng(0).normal(mean, 1.0, size=30)
    above = scipy.stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = scipy.stats.ttest_1samp(differences, margin, alternative="less").pvalue
    assert math.isclose(equivalence_test(differences, margin=margin), max(above, below), rel_tol=1e-10)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_equivalence_is_shown_exactly_when_the_interval_at_twice_the_level_lies_inside_the_margin(level):
    samples = np.random.default_rng(1).normal(0.1, 1.0, size=(40, 25))
    shown = [equivalence_test(each, margin=0.4) < level for each in samples]
    verdicts = [judge(mean_interval(each, level=1 - 2 * level), inside=(-0.4, 0.4)) for each in samples]
    assert shown == [verdict is Verdict.SUPPORTED for verdict in verdicts]
    assert 0 < sum(shown) < 40


def test_equivalence_is_rarely_shown_for_a_difference_at_the_margin_and_not_by_few_replicates():
    samples = np.random.default_rng(2).normal(0.5, 1.0, size=(2000, 30))
    errors = np.mean([equivalence_test(each, margin=0.5) < 0.05 for each in samples])
    assert abs(errors - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 2000)
    few = np.array([-1.0, 1.2, 0.1])
    assert paired_t_test(few, 0 * few) > 0.05  # no difference is found ...
    assert equivalence_test(few, margin=0.5) > 0.05  # ... and none is shown to be absent


def test_constant_differences_are_equivalent_when_they_are_inside_the_margin():
    p_values = [equivalence_test(np.full(3, value), margin=1.0) for value in (0.0, 0.5, -1.0, 2.0)]
    assert p_values == [0.0, 0.0, 0.5, 1.0]


def test_the_slope_is_that_of_linear_regression_on_the_mean():
    generator = np.random.default_rng(0)
    x = np.array([0.0, 1.0, 1.5, 4.0])
    samples = 2.0 * x + generator.normal(size=(20, 4))
    found, interval = slope(x, samples.mean(axis=0)), slope_interval(x, samples, seed=0)
    assert math.isclose(found, scipy.stats.linregress(x, samples.mean(axis=0)).slope, rel_tol=1e-12)
    assert interval.low < found < interval.high
    assert math.isclose(slope(x + 7.0, samples.mean(axis=0) - 3.0), found, rel_tol=1e-12)
    assert np.allclose(slope_interval(x + 7.0, samples - 3.0, seed=0), interval, rtol=1e-10)
    np.testing.assert_allclose(slope(x, samples), np.polyfit(x, samples.T, 1)[0], rtol=1e-10)


def test_the_interval_of_a_slope_is_close_to_the_normal_one_also_with_correlated_levels():
    """The levels of a replicate share an offset and a tilt, so that errors of the fit would say nothing."""
    generator = np.random.default_rng(3)
    x = np.arange(5.0)
    samples = generator.normal(size=(400, 1)) + x * generator.normal(size=(400, 1)) + generator.normal(size=(400, 5))
    slopes = np.polyfit(x, samples.T, 1)[0]
    error = slopes.std() / 20
    found, interval = slope(x, samples.mean(axis=0)), slope_interval(x, samples, seed=1, num_resamples=2000)
    assert math.isclose(found, slopes.mean(), rel_tol=1e-10)
    # A 2.5 % quantile of 2000 normal draws has a standard error of 0.06 sigma.
    expected = scipy.stats.norm(found, error).interval(0.95)
    assert np.abs(np.array(interval) - expected).max() < 4 * 0.06 * error


def test_the_exponent_of_a_power_law_survives_noise_that_makes_single_replicates_negative():
    sizes = np.array([10.0, 20.0, 40.0, 80.0])
    law = 3.0 / sizes
    samples = law * (1 + 2.0 * np.random.default_rng(4).normal(size=(2000, 4)))
    assert (samples < 0).any()
    found = log_slope(sizes, samples.mean(axis=0))
    interval = slope_interval(np.log(sizes), samples, seed=0, num_resamples=400, transform=np.log)
    # The mean of a level has a relative error of 2 / sqrt(2000), and so has its logarithm an absolute one.
    error = 2 / math.sqrt(2000) / np.sqrt(((np.log(sizes) - np.log(sizes).mean()) ** 2).sum())
    assert abs(found + 1) < 4 * error
    assert interval.low < -1 + 4 * error
    assert interval.high > -1 - 4 * error
    assert math.isclose(interval.high - interval.low, 2 * 1.96 * error, rel_tol=0.3)


def test_a_slope_is_unknown_when_a_mean_has_no_logarithm():
    samples = np.array([[1.0, 2.0], [1.0, -3.0]])
    interval = slope_interval(np.array([0.0, 1.0]), samples, seed=0, num_resamples=50, transform=np.log)
    assert math.isnan(log_slope([1.0, np.e], samples.mean(axis=0)))
    assert judge(interval, inside=(-1.0, 1.0)) is Verdict.INCONCLUSIVE


def test_a_slope_interval_depends_on_its_seed_alone():
    x, samples = np.arange(3.0), np.random.default_rng(0).normal(size=(9, 3))
    first, again, other = (slope_interval(x, samples, seed=seed, num_resamples=50) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilson_interval(5, 4), "successes: got 5 in 4 trials, expected between 0 and all"),
        (lambda: wilson_interval(0, 0), "at least 1 trial"),
        (lambda: wilson_interval(-1, 4), "expected between 0"),
        (lambda: wilson_interval(1, 4, level=95.0), "level: got 95.0"),
        (lambda: equivalence_test(np.ones(3), margin=0.0), "margin: got 0.0, expected .* positive"),
        (lambda: equivalence_test(np.ones(3), margin=math.nan), "margin: got nan"),
        (lambda: equivalence_test(np.ones(1), margin=1.0), "at least 2"),
        (
            lambda: slope_interval(np.ones(2), np.ones((3, 2)), seed=0),
            r"x: got \[1. 1.\], expected .* two differ",
        ),
        (lambda: slope_interval(np.arange(2.0), np.ones((1, 2)), seed=0), "at least 2"),
    ],
)
def test_bad_input_is_refused_with_a_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()
