"""Data size in its smallest setting: weights stand for sizes, the parts agree with other ways to compute them, claims can fail."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import data_size_cases as cases
from experiments import data_size_studies as studies
from experiments import data_size_traffic as traffic
from experiments import runner
from experiments.data_size import EXPERIMENT, Config
from experiments.data_size_results import (
    BIAS,
    CONTROLS,
    RISK,
    VARIANCE,
    along,
    arms,
    best_remedies,
    curve_sizes,
    learners,
    measured,
    pseudo_values,
    slope,
)
from jaxdl.data import problems

pytestmark = pytest.mark.thorough

SMALLEST = Config(
    sizes=(20, 40, 80, 160, 320, 640), num_runs=64, num_control_runs=32, num_remedied=32, num_curves=3, num_repeats=4,
    num_resamples=20, num_cases=8, num_case_runs=6, num_series=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    return EXPERIMENT.measure(SMALLEST, runner.Options(progress=False))


@pytest.fixture
def dataset(key):
    return problems.noisy_sine().sample({"data": key}, 60)


def test_bias_variance_and_noise_add_up_to_the_risk_of_every_learner(results):
    for name, where in learners(SMALLEST).items():
        parts = along(results, where, BIAS).estimate + along(results, where, VARIANCE).estimate
        np.testing.assert_allclose(
            parts + SMALLEST.noise_std**2, along(results, where, RISK).estimate, rtol=1e-6, err_msg=name
        )


def test_the_variance_of_a_straight_line_is_that_of_theory(results):
    """To first order (σ² + bias²) p/n; the next order is below a tenth from n = 80 on."""
    variance = along(results, learners(SMALLEST)["degree 1"], VARIANCE)
    sizes = np.array(SMALLEST.sizes)
    x = np.linspace(-1, 1, 20_001)
    phi = np.stack([np.ones_like(x), np.sqrt(3) * x])
    truth = np.sin(np.pi * x) + x / 2
    squares = 0.09 + (truth - (phi @ truth / len(x)) @ phi) ** 2
    expected = (phi**2 @ squares).sum() / len(x) / sizes
    assert (abs(variance.estimate - expected)[2:] < (4 * variance.standard_error + 0.1 * expected)[2:]).all()


def test_neighbours_of_which_only_the_first_count_are_those_of_a_smaller_data_set(dataset):
    x = jnp.linspace(-1, 1, 7)[:, None]
    short = jax.tree.map(lambda leaf: leaf[:25], dataset)
    found = studies._nearest_neighbours(studies.first(dataset._replace(y=dataset.x), 25), x, 5)
    np.testing.assert_allclose(found, studies._nearest_neighbours(short._replace(y=short.x), x, 5))
    nearest = np.argsort(abs(np.asarray(short.x)[:, 0][None, :] - np.asarray(x)), axis=1)[:, :5]
    np.testing.assert_allclose(found[:, 0], np.asarray(short.x)[nearest, 0].mean(axis=1))


def test_a_polynomial_of_the_first_examples_is_that_of_a_smaller_data_set(dataset):
    x = jnp.linspace(-1, 1, 7)[:, None]
    expected = np.polynomial.Polynomial.fit(dataset.x[:25, 0], dataset.y[:25, 0], 3)(np.asarray(x[:, 0]))
    np.testing.assert_allclose(studies._polynomial(studies.first(dataset, 25), 3)(x)[:, 0], expected, rtol=1e-8)


def test_cross_validation_agrees_with_a_loop_over_the_folds(key):
    trial = jax.jit(studies.cross_validated(SMALLEST))
    setting = {"size": jnp.int32(40), "pool": jnp.int32(200)}
    found = trial({"data": key}, setting)
    pool = problems.noisy_sine(SMALLEST.noise_std).sample({"data": jax.random.fold_in(key, 200)}, 800)
    x, y = np.asarray(pool.x)[:200, 0], np.asarray(pool.y)[:200, 0]
    for fold in range(5):
        is_held_out = np.arange(200) // 40 == fold
        for row, degree in enumerate(SMALLEST.degrees):
            curve = np.polynomial.Polynomial.fit(x[~is_held_out][:40], y[~is_held_out][:40], degree)
            expected = np.mean((curve(x[is_held_out]) - y[is_held_out]) ** 2)
            np.testing.assert_allclose(found[row, fold], expected, rtol=1e-8)


def test_descent_by_normal_equations_takes_the_steps_of_descent(key):
    key_inputs, key_labels = jax.random.split(key)
    phi, y = jax.random.normal(key_inputs, (12, 3)), jax.random.normal(key_labels, (12,))
    step = 0.5 / jnp.max(jnp.sum(jnp.abs(phi.T @ phi), axis=1))
    weights = jnp.zeros(3)
    for _ in range(7):
        weights = weights - step * jax.grad(lambda w: jnp.sum((phi @ w - y) ** 2) / 2)(weights)
    np.testing.assert_allclose(cases._descent(phi, y, {"step": jnp.asarray(0.5)}, 7), weights, rtol=1e-10)


def test_cases_have_four_causes_on_two_kinds_and_each_arm_changes_one_thing():
    drawn = cases.draw_cases(SMALLEST)
    tried = {name: values.reshape(-1, 4) for name, values in cases.with_remedies(drawn).items()}
    assert sorted(drawn["is_curve"]) == [False] * 4 + [True] * 4
    assert (drawn["size"] <= cases.LARGEST_SIZE).all()
    assert ((drawn["noise_std"] > SMALLEST.usual_noise_std) == (np.arange(8) % 4 == 3)).all()
    for arm, changed in ((1, "features"), (2, "size"), (3, "step")):
        for name, values in tried.items():
            assert name == changed or (values[:, arm] == values[:, 0]).all()
        assert (tried[changed][:, arm] >= tried[changed][:, 0]).all()
    assert (tried["features"] <= cases.NUM_FEATURES).all()


def test_lags_are_the_days_before_yesterday_first():
    x, y = traffic._lagged(jnp.arange(60.0))
    np.testing.assert_array_equal(y[:, 0], np.arange(56.0, 60.0))
    np.testing.assert_array_equal(x[0], np.arange(55.0, -1.0, -1.0))


def test_traffic_without_drift_repeats_its_week(key):
    simulate = jax.jit(traffic.traffic, static_argnums=1)
    series, drifting = (simulate(key, 364, jnp.asarray(drift)) for drift in (0.0, 1.0))
    steps = [np.asarray(each)[7:] - np.asarray(each)[:-7] - 0.07 for each in (series, drifting)]
    # Without drift the differences are those of the autoregression, whose variance is 2 (γ_0 - γ_7), at most 4 γ_0.
    stationary = (1 - 0.2) / ((1 + 0.2) * ((1 - 0.2) ** 2 - 0.5**2))
    assert steps[0].std() < 2 * stationary**0.5
    assert abs((steps[1] - steps[0]).std() - 1) < 4 / np.sqrt(2 * len(steps[0]))


def test_the_spread_of_pseudo_values_is_the_jackknife_error(results):
    where = learners(SMALLEST)["degree 3"]
    for of in (lambda values: values[..., 0], slope(SMALLEST)):
        pseudo = pseudo_values(results, where, VARIANCE, of)
        expected = along(results, where, VARIANCE, of).standard_error
        np.testing.assert_allclose(pseudo.std(ddof=1) / len(pseudo) ** 0.5, expected, rtol=1e-9)


def test_a_slope_is_the_exponent_of_a_power_law():
    sizes = np.array(SMALLEST.sizes, float)
    np.testing.assert_allclose(slope(SMALLEST)(np.stack([3 / sizes, sizes**-0.5])), [-1, -0.5])
    assert np.isnan(slope(SMALLEST)(-sizes))


def test_everything_that_is_shown_is_made_from_the_results(results):
    assert {f"K00{n}:" for n in (8, 9)} | {"K010:", "K011:", "K012:"} <= set(
        EXPERIMENT.tables(SMALLEST, results).split()
    )
    assert len(EXPERIMENT.plot(SMALLEST, results)) == 5
    assert list(verdicts(results)) == ["K008", "K009", "K010", "K011", "K012"]


@pytest.mark.parametrize(
    ("of_least_squares", "of_others", "expected"),
    [(0, 0, "supported"), (0, -0.5, "restricted"), (-0.5, 0, "refuted"), (0.2, -0.5, "refuted")],
)
def test_more_data_leave_the_bias_where_it_stays(results, of_least_squares, of_others, expected):
    sizes = np.array(SMALLEST.sizes, float) / 20
    course = dict(results)
    for study, exponent in (("polynomials", of_least_squares), ("penalised", of_others), ("iterative", of_others)):
        values = {BIAS: 0.2 * sizes**exponent, VARIANCE: 0.03 / sizes}
        course |= with_terms(results, study, {terms: np.stack([v, v], axis=1) for terms, v in values.items()})
    assert verdicts(course)["K008"] == expected


@pytest.mark.parametrize(("exponent", "expected"), [(-1, "supported"), (-0.5, "refuted"), (0, "refuted")])
def test_a_variance_that_falls_at_another_rate_refutes(results, exponent, expected):
    sizes = np.array(SMALLEST.sizes, float) / 20
    course = dict(results)
    for study in ("polynomials", "penalised", "iterative"):
        values = {BIAS: 0.2 + 0 * sizes, VARIANCE: 0.03 * sizes**exponent}
        course |= with_terms(results, study, {terms: np.stack([v, v], axis=1) for terms, v in values.items()})
    assert verdicts(course)["K008"] == expected


@pytest.mark.parametrize(("risks", "expected"), [((0.3, 0.29, 0.1), "supported"), ((0.3, 0.2, 0.1), "refuted")])
def test_the_gain_of_data_is_compared_with_that_of_capacity(results, risks, expected):
    course = with_terms(results, "remedies", {RISK: np.array([*risks, 0.12, 0.1, 0.13])})
    claim = EXPERIMENT.claims(SMALLEST, {**results, **course})[1]
    assert claim.verdict == expected
    assert claim.estimate == pytest.approx((risks[0] - risks[1]) / (risks[0] - risks[2]), rel=1e-3)


@pytest.mark.parametrize(
    ("own", "pool", "expected"),
    [
        ((1, 1, 1), (1, 1), "supported"),
        ((1, 1, 1), (1, 0.5), "restricted"),
        ((1, 1, 0.5), (1, 1), "restricted"),
        ((0.5, 0.5, 0.5), (1, 1), "refuted"),
        ((0.86, 1, 1), (1, 1), "inconclusive"),
    ],
)
def test_intervals_must_cover_in_enough_curves(results, own, pool, expected):
    num = 400
    course = {}
    for name, shares in (("own", own), ("pool", pool)):
        risks = np.full((len(curve_sizes(SMALLEST)[0]) + 2, len(shares), num), 0.1)
        is_held = np.arange(num)[None, :] < num * np.array(shares)[:, None]
        course |= {f"{name}.risks": risks, f"{name}.errors": 0 * risks + 0.01, f"{name}.exponents": risks[0]}
        course |= {f"{name}.low": np.where(is_held, 0.0, 0.2), f"{name}.high": np.full(is_held.shape, 0.3)}
    config = dataclasses.replace(SMALLEST, num_curves=num)
    assert EXPERIMENT.claims(config, {**results, **course})[2].verdict == expected


@pytest.mark.parametrize(
    ("by_reference", "by_noise", "expected"),
    [(1.0, 1.0, "supported"), (0.5, 1.0, "restricted"), (0.5, 0.5, "refuted"), (0.8, 1.0, "inconclusive")],
)
def test_the_recipe_must_name_the_best_remedy_in_enough_cases(results, by_reference, by_noise, expected):
    config = dataclasses.replace(SMALLEST, num_cases=400)
    terms = list(results["cases.terms"])
    excess = np.tile([1.0, 0.2, 0.9, 0.9], 400)
    course = {
        "cases.estimates": np.stack([excess if term == "excess_risk" else 0 * excess for term in terms]),
        "cases.noise_std": np.full(400, 0.1),
    }
    best, shares = best_remedies(config, {**results, **course})
    assert (best == 0).all()
    np.testing.assert_allclose(shares[0], 0.8 / 1.01)
    for name, share in (("reference", by_reference), ("noise", by_noise), ("tested", 1.0), ("not longer", 0.0)):
        course[f"diagnosis.{name}"] = (np.arange(400) >= 400 * share).astype(int)
    assert EXPERIMENT.claims(config, {**results, **course})[3].verdict == expected


def test_no_remedy_is_best_where_none_removes_a_worthwhile_share(results):
    terms = list(results["cases.terms"])
    excess = np.tile([0.010, 0.0, 0.005, 0.009], 8)
    estimates = np.stack([excess if term == "excess_risk" else 0 * excess for term in terms])
    for noise_std, expected in ((1.0, 3), (0.1, 0)):
        course = {**results, "cases.estimates": estimates, "cases.noise_std": np.full(8, noise_std)}
        assert (best_remedies(SMALLEST, course)[0] == expected).all()


@pytest.mark.parametrize(
    ("steady", "drifting", "expected"),
    [
        ((4, 2, 1, 1), (4, 2, 1, 1), "supported"),
        ((4, 2, 1, 0.9), (4, 2, 1, 1), "restricted"),
        ((4, 2, 1, 0.9), (4, 2, 1, 0.9), "refuted"),
        ((4, 2, 1, 1), (4, 5, 1, 1), "refuted"),
        ((4, 4, 1, 1), (4, 2, 1, 1), "inconclusive"),
    ],
)
def test_lags_must_help_until_they_no_longer_do(results, steady, drifting, expected):
    noise = np.random.default_rng(0).normal(size=(2, 3, 4, SMALLEST.num_series))
    errors = np.array([steady, drifting], float)[:, None, :, None] * np.exp(1e-3 * noise)
    assert verdicts({**results, "traffic.errors": errors.reshape(24, -1)})["K012"] == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizes": (20, 40, 60, 80, 100, 120)}, "each twice the one before"),
        ({"sizes": (20, 40, 80)}, "at least 6"),
        ({"num_neighbours": 30}, "30 neighbours"),
        ({"batch_size": 15}, "whole batches"),
        ({"num_cases": 12}, "a multiple of 8"),
        ({"num_series": 2}, "at least 3 of each"),
        ({"degrees": (1,)}, "expected two"),
    ],
)
def test_configurations_that_cannot_be_measured_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Config(), **changes)


def test_the_arms_differ_in_data_or_in_degree_alone(results):
    given = np.array([arms(SMALLEST)["size"], arms(SMALLEST)["degree"]]).reshape(2, 2, 3)
    assert (given[:, :, 1] - given[:, :, 0])[1].tolist() == [0, 0]
    assert (given[:, :, 2] - given[:, :, 0])[0].tolist() == [0, 0]
    bias = measured(results, "remedies", BIAS).estimate
    assert bias[2] < 0.1 * bias[0]
    assert set(CONTROLS) <= set(learners(SMALLEST))


def verdicts(results):
    return {claim.number: claim.verdict for claim in EXPERIMENT.claims(SMALLEST, results)}


def with_terms(results, study, given):
    """The arrays of a study with other values of some terms, and hardly any error."""
    terms = list(results[f"{study}.terms"])
    rng = np.random.default_rng(0)
    changed = {}
    for name in ("estimates", "without one of groups"):
        values = results[f"{study}.{name}"].copy()
        for (term,), numbers in given.items():
            noise = 0 if name == "estimates" else 1e-5 * rng.normal(size=values[terms.index(term)].shape)
            values[terms.index(term)] = numbers * (1 + noise)
        changed[f"{study}.{name}"] = values
    return changed
