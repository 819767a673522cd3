"""What is known of the labels of a classification problem at the test points."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

from jaxdl.decomposition.target import Target, as_numbers, check_finite, checked_noise, checked_probabilities

Array = np.ndarray


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
        """Whether noise and bias cannot be told apart by the labels alone."""
        return self.num_annotators is not None and bool((self.num_annotators < 2).any())


def resolve_classes(target: Target, num_points: int, num_classes: int | None) -> ClassTarget:
    """Read a target as class probabilities; `num_classes` None takes their number from the target.

    `labels` are class numbers `(points,)`, booleans for two classes, or one-hot rows `(points, classes)`, `replicates` either with
    a leading axis of annotators, `counts` how many annotators chose each class, `(points, classes)`.

    Raises:
        ValueError: on a target of means, on shapes that differ, on classes out of range or given by name.
    """
    if not isinstance(target, Target):
        msg = f"got a target of type {type(target).__name__}; say what it is: Target(probabilities=...), Target(labels=...), ..."
        raise ValueError(msg)
    known = {
        name: as_numbers(name, value)
        for name, value in target._asdict().items()
        if value is not None and name != "noise"
    }
    if len(known) != 1 or "mean" in known:
        msg = f"got a Target with {sorted(known) or 'nothing known'}; give exactly one of labels, replicates, counts, probabilities"
        raise ValueError(msg)
    [(name, value)] = known.items()
    check_finite(name, value)
    noise = checked_noise(target.noise, num_points)
    if noise is not None and name != "labels":
        msg = f"got noise together with {name}, which determine the noise themselves; leave noise out"
        raise ValueError(msg)
    if name == "probabilities":
        _check_shape(name, value, (num_points, num_classes))
        value = checked_probabilities(value.astype(np.float64))
        # Exactly normalised: what is missing from one would multiply any constant in the logits.
        return ClassTarget(value / value.sum(axis=-1, keepdims=True), None)
    if name == "counts":
        _check_shape(name, value, (num_points, num_classes))
        return _from_counts(value.astype(np.float64))
    leading = value.shape[:1] if name == "replicates" else ()
    if value.shape == (*leading, num_points):
        value = _one_hot(name, value, num_classes)
    _check_shape(name, value, (*leading, num_points, num_classes))
    if not np.isin(value, (0, 1)).all() or not (value.sum(-1) == 1).all():
        msg = (
            f"got {name} that are no one-hot rows; pass class numbers (points,), or probabilities= when labels are soft"
        )
        raise ValueError(msg)
    if name == "labels":
        return ClassTarget(value.astype(np.float64), np.ones(num_points), noise)
    return _from_counts(value.sum(axis=0).astype(np.float64))


def class_numbers(scores: Num[Array, "... points out"]) -> Int[Array, "... points"]:
    """The predicted class: the largest score, the lowest class among equals; a single output is the class number itself."""
    if scores.shape[-1] > 1:
        return scores.argmax(axis=-1)
    numbers = scores[..., 0]
    if not (numbers == np.round(numbers)).all() or (numbers < 0).any():
        msg = f"got predictions between {numbers.min():.4g} and {numbers.max():.4g} without an axis 'out'; expected class numbers "
        msg += "0, 1, ..., or scores for each class on an axis 'out'"
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
        msg = f"got predictions of class {numbers.max()}, but the target has {num_classes} classes; expected classes 0 to "
        msg += f"{num_classes - 1}: pass one-hot labels or probabilities with a column for every class, or predict scores on an "
        msg += "axis 'out'"
        raise ValueError(msg)


def _one_hot(name: str, numbers: Array, num_classes: int | None) -> Array:
    if not (numbers == np.round(numbers)).all() or (numbers < 0).any():
        msg = f"got {name} between {numbers.min():.4g} and {numbers.max():.4g}; expected class numbers 0, 1, ... (relabel others, "
        msg += "for example by np.unique(labels, return_inverse=True))"
        raise ValueError(msg)
    numbers = numbers.astype(np.int64)
    if num_classes is not None and numbers.size and numbers.max() >= num_classes:
        msg = f"got {name} up to class {numbers.max()} for predictions of {num_classes} classes; expected classes 0 to "
        msg += f"{num_classes - 1}: give the predictions an output for every class, or relabel"
        raise ValueError(msg)
    return one_hot(numbers, int(numbers.max()) + 1 if num_classes is None else num_classes)


def _from_counts(counts: Float[Array, "points classes"]) -> ClassTarget:
    totals = counts.sum(axis=-1)
    if (counts < 0).any() or (totals < 2).any():
        msg = f"got annotator counts down to {counts.min():g}, at least {totals.min():g} for a point; expected none negative, "
        msg += "and 2 or more for each point. Pass single labels as labels="
        raise ValueError(msg)
    return ClassTarget(counts / totals[:, None], totals)


def _check_shape(name: str, value: Array, expected: tuple[int | None, ...]) -> None:
    if value.ndim != len(expected) or any(
        want not in (None, got) for got, want in zip(value.shape, expected, strict=True)
    ):
        wanted = ", ".join("classes" if want is None else str(want) for want in expected)
        msg = f"got {name} of shape {value.shape} for predictions at {expected[-2]} points; expected ({wanted}), or class numbers "
        msg += "without the last axis for labels and replicates. Nothing is broadcast"
        raise ValueError(msg)
