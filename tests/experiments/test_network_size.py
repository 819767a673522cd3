"""Network size in its smallest setting: what is trained, what is chosen on which data, and that every claim can fail."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import runner
from experiments.network_size import EXPERIMENT, Config
from experiments.network_size_results import (
    ARMS,
    BIAS,
    KINDS,
    PARTS,
    RISK,
    STUDIES,
    VARIANCE,
    measured,
    median_strengths,
    num_parameters,
    report_cells,
    shares_at_end,
    widths_of,
)
from experiments.network_size_trials import (
    network_with_dropout,
    part_of,
    predict_by_features,
    regression_trial,
    shuffled_digits,
    teacher,
)
from jaxdl import designs, models

pytestmark = pytest.mark.thorough

SMALLEST = Config(
    num_examples=16, many_examples=16, gap=4, num_points=10, feature_widths=(4, 12, 16, 40), feature_strengths=(1.0, 30.0),
    network_widths=(2, 4), network_strengths=(1.0,), network_steps=6, feature_levels=(4, 3), network_levels=(4, 3),
    num_memorised=12, memory_widths=(1, 2, 4),
    memory_steps=6, num_seeds=8, num_digits=20, adequate_width=1, grid_widths=(1, 2, 8), grid_steps=4, num_choices=3, num_reports=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    return EXPERIMENT.measure(SMALLEST, runner.Options(progress=False))


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("arm", ARMS)
def test_the_parts_and_the_noise_add_up_to_the_risk_at_every_width(results, study, arm):
    parts = sum(measured(results, f"{study}.{arm}", terms).estimate for terms in PARTS.values())
    risk = measured(results, f"{study}.{arm}", RISK).estimate
    assert risk.shape == (len(widths_of(SMALLEST, study)),)
    np.testing.assert_allclose(parts + SMALLEST.noise_std**2, risk, rtol=1e-9)


def test_the_penalty_that_is_chosen_lowers_the_risk_at_as_many_features_as_examples(results):
    at = SMALLEST.feature_widths.index(SMALLEST.num_examples)
    tuned, without = (measured(results, f"features.{arm}", RISK).estimate[at] for arm in ARMS)
    assert tuned < without


def test_the_median_strength_is_one_that_was_offered(results):
    assert set(median_strengths(SMALLEST, "features", results)) <= {0.0, *SMALLEST.feature_strengths}
    chosen = {"few.chosen": np.array([[[0, 0, 0, 1]], [[1, 1, 1, 0]]])}
    assert median_strengths(SMALLEST, "few", chosen) == [0.0, 1.0]
    assert shares_at_end(SMALLEST, "few", chosen) == [0.25, 0.75]


def test_features_without_a_penalty_interpolate_from_as_many_as_there_are_examples(key):
    problem = teacher(SMALLEST, key)
    train = problem.sample({"data": key}, 16)
    predict = jax.jit(lambda width: predict_by_features(40, (9.0,))({"init": key}, train, width, train.x))
    few, many = (jnp.abs(predict(width) - train.y[None]).max(axis=(1, 2)) for width in (8.0, 40.0))
    assert many[0] < 1e-6 < 1e-2 < min(many[1], *few)


def test_every_run_is_tuned_by_its_error_on_noisy_validation_examples_of_its_own(key):
    problem = teacher(SMALLEST, key)
    x = problem.test_points(5)
    keys = {"data": key, "init": key}
    judges = problem.sample({"data": designs.tied(keys, validation="data")["validation"]}, 50)

    def predict(keys, train, width, points):
        mean = problem.mean(points)
        assert not set(np.ravel(train.x)) & set(np.ravel(points))
        # Best at the test points, without noise, and with the noise of the judges: only the last must win.
        noisy = jnp.concatenate([mean[:5] + width, judges.y])
        return jnp.stack([mean.at[5:].add(9), mean, noisy])

    found, aux = regression_trial(problem, predict, 16, 50, x)(keys, 0.1)
    assert aux["chosen"] == 2
    np.testing.assert_allclose(found["tuned"], problem.mean(x) + 0.1)
    np.testing.assert_allclose(found["without"], problem.mean(x))


def test_both_parts_of_the_digits_and_their_judges_share_no_digit():
    digits = shuffled_digits()
    numbered = digits._replace(x=jnp.arange(1797.0)[:, None])
    rows = [set(each.x[:, 0].tolist()) for part in (0, 1) for each in part_of(numbered, part)]
    assert [len(each) for each in rows] == [600, 298, 600, 298]
    assert len(set.union(*rows)) == 2 * 898
    assert float(digits.x.max()) == 1.0


def test_dropout_keeps_the_mean_of_the_outputs_and_a_rate_of_zero_changes_nothing(key):
    x = jax.random.normal(key, (1, 3))
    model = network_with_dropout(8, 5, 2, 0.0)
    variables = model.init(key, x)
    plain = models.mlp_of_width(8, 5, 2).apply(variables, x)
    np.testing.assert_allclose(model.train_apply(variables, x, key)[0], plain, rtol=1e-12)
    np.testing.assert_allclose(model.apply(variables, x), plain, rtol=1e-12)
    dropped = network_with_dropout(8, 5, 2, 0.25).train_apply
    outputs = jax.vmap(lambda each: dropped(variables, x, each)[0])(jax.random.split(key, 4000))
    errors = 4 * outputs.std(axis=0) / np.sqrt(4000)
    assert (abs(outputs.mean(axis=0) - plain) < errors).all()
    assert (errors > 0).all()


def test_parameters_of_a_network_on_the_digits_are_counted(key):
    params = models.mlp_of_width(7, 7, 10).init(key, jnp.ones((1, 64)))["params"]
    assert num_parameters(7) == sum(leaf.size for leaf in jax.tree.leaves(params))


def test_cells_for_the_report_are_the_best_of_their_size_and_unregularised_ones_beside():
    scores = np.zeros((3, 2, 2, 2))
    scores[1, 1, 1] = 9.0  # of a middle width
    scores[0, 0, 1], scores[2, 1, 0] = 1.0, 2.0
    assert report_cells(SMALLEST, scores) == {
        "large": (8.0, 1.0, 0.0),
        "small": (1.0, 0.0, 0.5),
        "large, unregularised": (8.0, 0.0, 0.0),
        "small, unregularised": (1.0, 0.0, 0.0),
        "any size": (2.0, 1.0, 0.5),
    }


def test_everything_that_is_shown_is_made_from_the_results(results):
    table = EXPERIMENT.tables(SMALLEST, results)
    assert all(f"\n{width:6d} " in table for width in SMALLEST.feature_widths + SMALLEST.network_widths)
    assert set(EXPERIMENT.plot(SMALLEST, results)) == {"width", "digits"}
    assert list(verdicts(results)) == ["K013", "K014", "K015", "K016"]


def test_textbook_results_support_every_claim_and_restrict_the_one_on_variance_to_regularised_models(results):
    assert verdicts(textbook(results)) == {
        "K013": "restricted",
        "K014": "supported",
        "K015": "supported",
        "K016": "supported",
    }


@pytest.mark.parametrize(
    ("changes", "verdict", "condition"),
    [
        ({"features.without": ((4, 3, 2, 1), (4, 3, 2, 1))}, "supported", ""),
        (dict.fromkeys(("few.tuned", "many.tuned"), ((4, 2), (1, 2))), "restricted", "not for networks"),
        ({"many.tuned": ((4, 3.9), (1, 1))}, "restricted", "many examples"),
        (
            {"features.tuned": ((1, 2, 3, 4), (4, 3, 2, 1)), "few.tuned": ((4, 2), (1, 2)), "many.tuned": ((4, 2), (1, 2))},
            "refuted",
            "",
        ),
        ({"few.tuned": ((4, 2), (1, 1.1))}, "restricted", "undecided for networks with weight decay, few examples"),
        ({"few.tuned": ((4, 2), (1, 1.1)), "features.without": ((4, 3, 2, 1), (4, 3, 2, 1))}, "inconclusive", ""),
        ({"features.without": ((4, 3, 2, 1), (4, 4.4, 2, 1))}, "inconclusive", ""),
    ],
)  # fmt: skip
def test_the_claim_on_variance_says_where_it_holds(results, changes, verdict, condition):
    claim = judged(textbook(results, **changes))["K013"]
    assert claim.verdict == verdict
    assert condition in claim.condition


@pytest.mark.parametrize(
    ("number", "changes", "verdict"),
    [
        ("K014", {"train": {"shuffled": 1}}, "refuted"),
        ("K014", {"test": {"shuffled": 0.5}}, "refuted"),
        ("K015", {"train": {"noisy": 1}}, "restricted"),
        ("K015", {"train": {"right": 1, "noisy": 1}}, "refuted"),
    ],
)
def test_claims_on_memory_are_refuted_or_restricted_by_errors(results, number, changes, verdict):
    course = textbook(results)
    for name, kinds in changes.items():
        for kind, value in kinds.items():
            course[f"memory.{name}"][KINDS.index(kind)] += value
    assert verdicts(course)[number] == verdict


@pytest.mark.parametrize(
    ("best", "accuracies", "verdict"),
    [
        ((2, 1, 1), (0.9, 0.8, 0.9), "supported"),
        ((1, 1, 1), (0.9, 0.8, 0.902), "inconclusive"),
        ((1, 1, 1), (0.9, 0.8, 0.905), "inconclusive"),
        ((1, 1, 1), (0.9, 0.8, 0.95), "restricted"),
        ((2, 0, 0), (0.9, 0.8, 0.9), "inconclusive"),
        ((2, 1, 1), (0.8, 0.9, 0.8), "refuted"),
    ],
)
def test_the_claim_on_large_networks_needs_a_large_regularised_cell_that_wins_on_fresh_digits(
    results, best, accuracies, verdict
):
    course = textbook(results)
    course["grid.choice"][best] += 1
    course["grid.report"][[0, 1, 4]] += np.array(accuracies)[:, None] - np.array([0.9, 0.8, 0.9])[:, None]
    assert verdicts(course)["K016"] == verdict
    reading = judged(course)["K016"].reading
    assert ("to which the best large cell adds" in reading) == (best[0] == 1)
    assert ("at the end of the widths and the weight decays" in reading) == (best != (2, 0, 0))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"memory_widths": (4,)}, "memory_widths is"),
        ({"feature_widths": (10, 80)}, "expected n/4 and n - gap, 20 and 72"),
        ({"network_strengths": (0.0, 1.0)}, "expected positive"),
        ({"grid_widths": (16, 64)}, "8 times as many"),
        ({"grid_rates": (0.5,)}, "expected zero in both"),
        ({"network_levels": (2, 4)}, "at least 3"),
    ],
)
def test_configurations_that_cannot_be_measured_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Config(), **changes)


def judged(results):
    config = dataclasses.replace(SMALLEST, num_seeds=results["memory.train"].shape[-1])
    return {claim.number: claim for claim in EXPERIMENT.claims(config, results)}


def verdicts(results):
    return {number: claim.verdict for number, claim in judged(results).items()}


def textbook(results, **changes):
    """The results with courses of (bias², variance) and memories as textbooks have them, and hardly any error."""
    courses = {
        "features.tuned": ((4, 3, 2, 1), (4, 3, 2, 1)),
        "features.without": ((4, 3, 2, 1), (4, 30, 300, 1)),
        "few.tuned": ((4, 2), (1, 1)),
        "few.without": ((4, 2), (1, 3)),
        "many.tuned": ((4, 2), (1, 1)),
        "many.without": ((4, 2), (1, 3)),
    } | changes
    rng = np.random.default_rng(0)
    course = dict(results)
    for study, (bias, variance) in courses.items():
        terms = list(results[f"{study}.terms"])
        for name in (name for name in results if name.startswith(study) and not name.endswith("terms")):
            values = np.zeros_like(results[name])
            values[terms.index(BIAS[0])], values[terms.index(VARIANCE[0])] = bias, variance
            course[name] = values * (1 + (0 if name.endswith("estimates") else 1e-3 * rng.normal(size=values.shape)))
    shape = len(KINDS), len(SMALLEST.memory_widths), 80
    course["memory.train"] = np.zeros(shape, int)
    course["memory.test"] = np.array([0.9, 0.5, 0.1])[:, None, None] + 1e-3 * rng.normal(size=shape)
    grid = np.zeros(results["grid.choice"].shape)
    grid[2, 1, 1] = 0.5
    course["grid.choice"] = grid
    course["grid.report"] = np.array([0.9, 0.8, 0.7, 0.6, 0.9])[:, None] + 1e-4 * rng.normal(size=(5, 3))
    return course
