"""A metric of runs, taken apart: by source, and into what is of the test set and what would remain beyond it."""

import jax
import numpy as np
import pytest

import jaxdl
from jaxdl import designs
from jaxdl.decomposition import load, metric, squared_error

RNG = np.random.default_rng(0)


def test_a_crossed_metric_is_an_analysis_of_variance_with_points_as_one_more_factor():
    values = RNG.normal(size=(5, 4, 7))
    found = metric(values, factors=("data", "init"), dims=("points",))
    exact = squared_error(values[..., None], factors=("data", "init", "point"))
    for source in (("data",), ("init",), ("data", "init")):
        remains = found[f"distribution_wise[{', '.join(source)}]"]
        np.testing.assert_allclose(remains, exact.variance[source], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            found.variance[source], exact.variance[source] + exact.variance[(*source, "point")] / 7, rtol=1e-9
        )
    np.testing.assert_allclose(found["mean"], values.mean(), rtol=1e-12)


@pytest.mark.parametrize("nested", [False, True])
def test_without_points_it_is_the_squared_error_of_the_numbers_and_their_mean(nested):
    values = RNG.normal(size=(6, 4))
    found = metric(values, factors=("data", "init"), nested=nested)
    exact = squared_error(values[..., None], factors=("data", "init"), nested=nested)
    for term, value in exact.estimates.items():
        assert found.estimates[term] == value
        assert found.intervals[term] == exact.intervals[term]
    assert found["mean"] == pytest.approx(values.mean())


def test_the_error_of_the_mean_of_independent_runs_is_the_usual_one_and_its_interval_that_of_t():
    values = RNG.normal(size=20) - 3  # below zero, where no interval of a variance is
    found = metric(values, factors=("seed",))
    assert found.standard_errors["mean"] == pytest.approx(values.std(ddof=1) / 20**0.5)
    from scipy import stats

    low, high = stats.t.interval(0.95, 19, values.mean(), values.std(ddof=1) / 20**0.5)
    assert found.intervals["mean"].low == pytest.approx(low)
    assert found.intervals["mean"].high == pytest.approx(high)


def test_the_two_parts_add_up_and_leaving_out_a_level_or_a_point_is_a_new_study():
    values = RNG.random((8, 12)) < 0.3
    found = metric(values, factors=("seed",), dims=("points",))
    assert found["distribution_wise_variance"] + found["test_set_variance"] == pytest.approx(found["total_variance"])
    for level in range(8):
        fewer = metric(np.delete(values, level, axis=0), factors=("seed",), dims=("points",))
        for term, replicates in found.replicates["groups"].items():
            assert replicates[level] == pytest.approx(fewer.estimates[term], abs=1e-12), term
    pseudo = found.per_point.estimates["distribution_wise_variance"]
    for point in range(12):
        fewer = metric(np.delete(values, point, axis=1), factors=("seed",), dims=("points",))
        assert np.delete(pseudo, point).mean() == pytest.approx(fewer["distribution_wise_variance"], abs=1e-12)


def drawn(rng, num_seeds, num_points, repetitions, of_runs, of_points, of_both):
    """Values of a two-way model, side by side on the axis of times, with `of_runs` of variance beyond the test set."""
    runs = of_runs**0.5 * rng.normal(size=(num_seeds, repetitions, 1))
    points = of_points**0.5 * rng.normal(size=(1, repetitions, num_points))
    return 1 + runs + points + of_both**0.5 * rng.normal(size=(num_seeds, repetitions, num_points))


@pytest.mark.parametrize("of_runs", [0.0, 0.05])
def test_parts_are_unbiased_and_their_intervals_hold(of_runs):
    repetitions, num_seeds, num_points = 400, 20, 40
    values = drawn(np.random.default_rng(1), num_seeds, num_points, repetitions, of_runs, 2.0, 1.0)
    found = metric(values, factors=("seed",), dims=("times", "points"))
    exact = {"distribution_wise_variance": of_runs, "test_set_variance": 1 / num_points}
    margin = 3 * (0.05 * 0.95 / repetitions) ** 0.5
    for term, value in exact.items():
        estimates = found.estimates[term]
        assert abs(estimates.mean() - value) < 4 * estimates.std(ddof=1) / repetitions**0.5
        low, high = found.intervals[term]
        share = ((low <= value) & (value <= high)).mean()
        assert 0.92 - margin < share, (term, share)


def test_a_study_streams_the_same_numbers(key):
    def trial(keys):
        return (jax.random.uniform(keys["data"], (6,)) + jax.random.uniform(keys["init"], ()) < 0.8).astype(float)

    for design in (
        designs.independent(40, "data", "init"),
        designs.nested(data=8, init=3),
        designs.crossed(data=6, init=4),
    ):
        outputs = jaxdl.ensembles.run(trial, design, key).outputs
        study = jaxdl.decompose(trial, design, key, loss=metric)
        here = metric(outputs, design=design, dims=("points",))
        for term, value in here.estimates.items():
            assert study.estimates[term] == pytest.approx(value, rel=1e-9, abs=1e-15), (design, term)


def test_a_saved_metric_comes_back(tmp_path):
    found = metric(RNG.random((8, 5)), factors=("seed",), dims=("points",))
    found.save(tmp_path / "metric")
    again = load(tmp_path / "metric")
    assert again.table() == found.table()


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.where(np.arange(12) == 7, np.nan, 1.0).reshape(4, 3), {"factors": ("data", "init")},
         "values: got NaN or infinity in 1 of 12 runs, first at data 2, init 1, expected a finite number"),
        (np.ones((1,)), {"factors": ("seed",)}, "nothing varies"),
        (np.ones((5, 2)), {"factors": ("seed",), "dims": ("points",)}, "3 test points or more"),
        (np.ones((5, 4, 2)), {"factors": ("seed",), "dims": ("points", "out")}, "expected one number"),
        (np.ones(5), {"factors": ("seed",), "target": jaxdl.decomposition.Target(mean=np.zeros(1))}, "target: got one"),
        (np.ma.masked_less([1.0, -1.0], 0), {"factors": ("seed",)}, "masked"),
        (np.ones(5), {"factors": "seed"}, "factors"),
        (np.ones((5, 4)), {"factors": ("seed",)}, "expected one axis for each"),
    ],
)  # fmt: skip
def test_what_is_no_metric_is_refused(values, options, message):
    with pytest.raises(ValueError, match=message):
        metric(values, **options)
