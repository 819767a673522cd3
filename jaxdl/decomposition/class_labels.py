"""What is known of the labels of a classification problem at the test points."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

from jaxdl.decomposition.doubles import finite_doubles
from jaxdl.decomposition.target import (
    Target,
    checked_noise,
    checked_probabilities,
    known_noise,
    known_of,
    warn_of_copies,
)

Array = np.ndarray
LARGEST_CLASS = 2**20
"""Class numbers below it are taken; each has a column in every table, and hardly any problem has as many."""
LARGEST_TABLE = 2**26
"""Of one-hot labels: 512 MiB. Running sums of independent runs take up to 32 times as much."""


class ClassTarget(NamedTuple):
    """P(class | x), exactly or estimated from R annotators of each point, and the noise where it was given."""

    probabilities: Float[Array, "points classes"]
    num_annotators: Float[Array, " points"] | None
    """None where the probabilities are exact; one where there is a single label."""
    noise: Float[Array, " points"] | None = None

    @property
    def is_exact(self) -> bool:
        """Whether nothing about the labels is estimated."""
        return self.num_annotators is None

    @property
    def has_single_labels(self) -> bool:
        """Whether the labels alone cannot separate noise from bias."""
        return self.num_annotators is not None and bool((self.num_annotators < 2).any())


def resolve_classes(target: Target, num_points: int, num_classes: int | None) -> ClassTarget:
    """Read a target as class probabilities; `num_classes` None takes their number from the target.

    `labels` are class numbers `(points,)`, booleans for two classes, or one-hot rows `(points, classes)`, `replicates` either with
    a leading axis of annotators, `counts` how many annotators chose each class, `(points, classes)`.

    Raises:
        ValueError: on a target of means, on shapes that differ, on classes out of range or given by name.
    """
    name, value = known_of(target, ("labels", "replicates", "counts", "probabilities"))
    noise = checked_noise(target.noise, num_points)
    if noise is not None and name != "labels":
        raise ValueError(known_noise(name))
    if name == "probabilities":
        _check_shape(name, value, (num_points, num_classes))
        value = checked_probabilities(value.astype(np.float64))
        # Exactly normalised: what is missing from one would multiply any constant in the logits.
        return ClassTarget(value / value.sum(axis=-1, keepdims=True), None)
    if name == "counts":
        _check_shape(name, value, (num_points, num_classes))
        return _from_counts(name, finite_doubles(name, value))
    leading = value.shape[:1] if name == "replicates" else ()
    if value.shape == (*leading, num_points):
        value = _one_hot(name, value, num_classes)
    _check_shape(name, value, (*leading, num_points, num_classes))
    if not np.isin(value, (0, 1)).all() or not (value.sum(-1) == 1).all():
        msg = f"{name}: got {name} that are no one-hot rows, expected class numbers (points,) or one-hot rows; pass probabilities= "
        msg += "when labels are soft"
        raise ValueError(msg)
    if name == "labels":
        return ClassTarget(value.astype(np.float64), np.ones(num_points), noise)
    warn_of_copies(value, may_tie=True)
    return _from_counts(name, value.sum(axis=0).astype(np.float64))


def class_numbers(scores: Num[Array, "... points out"]) -> Int[Array, "... points"]:
    """The predicted class: the largest score, the lowest class among equals; a single output is the class number itself."""
    if scores.shape[-1] > 1:
        return scores.argmax(axis=-1)
    numbers = scores[..., 0]
    if not (numbers == np.round(numbers)).all() or (numbers < 0).any() or (numbers >= LARGEST_CLASS).any():
        msg = f"predictions: got predictions between {numbers.min():.4g} and {numbers.max():.4g} without an axis 'out', expected "
        msg += f"class numbers 0, 1, ... below {LARGEST_CLASS}; name an axis 'out' that has scores, or relabel by np.unique"
        raise ValueError(msg)
    return numbers.astype(np.int64)


def one_hot(numbers: Int[Array, "*shape"], num_classes: int) -> Float[Array, "*shape classes"]:
    """Rows of the identity.

    Raises:
        ValueError: for a class beyond `num_classes`.
    """
    check_predicted(numbers, num_classes)
    return (numbers[..., None] == np.arange(num_classes)).astype(np.float64)


def check_predicted(numbers: Int[Array, "*shape"], num_classes: int) -> None:
    """Refuse predicted classes that the target does not have."""
    if numbers.size and numbers.max() >= num_classes:
        msg = f"predictions: got predictions of class {numbers.max()}, but the target has {num_classes} classes, expected classes "
        msg += f"0 to {num_classes - 1}; pass one-hot labels or probabilities with a column for each class, or predict scores on "
        msg += "an axis 'out'"
        raise ValueError(msg)


def _one_hot(name: str, numbers: Array, num_classes: int | None) -> Array:
    if not (numbers == np.round(numbers)).all() or (numbers < 0).any():
        msg = f"{name}: got {name} between {numbers.min():.4g} and {numbers.max():.4g}, expected class numbers 0, 1, ...; relabel "
        msg += "others, for example by np.unique(labels, return_inverse=True)[1]"
        raise ValueError(msg)
    largest = int(numbers.max()) if numbers.size else 0
    if num_classes is None and (largest >= LARGEST_CLASS or (largest + 1) * numbers.size > LARGEST_TABLE):
        msg = f"{name}: got {name} up to class {largest} for {numbers.size} labels, expected classes below {LARGEST_CLASS}, and a "
        msg += f"table of labels times classes of at most {LARGEST_TABLE} numbers ({LARGEST_TABLE * 8 // 2**20} MiB); number the "
        msg += (
            "classes from 0 without gaps, for predictions and labels alike: np.unique(values, return_inverse=True)[1]"
        )
        raise ValueError(msg)
    if num_classes is not None and largest >= num_classes:
        msg = (
            f"{name}: got {name} up to class {largest} for predictions of {num_classes} classes, expected classes 0 to "
        )
        msg += f"{num_classes - 1}; give the predictions an output for every class, or relabel"
        raise ValueError(msg)
    return one_hot(numbers.astype(np.int64), largest + 1 if num_classes is None else num_classes)


def _from_counts(name: str, counts: Float[Array, "points classes"]) -> ClassTarget:
    totals = counts.sum(axis=-1)
    if (counts < 0).any() or (totals < 2).any():
        msg = f"{name}: got annotator counts down to {counts.min():g}, at least {totals.min():g} for a point, expected none "
        msg += "negative, and 2 or more for each point; pass single labels as labels="
        raise ValueError(msg)
    return ClassTarget(counts / totals[:, None], totals)


def _check_shape(name: str, value: Array, expected: tuple[int | None, ...]) -> None:
    if value.ndim != len(expected) or any(
        want not in (None, got) for got, want in zip(value.shape, expected, strict=True)
    ):
        wanted = ", ".join("classes" if want is None else str(want) for want in expected)
        msg = f"{name}: got {name} of shape {value.shape} for predictions at {expected[-2]} points, expected ({wanted}), or class "
        msg += "numbers without the last axis for labels and replicates. Nothing is broadcast; add or drop an axis"
        raise ValueError(msg)
