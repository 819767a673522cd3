"""Splits cover as scikit-learn's do; cross-validation and searches agree with it fold by fold."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from jaxdl import learners, losses, models, objectives, selection
from jaxdl.types import Dataset

SIZES = [(10, 2), (10, 3), (11, 4), (7, 7), (23, 5)]
STRENGTHS = jnp.array([0.01, 0.3, 1.0, 10.0, 100.0])


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(23, 4))
    y = x @ np.array([1.0, -1.0, 0.5, 0.0]) + rng.normal(size=23)
    return Dataset(jnp.asarray(x), jnp.asarray(y)[:, None], jnp.ones(23))


def ridge_of(strength):
    return learners.ridge(MODEL, strength)


MODEL = models.linear(intercept=False)
RISK = objectives.evaluation_risk(MODEL, losses.squared_error)


def used(rows, fold):
    return np.asarray(rows.index[fold])[np.asarray(rows.is_used[fold])]


def as_sklearn_folds(splits):
    return [(used(splits.train, fold), used(splits.validation, fold)) for fold in range(len(splits.train.index))]


@pytest.mark.thorough
@pytest.mark.parametrize(("num_examples", "num_folds"), SIZES)
def test_folds_have_the_sizes_of_scikit_learn_and_validate_each_example_once(key, num_examples, num_folds):
    splits = selection.k_fold(key, num_examples, num_folds)
    folds = as_sklearn_folds(splits)
    expected = [len(validation) for _, validation in KFold(num_folds).split(np.zeros(num_examples))]
    assert [len(validation) for _, validation in folds] == expected
    assert sorted(np.concatenate([validation for _, validation in folds])) == list(range(num_examples))
    for train, validation in folds:
        assert sorted([*train, *validation]) == list(range(num_examples))


@pytest.mark.thorough
def test_folds_of_many_keys_are_one_jitted_batch(key):
    keys = jax.random.split(key, 20)
    together = jax.jit(jax.vmap(lambda each: selection.k_fold(each, 11, 4)))(keys)
    chex.assert_trees_all_equal(jax.tree.map(lambda leaf: leaf[3], together), selection.k_fold(keys[3], 11, 4))
    assert len({tuple(rows) for rows in np.asarray(together.validation.index)[:, 0]}) > 10


@pytest.mark.thorough
def test_every_example_validates_in_the_first_fold_as_often_as_any_other(key):
    splits = jax.vmap(lambda each: selection.k_fold(each, 10, 5))(jax.random.split(key, 2000))
    counts = np.bincount(np.asarray(splits.validation.index[:, 0]).ravel(), minlength=10)
    assert (abs(counts - 400) < 4 * np.sqrt(400 * 0.8)).all()


def test_a_held_out_part_has_the_size_asked_for_and_shares_nothing_with_the_other(key):
    split = selection.hold_out(key, 9, 4)
    assert split.validation.index.shape == (4,)
    assert sorted([*split.train.index.tolist(), *split.validation.index.tolist()]) == list(range(9))


def test_cross_validated_risks_are_those_of_scikit_learn_on_the_same_folds(key, dataset):
    splits = selection.k_fold(key, 23, 5)
    found = jax.jit(lambda: selection.cross_validate(ridge_of(2.0), RISK, dataset, {}, splits=splits))()
    x, y = np.asarray(dataset.x), np.asarray(dataset.y)[:, 0]
    expected = -cross_val_score(
        Ridge(2.0, fit_intercept=False), x, y, cv=as_sklearn_folds(splits), scoring="neg_mean_squared_error"
    )
    np.testing.assert_allclose(found.per_fold, expected, rtol=1e-10)
    np.testing.assert_allclose(found.risk, np.average(expected, weights=[5, 5, 5, 4, 4]), rtol=1e-10)


def test_leaving_one_out_has_the_closed_form_of_linear_smoothers(key, dataset):
    """The residual of the row that is left out is r_i / (1 - H_ii)."""
    splits = selection.k_fold(key, 23, 23)
    found = jax.jit(lambda: selection.cross_validate(ridge_of(2.0), RISK, dataset, {}, splits=splits))()
    x, y = np.asarray(dataset.x), np.asarray(dataset.y)[:, 0]
    hat = x @ np.linalg.solve(x.T @ x + 2.0 * np.eye(4), x.T)
    np.testing.assert_allclose(found.risk, np.mean(((y - hat @ y) / (1 - np.diag(hat))) ** 2), rtol=1e-10)


def test_examples_without_weight_neither_train_nor_validate(key, dataset):
    marked = dataset._replace(weight=dataset.weight.at[:3].set(0), y=dataset.y.at[:3].set(1e6))
    splits = selection.k_fold(key, 23, 5)
    found = jax.jit(lambda: selection.cross_validate(ridge_of(2.0), RISK, marked, {}, splits=splits))()
    assert float(found.fold_weight.sum()) == 20
    assert found.risk < 10


@pytest.mark.thorough
def test_a_grid_search_chooses_and_scores_as_scikit_learn_does(key, dataset):
    # Folds of one size: scikit-learn averages folds, not examples.
    part = Dataset(*(field[:20] for field in dataset))
    splits = selection.k_fold(key, 20, 4)

    def score(setting):
        return selection.cross_validate(ridge_of(setting["alpha"]), RISK, part, {}, splits=splits).risk

    found = jax.jit(lambda: selection.search(score, selection.grid({"alpha": STRENGTHS})))()
    peer = GridSearchCV(
        Ridge(fit_intercept=False), {"alpha": np.asarray(STRENGTHS)}, cv=as_sklearn_folds(splits),
        scoring="neg_mean_squared_error",
    ).fit(np.asarray(part.x), np.asarray(part.y)[:, 0])  # fmt: skip
    np.testing.assert_allclose(found.scores, -peer.cv_results_["mean_test_score"], rtol=1e-10)
    assert int(found.best_index) == peer.best_index_
    assert float(found.best["alpha"]) == peer.best_params_["alpha"]


@pytest.mark.thorough
def test_the_tuned_learner_is_the_best_one_trained_on_every_example(key, dataset):
    fit = jax.jit(selection.tuned(ridge_of, RISK, STRENGTHS, num_folds=5))
    variables = fit({"split": key}, dataset)
    x, y = np.asarray(dataset.x), np.asarray(dataset.y)[:, 0]
    best = variables["selection"].best
    expected = Ridge(float(best), fit_intercept=False).fit(x, y).coef_
    np.testing.assert_allclose(variables["params"]["weights"][:, 0], expected, rtol=1e-10)
    predicted = MODEL.apply(variables, dataset.x)
    np.testing.assert_allclose(mean_squared_error(y, predicted), RISK(variables, dataset, None)[0], rtol=1e-10)


@pytest.mark.thorough
def test_a_batch_of_tuned_learners_is_a_loop_over_them(key, dataset):
    fit = selection.tuned(ridge_of, RISK, STRENGTHS, num_folds=3)
    keys = jax.random.split(key, 3)
    batch = jax.jit(jax.vmap(lambda each: fit({"split": each}, dataset)["params"]))(keys)
    alone = jax.jit(fit)({"split": keys[1]}, dataset)["params"]
    np.testing.assert_allclose(batch["weights"][1], alone["weights"], rtol=1e-12)


@pytest.mark.thorough
def test_folds_train_with_keys_of_their_own_and_settings_share_them(key):
    """A model of noise alone: its scores tell which keys it saw."""

    def learner_of(setting):
        return lambda keys, _: {"params": {"weights": setting * jax.random.normal(keys["init"], (1, 1))}}

    ones = Dataset(jnp.ones((6, 1)), jnp.zeros((6, 1)), jnp.ones(6))
    splits = selection.k_fold(key, 6, 3)

    def per_fold(setting):
        return selection.cross_validate(learner_of(setting), RISK, ones, {"init": key}, splits=splits).per_fold

    once, twice = per_fold(jnp.array(1.0)), per_fold(jnp.array(2.0))
    assert len(set(once.tolist())) == 3
    np.testing.assert_allclose(twice, 4 * once, rtol=1e-12)


def test_a_diverged_setting_is_never_chosen_and_the_first_of_equals_is():
    scores = jnp.array([jnp.nan, 2.0, 1.0, 1.0])
    found = selection.search(lambda setting: setting, scores)
    assert int(found.best_index) == 2
    assert np.isnan(found.scores[0])


def test_a_grid_holds_every_combination_of_a_nested_pytree():
    settings = selection.grid({"b": jnp.array([1.0, 2.0, 3.0]), "a": {"c": jnp.array([0.1, 0.2])}})
    pairs = list(zip(settings["a"]["c"].tolist(), settings["b"].tolist(), strict=True))
    assert pairs == [(c, b) for c in (0.1, 0.2) for b in (1.0, 2.0, 3.0)]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_searches_keep_the_precision_of_their_settings(dtype):
    found = selection.search(lambda s: s["x"] ** 2, selection.grid({"x": jnp.array([1.0, 2.0], dtype)}))
    assert found.scores.dtype == found.best["x"].dtype == dtype


def test_log_uniform_draws_are_uniform_in_the_logarithm(key):
    settings = selection.draws(key, {"rate": selection.log_uniform(1e-4, 1e2), "share": selection.uniform(2, 4)}, 4000)
    for values, low, high in ((np.log10(settings["rate"]), -4, 2), (np.asarray(settings["share"]), 2, 4)):
        assert low <= values.min() < values.max() <= high
        in_quarters = np.histogram(values, 4, (low, high))[0]
        assert (abs(in_quarters - 1000) < 4 * np.sqrt(1000 * 0.75)).all()
    assert abs(np.corrcoef(settings["rate"], settings["share"])[0, 1]) < 4 / np.sqrt(4000)


def test_a_longer_random_search_begins_with_the_shorter_one(key):
    laws = {"x": selection.uniform(-1, 1), "y": selection.log_uniform(1, 2)}
    short, long = (selection.draws(key, laws, num) for num in (3, 8))
    chex.assert_trees_all_equal(short, jax.tree.map(lambda leaf: leaf[:3], long))


def test_a_random_search_finds_the_smallest_of_its_draws(key):
    found = selection.search(lambda s: (s["x"] - 0.3) ** 2, selection.draws(key, {"x": selection.uniform(0, 1)}, 50))
    assert float(found.best["x"]) == float(found.settings["x"][found.scores.argmin()])
    assert abs(float(found.best["x"]) - 0.3) < 0.1


def test_one_trace_serves_every_key_and_strength(key, dataset):
    @chex.assert_max_traces(n=1)
    def score(keys, strength):
        splits = selection.k_fold(keys, 23, 5)
        return selection.cross_validate(ridge_of(strength), RISK, dataset, {}, splits=splits).risk

    jitted = jax.jit(score)
    values = [jitted(each, strength) for each in jax.random.split(key, 2) for strength in (0.1, 1.0)]
    assert len(set(map(float, values))) == 4
    assert ravel_pytree(values)[0].shape == (4,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda key: selection.hold_out(key, 5, 5), "num_validation=5 of 5"),
        (lambda key: selection.k_fold(key, 5, 1), "num_folds=1 of 5"),
        (lambda key: selection.k_fold(key, 5, 6), "num_folds=6 of 5"),
        (lambda key: selection.grid({"x": jnp.zeros(0)}), "a vector of values"),
        (lambda key: selection.grid({}), "a vector of values"),
        (lambda key: selection.search(lambda s: s, jnp.array(1.0)), "one leading axis"),
        (lambda key: selection.search(lambda s: s[0], (jnp.ones(2), jnp.ones(3))), "one leading axis"),
        (lambda key: selection.draws(key, {}, 3), "no laws"),
        (lambda key: selection.draws(key, selection.uniform(0, 1), 0), "num_draws=0"),
        (lambda key: selection.log_uniform(0.0, 1.0), "0 < low < high"),
        (lambda key: selection.uniform(1.0, 1.0), "low < high"),
    ],
)
def test_what_cannot_be_split_or_searched_is_refused(key, call, words):
    with pytest.raises(ValueError, match=words):
        call(key)


def test_cross_validation_refuses_a_single_split(key, dataset):
    with pytest.raises(ValueError, match="use validate for one split"):
        selection.cross_validate(ridge_of(1.0), RISK, dataset, {}, splits=selection.hold_out(key, 23, 5))


@pytest.mark.parametrize(
    "of", [selection.grid, lambda axes: selection.search(lambda setting: setting["a"] * 1.0, axes)]
)
def test_settings_that_the_precision_cannot_hold_are_refused(of):
    with (
        jax.enable_x64(False),
        pytest.raises(ValueError, match=r"settings\['a'\]: got 1099511627783.*int32 cannot hold"),
    ):
        of({"a": np.array([2**40 + 7, 5])})
    of({"a": np.array([2**40 + 7, 5])})


def test_random_keys_are_settings_too(key):
    found = selection.search(jax.random.uniform, jax.random.split(key, 3))
    assert found.scores.shape == (3,)
