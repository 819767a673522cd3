"""What is admitted equals what was handed over; what an array would falsify is refused with a remedy."""

import datetime
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO

from jaxdl.admission import as_numbers

REFUSED = {
    "masked": (np.ma.array([1.0, 2.0], mask=[0, 1]), "remove or impute"),
    "a list of masked rows": ([np.ma.array([1.0, 2.0], mask=[0, 1])], "remove or impute"),
    "the masked constant": ([1.0, np.ma.masked], "remove or impute"),
    "complex": (np.array([1.0 + 0j]), "real and imaginary"),
    "complex in objects": (np.array([1j, 2.0], object), "real and imaginary"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), "timedelta64"),
    "durations": (np.array([3], "m8[s]"), "timedelta64"),
    "dates with a zone": (pd.to_datetime(pd.Series(["2020-01-01"])).dt.tz_localize("UTC"), "timedelta64"),
    "Python's dates": ([datetime.date(2020, 1, 1)], "timedelta64"),
    "Python's durations": ([datetime.timedelta(1)], "timedelta64"),
    "None": (None, "array of numbers"),
    "a missing cell": ([[1.0, None]], "impute"),
    "pandas' NaT": ([pd.NaT, 1.0], "impute"),
    "text": (["1", "2"], "np.unique"),
    "bytes": (np.array([b"1"]), "np.unique"),
    "categories": (pd.Series(["a", "b"], dtype="category"), "np.unique"),
    "a column of text": (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "row 0, column 1"),
    "a sparse matrix": (scipy.sparse.eye(3).tocsr(), "toarray"),
    "a sparse array": (scipy.sparse.csr_array(np.eye(2)), "toarray"),
    "jax's sparse array": (BCOO.fromdense(jnp.eye(2)), "todense"),
    "random keys": (jax.random.key(0), "key_data"),
    "uneven rows": ([[1, 2], [3]], "one length"),
    "a mapping": ({"a": 1}, "array of numbers"),
    "a generator": ((i for i in range(3)), "array of numbers"),
    "fields": (np.zeros(2, [("a", int)]), "booleans, integers or floats"),
    "huge integers": ([2**70], "64 bits"),
    "huge decimals": ([Decimal(2**60 + 1)], "2**53"),
    "decimals beyond the floats": ([Decimal("1e400")], "2**53"),
    "fractions beyond the floats": ([Fraction(10**400, 3)], "rescale"),
    "huge integers beside floats": (np.array([2**60 + 1, 0.5], object), "2**53"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_array_would_falsify_is_refused_with_a_remedy(name):
    value, remedy = REFUSED[name]
    with pytest.raises(ValueError, match=r"^labels: got .*, expected .*") as told:
        as_numbers("labels", value)
    assert remedy in str(told.value)


def test_a_traced_value_is_refused():
    with pytest.raises(ValueError, match="outside of them"):
        jax.jit(lambda x: as_numbers("x", x))(jnp.ones(2))


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        (1.5, 2),
        [True, False],
        np.ma.array([1.0, 2.0], mask=[0, 0]),
        jnp.array([1.5, 2.0], jnp.bfloat16),
        pd.Series([1, 2], index=[7, 9]),
        pd.Series([1, 2], dtype="Int64"),
        pd.Series([1, 0], dtype="Sparse[int]"),
        pd.DataFrame({"a": [1, 2], "b": [True, False]}),
        np.array([1, 2.5, True], object),
        np.array([2**62, 1], object),
        [Fraction(1, 2)],
        [Decimal("0.5"), 2, Decimal(3)],
        Decimal(1),
        [1.0, np.nan, np.inf],
        3,
    ],
    ids=str,
)
def test_numbers_of_any_container_are_admitted_unchanged(value):
    admitted = as_numbers("x", value)
    assert admitted.dtype != object
    np.testing.assert_array_equal(admitted, np.asarray(value))
