"""What the claims about training time share: the times, the means of noisy labels, the parts."""

import jax
import numpy as np
import pytest

from experiments.book.lab import Lab
from experiments.training_time import digits


@pytest.mark.parametrize(("num_steps", "num_times"), [(3, 3), (8, 5), (320, 25), (1000, 50), (50, 50)])
def test_times_are_as_many_as_asked_and_increase_from_the_start_to_the_end(num_steps, num_times):
    times = digits.log_times(num_steps, num_times)
    assert len(times) == num_times
    assert (times[0], times[-1]) == (0, num_steps)
    assert (np.diff(times) > 0).all()


def lab(**sizes):
    return Lab(
        "training_time", {"seed": 0, "steps": 8, "times": 4, "data": 4, "labels": 3, "init": 3, "sealed": False} | sizes
    )


def test_the_mean_label_is_a_law_of_which_the_right_class_has_what_is_left():
    mean = digits.label_means(digits.split(lab()).test)
    np.testing.assert_allclose(mean.sum(axis=1), 1)
    np.testing.assert_allclose(mean.max(axis=1), 1 - digits.SHARE)


def test_no_test_digit_is_in_the_pool_and_the_seal_opens_others():
    halves = {sealed: digits.split(lab(sealed=sealed)) for sealed in (False, True)}
    for pool, test in halves.values():
        assert len(test.x) == digits.NUM_POINTS
        assert not rows(pool.x) & rows(test.x)
    assert not rows(halves[False].test.x) & rows(halves[True].test.x)


def rows(x):
    return {row.tobytes() for row in np.asarray(x)}


@pytest.fixture(scope="module")
def result():
    return digits.training(lab())


def test_the_parts_and_the_noise_add_up_to_the_risk_at_every_time(result):
    parts, mean = digits.parts_of(result), digits.label_means(digits.split(lab()).test)
    risk = parts.pop("risk").estimate
    noise = sum((mean * (1 - mean))[0])
    np.testing.assert_allclose(sum(part.estimate for part in parts.values()) + noise, risk, rtol=1e-9)


def test_at_the_start_only_the_initialisation_varies(result):
    for name, part in digits.parts_of(result).items():
        if "variance" in name and name != "variance: initialisation, order":
            assert abs(part.estimate[0]) < 1e-12 < abs(part.estimate[-1]), name


def test_errors_are_larger_where_test_digits_are_drawn_too(result):
    fixed = digits.training(lab(), points_are_drawn=False)
    wide, narrow = (each.derive(lambda t: t["total_variance"]).standard_error for each in (result, fixed))
    assert (wide[1:] > narrow[1:]).all()


def test_without_wrong_labels_there_is_one_source_less_and_the_same_start(result):
    clean = digits.training(lab(), share=0.0)
    assert clean.design.factors == ("data", "init")
    np.testing.assert_allclose(clean.total_variance[0], result.total_variance[0], rtol=1e-6)


def test_moved_labels_are_learned_in_place_of_the_right_ones():
    trial = digits.trial_of(lab(), (200,), moved=1)
    keys = dict(zip(("data", "labels", "init"), jax.random.split(jax.random.key(0), 3), strict=True))
    learned = np.asarray(trial(keys).outputs[0]).argmax(axis=1)
    right = np.asarray(digits.split(lab()).test.y).argmax(axis=1)
    assert np.mean(learned == (right + 1) % 10) > 0.5
