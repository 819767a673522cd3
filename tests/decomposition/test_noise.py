"""Noise estimators are quadratic in the labels, so that 2n noise vectors of covariance one give their exact expectation."""

import numpy as np
import pytest
from scipy import stats

from jaxdl.decomposition import Target, squared_error
from jaxdl.decomposition.noise import (
    NoiseEstimate,
    gasser_sroka_jennen_steinmetz,
    hall_kay_titterington,
    nearest_neighbor,
    replicates,
    residual,
    rice,
)
from jaxdl.decomposition.noise_bracket import bias_squared_interval, bracket

DIFFERENCES = {
    "rice": rice,
    "gasser": gasser_sroka_jennen_steinmetz,
    "hall": hall_kay_titterington,
    "neighbour": nearest_neighbor,
}
NOISE = 0.49


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def x(rng):
    return rng.permutation(np.cumsum(rng.exponential(size=14)))[:, None]


def expectation(estimate, mean, noise=NOISE):
    """E estimate(mean + e), exactly, for any e with covariance noise · I."""
    steps = np.sqrt(len(mean) * noise) * np.eye(len(mean))[:, :, None]
    return np.mean([estimate(mean + sign * step).estimate for step in steps for sign in (-1, 1)])


def quadratic_form(estimate, num_rows):
    """The matrix A of estimate(y) = y' A y, by polarisation."""
    basis = np.eye(num_rows)
    diagonal = np.array([estimate(row[:, None]).estimate for row in basis])
    form = np.diag(diagonal)
    for i in range(num_rows):
        for j in range(i):
            form[i, j] = form[j, i] = (
                estimate((basis[i] + basis[j])[:, None]).estimate - diagonal[i] - diagonal[j]
            ) / 2
    return form


def test_what_rice_errs_by_is_the_roughness_between_neighbours(x):
    mean = np.sin(x)
    steps = np.diff(np.sin(np.sort(x, axis=0)), axis=0)
    known = NOISE + (steps**2).sum() / (2 * (len(x) - 1))
    np.testing.assert_allclose(expectation(lambda y: rice(x, y), mean), known, rtol=1e-12)


def test_what_gasser_errs_by_is_the_distance_from_chords(x):
    inputs, mean = np.sort(x[:, 0]), lambda x: np.sin(x)
    squares = []
    for before, here, after in zip(inputs[:-2], inputs[1:-1], inputs[2:], strict=True):
        share = (here - before) / (after - before)
        chord = (1 - share) * mean(before) + share * mean(after)
        squares.append((chord - mean(here)) ** 2 / ((1 - share) ** 2 + share**2 + 1))
    known = NOISE + np.mean(squares)
    np.testing.assert_allclose(expectation(lambda y: gasser_sroka_jennen_steinmetz(x, y), mean(x)), known, rtol=1e-12)


def test_what_hall_errs_by_is_the_differences_of_the_mean(x):
    mean = np.sin(np.sort(x[:, 0]))
    differences = 0.80901699437 * mean[:-2] - 0.5 * mean[1:-1] - 0.30901699437 * mean[2:]
    known = NOISE + np.mean(differences**2)
    np.testing.assert_allclose(expectation(lambda y: hall_kay_titterington(x, y), np.sin(x)), known, rtol=1e-9)


def test_what_the_nearest_neighbour_errs_by_is_the_step_to_it(rng):
    x = rng.normal(size=(15, 3))
    mean = x.sum(axis=1, keepdims=True) ** 2
    distances = np.linalg.norm(x[:, None] - x[None], axis=-1) + np.diag(np.full(len(x), np.inf))
    steps = mean - mean[distances.argmin(axis=1)]
    known = NOISE + np.mean(steps**2) / 2
    np.testing.assert_allclose(expectation(lambda y: nearest_neighbor(x, y), mean), known, rtol=1e-12)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_constant_mean_leaves_no_bias(name, x):
    mean = np.full_like(x, 3.0)
    np.testing.assert_allclose(expectation(lambda y: DIFFERENCES[name](x, y), mean), NOISE, rtol=1e-12)


def test_gasser_alone_is_unbiased_for_a_straight_line_at_any_spacing(x):
    mean = 2 - 0.7 * x
    exact = {name: expectation(lambda y, f=f: f(x, y), mean) for name, f in DIFFERENCES.items()}
    np.testing.assert_allclose(exact.pop("gasser"), NOISE, rtol=1e-12)
    assert min(exact.values()) > 1.1 * NOISE


def test_at_equal_spacing_gasser_is_two_thirds_of_the_mean_square_second_difference(rng):
    y = rng.normal(size=(9, 1))
    known = 2 / 3 * np.mean((y[:-2] / 2 + y[2:] / 2 - y[1:-1]) ** 2)
    np.testing.assert_allclose(gasser_sroka_jennen_steinmetz(np.arange(9.0)[:, None], y).estimate, known, rtol=1e-12)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_sine_is_overestimated_by_its_roughness_and_says_so(name, rng):
    x = rng.uniform(-1, 1, size=(40, 1))
    mean, estimate = np.sin(4 * x), DIFFERENCES[name]
    roughness = estimate(x, mean).estimate
    values = [estimate(x, mean + 0.7 * rng.normal(size=mean.shape)) for _ in range(250)]
    found = np.array([each.estimate for each in values])
    assert abs(found.mean() - NOISE - roughness) < 4 * found.std() / np.sqrt(len(found))
    assert roughness > 0
    assert {each.direction for each in values} == {"upper"}


GAUSSIAN_VARIANCE = {"rice": 3, "gasser": 35 / 9, "hall": 2.5}  # of √n (estimate / sigma² - 1), from the papers


@pytest.mark.parametrize("name", GAUSSIAN_VARIANCE)
def test_the_gaussian_variance_is_the_published_one(name):
    n = 40
    form = quadratic_form(lambda y: DIFFERENCES[name](np.arange(float(n))[:, None], y), n)
    assert abs(n * 2 * np.trace(form @ form) / GAUSSIAN_VARIANCE[name] - 1) < 2 / n


@pytest.mark.parametrize("law", ["normal", "laplace"])
@pytest.mark.parametrize("name", [*DIFFERENCES, "residual", "replicates"])
def test_standard_errors_are_right_on_average_whatever_the_law_of_the_noise(name, law, rng):
    n, num_draws = 240, 250
    x = np.repeat(np.arange(n / 2), 2)[:, None] if name == "replicates" else rng.uniform(size=(n, 1))
    estimate = {
        **DIFFERENCES,
        "residual": lambda x, y: residual(y, np.broadcast_to(y.mean(axis=0), y.shape), 1),
        "replicates": replicates,
    }[name]
    draws = [estimate(x, getattr(rng, law)(size=(n, 1))) for _ in range(num_draws)]
    found, error = (np.array([each[i] for each in draws]) for i in (0, 1))
    squares = (found - found.mean()) ** 2
    uncertainty = np.hypot(squares.std(), (error**2).std()) / np.sqrt(num_draws)
    assert abs(np.mean(error**2) - squares.mean()) < 4 * uncertainty + 3 / n * squares.mean()


def test_outputs_are_summed(x, rng):
    y = rng.normal(size=(len(x), 3))
    for estimate in DIFFERENCES.values():
        apart = [estimate(x, y[:, [column]]).estimate for column in range(3)]
        np.testing.assert_allclose(estimate(x, y).estimate, sum(apart), rtol=1e-12)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_order_of_rows_does_not_matter(name, x, rng):
    y, order = rng.normal(size=x.shape), rng.permutation(len(x))
    one, other = DIFFERENCES[name](x, y), DIFFERENCES[name](x[order], y[order])
    np.testing.assert_allclose(one[:2], other[:2], rtol=1e-12)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_equal_inputs_are_replicates_whose_mean_cancels(name):
    x = np.repeat([0.0, 1.0], 8)[:, None]  # neighbours across the jump are few; within, the mean is constant
    jump = DIFFERENCES[name](x, 1000.0 * (x > 0.5), measured_apart=True).estimate
    known = {"rice": 1e6 / 30, "gasser": 0.0, "hall": 1e6 * (0.80901699437**2 + 0.30901699437**2) / 14, "neighbour": 0}
    np.testing.assert_allclose(jump, known[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_no_replicate_is_compared_with_itself(name, rng):
    x = np.repeat([0.0, 1.0], 8)[:, None]
    found = [DIFFERENCES[name](x, np.sqrt(NOISE) * rng.normal(size=(16, 1))).estimate for _ in range(300)]
    assert abs(np.mean(found) - NOISE) < 4 * np.std(found) / np.sqrt(300)


def test_replicates_pool_variances_within_equal_inputs_and_are_unbiased_for_any_mean(rng):
    x = np.array([[0, 1], [2, 2], [0, 1], [3, 0], [2, 2], [0, 1]], float)
    y = rng.normal(size=(6, 2))
    groups = y[[0, 2, 5]], y[[1, 4]]
    pooled = sum((len(group) - 1) * group.var(axis=0, ddof=1).sum() for group in groups) / 3
    np.testing.assert_allclose(replicates(x, y).estimate, pooled, rtol=1e-12)
    mean = 100 * np.array([[1.0], [-2], [1], [5], [-2], [1]])
    np.testing.assert_allclose(expectation(lambda y: replicates(x, y, measured_apart=True), mean), NOISE, rtol=1e-9)


def test_residuals_of_least_squares_are_unbiased_when_the_model_is_right_and_upper_when_it_is_not(x):
    def with_projection(degree):
        basis = np.linalg.qr(np.vander(x[:, 0], degree + 1))[0]
        return lambda y: residual(y, basis @ (basis.T @ y), degree + 1)

    mean = 1 + x - x**2 / 10
    np.testing.assert_allclose(expectation(with_projection(2), mean), NOISE, rtol=1e-9)
    misfit = with_projection(1)(mean).estimate
    assert misfit > 0
    np.testing.assert_allclose(expectation(with_projection(1), mean), NOISE + misfit, rtol=1e-9)


def test_residuals_of_ridge_need_the_right_degrees_of_freedom(x):
    smoother = x @ x.T / (x.T @ x + 30)
    twice, once = 2 * np.trace(smoother) - np.sum(smoother**2), np.trace(smoother)
    zero = np.zeros_like(x)
    np.testing.assert_allclose(expectation(lambda y: residual(y, smoother @ y, twice), zero), NOISE, rtol=1e-12)
    assert expectation(lambda y: residual(y, smoother @ y, once), zero) < NOISE


ESTIMATE = {
    "upper": NoiseEstimate(1.2, 0.1, "upper", "rice", ""),
    "imprecise": NoiseEstimate(1.1, 0.5, "upper", "nearest_neighbor", ""),
    "unbiased": NoiseEstimate(1.0, 0.02, "unbiased", "replicates", ""),
    "lower": NoiseEstimate(0.6, 0.1, "lower", "residual", ""),
    "either": NoiseEstimate(0.9, 0.1, "either", "residual", ""),
}


@pytest.mark.parametrize(
    ("names", "low", "high"),
    [
        (["upper"], 0.0, 1.2),
        (["upper", "imprecise"], 0.0, 1.2),  # 1.1 + 2 × 0.5 bounds less tightly than 1.2 + 2 × 0.1
        (["upper", "lower"], 0.6, 1.2),
        (["unbiased"], 1.0, 1.0),
        (["unbiased", "upper", "lower"], 1.0, 1.0),
    ],
)
def test_a_bracket_takes_the_tightest_bounds(names, low, high):
    found = bracket(*(ESTIMATE[name] for name in names))
    assert (found.low.estimate, found.high.estimate) == (low, high)


def test_ends_that_cross_by_chance_are_exchanged():
    found = bracket(ESTIMATE["unbiased"], ESTIMATE["unbiased"]._replace(estimate=0.9))
    assert (found.low.estimate, found.high.estimate) == (0.9, 1.0)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "none of which bounds"),
        (["lower"], "bounds the noise from above"),
        (["upper", "either"], "either direction"),
    ],
)
def test_what_bounds_nothing_is_refused(names, message):
    with pytest.raises(ValueError, match=message):
        bracket(*(ESTIMATE[name] for name in names))


def test_the_interval_of_bias_is_widened_by_both_standard_errors(rng):
    result = squared_error(rng.normal(size=(12, 30)), factors=("data",), target=Target(labels=rng.normal(size=30)))
    together, error = result.bias_squared_plus_noise, result.standard_errors["bias_squared_plus_noise"]
    freedom = result.degrees_of_freedom["bias_squared_plus_noise"]
    low, high = bias_squared_interval(result, bracket(ESTIMATE["upper"], ESTIMATE["lower"]))
    both = np.hypot(error, 0.1)
    quantile = stats.t.ppf(0.975, both**4 / (error**4 / freedom))  # Welch and Satterthwaite
    np.testing.assert_allclose(
        [low, high], [together - 1.2 - quantile * both, together - 0.6 + quantile * both], rtol=1e-12
    )


def test_the_interval_has_the_axes_of_the_result(rng):
    predictions = rng.normal(size=(12, 3, 30))
    target = Target(labels=rng.normal(size=30))
    result = squared_error(predictions, factors=("data",), dims=("times", "points"), target=target)
    low, high = bias_squared_interval(result, bracket(ESTIMATE["upper"]))
    assert low.shape == high.shape == (3,)
    assert (low < high).all()


@pytest.mark.thorough
def test_the_interval_covers_the_true_bias(rng):
    """A constant, 0.3, fitted to nothing, where the mean is x on [0, 1]: bias² 1/3 - 0.3 + 0.09."""
    num_studies, covered = 200, 0
    points = (np.arange(60) + 0.5) / 60
    for _ in range(num_studies):
        labels = points + 0.5 * rng.normal(size=60)
        predictions = 0.3 + 0.1 * rng.normal(size=(20, 60))
        result = squared_error(predictions, factors=("data",), target=Target(labels=labels), random_points=True)
        x = rng.uniform(size=(80, 1))
        y = x + 0.5 * rng.normal(size=(80, 1))
        estimate = gasser_sroka_jennen_steinmetz(x, y)
        low, high = bias_squared_interval(result, bracket(estimate._replace(direction="unbiased")))
        covered += low < 1 / 3 - 0.3 + 0.09 < high
    assert covered / num_studies > 0.95 - 4 * np.sqrt(0.95 * 0.05 / num_studies)


def test_bias_without_noise_has_no_bracket(rng):
    result = squared_error(rng.normal(size=(12, 5)), factors=("data",), target=Target(mean=np.zeros(5)))
    with pytest.raises(ValueError, match="does not identify 'bias_squared_plus_noise'"):
        bias_squared_interval(result, bracket(ESTIMATE["upper"]))


def test_many_features_are_warned_about(rng):
    with pytest.warns(UserWarning, match="5 features: beyond 4 the nearest neighbour is rarely near"):
        nearest_neighbor(rng.normal(size=(10, 5)), rng.normal(size=(10, 1)))


COLUMN = np.arange(6.0)[:, None]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rice(np.ones((6, 2)), COLUMN), r"x of shape \(6, 2\), expected \(n, 1\).*use nearest_neighbor"),
        (lambda: rice(COLUMN, COLUMN[:, 0]), r"y of shape \(6,\).*a column by \[:, None\]"),
        (lambda: rice(COLUMN, COLUMN[:5]), r"y of shape \(5, 1\)"),
        (lambda: gasser_sroka_jennen_steinmetz(COLUMN[:2], COLUMN[:2]), "at least 3 rows"),
        (lambda: hall_kay_titterington(COLUMN, COLUMN * np.nan), "y: got 6 of 6 entries such as nan"),
        (lambda: replicates(COLUMN, COLUMN), "all different.*Use nearest_neighbor"),
        (lambda: residual(COLUMN, COLUMN, 6), "degrees_of_freedom: got 6, expected 0 to less than 6"),
        (lambda: residual(COLUMN, np.ones((6, 2)), 1), r"fitted: got shape \(6, 2\) and y of shape \(6, 1\)"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(call, message, unchecked):
    with pytest.raises(ValueError, match=message):
        call()
