import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxdl.data import real
from jaxdl.examples import fitting_examples, weighted_examples
from jaxdl.types import Dataset

X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X, [1, 0, 2]),
        (np.array(X), np.array([[1.0], [0.0], [2.0]])),
        (jnp.array(X), jnp.array([1, 0, 2])),
        (pd.DataFrame(X, columns=["a", "b"]), pd.Series([1, 0, 2])),
        (pd.DataFrame(X).astype({1: int}), pd.DataFrame({"y": [1, 0, 2]})),
        (pd.DataFrame(X).astype(object), pd.Series([1, 0, 2], dtype="Int64")),
    ],
    ids=["lists", "numpy", "jax", "pandas", "mixed columns", "objects"],
)
def test_all_kinds_of_arrays_make_the_same_data_set(x, y):
    dataset = real.from_arrays(x, y)
    np.testing.assert_array_equal(dataset.x, X)
    np.testing.assert_array_equal(dataset.y, [[1.0], [0.0], [2.0]])
    assert {field.dtype for field in dataset} == {jnp.dtype("float64")}
    np.testing.assert_array_equal(real.from_arrays(x, y, num_classes=3).y, np.eye(3)[[1, 0, 2]])


def test_every_field_has_the_precision_of_x():
    dataset = real.from_arrays(np.array(X, np.float32), [1.0, 0.0, 2.0], weight=[1, 2, 0])
    assert {field.dtype for field in dataset} == {jnp.dtype("float32")}
    np.testing.assert_array_equal(dataset.weight, [1.0, 2.0, 0.0])


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_weights_of_half_precision_data_are_float32(dtype):
    dataset = real.from_arrays(np.array(X, dtype), [1.0, 0.0, 2.0], weight=[1, 2, 0])
    assert [field.dtype for field in dataset] == [dtype, dtype, jnp.float32]
    fitting_examples("fit", dataset)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ([[1.0, np.nan], [np.inf, 0.0]], [0, 0], {}, r"x: got 2 of 4 entries such as nan in row 0, column 1"),
        ([[1.0, None], [0.0, 0.0]], [0, 0], {}, "x: got 1 of 4 entries such as None in row 0, column 1"),
        ([[1.0], [2.0]], ["yes", "no"], {}, r"y: got text \(yes, ...\).*encode"),
        ([[1j], [2.0]], [0, 0], {}, "x: got complex"),
        ([[1.0]], [1.0], {"weight": [np.nan]}, "weight: got 1 of 1 entries such as nan"),
        (np.ones((2, 1), np.float32), [0.0, 1e300], {}, r"y: got 1e\+300, beyond the range of float32"),
        (X, [1, 0], {}, r"y: got shape \(2, 1\), expected \(3, 1\)"),
        (X, [1, 0, 2], {"weight": [1.0]}, r"weight: got shape \(1,\), expected \(3,\)"),
        (X, [1, 0, 2], {"weight": [1.0, -1.0, 0.0]}, "weight: got 1 of 3 entries such as -1.0 in row 1"),
        (X, [1, 0, 2], {"weight": [0.0, 0.0, 0.0]}, "weight: got zeros alone"),
        (X, [1, 0, 2], {"weight": np.ones((3, 1))}, r"weight: got shape \(3, 1\).*weight\[:, 0\]"),
        (X, [1, 0, 2], {"weight": 1.0}, r"weight: got shape \(\)"),
        ([1.0, 2.0], [1, 0], {}, r"x: got shape \(2,\).*x\[:, None\]"),
        (np.ones((0, 2)), [], {}, r"shape \(0, 2\), expected at least one row"),
        (np.ones((2, 0)), [0, 1], {}, r"shape \(2, 0\), expected at least one row and one column"),
        (X, np.ones((3, 1, 1)), {}, r"y: got shape \(3, 1, 1\), expected"),
        (X, [0, 1, 3], {"num_classes": 3}, "y: got 1 of 3 entries such as 3 in row 2.*whole labels from 0 to 2"),
        (X, [0, 1, 0.5], {"num_classes": 3}, "whole labels from 0 to 2"),
        (X, [0, 1, np.nan], {"num_classes": 3}, "whole labels from 0 to 2"),
        (X, np.eye(3), {"num_classes": 3}, r"y: got shape \(3, 3\), expected one label.*leave num_classes out"),
        (X, [0, 1, 10**9], {"num_classes": 10**9 + 1}, r"num_classes: got 1000000001 for 3 rows.*np\.unique"),
        (X, [0, 1, 10**9], {"num_classes": 3}, "such as 1000000000 in row 2"),
    ],
)
def test_bad_arrays_are_refused_with_the_remedy(x, y, options, message, unchecked):
    with pytest.raises(ValueError, match=message):
        real.from_arrays(x, y, **options)


def test_images_keep_their_shape():
    images = np.random.default_rng(0).normal(size=(4, 3, 2, 1))
    dataset = real.from_arrays(images, np.arange(4))
    np.testing.assert_array_equal(dataset.x, images)
    images[0, 2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="row 0, axis 1 2, axis 2 1, axis 3 0"):
        real.from_arrays(images, np.arange(4))


def test_a_label_is_compared_before_it_is_rounded():
    # In single precision 2²⁴ + 1 is 2²⁴, and in half precision 2049 is 2048.
    with pytest.raises(ValueError, match="such as 2049 in row 1"):
        real.from_arrays(np.ones((2, 1), np.float16), [0, 2049], num_classes=2049)
    table = real.from_arrays(np.ones((2, 1), np.float16), [0, 2049], num_classes=2050).y
    assert np.flatnonzero(table).tolist() == [0, 2050 + 2049]


def test_times_that_single_precision_makes_one_are_refused():
    seconds = 1_700_000_000 + np.arange(60)
    with pytest.raises(ValueError, match=r"^y: .* keeps 1 of 60 distinct .* subtract an offset"):
        real.from_arrays(np.eye(60, dtype=np.float32), seconds)
    with pytest.raises(ValueError, match=r"^x: .* keeps 1 of 60 distinct"), jax.enable_x64(False):
        real.from_arrays(seconds[:, None], np.zeros(60))
    np.testing.assert_array_equal(real.from_arrays(seconds[:, None], np.zeros(60)).x[:, 0], seconds)


def test_rows_that_pandas_would_match_otherwise_are_refused():
    x, y = pd.DataFrame(X, index=[7, 8, 9]), pd.Series([1, 0, 2], index=[9, 8, 7])
    with pytest.raises(ValueError, match=r"y: got the row labels of x in another order.*y\.loc\[x\.index\]"):
        real.from_arrays(x, y)
    np.testing.assert_array_equal(real.from_arrays(x, y.loc[x.index]).y[:, 0], [2, 0, 1])
    np.testing.assert_array_equal(real.from_arrays(x, y.reset_index(drop=True)).y[:, 0], [1, 0, 2])


@pytest.mark.parametrize(
    ("labels", "others"),
    [([0, 1, 2], [1, 2, 3]), ([0, 2, 5], [0, 1, 2]), ([0, 1, 2], [2, 3, 4]), (list("abc"), list("bcd"))],
)
@pytest.mark.parametrize("name", ["y", "weight"])
def test_rows_of_which_pandas_would_match_a_part_are_refused(name, labels, others):
    x, column = pd.DataFrame(X, index=labels), pd.Series([1, 0, 2], index=others)
    given = {"y": [1, 0, 2]} | {name: column}
    with pytest.raises(ValueError, match=rf"^{name}: got . of the row labels of x and . others.*reset_index"):
        real.from_arrays(x, **given)
    real.from_arrays(x.reset_index(drop=True), **given | {name: column.reset_index(drop=True)})
    real.from_arrays(x.to_numpy(), **given)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((X, [[1], [0], [2]], np.ones((3, 1))), r"train: got weight of shape \(3, 1\)"),
        ((X, [1, 0, 2], np.ones(3)), r"train: got y of shape \(3,\)"),
        ((X, [[1], [0]], np.ones(3)), r"train: got y of shape \(2, 1\)"),
        ((X, [[1], [0], [2j]], np.ones(3)), r"train: y: got complex"),
        ((X, [[1], [0], [2]], np.ma.array(np.ones(3), mask=[0, 0, 1])), r"train: weight: got a masked"),
        ((X, [[1], [0], [2]], [1, 1, -1]), r"train: weight: got 1 of 3 entries such as -1 in row 2"),
        ((X, [[1], [0], [2]], [1, 1, np.nan]), r"train: weight: got .* nan in row 2"),
    ],
)
def test_a_data_set_built_by_hand_is_checked(fields, message, unchecked):
    with pytest.raises(ValueError, match=f"^{message}"):
        weighted_examples("train", Dataset(*fields))


@pytest.mark.parametrize("value", [None, (X, [1, 0, 2]), pd.DataFrame(X), {"x": X}])
def test_what_is_no_data_set_is_refused_by_name(value, unchecked):
    with pytest.raises(ValueError, match=r"^train: got a data set of type .*from_arrays"):
        weighted_examples("train", value)
