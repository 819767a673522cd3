"""Outliers are counted up to the largest ratio of neighbors."""

import numpy as np
import pytest

from jaxdl.curvature.spectra import num_outliers


def test_the_count_is_the_place_of_the_largest_ratio():
    top = np.concatenate([[15.0, 12.0, 10.0], np.linspace(2, 1, 16), [0.01]])
    assert num_outliers(top[:10]) == 3
    assert num_outliers(top) == len(top) - 1


def test_rows_are_counted_one_by_one_whatever_their_scale():
    top = np.array([[4.0, 3.9, 1.0, 0.9], [4.0, 1.0, 0.9, 0.8]])
    np.testing.assert_array_equal(num_outliers(np.stack([top, 1e-3 * top])), [[2, 1], [2, 1]])


def test_eigenvalues_that_are_not_positive_end_no_gap():
    assert num_outliers(np.array([5.0, 4.0, 1.0, -1.0, -2.0])) == 2
    assert num_outliers(np.array([1.0, 0.0, -2.0])) == 1


@pytest.mark.parametrize("values", [np.array([1.0]), np.array([1.0, 2.0]), np.float64(1.0)])
def test_what_is_no_decreasing_spectrum_is_refused(values):
    with pytest.raises(ValueError, match=r"largest: got .*expected .*; sort them first"):
        num_outliers(values)
