"""What is asked of a fitted estimator: functions `(fitted, x_test, classes) -> predictions`, for `predict=` of `trial`.

`classes` are the different labels of the whole data set in order, also those that a drawn training set lacks: columns mean the same
in every run.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Num, Shaped

from jaxdl.admission import as_numbers, type_name
from jaxdl.decomposition import log_probabilities as logarithms_of
from jaxdl.kinds import as_scalar

Array = np.ndarray
Output = Callable[[Any, Any, Any], Array]
OTHERWISE = "pass predict=lambda fitted, x_test, classes: ..., or another of estimators.values, labels, probabilities and scores"


def values(fitted: Any, x_test: Any, classes: Shaped[Array, " classes"] | None) -> Num[Array, "points *out"]:
    """The numbers of `predict`, of a regression: `(points,)` or `(points, out)`.

    >>> class Mean:
    ...     def predict(self, x):
    ...         return np.full(len(x), 3.0)
    >>> values(Mean(), np.zeros((2, 1)), None)
    array([3., 3.])
    """
    del classes
    predicted = np.asarray(method_of(fitted, "predict")(x_test))
    if predicted.dtype.kind in "OUS" and isinstance(predicted.flat[0], str | bytes):
        msg = (
            f"predict: got labels such as {str(predicted.flat[0])!r:.40} from {type_name(fitted)}, expected numbers; pass "
            "predict=estimators.probabilities, or predict=estimators.labels"
        )
        raise ValueError(msg)
    return as_numbers("predict", predicted)


def labels(fitted: Any, x_test: Any, classes: Shaped[Array, " classes"] | None) -> Float[Array, "points classes"]:
    """The labels of `predict`, one-hot: for `zero_one`, `kohavi_wolpert`, or the squared error of votes.

    >>> class Usual:
    ...     def predict(self, x):
    ...         return ["no"] * len(x)
    >>> labels(Usual(), np.zeros((2, 1)), np.array(["no", "yes"]))
    array([[1., 0.],
           [1., 0.]])
    """
    predicted = np.asarray(method_of(fitted, "predict")(x_test))
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        predicted = predicted[:, 0]
    return one_hot(predicted, _known("labels", classes), name="predict")


def probabilities(
    fitted: Any, x_test: Any, classes: Shaped[Array, " classes"] | None
) -> Float[Array, "points classes"]:
    """`predict_proba` with a column for each class, zero for one that the drawn training set lacks.

    >>> class Coin:
    ...     classes_ = np.array(["heads", "tails"])
    ...     def predict_proba(self, x):
    ...         return np.tile([0.5, 0.5], (len(x), 1))
    >>> probabilities(Coin(), np.zeros((1, 1)), np.array(["edge", "heads", "tails"]))
    array([[0. , 0.5, 0.5]])
    """
    known = _known("probabilities", classes)
    given = as_numbers("predict_proba", method_of(fitted, "predict_proba")(x_test))
    columns = _columns("predict_proba", fitted, given, known)
    table = np.zeros((len(given), len(known)), np.result_type(given, np.float32))
    table[:, columns] = given
    return table


def log_probabilities(smallest: float) -> Output:
    """`log max(p, smallest)` of `probabilities`, the logits that `cross_entropy` takes.

    Many estimators give probabilities of exactly zero, whose logarithm is no number; the loss depends on what takes its place.

    >>> class Coin:
    ...     classes_ = np.array(["heads", "tails"])
    ...     def predict_proba(self, x):
    ...         return np.tile([1.0, 0.0], (len(x), 1))
    >>> log_probabilities(0.01)(Coin(), np.zeros((1, 1)), Coin.classes_).round(3)
    array([[ 0.   , -4.605]])
    """
    expected = "a probability between 0 and 1, such as 1e-3"
    smallest = as_scalar("smallest", smallest, expected=expected, allowed=lambda value: 0 < value < 1)
    return functools.partial(_logarithms, smallest=smallest)


def scores(fitted: Any, x_test: Any, classes: Shaped[Array, " classes"] | None) -> Float[Array, "points classes"]:
    """`decision_function` with a column for each class; of two classes `(0, s)`, logits wherever s is a log-odds.

    Raises:
        ValueError: a training set that lacks a class, which then has no score.

    >>> class Line:
    ...     classes_ = np.array(["no", "yes"])
    ...     def decision_function(self, x):
    ...         return x[:, 0]
    >>> scores(Line(), np.array([[-1.0], [2.0]]), Line.classes_)
    array([[ 0., -1.],
           [ 0.,  2.]])
    """
    known = _known("scores", classes)
    given = as_numbers("decision_function", method_of(fitted, "decision_function")(x_test))
    table = np.stack([np.zeros_like(given), given], axis=-1) if given.ndim == 1 else given
    columns = _columns("decision_function", fitted, table, known)
    if len(columns) < len(known):
        lacking = np.setdiff1d(np.arange(len(known)), columns)
        msg = (
            f"decision_function: got scores of {len(columns)} classes, expected all of {known.tolist()!s:.80}: the drawn training "
            f"set has no {known.tolist()[lacking[0]]!r}; pass predict=estimators.probabilities, or a law that keeps every class"
        )
        raise ValueError(msg)
    return table[:, np.argsort(columns)]


def one_hot(labels: Any, classes: Any, *, name: str = "labels") -> Float[Array, "points classes"]:
    """Labels, texts or numbers, as rows of the identity: what a `Target(labels=...)` of classes is given.

        row i, column c:  1 if label i = class c, else 0

    Raises:
        ValueError: a label that is none of the classes; it is called `name`.

    >>> one_hot(["no", "yes", "no"], ["no", "yes"])
    array([[1., 0.],
           [0., 1.],
           [1., 0.]])
    """
    given, known = np.asarray(labels), np.asarray(classes)
    if given.ndim != 1 or known.ndim != 1:
        msg = f"{name}: got shape {given.shape} for classes of shape {known.shape}, expected one label for each point, (points,)"
        raise ValueError(msg)
    table = given[:, None] == known
    is_known = np.broadcast_to(table, (len(given), len(known))).any(axis=1)
    if not is_known.all():
        unknown = sorted({str(each) for each in given[~is_known].tolist()})
        msg = f"{name}: got {', '.join(unknown)[:80]}, expected labels among {known.tolist()!s:.120}; pass all classes"
        raise ValueError(msg)
    return table.astype(np.float64)


def method_of(estimator: Any, method: str, remedy: str = OTHERWISE) -> Callable[..., Any]:
    """A method of an estimator, or an error with the remedy."""
    try:
        return getattr(estimator, method)
    except (
        AttributeError
    ) as error:  # which says what is missing where a method depends on the settings of its estimator
        msg = f"make: got an estimator without {method} ({error!s:.120}), expected one that has it; {remedy}"
        raise ValueError(msg) from error


def _logarithms(fitted: Any, x_test: Any, classes: Any, *, smallest: float) -> Float[Array, "points classes"]:
    return logarithms_of(probabilities(fitted, x_test, classes), smallest=smallest)


def _known(name: str, classes: Shaped[Array, " classes"] | None) -> Shaped[Array, " classes"]:
    if classes is None:
        msg = f"predict: got estimators.{name} for a y of several columns, expected one label for each row; pass your own function"
        raise ValueError(msg)
    return classes


def _columns(method: str, fitted: Any, given: Array, known: Array) -> Array:
    """The place among all classes of each column, by the `classes_` that the estimator was fitted to."""
    own = np.asarray(getattr(fitted, "classes_", known))
    if given.ndim != 2 or own.shape != given.shape[1:]:
        msg = f"{method}: got shape {given.shape} from an estimator of {len(own)} classes, expected (points, {len(own)}), a "
        raise ValueError(msg + "column for each; pass predict=lambda fitted, x_test, classes: ...")
    return one_hot(own, known, name=f"{method}: classes_").argmax(axis=1)
