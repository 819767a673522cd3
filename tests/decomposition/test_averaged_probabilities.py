"""The two ensembles of classifiers against quadrature, an independent implementation, and logits beyond the doubles."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from jaxdl.decomposition import Target, bregman, compare, cross_entropy, potentials, zero_one

LOGITS, PROBABILITIES = "risk_of_averaged_logits", "risk_of_averaged_probabilities"
LAYOUTS = {
    "independent": {"factors": ("data",)},
    "nested": {"factors": ("data", "init"), "nested": True},
    "crossed": {"factors": ("data", "init")},
}
PI, MEAN = 0.7, 1.0  # of class 0, and of its logit, whose variance is 4; that of class 1 is zero


def two_classes(z):
    return np.stack([z, np.zeros_like(z)], axis=-1)


def exact():
    p = integrate.quad(lambda z: special.expit(MEAN + 2 * z) * stats.norm.pdf(z), -12, 12, epsabs=1e-13)[0]
    return {
        LOGITS: np.logaddexp(0, MEAN) - PI * MEAN,
        PROBABILITIES: -PI * np.log(p) - (1 - PI) * np.log1p(-p),
    }


def drawn(rng, layout, shape, num_points):
    """Logits N(1, 4), half of the variance from each of two factors."""
    if layout == "independent":
        return MEAN + 2 * rng.normal(size=(shape[0], num_points))
    own = shape if layout == "nested" else (1, shape[1])
    return MEAN + 2**0.5 * (rng.normal(size=(shape[0], 1, num_points)) + rng.normal(size=(*own, num_points)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_ensembles_have_the_risks_of_their_integrals(layout):
    num_points = 2000
    z = drawn(np.random.default_rng(0), layout, (24, 24), num_points)
    target = Target(probabilities=np.tile([PI, 1 - PI], (num_points, 1)))
    result = cross_entropy(two_classes(z), target=target, dims=("points", "out"), **LAYOUTS[layout])
    for term, value in exact().items():
        over_points = result.per_point.estimates[term].std() / np.sqrt(num_points)  # points are studies of their own
        assert abs(result.estimates[term] - value) < 4 * over_points
    np.testing.assert_allclose(result.estimates[LOGITS], result.bias + result.noise, rtol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_few_runs_are_corrected(layout):
    """Five levels make -log of an average too large by several per cent; a quarter of that is left at most."""
    num_points = 40_000
    z = drawn(np.random.default_rng(1), layout, (5, 5), num_points)
    target = Target(probabilities=np.tile([PI, 1 - PI], (num_points, 1)))
    arguments = {"target": target, "dims": ("points", "out")} | LAYOUTS[layout]
    values = cross_entropy(two_classes(z), **arguments).per_point.estimates[PROBABILITIES]
    p = special.expit(z).mean(axis=tuple(range(z.ndim - 1)))
    naive = (-PI * np.log(p) - (1 - PI) * np.log1p(-p)).mean() - exact()[PROBABILITIES]
    sampling = 4 * values.std() / np.sqrt(num_points)
    assert naive > 3 * sampling
    assert abs(values.mean() - exact()[PROBABILITIES]) < naive / 4 + sampling


@pytest.mark.parametrize("layout", ["independent", "crossed"])
def test_intervals_cover(layout):
    rng, held = np.random.default_rng(2), np.zeros(2)
    target = Target(probabilities=np.tile([PI, 1 - PI], (20, 1)))
    for _ in range(60):
        z = drawn(rng, layout, (16, 8), 20)
        result = cross_entropy(two_classes(z), target=target, dims=("points", "out"), **LAYOUTS[layout])
        bounds = (result.intervals[LOGITS], result.intervals[PROBABILITIES])
        held += [low <= value <= high for (low, high), value in zip(bounds, exact().values(), strict=True)]
    assert (held >= 0.9 * 60 - 4 * np.sqrt(60 * 0.09)).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_runs_give_the_loss_of_the_average_itself(layout):
    """The correction falls as 1/levels: by two independent ways, and never above the mean risk of single runs."""
    rng = np.random.default_rng(3)
    shape = (400,) if layout == "independent" else (40, 40)
    logits, pi = rng.normal(size=(*shape, 7, 4)), rng.dirichlet(np.ones(4), size=7)
    result = cross_entropy(logits, target=Target(probabilities=pi), dims=("points", "out"), **LAYOUTS[layout])
    averaged = special.softmax(logits, axis=-1).mean(axis=tuple(range(len(shape))))
    np.testing.assert_allclose(result.per_point.estimates[PROBABILITIES], -(pi * np.log(averaged)).sum(-1), rtol=5e-3)
    assert (result.per_point.estimates[PROBABILITIES] < result.per_point.estimates["risk"]).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_hopeless_logits_have_finite_risks(layout):
    """Every run gives the right class a probability of exp(-10^4), which is no double; then one level does not."""
    shape = (6,) if layout == "independent" else (6, 4)
    logits = two_classes(np.full((*shape, 1), -1e4))
    arguments = {"target": Target(probabilities=np.array([[1.0, 0.0]])), "dims": ("points", "out")} | LAYOUTS[layout]
    wrong = cross_entropy(logits, **arguments)
    np.testing.assert_allclose([wrong.estimates[LOGITS], wrong.estimates[PROBABILITIES]], 1e4, rtol=1e-12)
    logits[2] = two_classes(np.array([1e4]))
    mixed = cross_entropy(logits, **arguments)
    np.testing.assert_allclose(mixed.estimates[PROBABILITIES], np.log(6) - 0.5, rtol=1e-9)  # one level of six is right
    assert np.isfinite(mixed.standard_errors[PROBABILITIES])


def test_sums_do_not_depend_on_how_runs_arrive_and_skip_those_left_out():
    from jaxdl import designs

    rng, design = np.random.default_rng(4), designs.nested(data=70, init=3)
    runs, kept = rng.normal(size=(70, 3, 2, 5, 4)), (np.arange(70) % 11 > 0).astype(float)
    reference = cross_entropy.reference(Target(labels=np.arange(5) % 4), (5, 4))
    results = []
    for size in (70, 1, 33):
        sums = cross_entropy.grouped(design, reference)
        for start in range(0, 70, size):
            sums.add(runs[start : start + size], kept[start : start + size])
        results.append(sums.estimates())
    for other in results[1:]:
        np.testing.assert_array_equal(other.per_point, results[0].per_point)
        np.testing.assert_array_equal(other.replicates["groups"], results[0].replicates["groups"])
    alone = cross_entropy.grouped(designs.nested(data=63, init=3), reference)
    alone.add(runs[kept > 0], np.ones(63))
    np.testing.assert_allclose(results[0].per_point[-1], alone.estimates().per_point[-1], rtol=0.02)


def test_two_levels_have_estimates_and_no_errors_and_one_has_neither():
    logits = np.random.default_rng(5).normal(size=(2, 2, 5, 3))
    arguments = {"target": Target(labels=np.zeros(5, int)), "dims": ("points", "out")}
    for layout in LAYOUTS:
        f = logits[:, 0] if layout == "independent" else logits
        result = cross_entropy(f, **arguments, **LAYOUTS[layout])
        assert np.isfinite(result.estimates[PROBABILITIES])
        assert np.isnan(result.standard_errors[PROBABILITIES])


def test_ensembles_are_reported_by_the_softmax_with_a_target_alone():
    logits = np.random.default_rng(6).normal(size=(5, 4, 3))
    arguments = {"factors": ("data",), "dims": ("points", "out")}
    labels = Target(labels=np.eye(3)[[0, 1, 2, 0]])
    for loss, target in ((cross_entropy, None), (bregman(potentials.bernoulli), labels), (zero_one, labels)):
        assert not {LOGITS, PROBABILITIES} & set(loss(logits, target=target, **arguments).estimates)
    one, two = (cross_entropy(scale * logits, target=labels, **arguments) for scale in (1, 2))
    assert one.populations[PROBABILITIES] == "test points and labels drawn anew"
    assert compare(one, two).standard_errors[PROBABILITIES] > 0
    assert "log E softmax" in one.estimands[PROBABILITIES]
