"""The certification in its smallest setting: every part of the report is made, and each claim is able to fail."""

import dataclasses

import numpy as np
import pytest

from experiments import certify, runner
from experiments.certify import EXPERIMENT, Config, plug_in_excess
from experiments.certify_results import FROM_LABELS, KINDS, MLXTEND, OURS, SKLEARN, TOOLS, kind_of, rows_of
from jaxdl import truths
from jaxdl.statistics import Verdict

SMALLEST = Config(num_seeds=30, num_data_sets=100, num_checked=1, num_repetitions=4)


@pytest.fixture(scope="module")
def results():
    problems = [
        truths.sample_mean(num_runs=10),
        truths.belkin_hsu_xu(n=30, p=5, num_features=5, signal=5.0, noise_std=1.0, num_inputs=6, num_labels=3),
        truths.bootstrap_law(num_draws=10),
    ]
    with pytest.MonkeyPatch.context() as patch:  # fewer problems, because each is compiled
        patch.setattr(certify, "studies", lambda config: problems)
        return {
            name: np.asarray(values)
            for name, values in EXPERIMENT.measure(SMALLEST, runner.Options(progress=False)).items()
        }


def verdict(results, number):
    return next(claim.verdict for claim in EXPERIMENT.claims(SMALLEST, results) if claim.number == number)


def test_the_problems_have_names_of_their_own_and_at_least_twelve_are_there():
    names = [study.name for study, _ in certify.studies(Config())]
    assert len(set(names)) == len(names) >= 12
    assert "random design, n=30, p=5" in names


def test_every_term_of_every_problem_is_a_row_and_only_recipes_read_bias_with_noise(results):
    assert len(results["study"]) == 6 + 8 + 6
    assert results[OURS].shape == (20, 30)
    sums = rows_of(results, "bias² + noise")
    for tool in TOOLS:
        assert np.isnan(results[tool][sums]).all() == (tool != MLXTEND)
    assert kind_of("variance[data] at time 3") not in KINDS
    assert kind_of("risk at time 3") == "risk"


def test_the_excess_of_a_plug_in_is_its_distance_from_ours(results):
    bias = rows_of(results, "bias²")
    np.testing.assert_allclose(results["excess"][bias][0], 0.05 / 10)
    found = (results[SKLEARN] - results[OURS])[bias]
    errors = found.std(axis=1, ddof=1) / np.sqrt(30)
    assert (abs(found.mean(axis=1) - results["excess"][bias][:, 0]) < 4 * errors).all()
    study, exact = truths.stopped_descent(times=(10, 100), num_labels=4, num_inits=2)
    excess = plug_in_excess(exact)(study, np.zeros((4, 2, 2, 30, 1)), np.zeros((2, 30, 1)))["bias_squared"]
    np.testing.assert_allclose(excess, exact["labels",] / 4 + exact["init",] / 2)


def test_ours_is_right_and_each_error_of_the_others_is_found(results):
    assert verdict(results, "CERT1") == Verdict.SUPPORTED
    assert verdict(results, "CERT4") == Verdict.SUPPORTED
    wrong = {**results, FROM_LABELS: results[FROM_LABELS] + 10}
    assert verdict(wrong, "CERT1") == Verdict.REFUTED
    corrected = {**results, MLXTEND: results[OURS], SKLEARN: results[OURS]}
    assert verdict(corrected, "CERT2") == verdict(corrected, "CERT3") == Verdict.REFUTED
    unbiased = {**results, "bootstrap formulas": results["bootstrap exact"] + np.zeros((100, 3))}
    assert verdict(unbiased, "CERT4") == Verdict.REFUTED
    middle = (results["low"] + results["high"]) / 2
    assert verdict({**results, "low": middle, "high": middle}, "CERT6") == Verdict.REFUTED


def test_recipes_that_are_off_by_just_what_theory_predicts_support_the_claims_about_them(results):
    bias, noise = rows_of(results, "bias²"), rows_of(results, "noise")
    excess = results["excess"][bias]
    mlxtend, sklearn = results[MLXTEND].copy(), results[SKLEARN].copy()
    mlxtend[bias] = (results["exact"][bias] + results["exact"][noise])[:, None] + excess
    sklearn[bias] = results[OURS][bias] + excess
    predicted = {**results, MLXTEND: mlxtend, SKLEARN: sklearn}
    assert verdict(predicted, "CERT2") == verdict(predicted, "CERT3") == Verdict.SUPPORTED


def test_mlxtend_itself_confirms_its_formulas_where_it_is_installed(results):
    installed = len(results["bootstrap itself"]) == 1
    assert verdict(results, "CERT5") == (Verdict.SUPPORTED if installed else Verdict.INCONCLUSIVE)
    other = {**results, "bootstrap itself": results["bootstrap formulas"][:1] * 1.001}
    assert verdict(other, "CERT5") == Verdict.REFUTED
    absent = {**results, "bootstrap itself": np.zeros((0, 3))}
    assert verdict(absent, "CERT5") == Verdict.INCONCLUSIVE
    assert 'pip install "jaxdl[bench]"' in EXPERIMENT.tables(SMALLEST, absent)


def test_everything_that_is_shown_is_made_from_the_results(results):
    text = EXPERIMENT.tables(SMALLEST, results)
    assert "3 problems" in text
    assert all(tool in text for tool in TOOLS)
    assert set(EXPERIMENT.plot(SMALLEST, results)) == {"certify"}
    assert [claim.number for claim in EXPERIMENT.claims(SMALLEST, results)] == [f"CERT{index}" for index in range(1, 7)]


@pytest.mark.parametrize("changes", [{"levels": (16, 2)}, {"num_runs": 2}, {"num_seeds": 1}])
def test_studies_too_small_to_judge_are_refused(changes):
    with pytest.raises(ValueError, match="too small"):
        dataclasses.replace(Config(), **changes)
