"""The census, spins and saddles in their smallest setting, and that every part of the report is made."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import critical_points_networks as networks
from experiments import critical_points_studies as studies
from experiments import runner
from experiments.critical_points import EXPERIMENT, PROFILES, Config
from experiments.critical_points_draws import BLOCK, normal, uniform
from experiments.critical_points_results import (
    ESCAPE_OFFSETS,
    ESCAPE_RATES,
    ESCAPE_STEP_SIZE,
    EXACT_MINIMA,
    KINDS,
    LARGEST_GAP,
    MAX_ESCAPE_STEPS,
    binomial_interval,
    census_counts,
    escape_slopes,
    num_outliers,
    predicted_index,
    spin_fractions,
)
from jaxdl.curvature.critical import Kind

pytestmark = pytest.mark.thorough

SMALLEST = Config(
    num_matrices=20_000, num_fields=2, num_field_starts=64, eigenvalues=(2.0, 1.25, 0.5), code_size=1,
    num_census_starts=64, num_spins=8, num_couplings=2, num_spin_starts=24, num_tasks=2, num_descended_starts=16,
    num_random_starts=16, num_units=2, num_runs=8, num_digit_networks=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    found = EXPERIMENT.measure(SMALLEST, runner.Options(progress=False))
    return {name: np.asarray(value) for name, value in found.items()}


def test_the_eigenvalues_tell_every_analytic_case_and_the_diagonal_does_not(results):
    np.testing.assert_array_equal(results["kinds.by_eigenvalues"], results["kinds.truth"])
    assert (results["kinds.by_diagonal"] != results["kinds.truth"]).any()


def test_the_exact_shares_of_positive_matrices_are_measured(results):
    draws = int(results["matrices.draws"])
    for size, exact in EXACT_MINIMA.items():
        share = results["matrices.positive"][size - 1, 0] / draws
        assert abs(share - exact) < 4 * np.sqrt(exact * (1 - exact) / draws)


def test_matrices_are_positive_where_their_eigenvalues_are(key):
    matrices = np.asarray(jax.random.normal(key, (500, 4, 4)))
    matrices = matrices + matrices.transpose(0, 2, 1) + 2 * np.eye(4)
    expected = [(np.linalg.eigvalsh(matrices[:, :n, :n]) > 0).all(axis=1) for n in range(1, 5)]
    np.testing.assert_array_equal(studies._is_positive(jnp.array(matrices)), expected)


def test_every_class_of_the_autoencoder_is_found_and_no_other(results):
    found = census_counts(results)
    assert (found["counts"] > 0).all()
    assert found["spurious"] == 0


def test_an_autoencoder_of_eight_inputs_and_three_units_has_sixty_four_classes():
    full = PROFILES["full"]
    assert len(studies.classes(full.eigenvalues, full.code_size)) == 64


def test_a_point_of_the_wrong_index_is_spurious(results):
    wrong = {**results, "census.index": results["census.index"] + 1}
    assert census_counts(wrong)["spurious"] > 0


def test_the_index_of_the_lagrangian_is_one_more_than_that_on_the_sphere(key):
    """Bordering a Hessian by the constraint's gradient adds one eigenvalue of either sign (Haynsworth, 1968)."""
    key_couplings, key_starts = jax.random.split(key)
    couplings = jax.random.normal(key_couplings, (6, 6, 6))
    x = jax.random.normal(key_starts, (40, 6))
    starts = {"x": x * (6**0.5 / jnp.linalg.norm(x, axis=1))[:, None], "multiplier": jnp.zeros(40)}
    loss = studies.lagrangian(couplings)
    found = jax.jit(lambda starts: studies.critical_points(loss, starts))(starts)
    critical = np.flatnonzero(np.asarray(found.kind) == Kind.SADDLE)
    assert len(critical) > 5
    hessians = jax.jit(jax.vmap(lambda x, m: jax.hessian(lambda x: loss({"x": x, "multiplier": m}))(x)))(
        found.params["x"], found.params["multiplier"]
    )
    for start in critical:
        x = np.asarray(found.params["x"][start])
        np.testing.assert_allclose(x @ x, 6, rtol=1e-9)
        tangent = np.linalg.svd(x[None])[2][1:]
        on_the_sphere = np.linalg.eigvalsh(tangent @ hessians[start] @ tangent.T)
        assert found.inertia[start, 0] - 1 == (on_the_sphere < 0).sum()


def test_the_predicted_index_is_the_semicircles_mass_below_zero():
    energies = np.array([-3.0, -0.5, 0.0, 0.7, 3.0])
    edges = np.linspace(-2, 2, 100_001)
    density = np.sqrt(4 - edges**2) / (2 * np.pi)
    expected = [np.trapezoid(np.where(edges < 3 * u / np.sqrt(6), density, 0), edges) for u in energies]
    np.testing.assert_allclose(predicted_index(energies), expected, atol=1e-4)


def test_spins_lie_near_the_theory(results):
    measured, predicted = spin_fractions(SMALLEST, results)
    assert np.sqrt(np.mean((measured - predicted) ** 2)) < 1 / (SMALLEST.num_spins - 1)


def test_a_network_and_its_canonical_form_are_one_function(key):
    w = jax.tree.map(lambda leaf: leaf[0], networks.random_networks(key, (1,), 4, 0.0, 0.0))
    task = jax.tree.map(lambda leaf: leaf[0], networks.random_tasks(key, 1))
    canonical = networks.canonical(w)
    assert (canonical["out"] >= 0).all()
    assert (jnp.diff(canonical["out"]) >= 0).all()
    np.testing.assert_allclose(networks.risk(canonical, task, 1e-3), networks.risk(w, task, 1e-3), rtol=1e-12)
    order = np.array([2, 0, 3, 1])
    signs = np.array([1.0, -1.0, -1.0, 1.0])
    image = {
        "in": (w["in"] * signs[None])[:, order],
        "bias": (w["bias"] * signs)[order],
        "out": (w["out"] * signs)[order],
        "offset": w["offset"],
    }
    for got, expected in zip(*(jax.tree.leaves(networks.canonical(v)) for v in (image, w)), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_steps_to_leave_a_saddle_grow_with_the_logarithm_of_the_distance(results):
    assert (results["escapes.on_the_manifold"] == MAX_ESCAPE_STEPS).all()
    np.testing.assert_allclose(escape_slopes(results), 1, atol=0.01)
    # While |y| is small, y grows by the factor 1 + step size rate; the draw of |y| itself is of the order of one.
    steps = -np.log(ESCAPE_OFFSETS)[:, None] / np.log1p(ESCAPE_STEP_SIZE * np.array(ESCAPE_RATES))[None, :]
    np.testing.assert_allclose(results["escapes.descent"].mean(axis=0)[1:] / steps[1:], 1, atol=0.3)


def test_the_settings_that_the_claims_repeat_are_those_of_the_studies():
    assert (networks.OFFSETS, networks.RATES, networks.STEP_SIZE) == (ESCAPE_OFFSETS, ESCAPE_RATES, ESCAPE_STEP_SIZE)
    assert networks.MAX_ESCAPE_STEPS == MAX_ESCAPE_STEPS
    assert tuple(kind.name.lower().replace("gradient_", "gradient-") for kind in Kind) == KINDS


def test_outliers_are_counted_up_to_the_largest_ratio():
    spectrum = np.sort(np.concatenate([np.linspace(1, 2, 50), [10.0, 12.0, 15.0]]))
    assert num_outliers(spectrum) == 3
    assert num_outliers(np.stack([spectrum, np.geomspace(0.5, 1, 53)])).shape == (2,)
    assert LARGEST_GAP < 50


def test_an_exact_binomial_interval_covers_as_often_as_it_says():
    from scipy import stats

    low, high = binomial_interval(7, 20)
    np.testing.assert_allclose([stats.binom.sf(6, 20, low), stats.binom.cdf(7, 20, high)], 0.025)
    assert binomial_interval(0, 10).low == 0
    assert binomial_interval(10, 10).high == 1


def test_draws_of_any_shape_are_normal_and_never_repeat(key):
    draws = normal(key, 3, BLOCK)
    assert len(np.unique(draws)) == draws.size
    assert abs(draws.mean()) < 4 / np.sqrt(draws.size)
    assert abs(draws.var() - 1) < 4 * np.sqrt(2 / draws.size)
    assert ((uniform(key, 100, low=2.0, high=3.0) - 2.5) ** 2 <= 0.25).all()


def test_everything_that_is_shown_is_made_from_the_results(results):
    table = EXPERIMENT.tables(SMALLEST, results)
    assert "Linear autoencoder" in table
    assert set(EXPERIMENT.plot(SMALLEST, results)) == {"index", "searches", "curvature"}
    claims = EXPERIMENT.claims(SMALLEST, results)
    assert [claim.number for claim in claims] == [*(f"K{number}" for number in range(102, 108)), "CP1", "CP2"]
    verdicts = {claim.number: claim.verdict for claim in claims}
    assert [verdicts[number] for number in ("K102", "K106", "CP1")] == ["refuted", "supported", "supported"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eigenvalues": (1.0, 2.0)}, "decreasing"),
        ({"eigenvalues": (2.0, -1.0)}, "positive"),
        ({"code_size": 5}, "fewer than the 5 inputs"),
        ({"largest_matrix": 3}, "at least 5"),
        ({"num_runs": 1}, "at least 2"),
    ],
)
def test_configurations_without_an_answer_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Config(), **changes)
