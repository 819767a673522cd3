"""What a caller hands over as finite doubles, of a size at which standard errors are doubles too."""

from typing import Any

import numpy as np
from jaxtyping import Float, Num, Shaped

from jaxdl.admission import as_numbers, check_finite
from jaxdl.narrowing import as_type

Array = np.ndarray
LARGEST = 1e70
"""Standard errors of squares take fourth powers, sums of them over many rows, and doubles end at 1e308."""
SMALLEST = 1e-70
"""Likewise from below: fourth powers of smaller numbers are zero, and so would be their standard errors."""


def finite_doubles(name: str, value: Any) -> Float[Array, "..."]:
    """`value` as doubles that equal it, up to rounding.

    Raises:
        ValueError: what `admission.as_numbers` and `as_type` refuse, NaN and infinity, sizes beyond `LARGEST`.

    >>> finite_doubles("x", [1, 2])
    array([1., 2.])
    >>> finite_doubles("x", [1e200, 2.0])
    Traceback (most recent call last):
    ...
    ValueError: x: got numbers of size up to 1e+200, expected at most 1e+70, ...; rescale them
    """
    array = as_type(name, as_numbers(name, value), np.float64)
    check_finite(name, array)
    check_largest(name, array)
    return array


def check_largest(name: str, array: Num[Array, "..."]) -> None:
    """Refuse numbers whose fourth powers are no doubles."""
    if _size(array) > LARGEST:
        msg = f"{name}: got numbers of size up to {_size(array):.3g}, expected at most {LARGEST:g}, as standard errors take their "
        msg += "fourth powers; rescale them"
        raise ValueError(msg)


def check_smallest(name: str, *arrays: Num[Array, "..."]) -> None:
    """Refuse numbers that are all so small, though not zero, that their fourth powers are zero."""
    size = max(map(_size, arrays))
    if 0 < size < SMALLEST:
        msg = f"{name}: got numbers of size up to {size:.3g}, expected some above {SMALLEST:g}, as standard errors take their "
        msg += "fourth powers; rescale predictions and target, or inputs and labels"
        raise ValueError(msg)


def _size(array: Num[Array, "..."]) -> float:
    return max(float(array.max()), -float(array.min())) if array.size else 0.0


def as_counted(array: Shaped[Array, "*shape"]) -> Shaped[Array, "*shape"]:
    """False and True as the numbers 0 and 1, for arithmetic; numbers as they are."""
    return array.astype(np.int8) if array.dtype == bool else array
