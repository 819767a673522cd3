import numpy as np
import pytest

from jaxdl.decomposition import Target, load, squared_error


@pytest.fixture
def result():
    f = np.random.default_rng(0).normal(size=(5, 4, 3, 6, 2))
    target = Target(mean=np.zeros((6, 2)), noise=0.1)
    return squared_error(
        f,
        factors=("data", "init"),
        dims=("times", "points", "out"),
        target=target,
        training_size=40,
        times=(1, 10, 100),
    )


def test_saving_and_loading_gives_the_same_result(result, tmp_path):
    result.save(tmp_path / "study")
    loaded = load(tmp_path / "study.npz")
    assert loaded.table() == result.table()
    for term in result.estimates:
        np.testing.assert_array_equal(loaded.per_point.estimates[term], result.per_point.estimates[term])
        np.testing.assert_array_equal(loaded.replicates["data"][term], result.replicates["data"][term])


def test_a_foreign_file_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="not a saved decomposition"):
        load(tmp_path / "other.npz")


def test_an_archive_of_python_objects_is_never_unpickled(tmp_path):
    np.savez(tmp_path / "objects.npz", facts=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a saved decomposition"):
        load(tmp_path / "objects.npz")


def test_the_table_names_terms_estimands_and_populations(result):
    table = result.table()
    for word in (
        "bias_squared",
        "variance[data, init]",
        "interaction of data and init",
        "training size 40",
        "time 100",
        "these test points",
    ):
        assert word in table


def test_to_xarray_labels_every_axis(result):
    labelled = result.to_xarray()
    value = labelled.estimate.sel(term="variance[data]", time=10)
    np.testing.assert_array_equal(value, result.variance["data",][1])
    assert labelled.per_point.dims == ("term", "time", "point")


def test_a_result_draws_itself(result, tmp_path):
    figure = result.plot()
    figure.savefig(tmp_path / "figure.png")
    assert len(figure.axes) == 2


def test_negative_estimates_are_never_clipped():
    estimates = [
        squared_error(
            np.random.default_rng(seed).normal(size=(4, 2)), factors=("data",), target=Target(mean=np.zeros(2))
        ).bias_squared
        for seed in range(50)
    ]
    assert min(estimates) < 0


def test_selecting_a_time_gives_the_result_of_that_time_alone(result):
    f = np.random.default_rng(0).normal(size=(5, 4, 3, 6, 2))
    target = Target(mean=np.zeros((6, 2)), noise=0.1)
    alone = squared_error(f[:, :, 1], factors=("data", "init"), dims=("points", "out"), target=target)
    for term, value in alone.estimates.items():
        np.testing.assert_allclose(result.at(time=1).estimates[term], value, rtol=1e-12)
        np.testing.assert_allclose(result.at(time=1).standard_errors[term], alone.standard_errors[term], rtol=1e-9)
    with pytest.raises(ValueError, match="got time=3"):
        result.at(time=3)


def test_times_that_are_not_those_of_the_predictions_are_refused():
    with pytest.raises(ValueError, match="got 2 times for predictions with 3 times"):
        squared_error(np.zeros((5, 3, 4)), factors=("data",), dims=("times", "points"), times=(1, 2))
