"""Intervals hold as often as they say, also when test points move together: every term, by design, law of effects and bias²."""

import numpy as np
import pytest

from jaxdl.decomposition import Target, squared_error

V_DATA, V_INIT, V_BOTH = 1.0, 0.5, 0.3
LAWS = {
    "normal": lambda rng, size: rng.normal(size=size),
    "uniform": lambda rng, size: rng.uniform(-(3**0.5), 3**0.5, size=size),
    "exponential": lambda rng, size: rng.exponential(size=size) - 1,
    "t3": lambda rng, size: rng.standard_t(3, size=size) / 3**0.5,
}
FEW = 200
MANY = 2000


def repeated(kind, shape, law, num_points, bias, repetitions):
    """Studies side by side, on the axis of times, and what they estimate."""
    rng = np.random.default_rng(0)

    def effects(*levels):
        return LAWS[law](rng, (*levels, repetitions, num_points))

    f = bias**0.5 + V_DATA**0.5 * effects(shape[0], *[1] * (len(shape) - 1))
    exact = {"bias_squared": bias, ("data",): V_DATA}
    if kind == "crossed":
        f = f + V_INIT**0.5 * effects(1, shape[1]) + V_BOTH**0.5 * effects(*shape)
        exact |= {("init",): V_INIT, ("data", "init"): V_BOTH}
    if kind == "nested":
        f = f + V_INIT**0.5 * effects(*shape)
        exact |= {("init(data)",): V_INIT}
    total = sum(value for term, value in exact.items() if isinstance(term, tuple))
    result = squared_error(
        f,
        factors=("data", "init")[: len(shape)],
        nested=kind == "nested",
        dims=("times", "points"),
        target=Target(mean=np.zeros(num_points)),
    )
    return result, exact | {"total_variance": total, "excess_risk": bias + total}


def shares(*study):
    result, exact = repeated(*study)
    return {
        term: float(((result.intervals[term].low <= value) & (value <= result.intervals[term].high)).mean())
        for term, value in exact.items()
    }


CELLS = [
    *((kind, shape, law, points) for kind, shape in (("crossed", (8, 8)), ("nested", (16, 4)), ("independent", (16,)))
      for law in ("normal", "uniform") for points in (1, 16)),
    ("crossed", (32, 32), "exponential", 1),
    ("nested", (32, 4), "exponential", 1),
    ("independent", (32,), "exponential", 1),
]  # fmt: skip


def assert_covered(cell, bias, repetitions, least, most):
    margin = 3 * (0.05 * 0.95 / repetitions) ** 0.5
    for term, share in shares(*cell, bias, repetitions).items():
        assert least - margin <= share <= most + margin, (cell, bias, term, share)


@pytest.mark.parametrize("cell", CELLS[::3], ids=str)
def test_intervals_hold(cell):
    assert_covered(cell, 0.16, FEW, 0.92, 0.99)


@pytest.mark.slow
@pytest.mark.parametrize("bias", [0.0, 0.01, 0.16, 4.0])
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_intervals_hold_in_every_cell(cell, bias):
    assert_covered(cell, bias, MANY, 0.915, 0.985)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell", [("crossed", (3, 3)), ("crossed", (4, 4)), ("nested", (4, 4)), ("independent", (4,))], ids=str
)
def test_intervals_of_few_levels_hold_nine_times_in_ten(cell):
    assert_covered((*cell, "normal", 1), 0.16, MANY, 0.9, 1.0)


def test_intervals_never_reach_below_zero_and_begin_there_where_the_estimate_is_negative():
    result, _ = repeated("crossed", (8, 8), "normal", 1, 0.0, FEW)
    for term, (low, high) in result.intervals.items():
        estimate = result.estimates[term]
        assert (low >= 0).all()
        assert (low[estimate < 0] == 0).all()
        assert (high >= np.maximum(estimate, 0)).all()
    negative = result.estimates["bias_squared"] < 0
    assert negative.any()
    assert (result.intervals["bias_squared"].high[negative] > 0).all()


def test_intervals_scale_with_the_square_of_predictions():
    rng = np.random.default_rng(0)
    f, target = rng.normal(size=(8, 6, 5)), rng.normal(size=5)
    arguments = {"factors": ("data", "init")}
    one = squared_error(f, target=Target(mean=target), **arguments)
    for scale in (1e-60, 8.0, 1e60):
        other = squared_error(scale * f, target=Target(mean=scale * target), **arguments)
        for term, ends in one.intervals.items():
            np.testing.assert_allclose(other.intervals[term], scale**2 * np.array(ends), rtol=1e-6)


def test_the_order_of_levels_and_points_changes_no_interval():
    rng = np.random.default_rng(1)
    f, target = rng.normal(size=(8, 6, 5)), rng.normal(size=5)
    one = squared_error(f, factors=("data", "init"), target=Target(mean=target))
    f, target = f[::-1, rng.permutation(6)][..., ::-1], target[::-1]
    other = squared_error(f, factors=("data", "init"), target=Target(mean=target))
    for term, ends in one.intervals.items():
        np.testing.assert_allclose(other.intervals[term], ends, rtol=1e-6)


def test_what_does_not_vary_is_known_exactly():
    result = squared_error(np.ones((5, 4, 3)), factors=("data", "init"), target=Target(mean=np.zeros(3)))
    for term, ends in result.intervals.items():
        assert tuple(ends) == (result.estimates[term],) * 2


@pytest.mark.parametrize(
    ("law", "shape", "words"), [("normal", (8, 8), ()), ("t3", (32, 32), ("heavy tails", "kurtosis"))]
)
def test_a_note_tells_of_heavy_tails_and_of_nothing_else(law, shape, words):
    result, _ = repeated("crossed", shape, law, 1, 0.16, 1)
    assert bool(result.notes) == bool(words)
    assert all(word in " ".join(result.notes) for word in words)


@pytest.mark.parametrize(
    ("points", "more"),
    [(1, "more levels of init, or more test points would help"), (40, "more levels of init would help")],
)
def test_a_note_tells_of_few_levels_and_what_would_help(points, more):
    f = np.random.default_rng(0).normal(size=(32, 1, points)) + np.random.default_rng(1).normal(size=(1, 4, 1))
    f = f + 0.1 * np.random.default_rng(2).normal(size=(32, 4, points))
    [note] = squared_error(f, factors=("data", "init"), target=Target(mean=np.zeros(points))).notes
    assert "4 levels of init" in note
    assert more in note
    assert "of data" not in note
