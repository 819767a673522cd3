"""`trial`: estimators with `fit` and `predict`, trained on drawn rows of a data set, as a trial for every design."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Shaped

from jaxdl.admission import type_name
from jaxdl.data import resampling
from jaxdl.data.arrays import check_row_labels
from jaxdl.data.resampling import Resampling
from jaxdl.ensembles.on_host import HostTrial, as_packages, version_of
from jaxdl.ensembles.workers import one_thread
from jaxdl.estimators.drawing import Draw, Law, drawing
from jaxdl.estimators.outputs import Output, method_of, values
from jaxdl.estimators.rows import as_rows, as_targets, check_alike, digest_of, taken
from jaxdl.kinds import check_function, shown
from jaxdl.types import Run

Array = np.ndarray
BUILD = "pass a function that builds one: lambda seed: RandomForestRegressor(random_state=seed)"


@dataclass(frozen=True, eq=False, kw_only=True)
class EstimatorTrial(HostTrial):
    """What `trial` returns: a trial for `run`, `stream`, `plan` and `decompose`, which knows its law of resampling.

    >>> from jaxdl.estimators import labels
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> x, y = np.arange(6.0)[:, None], ["no", "yes"] * 3
    >>> tree = trial(lambda seed: DecisionTreeClassifier(random_state=seed), x, y, x, name="tree", predict=labels)
    >>> tree.classes.tolist(), tree.training_size
    (['no', 'yes'], 6)
    """

    law: Resampling | None
    """`law.variance_factor` times a variance over draws estimates that over fresh training sets; `law.estimand` says it."""
    classes: Shaped[Array, " classes"] | None
    """The different entries of y in order: the columns of predicted classes."""

    def called_at(self, place: int) -> Callable[..., Any]:
        """The first run checks what `make` takes and returns."""
        if place or not isinstance(self.function, _Procedure):
            return self.function
        return replace(self.function, is_first=True)


def fitted(estimator: Any, x: Any, y: Array, weight: Array | None = None) -> Any:
    """`estimator.fit(x, y)`, with `sample_weight=weight` where a law of resampling weighs rows; returns what that returns.

    >>> from sklearn.dummy import DummyRegressor
    >>> fitted(DummyRegressor(), np.zeros((2, 1)), np.array([1.0, 3.0]), weight=np.array([3.0, 1.0])).predict([[0.0]])
    array([1.5])
    """
    method = method_of(estimator, "fit", "pass fit=lambda estimator, x, y: ..., which trains it in another way")
    if weight is None:
        return method(x, y)
    try:
        taken_by = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):  # a compiled method has no signature to read
        taken_by = []
    if taken_by and not any(each.name == "sample_weight" or each.kind == each.VAR_KEYWORD for each in taken_by):
        msg = (
            f"resample: got a law that weighs rows for {type_name(estimator)}, whose fit takes no sample_weight, expected one that "
            "repeats or leaves out rows, such as resampling.bootstrap; or pass fit=lambda estimator, x, y, weight: ..."
        )
        raise ValueError(msg)
    return method(x, y, sample_weight=weight)


def trial(
    make: Callable[..., Any],
    x: Any,
    y: Any,
    x_test: Any,
    *,
    name: str,
    resample: Law | None = resampling.bootstrap,
    sources: tuple[str, ...] = ("init",),
    fit: Callable[..., Any] = fitted,
    predict: Output = values,
    report: Callable[[Any, Any], Any] | None = None,
    packages: tuple[str, ...] = ("scikit-learn",),
    workers: int | None = None,
    threads: bool = False,
) -> EstimatorTrial:
    """A trial of any object with `fit` and `predict`: scikit-learn's, or one of your own around PyTorch, Keras or anything else.

    A run draws a training set by the source "data", builds an estimator from the seed of the source "init", fits it, and predicts
    at `x_test`. Designs, growth, stores, shards, progress and diverged runs are those of compiled trials; an exception ends the
    study, names the run by its levels, and keeps the runs before it in the store.

    A store knows a study again by `name`, by x, y and x_test, the law, and the versions of `packages`, Python, NumPy and jax. It
    cannot see into `make`, `fit` and `predict`: give another name when these change. Every run has copies of its rows, and one
    thread of BLAS and OpenMP, so that bits depend on neither the order of runs nor the number of workers. The first run is made
    twice. If the two differ, there is a warning.

    Args:
        make: `make(seed)` builds a fresh estimator, `seed` a whole number from 0 to 2^31 - 1; `make(seed, setting)` where the study
            has settings, each of NumPy's numbers.
        x: an array, a pandas frame, a sparse matrix or a list of texts, a row for each training example; cells may be missing.
        y: numbers or labels, texts too, for each row; a single column becomes `(n,)`.
        x_test: what is predicted at, of the same columns.
        name: of the procedure with its version, for the store: "forest of 50, v1".
        resample: a law of `data.resampling`: `bootstrap`, `half_sample`, `lambda rows: subsample(rows, 200)`, ... It is given a
            data set whose x and y are numbers of rows. `None`: always the whole data set, in designs without "data".
        sources: those whose seeds `make` takes, in this order: `("init", "order")` for `make(init, order)`; `()` for a `make()`
            of a learner that draws nothing.
        fit: `fit(estimator, x, y)`, or `fit(estimator, x, y, weight)` for a law that weighs rows: `lambda network, x, y:
            network.fit(x, y, epochs=20)`.
        predict: `predict(fitted, x_test, classes)`, an array whose first axis are the test points: `estimators.values`, for
            regressions, `labels`, `probabilities`, `log_probabilities(1e-3)`, `scores`, or one of your own.
        report: `report(fitted, returned)` of what `fit` returned, such as a history: numbers that are kept beside the predictions.
        packages: as pip knows those that train.
        workers: processes side by side, through joblib. `None`: one for each core, or as `joblib.parallel_config` says, which may
            name a Dask or Ray cluster; 1: this process, without joblib.
        threads: threads of this process in their place.

    Raises:
        ValueError: for data that do not fit together, functions with other arguments, a law that draws no rows; in a run, for an
            estimator without `fit` or `predict`, one object for several runs, predictions that are not one for each test point.

    >>> import jax
    >>> from jaxdl import designs, ensembles
    >>> class Mean:
    ...     def fit(self, x, y):
    ...         self.mean = y.mean()
    ...     def predict(self, x):
    ...         return np.full(len(x), self.mean)
    >>> x, y = np.zeros((25, 1)), np.arange(25.0)
    >>> mean = trial(Mean, x, y, x[:2], name="mean", sources=(), packages=(), workers=1)
    >>> ensembles.run(mean, designs.crossed(data=4), jax.random.key(0)).outputs.shape
    (4, 2)
    """
    sources, packages = _checked_sources(sources), as_packages(packages)
    _check_make(make, sources)
    x, x_test = as_rows("x", x), as_rows("x_test", x_test)
    check_alike(x, x_test)
    check_row_labels("y", x, y)
    num_rows = x.shape[0]
    y = as_targets(y, num_rows)
    law, draw = drawing(resample, num_rows)
    weighs = draw is not None and draw({"data": 0}).weight is not None
    check_function(
        "fit", fit, ("estimator", "x", "y", "weight") if weighs else ("estimator", "x", "y"), "pass such a function"
    )
    check_function("predict", predict, ("fitted", "x_test", "classes"), "pass one such as estimators.probabilities")
    if report is not None:
        check_function("report", report, ("fitted", "returned"), "pass such a function")
    classes = np.unique(y) if y.ndim == 1 else None
    drawn_by = f"always all {num_rows} rows" if law is None else law.estimand
    return EstimatorTrial(
        _Procedure(make, sources, fit, predict, report, x, y, x_test, classes, draws=draw is not None),
        name,
        packages,
        workers,
        threads,
        draw=draw,
        facts={"data": digest_of(x, y, x_test), "training sets": drawn_by, "sources of make": str(list(sources))},
        notes=tuple(_notes(name, packages, law, num_rows, sources)),
        training_size=num_rows if law is None else law.training_size,
        made_twice=True,
        law=law,
        classes=classes,
    )


@dataclass(frozen=True, eq=False)
class _Procedure:
    """One run: a function of seeds, which a worker is sent with the data."""

    make: Callable[..., Any]
    sources: tuple[str, ...]
    fit: Callable[..., Any]
    predict: Output
    report: Callable[[Any, Any], Any] | None
    x: Any
    y: Array
    x_test: Any
    classes: Array | None
    draws: bool
    is_first: bool = False

    def __call__(self, seeds: Any, *rest: Any) -> Any:
        setting = rest[:-1] if self.draws else rest
        draw = rest[-1] if self.draws else Draw(np.arange(self.x.shape[0]), None)
        _check_design(seeds, self.sources)
        # Half of the seeds: some libraries take signed numbers of 32 bits.
        arguments = (*(seeds[source] >> 1 for source in self.sources), *setting)
        if self.is_first:
            named = (*self.sources, "setting") if setting else self.sources
            check_function(
                "make", self.make, named, "it takes a setting, last, where settings= are given, and only there"
            )
        estimator = self.make(*arguments)
        if self.is_first and self.make(*arguments) is estimator:
            msg = f"make: got {shown(estimator)} from two calls, expected a fresh estimator from each, as fitting "
            msg += f"changes it; {BUILD}"
            raise ValueError(msg)
        with one_thread():  # again, as `make` may have imported what has threads
            weight = () if draw.weight is None else (draw.weight,)
            returned = self.fit(estimator, taken(self.x, draw.rows), self.y[draw.rows], *weight)
            points = self.x_test.shape[0]
            predicted = self.predict(estimator, taken(self.x_test, np.arange(points)), self.classes)
        shape = np.shape(predicted)
        if shape[:1] != (points,):
            msg = f"predict: got predictions of shape {shape} at {points} test points, expected ({points},) or ({points}, out)"
            raise ValueError(msg + ", with points first; pass predict=lambda fitted, x_test, classes: ...")
        return predicted if self.report is None else Run(predicted, self.report(estimator, returned))


def _notes(
    name: str, packages: tuple[str, ...], law: Resampling | None, num_rows: int, sources: tuple[str, ...]
) -> Iterator[str]:
    if law is None:
        yield f"conditional on one training set, all {num_rows} rows"
    else:
        yield f"training sets drawn from {num_rows} rows: {law.estimand}"
        if sources:
            others = f"variance of the other sources ({', '.join(sources)}) is given this data set"
            yield f"{others}: a part of their interaction with data may count in it"
    versions = ", ".join(f"{each} {version_of(each)}" for each in packages)
    yield f"trained by {name!r}{versions and f' on {versions}'}, of which a store knows the name, the data and the versions alone"


def _checked_sources(sources: Any) -> tuple[str, ...]:
    if isinstance(sources, str) or not all(isinstance(each, str) for each in sources):
        msg = f"sources: got {sources!r:.60}, expected a tuple of names; pass ('init',)"
        raise ValueError(msg)
    if "data" in sources:
        msg = f"sources: got {sources!r:.60}, expected others than 'data', which draws training sets; name the "
        raise ValueError(msg + "learner's own, ('init',)")
    return tuple(sources)


def _check_make(make: Any, sources: tuple[str, ...]) -> None:
    """Refuse an estimator, a class whose first argument is no seed, and a function of other arguments."""
    if not callable(make):
        msg = f"make: got {shown(make)} of type {type_name(make)}, expected a function of a seed; {BUILD}"
        raise ValueError(msg)
    if inspect.isclass(make) and sources:
        msg = f"make: got the class {make.__name__}, whose first argument need not be a seed, expected a function of a seed; pass "
        msg += f"lambda seed: {make.__name__}(random_state=seed), or sources=() where it draws nothing"
        raise ValueError(msg)
    remedy = "a learner that draws nothing is made by make() with sources=()"
    refusals = []
    for taken_by in (sources, (*sources, "setting")):  # the latter where the study has settings
        try:
            check_function("make", make, taken_by, remedy)
        except ValueError as error:
            refusals.append(error)
        else:
            return
    raise refusals[0]


def _check_design(seeds: Any, sources: tuple[str, ...]) -> None:
    missing = [source for source in sources if source not in seeds]
    if missing:
        msg = (
            f"design: got sources {list(seeds)}, expected {missing} besides, whose seeds make takes; add {missing[0]}=8 to the "
            "design, name others in sources=, or pass sources=() and a make() without a seed"
        )
        raise ValueError(msg)
