"""Numbers become another type only where all that differ still differ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxdl.narrowing import LARGEST_LOSS, as_type


@given(arrays.arrays(np.float64, st.integers(1, 20), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_narrowing_keeps_every_difference_or_refuses(values):
    try:
        narrowed = as_type("x", values, np.float32)
    except ValueError as error:
        assert str(error).startswith("x: got ")  # noqa: PT017 - either outcome is right
        return
    finite = np.isfinite(values)
    reach = np.ptp(values[finite]) if finite.any() else 0.0
    flushed = np.where(np.abs(narrowed) < np.finfo(np.float32).tiny, 0, narrowed).astype(float)
    np.testing.assert_array_equal(np.isfinite(narrowed), finite)
    assert reach == 0 or (np.abs(flushed[finite] - values[finite]) <= LARGEST_LOSS * reach).all()


@given(arrays.arrays(np.int64, st.integers(1, 20)), st.sampled_from([np.int32, np.uint32, np.int8]))
def test_whole_numbers_stay_exact_or_are_refused(values, dtype):
    bounds = np.iinfo(dtype)
    if ((values >= bounds.min) & (values <= bounds.max)).all():
        np.testing.assert_array_equal(as_type("seed", values, dtype), values)
    else:
        with pytest.raises(ValueError, match="cannot hold"):
            as_type("seed", values, dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_numbers_beyond_the_range_are_refused(dtype):
    with pytest.raises(ValueError, match="beyond the range"):
        as_type("x", np.array([0.0, 1e300]), dtype)


def test_only_the_column_that_loses_its_differences_is_judged():
    table = np.stack([np.linspace(0, 1, 60), 1.7e9 + np.arange(60)], axis=1)
    with pytest.raises(ValueError, match="1 of 60 distinct"):
        as_type("x", table, np.float32)
    as_type("x", table - [0, 1.7e9], np.float32)


def test_ordinary_rounding_is_no_loss():
    values = np.random.default_rng(0).normal(3.0, 1.0, (1000, 3))
    np.testing.assert_array_equal(as_type("x", values, np.float32), values.astype(np.float32))


def test_an_outlier_hides_no_collapse():
    times = np.r_[-1.0, 1_700_000_000 + np.arange(60.0)]
    with pytest.raises(ValueError, match=r"keeps 2 of 61 distinct values"):
        as_type("x", times, np.float32)
    as_type("x", np.random.default_rng(0).lognormal(0, 6, 5000), np.float32)  # each number at its own scale


def test_a_column_that_is_constant_up_to_rounding_is_constant():
    angle = np.random.default_rng(0).uniform(0, 6, 50)
    ones = np.cos(angle) ** 2 + np.sin(angle) ** 2
    assert len(np.unique(ones)) > 1
    np.testing.assert_array_equal(as_type("x", np.stack([ones, angle], 1), np.float32)[:, 0], np.float32(1))
    as_type("settings", np.array([0.3, 0.1 + 0.2]), np.float32)


@pytest.mark.parametrize(
    ("source", "dtype"),
    [
        (bool, np.float32),
        (np.uint8, np.float32),
        (np.int16, np.float32),
        (np.int32, np.float64),
        (np.float16, np.float32),
    ],
)
def test_types_that_hold_all_numbers_of_another_are_not_searched(source, dtype):
    values = np.arange(5).astype(source)
    narrowed = as_type("x", values, dtype)
    assert narrowed.dtype == dtype
    np.testing.assert_array_equal(narrowed, values)


@pytest.mark.parametrize(
    "values",
    [
        2**60 + np.arange(3),
        2**63 + np.arange(3, dtype=np.uint64),
        np.longdouble(2**60) + np.arange(3),
    ],
    ids=["int64", "uint64", "longdouble"],
)
def test_what_doubles_cannot_tell_apart_is_refused(values):
    assert len(np.unique(values)) == 3
    with pytest.raises(ValueError, match=r"keeps 1 of 3 distinct values.*; subtract an offset first$"):
        as_type("x", values, np.float64)


def test_blocks_of_rows_see_what_the_whole_sees(monkeypatch):
    monkeypatch.setattr("jaxdl.narrowing.ENTRIES_AT_ONCE", 7)
    test_only_the_column_that_loses_its_differences_is_judged()
