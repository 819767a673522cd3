"""Real examples from scikit-learn's bundled sets, files, arrays and data frames, and their standardization.

Every input is checked: finite numbers only, with one label and one weight for each row.
Loaders run on the host; the standardizations also work under `jit` and `vmap`.
"""

import os
from collections.abc import Callable
from types import ModuleType

import numpy as np

from jaxdl.data.archives import arrays_of
from jaxdl.data.arrays import from_arrays
from jaxdl.data.preprocessing import standardized, standardized_targets
from jaxdl.data.tables import from_csv
from jaxdl.kinds import as_count
from jaxdl.paths import as_file
from jaxdl.types import Dataset

__all__ = [
    "breast_cancer",
    "diabetes",
    "digits",
    "from_arrays",
    "from_csv",
    "from_npz",
    "standardized",
    "standardized_targets",
    "wine",
]


def digits() -> Dataset:
    """1797 handwritten digits, 8 by 8 pixels of intensity 0 to 16 as 64 features, one-hot over 10 classes.

    Source: Alpaydin & Kaynak (1998), UCI repository; float32, from scikit-learn.

    >>> digits().x.shape, digits().y.shape
    ((1797, 64), (1797, 10))
    """
    return _load_bundled(_scikit_learn().load_digits, num_classes=10)


def diabetes() -> Dataset:
    """442 patients, 10 measurements as scikit-learn scales them, and one target: disease progression after a year.

    Source: Efron, Hastie, Johnstone & Tibshirani (2004), Least Angle Regression; float32, from scikit-learn.

    >>> diabetes().x.shape, diabetes().y.shape
    ((442, 10), (442, 1))
    """
    return _load_bundled(_scikit_learn().load_diabetes)


def breast_cancer() -> Dataset:
    """569 tumors, 30 measurements of cell nuclei, one-hot over 2 classes: malignant, benign.

    Source: Wolberg, Street & Mangasarian (1995), UCI repository; float32, from scikit-learn.

    >>> breast_cancer().x.shape, breast_cancer().y.shape
    ((569, 30), (569, 2))
    """
    return _load_bundled(_scikit_learn().load_breast_cancer, num_classes=2)


def wine() -> Dataset:
    """178 wines, 13 chemical measurements, one-hot over 3 cultivars.

    Source: Aeberhard & Forina (1991), UCI repository; float32, from scikit-learn.

    >>> wine().x.shape, wine().y.shape
    ((178, 13), (178, 3))
    """
    return _load_bundled(_scikit_learn().load_wine, num_classes=3)


def from_npz(
    path: str | os.PathLike[str], *, x: str = "x", y: str = "y", num_classes: int | None = None, max_bytes: int = 2**32
) -> Dataset:
    """A data set from two named arrays of a `.npz` archive, never unpickling anything; otherwise as `from_arrays`.

    Raises:
        ValueError: not an archive, a name that it lacks, an array of more than `max_bytes` once unpacked, one of
            Python objects, a damaged file, or whatever `from_arrays` refuses.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/lines.npz", x=[[1.0], [2.0]], y=[3.0, 4.0])
    ...     from_npz(f"{folder}/lines.npz").y.tolist()
    [[3.0], [4.0]]
    """
    max_bytes = as_count("max_bytes", max_bytes)
    file = as_file("path", path)
    arrays = arrays_of(file, {"x": x, "y": y}, max_bytes)
    return from_arrays(arrays["x"], arrays["y"], num_classes=num_classes)


def _scikit_learn() -> ModuleType:
    try:
        from sklearn import datasets
    except ImportError as error:
        msg = 'this data set comes with scikit-learn, which is not installed: pip install "jaxdl[experiments]"'
        raise ImportError(msg) from error
    return datasets


def _load_bundled(load: Callable[..., tuple[np.ndarray, np.ndarray]], *, num_classes: int | None = None) -> Dataset:
    x, y = load(return_X_y=True)
    return from_arrays(x.astype(np.float32), y, num_classes=num_classes)
