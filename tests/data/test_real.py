import os
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import real

X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


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


def test_an_npz_file_gives_back_its_arrays(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, inputs=X, labels=[1, 0, 2])
    dataset = real.from_npz(path, x="inputs", y="labels", num_classes=3)
    np.testing.assert_array_equal(dataset.x, X)
    np.testing.assert_array_equal(dataset.y, np.eye(3)[[1, 0, 2]])


def test_a_bad_npz_file_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.zeros((1000, 100)), y=np.zeros(1000), labels=np.array([{}], object))
    with pytest.raises(ValueError, match=r"y: got 'z', expected .*\['x', 'y', 'labels'\]"):
        real.from_npz(path, y="z")
    with pytest.raises(ValueError, match=r"y: got array 'labels', which cannot be read .*never unpickled"):
        real.from_npz(path, y="labels")
    with pytest.raises(ValueError, match="x: got array 'x' of 800128 bytes, expected at most max_bytes=1000"):
        real.from_npz(path, max_bytes=1000)
    np.save(tmp_path / "data.npy", X)
    with pytest.raises(ValueError, match=r"path: got .*, which is no \.npz archive"):
        real.from_npz(tmp_path / "data.npy")
    with pytest.raises(FileNotFoundError):
        real.from_npz(tmp_path / "missing.npz")


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_archive_is_refused(damage, tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).normal(size=(50, 2)), y=np.zeros(50))
    content = bytearray(path.read_bytes())
    content[200:220] = bytes(20)
    path.write_bytes(content if damage == "flip" else content[:-10])
    with pytest.raises(ValueError, match=r"^path: got .*(damaged|no \.npz archive)"):
        real.from_npz(path)


@pytest.mark.parametrize("load", [real.from_npz, lambda path: real.from_csv(path, "y")], ids=["npz", "csv"])
def test_only_an_ordinary_file_is_opened(load, tmp_path, monkeypatch, unchecked):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in ("", " ", "a\0b", b"data.csv", 0, None, tmp_path, pipe, "/dev/zero", "https://example.org/data.csv"):
        with pytest.raises(ValueError, match=r"^path: got "):
            load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match=f"^path: got {tmp_path}/pipe"):
        load("~/pipe")
