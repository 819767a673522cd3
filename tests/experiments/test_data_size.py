"""What the claims about data share: learners that two claims must agree on, forecasts and their scores, cases, traffic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.book.lab import Lab
from experiments.data_size import capacity, cases, curve, forecasts, traffic
from jaxdl.diagnostics import Remedy
from jaxdl.statistics import Interval

KEYS = {name: jax.random.key(place) for place, name in enumerate(("data", "test", "validation", "init", "order"))}


@pytest.mark.parametrize("size", [capacity.EXAMPLES, capacity.TIMES * capacity.EXAMPLES])
def test_two_claims_mean_the_same_by_a_ridge_of_fixed_strength(size):
    """K008 measures its bias by the number of examples, K009 what data and capacity do to it."""
    train = curve.first(curve.PROBLEM.sample(KEYS, capacity.TIMES * capacity.EXAMPLES), size)
    of_k008 = curve.fixed_ridge(3)(KEYS, train)(curve.X)
    trial = capacity.trial_of(curve.FIXED_STRENGTH)
    of_k009 = trial(KEYS, {"size": jnp.array(size), "degree": jnp.array(3)})
    np.testing.assert_allclose(of_k009, of_k008, atol=1e-5)


def test_data_remove_the_bias_of_a_ridge_of_fixed_strength_and_not_that_of_a_line():
    lab = Lab("data_size", {"seed": 0, "runs": 64})
    ridge, line = capacity.arms(lab, 3, curve.FIXED_STRENGTH), capacity.arms(lab, 1, None)
    assert ridge.bias_squared[1] < 0.2 * ridge.bias_squared[0]
    assert 0.9 < line.bias_squared[1] / line.bias_squared[0] < 1.1


def of(low, high, measured, constant):
    means = np.stack([np.zeros(2), np.asarray(measured, float)])
    ends = [np.asarray(each, float) for each in (low, high)]
    around = Interval(*(np.asarray(each, float) for each in constant))
    return forecasts.Forecasts(means, np.ones((2, 2)), *ends, np.zeros(2), np.ones(2), around)


def test_an_interval_score_is_the_width_and_twenty_times_what_misses():
    """2 / (1 - level) = 20 at 90 %: the first interval holds the risk, the second misses it by 0.5 from above."""
    each = of((0, 1), (2, 3), (1, 0.5), ((0.0, 0.0), (1.0, 1.0)))
    np.testing.assert_allclose(each.scores, [[2, 2 + 20 * 0.5], [1, 1]])
    assert each.covered.tolist() == [True, False]


def test_a_curve_that_scores_as_its_last_point_has_the_ratio_one():
    same = of((0, 1), (2, 3), (1, 2), ((0.0, 1.0), (2.0, 3.0)))
    found = forecasts.score_ratio(same, 0.95, 0)
    assert (found.estimate, *found.interval) == (1, 1, 1)


def test_the_recipe_knows_the_noise_only_by_its_reference():
    """Errors of 0.25 where the noise is 0.25: nothing to do; by the noise of clean labels, too little capacity."""
    error = np.array([[[0.25, 0.001]]])
    pairs = np.tile([0.5, -0.5], (cases.NUM_REPEATED // 2, 2)).reshape(1, 1, cases.NUM_REPEATED, 2)
    errors = {"training": error, "validation": error, "longer": error, "noise": np.array([[0.25]]), "repeated": pairs}
    named = cases.recipes(0.1)(errors, 0)
    assert named["noise of these labels"] == Remedy.NONE
    assert named["noise of clean labels"] == Remedy.CAPACITY


def test_values_cross_zero_between_the_levels_around_it():
    levels = np.array([0.0, 1.0, 3.0])
    assert traffic.crossing(levels, np.array([-1.0, -2.0, 2.0])) == 2.0
    assert traffic.crossing(levels, np.array([1.0, 2.0, 3.0])) == 0.0
    assert traffic.crossing(levels, np.array([-3.0, -2.0, -1.0])) == 3.0


def test_a_pattern_takes_steps_of_the_standard_deviation_that_is_said():
    """All else is the same, so that the difference of two series is the walk of each day of the week: s.e. of 692 steps, 3 %."""
    still, moving = (traffic.traffic(jax.random.key(0), 700, jnp.array(drift)) for drift in (0.0, 2.0))
    steps = np.diff((moving - still).reshape(100, 7), axis=0)
    assert steps.std() == pytest.approx(2, rel=0.12)
    assert abs(np.corrcoef(steps[:-1].ravel(), steps[1:].ravel())[0, 1]) < 4 / steps[1:].size ** 0.5
