"""Double descent in its smallest setting: the kernel, the sums of terms, and that every part of the report is made."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import runner
from experiments.double_descent import EXPERIMENT, Config, arc_cosine_kernel, flat
from experiments.double_descent_results import (
    DATA,
    FEATURE_STUDIES,
    LABEL_NOISE,
    LINEAR_PARTS,
    RISK,
    WITH_INIT,
    at,
    measured,
    scores,
)
from jaxdl import decompose, designs, models

SMALLEST = Config(
    num_examples=12, linear_sizes=(6, 7, 12, 17, 24), linear_levels=(24, 4), feature_sizes=(6, 7, 12, 17, 24, 60),
    feature_levels=(5, 4, 3), num_inputs=3, num_points=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    return EXPERIMENT.measure(SMALLEST, runner.Options(progress=False))


def test_the_kernel_is_the_mean_over_random_features(key):
    x, z = 3 * jax.random.normal(key, (4, 3)), jnp.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])
    model = models.random_features(100_000)
    variables = model.init(jax.random.key(1), x)
    products = 100_000 * model.features(variables, x)[:, None, :] * model.features(variables, z)[None, :, :]
    errors = products.std(axis=-1) / 100_000**0.5
    assert (abs(products.mean(axis=-1) - arc_cosine_kernel(x, z)) < 4 * errors).all()


def test_the_linear_model_has_the_exact_terms(results):
    found = np.stack([scores(SMALLEST, results, terms) for terms in (*LINEAR_PARTS.values(), LABEL_NOISE, RISK)])
    assert (np.isnan(found) == [False, False, True, False, False]).all()
    assert (abs(found[:, ~np.isnan(found[0])]) < 4).all()


@pytest.mark.parametrize("study", FEATURE_STUDIES)
def test_the_variance_by_source_adds_up_with_the_error_of_the_total(results, study):
    total = measured(results, study, ("total_variance",))
    for got, expected in zip(measured(results, study, DATA + WITH_INIT), total, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_an_interval_of_a_single_term_is_the_jackknifes(key):
    def trial(keys):
        return jax.random.normal(keys["inputs"], (3,)) * jax.random.normal(keys["init"], (3,))

    result = decompose(trial, designs.crossed(inputs=6, init=5), key)
    value = measured(flat("toy", result), "toy", ("variance[inputs]",))
    np.testing.assert_allclose(value.standard_error, result.standard_errors[("inputs",)])
    np.testing.assert_allclose(value.interval, result.derive(lambda terms: terms["variance[inputs]"]).interval)


@pytest.mark.parametrize(("index", "study"), list(enumerate(FEATURE_STUDIES)))
def test_many_random_features_come_nearer_to_the_kernel_than_few(results, index, study):
    limit = measured(results, "kernel", RISK).estimate[index]
    few, many = (measured(results, study, RISK, at(SMALLEST.feature_sizes, p)).estimate for p in (17, 60))
    assert abs(many - limit) < abs(few - limit)


def test_everything_that_is_shown_is_made_from_the_results(results):
    first_cells = [line.split()[0] for line in EXPERIMENT.tables(SMALLEST, results).splitlines() if line]
    assert (first_cells.count("12"), first_cells.count("inf")) == (4, 2)
    assert set(EXPERIMENT.plot(SMALLEST, results)) == {"linear", "random_features"}
    assert [claim.number for claim in EXPERIMENT.claims(SMALLEST, results)] == ["DD1", "DD2", "DD3"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"feature_sizes": (4, 40, 400)}, r"feature_sizes is \(4, 40, 400\); expected .* \[20, 35, 45, 80\]"),
        ({"linear_sizes": (20, 45, 35, 100)}, "increasing"),
        ({"linear_levels": (2, 8)}, "at least 3"),
    ],
)
def test_sizes_that_leave_a_claim_without_its_points_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Config(), **changes)
