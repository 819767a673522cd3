"""Intervals, tests and verdicts, against SciPy and against enumeration."""

import ast
import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from jaxdl import statistics
from jaxdl.statistics import Interval, Verdict


def test_infinite_degrees_of_freedom_are_the_normal_law():
    low, high = statistics.t_interval(0.0, 1.0, math.inf)
    assert math.isclose(high, scipy.stats.norm.ppf(0.975), rel_tol=1e-12)
    assert low == -high


def test_t_interval_is_elementwise_and_unknown_where_the_standard_error_is():
    estimate, error, degrees = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, np.nan]), np.array([3, 9, 3])
    interval = statistics.t_interval(estimate, error, degrees, level=0.9)
    for i in range(2):
        assert np.allclose(
            (interval.low[i], interval.high[i]), scipy.stats.t(degrees[i], estimate[i], error[i]).interval(0.9)
        )
    assert np.isnan(interval.low[2])
    assert np.isnan(statistics.t_interval(1.0, 1.0, 0).low)


def test_mean_interval_covers_at_its_level():
    samples = np.random.default_rng(0).normal(size=(6, 4000))
    low, high = statistics.mean_interval(samples, level=0.9)
    coverage = ((low < 0) & (high > 0)).mean()
    assert abs(coverage - 0.9) < 4 * math.sqrt(0.9 * 0.1 / 4000)


def test_bootstrap_interval_of_a_mean_is_close_to_the_normal_one():
    samples = np.random.default_rng(0).normal(size=(400, 2))
    interval = statistics.bootstrap_interval(samples, statistic=lambda s: s.mean(axis=0), num_resamples=2000, seed=1)
    expected = statistics.t_interval(samples.mean(axis=0), samples.std(axis=0) / 20, math.inf)
    # A 2.5 % quantile of 2000 normal draws has a standard error of sqrt(.025 * .975 / 2000) / density = 0.06 sigma.
    assert np.abs(np.array(interval) - np.array(expected)).max() < 4 * 0.06 * samples.std() / 20


def test_the_bootstrap_keeps_pairs_together_and_depends_on_its_seed_alone():
    x = np.random.default_rng(0).normal(size=30)
    settings = {"statistic": lambda a, b: (a - b).mean(), "num_resamples": 50}
    assert statistics.bootstrap_interval(x + 1.0, x, seed=0, **settings) == pytest.approx((1.0, 1.0))
    spread = {"statistic": np.mean, "num_resamples": 50}
    first, again, other = (statistics.bootstrap_interval(x, seed=seed, **spread) for seed in (0, 0, 1))
    assert first == again != other


def test_paired_t_test_is_scipys():
    generator = np.random.default_rng(0)
    a, b = generator.normal(0.3, 1.0, size=20), generator.normal(size=20)
    expected = scipy.stats.ttest_rel(a, b, alternative="greater").pvalue
    assert math.isclose(statistics.paired_t_test(a, b), expected, rel_tol=1e-10)
    assert math.isclose(statistics.paired_t_test(b, a), 1 - expected, rel_tol=1e-10)


def test_a_constant_difference_is_certain():
    ones = np.ones(3)
    p_values = [statistics.paired_t_test(ones, other) for other in (0 * ones, ones, 2 * ones)]
    assert p_values == [0.0, 0.5, 1.0]


def test_sign_test_is_the_binomial_test_without_ties():
    a = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 7.0])
    b = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 1.0, 1.0])
    assert math.isclose(statistics.sign_test(a, b), scipy.stats.binomtest(5, 6, alternative="greater").pvalue)


def test_rank_correlation_is_scipys_also_with_ties():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=12).round(0), generator.normal(size=12).round(1)
    assert math.isclose(statistics.rank_correlation(x, y), scipy.stats.spearmanr(x, y).statistic, rel_tol=1e-12)
    assert math.isnan(statistics.rank_correlation(x, 0 * y))


def test_trend_test_of_one_series_is_kendalls_exact_test():
    values = np.random.default_rng(0).normal(size=7)
    for series in (values, -values, np.sort(values)):
        expected = scipy.stats.kendalltau(np.arange(7), series, method="exact", alternative="greater").pvalue
        assert math.isclose(statistics.trend_test(series[None]), expected, rel_tol=1e-10)


def test_trend_test_of_two_replicates_counts_all_pairs_of_orders():
    orders = np.array(list(itertools.permutations(range(4))), dtype=float)
    increasing = np.array([[row[i] < row[j] for i, j in itertools.combinations(range(4), 2)] for row in orders]).sum(1)
    totals = increasing[:, None] + increasing[None, :]
    for first, second in [(0, 0), (3, 20), (23, 23), (5, 11)]:
        expected = (totals >= totals[first, second]).mean()
        assert math.isclose(statistics.trend_test(orders[[first, second]]), expected, rel_tol=1e-12)


def test_trend_test_takes_thousands_of_replicates_and_ties_count_against_the_trend():
    values = np.random.default_rng(0).normal(size=(2000, 6))
    assert 0.001 < statistics.trend_test(values) < 0.999
    assert 0 <= statistics.trend_test(values + 0.1 * np.arange(6)) < 1e-12
    assert math.isclose(statistics.trend_test(np.zeros((2, 4))), 1.0)


def test_holm_is_the_smallest_level_at_which_the_step_down_procedure_rejects():
    p_values = np.array([0.001, 0.3, 0.012, 0.02, 0.025])
    adjusted = statistics.holm(p_values)
    assert np.allclose(adjusted, [0.005, 0.3, 0.048, 0.06, 0.06])


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.1, 0.2), Verdict.SUPPORTED),
        ((0.0, 1.0), Verdict.SUPPORTED),
        ((-0.1, 0.2), Verdict.INCONCLUSIVE),
        ((-1.0, 2.0), Verdict.INCONCLUSIVE),
        ((1.1, 2.0), Verdict.REFUTED),
        ((-2.0, -0.1), Verdict.REFUTED),
        ((math.nan, math.nan), Verdict.INCONCLUSIVE),
    ],
)
def test_the_interval_decides_against_the_region(interval, verdict):
    assert statistics.judge(Interval(*interval), inside=(0.0, 1.0)) is verdict


def test_a_test_decides_only_when_one_direction_is_rejected():
    verdicts = [statistics.judge_test(p, 1 - p) for p in (0.001, 0.5, 0.999)]
    assert verdicts == [Verdict.SUPPORTED, Verdict.INCONCLUSIVE, Verdict.REFUTED]
    assert statistics.judge_test(math.nan, math.nan) is Verdict.INCONCLUSIVE


def test_a_claim_of_several_parts_is_as_good_as_its_worst():
    supported, refuted, unknown = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.INCONCLUSIVE
    assert statistics.judge_all([supported, supported]) is supported
    assert statistics.judge_all([supported, unknown, refuted]) is refuted
    assert statistics.judge_all([supported, unknown]) is unknown


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.judge(Interval(0.0, 1.0), inside=(1.0, 0.0)), "lower end first"),
        (lambda: statistics.judge_all([]), "at least one"),
        (lambda: statistics.mean_interval(np.ones(1)), r"samples: got shapes \[\(1,\)\], expected .* at least 2"),
        (lambda: statistics.t_interval(0.0, 1.0, 3, level=95.0), "level: got 95.0, expected a probability"),
        (
            lambda: statistics.bootstrap_interval(np.ones(2), statistic=max, num_resamples=0, seed=0),
            "num_resamples",
        ),
        (
            lambda: statistics.bootstrap_interval(np.ones(3), np.ones(4), statistic=np.mean, num_resamples=9, seed=0),
            "one number of replicates",
        ),
        (lambda: statistics.sign_test(np.ones(1), np.ones(1)), "one length, at least 2"),
        (lambda: statistics.trend_test(np.ones((3, 1))), "2 levels"),
    ],
)
def test_bad_input_is_refused_with_a_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_module_computes_with_numpy_and_scipy_alone():
    allowed = {*sys.stdlib_module_names, "numpy", "scipy", "jaxtyping"}
    for path in Path(statistics.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert all(
                name.split(".")[0] in allowed
                or name.startswith(tuple(f"jaxdl.{own}" for own in ("statistics", "admission", "kinds", "narrowing")))
                for name in names
            )


def test_whole_numbers_and_booleans_neither_wrap_around_nor_cut_off():
    """Unsigned bytes have no -1, their products end at 255; a margin of 0.3 beside whole numbers is no 0."""
    a, b = np.array([1, 2, 4, 3], np.uint8), np.array([2, 4, 5, 5], np.uint8)
    assert statistics.paired_t_test(a, b) == statistics.paired_t_test(a.astype(float), b.astype(float)) > 0.5
    assert statistics.wilson_interval(np.uint8(200), np.uint8(250)) == statistics.wilson_interval(200, 250)
    differences = np.array([0, 1, 0, -1])
    assert statistics.equivalence_test(differences, margin=0.9) == statistics.equivalence_test(
        1.0 * differences, margin=0.9
    )
    wins = np.array([True, True, False, True])
    assert statistics.paired_t_test(wins, ~wins) == statistics.paired_t_test(1.0 * wins, 1.0 - wins)
    np.testing.assert_array_equal(statistics.holm([0, 1]), [0.0, 1.0])
    large = np.full(3, 40_000, np.float16) * np.array([1, 1.5, 1], np.float16)
    assert statistics.mean_interval(large) == statistics.mean_interval(large.astype(float))


@pytest.mark.parametrize("test", [statistics.paired_t_test, statistics.sign_test, statistics.rank_correlation])
def test_an_answer_that_hangs_on_a_nan_is_nan(test):
    assert math.isnan(test(np.array([1.0, np.nan, 3.0]), np.array([0.0, 1.0, 2.0])))


@pytest.mark.parametrize(
    "call",
    [
        lambda: statistics.t_interval(0.0, -1.0, 3),
        lambda: statistics.wilson_interval(True, 3),
        lambda: statistics.wilson_interval([True, False], 1),
        lambda: statistics.wilson_interval(1.5, 3),
        lambda: statistics.holm([0.1, 1.5]),
        lambda: statistics.holm([0.1, -0.5]),
        lambda: statistics.trend_test(np.arange(3.0)),
        lambda: statistics.slope_interval([1.0, np.inf], np.ones((3, 2)), seed=0),
    ],
)
def test_numbers_that_mean_nothing_are_refused(call, unchecked):
    with pytest.raises(ValueError, match=r"^(standard_error|successes|p_values|values|x): got "):
        call()


@pytest.mark.parametrize("shape", [(12, 20), (40, 8)])
@pytest.mark.parametrize("effects", [(1.0, 1.0, 1.0), (1.0, 0.0, 1.0), (0.0, 0.5, 1.0)])
def test_two_way_intervals_hold_the_mean_of_other_rows_and_columns(shape, effects):
    generator, (rows, columns) = np.random.default_rng(0), shape
    held = [
        low < 0 < high
        for low, high in (
            statistics.two_way(
                effects[0] * generator.normal(size=(rows, 1))
                + effects[1] * generator.normal(size=(1, columns))
                + effects[2] * generator.normal(size=shape)
            ).interval
            for _ in range(400)
        )
    ]
    assert np.mean(held) > 0.95 - 4 * (0.95 * 0.05 / 400) ** 0.5


def test_a_two_way_table_of_truth_values_has_none_masked():
    with pytest.raises(ValueError, match="masked"):
        statistics.two_way(np.ma.masked_array([[True, False], [True, True]], [[False, False], [True, False]]))
    assert statistics.two_way([[True, False], [True, True]]).estimate == 0.75


def test_a_two_way_table_needs_two_of_each():
    with pytest.raises(ValueError, match="at least two rows"):
        statistics.two_way(np.ones((1, 5)))
