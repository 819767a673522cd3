"""Whatever is handed to any entry of the decomposition is read as it stands, or refused by the argument's name: never falsified."""

import inspect
import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from jaxdl import decomposition
from jaxdl.decomposition import (
    Potential,
    Target,
    bregman,
    calibration_error,
    cross_entropy,
    disagreement,
    infinitesimal_jackknife,
    kohavi_wolpert,
    log_probabilities,
    metric,
    noise,
    out_of_bag,
    plug_in,
    potentials,
    squared_error,
    zero_one,
)

RNG = np.random.default_rng(0)
RUNS, POINTS, CLASSES = 6, 4, 3
VALUES = RNG.normal(size=(RUNS, POINTS))
SCORES = RNG.normal(size=(RUNS, POINTS, CLASSES))
NUMBERS = RNG.integers(CLASSES, size=(RUNS, POINTS))
LABELS = np.array([0, 2, 1, 1])
PI = RNG.dirichlet(np.ones(CLASSES), size=POINTS)
X, Y = np.repeat(np.arange(5.0), 2)[:, None], RNG.normal(size=(10, 1))
LEFT_OUT = RNG.random((60, POINTS)) < 0.5
COUNTS = np.array([[2, 0, 1], [1, 1, 1], [0, 3, 0], [1, 0, 2]])


class Entry(NamedTuple):
    """A public function, an ordinary call of it, and how it is called."""

    arguments: dict
    call: object


def of_loss(loss, **options):
    """The loss with the fields of a target as arguments of its own."""

    def call(predictions, **known):
        return loss(predictions, factors=("data",), target=Target(**known) if known else None, **options).estimates

    return call


CLASSES_OUT = {"dims": ("points", "out")}
ENTRIES = {
    "squared_error, mean": Entry({"predictions": VALUES, "mean": VALUES[0], "noise": 0.1}, of_loss(squared_error)),
    "squared_error, labels": Entry({"predictions": VALUES, "labels": VALUES[0], "noise": np.full(4, 0.1)}, of_loss(squared_error)),
    "squared_error, replicates": Entry({"predictions": VALUES, "replicates": VALUES[:3]}, of_loss(squared_error)),
    "squared_error, probabilities": Entry({"predictions": SCORES, "probabilities": PI}, of_loss(squared_error, **CLASSES_OUT)),
    "cross_entropy, labels": Entry({"predictions": SCORES, "labels": LABELS, "noise": 0.1}, of_loss(cross_entropy, **CLASSES_OUT)),
    "cross_entropy, counts": Entry(
        {"predictions": SCORES, "counts": np.array([[2, 1, 0]] * 4)}, of_loss(cross_entropy, **CLASSES_OUT)
    ),
    "cross_entropy, replicates": Entry(
        {"predictions": SCORES, "replicates": np.stack([LABELS, LABELS[::-1]])}, of_loss(cross_entropy, **CLASSES_OUT)
    ),
    "kohavi_wolpert, labels": Entry({"predictions": NUMBERS, "labels": LABELS}, of_loss(kohavi_wolpert)),
    "kohavi_wolpert, probabilities": Entry({"predictions": NUMBERS, "probabilities": PI}, of_loss(kohavi_wolpert)),
    "zero_one, labels": Entry({"predictions": NUMBERS, "labels": LABELS}, of_loss(zero_one)),
    "zero_one, scores": Entry({"predictions": SCORES, "probabilities": PI}, of_loss(zero_one, **CLASSES_OUT)),
    "bregman, mean": Entry(
        {"predictions": VALUES, "mean": np.full(4, 0.4), "noise": 0.2}, of_loss(bregman(potentials.bernoulli))
    ),
    "bregman, labels": Entry({"predictions": VALUES, "labels": LABELS}, of_loss(bregman(potentials.poisson))),
    "bregman, replicates": Entry({"predictions": VALUES, "replicates": VALUES[:3]}, of_loss(bregman(potentials.gaussian))),
    "metric, numbers": Entry({"values": VALUES[:, 0]}, lambda values: metric(values, factors=("data",)).estimates),
    "metric, points": Entry(
        {"values": VALUES}, lambda values: metric(values, factors=("data",), dims=("points",)).estimates
    ),
    "calibration_error": Entry(
        {"probabilities": PI, "labels": LABELS},
        lambda probabilities, labels: calibration_error(probabilities, labels)._asdict(),
    ),
    "disagreement": Entry(
        {"predictions": NUMBERS, "labels": LABELS},
        lambda predictions, labels: {"all": disagreement(predictions, labels, factors=("data",)).gap.estimate},
    ),
    "log_probabilities": Entry({"probabilities": PI}, lambda probabilities: {"logs": log_probabilities(probabilities)}),
    "infinitesimal_jackknife": Entry(
        {"counts": COUNTS, "predictions": VALUES[:4]},
        lambda counts, predictions: infinitesimal_jackknife(counts, predictions)._asdict(),
    ),
    "out_of_bag": Entry(
        {"predictions": RNG.normal(size=(60, 4, 1)), "left_out": LEFT_OUT, "labels": VALUES[0][:, None]},
        lambda predictions, left_out, labels: out_of_bag(predictions, left_out, labels).estimates,
    ),
    "plug_in.plug_in_squared_error": Entry(
        {"predictions": VALUES, "labels": VALUES[0]},
        lambda predictions, labels: plug_in.plug_in_squared_error(predictions, labels)._asdict(),
    ),
    "plug_in.plug_in_zero_one": Entry(
        {"predictions": NUMBERS, "labels": LABELS},
        lambda predictions, labels: plug_in.plug_in_zero_one(predictions, labels)._asdict(),
    ),
    "noise.residual": Entry(
        {"y": Y, "fitted": Y / 2}, lambda y, fitted: {"all": noise.residual(y, fitted, 1)[:2]}
    ),
    **{
        f"noise.{estimator.__name__}": Entry({"x": X, "y": Y}, lambda x, y, estimator=estimator: {"all": estimator(x, y)[:2]})
        for estimator in (
            noise.rice, noise.gasser_sroka_jennen_steinmetz, noise.hall_kay_titterington, noise.nearest_neighbor, noise.replicates
        )
    },
}  # fmt: skip
WITHOUT_ARRAYS = {  # what takes results, estimates, counts or paths; tested where they are
    "compare", "grow", "plan", "derive", "ensemble_forecast", "bracket", "bias_squared_interval", "load",
    "plug_in.bootstrap_indices",
}  # fmt: skip


def public_functions():
    """The names of all that can be called, classes of results aside."""
    for name in decomposition.__all__:
        value = getattr(decomposition, name)
        if inspect.ismodule(value):
            for inner, function in vars(value).items():
                if inspect.isfunction(function) and function.__module__ == value.__name__ and inner[0] != "_":
                    yield f"{name}.{inner}"
        elif not inspect.isclass(value):
            yield name


def test_every_public_entry_is_walked():
    walked = {name.partition(",")[0] for name in ENTRIES}
    assert walked | WITHOUT_ARRAYS == set(public_functions())


def masked(array):
    mask = np.zeros(array.shape, bool)
    mask.flat[0] = True
    return np.ma.array(array, mask=mask)


def with_nan(array):
    spoiled = np.array(array, float)
    spoiled[...] = np.nan
    return spoiled


def frame(array):
    return (
        pd.DataFrame(array, index=range(5, 5 + len(array)))
        if array.ndim == 2
        else pd.Series(array, index=range(5, 5 + len(array)))
    )


REFUSED = {
    "masked": masked,
    "complex": lambda array: array * (1 + 1j),
    "dates": lambda array: np.datetime64("2020-01-01") + np.zeros(array.shape, "m8[D]"),
    "durations": lambda array: np.zeros(array.shape, "m8[s]"),
    "text": lambda array: array.astype(str),
    "None": lambda array: np.full(array.shape, None),
    "sparse": lambda array: scipy.sparse.csr_array(np.atleast_2d(array.reshape(len(array), -1))),
    "NaN": with_nan,
    "a mapping": lambda array: {"values": array},
    "random keys": lambda array: jax.random.split(jax.random.key(0), array.shape),
    "too many axes": lambda array: array[None, :, None],
    "one row too many": lambda array: np.concatenate([array, array[-1:] + (array.dtype != bool)]),
    "nothing": lambda array: array[:0],
    "huge": lambda array: np.full(array.shape, 1e200),
}
SAME = {
    "a list": lambda array: array.tolist(),
    "a frame": frame,
    "objects": lambda array: array.astype(object),
    "jax": jnp.asarray,
    "no mask": lambda array: np.ma.array(array, mask=False),
    "the other order": np.asfortranarray,
    "read only": lambda array: (copy := array.copy(), copy.setflags(write=False))[0],
}
ARGUMENTS = [(name, argument) for name, entry in ENTRIES.items() for argument in entry.arguments]


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_what_would_be_falsified_is_refused_by_the_name_of_the_argument(name, argument, unchecked):
    entry = ENTRIES[name]
    value = np.asarray(entry.arguments[argument])
    for kind, spoil in REFUSED.items():
        if value.ndim == 0 and kind in (
            "masked",
            "sparse",
            "too many axes",
            "one row too many",
            "nothing",
            "random keys",
        ):
            continue
        if (argument == "left_out" or argument == "noise") and kind == "huge":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = entry.call(**entry.arguments | {argument: spoil(value)})
            except ValueError as error:
                told = str(error)
                assert told.partition(":")[0] in entry.arguments, (kind, told)
                assert "expected" in told, (kind, told)
                continue
        # More runs, rows or points of one kind are no error where nothing must agree with them; larger scores predict classes too.
        of_any_size = ("zero_one, scores", "plug_in.plug_in_zero_one")
        is_fine = kind in ("one row too many", "too many axes") or (kind == "huge" and name in of_any_size)
        assert is_fine, (kind, found)
        assert all(np.isfinite(value).all() for value in found.values()), (kind, found)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_what_holds_the_same_numbers_gives_the_same_result(name, argument, unchecked):
    entry = ENTRIES[name]
    value, expected = np.asarray(entry.arguments[argument]), entry.call(**entry.arguments)
    for kind, wrap in SAME.items():
        if kind == "a frame" and value.ndim not in (1, 2):
            continue
        if (kind == "objects" and argument == "left_out") or (kind == "the other order" and value.ndim == 0):
            continue
        found = entry.call(**entry.arguments | {argument: wrap(value)})
        for term in expected:
            np.testing.assert_array_equal(found[term], expected[term], err_msg=kind)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, jnp.bfloat16, np.int8, np.uint8, np.int64, np.longdouble])
@pytest.mark.parametrize("loss", [squared_error, cross_entropy, kohavi_wolpert, zero_one], ids=lambda each: each.name)
def test_narrow_and_wide_predictions_are_the_doubles_that_equal_them(loss, dtype):
    predictions = RNG.integers(0, 100, size=(RUNS, POINTS, CLASSES)).astype(dtype)
    same = predictions.astype(np.float64)
    for target in (None, Target(labels=np.eye(CLASSES)[LABELS])):
        ours, expected = (
            loss(each, factors=("data",), target=target, **CLASSES_OUT).estimates for each in (predictions, same)
        )
        for term in expected:
            np.testing.assert_array_equal(ours[term], expected[term])


def test_whole_numbers_whose_differences_doubles_lose_are_refused():
    with pytest.raises(
        ValueError, match=r"^predictions: .* differ by at most 5.*offset first$"
    ):  # no wider floats to ask for
        squared_error(2**60 + np.arange(6)[:, None], factors=("data",))


@pytest.mark.parametrize("size", [1e-200, 1e-120, 1e-90, 1e-50, 1e60, 1e90, 1e150, 1e300])
def test_numbers_too_large_or_small_for_standard_errors_are_refused_and_others_scale(size):
    unit = squared_error(VALUES, factors=("data",), target=Target(mean=np.zeros(POINTS)))

    def scaled():
        return squared_error(size * VALUES, factors=("data",), target=Target(mean=np.zeros(POINTS)))

    if not 1e-70 < size < 1e70:
        with pytest.raises(ValueError, match=r"^predictions: got .*rescale predictions and target"):
            scaled()
        return
    for term, value in unit.estimates.items():
        np.testing.assert_allclose(scaled().estimates[term], value * size**2, rtol=1e-12)
        np.testing.assert_allclose(scaled().standard_errors[term], unit.standard_errors[term] * size**2, rtol=1e-12)
        np.testing.assert_allclose(scaled().degrees_of_freedom[term], unit.degrees_of_freedom[term], rtol=1e-12)


@pytest.mark.parametrize(
    "potential", [potentials.softmax, potentials.bernoulli, potentials.poisson, potentials.gaussian]
)
def test_parameters_at_which_a_loss_overflows_are_refused(potential):
    eta = 1e200 * SCORES
    with pytest.raises(ValueError, match=r"^predictions: got .*expected"):
        bregman(potential)(eta, factors=("data",), **CLASSES_OUT)


def test_a_potential_of_ones_own_that_overflows_is_refused():
    steep = Potential(
        "steep",
        lambda eta: np.exp(eta).sum(axis=-1),
        lambda y: y.sum(axis=-1),
    )
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(ValueError, match="no longer finite"):
        bregman(steep)(np.full((RUNS, POINTS), 800.0), factors=("data",))
