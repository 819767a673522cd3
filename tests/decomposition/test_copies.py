"""A noise estimate that calls itself an upper bound is none below: whatever rows are copied, tied, sorted, rounded or few."""

import warnings

import numpy as np
import pytest

from jaxdl.decomposition import Target, squared_error
from jaxdl.decomposition.noise import (
    NoiseEstimate,
    gasser_sroka_jennen_steinmetz,
    hall_kay_titterington,
    nearest_neighbor,
    replicates,
    residual,
    rice,
)
from jaxdl.decomposition.noise_bracket import NoiseBracket, bias_squared_interval, bracket

ESTIMATORS = [rice, gasser_sroka_jennen_steinmetz, hall_kay_titterington, nearest_neighbor, replicates]
NUM_TABLES = 60


def draw(rng, num_rows):
    x = np.repeat(np.arange(num_rows / 4), 4)[:, None]
    return x, rng.normal(size=(num_rows, 1))


def copied(rng, x, y):
    rows = rng.integers(len(x), size=2 * len(x))
    return x[rows], y[rows]


def sorted_by_label(rng, x, y):
    order = np.argsort(y[:, 0])
    return x[order], y[order]


def copied_and_sorted(rng, x, y):
    return sorted_by_label(rng, *copied(rng, x, y))


def in_turn(rng, x, y):
    """Labels of equal x sorted, upwards and downwards in turn."""
    sign = 1 - 2 * (x[:, 0] % 2)
    order = np.lexsort([sign * y[:, 0], x[:, 0]])
    return x[order], y[order]


def but_for_a_swap(rng, x, y):
    order = np.argsort(y[:, 0])
    order[:2] = order[1::-1]
    return x[order], y[order]


def through_a_file(rng, x, y):
    """Every row once more, as single precision holds it."""
    return tuple(np.concatenate([part, part.astype(np.float32)]) for part in (x + 0.1, y))


TABLES = {
    "as they are": lambda rng, x, y: (x, y),
    "every row twice": lambda rng, x, y: (np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)),
    "resampled": copied,
    "sorted by label": sorted_by_label,
    "sorted downwards": lambda rng, x, y: sorted_by_label(rng, x, -y),
    "sorted but for a swap": but_for_a_swap,
    "sorted up and down in turn": in_turn,
    "through a file": through_a_file,
    "nearly equal labels": lambda rng, x, y: (np.tile(x, (3, 1)), np.tile(y, (3, 1)) + 1e-12 * rng.normal(size=(3 * len(y), 1))),
    "unique rows": lambda rng, x, y: np.split(np.unique(np.concatenate([x, y], axis=1), axis=0), 2, axis=1),
    "resampled and sorted": copied_and_sorted,
    "rounded": lambda rng, x, y: (x, np.round(2 * y) / 2),
    "rounded and resampled": lambda rng, x, y: copied(rng, x, np.round(2 * y) / 2),
    "pairs": lambda rng, x, y: sorted_by_label(rng, np.floor(np.arange(len(x)) / 2)[:, None], y),
}  # fmt: skip


@pytest.mark.parametrize("num_rows", [8, 40])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.__name__)
def test_no_bound_from_above_is_below_the_noise(estimator, table, num_rows):
    rng, found = np.random.default_rng(0), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(NUM_TABLES):
            x, y = TABLES[table](rng, *draw(rng, num_rows))
            if estimator is replicates and len(np.unique(np.concatenate([x, y], axis=1), axis=0)) == len(np.unique(x)):
                continue  # nothing was measured twice: refused
            each = estimator(x, y)
            assert each.direction in ("upper", "unbiased", "either")
            if each.direction != "either":
                found.append(each.estimate)
    if len(found) > NUM_TABLES / 2:
        noise = 1 + 0.5**2 / 12 * table.startswith("rounded")
        assert np.mean(found) > noise - 4 * np.std(found) / np.sqrt(len(found))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.__name__)
def test_copies_are_left_out_with_a_warning(estimator):
    rng = np.random.default_rng(1)
    x, y = draw(rng, 12)
    with pytest.warns(UserWarning, match=r"12 of 24 rows are exact copies.*measured_apart=True"):
        twice = estimator(np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0))
    assert twice[:3] == estimator(x, y)[:3]
    assert "12 rows that are exact copies" in twice.explanation


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.__name__)
def test_copies_that_were_rounded_on_their_way_are_left_out_with_a_warning(estimator):
    rng = np.random.default_rng(1)
    x, y = draw(rng, 40)
    for offset in (0.0, 5.0):
        twice = np.concatenate([y + offset, (y + offset).astype(np.float32)])
        with pytest.warns(UserWarning, match="40 of 80 rows are copies of others, up to rounding"):
            found = estimator(np.tile(x, (2, 1)), twice)
        assert found[:3] == estimator(x, y + offset)[:3]


@pytest.mark.parametrize("law", ["normal", "standard_cauchy", "uniform", "lognormal"])
def test_labels_that_are_near_each_other_by_chance_are_no_copies(law):
    rng = np.random.default_rng(2)
    y = getattr(rng, law)(size=(100_000, 1))
    x = np.repeat(np.arange(4.0), 25_000)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert replicates(x, y).direction == "unbiased"


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.__name__)
def test_the_order_of_rows_of_equal_input_does_not_matter(estimator):
    rng = np.random.default_rng(3)
    x, y = draw(rng, 40)
    order = rng.permutation(40)
    np.testing.assert_allclose(estimator(x[order], y[order])[:2], estimator(x, y)[:2], rtol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.__name__)
def test_equal_rows_of_classes_bound_nothing_unless_they_were_measured_apart(estimator):
    x, y = np.repeat(np.arange(5.0), 4)[:, None], np.random.default_rng(2).integers(2, size=(20, 1)).astype(float)
    doubtful, stated = estimator(x, y), estimator(x, y, measured_apart=True)
    assert doubtful.direction == "either"
    assert "if they are copies" in doubtful.explanation
    assert stated.direction in ("upper", "unbiased")
    assert doubtful[:2] == stated[:2]
    with pytest.raises(ValueError, match=r"^estimates: .* measured_apart=True"):
        bracket(doubtful)


def test_residuals_of_copied_rows_lose_the_direction_that_was_stated():
    y = np.random.default_rng(3).normal(size=(20, 1))
    fitted = np.repeat([y[:10].mean(), y[10:].mean()], 10)[:, None]
    assert residual(y, fitted, 2, direction="unbiased").direction == "unbiased"
    twice, fit = np.repeat(y, 2, axis=0), np.repeat(fitted, 2, axis=0)
    assert residual(twice, fit, 2, direction="unbiased").direction == "either"
    assert residual(twice, fit, 2, direction="lower").direction == "lower"
    assert residual(twice, fit, 2, direction="upper", measured_apart=True).direction == "upper"


def test_only_copies_of_one_row_are_refused():
    with (
        pytest.warns(UserWarning, match="exact copies"),
        pytest.raises(ValueError, match=r"^x: got 6 rows, of which 5"),
    ):
        rice(np.ones((6, 1)), np.full((6, 1), 0.5))


def test_bounds_that_contradict_each_other_are_refused():
    low, high = NoiseEstimate(5.0, 0.1, "lower", "residual", ""), NoiseEstimate(1.0, 0.1, "upper", "rice", "")
    with pytest.raises(ValueError, match=r"^estimates: got 5 by residual as a lower bound and 1 by rice"):
        bracket(low, high)


RESULT = squared_error(np.eye(4), factors=("data",), target=Target(labels=np.arange(4.0)))
UPPER = NoiseEstimate(1.0, 0.1, "upper", "rice", "")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: bracket(1.0), "^estimates: got 1.0"),
        (lambda: bracket(UPPER._replace(estimate=-1.0)), "^estimates: got NoiseEstimate"),
        (lambda: bracket(UPPER._replace(standard_error=np.nan)), "^estimates: got 1 of 2 entries such as nan"),
        (lambda: bracket(UPPER._replace(direction="up")), "^estimates: .*upper"),
        (lambda: bias_squared_interval("result", bracket(UPPER)), "^result: got 'result'"),
        (lambda: bias_squared_interval(RESULT, (UPPER, UPPER)), "^bracket: got .*expected a NoiseBracket"),
        (lambda: bias_squared_interval(RESULT, NoiseBracket(UPPER, UPPER._replace(estimate=0.5))), "^bracket: got 1 "),
        (lambda: bias_squared_interval(RESULT, NoiseBracket(UPPER, UPPER._replace(direction="either"))), "either"),
        (lambda: residual(np.eye(3), np.eye(3), 1, direction="down"), "^direction: got 'down'"),
        (lambda: residual(np.eye(3), np.eye(3), True), "^degrees_of_freedom: got True"),
        (lambda: rice(np.eye(3), np.eye(3), measured_apart="yes"), "^measured_apart: got 'yes'"),
    ],
)  # fmt: skip
def test_what_is_no_estimate_is_refused(call, told, unchecked):
    with pytest.raises(ValueError, match=told):
        call()
