"""The penalties in their smallest setting: identities, what is tuned on what, and that every claim can fail."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy import sparse

from experiments import penalties_networks, penalties_ridge, penalties_sparse, runner
from experiments.penalties import EXPERIMENT, PROFILES, Config
from experiments.penalties_results import (
    ACTIVITY_STRENGTHS,
    COLLAPSE_NETS,
    COLLAPSE_RATIOS,
    EXPONENTS,
    PRIOR_VARIANCES,
    SHRINKAGE_STRENGTHS,
    WEIGHT_STRENGTHS,
    break_even,
    halving,
    sparse_settings,
    tuned_weights,
)
from jaxdl import learners, models
from jaxdl.types import Dataset

pytestmark = pytest.mark.thorough

SMALLEST = Config(
    num_designs=4, num_fits=4, num_samples=40, num_datasets=3, num_rows=20, num_features=6, num_nonzero=(2, 6),
    num_sparse_steps=60, num_starts=2, num_networks=3, width=4, num_network_steps=5, num_collapses=3,
    num_collapse_steps=400,
)  # fmt: skip
NUMBERS = [f"K{number:03d}" for number in range(17, 26)]


@pytest.fixture(scope="module")
def results():
    measured = EXPERIMENT.measure(SMALLEST, runner.Options(progress=False))
    return {name: np.asarray(value) for name, value in measured.items()}


def test_closed_form_and_descent_solve_the_normal_equations(results):
    assert results["solution.errors"].shape == (5, 4, 2)
    assert results["solution.errors"].max() < 1e-8


def test_the_prior_gives_the_posterior_mean_and_the_printed_strength_only_at_variance_one(results):
    distance = results["prior.distance"]
    assert distance[:, :, :2].max() < 1e-8
    is_one = np.array(PRIOR_VARIANCES) == 1
    assert distance[is_one, :, 2].max() < 1e-8
    assert distance[~is_one, :, 2].min() > 1e-3


def test_roughness_is_the_integral_of_the_squared_second_derivative():
    weights = np.random.default_rng(0).normal(size=(3, penalties_ridge.DEGREE + 1))
    for row, found in zip(weights, penalties_ridge._roughness(weights), strict=True):
        series = np.polynomial.Legendre(row * np.sqrt(2 * np.arange(len(row)) + 1)).convert(kind=Polynomial)
        integral = (series.deriv(2) ** 2).integ()
        np.testing.assert_allclose(found, integral(1) - integral(-1), rtol=1e-6)


def test_bias_and_variance_of_ridge_are_their_closed_forms_along_every_eigenvector():
    """The fit is linear in the labels: its mean is the fit of the mean, its covariance sigma² SS' of S, the fits of unit labels."""
    rng = np.random.default_rng(0)
    x, mean, strength, noise = rng.normal(size=(12, 5)), rng.normal(size=12), 0.7, 0.3
    fit = learners.ridge(models.linear(12, intercept=False), strength)
    labels = np.eye(12)
    data = Dataset(jnp.asarray(x), jnp.asarray(labels), jnp.ones(12))
    smoother = x @ np.asarray(fit({}, data)["params"]["weights"])
    left, s, _ = np.linalg.svd(x, full_matrices=False)
    shrunk = strength / (s**2 + strength)
    bias = left.T @ (smoother @ mean - mean)
    np.testing.assert_allclose(bias**2, shrunk**2 * (left.T @ mean) ** 2, rtol=1e-8)
    variance = noise**2 * np.diag(left.T @ smoother @ smoother.T @ left)
    np.testing.assert_allclose(variance, noise**2 * (1 - shrunk) ** 2, rtol=1e-8)


def test_the_decomposition_of_ridge_agrees_with_its_closed_forms(results):
    found, errors, exact = (results[f"shrinkage.{name}"] for name in ("estimates", "errors", "exact"))
    assert found.shape == (len(SHRINKAGE_STRENGTHS), 3)
    assert (np.abs(found - exact) < 5 * errors + 1e-3).all()
    np.testing.assert_allclose(found[:, 2] - found[:, 0] - found[:, 1], 0.09, rtol=1e-9)


def test_the_lasso_of_the_study_meets_its_optimality_conditions(key):
    """The tuned weights at q = 1 are those of some strength of the grid: slopes of one size where they are not zero."""
    trial = penalties_sparse.sparse_trial(dataclasses.replace(SMALLEST, num_sparse_steps=300))
    keys = dict(zip(("data", "validation", "starts"), jax.random.split(key, 3), strict=True))
    weights, found = jax.jit(trial)(keys, {"num_nonzero": jnp.asarray(2), "q": jnp.asarray(1.0)})
    truth = penalties_sparse.coefficients(6, 2)
    train = penalties_sparse.problems.gaussian_linear(truth, 1.0).sample({"data": keys["data"]}, 20)
    slopes = np.asarray(train.x.T @ (train.y[:, 0] - train.x @ weights)) / 20
    strength = penalties_sparse.LQ_STRENGTHS[int(found["best"])]
    is_zero = np.asarray(weights) == 0
    np.testing.assert_allclose(slopes[~is_zero], strength * np.sign(weights)[~is_zero], atol=1e-8)
    assert (np.abs(slopes[is_zero]) <= strength + 1e-8).all()
    np.testing.assert_allclose(found["excess"], np.sum((weights - truth) ** 2), rtol=1e-12)
    np.testing.assert_allclose(found["zeros"], is_zero.mean(), rtol=1e-6)
    assert found["num_minima"] == 1


def test_truths_of_any_sparsity_have_one_signal():
    for num_nonzero in (1, 3, 6):
        truth = np.asarray(penalties_sparse.coefficients(6, num_nonzero))
        np.testing.assert_allclose((truth**2).sum(), penalties_sparse.SIGNAL, rtol=1e-12)
        assert (truth != 0).sum() == num_nonzero


def test_only_convex_exponents_end_in_one_place_and_only_two_ignores_rotations(results):
    rows = {setting: row for row, setting in enumerate(sparse_settings(SMALLEST))}
    for q in EXPONENTS[1:]:
        assert (results["sparse.num_minima"][rows[2, q]] <= 1).all()
    moved = results["sparse.mirrored"]
    assert moved[rows[2, 2.0]].max() < 1e-4 < 1e-2 < moved[rows[2, 1.0]].mean()


def test_compressed_rows_are_smaller_beyond_the_break_even_share_of_zeros():
    rng = np.random.default_rng(0)
    config = Config()
    for dtype in (np.float32, np.float64):
        limit = break_even(config, np.dtype(dtype).itemsize)
        for share, is_smaller in ((limit - 0.01, False), (limit + 0.01, True)):
            kernel = np.ones(64 * config.width, dtype)
            kernel[: round(share * kernel.size)] = 0
            kernel = rng.permutation(kernel).reshape(64, config.width)
            assert (penalties_networks._compressed(kernel) < kernel.nbytes) == is_smaller
            np.testing.assert_array_equal(sparse.csr_array(kernel).toarray(), kernel)


def test_two_layers_collapse_at_the_threshold_and_three_are_trapped(results):
    ratios = np.array(COLLAPSE_RATIOS)
    for name in ("two layers, linear", "two layers, tanh"):
        norms = results[f"collapse.{name}"][:, :, 0, 0]
        assert (norms[ratios > 1] < 1e-3).all()
        assert (norms[ratios < 1] > 1e-1).all()
        again = results[f"collapse.{name}"][:, :, 1, 1]
        np.testing.assert_allclose(again, np.broadcast_to(again[0], again.shape), atol=1e-3)
    assert (results["collapse.three layers, tanh"][ratios > 1][:, :, 1, 0] < 1e-3).all()


def test_strengths_are_chosen_on_validation_digits_alone():
    accuracy = np.array([[0.90, 0.90], [0.92, 0.80], [0.912, 0.895], [0.5, 0.5]])
    np.testing.assert_array_equal(tuned_weights(SMALLEST, {"weights.validation": accuracy}), [2, 2])
    active = np.full((len(ACTIVITY_STRENGTHS) + 1, 2, 2), 0.6)
    active[3:, 0, 0] = 0.2
    np.testing.assert_array_equal(halving({"codes.active": active}), [3, len(ACTIVITY_STRENGTHS) - 1])


def test_everything_that_is_shown_is_made_from_the_results(results):
    table = EXPERIMENT.tables(SMALLEST, results)
    for words in ("Ridge polynomials", "|w|^q", "L1 of the kernels", "Weight decay in units"):
        assert words in table
    assert set(EXPERIMENT.plot(SMALLEST, results)) == {"trade_off", "prior", "sparsity", "collapse", "networks"}
    assert list(verdicts(results)) == NUMBERS
    assert all(np.isfinite(claim.interval).all() for claim in EXPERIMENT.claims(SMALLEST, results))


EXPECTED = dict.fromkeys(NUMBERS, "supported") | {"K018": "refuted", "K024": "restricted"}


def test_textbook_results_are_judged_as_theory_says(results):
    assert verdicts(textbook(results)) == EXPECTED


def spoiled_errors(results):
    results["solution.errors"][0, 0, 0] = 1e-6


def spoiled_prior(results):
    results["prior.distance"][:, :, 2] = 1e-12


def spoiled_trade_off(results):
    results["shrinkage.batches"][..., 1] *= -1


def spoiled_zeros(results):
    results["sparse.subgradient"][:] = 0.5


def spoiled_truth(results):
    dense = sparse_settings(SMALLEST).index((6, 1.0))
    results["sparse.excess"][dense] = 0.1


def spoiled_exponents(results):
    results["sparse.num_minima"][sparse_settings(SMALLEST).index((2, 1.0))] = 2


def spoiled_memory(results):
    results["weights.bytes"][3, 0, 0, 0] -= 8


def costly_memory(results):
    results["weights.validation"][1:] = 0.5


def spoiled_collapse(results):
    for name in COLLAPSE_NETS:
        results[f"collapse.{name}"][..., 0] = 1.0


def spoiled_codes(results):
    results["codes.test"][: len(ACTIVITY_STRENGTHS)] -= 0.2 * np.arange(len(ACTIVITY_STRENGTHS))[:, None]


@pytest.mark.parametrize(
    ("number", "spoil", "verdict"),
    [
        ("K017", spoiled_errors, "refuted"),
        ("K018", spoiled_prior, "supported"),
        ("K019", spoiled_trade_off, "refuted"),
        ("K020", spoiled_zeros, "refuted"),
        ("K021", spoiled_truth, "refuted"),
        ("K022", spoiled_exponents, "refuted"),
        ("K023", spoiled_memory, "refuted"),
        ("K023", costly_memory, "restricted"),
        ("K024", spoiled_collapse, "refuted"),
        ("K025", spoiled_codes, "refuted"),
    ],
)
def test_a_claim_changes_with_its_evidence_and_no_other_does(results, number, spoil, verdict):
    found = textbook(results)
    spoil(found)
    assert verdicts(found) == EXPECTED | {number: verdict}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_samples": 50}, "expected a multiple of 40"),
        ({"num_examples": 12}, "least squares of degree 12 needs more"),
        ({"num_nonzero": (5, 60)}, "between 1 and 50"),
        ({"num_networks": 2}, "expected at least 3, for an interval"),
    ],
)
def test_configurations_that_cannot_be_measured_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Config(), **changes)


def test_the_full_profile_is_the_larger_one():
    quick, full = (dataclasses.asdict(PROFILES[name]) for name in ("quick", "full"))
    for name in ("num_designs", "num_fits", "num_samples", "num_datasets", "num_networks", "num_collapses"):
        assert full[name] > quick[name]


def verdicts(results):
    return {claim.number: claim.verdict for claim in EXPERIMENT.claims(SMALLEST, results)}


def textbook(results):
    """The results as theory has them, with many runs and hardly any error."""
    num, settings = 100, sparse_settings(SMALLEST)
    jitter = 1e-6 * np.random.default_rng(0).normal(size=(100, 100))
    found = {name: np.array(values) for name, values in results.items()}
    found["prior.distance"] = np.repeat(found["prior.distance"].mean(axis=1, keepdims=True), 4, axis=1)
    exact = found["shrinkage.exact"]
    found["shrinkage.batches"] = exact[:, None, :] + jitter[0, :20, None]
    found["shrinkage.runs"] = exact[:, 2:] + jitter[: len(exact), :40]
    found["eigen.found"] = found["eigen.exact"]
    excess, zeros = {0.5: 0.1, 1.0: 0.2, 1.5: 0.3, 2.0: 0.4, 4.0: 0.5}, {0.5: 0.65, 1.0: 0.5}
    dense = {1.0: 0.6, 2.0: 0.3}
    values = {
        "excess": [dense[q] if k == 6 else excess[q] for k, q in settings],
        "zeros": [zeros.get(q, 0.0) if k == 2 else 0.0 for k, q in settings],
        "recall": [1.0 for _ in settings],
        "num_minima": [3 if q < 1 else 1 for _, q in settings],
        "mirrored": [0.0 if q == 2 else 0.2 for _, q in settings],
        "subgradient": [0.0 for _ in settings],
    }
    for name, column in values.items():
        noise = jitter[0, :num] * (name in ("excess", "zeros", "mirrored"))
        table = np.array(column, float)[:, None] + noise
        found[f"sparse.{name}"] = np.where(np.array(column)[:, None] == 0, 0, table)
    shares = np.linspace(0, 0.9, len(WEIGHT_STRENGTHS))[:, None] + np.abs(jitter[0, :num])
    dense_bytes = 64 * SMALLEST.width * np.array([4, 8]) * np.ones((len(shares), num, 1))
    stored = 64 * SMALLEST.width * (1 - shares[..., None]) * np.array([8, 12]) + 4 * 65
    found["weights.bytes"] = np.stack([dense_bytes, stored], axis=-1)
    found["weights.zeros"] = shares
    found["weights.validation"] = found["weights.test"] = np.full((len(shares), num), 0.9)
    ratios = np.array(COLLAPSE_RATIOS)[:, None]
    for name, net in COLLAPSE_NETS.items():
        alive = np.repeat(ratios < (1 if net.depth == 2 else 0.4), 20, axis=1)
        after = alive if net.depth == 3 else np.ones_like(alive)
        found[f"collapse.{name}"] = np.stack(
            [np.stack([part * 1.0, np.where(part, 0.1, 1.0)], axis=-1) for part in (alive, after)], axis=2
        )
    active = np.array([0.7, 0.6, 0.5, 0.3, 0.2, 0.1, 0.7, 0.7, 0.7])[:, None, None]
    found["codes.active"] = np.repeat(active + jitter[:9, :num, None], 2, axis=2)
    found["codes.test"] = 0.95 + jitter[:9, :num]
    return found
