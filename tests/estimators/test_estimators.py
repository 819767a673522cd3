"""Estimators with fit and predict as trials: their runs against plain loops, in every kind of data, learner and loss."""

import functools
import sys
import threading

import jax
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from forest_worker import X, Y
from forest_worker import run as forests
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from jaxdl import decompose, designs, ensembles, estimators
from jaxdl.data import resampling
from jaxdl.decomposition import Target, cross_entropy, kohavi_wolpert, zero_one
from jaxdl.ensembles import DivergedRunsError, Engine, StoreError, UnfinishedStudyError

KEY = jax.random.key(3)
QUIET = Engine(progress=False)
CROSSED = designs.crossed(data=4, init=3)
RNG = np.random.default_rng(0)


class Recorder:
    """Remembers what it was fitted to; predicts the mean, and a number of its seed."""

    def __init__(self, seed=0):
        self.seed = seed

    def fit(self, x, y, sample_weight=None):
        self.x, self.y, self.weight = x, y, sample_weight

    def predict(self, x):
        return np.full(x.shape[0], np.average(self.y, weights=self.weight) + self.seed / 2**40)


trial = functools.partial(estimators.trial, name="test", workers=1)


def run(made, design=CROSSED, **options):
    return ensembles.run(made, design, KEY, engine=QUIET, **options).outputs


def fits(x, y, **options):
    """What a recorder was fitted to in each of four runs."""
    seen = []

    def predict(fitted, x_test, classes):
        seen.append(fitted)
        return fitted.predict(x_test)

    run(trial(Recorder, x, y, x[:3], sources=(), predict=predict, **options), designs.crossed(data=4))
    return seen[1:]  # the first run was made twice


def test_a_training_set_is_drawn_by_its_level_and_an_estimator_built_by_its_seed():
    outputs = run(trial(lambda seed: Recorder(seed), X, Y, X[:2]))
    levels = outputs[..., 0]
    both = levels - levels.mean(0) - levels.mean(1, keepdims=True) + levels.mean()
    assert np.abs(both).max() < 1e-9  # a sum of an effect of the data and one of the seed
    assert len(np.unique(levels)) == 12


def test_the_runs_are_those_of_a_plain_loop_over_the_same_rows_and_seeds():
    seen = []

    def predict(fitted, x_test, classes):
        seen.append(fitted)
        return fitted.predict(x_test)

    made = trial(lambda seed: Recorder(seed), X, Y, X[:2], predict=predict)
    run(made)
    predictions = []
    for fitted in seen[1:]:
        forest = RandomForestRegressor(3, random_state=fitted.seed).fit(fitted.x, fitted.y)
        predictions.append(forest.predict(X[:2]))
    outputs = run(trial(lambda seed: RandomForestRegressor(3, random_state=seed), X, Y, X[:2]))
    np.testing.assert_array_equal(outputs.reshape(12, 2), predictions)


def test_each_law_draws_its_rows_with_their_targets():
    x, y = np.arange(20.0)[:, None], np.arange(20)
    for fitted in fits(x, y):
        assert fitted.x.shape == (20, 1)
        np.testing.assert_array_equal(fitted.x[:, 0], fitted.y)
        assert len(np.unique(fitted.y)) < 20
    for fitted in fits(x, y, resample=lambda rows: resampling.subsample(rows, 15)):
        assert len(np.unique(fitted.x)) == 15
    for fitted in fits(x, y, resample=resampling.bag):
        np.testing.assert_array_equal(fitted.x[:, 0], y)
        assert (fitted.weight.sum(), fitted.weight.min()) == (20, 0)
    for fitted in fits(x, y, resample=resampling.half_sample):
        assert len(set(fitted.y)) == 10


def test_the_mean_of_rows_has_the_variance_of_its_law():
    """The mean of n bootstrapped rows has variance s²/n, with s² of divisor n."""
    y = RNG.normal(size=30)
    made = trial(Recorder, np.zeros((30, 1)), y, np.zeros((1, 1)), sources=())
    result = decompose(made, designs.independent(400, "data"), KEY, engine=QUIET)
    assert abs(result.total_variance - y.var() / 30) < 4 * result.standard_errors["total_variance"]


def test_weights_and_repeated_rows_of_the_same_draw_train_alike():
    def ridge():
        return Ridge(1.0)

    laws = (resampling.bootstrap, functools.partial(resampling.bootstrap, as_weights=True))
    one, other = (run(trial(ridge, X, Y, X[:5], sources=(), resample=law), designs.crossed(data=3)) for law in laws)
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_the_rows_do_not_depend_on_the_mode_of_jax():
    made = trial(Recorder, X, Y, X[:2], sources=())
    wide = run(made, designs.crossed(data=4))
    with jax.enable_x64(False), jax.threefry_partitionable(False):
        np.testing.assert_array_equal(wide, run(trial(Recorder, X, Y, X[:2], sources=()), designs.crossed(data=4)))


def test_without_a_law_there_is_one_training_set_and_no_source_of_data():
    outputs = run(trial(lambda seed: Recorder(seed), X, Y, X[:2], resample=None), designs.crossed(init=4))
    np.testing.assert_allclose(outputs, Y.mean(), atol=2.0**-8)
    assert len(np.unique(outputs)) == 4


def test_a_result_says_the_law_the_training_size_and_what_a_store_knows():
    made = trial(Recorder, X, Y, X[:2], sources=(), resample=lambda rows: resampling.subsample(rows, 200))
    result = decompose(made, designs.crossed(data=4), KEY, engine=QUIET)
    assert result.training_size == made.law.training_size == 200
    table = " ".join(result.table().split())  # its notes are broken into lines of 100 columns
    assert f"training sets drawn from 442 rows: {made.law.estimand}" in table
    assert "trained by 'test' on scikit-learn" in table


def test_a_result_says_that_other_variance_is_given_the_data():
    words = "variance of the other sources (init) is given this data set: a part of their interaction with data may count in it"
    assert words in trial(lambda seed: Recorder(seed), X, Y, X[:2]).notes
    assert words not in trial(Recorder, X, Y, X[:2], sources=()).notes


def test_a_table_over_classes_keeps_the_notes_of_the_trial():
    made = trial(lambda seed: Recorder(seed), X, Y.mean() < Y, X[:6])
    target = Target(labels=(Y.mean() < Y)[:6].astype(int))
    result = decompose(made, CROSSED, KEY, target=target, engine=QUIET)
    tables = result.by_class()
    assert "test points of class 0 alone" in tables[0].table()
    for note in made.notes:
        assert f"note: {note}" in tables.table().replace("\n  ", " ")
    assert "alone" not in tables.table().replace("versions alone", "")


def test_settings_are_handed_to_make():
    made = trial(lambda setting: KNeighborsRegressor(setting), X, Y, X[:4], sources=())
    outputs = run(made, designs.crossed(data=3), settings=np.array([1, 442]))
    assert outputs.shape == (2, 3, 4)
    np.testing.assert_allclose(outputs[1], outputs[1, :, :1] * np.ones(4))  # all neighbors: the mean


def test_make_has_a_place_for_the_settings_that_a_study_has():
    with pytest.raises(ValueError, match=r"make: got .*expected a function \(init, setting\).*settings="):
        run(trial(lambda seed: Recorder(seed), X, Y, X[:2]), settings=np.array([0.5, 1.0]))
    with pytest.raises(ValueError, match=r"make: got .*expected a function \(init\).*settings="):
        run(trial(lambda seed, setting: Recorder(seed), X, Y, X[:2]))


def test_an_estimator_is_made_once_in_each_run_but_the_first():
    seeds = []
    made = trial(lambda seed: seeds.append(seed) or Recorder(seed), X, Y, X[:2])
    run(made, designs.crossed(data=2, init=3))
    assert len(seeds) == (6 + 1) + 2  # six runs and the first again, which asks for two estimators each time


def test_several_sources_reach_make_in_their_order():
    seen = []

    def build(init, order):
        seen.append((init, order))
        return Recorder(init)

    run(trial(build, X, Y, X[:2], sources=("init", "order")), designs.crossed(data=2, order=3, init=2))
    assert len({init for init, _ in seen}) == 2
    assert len({order for _, order in seen}) == 3
    assert max(max(seen)) < 2**31


def test_every_run_has_copies_of_its_own():
    class Spoiler(Recorder):
        def fit(self, x, y):
            super().fit(x.copy(), y.copy())
            x[:], y[:] = 0, 0

        def predict(self, x):
            x += 1
            return super().predict(x) + x[:, 0]

    x, y = X.copy(), Y.copy()
    outputs = run(trial(Spoiler, x, y, x[:2], sources=()), designs.crossed(data=4))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    plain = run(trial(Recorder, X, Y, X[:2], sources=()), designs.crossed(data=4))
    np.testing.assert_allclose(outputs, plain + 1 + X[:2, 0])


# Data of every kind.

TEXTS = pd.DataFrame(
    {
        "town": np.where(np.arange(60) % 3 == 0, "Oslo", np.where(np.arange(60) % 3 == 1, "Rome", "Lima")),
        "size": np.where(np.arange(60) % 7 == 0, np.nan, np.linspace(0, 1, 60)),
    },
    index=np.arange(60) + 1000,
)
PRICE = pd.Series((np.arange(60) % 3) * 10.0, index=TEXTS.index)


def priced():
    from sklearn.impute import SimpleImputer

    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["town"]), (make_pipeline(SimpleImputer(), StandardScaler()), ["size"])
    )
    return make_pipeline(columns, Ridge(1e-6))


def test_a_pipeline_takes_a_frame_with_texts_and_missing_cells():
    outputs = run(trial(priced, TEXTS, PRICE, TEXTS[:6], sources=()), designs.crossed(data=4))
    np.testing.assert_allclose(outputs, np.tile(PRICE[:6], (4, 1)), atol=0.1)


def test_sparse_matrices_frames_and_arrays_of_the_same_numbers_predict_alike():
    x = scipy.sparse.coo_matrix(X * (X > 0))
    dense = run(trial(Ridge, x.toarray(), Y, x.toarray()[:4], sources=()), designs.crossed(data=3))
    sparse = run(trial(Ridge, x, Y, x.tocsr()[:4], sources=()), designs.crossed(data=3))
    np.testing.assert_allclose(sparse, dense, rtol=1e-4)
    frame = pd.DataFrame(x.toarray(), columns=[f"x{i}" for i in range(10)])
    framed = run(trial(Ridge, frame, pd.DataFrame(Y), frame[:4], sources=()), designs.crossed(data=3))
    np.testing.assert_allclose(framed, dense, rtol=1e-9)


def test_texts_are_rows_of_their_own():
    words = ["good film", "bad film", "good play", "bad play", "bad", "good"] * 4
    opinion = ["+" if "good" in each else "-" for each in words]
    made = trial(
        lambda: make_pipeline(CountVectorizer(), LogisticRegression(C=100.0)), words, opinion, ["a good one", "so bad"],
        sources=(), predict=estimators.labels,
    )  # fmt: skip
    assert run(made, designs.crossed(data=3)).tolist() == [[[1, 0], [0, 1]]] * 3


def test_images_and_several_targets_keep_their_axes():
    images, targets = RNG.normal(size=(12, 4, 3)), RNG.normal(size=(12, 2))

    class Flat(Recorder):
        def predict(self, x):
            assert x.shape[1:] == (4, 3)
            return np.tile(self.y.mean(axis=0), (len(x), 1))

    assert run(trial(Flat, images, targets, images[:5], sources=()), designs.crossed(data=3)).shape == (3, 5, 2)


# Labels.

WINE, KIND = load_wine(return_X_y=True)
NAMES = np.array(["barbera", "barolo", "grignolino"])[KIND]
TEST = slice(0, None, 9)


def grown(seed):
    return RandomForestClassifier(3, random_state=seed)


def wines(predict):
    return trial(grown, np.delete(WINE, TEST, 0), np.delete(NAMES, TEST), WINE[TEST], predict=predict)


def test_labels_that_are_texts_serve_every_loss():
    truth = Target(labels=estimators.one_hot(NAMES[TEST], wines(estimators.values).classes))
    options = {"target": truth, "dims": ("points", "out"), "engine": QUIET}
    squares = decompose(wines(estimators.probabilities), CROSSED, KEY, **options)
    nats = decompose(wines(estimators.log_probabilities(1e-3)), CROSSED, KEY, loss=cross_entropy, **options)
    errors = decompose(wines(estimators.labels), CROSSED, KEY, loss=zero_one, **options)
    halves = decompose(wines(estimators.labels), CROSSED, KEY, loss=kohavi_wolpert, **options)
    probabilities, votes = run(wines(estimators.probabilities)), run(wines(estimators.labels))
    known = np.argmax(truth.labels, axis=-1)
    np.testing.assert_allclose(squares.risk, ((probabilities - truth.labels) ** 2).sum(-1).mean())
    chosen = np.maximum(probabilities, 1e-3)
    chosen /= chosen.sum(-1, keepdims=True)
    np.testing.assert_allclose(nats.risk, -np.log(chosen[..., np.arange(len(known)), known]).mean())
    np.testing.assert_allclose(errors.risk, (votes.argmax(-1) != known).mean())
    np.testing.assert_allclose(halves.risk, (votes.argmax(-1) != known).mean())


def test_a_class_that_a_draw_lacks_has_a_column_of_zeros():
    x, y = np.arange(12.0)[:, None], np.array(["a"] * 6 + ["b"] + ["c"] * 5)
    outputs = run(
        trial(lambda: KNeighborsClassifier(1), x, y, x[[0, 6, 11]], sources=(), predict=estimators.probabilities),
        designs.crossed(data=20),
    )
    assert outputs.shape == (20, 3, 3)
    np.testing.assert_array_equal(outputs.sum(-1), 1)
    assert set(outputs[:, 1, 1]) == {0, 1}  # the one "b" was drawn, or not
    np.testing.assert_array_equal(outputs[:, [0, 2], [0, 2]], 1)


def test_scores_of_two_classes_are_log_odds():
    y = NAMES == "barolo"
    made = functools.partial(trial, lambda: LogisticRegression(), WINE[:, :2], y, WINE[:5, :2], sources=())
    design = designs.crossed(data=3)
    scores, logits = (
        run(made(predict=estimators.scores), design),
        run(made(predict=estimators.log_probabilities(1e-12)), design),
    )
    np.testing.assert_allclose(np.diff(scores), np.diff(logits), rtol=1e-6)


# Other learners.


def test_boosting_varies_with_its_seed_where_it_subsamples():
    made = trial(lambda seed: GradientBoostingRegressor(n_estimators=5, subsample=0.5, random_state=seed), X, Y, X[:8])
    result = decompose(made, CROSSED, KEY, engine=QUIET)
    assert result.variance["data"] > 0
    assert np.ptp(run(made), axis=1).min() > 0


class KerasLike:
    """As Keras' models: `fit` returns a history, `predict` a column."""

    def __init__(self, seed):
        self.weights = np.random.default_rng(seed).normal(size=(X.shape[1], 1))

    def fit(self, x, y, epochs=1):
        losses = []
        for _ in range(epochs):
            errors = x @ self.weights - y[:, None]
            losses.append(float((errors**2).mean()))
            self.weights = self.weights - 0.1 * x.T @ errors / len(y)
        self.history = losses
        return {"loss": losses}

    def predict(self, x):
        return x @ self.weights


def test_a_fit_that_returns_a_history_is_reported():
    made = trial(
        lambda seed: KerasLike(seed), X, Y, X[:6],
        fit=lambda network, x, y: network.fit(x, y, epochs=4), report=lambda network, history: history["loss"],
    )  # fmt: skip
    runs = ensembles.run(made, CROSSED, KEY, engine=QUIET)
    assert runs.outputs.shape == (4, 3, 6, 1)
    assert runs.aux.shape == (4, 3, 4)
    assert (np.diff(runs.aux, axis=-1) < 0).all()


def test_a_loop_of_pytorch_is_an_estimator():
    torch = pytest.importorskip("torch")

    class Network:
        def __init__(self, seed):
            torch.manual_seed(seed)
            self.layers = torch.nn.Sequential(torch.nn.Linear(10, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))

        def fit(self, x, y):
            x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y[:, None] / 100, dtype=torch.float32)
            steps = torch.optim.Adam(self.layers.parameters(), 0.01)
            for _ in range(5):
                steps.zero_grad()
                torch.nn.functional.mse_loss(self.layers(x), y).backward()
                steps.step()

        def predict(self, x):
            with torch.no_grad():
                return self.layers(torch.tensor(x, dtype=torch.float32))[:, 0].numpy()

    made = trial(lambda seed: Network(seed), X, Y, X[:8], packages=("torch",))
    result = decompose(made, CROSSED, KEY, engine=QUIET)
    assert result.variance["init"] > result.variance["data"]  # five steps from where they began
    np.testing.assert_array_equal(run(made), run(made))


# Stores, workers, divergence.


def test_a_store_keeps_runs_grows_and_refuses_other_data_and_laws(tmp_path):
    built = []

    def count(seed):
        built.append(seed)
        return Recorder(seed)

    def study(design=CROSSED, y=Y, law=resampling.bootstrap, shard=(1, 1)):
        made = trial(count, X, y, X[:2], resample=law)
        return ensembles.run(made, design, KEY, engine=Engine(progress=False, store=tmp_path, shard=shard)).outputs

    first = study()
    assert len(built) == (12 + 1) + 2  # the first run is made twice, and asks for two estimators
    np.testing.assert_array_equal(first, study())
    np.testing.assert_array_equal(first, study(designs.crossed(data=6, init=3))[:4])
    assert len(built) == (12 + 1) + 2 + 6 + 1  # the first of the six new ones is checked again
    with pytest.raises(StoreError, match="data"):
        study(y=Y + 1)
    with pytest.raises(StoreError, match="training sets"):
        study(law=resampling.half_sample)


@pytest.mark.thorough
def test_shards_meet(tmp_path):
    with pytest.raises(UnfinishedStudyError):
        forests(store=tmp_path, shard=(1, 2))
    np.testing.assert_array_equal(forests(store=tmp_path, shard=(2, 2)), forests())


@pytest.mark.thorough
@pytest.mark.parametrize("how", [{"workers": 2}, {"workers": 2, "threads": True}, {"workers": None}])
def test_the_bits_are_those_of_one_worker(how):
    np.testing.assert_array_equal(forests(**how), forests())


@pytest.mark.thorough
def test_lambdas_and_local_classes_reach_other_processes():
    made = functools.partial(estimators.trial, lambda seed: KerasLike(seed), X, Y, X[:6], name="keras")
    np.testing.assert_array_equal(run(made(workers=2)), run(made(workers=1)))


@pytest.mark.thorough
def test_what_cannot_be_sent_is_refused_with_the_remedy():
    lock = threading.Lock()

    def build(seed):
        with lock:
            return Recorder(seed)

    with pytest.raises(ValueError, match=r"cannot be sent to another process .*threads=True"):
        run(trial(build, X, Y, X[:2], workers=2))
    assert run(trial(build, X, Y, X[:2], workers=2, threads=True)).shape == (4, 3, 2)


def test_runs_that_are_not_finite_and_exceptions_are_named_by_their_levels():
    class Fails(Recorder):
        def predict(self, x):
            if self.y.mean() > Y.mean():
                raise self.error
            return super().predict(x)

    class Diverges(Recorder):
        def predict(self, x):
            return super().predict(x) * (np.nan if self.y.mean() > Y.mean() else 1)

    design = designs.crossed(data=8)
    with pytest.warns(UserWarning, match=r"run \d \(data \d; setting 0\)"):
        lost = ensembles.run(trial(Diverges, X, Y, X[:2], sources=()), design, KEY, engine=QUIET).diverged
    assert 0 < len(lost) < 8
    with pytest.raises(DivergedRunsError, match="diverged"):
        decompose(trial(Diverges, X, Y, X[:2], sources=()), design, KEY, engine=QUIET)
    Fails.error = ArithmeticError("singular")
    with pytest.raises(ArithmeticError, match="singular") as raised:
        run(trial(Fails, X, Y, X[:2], sources=()), design)
    assert f"run {lost[0].run} (data {lost[0].run}) of 'test'" in raised.value.__notes__[0]


def test_a_learner_that_draws_from_elsewhere_is_warned_about():
    rng = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="Seed all that is random: random_state=seed"):
        run(trial(lambda seed: Recorder(rng.integers(2**39) + 0 * seed), X, Y, X[:2]))


# Slips.


def test_joblib_is_needed_for_workers_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    run(trial(Recorder, X, Y, X[:2], sources=()), designs.crossed(data=2))
    with pytest.raises(ImportError, match=r'pip install "jaxdl\[estimators\]"'):
        run(trial(Recorder, X, Y, X[:2], sources=(), workers=None), designs.crossed(data=2))


SAME = Recorder()
FRAME = pd.DataFrame(X)
SLIPS = {
    "an estimator in place of make": ({"make": Ridge()}, r"make: got Ridge\(\).*expected a function of a seed; pass"),
    "a class in place of make": ({"make": RandomForestRegressor}, "make: got the class RandomForestRegressor, .*random_state=seed"),
    "a make without a seed": ({"make": lambda: Ridge()}, r"make: got .*sources=\(\)"),
    "a make of two": ({"make": lambda a, b, c: a}, r"make: got .*\(init\)"),
    "one object": ({"make": lambda seed: SAME}, "make: got .* from two calls, expected a fresh estimator"),
    "nothing returned": ({"make": lambda seed: None}, "make: got None from two calls"),
    "no fit": ({"make": lambda seed: [seed]}, r"make: got an estimator without fit .*pass fit=lambda"),
    "no predict": ({"make": lambda seed: StandardScaler()}, "make: got an estimator without predict .*pass predict="),
    "no probabilities": (
        {"make": lambda seed: Ridge(), "predict": estimators.probabilities}, "without predict_proba .*pass predict=",
    ),
    "lengths": ({"y": Y[:-1]}, r"y: got shape \(441,\) for x of 442 rows"),
    "no y": ({"y": None}, r"y: got shape \(\) for x of 442 rows"),
    "uneven y": ({"y": [[1], [1, 2]] * 221}, "y: got rows of uneven lengths"),
    "nan in y": ({"y": np.where(np.arange(442) == 7, np.nan, Y)}, "y: got 1 of 442 entries such as nan in row 7"),
    "missing labels": ({"y": ["a", None] * 221}, "y: got 221 of 442 entries missing, the first in row 1"),
    "mixed labels": ({"y": np.array(["a", 1] * 221, object)}, r"y: got texts and 1 .*y.astype\(str\)"),
    "masked y": ({"y": np.ma.masked_greater(Y, 100)}, "y: got a masked array"),
    "masked x": ({"x": np.ma.masked_greater(X, 0)}, "x: got a masked array"),
    "one feature": ({"x": X[:, 0]}, r"x: got shape \(442,\), expected \(n, features\)"),
    "no rows": ({"x_test": X[:0]}, r"x_test: got shape \(0, 10\)"),
    "uneven rows": ({"x": [[1], [1, 2]]}, "x: got rows of uneven lengths"),
    "other features": ({"x_test": X[:, :3]}, r"x_test: got columns \(442, 3\), expected those of x.*; pass the same features$"),
    "columns besides": ({"x": FRAME.iloc[:, :3], "x_test": FRAME}, r"x_test: .*pass x_test\[x.columns\]"),
    "columns that lack": ({"x": FRAME, "x_test": FRAME.iloc[:, :3]}, r"x_test: .*; pass the same features$"),
    "other columns": ({"x": FRAME, "x_test": FRAME[FRAME.columns[::-1]]}, r"x_test: .*pass x_test\[x.columns\]"),
    "an array for a frame": ({"x": FRAME}, "x_test: .*pass tables of one kind"),
    "another order": ({"x": FRAME, "x_test": FRAME, "y": pd.Series(Y)[::-1]}, "y: got the row labels of x in another order"),
    "a name of a law": ({"resample": "bootstrap"}, "resample: got 'bootstrap', expected a law"),
    "a law that wants a number": ({"resample": resampling.subsample}, r"resample: got .*\(rows\), not one of .*lambda rows: "),
    "a law that is none": ({"resample": lambda rows: rows}, "resample: got a function that returns jaxdl.types.Dataset"),
    "a law of other rows": (
        {"resample": lambda rows: resampling.bootstrap(rows._replace(x=rows.x * 2.5))}, "resample: got a law that draws",
    ),
    "weights for what takes none": (
        {"make": lambda seed: KNeighborsRegressor(), "resample": resampling.bag}, "takes no sample_weight",
    ),
    "a fit of two for weights": ({"resample": resampling.bag, "fit": lambda e, x, y: None}, r"fit: got .*weight\)"),
    "sources as text": ({"sources": "init"}, r"sources: got 'init', expected a tuple of names"),
    "data as a source of make": ({"sources": ("data",)}, "sources: got .*expected others than 'data'"),
    "a source that the design lacks": ({"sources": ("order",)}, r"design: got sources \['data', 'init'\], expected \['order'\]"),
    "no name": ({"name": ""}, "name: got ''"),
    "a package that is not there": ({"packages": ("no-such",)}, "packages: got 'no-such', which is not installed"),
    "packages as text": ({"packages": "scikit-learn"}, r"pass \('scikit-learn',\)"),
    "workers": ({"workers": 0}, "workers: got 0"),
    "predict of one": ({"predict": lambda fitted: 0}, r"predict: got .*\(fitted, x_test, classes\)"),
    "report": ({"report": 3}, "report: got 3"),
    "too few predictions": ({"predict": lambda f, x, c: np.zeros(3)}, r"predict: got predictions of shape \(3,\) at 442"),
    "labels as numbers": (
        {"make": lambda seed: KNeighborsClassifier(), "y": ["a", "b"] * 221}, "predict: got labels such as '[ab]' .*probabilities",
    ),
    "text as probabilities": ({"predict": lambda f, x, c: np.array(["a"] * 442)}, "trial's result: got text"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_are_refused_with_a_remedy(slip, unchecked):
    change, message = SLIPS[slip]
    arguments = {
        "make": lambda seed: Recorder(seed),
        "x": X,
        "y": Y,
        "x_test": X,
        "name": "test",
        "workers": 1,
    } | change
    with pytest.raises(ValueError, match=message):
        run(estimators.trial(**arguments))


def test_predictions_of_varying_shape_name_the_run():
    def predict(fitted, x_test, classes):
        return np.zeros((3, 1 + int(fitted.y.mean() > Y.mean())))

    with pytest.raises(ValueError, match=r"trial: got .* from run \d, expected what others return"):
        run(trial(Recorder, X, Y, X[:3], sources=(), predict=predict), designs.crossed(data=8))


def test_a_design_without_data_says_what_to_add():
    with pytest.raises(ValueError, match=r"design: got sources \['init'\], expected 'data' besides"):
        run(trial(lambda seed: Recorder(seed), X, Y, X[:2]), designs.crossed(init=4))


def test_a_source_that_no_part_reads_is_warned_about():
    with pytest.warns(UserWarning, match=r"never reads the seeds of \['init'\]"):
        run(trial(Recorder, X, Y, X[:2], sources=()))


def test_scores_refuse_a_draw_without_a_class():
    x, y = np.arange(12.0)[:, None], np.array(["a"] * 6 + ["b"] + ["c"] * 5)
    made = trial(lambda: LogisticRegression(), x, y, x, sources=(), predict=estimators.scores)
    with pytest.raises(ValueError, match=r"decision_function: got .*'b'; pass predict=estimators.probabilities"):
        run(made, designs.crossed(data=20))


@pytest.mark.parametrize(
    ("labels", "message"), [(["x"], "labels: got x, expected labels"), ([["a"]], "one label for each")]
)
def test_labels_outside_of_the_classes_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        estimators.one_hot(labels, ["a", "b"])


# What it is for.


@pytest.mark.slow
def test_a_forest_has_the_variances_of_a_double_loop_of_other_draws():
    check_forest(num_data=32, num_init=8, num_trees=50)


@pytest.mark.thorough
def test_a_small_forest_has_the_variances_of_a_double_loop_of_other_draws():
    check_forest(num_data=16, num_init=4, num_trees=5)


def check_forest(num_data, num_init, num_trees):
    """Against scikit-learn alone, in two loops with NumPy's draws and the mean squares of a two-way layout."""
    x, y, x_test, y_test = X[:300], Y[:300], X[300:], Y[300:]
    made = estimators.trial(
        lambda seed: RandomForestRegressor(num_trees, random_state=seed), x, y, x_test, name="forest", workers=None
    )
    design = designs.crossed(data=num_data, init=num_init)
    result = decompose(made, design, KEY, target=Target(labels=y_test), engine=QUIET)
    table = np.empty((num_data, num_init, len(x_test)))
    for i in range(num_data):
        rows = np.random.default_rng(1000 + i).integers(300, size=300)
        for j in range(num_init):
            table[i, j] = RandomForestRegressor(num_trees, random_state=500 + j).fit(x[rows], y[rows]).predict(x_test)
    squares = mean_squares(table)
    replicates = [[mean_squares(np.delete(table, k, axis)) for k in range(table.shape[axis])] for axis in (0, 1)]
    for term, value in squares.items():
        variance = sum(
            (len(each) - 1) * np.var([one[term] for one in each]) for each in replicates
        )  # a jackknife over rows and one over columns
        error = np.hypot(result.standard_errors[term], np.sqrt(variance))
        print(
            f"{term}: {float(result.estimates[term]):.5g} and {value:.5g}, standard error of the difference {error:.2g}"
        )
        assert abs(result.estimates[term] - value) < 4 * error, term


def mean_squares(table):
    """Variance by source of a two-way layout without repetition."""
    rows, columns, _ = table.shape
    of_rows = columns * table.mean(1).var(0, ddof=1)
    of_columns = rows * table.mean(0).var(0, ddof=1)
    rest = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean((0, 1))
    both = (rest**2).sum((0, 1)) / (rows - 1) / (columns - 1)
    return {
        ("data",): ((of_rows - both) / columns).mean(),
        ("init",): ((of_columns - both) / rows).mean(),
        ("data", "init"): both.mean(),
    }
