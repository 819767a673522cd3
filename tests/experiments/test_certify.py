"""What the claims about tools share: rows of known answers, what a plug-in adds to bias², effects of known variance."""

import numpy as np
import pytest

from experiments.book.lab import Lab
from experiments.certify import coverage
from experiments.certify.bootstrap import IS_INSTALLED, by_formulas, by_mlxtend, exact, on_fresh_data
from experiments.certify.tools import (
    FROM_LABELS,
    LEVELS,
    LEVELS_OF_THREE,
    MLXTEND,
    NUM_RUNS,
    OURS,
    SKLEARN,
    answers,
    of_kind,
)
from jaxdl import truths

LAWS = ("normal", "uniform", "exponential", "lognormal", "t3")


@pytest.fixture(scope="module")
def rows():
    return answers(Lab("certify", {"seed": 0, "studies": 30, "problems": 1}))


def test_every_term_is_a_row_and_only_a_recipe_reads_bias_with_noise(rows):
    assert [row.term for row in rows] == [
        "bias_squared", "variance[data]", "total_variance", "noise", "risk", "bias_squared_plus_noise"
    ]  # fmt: skip
    assert {tool for row in of_kind(rows, "bias_squared_plus_noise") for tool in row.estimates} == {MLXTEND}
    assert rows[0].estimates.keys() == {OURS, FROM_LABELS, MLXTEND, SKLEARN}
    assert rows[0].estimates[OURS].shape == (30,)


def test_the_excess_of_a_plug_in_is_its_distance_from_ours(rows):
    (bias,) = of_kind(rows, "bias_squared")
    np.testing.assert_allclose(bias.excess, 0.05 / NUM_RUNS)
    found = bias.estimates[SKLEARN] - bias.estimates[OURS]
    assert abs(found.mean() - bias.excess) < 4 * found.std(ddof=1) / np.sqrt(30)


def test_the_problems_have_names_of_their_own_and_at_least_twelve_are_in_the_squared_error():
    suite = truths.suite(num_runs=NUM_RUNS, levels=LEVELS, levels_of_three=LEVELS_OF_THREE)
    names = [study.name for study, _ in suite if study.loss is None]
    assert len(set(names)) == len(names) >= 12


def test_fresh_data_sets_give_the_exact_risk_and_one_bootstrapped_gives_more(key):
    import jax

    keys = jax.random.split(key, 200)
    for formulas, excess in ((on_fresh_data, 0.0), (by_formulas, 1.0)):
        found = np.array([formulas(30, each)[0] for each in keys])
        truth, error = exact(30), found.std(ddof=1) / np.sqrt(len(keys))
        target = truth["risk"] + excess * truth["total_variance"]
        assert abs(found.mean() - target) < 4 * error + 0.25 * excess * truth["total_variance"]


@pytest.mark.skipif(not IS_INSTALLED, reason="mlxtend is not installed")
def test_mlxtend_itself_gives_the_formulas_numbers(key):
    np.testing.assert_allclose(by_mlxtend(30, key), by_formulas(30, key), rtol=1e-9)


@pytest.mark.parametrize("law", LAWS)
def test_effects_have_mean_zero_and_variance_one(law):
    effects = coverage.draw(np.random.default_rng(0), law, (200_000,))
    fourth = 9.0 if law == "exponential" else 4.0
    assert abs(effects.mean()) < 4 / np.sqrt(len(effects))
    # The fourth moment of t3 is infinite: its sample variance converges slowly.
    tolerance = 0.15 if law == "t3" else 4 * np.sqrt(fourth / len(effects))
    assert abs(effects.var() - 1) < tolerance


@pytest.mark.parametrize(
    "cell", [coverage.Cell("crossed", (8, 8)), coverage.Cell("nested", (8, 4)), coverage.OTHERS[-1]]
)
def test_normal_effects_are_covered_and_other_numbers_are_not(cell):
    counts = {factor: coverage.held(cell, 60, 0, factor) for factor in (1.0, 6.0)}
    assert all(count >= 48 for count in counts[1.0].values())
    assert min(counts[6.0].values()) < 30
