"""What is known of the truth at the test points, and therefore what may be called bias."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

from jaxdl.admission import as_numbers, check_finite
from jaxdl.decomposition.copies import NEAR
from jaxdl.decomposition.doubles import as_counted, finite_doubles
from jaxdl.decomposition.noise import NoiseEstimate
from jaxdl.narrowing import as_type

Array = np.ndarray
LEAST = 2.0**-36
"""Labels nearer to each other, as a share of the range of all, are equal up to rounding, however small they are."""


class Target(NamedTuple):
    """The truth at the test points; give one of `mean`, `labels`, `replicates`, `probabilities` and `counts`.

    Shapes are those of one run's predictions at one time, `(points,)` or `(points, out)`: never broadcast.

    >>> Target(mean=np.zeros(3), noise=0.09).noise
    0.09
    """

    mean: Array | None = None
    """E[y | x]: identifies bias²; with `noise`, the risk as well. Observed labels are no mean: see `labels`."""
    labels: Array | None = None
    """One label for each point: identifies bias² + noise, and bias² only when `noise` is given."""
    replicates: Array | None = None
    """R >= 2 independent labels for each point, on a leading axis: identifies bias² and noise."""
    probabilities: Array | None = None
    """P(class | x), for predictions compared with one-hot labels: identifies bias² and noise."""
    counts: Array | None = None
    """How many annotators chose each class, `(points, classes)`: for losses of classes; identifies bias and noise."""
    noise: Array | float | None = None
    """E|y - E[y | x]|², summed over outputs: a number, or one for each point."""


class Reference(NamedTuple):
    """A target, reduced to what the estimators add.

    The runs estimate C0, the loss of their mean against `center`, and C_all, their mean loss against it. Then
    bias = C0 + bias_offset and risk = C_all + risk_offset; `bias` and `risk` are the names that these may have.
    """

    center: Float[Array, "points out"]
    bias: str
    bias_offset: Float[Array, " points"]
    risk: str
    risk_offset: Float[Array, " points"]
    noise: Float[Array, " points"] | None
    labels_are_random: bool
    classes: Int[Array, " points"] | None = None
    """The class of each point, its most probable one, where the labels are classes."""

    def at(self, points: Int[Array, " _"]) -> "Reference":
        """What is known at some of the points."""
        arrays = {name: value for name, value in self._asdict().items() if isinstance(value, np.ndarray)}
        return self._replace(**{name: value[points] for name, value in arrays.items()})

    def places_of_classes(self) -> dict[int, Int[Array, " _"]]:
        """The points of each class that has any; none where labels are no classes."""
        if self.classes is None:
            return {}
        return {int(label): np.flatnonzero(self.classes == label) for label in np.unique(self.classes)}

    @classmethod
    def of_mean(
        cls,
        mean: Float[Array, "points out"],
        bias: str,
        offset: Float[Array, " points"],
        noise: Float[Array, " points"] | None,
    ) -> "Reference":
        """The mean of the labels is known: it gives the bias, and with the noise the risk; else the risk in excess of the noise."""
        if noise is None:
            return cls(mean, bias, offset, "excess_risk", offset, noise=None, labels_are_random=False)
        return cls(mean, bias, offset, "risk", offset + noise, noise=noise, labels_are_random=False)

    @classmethod
    def of_labels(
        cls,
        labels: Float[Array, "points out"],
        bias: str,
        offset: Float[Array, " points"],
        noise: Float[Array, " points"] | None,
    ) -> "Reference":
        """Labels with their noise are known: they give the risk, and the bias only with a known noise; else both together."""
        if noise is None:
            return cls(labels, f"{bias}_plus_noise", offset, "risk", offset, noise=None, labels_are_random=True)
        return cls(labels, bias, offset - noise, "risk", offset, noise=noise, labels_are_random=True)


def known_of(target: Any, allowed: Sequence[str]) -> tuple[str, Num[Array, "..."]]:
    """The one thing that a target knows besides the noise: its name, and its finite numbers.

    Raises:
        ValueError: what is no target, when nothing, too much or something else is known, what holds no finite numbers.
    """
    if not isinstance(target, Target):
        msg = f"target: got a target of type {type(target).__name__}, expected a Target; say what it is: Target({allowed[0]}=...), "
        msg += f"Target({allowed[1]}=...), ..."
        raise ValueError(msg)
    known = [name for name, value in target._asdict().items() if value is not None and name != "noise"]
    if len(known) != 1 or known[0] not in allowed:
        msg = f"target: got a Target with {sorted(known) or 'nothing known'}, expected exactly one of {', '.join(allowed)}"
        if known == ["counts"]:
            msg += "; counts of annotators belong to classes: use cross_entropy, zero_one or kohavi_wolpert"
        raise ValueError(msg)
    [name] = known
    value = as_numbers(name, getattr(target, name))
    if name == "mean" and value.dtype == bool:
        msg = "mean: got booleans, which are labels of two classes, expected E[y|x]; pass Target(labels=...)"
        raise ValueError(msg)
    check_finite(name, value)
    return name, as_counted(value)


def resolve(target: Target, shape: tuple[int, ...]) -> Reference:
    """Check a target against the shape of one run's predictions, `(points,)` or `(points, out)`.

    Raises:
        ValueError: when nothing or too much is known, on shapes that differ, on NaN or infinity, on negative noise, on one-hot
            rows as a mean without noise.
    """
    name, numbers = known_of(target, ("mean", "labels", "replicates", "probabilities"))
    value = finite_doubles(name, numbers)
    check_shape(name, value, shape)
    zero = np.zeros(shape[0])
    noise = checked_noise(target.noise, shape[0])
    value = value.reshape(*value.shape, 1) if len(shape) == 1 else value
    if name == "mean":
        check_no_labels(value, noise)
        return Reference.of_mean(value, "bias_squared", zero, noise)
    if name == "labels":
        return Reference.of_labels(value, "bias_squared", zero, noise)._replace(classes=classes_of(value))
    if noise is not None:
        raise ValueError(known_noise(name))
    if name == "probabilities":
        checked_probabilities(value)
        known = Reference.of_mean(value, "bias_squared", zero, (value * (1 - value)).sum(-1))
        return known._replace(classes=value.argmax(axis=-1) if value.shape[-1] > 1 else None)
    warn_of_copies(value, may_tie=False)
    count = len(value)
    spread = value.var(axis=0, ddof=1).sum(-1)
    return Reference(
        center=value.mean(0),
        bias="bias_squared",
        bias_offset=-spread / count,
        risk="risk",
        risk_offset=spread * (count - 1) / count,
        noise=spread,
        labels_are_random=True,
    )


def classes_of(labels: Float[Array, "points out"]) -> Int[Array, " points"] | None:
    """The classes of one-hot rows, or of zeros and ones in a single column; nothing for other labels.

    >>> classes_of(np.eye(3)).tolist(), classes_of(np.array([[0.0], [1.0]])).tolist(), classes_of(np.array([[0.5]]))
    ([0, 1, 2], [0, 1], None)
    """
    if not np.isin(labels, (0, 1)).all():
        return None
    if labels.shape[-1] == 1:
        return labels[:, 0].astype(np.int64)
    return labels.argmax(axis=-1) if (labels.sum(axis=-1) == 1).all() else None


def check_shape(name: str, value: Array, shape: tuple[int, ...]) -> None:
    """Refuse a target at other points than those of one run's predictions of `shape`, and a single replicate."""
    leading = value.shape[:1] if name == "replicates" else ()
    if value.shape != (*leading, *shape) or (name == "replicates" and not leading):
        wanted = f"(R, {', '.join(map(str, shape))})" if name == "replicates" else str(shape)
        msg = (
            f"{name}: got {name} of shape {value.shape} for predictions of shape {shape} at one run, expected {wanted}. Nothing is "
            "broadcast; add or drop an axis, for example labels[:, 0] or labels[:, None], or name the axes of predictions by dims"
        )
        raise ValueError(msg)
    if name == "replicates" and len(value) < 2:
        msg = f"replicates: got {len(value)} replicate of the labels, expected 2 or more: two or more tell noise from bias; pass a "
        msg += "single one as labels="
        raise ValueError(msg)


def check_no_labels(mean: Float[Array, "points out"], noise: Array | None) -> None:
    """Refuse labels of classes given as their mean; warn about zeros and ones in a single column, which may be either.

    With the noise known there is nothing to mistake.
    """
    if noise is not None or not np.isin(mean, (0, 1)).all() or (mean == mean[0]).all():
        return
    if mean.shape[-1] > 1 and (mean.sum(axis=-1) == 1).all():
        msg = "mean: got one-hot rows, which are labels of classes, expected E[y|x]; pass Target(labels=...); if they are the "
        msg += "mean, as no label is noisy, say so: Target(mean=..., noise=0.0)"
        raise ValueError(msg)
    warnings.warn(
        "mean: got zeros and ones only, which may be labels of two classes: bias² would hold their noise. If they are, pass "
        "Target(labels=...); if no label is noisy, add noise=0.0",
        stacklevel=2,
    )


def warn_of_copies(replicates: Num[Array, "replicates points ..."], *, may_tie: bool) -> None:
    """Copies of labels are no replicates: say so where labels are all alike, or, unless they may tie, some of them.

    Labels that are no whole numbers are compared as far as single precision holds them.
    """
    if len(replicates) < 2 or replicates.shape[1] < 2:
        return
    rows = np.unique(replicates.reshape(len(replicates), -1), axis=0)
    num_different = len(rows)
    if not may_tie and (rows != np.round(rows)).any():
        rows = rows[np.argsort(rows.sum(axis=1))]  # in which near copies are neighbours
        allowed = np.maximum(NEAR * np.abs(rows[1:]), LEAST * np.ptp(rows))
        num_different = 1 + int((np.abs(np.diff(rows, axis=0)) > allowed).any(axis=1).sum())
    elif num_different > 1:
        return
    if num_different < len(replicates):
        warnings.warn(
            f"replicates: got {len(replicates)} rows of labels, of which {num_different} differ: copies of labels say "
            "nothing of the noise, which comes out too small. Leave out the copies, and pass a single row as Target(labels=...)",
            stacklevel=2,
        )


def known_noise(name: str) -> str:
    """Why noise is refused beside what determines it."""
    return f"noise: got noise together with {name}, which determine the noise themselves, expected one of them; leave noise out"


def checked_noise(noise: Array | float | None, num_points: int) -> Float[Array, " points"] | None:
    """The noise at each point; refuse other shapes, negative and infinite values."""
    if noise is None:
        return None
    if isinstance(noise, tuple) and any(isinstance(each, NoiseEstimate) for each in (noise, *noise)):
        remedy = "noise=found.estimate" if isinstance(noise, NoiseEstimate) else "noise=found.high.estimate"
        msg = f"noise: got a {type(noise).__name__}, expected a number or shape ({num_points},); pass {remedy}, or leave noise out "
        msg += "and let bias_squared_interval count the error of the estimate as well"
        raise ValueError(msg)
    numbers = as_numbers("noise", noise)
    value = as_type("noise", numbers, np.float64)
    if numbers.dtype == bool or value.shape not in ((), (num_points,)):
        msg = f"noise: got noise of shape {value.shape} and type {numbers.dtype}, expected a number or shape ({num_points},): the "
        msg += "variance summed over outputs"
        raise ValueError(msg)
    if not np.isfinite(value).all() or (value < 0).any():
        msg = f"noise: got noise {value if value.ndim == 0 else value.min()}, expected a variance, finite and not negative"
        raise ValueError(msg)
    return np.broadcast_to(value, (num_points,))


def checked_probabilities(value: Float[Array, "points classes"]) -> Float[Array, "points classes"]:
    """Refuse rows that are no distribution; say so where they may be labels."""
    if (value < 0).any() or not np.allclose(value.sum(-1), 1, atol=1e-5):
        msg = f"probabilities: got probabilities between {value.min():.3g} and {value.max():.3g}, with sums "
        msg += f"{value.sum(-1).min():.6g} to {value.sum(-1).max():.6g}, expected non-negative rows that sum to one; "
        msg += "divide them by their sums"
        raise ValueError(msg)
    if np.isin(value, (0, 1)).all() and not (value == value[0]).all():
        warnings.warn(
            "probabilities: got one-hot rows only, which say that no label is noisy. If they are observed labels, pass "
            "Target(labels=...)",
            stacklevel=2,
        )
    return value
