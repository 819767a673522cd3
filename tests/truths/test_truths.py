"""Every truth with an exact answer: the closed form against published numbers, and our estimates against the closed form."""

import jax
import numpy as np
import pytest
from scipy import integrate, stats

from jaxdl import truths
from jaxdl.truths.linear_smoothers import NOISE, inputs, mean_at

KEY = jax.random.key(11)


def measure(study, key):
    return study.decompose(study.predictions(key), study.target)


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
    _, exact = truths.stopped_descent()
    np.testing.assert_allclose(exact["bias_squared"], [0.07806616, 0.00672651, 0.00084075], atol=5.1e-9)
    np.testing.assert_allclose(exact["labels",], [0.01272216, 0.02827070, 0.03980411], atol=5.1e-9)
    np.testing.assert_allclose(exact["init",], [0.07921747, 0.00601035, 0.00065770], atol=5.1e-9)


def test_ishigami_has_the_published_values():
    _, exact = truths.ishigami()
    np.testing.assert_allclose(
        [exact["x1",], exact["x2",], exact["x1", "x3"]], [4.345888, 6.125, 3.373700], atol=5.1e-7
    )


def test_sobol_has_the_moments_of_its_integrals():
    coefficients = (0.0, 0.5, 1.0)
    _, exact = truths.sobol_g(coefficients=coefficients)
    second = [
        integrate.quad(lambda x, a=a: ((abs(4 * x - 2) + a) / (1 + a)) ** 2, 0, 1, points=[0.5])[0]
        for a in coefficients
    ]
    np.testing.assert_allclose(exact["total_variance"], np.prod(second) - 1, rtol=1e-10)
    np.testing.assert_allclose(exact["x1", "x2", "x3"], np.prod(np.array(second) - 1), rtol=1e-10)


@pytest.mark.parametrize("k", [1, 4, 30])
def test_nearest_neighbours_average_k_labels(k):
    _, exact = truths.nearest_neighbors(num_neighbors=k)
    points = np.linspace(-0.95, 0.95, 20)
    nearest = np.array([sorted(inputs(), key=lambda each, point=point: abs(each - point))[:k] for point in points])
    bias = np.sin(np.pi * nearest).mean(axis=1) - np.sin(np.pi * points)
    np.testing.assert_allclose(exact["bias_squared"], np.square(bias).mean(), rtol=1e-10)
    np.testing.assert_allclose(exact["total_variance"], NOISE / k, rtol=1e-10)


@pytest.mark.parametrize("degree", [0, 3, 7])
def test_polynomials_spend_a_degree_of_freedom_on_each_coefficient(degree):
    _, exact = truths.polynomial_regression(degree=degree)
    x = inputs()
    missed = mean_at(x) - np.polynomial.Polynomial.fit(x, mean_at(x), degree)(x)
    np.testing.assert_allclose(exact["total_variance"], NOISE * (degree + 1) / len(x), rtol=1e-10)
    np.testing.assert_allclose(exact["bias_squared"], np.mean(missed**2), rtol=1e-10)


def test_kernel_ridge_smooths_as_its_linear_system_says():
    _, exact = truths.kernel_ridge(strength=0.1, length_scale=0.3)
    x = inputs()
    gram = np.exp(-(np.subtract.outer(x, x) ** 2) / (2 * 0.3**2))
    smoother = gram @ np.linalg.inv(gram + 0.1 * np.eye(len(x)))
    np.testing.assert_allclose(exact["total_variance"], NOISE * np.trace(smoother @ smoother.T) / len(x), rtol=1e-10)
    np.testing.assert_allclose(exact["bias_squared"], np.mean((smoother @ mean_at(x) - mean_at(x)) ** 2), rtol=1e-10)


@pytest.mark.parametrize(("n", "strength"), [(1, 0.1), (10, 5.0), (40, 100.0)])
def test_random_ridge_agrees_with_averages_over_the_chi_squared_distribution(n, strength):
    _, exact = truths.random_ridge(num_examples=n, strength=strength, signal=2.0, noise_std=0.5)

    def mean(of):
        # Up to s = 4 (n + 40) lies all but 1e-15 of the mass; in s = t², whose density is finite at zero.
        density = stats.chi2(n).pdf
        return integrate.quad(
            lambda t: of(t**2) * density(t**2) * 2 * t, 0, 2 * (n + 40) ** 0.5, limit=500, epsabs=1e-13
        )[0]

    shrunk = mean(lambda s: strength / (s + strength))
    spread = mean(lambda s: (strength / (s + strength)) ** 2) - shrunk**2
    fitted_noise = mean(lambda s: s / (s + strength) ** 2)
    np.testing.assert_allclose(
        [exact["bias_squared"], exact["inputs",], exact["inputs", "labels"]],
        [2.0 * shrunk**2, 2.0 * spread, 0.25 * fitted_noise], rtol=1e-9, atol=1e-12,
    )  # fmt: skip


def test_random_effects_split_as_crossed_nested_and_averaged_designs_see_them():
    variances = (0.3, 0.1, 0.2)
    (_, crossed), (_, nested) = truths.crossed_effects(variances=variances), truths.nested_effects(variances=variances)
    assert nested["init(data)",] == pytest.approx(crossed["init",] + crossed["data", "init"], rel=1e-12)
    for members in (1, 2, 16):
        _, ensemble = truths.ensemble_mean(variances=variances, num_members=members)
        assert ensemble["total_variance"] == pytest.approx(0.3 + (0.1 + 0.2) / members, rel=1e-12)


def test_the_gaussian_process_has_the_published_values_and_errors():
    _, exact = truths.gaussian_process()
    np.testing.assert_allclose([exact["bias_squared"], exact["data",]], [0.04617, 0.3], atol=5.1e-6)
    for num_runs, bias, variance in [
        (5, 0.06395, 0.08595),
        (10, 0.04042, 0.05730),
        (30, 0.02166, 0.03192),
        (100, 0.01156, 0.01728),
    ]:
        errors = truths.gaussian_process_errors(num_runs)
        np.testing.assert_allclose([errors["bias_squared"], errors["total_variance"]], [bias, variance], atol=5.1e-6)


@pytest.mark.thorough
def test_our_estimates_of_the_gaussian_process_spread_as_the_exact_errors_say():
    """And so do our reported errors: the mean square of the jackknife's is the variance over studies, or a little more."""
    study, exact = truths.gaussian_process(num_runs=20)
    results = [measure(study, jax.random.fold_in(KEY, seed)) for seed in range(100)]
    for term, error in truths.gaussian_process_errors(20).items():
        squares = np.array([result.estimates[term] - exact[term] for result in results]) ** 2
        assert abs(squares.mean() - error**2) < 4 * squares.std(ddof=1) / np.sqrt(len(results))
        reported = np.array([result.standard_errors[term] for result in results]) ** 2
        sampling = 4 * reported.std(ddof=1) / np.sqrt(len(results))
        assert error**2 - sampling < reported.mean() < 1.25 * error**2 + sampling


SMALL = {
    "sample mean": lambda: truths.sample_mean(),
    "Ishigami": lambda: truths.ishigami(levels=(6, 5, 4)),
    "random design, p < n": lambda: truths.belkin_hsu_xu(n=40, p=20, num_inputs=16, num_labels=4),
    "random design, p > n": lambda: truths.belkin_hsu_xu(n=40, p=60, num_inputs=16, num_labels=4),
    "ridge": lambda: truths.ridge_regression(),
    "gradient descent": lambda: truths.stopped_descent(num_labels=16, num_inits=8),
    "crossed effects": lambda: truths.crossed_effects(num_data=8, num_inits=5),
    "nested effects": lambda: truths.nested_effects(num_data=8, num_inits=3),
    "ensemble mean": lambda: truths.ensemble_mean(num_data=8, num_inits=5),
    "Gaussian process": lambda: truths.gaussian_process(num_runs=10),
    "Sobol": lambda: truths.sobol_g(levels=(6, 5, 4)),
    "nearest neighbours": lambda: truths.nearest_neighbors(num_runs=20),
    "polynomials": lambda: truths.polynomial_regression(num_runs=20),
    "kernel ridge": lambda: truths.kernel_ridge(num_runs=20),
    "random ridge": lambda: truths.random_ridge(num_inputs=16, num_labels=4),
    "normal logits": lambda: truths.normal_logits(),
    "votes": lambda: truths.votes(),
    "published trees": lambda: truths.published_trees(),
    "published bags": lambda: truths.published_trees(bagged=True),
}


@pytest.mark.parametrize("name", SMALL)
def test_the_exact_terms_add_up(name):
    study, exact = SMALL[name]()
    components = [exact[term] for term in exact if isinstance(term, tuple)]
    atol = 1e-12 + 2 * study.tolerance
    np.testing.assert_allclose(sum(components), exact["total_variance"], rtol=1e-12, atol=atol)
    bias = exact["bias" if "bias" in exact else "bias_squared"]
    parts = bias + exact["total_variance"] + exact["noise"]
    np.testing.assert_allclose(parts, exact["risk"], rtol=1e-12, atol=atol)


@pytest.mark.parametrize("name", SMALL)
def test_our_estimates_agree_with_the_exact_answer(name):
    card = truths.certify([SMALL[name]()], KEY)
    assert card.passed, str(card)


FULL = {
    "sample mean": lambda: truths.sample_mean(num_runs=20_000),
    "Ishigami": lambda: truths.ishigami(levels=(64, 64, 32)),
    "random design, p < n": lambda: truths.belkin_hsu_xu(n=40, p=20, num_inputs=512, num_labels=8),
    "random design, p > n": lambda: truths.belkin_hsu_xu(n=40, p=60, num_inputs=512, num_labels=8),
    "gradient descent": lambda: truths.stopped_descent(num_labels=200, num_inits=200),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_one_large_study_lies_within_three_of_its_own_standard_errors(name):
    study, exact = FULL[name]()
    result = measure(study, KEY)
    for term, value in exact.items():
        error = np.maximum(result.standard_errors[term], 1e-6 * np.abs(exact["total_variance"]))
        assert (np.abs(result.estimates[term] - value) < 3 * error).all(), (term, result.estimates[term], value, error)


def test_the_suite_has_every_problem_once_with_terms_that_add_up():
    problems = truths.suite()
    names = [study.name for study, _ in problems]
    assert len(set(names)) == len(names) == 18
    assert [study.loss is None for study, _ in problems] == 16 * [True] + 2 * [False]
    for study, exact in problems:
        bias = exact["bias" if "bias" in exact else "bias_squared"]
        np.testing.assert_allclose(bias + exact["total_variance"] + exact["noise"], exact["risk"], rtol=1e-12)
        assert study.design is None or study.design.num_runs <= 512


@pytest.mark.slow
def test_our_estimates_of_the_whole_suite_agree_with_the_exact_answers():
    """With 200 seeds, because some terms are skewed: see `certify`."""
    card = truths.certify(truths.suite(), KEY, num_seeds=200)
    assert card.passed, str(card)


def test_the_published_bias_of_a_tree_is_inflation():
    """The example prints bias² 0.0003; without the variance that it contains, it is zero within its error."""
    study, _ = truths.published_trees()
    predictions, labels = study.predictions(KEY), study.draw_labels(KEY)
    printed = truths.sklearn_recipe(study, predictions, labels)
    assert [f"{float(printed[term]):.4f}" for term in ("risk", "bias_squared", "total_variance", "noise")] == [
        "0.0255", "0.0003", "0.0152", "0.0098",
    ]  # fmt: skip
    result = measure(study, KEY)
    low, high = result.intervals["bias_squared"]
    assert low == 0 < high, "the interval of bias² starts at zero where it cannot tell bias² from zero"
    assert abs(result.bias_squared) < 1e-5
