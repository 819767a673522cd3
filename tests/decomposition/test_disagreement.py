"""Disagreement of runs beside their error, and calibration errors, against exact laws."""

import itertools

import numpy as np
import pytest

from jaxdl.decomposition import calibration_error, disagreement, metric


def test_disagreement_is_the_share_of_pairs_that_differ_and_error_that_of_wrong_predictions():
    rng = np.random.default_rng(0)
    votes, labels = rng.integers(3, size=(7, 40)), rng.integers(3, size=40)
    found = disagreement(votes, labels, factors=("seed",))
    pairs = [np.mean(votes[i] != votes[j]) for i, j in itertools.combinations(range(7), 2)]
    assert found.disagreement.estimate == pytest.approx(np.mean(pairs))
    assert found.error.estimate == pytest.approx(np.mean(votes != labels))
    assert found.gap.estimate == pytest.approx(np.mean(pairs) - np.mean(votes != labels))


def test_runs_that_share_their_data_disagree_by_their_seeds_alone():
    rng = np.random.default_rng(1)
    votes, labels = rng.integers(2, size=(5, 4, 30)), rng.integers(2, size=30)
    found = disagreement(votes, labels, factors=("data", "init"), shared=("data",))
    pairs = [np.mean(votes[d, i] != votes[d, j]) for d in range(5) for i, j in itertools.combinations(range(4), 2)]
    assert found.disagreement.estimate == pytest.approx(np.mean(pairs))
    nested = disagreement(votes, labels, factors=("data", "init"), shared=("data",), nested=True)
    assert nested.disagreement.estimate == pytest.approx(np.mean(pairs))


def test_a_nested_level_is_shared_only_with_what_it_is_in():
    votes, labels = np.random.default_rng(1).integers(2, size=(5, 4, 30)), np.arange(30) % 2
    with pytest.raises(ValueError, match=r"shared: got .*outer factors first"):
        disagreement(votes, labels, factors=("data", "init"), shared=("init(data)",), nested=True)


def test_classes_of_one_point_are_one_draw():
    """Ten classes of probability 0.1, of which one is right: the share right is 0.1 at every point, and chance adds nothing."""
    found = calibration_error(np.full((20, 10), 0.1), np.arange(20) % 10, num_bins=5, every_class=True)
    assert found.squared == pytest.approx(0.0, abs=1e-15)


def test_calibrated_predictions_of_ten_classes_have_no_error_on_average():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(10), size=200)
    draws = [calibration_error(p, (p.cumsum(1) > rng.random((200, 1))).argmax(1), every_class=True) for _ in range(400)]
    squared = np.array([float(each.squared) for each in draws])
    assert abs(squared.mean()) < 4 * squared.std() / 20


def test_a_bin_with_one_point_counts_as_zero():
    p = np.stack([np.linspace(0.6, 0.95, 8), 1 - np.linspace(0.6, 0.95, 8)], axis=-1)
    assert calibration_error(p, np.zeros(8, int), num_bins=200).squared == 0


@pytest.mark.parametrize(("sharpness", "is_calibrated"), [(1.0, True), (2.0, False)])
def test_the_gap_is_zero_where_votes_are_calibrated_and_negative_where_they_are_too_sure(sharpness, is_calibrated):
    """A point has P(y = 1) = p; runs vote for 1 with p, or with a probability nearer to 0 or 1."""
    missed, gaps = 0, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = rng.beta(2, 2, size=100)
        vote = p**sharpness / (p**sharpness + (1 - p) ** sharpness)
        found = disagreement(
            (rng.random((30, 100)) < vote).astype(int), (rng.random(100) < p).astype(int), factors=("seed",)
        )
        low, high = found.gap.interval
        missed += not low <= 0 <= high
        gaps.append(float(found.gap.estimate))
    if is_calibrated:
        assert missed <= 60 * 0.05 + 3 * (60 * 0.05 * 0.95) ** 0.5
        assert abs(np.mean(gaps)) < 4 * np.std(gaps) / 60**0.5
    else:
        assert np.mean(gaps) < -4 * np.std(gaps) / 60**0.5


def test_expected_calibration_error_of_two_bins_by_hand():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]])
    labels = np.array([0, 1, 1, 1])
    found = calibration_error(p, labels, num_bins=4)  # of 0.9, 0.8 one is right; of 0.7, 0.55 both
    assert found.expected == pytest.approx((abs(1 - 1.7) + abs(2 - 1.25)) / 4)
    first, second = np.array([0.1, -0.8]), np.array([0.3, 0.45])
    squares = [each.mean() ** 2 - each.var(ddof=1) / 2 for each in (first, second)]
    assert found.squared == pytest.approx(np.mean(squares))


@pytest.mark.parametrize("every_class", [False, True])
@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_the_squared_error_is_unbiased_and_the_expected_one_is_not(shift, every_class):
    """All predictions say 0.7 of class 0, of which a share 0.7 - shift has that label."""
    rng = np.random.default_rng(2)
    repetitions, n = 400, 60
    p = np.tile([0.7, 0.3], (n, 1))
    found = [
        calibration_error(p, (rng.random(n) > 0.7 - shift).astype(int), every_class=every_class)
        for _ in range(repetitions)
    ]
    squared = np.array([each.squared for each in found])
    assert abs(squared.mean() - shift**2) < 4 * squared.std(ddof=1) / repetitions**0.5
    stated = np.mean([each.squared_standard_error**2 for each in found]) ** 0.5 / squared.std(ddof=1)
    if shift == 0:
        assert 0.9 < stated < 2  # the jackknife of a square about zero is on the safe side, up to the root of two
        assert np.mean([each.expected for each in found]) > 0.02
    else:
        assert abs(stated - 1) < 4 / (2 * repetitions) ** 0.5


def test_a_calibration_error_is_a_metric_of_each_run():
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(3), size=(6, 50))
    found = calibration_error(p, rng.integers(3, size=50))
    assert found.expected.shape == (6,)
    one = calibration_error(p[2], rng.integers(3, size=50))
    assert one.expected.shape == ()
    assert metric(found.squared, factors=("seed",))["mean"] == pytest.approx(found.squared.mean())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibration_error(np.full((5, 2), 0.6), np.zeros(5)), "sums of one"),
        (lambda: calibration_error(np.array([[2.0, -1.0]] * 5), np.zeros(5)), "from 0 to 1"),
        (lambda: calibration_error(np.full((5, 2), np.nan), np.zeros(5)), "from 0 to 1"),
        (lambda: calibration_error(np.full((5, 2), 0.5), np.full(5, 2)), "classes 0 to 1"),
        (lambda: calibration_error(np.full((5, 2), 0.5), np.zeros(4)), r"expected \(5,\)"),
        (lambda: calibration_error(np.full(5, 0.5), np.zeros(5)), "probabilities: got shape"),
        (lambda: disagreement(np.zeros((5, 4), int), np.zeros(4, int), factors=("seed",), shared=("data",)), "shared: got"),
        (lambda: disagreement(np.zeros((5, 4), int), np.zeros(4, int), factors=("seed",), shared="seed"), "shared: got"),
    ],
)  # fmt: skip
def test_what_is_neither_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
