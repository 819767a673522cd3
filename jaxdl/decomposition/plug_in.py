"""The numbers that other tools print: plug-in averages over rounds, as `bias_variance_decomp` of mlxtend computes them.

They are here to be compared with. Three things keep them from being bias² and variance:

1. With labels in place of E[y | x], `bias` holds the noise as well: bias² + noise for the squared error.
2. The main prediction is an average over K rounds: for independent rounds `bias` is too large by variance/K, and
   `variance` too small by as much. `decomposition.squared_error` corrects both.
3. mlxtend's rounds are bootstrap draws of one data set. They centre on what that data set says, so that a whole draw of
   the variance goes into `bias`, and is counted again in `variance`. No estimator can undo this; fresh draws do.

With the zero-one loss, moreover, `loss` is not `bias + variance`: where the main prediction is wrong, a deviation from it
may be right and lowers the loss (Domingos, 2000, whose factor c2 is left out).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Num

from jaxdl.admission import as_numbers, check_finite
from jaxdl.decomposition.doubles import as_counted, finite_doubles
from jaxdl.kinds import as_count

__all__ = ["PlugIn", "bootstrap_indices", "plug_in_squared_error", "plug_in_zero_one"]

Array = np.ndarray


class PlugIn(NamedTuple):
    """Averages over test points, in the order in which mlxtend returns them.

    >>> found = plug_in_squared_error(np.array([[0.0], [2.0]]), np.array([0.0]))
    >>> float(found.loss), float(found.bias), float(found.variance)
    (2.0, 1.0, 1.0)
    """

    loss: float
    bias: float
    variance: float


def bootstrap_indices(num_examples: int, num_rounds: int, random_seed: int | None) -> Int[Array, "rounds n"]:
    """The rows that each round of mlxtend's `bias_variance_decomp` trains on: `RandomState(seed).choice`, round by round.

    Raises:
        ValueError: fewer than one example or round.

    >>> bootstrap_indices(5, 2, 123)
    array([[2, 4, 2, 1, 3],
           [2, 3, 1, 1, 0]])
    """
    num_examples, num_rounds = as_count("num_examples", num_examples), as_count("num_rounds", num_rounds)
    if random_seed is not None:
        random_seed = as_count("random_seed", random_seed, low=0, high=2**32 - 1)
    random = np.random.RandomState(random_seed)  # mlxtend's generator: another would draw other rows
    return np.stack([random.choice(num_examples, num_examples, replace=True) for _ in range(num_rounds)])


def plug_in_squared_error(predictions: Num[Array, "rounds points"], labels: Num[Array, " points"]) -> PlugIn:
    """The triple of mlxtend for `loss="mse"`, from the predictions of K rounds.

        fbar = mean_k f_k,   loss = mean |f_k - y|²,   bias = mean |fbar - y|²,   variance = mean |f_k - fbar|²

    averaged over test points, so that loss = bias + variance. From the same rounds, unbiased and with standard errors:
    `squared_error(predictions, factors=("data",), target=Target(labels=labels))`, whose `bias_squared_plus_noise` is
    `bias - variance / (K - 1)`, and whose `total_variance` is `variance * K / (K - 1)`.

    To have mlxtend's own numbers, train on its rows, those of `bootstrap_indices`:

    >>> y = np.array([0.0, 2.0, 1.0, 3.0, 5.0, 4.0])
    >>> rounds = [y[rows].mean() for rows in bootstrap_indices(6, 200, random_seed=123)]     # the learner: a constant
    >>> plug_in = plug_in_squared_error(np.repeat(rounds, 6).reshape(200, 6), y)
    >>> print(*(f"{value:.6f}" for value in plug_in))
    3.365972 2.916784 0.449188

    Raises:
        ValueError: labels that are not `(points,)`, where mlxtend broadcasts a column to nonsense; no rounds or points.
    """
    predictions, labels = finite_doubles("predictions", predictions), finite_doubles("labels", labels)
    _check_shapes(predictions, labels)
    main = predictions.mean(axis=0)
    return PlugIn(
        float(((predictions - labels[None]) ** 2).mean()),
        float(((main - labels) ** 2).mean()),
        float(((predictions - main[None]) ** 2).mean()),
    )


def plug_in_zero_one(predictions: Int[Array, "rounds points"], labels: Int[Array, " points"]) -> PlugIn:
    """The triple of mlxtend for `loss="0-1_loss"`, from the classes predicted in K rounds.

        main = the most frequent class, the smallest on a tie
        loss = mean [f_k != y],   bias = mean [main != y],   variance = mean [f_k != main]

    averaged over test points. Where the main prediction is right, loss = variance; where it is wrong, loss = 1 - P(f = y):
    so loss = bias + variance only if no round is ever right where the main prediction is wrong, with equal rounds there.

    >>> plug_in_zero_one(np.array([[0, 1], [0, 1], [1, 2], [0, 2]]), np.array([0, 2]))
    PlugIn(loss=0.375, bias=0.5, variance=0.375)

    Raises:
        ValueError: as `plug_in_squared_error`; numbers that are no classes, such as scores.
    """
    predictions, labels = _classes("predictions", predictions), _classes("labels", labels)
    _check_shapes(predictions, labels)
    classes = np.unique(predictions)
    counts = np.stack([(predictions == each).sum(axis=0) for each in classes])
    main = classes[counts.argmax(axis=0)]
    return PlugIn(
        float((predictions != labels[None]).mean()),
        float((main != labels).mean()),
        float((predictions != main[None]).mean()),
    )


def _classes(name: str, value: Array) -> Num[Array, "..."]:
    classes = as_counted(as_numbers(name, value))
    check_finite(name, classes)
    if (classes != np.round(classes)).any():
        msg = f"{name}: got numbers between {classes.min():.4g} and {classes.max():.4g}, expected class numbers; take the class "
        msg += "of the largest score, scores.argmax(axis=-1)"
        raise ValueError(msg)
    return classes


def _check_shapes(predictions: Array, labels: Array) -> None:
    if predictions.ndim != 2 or 0 in predictions.shape or labels.shape != predictions.shape[1:]:
        msg = (
            f"predictions: got shape {predictions.shape} and labels of shape {labels.shape}, expected (rounds, points) and "
            "(points,), none of them empty. Nothing is broadcast; pass labels[:, 0] for a column"
        )
        raise ValueError(msg)
