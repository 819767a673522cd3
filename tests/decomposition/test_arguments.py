"""Arguments of the wrong kind are refused by name, and what is easily taken for something else is told."""

import warnings

import numpy as np
import pytest
import xarray

from jaxdl import decomposition, designs
from jaxdl.decomposition import (
    Target,
    bregman,
    compare,
    cross_entropy,
    ensemble_forecast,
    kohavi_wolpert,
    log_probabilities,
    potentials,
    squared_error,
    zero_one,
)
from jaxdl.decomposition.class_labels import LARGEST_CLASS

RNG = np.random.default_rng(0)
RUNS = RNG.normal(size=(20, 6, 3))
ESTIMATE = decomposition.noise.rice(np.arange(9.0)[:, None], RNG.normal(size=(9, 1)))
GRID = RUNS.reshape(5, 4, 6, 3)
WARM = 280 + RNG.normal(size=4)
ONE_HOT = np.eye(3)[[0, 2, 1, 1, 0, 2]]


def call(predictions=GRID, **options):
    return squared_error(predictions, **{"factors": ("data", "init"), "dims": ("points", "out")} | options)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"dims": ("points",)}, r"^predictions: .*dims=\('points', 'out'\) or \('times', 'points'\) would fit"),
        ({"dims": "points"}, r"^dims: got dims='points'.*for example"),
        ({"dims": {"points", "out"}}, "^dims: "),
        ({"dims": None}, "^dims: "),
        ({"dims": ("points", "outputs")}, "^dims: "),
        ({"predictions": RUNS}, r"^predictions: .*reshape\(data, init, 6, 3\).*for example reshape\(5, 4, 6, 3\)"),
        (
            {"predictions": RUNS, "factors": (), "design": designs.crossed(data=4, init=5)},
            r"^predictions: .*predictions.reshape\(4, 5, 6, 3\)",
        ),
        ({"factors": "data"}, r"^factors: got 'data'.*factors=\('data',\)"),
        ({"factors": ("data", "data")}, "^factors: .*all different"),
        ({"factors": (1, 2)}, "^factors: "),
        ({"factors": {"data": 5, "init": 4}}, "^factors: "),
        ({"factors": 2}, "^factors: "),
        ({"factors": ()}, "^factors: .*one of the two"),
        ({"factors": (), "design": {"data": 5, "init": 4}}, r"^design: .*designs.crossed\(data=5, init=4\)"),
        ({"factors": (), "design": "crossed"}, "^design: got 'crossed'"),
        ({"factors": (), "design": designs.crossed(data=4, init=5)}, "^predictions: .*leading axes that agree"),
        ({"nested": "no"}, "^nested: got 'no', expected True or False"),
        ({"random_points": 1}, "^random_points: got 1, expected True or False"),
        ({"training_size": True}, "^training_size: got True"),
        ({"training_size": 0}, "^training_size: got 0"),
        ({"times": ["a"]}, "^times: got text"),
        ({"times": (1, 2)}, "^times: got 2 times"),
        ({"times": 3}, "^times: got shape"),
        ({"times": (1, 2, 3, 4, 5, 5), "dims": ("times", "points")}, "^times: got .*expected numbers that differ"),
        ({"target": np.zeros((6, 3))}, "^target: got a target of type ndarray"),
        ({"target": {"mean": 0}}, "^target: got a target of type dict"),
        ({"target": Target("labels")}, "^mean: got text"),
        ({"target": Target(np.zeros((6, 3)), ONE_HOT)}, "^target: .*exactly one"),
        ({"target": Target(mean=np.zeros((6, 3), bool))}, "^mean: got booleans"),
        ({"target": Target(mean=np.zeros((6, 3)), noise=True)}, "^noise: "),
        ({"target": Target(mean=np.zeros((6, 3)), noise="0.1")}, "^noise: got text"),
        ({"target": Target(mean=np.zeros((6, 3)), noise=-0.1)}, "^noise: .*not negative"),
        ({"target": Target(counts=np.ones((6, 3)))}, "^target: .*use cross_entropy"),
        (
            {"target": Target(mean=ONE_HOT)},
            r"^mean: got one-hot rows.*Target\(labels=...\).*Target\(mean=..., noise=0.0\)",
        ),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused_by_name(arguments, told, unchecked):
    with pytest.raises(ValueError, match=told):
        call(**arguments)


def named(array, *dims):
    return xarray.DataArray(array, dims=dims)


@pytest.mark.parametrize(
    ("predictions", "options", "told"),
    [
        (named(GRID, "init", "data", "points", "out"), {}, r"^predictions: .*transpose\('data', 'init', 'points', 'out'\)"),
        (named(GRID, "points", "seed", "data", "out"), {}, r"^predictions: .*transpose\('data', 'seed', 'points', 'out'\)"),
        (named(GRID, "init", "data", "x", "y"), {"factors": (), "design": designs.nested(data=5, init=4)}, "transpose"),
        (GRID, {"target": Target(labels=named(np.zeros((6, 3)), "out", "points"))}, r"^labels: .*transpose\('points', 'out'\)"),
        (GRID, {"target": Target(replicates=named(np.zeros((6, 6, 3)), "points", "r", "out"))}, "^replicates: .*transpose"),
    ],
)  # fmt: skip
def test_names_of_axes_that_contradict_their_places_are_refused(predictions, options, told, unchecked):
    with pytest.raises(ValueError, match=told):
        call(predictions, **options)


def test_names_of_axes_at_their_places_and_names_of_ones_own_are_taken(unchecked):
    for dims in (("data", "init", "points", "out"), ("a", "b", "c", "d"), ("seed", "init", "points", "class")):
        target = Target(labels=named(np.zeros((6, 3)), *dims[2:]))
        assert call(named(GRID, *dims), target=target).risk == call(target=Target(labels=np.zeros((6, 3)))).risk


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"first": "a"}, "^first: got 'a'"),
        ({"second": None}, "^second: got None"),
        ({"over": "order"}, "^over: "),
        ({"sizes": (True,)}, "^sizes: got True"),
        ({"sizes": 3}, "^sizes: got 3"),
        ({"result": 3}, "^result: got 3"),
        ({"potential": "softmax"}, "^potential: got 'softmax'"),
    ],
)
def test_what_is_no_result_is_refused_by_name(arguments, told, unchecked):
    result = call()
    if {"first", "second"} & set(arguments):
        use, ordinary = compare, {"first": result, "second": result}
    elif "potential" in arguments:
        use, ordinary = bregman, {}
    else:
        use, ordinary = ensemble_forecast, {"result": result, "over": "init", "sizes": (1, 2)}
    with pytest.raises(ValueError, match=told):
        use(**ordinary | arguments)


@pytest.mark.parametrize("position", [True, 0.0, "0"])
def test_a_position_is_a_whole_number(position, unchecked):
    result = squared_error(GRID, factors=("data", "init"), dims=("times", "points"))
    with pytest.raises(ValueError, match=r"^time: got .*expected a position"):
        result.at(time=position)


def test_one_hot_rows_are_a_mean_where_no_label_is_noisy():
    known = call(target=Target(mean=ONE_HOT, noise=0.0))
    assert known.noise == 0
    assert known.bias_squared == call(target=Target(labels=ONE_HOT)).bias_squared_plus_noise


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (squared_error, Target(mean=np.array([0, 1, 1, 0.0]))),
        (bregman(potentials.bernoulli), Target(mean=np.array([0, 1, 1, 0.0]))),
        (kohavi_wolpert, Target(probabilities=ONE_HOT[:4])),
        (squared_error, Target(replicates=np.tile(RNG.normal(size=4), (3, 1)))),
        (squared_error, Target(replicates=RNG.normal(size=(2, 4))[[0, 1, 1]])),
        (squared_error, Target(replicates=np.tile(280 + RNG.normal(size=4), (3, 1)) + 1e-12 * RNG.normal(size=(3, 4)))),
        (squared_error, Target(replicates=np.tile(np.eye(4)[0], (3, 1)) + 1e-12 * RNG.normal(size=(3, 4)))),
        (bregman(potentials.gaussian), Target(replicates=np.stack([WARM, WARM.astype(np.float32)]))),
        (zero_one, Target(replicates=np.tile([0, 1, 1, 0], (2, 1)))),
    ],
)
def test_what_may_be_labels_or_copies_of_them_is_told(loss, target):
    predictions = RNG.normal(size=(6, 4)) if loss not in (kohavi_wolpert, zero_one) else RNG.integers(2, size=(6, 4))
    with pytest.warns(UserWarning, match="labels"):
        loss(predictions, factors=("data",), target=target)


@pytest.mark.parametrize("offset", [0.0, 280.0, 1e4])
def test_measurements_that_are_close_are_no_copies(offset):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in (np.float32, np.float64):
            replicates = (offset + np.random.default_rng(1).normal(size=(100, 4))).astype(dtype)
            squared_error(RNG.normal(size=(6, 4)), factors=("data",), target=Target(replicates=replicates))


@pytest.mark.parametrize("found", [ESTIMATE, decomposition.bracket(ESTIMATE)], ids=["an estimate", "a bracket"])
def test_an_estimate_of_the_noise_is_refused_with_its_number(found, unchecked):
    with pytest.raises(ValueError, match=r"^noise: got a Noise.*noise=found\.(high\.)?estimate"):
        call(target=Target(labels=np.zeros((6, 3)), noise=found))


def test_points_held_fixed_hold_no_random_labels_and_say_so():
    labels = Target(labels=RNG.normal(size=(6, 3)))
    with pytest.warns(UserWarning, match="random_points: got False"):
        told = call(target=labels, random_points=False)
    silent = call(target=labels)
    assert told.populations == silent.populations
    assert told.standard_errors == silent.standard_errors
    assert told.populations["risk"] == "test points and labels drawn anew"
    assert (
        call(target=Target(mean=np.zeros((6, 3))), random_points=False).populations["excess_risk"]
        == "these test points"
    )


PROBABILITIES = RNG.dirichlet(np.ones(3), size=(20, 6))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_handed_over_as_logits_are_told(dtype):
    handed = PROBABILITIES.astype(dtype)
    for use in (
        lambda: cross_entropy(handed, factors=("data",), dims=("points", "out")),
        lambda: bregman(potentials.bernoulli)(handed[..., 0], factors=("data",)),
    ):
        with pytest.warns(UserWarning, match="look like probabilities, where the .* loss takes"):
            use()
    with pytest.warns(UserWarning, match=r"sum to 100, .*log_probabilities\(probabilities / 100\)"):
        cross_entropy(100 * handed, factors=("data",), dims=("points", "out"))


def test_logits_are_told_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for logits in (np.log(PROBABILITIES), np.zeros((20, 6, 3)), RUNS, abs(RUNS)):
            cross_entropy(logits, factors=("data",), dims=("points", "out"))


def test_the_logarithms_of_probabilities_are_logits_of_these_probabilities():
    labels = np.array([0, 1, 2, 0, 1, 2])
    logits = log_probabilities(PROBABILITIES)
    result = cross_entropy(logits, factors=("data",), target=Target(labels=labels), dims=("points", "out"))
    truth = -np.log(PROBABILITIES[:, np.arange(6), labels]).mean()
    np.testing.assert_allclose(result.risk, truth, rtol=1e-12)


def test_a_probability_of_zero_needs_a_smallest_one(unchecked):
    certain = np.eye(3)[[0, 1]]
    with pytest.raises(ValueError, match=r"^probabilities: got 4 zeros.*smallest=1e-3.*smooth"):
        log_probabilities(certain)
    with pytest.raises(ValueError, match=r"^smallest: got 0.0, expected"):
        log_probabilities(certain, smallest=0.0)
    for wrong in ("1e-3", np.array([0.1, 0.1]), [0.1], True, np.nan, 1j):
        with pytest.raises(ValueError, match=r"^smallest: got .*expected"):
            log_probabilities(certain, smallest=wrong)
    with pytest.raises(ValueError, match=r"^probabilities: .*sum to one"):
        log_probabilities(RUNS)
    assert log_probabilities(certain, smallest=0.01)[0, 1] == np.log(0.01)
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match="clip or smooth the probabilities"):
        cross_entropy(np.log(certain)[:, None], factors=("data",), dims=("points", "out"))


@pytest.mark.parametrize("largest", [LARGEST_CLASS, 10**9, 2.0**70, 1e300])
@pytest.mark.parametrize("field", ["labels", "replicates"])
def test_a_class_that_would_need_more_columns_than_memory_is_refused(largest, field):
    numbers = np.array([0, 1, largest])
    target = Target(**{field: numbers if field == "labels" else np.stack([numbers, numbers[::-1]])})
    with pytest.raises(ValueError, match=rf"^{field}: .*expected classes below {LARGEST_CLASS}.*np.unique"):
        kohavi_wolpert(np.zeros((4, 3), int), factors=("data",), target=target)
    with pytest.raises(ValueError, match=r"^predictions: .*np.unique|^predictions: got predictions of class"):
        zero_one(np.tile(numbers, (4, 1)), factors=("data",), target=Target(labels=np.array([0, 1, 1])))
    with pytest.raises(ValueError, match=f"^{field}: "):
        cross_entropy(RUNS[:, :3], factors=("data",), target=target, dims=("points", "out"))


def test_the_limit_of_a_table_of_classes_counts_its_points():
    labels = np.zeros(100, int)
    labels[0] = LARGEST_CLASS - 1
    with pytest.raises(ValueError, match=r"^labels: .*512 MiB"):
        kohavi_wolpert(np.zeros((4, 100), int), factors=("data",), target=Target(labels=labels))
