import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.decomposition import Target, squared_error

NUM_POINTS = 3


def gaussian_table(rng, shape, standard_deviations, num_points=NUM_POINTS):
    """Independent Gaussian effects: `standard_deviations[u]` for each set u of factors."""
    table = np.zeros((*shape, num_points))
    for subset, deviation in standard_deviations.items():
        effect = [count if axis in subset else 1 for axis, count in enumerate(shape)]
        table = table + deviation * rng.normal(size=(*effect, num_points))
    return table


def mean_over_seeds(build, num_seeds=200):
    results = [build(np.random.default_rng(seed)) for seed in range(num_seeds)]
    terms = results[0].estimates
    values = {term: np.array([result.estimates[term] for result in results]) for term in terms}
    return {term: (each.mean(), each.std(ddof=1) / np.sqrt(num_seeds)) for term, each in values.items()}


def test_two_way_components_are_the_mean_squares_of_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(6, 4, 1)) + rng.normal(size=(6, 1, 1)) + rng.normal(size=(1, 4, 1))
    rows, columns, grand = f.mean(1, keepdims=True), f.mean(0, keepdims=True), f.mean()
    ms_rows = 4 * ((rows - grand) ** 2).sum() / 5
    ms_columns = 6 * ((columns - grand) ** 2).sum() / 3
    ms_rest = ((f - rows - columns + grand) ** 2).sum() / 15
    result = squared_error(f, factors=("a", "b"), target=Target(mean=np.array([0.3])))
    np.testing.assert_allclose(result.variance["a", "b"], ms_rest, rtol=1e-12)
    np.testing.assert_allclose(result.variance["a",], (ms_rows - ms_rest) / 4, rtol=1e-12)
    np.testing.assert_allclose(result.variance["b",], (ms_columns - ms_rest) / 6, rtol=1e-12)
    expected = (grand - 0.3) ** 2 - result.variance["a",] / 6 - result.variance["b",] / 4 - ms_rest / 24
    np.testing.assert_allclose(result.bias_squared, expected, rtol=1e-10)


def test_three_way_terms_are_means_over_pairs_of_runs():
    """E<f, f'> over pairs that share exactly the levels in u, enumerated, for every u."""
    f = np.random.default_rng(1).normal(size=(3, 4, 2, 1)) + 1
    runs = list(itertools.product(*map(range, f.shape[:3])))
    products = {}
    for u in itertools.chain.from_iterable(itertools.combinations(range(3), size) for size in range(4)):
        pairs = [f[i][0] * f[j][0] for i in runs for j in runs if {k for k in range(3) if i[k] == j[k]} == set(u)]
        products[frozenset(u)] = np.mean(pairs)
    result = squared_error(f, factors=("a", "b", "c"), target=Target(mean=np.zeros(1)))
    np.testing.assert_allclose(result.bias_squared, products[frozenset()], rtol=1e-10)
    for component, value in result.variance.items():
        u = frozenset("abc".index(name) for name in component)
        expected = sum((-1) ** (len(u) - len(w)) * products[w] for w in products if w <= u)
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


def test_crossed_estimates_are_unbiased():
    truth = {(0,): 1.0, (1,): 0.5, (0, 1): 2.0}
    means = mean_over_seeds(
        lambda rng: squared_error(
            gaussian_table(rng, (5, 4), truth) + 0.5, factors=("a", "b"), target=Target(mean=np.zeros(3))
        )
    )
    for term, expected in {
        ("a",): 1.0,
        ("b",): 0.25,
        ("a", "b"): 4.0,
        "bias_squared": 0.25,
        "total_variance": 5.25,
    }.items():
        mean, error = means[term]
        assert abs(mean - expected) < 4 * error


@pytest.mark.thorough
def test_nested_estimates_are_unbiased():
    def build(rng):
        f = rng.normal(size=(6, 1, 1, 3)) + 2 * rng.normal(size=(6, 3, 1, 3)) + 0.5 * rng.normal(size=(6, 3, 4, 3)) + 1
        return squared_error(f, factors=("a", "b", "c"), nested=True, target=Target(mean=np.zeros(3)))

    means = mean_over_seeds(build)
    for term, expected in {("a",): 1.0, ("b(a)",): 4.0, ("c(a,b)",): 0.25, "bias_squared": 1.0}.items():
        mean, error = means[term]
        assert abs(mean - expected) < 4 * error


@pytest.mark.thorough
def test_replicate_labels_give_unbiased_bias_and_noise():
    def build(rng):
        labels = 0.7 * rng.normal(size=(3, NUM_POINTS)) + 1
        return squared_error(rng.normal(size=(5, NUM_POINTS)), factors=("data",), target=Target(replicates=labels))

    means = mean_over_seeds(build, num_seeds=400)
    for term, expected in {"bias_squared": 1.0, "noise": 0.49, "total_variance": 1.0, "risk": 2.49}.items():
        mean, error = means[term]
        assert abs(mean - expected) < 4 * error


@pytest.mark.parametrize("factors", [("a",), ("a", "b"), ("a", "b", "c")])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("known", ["mean", "labels", "labels with noise", "replicates", "probabilities"])
def test_the_terms_add_up_to_the_measured_risk(factors, nested, known):
    rng = np.random.default_rng(2)
    shape = (4, 3, 5)[: len(factors)]
    f = rng.normal(size=(*shape, 6, 2))
    labels = rng.normal(size=(4, 6, 2))
    probabilities = np.stack([np.linspace(0.1, 0.8, 6), 1 - np.linspace(0.1, 0.8, 6)], axis=1)
    target, risk = {
        "mean": (Target(mean=labels[0], noise=0.3), ((f - labels[0]) ** 2).sum(-1).mean() + 0.3),
        "labels": (Target(labels=labels[0]), ((f - labels[0]) ** 2).sum(-1).mean()),
        "labels with noise": (Target(labels=labels[0], noise=0.3), ((f - labels[0]) ** 2).sum(-1).mean()),
        "replicates": (Target(replicates=labels), np.mean([((f - y) ** 2).sum(-1).mean() for y in labels])),
        "probabilities": (
            Target(probabilities=probabilities),
            ((f - probabilities) ** 2).sum(-1).mean() + (probabilities * (1 - probabilities)).sum(-1).mean(),
        ),
    }[known]
    result = squared_error(f, factors=factors, nested=nested, target=target, dims=("points", "out"))
    np.testing.assert_allclose(result.risk, risk, rtol=1e-12)
    parts = sum(result.variance.values()) + result.estimates.get("noise", 0.0)
    parts += result.estimates.get("bias_squared", result.estimates.get("bias_squared_plus_noise"))
    np.testing.assert_allclose(parts, risk, rtol=1e-6)
    np.testing.assert_allclose(sum(result.variance.values()), result.total_variance, rtol=1e-10)


def test_float32_statistics_at_a_large_mean_keep_their_digits():
    """Mean over standard deviation 1e4, where the usual formula E f² - (E f)² in float32 loses every digit."""
    rng = np.random.default_rng(3)
    f = (1e4 + rng.normal(size=(4096, 1))).astype(np.float32)
    exact = f.astype(np.float64).var(ddof=1)
    for target in (None, Target(mean=np.full(1, 1e4))):
        result = squared_error(f, factors=("data",), target=target)
        np.testing.assert_allclose(result.total_variance, exact, rtol=1e-6)
    crossed = squared_error(f.reshape(64, 64, 1), factors=("a", "b"))
    reference = squared_error(f.reshape(64, 64, 1).astype(np.float64) - 1e4, factors=("a", "b"))
    np.testing.assert_allclose(crossed.total_variance, reference.total_variance, rtol=1e-6)


def test_times_are_kept_and_outputs_summed():
    f = np.random.default_rng(4).normal(size=(5, 4, 3, 6, 2))
    whole = squared_error(f, factors=("a", "b"), dims=("times", "points", "out"), target=Target(mean=np.zeros((6, 2))))
    assert whole.bias_squared.shape == (3,)
    assert whole.per_point.estimates["bias_squared"].shape == (3, 6)
    for time in range(3):
        one = squared_error(
            f[:, :, time], factors=("a", "b"), dims=("points", "out"), target=Target(mean=np.zeros((6, 2)))
        )
        for term in one.estimates:
            np.testing.assert_allclose(whole.estimates[term][time], one.estimates[term], rtol=1e-12)
            np.testing.assert_allclose(whole.standard_errors[term][time], one.standard_errors[term], rtol=1e-10)
    by_output = [squared_error(f[..., 0, :, k], factors=("a", "b"), target=Target(mean=np.zeros(6))) for k in range(2)]
    np.testing.assert_allclose(whole.bias_squared[0], sum(each.bias_squared for each in by_output), rtol=1e-10)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
def test_scaling_and_shifting_predictions_with_the_target_scales_every_term(seed, scale, shift):
    rng = np.random.default_rng(seed)
    f, mean = rng.normal(size=(4, 3, 5)), rng.normal(size=5)
    before = squared_error(f, factors=("a", "b"), target=Target(mean=mean, noise=0.1))
    after = squared_error(
        f * scale + shift, factors=("a", "b"), target=Target(mean=mean * scale + shift, noise=0.1 * scale**2)
    )
    for term, value in before.estimates.items():
        np.testing.assert_allclose(after.estimates[term], scale**2 * value, rtol=1e-6, atol=1e-7 * scale**2)


def test_the_order_of_levels_does_not_matter():
    rng = np.random.default_rng(5)
    f = rng.normal(size=(6, 5, 4))
    shuffled = f[rng.permutation(6)][:, rng.permutation(5)]
    first, second = (squared_error(each, factors=("a", "b")) for each in (f, shuffled))
    for term, value in first.estimates.items():
        np.testing.assert_allclose(second.estimates[term], value, rtol=1e-10)
        np.testing.assert_allclose(second.standard_errors[term], first.standard_errors[term], rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"target": Target(mean=np.zeros((4, 1)))}, r"mean of shape \(4, 1\).*expected \(4,\).*labels\[:, 0\]"),
        ({"target": Target(labels=np.zeros(3))}, r"labels of shape \(3,\)"),
        ({"target": Target(replicates=np.zeros((1, 4)))}, "two or more tell noise from bias"),
        ({"target": Target()}, "nothing known"),
        ({"target": Target(mean=np.zeros(4), labels=np.zeros(4))}, "exactly one"),
        ({"target": Target(mean=np.full(4, np.nan))}, "4 of 4 entries such as nan"),
        ({"target": Target(mean=np.zeros(4), noise=-1.0)}, "not negative"),
        ({"target": Target(replicates=np.zeros((2, 4)), noise=1.0)}, "leave noise out"),
        ({"dims": ("points", "out")}, "one axis for each"),
        ({"dims": ("out",)}, "with 'points' among them"),
        ({"dims": ("points", "times")}, "in this order"),
    ],
)
def test_bad_arguments_are_refused_with_a_remedy(arguments, told):
    with pytest.raises(ValueError, match=told):
        squared_error(np.random.default_rng(0).normal(size=(5, 3, 4)), factors=("a", "b"), **arguments)


def test_column_targets_are_never_broadcast():
    """What makes other tools report a bias of hundreds, in silence."""
    with pytest.raises(ValueError, match="Nothing is broadcast"):
        squared_error(np.zeros((5, 4)), factors=("data",), target=Target(labels=np.zeros((4, 1))))


def test_a_study_in_which_nothing_varies_is_refused():
    with pytest.raises(ValueError, match="nothing varies"):
        squared_error(np.zeros((1, 1, 4)), factors=("a", "b"))


def test_one_fixed_seed_measures_the_variance_for_that_seed_and_says_so():
    f = np.random.default_rng(0).normal(size=(5, 4))
    with pytest.warns(UserWarning, match=r"init has a single level.*V\[data\] plus its interactions with init"):
        fixed = squared_error(f[:, None], factors=("data", "init"), target=Target(mean=np.zeros(4)))
    alone = squared_error(f, factors=("data",), target=Target(mean=np.zeros(4)))
    assert fixed.estimates == alone.estimates
    assert "for the one init drawn" in fixed.estimands[("data",)]
    assert "one init" in fixed.table()


def test_a_fresh_seed_in_each_data_set_measures_the_total_alone():
    f = np.random.default_rng(0).normal(size=(5, 1, 4))
    assert list(squared_error(f, factors=("data", "init"), nested=True).estimates) == ["total_variance"]


def test_non_finite_predictions_are_refused():
    f = np.zeros((5, 4))
    f[2, 1] = np.inf
    with pytest.raises(ValueError, match="1 NaN or infinite predictions"):
        squared_error(f, factors=("data",))


def test_what_a_study_does_not_identify_is_not_printed_as_bias():
    result = squared_error(
        np.random.default_rng(0).normal(size=(5, 4)), factors=("data",), target=Target(labels=np.zeros(4))
    )
    with pytest.raises(ValueError, match="does not identify 'bias_squared'"):
        _ = result.bias_squared
    assert "bias_squared " not in result.table()
    assert "bias_squared_plus_noise" in result.table()


def test_two_levels_give_estimates_without_standard_errors():
    result = squared_error(np.random.default_rng(0).normal(size=(2, 5, 4)), factors=("a", "b"))
    assert np.isfinite(result.variance["a",])
    assert np.isnan(result.standard_errors["a",])
    assert "none" in result.table()
