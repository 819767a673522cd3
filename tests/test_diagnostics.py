"""The recipe: each pattern of errors has its remedy, noise is invisible to it, and nonsense is refused."""

import itertools
import math

import pytest

from jaxdl.decomposition.noise import NoiseEstimate
from jaxdl.diagnostics import MeasuredError, Remedy, diagnose, diagnose_with_noise

REFERENCE = MeasuredError(0.1)


def remedy(training, validation, error=0.001, **more):
    return diagnose(
        training=MeasuredError(training, error),
        validation=MeasuredError(validation, error),
        reference=REFERENCE,
        **more,
    ).remedy


@pytest.mark.parametrize(
    ("training", "validation", "longer", "expected"),
    [
        (0.50, 0.52, None, Remedy.CAPACITY),
        (0.50, 0.52, 0.49, Remedy.CAPACITY),
        (0.50, 0.52, 0.12, Remedy.OPTIMIZER),
        (0.09, 0.50, None, Remedy.DATA),
        (0.09, 0.50, 0.01, Remedy.DATA),  # that training longer lowers the training error is no reason to
        (0.00, 0.50, None, Remedy.DATA),
        (0.10, 0.105, None, Remedy.NONE),
        (0.10, 0.05, None, Remedy.NONE),
        (0.50, 0.90, None, Remedy.CAPACITY),  # both: training first
    ],
)
def test_each_pattern_of_errors_has_its_remedy(training, validation, longer, expected):
    assert (
        remedy(training, validation, trained_longer=None if longer is None else MeasuredError(longer, 0.001))
        == expected
    )


@pytest.mark.parametrize(("training", "validation"), [(0.5, 0.52), (0.09, 0.5)])
def test_a_gap_counts_only_beyond_its_error(training, validation):
    assert remedy(training, validation, error=0.01) != Remedy.NONE
    assert remedy(training, validation, error=0.5) == Remedy.NONE


def test_a_gap_counts_exactly_from_where_the_test_rejects():
    quantile = 1.6448536269514722  # of the normal law, at 0.95
    for sign, expected in ((1, Remedy.DATA), (-1, Remedy.NONE)):
        validation = (
            0.1 + quantile * 0.03
        ) / 0.9 + sign * 1e-9  # validation - reference = 0.1 validation + quantile s.e.
        found = diagnose(training=MeasuredError(0.0), validation=MeasuredError(validation, 0.03), reference=REFERENCE)
        assert found.remedy == expected


def test_gaps_that_count_only_together_are_judged_by_the_larger():
    assert remedy(0.16, 0.18, error=0.02, worthwhile=0.2) == Remedy.CAPACITY
    assert remedy(0.12, 0.18, error=0.02, worthwhile=0.2) == Remedy.DATA


def test_errors_in_another_unit_have_the_same_remedy():
    grid = (0.05, 0.1, 0.2, 0.5)
    for training, validation in itertools.product(grid, grid):
        found = [
            diagnose(
                training=MeasuredError(unit * training, unit * 0.01),
                validation=MeasuredError(unit * validation, unit * 0.02),
                reference=MeasuredError(unit * 0.1, unit * 0.001),
            ).remedy
            for unit in (1.0, 1024.0)
        ]
        assert found[0] == found[1]


def test_noise_looks_like_a_lack_of_capacity_unless_it_is_estimated():
    training, validation = MeasuredError(0.50, 0.01), MeasuredError(0.52, 0.01)
    assert diagnose(training=training, validation=validation, reference=REFERENCE).remedy == Remedy.CAPACITY
    noise = NoiseEstimate(0.5, 0.02, "unbiased", "replicates", "")
    assert diagnose_with_noise(training=training, validation=validation, noise=noise).remedy == Remedy.NONE


def test_a_noise_estimate_is_a_reference_with_its_error():
    training, validation = MeasuredError(0.50, 0.01), MeasuredError(0.60, 0.01)
    for error in (0.001, 0.1):
        noise = NoiseEstimate(0.4, error, "upper", "rice", "")
        found = diagnose_with_noise(training=training, validation=validation, noise=noise)
        assert found == diagnose(training=training, validation=validation, reference=MeasuredError(0.4, error))


def test_the_reason_names_the_numbers_and_what_would_tell_more():
    found = diagnose(training=MeasuredError(0.5), validation=MeasuredError(0.51), reference=REFERENCE)
    assert "training error 0.5, validation error 0.51, reference 0.1" in found.reason
    assert "train longer" in found.reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": MeasuredError(math.nan)}, "finite"),
        ({"validation": MeasuredError(1.0, -1.0)}, "zero or more"),
        ({"trained_longer": MeasuredError(math.inf)}, "finite"),
        ({"worthwhile": 0.0}, "worthwhile: got 0"),
        ({"level": 1.0}, "level=1"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(changes, words):
    given = {"training": MeasuredError(0.5), "validation": MeasuredError(0.5), "reference": REFERENCE}
    with pytest.raises(ValueError, match=words):
        diagnose(**{**given, **changes})


def test_a_noise_estimate_that_may_be_too_low_is_refused():
    noise = NoiseEstimate(0.4, 0.01, "lower", "residual", "")
    with pytest.raises(ValueError, match="from below only"):
        diagnose_with_noise(training=MeasuredError(0.5), validation=MeasuredError(0.5), noise=noise)
