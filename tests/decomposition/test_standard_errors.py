"""Standard errors: against the exact variance of the estimators, and by the coverage of the intervals."""

import numpy as np
import pytest

from jaxdl.decomposition import Target, crossed, squared_error

# x: 50 points on [0, 1], covariance 0.3 exp(-(x - x')²/(2 0.1²)), bias 0.3 sin 3x.
X = np.linspace(0, 1, 50)
COVARIANCE = 0.3 * np.exp(-((X[:, None] - X) ** 2) / (2 * 0.1**2))
BIAS = 0.3 * np.sin(3 * X)
ROOT = np.linalg.cholesky(COVARIANCE + 1e-12 * np.eye(50))


def draws(rng, shape):
    shape = (shape,) if isinstance(shape, int) else shape
    return BIAS + rng.normal(size=(*shape, 50)) @ ROOT.T


def exact_variances(num_runs):
    """Of bias² and of the variance, each as (linear part, degenerate part) of a U-statistic of degree two.

    Var(bias²) = (4 b'Cb/K + 2 tr(C²)/(K(K-1)))/M² for any distribution; Var(V) = (2 tr(C²)/K + 2 tr(C²)/(K(K-1)))/M² for a
    Gaussian one.
    """
    traces = np.trace(COVARIANCE @ COVARIANCE)
    degenerate = 2 * traces / (num_runs * (num_runs - 1)) / 50**2
    return {
        "bias_squared": (4 * BIAS @ COVARIANCE @ BIAS / num_runs / 50**2, degenerate),
        "total_variance": (2 * traces / num_runs / 50**2, degenerate),
    }


def test_the_exact_standard_deviations_are_the_published_ones():
    deviations = [np.sqrt(sum(exact_variances(num_runs)["bias_squared"])) for num_runs in (5, 10, 30, 100)]
    np.testing.assert_allclose(deviations, [0.06395, 0.04042, 0.02166, 0.01156], rtol=4e-4)


@pytest.mark.parametrize("num_runs", [5, 10, 30])
def test_the_estimators_have_their_exact_variances_and_the_jackknife_its_exact_mean(num_runs):
    """Leaving one of K runs out estimates the linear part without bias and 2 (K - 1)/(K - 2) times the degenerate part."""
    result = grouped_results(num_runs, 600)
    for term, (linear, degenerate) in exact_variances(num_runs).items():
        values = result.estimates[term]
        kurtosis = ((values - values.mean()) ** 4).mean() / values.var() ** 2
        assert abs(values.var(ddof=1) / (linear + degenerate) - 1) < 4 * np.sqrt((kurtosis - 1) / len(values))
        squares = result.standard_errors[term] ** 2
        expected = linear + 2 * (num_runs - 1) / (num_runs - 2) * degenerate
        assert abs(squares.mean() - expected) < 4 * squares.std(ddof=1) / np.sqrt(len(squares))


def coverage(result, truth):
    """Over repetitions, which are on the axis of times."""
    return {
        term: np.mean((result.intervals[term].low <= exact) & (exact <= result.intervals[term].high))
        for term, exact in truth.items()
    }


def crossed_results(size, num_repetitions):
    """Every effect a draw with the covariance above, scaled to V_data 0.3, V_init 0.15 and interaction 0.15."""
    rng, n = np.random.default_rng(0), num_repetitions
    f = draws(rng, (size, 1, n)) + np.sqrt(0.5) * (draws(rng, (1, size, n)) + draws(rng, (size, size, n)) - 2 * BIAS)
    return squared_error(f, factors=("data", "init"), dims=("times", "points"), target=Target(mean=np.zeros(50)))


CROSSED_TRUTH = {
    ("data",): 0.3,
    ("init",): 0.15,
    ("data", "init"): 0.15,
    "bias_squared": (BIAS**2).mean(),
    "total_variance": 0.6,
}


@pytest.mark.thorough
@pytest.mark.parametrize("size", [8, 16])
def test_crossed_intervals_cover(size):
    for term, share in coverage(crossed_results(size, 400), CROSSED_TRUTH).items():
        assert 0.87 <= share <= 0.998, (term, share)


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 16])
def test_crossed_intervals_cover_over_many_repetitions(size):
    for term, share in coverage(crossed_results(size, 2000), CROSSED_TRUTH).items():
        assert 0.89 <= share <= 0.995, (term, share)


def grouped_results(num_runs, num_repetitions):
    f = draws(np.random.default_rng(num_runs), (num_runs, num_repetitions))
    return squared_error(f, factors=("data",), dims=("times", "points"), target=Target(mean=np.zeros(50)))


GROUPED_TRUTH = {"bias_squared": (BIAS**2).mean(), "total_variance": 0.3}


@pytest.mark.parametrize("num_runs", [30, 200])
def test_grouped_intervals_cover(num_runs):
    for term, share in coverage(grouped_results(num_runs, 400), GROUPED_TRUTH).items():
        assert 0.87 <= share <= 0.998, (term, share)


@pytest.mark.slow
@pytest.mark.parametrize("num_runs", [30, 200, 1000])
def test_grouped_intervals_cover_over_many_repetitions(num_runs):
    for term, share in coverage(grouped_results(num_runs, 2000), GROUPED_TRUTH).items():
        assert 0.89 <= share <= 0.995, (term, share)


def test_nested_intervals_cover():
    rng = np.random.default_rng(0)
    f = draws(rng, (40, 1, 400)) + np.sqrt(0.5) * (draws(rng, (40, 4, 400)) - BIAS)
    target = Target(mean=np.zeros(50))
    result = squared_error(f, factors=("data", "init"), nested=True, dims=("times", "points"), target=target)
    truth = {("data",): 0.3, ("init(data)",): 0.15, "bias_squared": (BIAS**2).mean()}
    for term, share in coverage(result, truth).items():
        assert 0.87 <= share <= 0.998, (term, share)


def test_deleted_levels_equal_deleting_them():
    """The jackknife replicates come from one pass; here each level is really deleted."""
    rng = np.random.default_rng(1)
    f = rng.normal(size=(5, 4, 3, 6))
    target = Target(mean=rng.normal(size=6), noise=0.2)
    result = squared_error(f, factors=("a", "b", "c"), target=target)
    for axis, factor in enumerate("abc"):
        for level in range(f.shape[axis]):
            deleted = squared_error(np.delete(f, level, axis), factors=("a", "b", "c"), target=target)
            for term, value in deleted.estimates.items():
                np.testing.assert_allclose(result.replicates[factor][term][level], value, rtol=1e-9, atol=1e-12)


def test_per_point_standard_errors_are_those_of_the_point_alone():
    f = np.random.default_rng(2).normal(size=(6, 5, 4))
    whole = squared_error(f, factors=("a", "b"), target=Target(mean=np.zeros(4)))
    for point in range(4):
        alone = squared_error(f[..., [point]], factors=("a", "b"), target=Target(mean=np.zeros(1)))
        for term in alone.estimates:
            np.testing.assert_allclose(
                whole.per_point.standard_errors[term][point], alone.standard_errors[term], rtol=1e-10
            )


def test_points_drawn_anew_have_wider_intervals():
    f = np.random.default_rng(3).normal(size=(20, 30))
    mean = np.random.default_rng(4).normal(size=30)
    fixed = squared_error(f, factors=("data",), target=Target(mean=mean))
    drawn = squared_error(f, factors=("data",), target=Target(mean=mean), random_points=True)
    assert drawn.standard_errors["bias_squared"] > fixed.standard_errors["bias_squared"]
    assert drawn.populations["bias_squared"] != fixed.populations["bias_squared"]


@pytest.mark.thorough
def test_labels_drawn_anew_widen_only_the_terms_that_depend_on_them():
    """Over labels and models together, intervals of bias² from replicates cover; the variance does not see labels."""
    rng = np.random.default_rng(5)
    holds = []
    for _ in range(80):
        labels = 0.5 * rng.normal(size=(2, 50))
        result = squared_error(draws(rng, 30), factors=("data",), target=Target(replicates=labels))
        holds.append(list(coverage(result, {"bias_squared": (BIAS**2).mean(), "noise": 0.25}).values()))
    assert (np.mean(holds, axis=0) >= 0.87).all(), np.mean(holds, axis=0)


def test_results_do_not_depend_on_how_many_points_are_taken_at_a_time(monkeypatch):
    arguments = {"factors": ("data", "init"), "target": Target(mean=np.zeros(6))}
    predictions = np.random.default_rng(0).normal(size=(5, 4, 6))
    whole = squared_error(predictions, **arguments)
    monkeypatch.setattr(crossed, "CHUNK_BYTES", 1)
    by_point = squared_error(predictions, **arguments)
    for term, interval in whole.intervals.items():
        np.testing.assert_allclose(by_point.intervals[term], interval, rtol=1e-10)
