"""Functions of terms, with their errors: against terms, comparisons and forecasts, and by how often their intervals hold."""

import importlib

import numpy as np
import pytest

from jaxdl import designs
from jaxdl.decomposition import Target, compare, cross_entropy, derive, ensemble_forecast, load, squared_error, zero_one

FIELDS = ("estimate", "standard_error", "degrees_of_freedom", "interval")
LAYOUTS = {
    "crossed": ((8, 6), ("data", "init"), False),
    "nested": ((9, 3), ("data", "init"), True),
    "independent": ((40,), ("data",), False),
}


def study(layout="crossed", *, points=40, times=3, random_points=None, seed=0, scale=1.0):
    shape, factors, nested = LAYOUTS[layout]
    rng = np.random.default_rng(seed)
    f = scale + scale * rng.normal(size=(shape[0], *[1] * (len(shape) - 1), times, points))
    f = f + scale * np.random.default_rng(seed + 100).normal(size=(*shape, times, points))
    target = Target(mean=rng.normal(size=points), noise=0.1)
    return squared_error(
        f, factors=factors, nested=nested, dims=("times", "points"), target=target, random_points=random_points
    )


@pytest.mark.parametrize("random_points", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_term_has_its_own_standard_error_and_degrees_of_freedom(layout, random_points):
    result = study(layout, random_points=random_points)
    for term in result.estimates:
        found = result.derive(lambda terms, term=term: terms[term])
        np.testing.assert_array_equal(found.estimate, result.estimates[term])
        np.testing.assert_allclose(found.standard_error, result.standard_errors[term], rtol=1e-9, atol=1e-15)
        if term != "noise":  # a constant, whose error is zero up to rounding
            np.testing.assert_allclose(found.degrees_of_freedom, result.degrees_of_freedom[term], rtol=1e-9)


@pytest.mark.parametrize("loss", [cross_entropy, zero_one], ids=lambda loss: loss.name)
def test_terms_of_other_losses_have_their_own_errors(loss):
    rng = np.random.default_rng(0)
    result = loss(
        rng.normal(size=(6, 5, 20, 3)), design=designs.crossed(data=6, init=5), dims=("points", "out"),
        target=Target(labels=rng.integers(3, size=20)),
    )  # fmt: skip
    for term in result.estimates:
        found = result.derive(lambda terms, term=term: terms[term])
        np.testing.assert_allclose(found.standard_error, result.standard_errors[term], rtol=1e-9)
        np.testing.assert_allclose(found.degrees_of_freedom, result.degrees_of_freedom[term], rtol=1e-9)


@pytest.mark.parametrize("random_points", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_differences_are_those_of_a_comparison(layout, random_points):
    first, second = (study(layout, random_points=random_points, scale=scale) for scale in (1.0, 1.2))
    compared = compare(first, second)
    for term in ("bias_squared", "total_variance", "risk"):
        found = derive(lambda a, b, term=term: b[term] - a[term], first, second)
        np.testing.assert_allclose(found.estimate, compared.estimates[term], rtol=1e-12)
        np.testing.assert_allclose(found.standard_error, compared.standard_errors[term], rtol=1e-9)
        np.testing.assert_allclose(found.interval, compared.intervals[term], rtol=1e-9)


@pytest.mark.parametrize("random_points", [False, True])
def test_what_averaging_leaves_is_that_of_a_forecast(random_points):
    result = study(random_points=random_points)
    forecast = ensemble_forecast(result, over="init", sizes=(4,))
    for term, ours in (
        ("total_variance", (forecast.variance, forecast.standard_errors, forecast.interval)),
        ("risk", (forecast.risk, forecast.measured_risk.standard_errors, forecast.measured_risk.interval)),
    ):
        found = result.derive(
            lambda t, term=term: t[term] - 0.75 * (t["variance[init]"] + t["variance[data, init]"])
        )  # fmt: skip
        np.testing.assert_allclose(found.estimate, ours[0][0], rtol=1e-12)
        np.testing.assert_allclose(found.standard_error, ours[1][0], rtol=1e-9)
        reach = found.interval.high - found.estimate
        assert (found.estimate > reach).all()  # where the interval is that of t on the logarithmic scale
        ends = [found.estimate * np.exp(sign * reach / found.estimate) for sign in (-1, 1)]
        np.testing.assert_allclose([end[0] for end in ours[2]], ends, rtol=1e-9)


def test_a_ratio_has_the_error_of_deleting_each_level_and_each_point():
    """Sum over units of (L - 1)/L sum (g - mean g)², with every level and every point really deleted."""
    rng = np.random.default_rng(1)
    f, mean = rng.normal(size=(5, 4, 6)) + rng.normal(size=(5, 1, 6)), rng.normal(size=6)

    def ratio(f, mean):
        result = squared_error(f, factors=("data", "init"), target=Target(mean=mean), random_points=True)
        return result, result.excess_risk / result.variance["data"]

    result, estimate = ratio(f, mean)
    variances, freedoms = [], [4, 3, 5]
    for axis, count in enumerate(f.shape):
        values = [
            ratio(np.delete(f, level, axis), np.delete(mean, level) if axis == 2 else mean)[1] for level in range(count)
        ]
        variances.append((count - 1) * np.var(values))
    found = result.derive(lambda terms: terms["excess_risk"] / terms["variance[data]"])
    np.testing.assert_allclose(found.estimate, estimate, rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, sum(variances) ** 0.5, rtol=1e-9)
    expected = sum(variances) ** 2 / sum(v**2 / d for v, d in zip(variances, freedoms, strict=True))
    np.testing.assert_allclose(found.degrees_of_freedom, expected, rtol=1e-9)


def test_points_count_only_for_terms_that_speak_of_points_drawn_anew():
    rng = np.random.default_rng(0)
    result = squared_error(rng.normal(size=(9, 30)), factors=("data",), target=Target(labels=rng.normal(size=30)))
    fixed = result.derive(lambda terms: terms["total_variance"])
    np.testing.assert_allclose(fixed.standard_error, result.standard_errors["total_variance"], rtol=1e-12)
    drawn = result.derive(lambda terms: terms["total_variance"] + 0 * terms["risk"])
    assert drawn.standard_error > fixed.standard_error


def test_many_points_are_left_out_in_groups(monkeypatch):
    result = study(random_points=True, points=100)
    one_by_one = result.derive(lambda terms: terms["risk"] / terms["bias_squared"])
    monkeypatch.setattr(importlib.import_module("jaxdl.decomposition.derive"), "MOST_POINT_GROUPS", 32)
    in_groups = result.derive(lambda terms: terms["risk"] / terms["bias_squared"])
    assert (in_groups.standard_error != one_by_one.standard_error).all()
    np.testing.assert_allclose(in_groups.standard_error, one_by_one.standard_error, rtol=0.3)


def test_one_point_alone_tells_nothing_of_points_drawn_anew():
    found = study(points=1, random_points=True).derive(lambda terms: terms["risk"])
    assert np.isnan(found.standard_error).all()
    assert np.isnan(found.interval).all()


def test_the_level_is_that_of_the_interval(unchecked):
    result = study()
    narrow, wide = (result.derive(lambda terms: terms["risk"], level=level) for level in (0.5, 0.99))
    assert (narrow.interval.high < wide.interval.high).all()
    for level in (0, 1, 1.5, None, "0.9"):
        with pytest.raises(ValueError, match=r"^level: got"):
            result.derive(lambda terms: terms["risk"], level=level)


def with_levels_missing(time, missing):
    """A result whose levels were no part of the study at one time, as after a divergence at one setting."""
    result = study("independent")
    for values in result.replicates["groups"].values():
        values[missing, time] = np.nan
    return result


def test_a_level_that_one_setting_lacks_changes_nothing_there():
    result = with_levels_missing(1, [0, 5])
    lowest = result.derive(lambda terms: terms["risk"] - terms["risk"].min())  # a nan would be the lowest
    assert np.isfinite(lowest.standard_error).all()
    own = study("independent").derive(lambda terms: terms["risk"][[0, 2]])
    np.testing.assert_allclose(result.derive(lambda terms: terms["risk"][[0, 2]]).standard_error, own.standard_error)


def test_a_setting_without_replicates_is_refused_by_name():
    with pytest.raises(ValueError, match="result: got no replicates over groups at time 1, expected enough levels"):
        with_levels_missing(1, slice(None)).derive(lambda terms: terms["risk"][0])


def test_the_axes_may_be_joined_or_dropped():
    result = study()
    slope = result.derive(lambda terms: np.polyfit([0.0, 1.0, 2.0], np.log(terms["risk"]), 1)[0])
    assert slope.estimate.shape == slope.standard_error.shape == slope.interval.low.shape == ()
    assert result.at(time=0).derive(lambda terms: [terms["risk"], terms["noise"]]).estimate.shape == (2,)


def test_a_saved_result_gives_the_same(tmp_path):
    result = study(random_points=True)
    result.save(tmp_path / "study.npz")
    for ours, theirs in zip(
        *(each.derive(lambda terms: terms["risk"] ** 0.5) for each in (result, load(tmp_path / "study.npz"))),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


NAMES = [
    ("variance[data, init]", ("data", "init")),
    (("data", "init"), ("data", "init")),
    ("variance[data]", ("data",)),
    (("data",), ("data",)),
    ("risk", "risk"),
    ("total_variance", "total_variance"),
]


@pytest.mark.parametrize(("name", "term"), NAMES)
def test_a_term_is_found_by_its_name(name, term):
    result = study()
    np.testing.assert_array_equal(result[name], result.estimates[term])
    np.testing.assert_array_equal(result.derive(lambda terms: terms[name]).estimate, result.estimates[term])
    assert result.derive(lambda terms: terms["risk"] * (name in terms)).estimate.any()


def test_a_single_source_needs_no_tuple():
    result = study()
    np.testing.assert_array_equal(result.variance["data"], result.estimates["data",])
    np.testing.assert_array_equal(result.variance["data", "init"], result.estimates["data", "init"])
    assert list(result.variance) == [("data",), ("init",), ("data", "init")]
    assert result.variance.get("order") is None


@pytest.mark.parametrize(
    "name", ["data", "variance[init, data]", "rsik", ("order",), 0, None, ["data"], ("data", ["x"]), slice(3)]
)
def test_a_wrong_name_lists_the_right_ones(name, unchecked):
    result = study()
    told = r"term: got .*, expected .*'bias_squared', 'variance\[data\]', .*'variance\[data, init\]', .*'risk'"
    for error in (KeyError, ValueError):
        with pytest.raises(error, match=told):
            result[name]
        with pytest.raises(error, match=told):
            result.derive(lambda terms: terms[name])
    if name != "data":
        with pytest.raises(KeyError, match=r"expected .*'variance\[data\]'"):
            result.variance[name]


@pytest.mark.parametrize(
    ("statistic", "told"),
    [
        (lambda terms: terms["risk"] * np.nan, "got nan of the estimates, expected finite"),
        (lambda terms: terms["risk"] / np.zeros(3), "got inf of the estimates, expected finite"),
        (lambda terms: None, "got"),
        (lambda terms: "a", "got text"),
        (lambda terms: terms["risk"] * 1j, "got complex"),
        (lambda terms: terms["risk"] < 2, "got bool of the estimates"),
        (lambda terms: np.float32(terms["risk"]), "got float32 of the estimates, .*use NumPy"),
        (lambda terms: {"risk": terms["risk"]}, "got"),
        (lambda terms: [terms["risk"], 1.0], "got"),
        (lambda terms: 1.0, "got a function that reads no term"),
        (lambda: 1.0, r"got .*expected a function \(result\)"),
        ("risk", r"got 'risk', expected a function"),
        (None, "got None"),
    ],
)  # fmt: skip
def test_a_statistic_that_returns_no_numbers_is_refused_by_name(statistic, told, unchecked):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=f"^statistic: {told}"):
        study().derive(statistic)


def changing(*values):
    """A statistic that returns other values each time, the last one for ever."""
    queue = list(values)
    return lambda terms: terms["risk"][0] * 0 + (queue.pop(0) if len(queue) > 1 else queue[0])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((1.0, np.ones(2)), r"got shape \(2,\) with level 0 of data left out, expected \(\)"),
        ((1.0, 1.0, np.nan), "got nan with level 1 of data left out, expected finite"),
    ],
)
def test_a_statistic_that_fails_without_a_level_is_told_which(values, told):
    with pytest.raises(ValueError, match=f"^statistic: {told}"):
        study().derive(changing(*values))


def test_a_statistic_cannot_change_the_result():
    result = study()
    before = {term: value.copy() for term, value in result.estimates.items()}

    def spoiling(terms):
        terms["risk"][...] = 0
        return terms["risk"]

    with pytest.raises(ValueError, match="read-only"):
        result.derive(spoiling)
    for term, value in before.items():
        np.testing.assert_array_equal(result.estimates[term], value)


def test_results_without_replicates_are_refused():
    few = squared_error(np.random.default_rng(0).normal(size=(2, 4)), factors=("data",))
    with pytest.raises(ValueError, match=r"^result: got a result without replicates, expected enough levels"):
        few.derive(lambda terms: terms["total_variance"])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (lambda: study("nested"), "differ in design"),
        (lambda: study(times=2), "differ in test points"),
        (lambda: study(points=7), "differ in test points"),
        (lambda: study().at(time=0), "differ in axes"),
        (lambda: None, "got None, expected a Decomposition"),
    ],
)
@pytest.mark.parametrize(
    "use", [compare, lambda first, second: derive(lambda a, b: b["risk"] - a["risk"], first, second)]
)
def test_results_that_share_no_levels_are_refused(use, other, told, unchecked):
    with pytest.raises(ValueError, match=rf"^(second|results\[1\]): .*{told}"):
        use(study(), other())


def test_no_result_at_all_is_refused():
    with pytest.raises(ValueError, match=r"^results: got none"):
        derive(lambda: 1.0)


SIZES = np.array([1.0, 2.0, 4.0])
SHARED = 0.8  # correlation of a level's effects between settings


def gaussian_settings(layout, random_points, repetitions):
    """Studies of three settings side by side on the axis of times, `(settings * repetitions)`, and the truth of each statistic.

    At setting s the bias is 0.5 and an effect has the variance V / s. Where points are drawn anew, the bias has the mean square
    0.25 over points, and V differs between points and settings.
    """
    shape, factors, nested = {
        "crossed": ((16, 16), ("data", "init"), False),
        "nested": ((32, 4), ("data", "init"), True),
        "independent": ((48,), ("data",), False),
    }[layout]
    rng, points = np.random.default_rng(0), 24

    def normal(*shape):
        """Of variance one, and correlated between points."""
        return 0.2**0.5 * rng.normal(size=(*shape, 1)) + 0.8**0.5 * rng.normal(size=(*shape, points))

    def effects(*levels):
        one, own = normal(*levels, 1, repetitions), normal(*levels, 3, repetitions)
        return (SHARED**0.5 * one + (1 - SHARED) ** 0.5 * own) / SIZES[:, None, None] ** 0.5

    f = effects(shape[0], *[1] * (len(shape) - 1))
    if len(shape) == 2:
        f = f + 0.7**0.5 * effects(shape[0] if nested else 1, shape[1])
    if layout == "crossed":
        f = f + 0.5**0.5 * effects(*shape)
    total = {"crossed": 2.2, "nested": 1.7, "independent": 1.0}[layout]
    bias = 0.5
    if random_points:
        f *= (rng.uniform(0.5, 1.5, (1, repetitions, points)) * rng.uniform(0.5, 1.5, (3, repetitions, points))) ** 0.5
        bias = 0.5 * rng.normal(size=(1, repetitions, points))
    result = squared_error(
        (bias + f).reshape(*shape, 3 * repetitions, points), factors=factors, nested=nested, dims=("times", "points"),
        target=Target(mean=np.zeros(points)), random_points=random_points,
    )  # fmt: skip
    return result, {"ratio": 2.0, "log slope": -1.0, "difference": total / 2}


def by_setting(values):
    return values.reshape(3, -1)


STATISTICS = {
    "ratio": lambda terms: by_setting(terms["total_variance"])[0] / by_setting(terms["total_variance"])[1],
    "log slope": lambda terms: np.polyfit(np.log(SIZES), np.log(by_setting(terms["total_variance"])), 1)[0],
    "difference": lambda terms: by_setting(terms["excess_risk"])[0] - by_setting(terms["excess_risk"])[1],
}


def shares_held(layout, random_points, repetitions):
    result, truth = gaussian_settings(layout, random_points, repetitions)
    found = {name: result.derive(statistic).interval for name, statistic in STATISTICS.items()}
    return {name: float(((low <= truth[name]) & (truth[name] <= high)).mean()) for name, (low, high) in found.items()}


def assert_held(layout, random_points, repetitions):
    margin = 0.0 if repetitions >= 1000 else 4 * (0.05 * 0.95 / repetitions) ** 0.5
    for name, share in shares_held(layout, random_points, repetitions).items():
        assert 0.91 - margin <= share <= 0.98 + margin, (name, share)


@pytest.mark.parametrize("random_points", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_intervals_of_ratios_slopes_and_differences_hold(layout, random_points):
    assert_held(layout, random_points, 100)


@pytest.mark.slow
@pytest.mark.parametrize("random_points", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_intervals_of_ratios_slopes_and_differences_hold_in_a_thousand_studies(layout, random_points):
    assert_held(layout, random_points, 1000)
