"""Axes of figures: where positions are spread evenly, and how far they reach."""

import numpy as np
import pytest

from jaxdl.scales import robust_top, scale_of


@pytest.mark.parametrize(
    ("positions", "scale"),
    [
        (np.geomspace(1e-4, 10, 7), "log"),
        ([10, 20, 40, 80], "log"),
        ([0, 1, 3, 10, 30], "symlog"),
        ([0.0, *np.geomspace(1e-4, 1, 5)], "symlog"),
        (np.arange(1, 40), "linear"),
        (np.linspace(0, 1000, 11), "linear"),
        ([1, 2, 3], "linear"),
        ([-4.0, -2.0, 0.0, 2.0], "linear"),
        ([1, 1000], "linear"),
        ([7], "linear"),
    ],
)
def test_the_scale_is_that_of_even_steps(positions, scale):
    assert scale_of(np.array(positions)) == scale
    assert scale_of(np.array(positions)[::-1]) == scale


def test_a_peak_far_above_all_else_is_cut_off_and_counted():
    assert robust_top(np.array([1.0, 1.1, 1.2, 1.3, 5000.0])) == (13.0, 1)
    falling = 1 / np.arange(1.0, 10)
    assert robust_top(falling) == (1.0, 0)
    assert robust_top(np.array([np.nan, 2.0])) == (2.0, 0)
    assert robust_top(np.array([np.nan])) == (1.0, 0)
