"""Report cards: what other tools' formulas return, where they go wrong by how much, and how cards are put side by side."""

import jax
import numpy as np
import pytest

from jaxdl import truths
from jaxdl.decomposition import Target, squared_error
from jaxdl.truths.certify import Row, judge_sample, sample
from jaxdl.truths.recipes import variance_of_the_mean

KEY = jax.random.key(5)
TOOLS = {
    "ours": truths.unbiased,
    "labels": truths.unbiased_from_labels,
    "mlxtend": truths.mlxtend_recipe,
    "sklearn": truths.sklearn_recipe,
}


def normal_study(*, shape, num_points=3, num_outputs=None, num_times=None, seed=0):
    """Recorded predictions and labels without any meaning: for what must hold for all numbers."""
    random = np.random.default_rng(seed)
    point = (num_points, *((num_outputs,) if num_outputs else ()))
    times = (num_times,) if num_times else ()
    dims = (*(("times",) if num_times else ()), "points", *(("out",) if num_outputs else ()))
    predictions, labels = random.normal(size=(*shape, *times, *point)), random.normal(size=(6, *point))
    target = Target(mean=random.normal(size=point), noise=1.0)
    factors = ("data", "init")[: len(shape)]
    return truths.Study("recorded", factors, lambda key: predictions, target, dims, labels=lambda key: labels)


@pytest.mark.thorough
def test_the_plug_in_recipe_fails_where_bias_is_small():
    problem = truths.sample_mean(offset=0.0, num_runs=5)
    assert truths.certify([problem], KEY, num_seeds=100).passed
    card = truths.certify([problem], KEY, estimator=truths.plug_in_recipe, num_seeds=100)
    assert not card.passed
    assert "WRONG" in str(card)


def test_the_recipe_of_scikit_learn_is_what_its_example_computes():
    study = normal_study(shape=(5,))
    y_predict, y_test = study.predictions(KEY).T, study.draw_labels(KEY).T
    y_error = np.zeros(3)
    for i in range(5):
        for j in range(6):
            y_error += (y_test[:, j] - y_predict[:, i]) ** 2
    expected = {
        "risk": y_error / 30,
        "noise": np.var(y_test, axis=1),
        "bias_squared": (study.target.mean - np.mean(y_predict, axis=1)) ** 2,
        "total_variance": np.var(y_predict, axis=1),
    }
    found = truths.sklearn_recipe(study, y_predict.T, y_test.T)
    assert found.keys() == expected.keys()
    for term, values in expected.items():
        np.testing.assert_allclose(found[term], values.mean(), rtol=1e-12)


def test_the_recipe_of_mlxtend_is_what_mlxtend_returns():
    pytest.importorskip("mlxtend.evaluate")
    study, _ = truths.bootstrapped_least_squares(num_rounds=20)
    y_test = study.draw_labels(jax.random.key(1))
    found = truths.mlxtend_recipe(study, study.predictions(KEY), y_test)
    loss, bias, variance = truths.run_mlxtend(truths.one_data_set(KEY, 30, 5, 1.0), y_test[0], num_rounds=20)
    np.testing.assert_allclose(
        [found["risk"], found["bias_squared"], found["total_variance"]], [loss, bias, variance], rtol=1e-9
    )


def test_without_mlxtend_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mlxtend.evaluate", None)
    data = truths.one_data_set(KEY, 30, 5, 1.0)
    with pytest.raises(ImportError, match=r'pip install "jaxdl\[bench\]"'):
        truths.run_mlxtend(data, np.zeros(len(data.x_test)), num_rounds=2)


@pytest.mark.parametrize("recipe", [truths.plug_in_recipe, truths.mlxtend_recipe, truths.sklearn_recipe])
def test_outputs_add_up_and_times_stay_apart(recipe):
    whole = normal_study(shape=(5,), num_outputs=2, num_times=4)
    predictions, labels = whole.predictions(KEY), whole.draw_labels(KEY)
    found = recipe(whole, predictions, labels)
    for time in range(4):
        parts = [
            recipe(
                whole._replace(dims=("points",), target=Target(mean=whole.target.mean[:, out], noise=1.0)),
                predictions[:, time, :, out],
                labels[:, :, out],
            )
            for out in range(2)
        ]
        for term, values in found.items():
            np.testing.assert_allclose(values[time], sum(part[term] for part in parts), rtol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "problem",
    [
        lambda: truths.gaussian_process(num_runs=5),
        lambda: truths.crossed_effects(num_data=4, num_inits=3),
        lambda: truths.nested_effects(num_data=4, num_inits=3),
    ],
)
def test_a_plug_in_is_off_by_the_variance_of_the_mean_of_all_runs(problem):
    """bias² by as much too large as the variance is too small; mlxtend's bias² by the noise in addition."""
    study, exact = problem()
    excess = variance_of_the_mean(study, exact, study.design.shape)
    expected = {
        "mlxtend": {"bias_squared": exact["bias_squared"] + exact["noise"] + excess},
        "sklearn": {
            "bias_squared": exact["bias_squared"] + excess,
            "total_variance": exact["total_variance"] - excess,
            "noise": exact["noise"] * (1 - 1 / 50),
            "risk": exact["risk"],
        },
    }
    samples = sample(study, exact, KEY, estimators=TOOLS, num_seeds=100)
    for tool, terms in expected.items():
        found = {each.term: each for each in samples[tool]}
        for term, value in terms.items():
            row = judge_sample(found[term]._replace(exact=float(value)))
            assert row.passed, row
    for tool in ("ours", "labels"):
        assert all(judge_sample(each).passed for each in samples[tool])
    wrong = {each.term for each in samples["sklearn"] if not judge_sample(each).passed}
    assert {"bias_squared", "total_variance"} <= wrong


@pytest.mark.thorough
def test_bootstrapping_one_data_set_misleads_every_estimator_and_fresh_draws_none():
    problem = truths.bootstrapped_least_squares(num_rounds=20)
    comparison = truths.report_cards([problem], KEY, estimators=TOOLS, num_seeds=40)
    for tool, card in comparison.cards.items():
        rows = {row.term: row for row in card.rows}
        assert not rows["bias_squared"].passed, tool
        assert not rows["risk"].passed, tool
        assert rows["risk"].estimate > rows["risk"].exact
    fresh = truths.belkin_hsu_xu(n=30, p=5, num_features=5, signal=5.0, noise_std=1.0, num_inputs=16, num_labels=2)
    np.testing.assert_allclose(fresh[1]["risk"], problem[1]["risk"], rtol=1e-12)
    assert truths.certify([fresh], KEY).passed


def test_labels_are_drawn_around_the_mean_with_the_noise():
    study = normal_study(shape=(5,), num_points=400, num_outputs=2)._replace(labels=None)
    labels = study.draw_labels(KEY)
    assert labels.shape == (50, 400, 2)
    deviations = labels - study.target.mean
    # The noise, one, is a sum over both outputs; each average is over 20,000 labels.
    np.testing.assert_allclose(deviations.mean(axis=(0, 1)), 0, atol=4 * np.sqrt(0.5 / 20_000))
    np.testing.assert_allclose(deviations.var(axis=(0, 1)), 0.5, atol=4 * 0.5 * np.sqrt(2 / 20_000))


def test_a_study_is_taken_apart_by_its_own_loss_and_other_tools_have_nothing_to_say():
    seen = []

    def loss(predictions, **known):
        seen.append(sorted(known))
        return squared_error(predictions, **known)

    study, exact = truths.sample_mean(num_runs=5)
    study = study._replace(loss=loss)
    comparison = truths.report_cards(
        [(study, exact), truths.sample_mean(num_runs=5)], KEY, estimators=TOOLS, num_seeds=2
    )
    assert seen == 2 * 2 * [["design", "dims", "target"]]
    assert len(comparison.cards["ours"].rows) == 2 * len(exact)
    assert len(comparison.cards["mlxtend"].rows) == 4
    with pytest.raises(ValueError, match=r"got no estimates by \['mlxtend'\]"):
        truths.report_cards([(study, exact)], KEY, estimators={"mlxtend": truths.mlxtend_recipe})


def test_cards_side_by_side_have_a_line_for_each_term_and_a_dash_for_no_answer():
    right = Row("coin", "noise", 0.25, 0.2501, 0.001, True)
    cards = {
        "one": truths.ReportCard((right, right._replace(study="die"))),
        "two": truths.ReportCard((right._replace(term="risk", passed=False),)),
    }
    header, *lines, last = str(truths.ReportCards(cards)).splitlines()
    assert header.split() == ["study", "term", "exact", "one", "two"]
    assert [line.split()[:2] for line in lines] == [["coin", "noise"], ["coin", "risk"], ["die", "noise"]]
    assert lines[0].split()[2:] == ["0.25000", "0.25010", "±", "0.001", "right", "-"]
    assert lines[1].split()[3:] == ["-", "0.25010", "±", "0.001", "WRONG"]
    assert last.split() == ["2", "of", "2", "right", "0", "of", "1", "right"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_seeds": 1}, "at least 2"),
        ({"studies": []}, "sample_mean"),
        ({"estimator": lambda *_: {"kurtosis": np.zeros(())}}, "kurtosis"),
    ],
)
def test_what_cannot_be_certified_is_refused(arguments, words):
    studies = arguments.pop("studies", [truths.sample_mean(num_runs=5)])
    with pytest.raises(ValueError, match=words):
        truths.certify(studies, KEY, **arguments)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (lambda: truths.sobol_g(coefficients=(1.0,), levels=(4, 4)), "as many"),
        (lambda: truths.nearest_neighbors(num_neighbors=31), "1 to 30"),
        (lambda: truths.random_ridge(strength=0.0), "positive strength"),
        (lambda: truths.gaussian_process_errors(1), "at least 2"),
        (lambda: truths.suite(levels=(2, 8)), "3 or more of"),
    ],
)
def test_problems_that_make_no_sense_are_refused(problem, words):
    with pytest.raises(ValueError, match=words):
        problem()
