import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import resampling
from jaxdl.decomposition import Target, squared_error
from jaxdl.decomposition.bagging import infinitesimal_jackknife, out_of_bag
from jaxdl.types import Dataset


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_over_all_bootstrap_draws_the_jackknife_of_the_bagged_mean_is_exact(rng):
    """(1/n²) sum (y - mean y)², from the 4⁴ draws of four rows."""
    labels = rng.normal(size=(4, 3))
    draws = np.array(list(itertools.product(range(4), repeat=4)))
    counts = (draws[:, :, None] == np.arange(4)).sum(axis=1)
    found = infinitesimal_jackknife(counts, counts @ labels / 4)
    known = ((labels - labels.mean(axis=0)) ** 2).sum(axis=0) / 16
    np.testing.assert_allclose(found.variance, known, rtol=1e-12)


def test_the_bias_correction_removes_the_noise_of_few_replicates(rng):
    num_rows, num_replicates, num_repeats = 20, 40, 1000
    labels = rng.normal(size=num_rows)
    known = ((labels - labels.mean()) ** 2).sum() / num_rows**2
    raw, corrected = [], []
    for _ in range(num_repeats):
        counts = rng.multinomial(num_rows, np.full(num_rows, 1 / num_rows), size=num_replicates)
        found = infinitesimal_jackknife(counts, counts @ labels[:, None] / num_rows)
        raw.append(found.variance[0])
        corrected.append(found.bias_corrected[0])
    assert abs(np.mean(raw) / known - 1 - num_rows / num_replicates) < 0.1  # a half too large
    # What the correction leaves is of the next order, 1/B of what it removes.
    allowed = 4 * np.std(corrected) / np.sqrt(num_repeats) + 2 * known * num_rows / num_replicates**2
    assert abs(np.mean(corrected) - known) < allowed


def test_the_jackknife_estimates_the_sampling_variance_of_the_mean(rng):
    """Over fresh data sets, (n - 1)/n times sigma²/n."""
    num_rows, num_sets, found = 10, 500, []
    for _ in range(num_sets):
        counts = rng.multinomial(num_rows, np.full(num_rows, 1 / num_rows), size=400)
        labels = 2 * rng.normal(size=(num_rows, 1))
        found.append(infinitesimal_jackknife(counts, counts @ labels / num_rows).bias_corrected[0])
    assert abs(np.mean(found) - 4 * 9 / 100) < 4 * np.std(found) / np.sqrt(num_sets)


def test_out_of_bag_terms_are_those_of_the_runs_that_left_each_row_out(rng):
    left_out, labels = rng.random((60, 7)) < 0.4, rng.normal(size=(7, 2))
    predictions = rng.normal(size=(60, 7, 2)) + rng.normal(size=(1, 7, 2))
    found = out_of_bag(np.where(left_out[..., None], predictions, np.nan), left_out, labels)
    for row in range(7):
        kept = predictions[left_out[:, row], row]
        target = Target(labels=labels[[row]])
        known = squared_error(kept[:, None], factors=("data",), target=target, dims=("points", "out"))
        for term, values in found.per_point.items():
            np.testing.assert_allclose(values[row], known.estimates[term], rtol=1e-10, atol=1e-12)
    for term, values in found.per_point.items():
        np.testing.assert_allclose(found.estimates[term], values.mean(), rtol=1e-12)


def test_when_nothing_is_in_any_bag_the_standard_errors_are_those_of_a_decomposition(rng):
    predictions, labels = rng.normal(size=(70, 9, 2)), rng.normal(size=(9, 2))
    found = out_of_bag(predictions, np.ones((70, 9), bool), labels)
    known = squared_error(predictions, factors=("data",), target=Target(labels=labels), dims=("points", "out"))
    for term, error in found.standard_errors.items():
        np.testing.assert_allclose(error, known.standard_errors[term], rtol=1e-9)
        np.testing.assert_allclose(found.replicates[term], known.replicates["groups"][term], rtol=1e-9)


@pytest.mark.thorough
def test_out_of_bag_means_obey_their_law(key):
    """n = 20 labels of variance one: variance 18/380, bias² + noise 1 + 1/19, risk 1 + 2/20, on average over data sets."""
    n, num_draws, num_sets = 20, 60, 200

    def one_data_set(key):
        key_labels, key_draws = jax.random.split(key)
        labels = jax.random.normal(key_labels, (n, 1))
        dataset = Dataset(jnp.zeros((n, 1)), labels, jnp.ones(n))
        law = resampling.bag(dataset)

        def one_draw(key):
            draw = law.sample({"data": key})
            return jnp.average(draw.y[:, 0], weights=draw.weight), resampling.left_out(dataset, draw)

        return labels, *jax.vmap(one_draw)(jax.random.split(key_draws, num_draws))

    sets = [np.asarray(part) for part in jax.jit(jax.vmap(one_data_set))(jax.random.split(key, num_sets))]
    results = [
        out_of_bag(np.broadcast_to(means[:, None, None], (num_draws, n, 1)), left_out, labels).estimates
        for labels, means, left_out in zip(*sets, strict=True)
    ]
    for term, known in {"total_variance": 18 / 380, "bias_squared_plus_noise": 1 + 1 / 19, "risk": 1.1}.items():
        values = np.array([each[term] for each in results])
        assert abs(values.mean() - known) < 4 * values.std() / np.sqrt(num_sets), term
    # The law's factors read the variance at size n, and the noise (the bias is zero), from these.
    law = resampling.bag(Dataset(jnp.zeros((n, 1)), jnp.zeros((n, 1)), jnp.ones(n)))
    np.testing.assert_allclose(law.variance_factor * 18 / 380, 1 / n, rtol=1e-12)
    np.testing.assert_allclose(1 + 1 / 19 - law.excess_factor * 18 / 380, 1, rtol=1e-12)


OUT = np.ones((60, 3), bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: infinitesimal_jackknife(np.ones((5, 3)), np.ones((4, 1))), r"\(5, 3\).*\(4, 1\), expected \(B, n\)"),
        (lambda: infinitesimal_jackknife(np.ones((5, 3)), np.ones(5)), r"predictions of shape \(5,\)"),
        (lambda: infinitesimal_jackknife(np.eye(3), np.ones((3, 1))), "sum to 1 to 1 in a row, expected 3"),
        (lambda: out_of_bag(np.ones((60, 3, 1)), OUT, np.ones(3)), r"labels of shape \(3,\)"),
        (lambda: out_of_bag(np.ones((60, 3, 1)), OUT.astype(float), np.ones((3, 1))), "float64.*expected.*bool"),
        (lambda: out_of_bag(np.ones((2, 3, 1)), OUT[:2], np.ones((3, 1))), "2 runs and 3 rows"),
        (
            lambda: out_of_bag(np.ones((60, 3, 1)), OUT & [True, False, True], np.ones((3, 1))),
            "row 1 left out by 0 of 60 runs",
        ),
    ],
)
def test_bad_input_is_refused_with_the_remedy(call, message, unchecked):
    with pytest.raises(ValueError, match=message):
        call()
