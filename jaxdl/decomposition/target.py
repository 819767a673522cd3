"""What is known of the truth at the test points, and therefore what may be called bias."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Num

Array = np.ndarray


class Target(NamedTuple):
    """The truth at the test points; give one of `mean`, `labels`, `replicates`, `probabilities` and `counts`.

    Shapes are those of one run's predictions at one time, `(points,)` or `(points, out)`: never broadcast.
    """

    mean: Array | None = None
    """E[y | x]: identifies bias²; with `noise`, the risk as well."""
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
    """A target resolved: bias² (or bias² + noise) is C0 + bias_offset, the risk C_all + risk_offset, where C0 = |E f - center|²
    and C_all = E|f - center|² are what the runs estimate.
    """

    center: Float[Array, "points out"]
    bias: str
    bias_offset: Float[Array, " points"]
    risk: str
    risk_offset: Float[Array, " points"]
    noise: Float[Array, " points"] | None
    labels_are_random: bool


def resolve(target: Target, shape: tuple[int, ...]) -> Reference:
    """Check a target against the shape of one run's predictions, `(points,)` or `(points, out)`.

    Raises:
        ValueError: when nothing or too much is known, on shapes that differ, on NaN or infinity, on negative noise.
    """
    if not isinstance(target, Target):
        msg = f"got a target of type {type(target).__name__}; say what it is: Target(mean=...), Target(labels=...), ..."
        raise ValueError(msg)
    known = {
        name: as_numbers(name, value).astype(np.float64)
        for name, value in target._asdict().items()
        if value is not None and name != "noise"
    }
    if len(known) != 1:
        msg = f"got a Target with {sorted(known) or 'nothing known'}; give exactly one of mean, labels, replicates, probabilities"
        raise ValueError(msg)
    [(name, value)] = known.items()
    if name == "counts":
        msg = "got counts of annotators, which belong to classes: use cross_entropy, zero_one or kohavi_wolpert"
        raise ValueError(msg)
    expected = (value.shape[0] if value.ndim else 0, *shape) if name == "replicates" else shape
    if value.shape != expected:
        wanted = f"(R, {', '.join(map(str, shape))})" if name == "replicates" else str(shape)
        msg = (
            f"got {name} of shape {value.shape} for predictions of shape {shape} at one run; expected {wanted}. Nothing is "
            "broadcast: add or drop an axis, for example labels[:, 0] or labels[:, None]"
        )
        raise ValueError(msg)
    check_finite(name, value)
    zero = np.zeros(shape[0])
    noise = checked_noise(target.noise, shape[0])
    value = value.reshape(*value.shape, 1) if len(shape) == 1 else value
    if name == "mean":
        if noise is None:
            return Reference(value, "bias_squared", zero, "excess_risk", zero, None, False)
        return Reference(value, "bias_squared", zero, "risk", noise, noise, False)
    if name == "labels":
        if noise is None:
            return Reference(value, "bias_squared_plus_noise", zero, "risk", zero, None, True)
        return Reference(value, "bias_squared", -noise, "risk", zero, noise, True)
    if noise is not None:
        msg = f"got noise together with {name}, which determine the noise themselves; leave noise out"
        raise ValueError(msg)
    if name == "probabilities":
        checked_probabilities(value)
        spread = (value * (1 - value)).sum(-1)
        return Reference(value, "bias_squared", zero, "risk", spread, spread, False)
    count = len(value)
    if count < 2:
        msg = f"got {count} replicate of the labels; two or more tell noise from bias. Pass a single one as labels="
        raise ValueError(msg)
    spread = value.var(axis=0, ddof=1).sum(-1)
    return Reference(value.mean(0), "bias_squared", -spread / count, "risk", spread * (count - 1) / count, spread, True)


def as_numbers(name: str, value: Any) -> Num[Array, "..."]:
    """A target's array; booleans are 0 and 1, names of classes are refused."""
    array = np.asarray(value)
    if array.dtype.kind in "OSTUMmc":
        msg = f"got {name} of dtype {array.dtype}; expected real numbers. Classes by name become numbers by "
        msg += "names, labels = np.unique(labels, return_inverse=True)"
        raise ValueError(msg)
    return array.astype(np.int64) if array.dtype == bool else array


def checked_noise(noise: Array | float | None, num_points: int) -> Float[Array, " points"] | None:
    """The noise at each point; refuse other shapes, negative and infinite values."""
    if noise is None:
        return None
    value = np.asarray(noise, np.float64)
    if value.shape not in ((), (num_points,)):
        msg = f"got noise of shape {value.shape}; expected a number or shape ({num_points},): the variance summed over outputs"
        raise ValueError(msg)
    if not np.isfinite(value).all() or (value < 0).any():
        msg = f"got noise {value if value.ndim == 0 else value.min()}; a variance is finite and not negative"
        raise ValueError(msg)
    return np.broadcast_to(value, (num_points,))


def check_finite(name: str, value: Array) -> None:
    """Refuse NaN and infinity."""
    if not np.isfinite(value).all():
        msg = f"got {int((~np.isfinite(value)).sum())} NaN or infinite values in the target's {name}; remove those test points"
        raise ValueError(msg)


def checked_probabilities(value: Float[Array, "points classes"]) -> Float[Array, "points classes"]:
    """Refuse rows that are no distribution."""
    if (value < 0).any() or not np.allclose(value.sum(-1), 1, atol=1e-5):
        msg = f"got probabilities between {value.min():.3g} and {value.max():.3g}, with sums {value.sum(-1).min():.6g} to "
        msg += f"{value.sum(-1).max():.6g}; expected non-negative rows that sum to one"
        raise ValueError(msg)
    return value
