"""How many bytes a kernel with zeros takes, densely and in three sparse formats that hold every value exactly."""

import numpy as np
from jaxtyping import Num
from scipy import sparse


def dense(kernel: Num[np.ndarray, "rows columns"]) -> int:
    """All values."""
    return kernel.nbytes


def compressed_rows(kernel: Num[np.ndarray, "rows columns"]) -> int:
    """Values, the column of each in four bytes, and where each row begins: SciPy's format."""
    stored = sparse.csr_array(kernel)
    return stored.data.nbytes + stored.indices.nbytes + stored.indptr.nbytes


def byte_columns(kernel: Num[np.ndarray, "rows columns"]) -> int:
    """Compressed rows of at most 256 columns and 65,535 values: a column in one byte, the beginning of a row in two."""
    stored = sparse.csr_array(kernel)
    return stored.data.nbytes + stored.indices.astype(np.uint8).nbytes + stored.indptr.astype(np.uint16).nbytes


def bitmap(kernel: Num[np.ndarray, "rows columns"]) -> int:
    """One bit for each place, and the values that are not zero in their order."""
    return np.packbits(kernel != 0).nbytes + kernel[kernel != 0].nbytes


FORMATS = {"compressed rows": compressed_rows, "byte columns": byte_columns, "bitmap": bitmap}


def break_even(shape: tuple[int, int], value_bytes: int) -> dict[str, float]:
    """The share of zeros above which each format takes less than the dense kernel."""
    rows, count = shape[0], shape[0] * shape[1]
    overheads = {
        "compressed rows": (4 * (rows + 1), 4),
        "byte columns": (2 * (rows + 1), 1),
        "bitmap": (-(-count // 8), 0),
    }
    return {
        name: 1 - (value_bytes * count - fixed) / ((value_bytes + each) * count)
        for name, (fixed, each) in overheads.items()
    }
