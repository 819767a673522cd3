"""A study that grows stops where it is precise enough, its intervals still hold, and it takes few runs more than it must."""

import itertools

import numpy as np
import pytest

from jaxdl import designs
from jaxdl.decomposition import (
    Precision,
    PrecisionNotReachedError,
    Target,
    compare,
    grow,
    metric,
    squared_error,
)
from jaxdl.decomposition.settling import POINTS

POINTS_PER_STUDY = 4


def normal_runs(seed, num_runs=2000):
    f = np.random.default_rng(seed).normal(size=(num_runs, POINTS_PER_STUDY))
    target = Target(mean=np.full(POINTS_PER_STUDY, 0.5))
    return lambda design: squared_error(f[: design.shape[0]], design=design, target=target)


def test_it_stops_at_a_design_that_contains_all_before_it_and_is_precise_enough():
    seen = []

    def measure(design):
        seen.append(design.shape[0])
        return normal_runs(0)(design)

    found = grow(measure, designs.crossed(seed=4), Precision("variance[seed]", standard_error=0.08), 2000)
    assert seen[0] == 16
    assert seen == sorted(set(seen))
    assert all(after <= 2 * before for before, after in itertools.pairwise(seen))
    assert found.standard_errors["seed",] <= 0.08
    assert found.estimates == normal_runs(0)(designs.crossed(seed=seen[-1])).estimates


def test_a_crossed_design_stays_crossed_and_a_single_level_stays_one():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(300, 1, 1, 5)) + rng.normal(size=(1, 1, 300, 5))
    f = np.broadcast_to(f, (300, 1, 300, 5))

    def measure(design):
        data, _, init = design.shape
        return squared_error(f[:data, 0, :init], factors=("data", "init"))

    found = grow(
        measure, designs.crossed(data=3, order=1, init=3), Precision("data", standard_error=0.1, floor=8), 10**5
    )
    assert found.design.is_crossed
    assert min(found.design.shape) >= 8
    assert found.standard_errors["data",] <= 0.1


def test_several_results_are_all_precise_enough():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(2000, 4))

    def measure(design):
        return {str(size): squared_error(size * f[: design.shape[0]], design=design) for size in (1, 2)}

    found = grow(measure, designs.crossed(seed=16), Precision("seed", standard_error=0.3), 2000)
    assert max(float(each.standard_errors["seed",]) for each in found.values()) <= 0.3


def test_what_is_beyond_the_runs_allowed_is_an_error_that_keeps_what_was_run():
    until = Precision("seed", standard_error=0.01)
    with pytest.raises(
        PrecisionNotReachedError, match=r"at_most: got 60 runs, .* about .* runs would reach it"
    ) as caught:
        grow(normal_runs(1), designs.crossed(seed=16), until, 60)
    assert caught.value.result.design.num_runs == 60


def test_what_test_points_keep_from_being_reached_is_said_after_the_first_design():
    rng = np.random.default_rng(0)
    f, y = rng.normal(size=(200, 10)), 3 * rng.normal(size=10)
    with pytest.raises(PrecisionNotReachedError, match="10 test points alone contribute") as caught:
        grow(
            lambda design: squared_error(f[: design.shape[0]], design=design, target=Target(labels=y)),
            designs.crossed(seed=16),
            Precision("risk", standard_error=0.1),
            200,
        )
    assert caught.value.result.design.num_runs == 16


@pytest.mark.parametrize(
    ("precision", "message"),
    [
        (Precision("data", standard_error=0.1), "term: got 'data'"),
        (Precision("excess_risk", relative=0.1), "relative: got 0.1 of an estimate of zero"),
    ],
)
def test_a_term_that_the_results_lack_or_that_is_zero_loses_no_run(precision, message):
    def measure(design):
        return squared_error(np.zeros((*design.shape, 3)), design=design, target=Target(mean=np.zeros(3)))

    with pytest.raises(PrecisionNotReachedError, match=message) as caught:
        grow(measure, designs.crossed(seed=16), precision, 100)
    assert caught.value.result.design.num_runs == 16


@pytest.mark.parametrize(
    ("until", "at_most", "message"),
    [
        (Precision("seed", standard_error=0.1), 10, "at_most: got 10, expected a whole number from 16"),
        (Precision("seed", standard_error=0.1), None, "at_most: got none"),
    ],
)
def test_what_cannot_grow_is_refused(until, at_most, message):
    with pytest.raises(ValueError, match=message):
        grow(normal_runs(0), designs.crossed(seed=8), until, at_most)


EXACT = {"variance[seed]": (0.05, 1.0, 201), "excess_risk": (0.06, 1.25, 209)}


def covered(term, repetitions):
    """How often the interval holds, and the runs beside those of the best fixed design: K - 1 = 2/(4 s²), and K = 0.75/s²."""
    error, exact, best = EXACT[term]
    found = [grow(normal_runs(seed), designs.crossed(seed=16), Precision(term, standard_error=error), 2000)
             for seed in range(repetitions)]  # fmt: skip
    ends = np.array([each.intervals[each.term(term)] for each in found], float)
    runs = np.mean([each.design.num_runs for each in found])
    return float(((ends[:, 0] <= exact) & (exact <= ends[:, 1])).mean()), float(runs) / best


@pytest.mark.thorough
def test_intervals_hold_and_few_runs_are_too_many_in_fifty_studies():
    share, ratio = covered("variance[seed]", 50)
    assert share > 0.92 - 3 * (0.08 * 0.92 / 50) ** 0.5
    assert 0.95 < ratio < 1.3


@pytest.mark.slow
@pytest.mark.parametrize("term", EXACT)
def test_intervals_hold_in_five_hundred_studies(term):
    share, ratio = covered(term, 500)
    print(term, share, ratio)
    assert 0.92 <= share <= 0.98
    assert 0.95 < ratio <= 1.3


def test_a_comparison_says_what_comes_from_runs_and_what_from_points():
    rng = np.random.default_rng(0)
    seeds, points = rng.normal(size=(20, 1)), rng.normal(size=(1, 30))
    one = metric(seeds + 10 * points, factors=("seed",), dims=("points",), random_points=True)
    two = metric(1.5 * seeds + 10.5 * points + 0.2, factors=("seed",), dims=("points",), random_points=True)
    found = compare(one, two)
    assert found.parts["mean"]["seed"] == pytest.approx((0.5 * seeds).var(ddof=1) / 20)
    assert found.parts["mean"][POINTS] == pytest.approx((0.5 * points).var(ddof=1) / 30)
    assert sum(found.parts["mean"].values()) == pytest.approx(found.standard_errors["mean"] ** 2)
    assert found.counts == {"seed": 20, POINTS: 30}


def test_levels_that_settle_a_difference_are_those_of_its_variance():
    """From parts v of L levels, one alone needs L v / ((d/1.96)² - the rest)."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(6, 5)) + 2 * rng.normal(size=(6, 1))
    found = compare(
        metric(np.zeros((6, 5)) + 1e-3 * values, factors=("data", "init")),
        metric(values + 1.0, factors=("data", "init")),
    )
    parts, difference = found.parts["mean"], float(found.estimates["mean"])
    settled = found.settle("mean")
    allowed = (difference / 1.959964) ** 2
    rest = allowed - parts["init"]
    assert settled.alone["data"] == max(6, int(np.ceil(6 * parts["data"] / rest)))
    left = sum(parts[each] * found.counts[each] / settled.together[each] for each in ("data", "init"))
    assert left <= allowed
    assert settled.num_needed == settled.together["data"] * settled.together["init"] - 30


@pytest.mark.parametrize(
    ("shift", "margin", "larger", "outcome"),
    [
        (1.0, 0.0, False, "worse"),
        (1.0, 0.0, True, "better"),
        (-1.0, 0.0, False, "better"),
        (0.0, 0.0, False, "undecided"),
        (0.0, 0.5, False, "no difference within the margin"),
        (0.5, 0.5, False, "undecided"),
    ],
)
def test_an_outcome_follows_from_the_interval(shift, margin, larger, outcome):
    base = np.random.default_rng(2).normal(size=40)
    other = base + shift + 0.1 * np.tile([-1.0, 1.0], 20)
    found = compare(metric(base, factors=("seed",)), metric(other, factors=("seed",)))
    assert found.outcome("mean", margin=margin, larger_is_better=larger).value == outcome


def test_a_question_that_has_no_answer_is_refused():
    base = np.random.default_rng(2).normal(size=40)
    found = compare(metric(base, factors=("seed",)), metric(2 * base, factors=("seed",)))
    for call, message in (
        (lambda: found.outcome("median"), "term: got 'median'"),
        (lambda: found.outcome("mean", margin=-1.0), "margin: got -1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
