import sys

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxdl.data import real


@pytest.mark.parametrize(
    ("load", "shape", "num_outputs", "class_sizes"),
    [
        (real.digits, (1797, 64), 10, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
        (real.breast_cancer, (569, 30), 2, [212, 357]),
        (real.wine, (178, 13), 3, [59, 71, 48]),
        (real.diabetes, (442, 10), 1, None),
    ],
)
def test_bundled_data_is_complete_and_in_single_precision(load, shape, num_outputs, class_sizes):
    dataset = load()
    assert dataset.x.shape == shape
    assert dataset.y.shape == (shape[0], num_outputs)
    assert {field.dtype for field in dataset} == {jnp.dtype("float32")}
    np.testing.assert_array_equal(dataset.weight, np.ones(shape[0]))
    if class_sizes is not None:
        np.testing.assert_array_equal(dataset.y.sum(axis=0), class_sizes)
        np.testing.assert_array_equal(dataset.y.sum(axis=1), np.ones(shape[0]))


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r'pip install "jaxdl\[experiments\]"'):
        real.digits()


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


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ([[1.0, np.nan], [np.inf, 0.0]], [0, 0], {}, r"2 of 4 entries of x are NaN or infinite.*row 0, column 1"),
        ([[1.0, None], [0.0, 0.0]], [0, 0], {}, "1 of 4 entries of x are not numbers.*row 0, column 1.*None"),
        ([[1.0], [2.0]], ["yes", "no"], {}, "2 of 2 entries of y are not numbers, the first in row 0 .*'yes'.*encode"),
        ([[1j], [2.0]], [0, 0], {}, "not numbers"),
        ([[1.0]], [1.0], {"weight": [np.nan]}, "1 of 1 entries of weight"),
        (np.ones((2, 1), np.float32), [0.0, 1e300], {}, "entries of y are NaN or infinite in float32.*row 1"),
        (X, [1, 0], {}, "y has 2 rows, expected 3"),
        (X, [1, 0, 2], {"weight": [1.0]}, "weight has 1 rows, expected 3"),
        (X, [1, 0, 2], {"weight": [1.0, -1.0, 0.0]}, "minimum -1"),
        (X, [1, 0, 2], {"weight": [0.0, 0.0, 0.0]}, "something positive"),
        (X, [1, 0, 2], {"weight": np.ones((3, 1))}, r"weight has shape \(3, 1\)"),
        ([1.0, 2.0], [1, 0], {}, r"x has shape \(2,\).*x\[:, None\]"),
        (np.ones((2, 4, 4)), [1, 0], {}, r"x has shape \(2, 4, 4\).*reshape"),
        (np.ones((0, 2)), [], {}, r"shape \(0, 2\), expected at least one row"),
        (np.ones((2, 0)), [0, 1], {}, r"shape \(2, 0\), expected at least one row and one column"),
        (X, np.ones((3, 1, 1)), {}, r"y has shape \(3, 1, 1\), expected"),
        (X, [0, 1, 3], {"num_classes": 3}, "1 of 3 entries of y are not among the labels 0 to 2.*row 2"),
        (X, [0, 1, 0.5], {"num_classes": 3}, "not among the labels"),
        (X, np.eye(3), {"num_classes": 3}, r"y has shape \(3, 3\), expected one label.*leave num_classes out"),
    ],
)
def test_bad_arrays_are_refused_with_the_remedy(x, y, options, message):
    with pytest.raises(ValueError, match=message):
        real.from_arrays(x, y, **options)


def test_an_npz_file_gives_back_its_arrays(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, inputs=X, labels=[1, 0, 2])
    dataset = real.from_npz(path, x="inputs", y="labels", num_classes=3)
    np.testing.assert_array_equal(dataset.x, X)
    np.testing.assert_array_equal(dataset.y, np.eye(3)[[1, 0, 2]])


def test_a_bad_npz_file_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.zeros((1000, 100)), y=np.zeros(1000), labels=np.array([{}], object))
    with pytest.raises(ValueError, match=r"no array 'z' in .*\['x', 'y', 'labels'\]"):
        real.from_npz(path, y="z")
    with pytest.raises(ValueError, match="allow_pickle=False"):
        real.from_npz(path, y="labels")
    with pytest.raises(ValueError, match="'x' unpacks to 800128 bytes, expected at most max_bytes=1000"):
        real.from_npz(path, max_bytes=1000)
    np.save(tmp_path / "data.npy", X)
    with pytest.raises(ValueError, match=r"not a \.npz archive"):
        real.from_npz(tmp_path / "data.npy")
    with pytest.raises(FileNotFoundError):
        real.from_npz(tmp_path / "missing.npz")


def test_a_csv_file_gives_back_its_columns(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("\ufeffa, b,c,d\n1,2,3,0\n\n4,5e0, 6,1\n", encoding="utf-8")
    dataset = real.from_csv(path, "a")
    np.testing.assert_array_equal(dataset.x, [[2, 3, 0], [5, 6, 1]])
    np.testing.assert_array_equal(dataset.y, [[1], [4]])
    np.testing.assert_array_equal(real.from_csv(path, ["c", "b"]).y, [[3, 2], [6, 5]])
    np.testing.assert_array_equal(real.from_csv(path, "d", num_classes=2).y, np.eye(2))


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("a,b\n1,2\n", "c", r"no column 'c' in .*expected one of \['a', 'b'\]"),
        ("a,b\n1,2\n3,x\n", "a", "row 2, column 'b' of .* holds 'x', expected a finite number"),
        ("a,b\n1,\n", "a", "row 1, column 'b' of .* holds ''"),
        ("a,b\n1,2\nnan,1\n", "b", "row 2, column 'a' of .* holds 'nan'"),
        ("a,b\n1,2,3\n", "a", "row 1 of .* has 3 cells, expected 2"),
        ("1,2\n3,4\n", "a", r"first line of .* is \['1', '2'\], expected a header"),
        ("a,a\n3,4\n", "a", "no two the same"),
        ("", "a", "expected a header"),
        ("a,b\n", "a", r"shape \(0, 1\), expected at least one row"),
        ("a\n1\n", "a", r"shape \(1, 0\), expected at least one row and one column"),
    ],
)
def test_a_bad_csv_file_is_refused_with_the_place(text, target, message, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        real.from_csv(path, target)


def numbered(num_examples):
    index = np.arange(float(num_examples))
    return real.from_arrays(index[:, None], 10 * index, weight=index + 1)


def test_a_split_keeps_every_row_once(key):
    train, test = jax.jit(real.split, static_argnums=2)(key, numbered(9), 6)
    assert (train.x.shape, test.x.shape) == ((6, 1), (3, 1))
    rows = np.concatenate([train.x, test.x])[:, 0]
    np.testing.assert_array_equal(np.sort(rows), np.arange(9))
    np.testing.assert_array_equal(np.concatenate([train.y, test.y])[:, 0], 10 * rows)
    np.testing.assert_array_equal(np.concatenate([train.weight, test.weight]), rows + 1)
    assert not np.array_equal(rows, np.arange(9))


@pytest.mark.parametrize("num_train", [0, 9, -1])
def test_a_split_leaves_no_part_empty(num_train, key):
    with pytest.raises(ValueError, match=f"num_train is {num_train}, expected 1 to 8"):
        real.split(key, numbered(9), num_train)


STANDARDIZED = jax.jit(real.standardized)


def weighted_data(dtype=np.float64):
    """Three ordinary columns, then three that are constant wherever the weight is positive."""
    generator = np.random.default_rng(5)
    x = np.column_stack(
        [generator.normal(size=(12, 3)) * [1.0, 1e-3, 50.0] + [0.0, 3.0, -7.0], np.full((12, 2), 0.1), np.zeros(12)]
    )
    weight = generator.integers(0, 4, size=12).astype(float)
    weight[0] = 0.0
    x[0, 5] = 9.0
    return x.astype(dtype), generator.normal(size=12).astype(dtype), weight.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardised_columns_have_the_weighted_moments_of_the_training_part_alone(dtype):
    x, y, weight = weighted_data(dtype)
    train = real.from_arrays(x, y, weight=weight)
    test = real.from_arrays(x[:5] + 1, y[:5])
    train_scaled, test_scaled = STANDARDIZED(train, test)
    # An independent account of the weights: rows repeated as often as they weigh.
    repeated = np.repeat(x.astype(float), weight.astype(int), axis=0)[:, :3]
    expected = (x[:5, :3].astype(float) + 1 - repeated.mean(axis=0)) / repeated.std(axis=0)
    tolerance = 10 * np.sqrt(np.finfo(dtype).eps)
    np.testing.assert_allclose(test_scaled.x[:, :3], expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(np.average(train_scaled.x[:, :3], axis=0, weights=weight), 0, atol=tolerance)
    np.testing.assert_allclose(np.average(train_scaled.x[:, :3] ** 2, axis=0, weights=weight), 1, rtol=tolerance)
    np.testing.assert_array_equal(train_scaled.x[:, 3:], np.zeros((12, 3)))
    np.testing.assert_array_equal(test_scaled.x[:, 3:], np.zeros((5, 3)))
    np.testing.assert_array_equal(train_scaled.y, train.y)
    assert test_scaled.x.dtype == dtype


@pytest.mark.parametrize(("offset", "scale"), [(1e6, 1.0), (0.0, 1e-30), (0.0, 1e30)])
def test_standardisation_survives_extreme_offsets_and_scales_in_single_precision(offset, scale):
    values = (offset + scale * np.array([[0.0], [1.0], [2.0], [5.0]])).astype(np.float32)
    (scaled,) = STANDARDIZED(real.from_arrays(values, np.zeros(4)))
    np.testing.assert_allclose(scaled.x[:, 0], np.array([-2, -1, 0, 3]) / np.sqrt(3.5), rtol=1e-6, atol=1e-6)


def test_standardisation_under_vmap_equals_a_loop(key):
    x, y, weight = weighted_data()
    dataset = real.from_arrays(x, y, weight=weight)

    def prepare(key):
        return real.standardized_targets(*real.standardized(*real.split(key, dataset, 8)))

    keys = jax.random.split(key, 3)
    batched, alone = jax.jit(lambda keys: (jax.vmap(prepare)(keys), prepare(keys[1])))(keys)
    jax.tree.map(lambda many, one: np.testing.assert_allclose(many[1], one, rtol=1e-9, atol=1e-9), batched, alone)


def test_standardised_targets_have_weighted_mean_zero_and_variance_one():
    x, y, weight = weighted_data()
    (scaled,) = jax.jit(real.standardized_targets)(real.from_arrays(x, y, weight=weight))
    np.testing.assert_allclose(np.average(scaled.y[:, 0], weights=weight), 0, atol=1e-12)
    np.testing.assert_allclose(np.average(scaled.y[:, 0] ** 2, weights=weight), 1, rtol=1e-12)
    np.testing.assert_array_equal(scaled.x, x)


def test_data_sets_with_other_columns_are_refused():
    with pytest.raises(ValueError, match="2 columns, expected 1"):
        real.standardized(numbered(4), real.from_arrays(X, [1, 2, 3]))
