"""The door for predictions: the names of their axes, the design that made them, and finite numbers."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
from jaxtyping import Num

from jaxdl import designs
from jaxdl.admission import as_numbers
from jaxdl.designs import Design
from jaxdl.designs.layout import check_design

Array = np.ndarray
KNOWN_DIMS = ("times", "points", "out")


def canonical(predictions: Array, dims: tuple[str, ...]) -> Num[Array, "... times points out"]:
    """Predictions with all three trailing axes."""
    if "out" not in dims:
        predictions = predictions[..., None]
    return predictions if "times" in dims else np.expand_dims(predictions, -3)


def point_shape(shape: tuple[int, ...], dims: tuple[str, ...]) -> tuple[int, ...]:
    """The part of a prediction's shape that a target must have: `(points,)` or `(points, out)`."""
    return tuple(size for name, size in zip(dims, shape, strict=True) if name != "times")


def check_dims(dims: Sequence[str]) -> None:
    """Refuse unknown, repeated or disordered names."""
    if (
        isinstance(dims, str | Set | Mapping)
        or not isinstance(dims, Iterable)
        or "points" not in (names := tuple(dims))
        or names != tuple(name for name in KNOWN_DIMS if name in names)
    ):
        msg = f"dims: got dims={dims!r}, expected the names of the trailing axes, among {KNOWN_DIMS}, in this order, with 'points' "
        msg += "among them; for example dims=('points', 'out')"
        raise ValueError(msg)


def check_levels(design: Design) -> Design:
    """The design of what varies: sources at a single level are fixed; refuse a design in which nothing varies."""
    check_design(design)
    varying = design.varying
    if not varying.shape:
        msg = f"design: got the levels {dict(zip(design.factors, design.shape, strict=True))}: nothing varies, expected at least 2 "
        msg += "levels of a source (3 for a standard error); add levels"
        raise ValueError(msg)
    return varying


def warn_of_fixed(varying: Design) -> None:
    """Warn that a source with a single level is a sample of one, and what the study measures then."""
    if not varying.fixed:
        return
    fixed, moving = " and ".join(varying.fixed), " and ".join(varying.sources)
    warnings.warn(
        f"{fixed} has a single level: variance over {moving} is measured for that level alone, V[{moving}] plus its interactions "
        f"with {fixed}, and bias and risk are those of that level. Give {fixed} more levels to separate them",
        stacklevel=3,
    )


def check_predictions(predictions: Array, name: str = "predictions") -> None:
    """Refuse what is not a finite real number; `name` is what the caller calls it."""
    predictions = as_numbers(name, predictions)
    if not np.isfinite(predictions).all():
        count = int((~np.isfinite(predictions)).sum())
        msg = f"{name}: got {count} NaN or infinite {name}, expected finite ones; leave those runs out, whole "
        msg += "levels at a time"
        if (predictions == -np.inf).any():
            msg += ". Where minus infinity is the logarithm of a zero probability, clip or smooth the probabilities first: "
            msg += "decomposition.log_probabilities(probabilities, smallest=1e-3)"
        raise ValueError(msg)


def named_design(
    predictions: Array,
    factors: Sequence[str],
    design: Design | None,
    dims: tuple[str, ...],
    nested: bool,
    name: str = "predictions",
) -> Design:
    """The design given, or that of the named leading axes; `name` is what the caller calls the predictions.

    Raises:
        ValueError: names that are no sequence or repeat, both or none of the two, axes that do not fit.
    """
    if design is not None:
        check_design(design)
    is_sequence = isinstance(factors, Iterable) and not isinstance(factors, str | Set | Mapping)
    names = tuple(factors) if is_sequence else ()
    if not is_sequence or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        wanted = f"factors=({factors!r},)" if isinstance(factors, str) else "factors=('data', 'init')"
        msg = (
            f"factors: got {factors!r:.80}, expected one name for each leading axis, in order, all different; {wanted}"
        )
        raise ValueError(msg)
    if bool(names) == (design is not None):
        msg = f"factors: got factors={factors!r} and design={design}, expected one of the two; name each leading axis, "
        msg += "factors=('data', 'init'), or give the design"
        raise ValueError(msg)
    num_factors = len(names) if design is None else len(design.shape)
    if predictions.ndim != num_factors + len(dims) or 0 in predictions.shape:
        named = names if design is None else design.factors
        msg = f"{name}: got shape {predictions.shape} for factors {named} and dims {dims}, expected one axis for each, none "
        msg += f"of them empty{_ways_out(predictions.shape, names, design, len(dims))}"
        raise ValueError(msg)
    shape = predictions.shape[:num_factors]
    if design is None:
        design = (designs.nested if nested else designs.crossed)(**dict(zip(names, shape, strict=True)))
    if design.shape != shape:
        msg = f"{name}: got shape {predictions.shape} for a design of shape {design.shape}, expected leading axes that agree; "
        msg += "transpose them, or give the design that made them"
        raise ValueError(msg)
    return design


def beyond_doubles(predictions: Array, loss: str, name: str = "predictions") -> str:
    """The error for predictions at which a loss, or its standard errors, are no doubles."""
    size = max(float(predictions.max()), -float(predictions.min()))
    return (
        f"{name}: got {name} up to {size:.4g}, at which the {loss} or its standard errors are no longer finite in double "
        "precision, expected smaller ones; leave those runs out, whole levels at a time, or rescale predictions and target"
    )


def _ways_out(shape: tuple[int, ...], factors: tuple[str, ...], design: Design | None, num_dims: int) -> str:
    """The shape, or the names of axes, that would fit."""
    if 0 in shape:
        return ""
    num_factors = len(factors) if design is None else len(design.shape)
    ways = []
    if num_factors > 1 and len(shape) == 1 + num_dims and (design is None or design.num_runs == shape[0]):
        named = factors if design is None else tuple(map(str, design.shape))
        levels = _two_levels(shape[0]) if design is None and num_factors == 2 else ()
        example = f", for example reshape{(*levels, *shape[1:])}" if levels else ""
        ways.append(
            f"give each factor an axis of its own, predictions.reshape({', '.join([*named, *map(str, shape[1:])])}){example}"
        )
    dims = [
        repr(names)
        for names in (("points",), ("points", "out"), ("times", "points"), KNOWN_DIMS)
        if len(names) == len(shape) - num_factors and (design is None or shape[:num_factors] == design.shape)
    ]
    if dims:
        ways.append(f"dims={' or '.join(dims)} would fit, which name the trailing axes")
    return f"; {'; or '.join(ways)}" if ways else ""


def _two_levels(runs: int) -> tuple[int, ...]:
    """The two factors of a number that are closest to each other, the larger first; nothing for a prime."""
    smaller = next((n for n in range(math.isqrt(runs), 1, -1) if runs % n == 0), None)
    return () if smaller is None else (runs // smaller, smaller)
