"""Paired differences and forecasts of ensembles, against what is measured directly."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import decompose, designs, ensembles, learners, losses, models, objectives
from jaxdl.data import problems
from jaxdl.decomposition import Target, compare, cross_entropy, ensemble_forecast, squared_error
from jaxdl.decomposition.settling import settling_of

KEY = jax.random.key(0)


def ridge_trial(problem, model):
    def trial(keys, strength):
        return model.apply(learners.ridge(model, strength)(keys, problem.sample(keys, 30)), problem.test_points(10))

    return trial


def test_a_paired_comparison_of_neighbouring_ridge_strengths_is_three_times_as_sharp():
    problem = problems.gaussian_linear(jnp.ones(10), noise_std=0.5)
    trial = ridge_trial(problem, models.linear(intercept=False))
    target = Target(mean=np.asarray(problem.mean(problem.test_points(10))), noise=0.25)
    result = decompose(
        trial, designs.independent(256, "data"), KEY, target=target, dims=("points", "out"),
        settings=np.array([1.0, 1.1]),
    )  # fmt: skip
    first, second = result.at(setting=0), result.at(setting=1)
    paired = compare(first, second)
    for term in ("bias_squared", "total_variance", "risk"):
        unpaired = np.hypot(first.standard_errors[term], second.standard_errors[term])
        assert unpaired >= 3 * paired.standard_errors[term]
        np.testing.assert_allclose(
            paired.estimates[term], result.estimates[term][1] - result.estimates[term][0], rtol=1e-12
        )


@pytest.mark.thorough
@pytest.mark.parametrize("factors", [("data",), ("data", "init")])
def test_intervals_of_differences_cover(factors):
    """Procedure two adds effects of its own: the exact difference of variances is known."""
    held, trials = 0, 200
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        shape = (16, 16)[: len(factors)]
        f = rng.normal(size=(16, *[1] * (len(factors) - 1), 30)) + np.zeros((*shape, 1))
        g = f + 0.5 * rng.normal(size=(16, *[1] * (len(factors) - 1), 30))
        difference = compare(squared_error(f, factors=factors), squared_error(g, factors=factors))
        low, high = difference.intervals["data",]
        held += bool(low <= 0.25 <= high)
    assert held / trials >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / trials)


def test_different_studies_are_not_compared():
    f = np.random.default_rng(0).normal(size=(6, 5, 4))
    with pytest.raises(ValueError, match="differ in design"):
        compare(squared_error(f, factors=("data", "init")), squared_error(f[:, :4], factors=("data", "init")))
    with pytest.raises(ValueError, match="differ in test points"):
        compare(squared_error(f, factors=("data", "init")), squared_error(f[..., :3], factors=("data", "init")))


SIZES = (1, 2, 4, 8, 16)


@pytest.mark.parametrize("nested", [False, True])
def test_the_forecast_holds_the_exact_variance_of_ensembles_in_nine_cases_of_ten(nested):
    """V_D + (V_S + V_DS)/B for Gaussian effects of known size."""
    v_data, v_init, v_both, held = 1.0, 0.5, 2.0, np.zeros(len(SIZES))
    exact = np.array([v_data + (v_init + v_both) / size for size in SIZES])
    for seed in range(200):
        rng = np.random.default_rng(seed)
        own = 12 if nested else 1
        f = (
            v_data**0.5 * rng.normal(size=(12, 1, 20))
            + v_init**0.5 * rng.normal(size=(own, 12, 20))
            + v_both**0.5 * rng.normal(size=(12, 12, 20))
        )
        forecast = ensemble_forecast(
            squared_error(f, factors=("data", "init"), nested=nested), over="init", sizes=SIZES
        )
        held += (forecast.interval.low <= exact) & (exact <= forecast.interval.high)
    assert (held >= 0.9 * 200 - 4 * np.sqrt(200 * 0.09)).all()
    assert held.mean() >= 0.9 * 200


def test_forecasts_from_one_effective_point_hold_as_often_as_they_say():
    """1000 studies side by side; estimate ± t standard errors would hold the last two 88 % of the time."""
    rng, sizes = np.random.default_rng(1), (1, 4, 16)
    effects = (rng.normal(size=(*levels, 1000, 1)) for levels in ((8, 1), (1, 8), (8, 8)))
    f = sum(v**0.5 * each for v, each in zip((1.0, 0.7, 0.5), effects, strict=True))
    result = squared_error(f, factors=("data", "init"), dims=("times", "points"))
    low, high = ensemble_forecast(result, over="init", sizes=sizes).interval
    exact = (1 + 1.2 / np.array(sizes))[:, None]
    shares = ((low <= exact) & (exact <= high)).mean(axis=1)
    assert (abs(shares - 0.95) < 4 * (0.05 * 0.95 / 1000) ** 0.5).all()


def test_intervals_of_forecasts_are_never_negative_and_hold_what_does_not_vary():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(5, 4, 400, 1))  # all interaction: the forecast for many members is near zero, often below
    forecast = ensemble_forecast(
        squared_error(noise, factors=("data", "init"), dims=("times", "points")), over="init", sizes=(1000,)
    )
    low, high = forecast.interval
    is_negative = forecast.variance < 0
    assert is_negative.any()
    assert (low >= 0).all()
    assert (low[is_negative] == 0).all()
    assert (high > np.maximum(forecast.variance, 0)).all()
    still = ensemble_forecast(squared_error(np.ones((5, 4, 3)), factors=("data", "init")), over="init", sizes=(2,))
    assert [end.tolist() for end in still.interval] == [[0.0], [0.0]]


@pytest.mark.thorough
def test_ensembles_that_were_built_have_the_forecast_variance():
    """Small networks: averages over B inits on the same data, against the forecast from single members."""
    problem = problems.noisy_sine(noise_std=0.3)
    model = models.mlp((8,), 1)
    objective = objectives.empirical_risk(model, losses.half_squared_error)
    fit = learners.gradient_descent(model, objective, optax.adam(0.05), num_steps=60)
    x_test = problem.test_points(32)

    def trial(keys):
        return model.apply(fit(keys, problem.sample(keys, 20)), x_test)

    single = decompose(trial, designs.crossed(data=24, init=16), KEY, dims=("points", "out"))
    forecast = ensemble_forecast(single, over="init", sizes=SIZES)
    members = ensembles.run(trial, designs.nested(data=96, init=16), jax.random.key(1)).outputs
    for index, size in enumerate(SIZES):
        built = squared_error(members[:, :size].mean(axis=1), factors=("data",), dims=("points", "out"))
        error = np.hypot(forecast.standard_errors[index], built.standard_errors["total_variance"])
        assert abs(built.total_variance - forecast.variance[index]) < 4 * error


@pytest.mark.thorough
@pytest.mark.parametrize("random_points", [False, True])
def test_the_risk_of_an_ensemble_is_forecast_with_an_interval_that_holds_it(random_points):
    """bias² + V_D + (V_S + V_DS)/B + noise, for Gaussian effects of known size."""
    bias, noise, held = 0.7, 0.3, np.zeros(len(SIZES))
    for seed in range(200):
        rng = np.random.default_rng(seed)
        effects = rng.normal(size=(12, 1, 20)), rng.normal(size=(1, 12, 20)), 2 * rng.normal(size=(12, 12, 20))
        single = squared_error(
            bias + sum(effects), factors=("data", "init"), target=Target(mean=np.zeros(20), noise=noise),
            random_points=random_points,
        )  # fmt: skip
        forecast = ensemble_forecast(single, over="init", sizes=SIZES)
        exact = bias**2 + 1 + 5 / np.array(SIZES) + noise
        held += (forecast.measured_risk.interval.low <= exact) & (exact <= forecast.measured_risk.interval.high)
    assert (held >= 0.9 * 200 - 4 * np.sqrt(200 * 0.09)).all()
    np.testing.assert_allclose(
        forecast.risk - forecast.variance, single.bias_squared + noise, rtol=1e-9
    )  # what averaging leaves alone
    for number in ("estimate", "standard_errors"):
        np.testing.assert_allclose(
            getattr(forecast.measured_risk, number)[0],
            (single.estimates if number == "estimate" else single.standard_errors)["risk"], rtol=1e-9,
        )  # fmt: skip
    assert "risk" in str(forecast)


def test_a_forecast_says_what_its_study_was_conditional_on():
    f = np.random.default_rng(0).normal(size=(6, 5, 1, 4))
    with pytest.warns(UserWarning, match="order has a single level"):
        single = squared_error(f, factors=("data", "init", "order"))
    forecast = ensemble_forecast(single, over="init", sizes=(2,))
    assert forecast.measured_risk is None
    assert forecast.notes == single.notes
    assert "note: for the one order drawn" in str(forecast)
    assert "note: for the one order drawn" in str(single)


def test_a_forecast_is_refused_where_it_does_not_hold():
    f = np.random.default_rng(0).normal(size=(6, 5, 4))
    with pytest.raises(ValueError, match="cannot tell what averaging over 'order'"):
        ensemble_forecast(squared_error(f, factors=("data", "init")), over="order", sizes=(2,))
    with pytest.raises(ValueError, match="cannot tell what averaging over 'data'"):
        ensemble_forecast(squared_error(f, factors=("data", "init"), nested=True), over="data", sizes=(2,))
    with pytest.raises(ValueError, match="sizes: got 0"):
        ensemble_forecast(squared_error(f, factors=("data", "init")), over="init", sizes=(0,))
    logits = np.random.default_rng(0).normal(size=(6, 5, 4, 3))
    with pytest.raises(ValueError, match="holds for the squared error"):
        ensemble_forecast(
            cross_entropy(logits, factors=("data", "init"), dims=("points", "out")), over="init", sizes=(2,)
        )


def test_settling_adds_up_runs_of_nested_levels_points_and_a_margin():
    """0.2 beyond a margin of 0.1: the variance may be (0.1/1.96)² = 0.0026, of which points at hand take 0.001."""
    parts, counts = {"data": 0.01, "test points": 0.001}, {"data": 20, "init(data)": 3, "test points": 50}
    found = settling_of(0.2, 0.1, parts, counts)
    left = (0.1 / 1.959964) ** 2 - 0.001
    data = math.ceil(20 * 0.01 / left)
    assert found.together == {"data": data}
    assert found.num_needed == 3 * (data - 20)
    assert found.alone == {"data": data, "test points": None}  # runs alone leave 0.01, more than it may be
    beyond = settling_of(0.2, 0.1, parts | {"test points": 0.003}, counts)
    assert beyond.together is None
    assert beyond.num_needed is None
