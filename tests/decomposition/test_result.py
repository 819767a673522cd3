import json
import os

import numpy as np
import pandas as pd
import pytest

from jaxdl import plots
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


def test_a_result_is_drawn(result, tmp_path):
    figure = plots.decomposition(result)
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


def rewritten(path, **changes):
    """The file with facts replaced, or arrays."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    facts = json.loads(str(arrays["facts"]))
    for name, value in changes.items():
        if name in arrays:
            arrays[name] = value
        else:
            facts[name] = value
    np.savez(path, **arrays | {"facts": np.array(json.dumps(facts))})


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "jaxdl.decomposition/2"},
        {"terms": [1, 2]},
        {"terms": []},
        {"terms": "bias_squared"},
        {"loss": 5},
        {"axes": "times"},
        {"axes": []},
        {"axes": ["times", "settings"]},
        {"shape": [5, 4.5]},
        {"shape": [5, True]},
        {"shape": None},
        {"paths": [[0], [7]]},
        {"paths": [[0], []]},
        {"sources": ["data"]},
        {"populations": ["everything"] * 7},
        {"estimands": ["only one"]},
        {"training_size": "40"},
        {"training_size": -1},
        {"study_notes": "a note"},
        {"units": ["order"]},
        {"diverged": [[0]]},
        {"diverged": [["0", "run"]]},
        {"estimates": np.zeros((7, 2))},
        {"estimates": np.zeros(7)},
        {"standard_errors": np.full((7, 3), "0.1")},
        {"point_errors": np.zeros((7, 3, 5))},
        {"replicates/data": np.zeros((7, 5, 4))},
        {"times": np.zeros(4)},
        {"times": np.array(["a", "b", "c"])},
        {"facts": np.array("[]")},
        {"facts": np.array("{")},
        {"facts": np.zeros(3)},
    ],
    ids=str,
)
def test_a_file_that_was_changed_by_hand_is_refused(result, tmp_path, changes):
    path = tmp_path / "study.npz"
    result.save(path)
    if "facts" in changes:
        with np.load(path) as archive:
            np.savez(path, **{name: archive[name] for name in archive.files} | changes)
    else:
        rewritten(path, **changes)
    with pytest.raises(ValueError, match=r"^path: got .* not a saved decomposition"):
        load(path)


def test_damaged_bytes_are_refused_or_change_nothing(result, tmp_path):
    path = tmp_path / "study.npz"
    result.save(path)
    content, expected = path.read_bytes(), result.table()
    rng = np.random.default_rng(0)
    for position in rng.integers(len(content), size=150):
        spoiled = bytearray(content)
        spoiled[position] ^= 1 << rng.integers(8)
        path.write_bytes(spoiled)
        try:
            found = load(path).table()
        except ValueError:
            continue
        assert found == expected
    for length in rng.integers(len(content), size=20):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="not a saved decomposition"):
            load(path)


def test_the_home_folder_is_found(result, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    result.save("~/study")
    assert (tmp_path / "study.npz").is_file()
    assert load("~/study").table() == result.table()


@pytest.mark.parametrize("path", ["", 5, None, ".", "/"])
def test_a_path_that_names_no_file_is_refused(result, path, unchecked):
    with pytest.raises(ValueError, match=r"^path: got .*expected"):
        result.save(path)
    with pytest.raises(ValueError, match=r"^path: got .*expected"):
        load(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_a_pipe_or_folder_is_neither_read_nor_replaced(result, tmp_path, make):
    path = tmp_path / "study.npz"
    make(path)
    for use in (load, result.save):
        with pytest.raises(ValueError, match=r"^path: got .*a folder or a device"):
            use(path)
    assert not path.is_file()


def test_a_data_frame_has_a_row_for_each_term_and_time(result, tmp_path):
    frame = result.to_pandas()
    assert list(frame.columns[:3]) == ["time", "term", "estimate"]
    assert len(frame) == 3 * len(result.estimates)
    one = frame[(frame.term == "variance[data]") & (frame.time == 10)].iloc[0]
    low, high = result.intervals["data",]
    assert (one.estimate, one.low, one.high) == (result["data",][1], low[1], high[1])
    assert one.estimand == "Var E[f | data]"
    assert frame.attrs["levels"] == {"data": 5, "init": 4}
    result.to_csv(tmp_path / "result.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "result.csv"), frame, check_exact=True)


def test_what_a_design_does_not_give_stays_empty(tmp_path):
    squared_error(np.random.default_rng(0).normal(size=(2, 3)), factors=("data",)).to_csv(tmp_path / "two.csv")
    frame = pd.read_csv(tmp_path / "two.csv")
    assert frame[["standard_error", "low", "high"]].isna().all(axis=None)
    assert frame.estimate.notna().all()


def test_a_csv_file_is_refused_where_there_is_no_place_for_it(result, tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        result.to_csv(tmp_path)
    for write in (result.to_csv, result.save):
        with pytest.raises(
            FileNotFoundError, match=r"path: got .*expected a file in a folder that is there; make .*none first"
        ):
            write(tmp_path / "none" / "result")
    with pytest.raises(
        FileNotFoundError, match=r"path: got .*none\.npz, expected a file that is there; check the name"
    ):
        load(tmp_path / "none.npz")
