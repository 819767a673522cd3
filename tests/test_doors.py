"""Every public argument of data, statistics, learning curves and triangulate: right, or refused by its name.

The table must name each parameter of each public function, so that a new one cannot be forgotten.
"""

import functools
import inspect
import types
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import jaxdl
from jaxdl import ensembles, learning_curves, statistics
from jaxdl.data import arrays, orders, preprocessing, problems, real, resampling, tables
from jaxdl.statistics import verdicts
from jaxdl.types import Dataset

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X, Y, WEIGHT = RNG.normal(size=(8, 2)), RNG.normal(size=(8, 1)), np.arange(1.0, 9.0)
SAMPLES, PAIR = RNG.normal(size=(6, 4)), RNG.normal(size=6)
SIZES = np.array([10.0, 20.0, 40.0, 80.0])
CURVE = learning_curves.fit(SIZES, 1 + 5 / SIZES, np.full(4, 0.01))
DATA = Dataset(jnp.asarray(X), jnp.asarray(Y), jnp.asarray(WEIGHT))


class Numbers(NamedTuple):
    """An array; `is_moved` where entries are handed on as they are, so that a nan is no lie."""

    value: Any
    is_moved: bool = False


class Whole(NamedTuple):
    """A count."""

    value: int


class Scalar(NamedTuple):
    """One number."""

    value: float


class OneKey(NamedTuple):
    """A random key."""

    value: Any


class Examples(NamedTuple):
    """A data set; `is_moved` as with `Numbers`."""

    value: Dataset
    is_moved: bool = False


class Kind(NamedTuple):
    """Something else, and what it is not."""

    value: Any
    wrong: tuple[Any, ...] = ()


def drawn(law):
    return law.sample({"data": KEY})


def at_points(problem):
    return problem.sample({"data": KEY}, 3), problem.mean(problem.test_points(3))


def statistic(*samples):
    return sum(np.mean(sample) for sample in samples)


def mean(keys, dataset):
    return {"mean": jnp.average(dataset.y, axis=0, weights=dataset.weight)}


LINEAR = problems.gaussian_linear(jnp.array([1.0, -0.5]), 0.1)
NOT_A_FUNCTION = (None, "ridge", {})
LEVEL = {"level": Scalar(0.9)}
CURVES = LEVEL | {"num_resamples": Whole(20), "seed": Whole(1)}
ORDER = {"key": OneKey(KEY), "num_examples": Whole(12), "batch_size": Whole(4), "num_steps": Whole(3)}
# function -> its parameters, each with a value that is right. Stars stand for what `*args` takes.
ENTRIES = {
    arrays.from_arrays: {"x": Numbers(X), "y": Numbers(Y), "weight": Numbers(WEIGHT), "num_classes": Kind(None, (True, 2.5))},
    preprocessing.standardized: {"train": Examples(DATA), "others": Examples(DATA)},
    preprocessing.standardized_targets: {"train": Examples(DATA), "others": Examples(DATA)},
    resampling.fresh: {"problem": Kind(LINEAR, NOT_A_FUNCTION), "num_examples": Whole(4)},
    resampling.bootstrap: {"dataset": Examples(DATA, True), "as_weights": Kind(False, ("no", 1))},
    resampling.bag: {"dataset": Examples(DATA, True)},
    resampling.left_out: {"dataset": Examples(DATA, True), "draw": Examples(DATA, True)},
    resampling.subsample: {"dataset": Examples(DATA, True), "num_examples": Whole(5)},
    resampling.half_sample: {"dataset": Examples(DATA, True)},
    resampling.disjoint_split: {"key": OneKey(KEY), "dataset": Examples(DATA, True), "num_parts": Whole(3)},
    problems.regression: {
        "inputs": Kind(LINEAR.inputs, NOT_A_FUNCTION),
        "mean": Kind(LINEAR.mean, NOT_A_FUNCTION),
        "test_points": Kind(LINEAR.test_points, NOT_A_FUNCTION),
        "noise_std": Scalar(0.3),
    },
    problems.noisy_sine: {"noise_std": Scalar(0.3)},
    problems.gaussian_linear: {"coefficients": Numbers(np.array([1.0, -0.5])), "noise_std": Scalar(0.3)},
    problems.teacher_network: {
        "key": OneKey(KEY), "num_features": Whole(2), "width": Whole(3), "num_outputs": Whole(1), "noise_std": Scalar(0.3),
    },
    problems.two_moons: {"spread": Scalar(0.2), "num_centers": Whole(4)},
    orders.with_replacement: ORDER,
    orders.reshuffled_each_epoch: ORDER,
    orders.shuffled_once: ORDER,
    orders.online: ORDER,
    statistics.t_interval: {
        "estimate": Numbers(PAIR), "standard_error": Numbers(PAIR**2), "degrees_of_freedom": Numbers(np.full(6, 5.0)), **LEVEL,
    },
    statistics.mean_interval: {"samples": Numbers(SAMPLES), **LEVEL},
    statistics.bootstrap_interval: {
        "samples": Numbers(SAMPLES), "statistic": Kind(statistic, NOT_A_FUNCTION), "num_resamples": Whole(20), "seed": Whole(1),
        **LEVEL,
    },
    statistics.slope: {"x": Numbers(SIZES), "values": Numbers(SAMPLES)},
    statistics.log_slope: {"x": Numbers(SIZES), "values": Numbers(SAMPLES)},
    statistics.slope_interval: {
        "x": Numbers(SIZES), "samples": Numbers(SAMPLES), "transform": Kind(np.asarray, NOT_A_FUNCTION), **CURVES,
    },
    statistics.wilson_interval: {"successes": Numbers(np.array([1.0, 3.0])), "trials": Numbers(np.array([4.0, 4.0])), **LEVEL},
    statistics.means: {"samples": Numbers(SAMPLES), **LEVEL},
    statistics.share: {"is_so": Kind(np.array([True, False, True]), (None, "ridge", [0.5, 1.0], [])), **LEVEL},
    statistics.stacked: {"parts": Kind([statistics.share([True, False])], (None, "ridge", [1.0], []))},
    statistics.two_way: {"values": Numbers(SAMPLES), **LEVEL},
    statistics.paired_t_test: {"larger": Numbers(PAIR), "smaller": Numbers(PAIR[::-1].copy())},
    statistics.equivalence_test: {"differences": Numbers(PAIR), "margin": Scalar(0.5)},
    statistics.sign_test: {"larger": Numbers(PAIR), "smaller": Numbers(PAIR[::-1].copy())},
    statistics.rank_correlation: {"x": Numbers(PAIR), "y": Numbers(PAIR**2)},
    statistics.trend_test: {"values": Numbers(SAMPLES)},
    statistics.holm: {"p_values": Numbers(PAIR**2 / 10)},
    learning_curves.fit: {
        "sizes": Numbers(SIZES), "risks": Numbers(1 + 5 / SIZES), "standard_errors": Numbers(np.full(4, 0.1)),
        "degrees_of_freedom": Scalar(5.0), "smallest_floor": Scalar(0.0),
    },
    learning_curves.risk_at: {"curve": Kind(CURVE, NOT_A_FUNCTION), "size": Scalar(100.0)},
    learning_curves.predictive_interval: {
        "curve": Kind(CURVE, NOT_A_FUNCTION), "size": Scalar(100.0), "standard_error": Scalar(0.1), **CURVES,
    },
    learning_curves.size_needed: {"curve": Kind(CURVE, NOT_A_FUNCTION), "risk": Scalar(1.1)},
    learning_curves.size_needed_interval: {"curve": Kind(CURVE, NOT_A_FUNCTION), "risk": Scalar(1.1), **CURVES},
    jaxdl.triangulate: {
        "learner": Kind(mean, NOT_A_FUNCTION),
        "predict": Kind(lambda variables, x: x @ jnp.zeros((2, 1)) + variables["mean"][None], NOT_A_FUNCTION),
        "dataset": Examples(DATA), "x_test": Numbers(X[:3]), "y_test": Numbers(Y[:3]), "key": OneKey(KEY),
        "num_runs": Whole(60), "num_parts": Whole(4), "held": Kind((), ("init", (1,))),
        "engine": Kind(ensembles.Engine(), (8,)),
    },
}  # fmt: skip
# Files of people and bundled sets have tests of their own, beside the functions.
ELSEWHERE = {tables.from_csv, real.from_npz, real.digits, real.diabetes, real.breast_cancer, real.wine}
# What an entry returns -> arrays that can be compared.
SHOWN = {
    **dict.fromkeys((resampling.fresh, resampling.bootstrap, resampling.bag), drawn),
    **dict.fromkeys((resampling.subsample, resampling.half_sample), drawn),
    resampling.disjoint_split: lambda split: split.parts,
    **dict.fromkeys((problems.regression, problems.noisy_sine, problems.gaussian_linear), at_points),
    **dict.fromkeys((problems.teacher_network, problems.two_moons), at_points),
}
MODULES = (real, resampling, problems, orders, statistics, learning_curves)


def public_functions():
    for module in MODULES:
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            own = hasattr(module, "__all__") or getattr(value, "__module__", "") == module.__name__
            if (
                isinstance(value, types.FunctionType)
                and own
                and not name.startswith("_")
                and value.__module__ != verdicts.__name__
            ):
                yield value
    yield jaxdl.triangulate


def test_every_parameter_of_every_public_function_has_a_case():
    functions = set(public_functions())
    assert functions - ELSEWHERE == set(ENTRIES)
    for function in functions - ELSEWHERE:
        assert {*inspect.signature(function).parameters} == {*ENTRIES[function]}, function.__name__


def call(function, **changes):
    """The result as arrays, with some arguments changed."""
    values = {name: given.value for name, given in ENTRIES[function].items()} | changes
    parameters = inspect.signature(function).parameters
    star = next((name for name, each in parameters.items() if each.kind is each.VAR_POSITIONAL), None)
    before = list(parameters)[: list(parameters).index(star)] if star else []
    positional = [values.pop(name) for name in (*before, star)] if star else []
    result = function(*positional, **values)
    return [np.asarray(leaf) for leaf in jax.tree.leaves(SHOWN.get(function, lambda shown: shown)(result))]


def with_first(array, entry, dtype=None):
    changed = np.array(array, dtype)
    changed[(0,) * changed.ndim] = entry
    return changed


FALSIFIED = {
    "a mask": lambda a: np.ma.array(a, mask=with_first(np.zeros(a.shape, bool), True)),
    "an imaginary part": lambda a: a + 1j,
    "complex numbers of JAX": lambda a: jnp.asarray(a) * 1j,
    "dates": lambda a: a.astype("M8[D]"),
    "durations": lambda a: a.astype("m8[s]"),
    "text": lambda a: a.astype(str),
    "numbers beside text": lambda a: with_first(a, "?", object),
    "a missing cell": lambda a: with_first(a, None, object),
    "pandas with a missing cell": lambda a: pd.DataFrame(np.atleast_2d(with_first(a, pd.NA, object))),
    "a sparse matrix": lambda a: scipy.sparse.csr_matrix(np.atleast_2d(a)),
    "a mapping": lambda a: {"values": a},
    "a generator": iter,
    "random keys": lambda a: jax.random.split(KEY, a.shape),
    "a function": lambda a: len,
}
KEPT = {
    "lists": np.ndarray.tolist,
    "pandas": lambda a: pd.Series(a, index=range(7, 7 + len(a))) if a.ndim == 1 else pd.DataFrame(a),
    "JAX": jnp.asarray,
    "objects": lambda a: a.astype(object),
    "a mask of nothing": lambda a: np.ma.array(a, mask=np.zeros(a.shape, bool)),
    "columns first": np.asfortranarray,
}
NO_COUNTS = [True, False, 2.5, 3.0, -1, "3", None, [3], np.nan, 3 + 0j, np.array([3]), np.bool_(True)]
NO_SCALARS = ["0.5", None, 0.5j, True, [0.5], np.nan, np.ma.masked, np.datetime64("2020-01-01"), {}]
NO_KEYS = [0, None, "key", 1.5, jax.random.split(KEY, 2), np.zeros(2), lambda: KEY]
NO_DATA_SETS = [None, (X, Y), pd.DataFrame(X), {"x": X, "y": Y}, X]

PARAMETERS = [(function, name) for function in ENTRIES for name in ENTRIES[function]]
ARRAYS = [each for each in PARAMETERS if isinstance(ENTRIES[each[0]][each[1]], Numbers | Examples)]
FIELDS = [
    (function, name, field)
    for function, name in ARRAYS
    for field in (Dataset._fields if isinstance(ENTRIES[function][name], Examples) else (None,))
]


def named(value):
    return getattr(value, "__name__", value)


def changed(function, name, field, change):
    """The right value of an argument with its array, or one field of its data set, or all, changed."""
    given = ENTRIES[function][name].value
    if not isinstance(given, Dataset):
        return change(given)
    fields = given._fields if field is None else (field,)
    return given._replace(**{each: change(np.asarray(getattr(given, each))) for each in fields})


def names_in_errors(name):
    """How an error may begin: by the argument, or what stands for it."""
    return (name, "x: got", "y: got") if name in ("train", "others") else (name,)


def is_refused_by_name(function, name, value):
    try:
        call(function, **{name: value})
    except ValueError as error:
        told = str(error)
    else:
        return False
    assert told.startswith(names_in_errors(name))
    assert ": got " in told
    return True


@functools.cache
def expected_of(function):
    return call(function)


@pytest.mark.parametrize(("function", "name", "field"), FIELDS, ids=named)
def test_what_an_array_would_falsify_is_refused_by_name(function, name, field, unchecked):
    for what, change in FALSIFIED.items():
        assert is_refused_by_name(function, name, changed(function, name, field, change)), what


@pytest.mark.parametrize(("function", "name"), [each for each in ARRAYS if each[0] is not jaxdl.triangulate], ids=named)
def test_numbers_in_any_container_give_the_same_result(function, name, unchecked):
    expected = expected_of(function)
    for what, change in KEPT.items():
        found = call(function, **{name: changed(function, name, None, change)})
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=what)


@pytest.mark.parametrize(("function", "name", "field"), FIELDS, ids=named)
def test_a_nan_is_refused_or_seen_in_the_result(function, name, field, unchecked):
    if ENTRIES[function][name].is_moved and field != "weight":
        return
    value = changed(function, name, field, lambda array: with_first(array, np.nan))
    if not is_refused_by_name(function, name, value):
        assert any(np.isnan(leaf).any() for leaf in call(function, **{name: value}))


@pytest.mark.parametrize(("function", "name"), PARAMETERS, ids=named)
def test_an_argument_of_the_wrong_kind_is_refused_by_name(function, name, unchecked):
    match ENTRIES[function][name]:
        case Whole():
            wrong = NO_COUNTS
        case Scalar():
            wrong = NO_SCALARS
        case OneKey():
            wrong = NO_KEYS
        case Examples():
            wrong = NO_DATA_SETS
        case Numbers():
            wrong = []
        case Kind(wrong=wrong):
            pass
    for value in wrong:
        assert is_refused_by_name(function, name, value), value


@pytest.mark.thorough
def test_counts_of_jax_are_whole_numbers(unchecked):
    for function, name in PARAMETERS:
        if isinstance(ENTRIES[function][name], Whole) and function is not jaxdl.triangulate:
            found = call(function, **{name: jnp.asarray(ENTRIES[function][name].value)})
            for one, other in zip(found, expected_of(function), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "function", [f for f in ENTRIES if any(isinstance(v, Examples) for v in ENTRIES[f].values())], ids=named
)
def test_data_sets_pass_under_jit(function):
    if function is jaxdl.triangulate:
        return
    names = [name for name, given in ENTRIES[function].items() if isinstance(given, Examples)]

    def traced(**datasets):
        given = {name: value.value for name, value in ENTRIES[function].items()} | datasets
        others = [given.pop("train"), given.pop("others")] if "others" in given else []
        return SHOWN.get(function, lambda shown: shown)(function(*others, **given))

    found = jax.jit(traced)(**dict.fromkeys(names, DATA))
    for one, other in zip(jax.tree.leaves(found), expected_of(function), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
