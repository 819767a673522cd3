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


def test_the_mean_label_is_a_law_of_which_the_right_class_has_what_is_left():
    mean = digits.label_means()
    np.testing.assert_allclose(mean.sum(axis=1), 1)
    np.testing.assert_allclose(mean.max(axis=1), 1 - digits.SHARE)


@pytest.fixture(scope="module")
def result():
    return digits.training(Lab("training_time", {"seed": 0, "steps": 8, "times": 4, "data": 4, "labels": 3, "init": 3}))


def test_the_parts_and_the_noise_add_up_to_the_risk_at_every_time(result):
    parts = digits.parts_of(result)
    risk = parts.pop("risk").estimate
    noise = sum((digits.label_means() * (1 - digits.label_means()))[0])
    np.testing.assert_allclose(sum(part.estimate for part in parts.values()) + noise, risk, rtol=1e-9)


def test_at_the_start_only_the_initialisation_varies(result):
    for name, part in digits.parts_of(result).items():
        if "variance" in name and name != "variance: initialisation, order":
            assert abs(part.estimate[0]) < 1e-12 < abs(part.estimate[-1]), name


def test_moved_labels_are_learned_in_place_of_the_right_ones():
    trial = digits.trial_of((200,), moved=1)
    keys = dict(zip(("data", "labels", "init"), jax.random.split(jax.random.key(0), 3), strict=True))
    learned = np.asarray(trial(keys).outputs[0]).argmax(axis=1)
    right = digits.label_means().argmax(axis=1)
    assert np.mean(learned == (right + 1) % 10) > 0.5
