"""Predictions that are in a file: an archive of arrays, or a table in long form."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from jaxdl.data.archives import arrays_of, names_of

Array = np.ndarray
PREDICTIONS = "predictions"


class Wanted(NamedTuple):
    """What is looked for in a file, by name."""

    factors: tuple[str, ...]
    predictions: tuple[str, ...] = ()
    """None: the usual name."""
    truth: tuple[str, ...] = ()
    """Labels, means or probabilities; none where variances are enough."""
    times: str | None = None
    nested: bool = False


class Saved(NamedTuple):
    """Predictions as they were saved: numbers, or names of classes."""

    predictions: Shaped[Array, "..."]
    """`(levels of each factor, [times,] points[, out])`."""
    dims: tuple[str, ...]
    truth: Shaped[Array, "..."] | None = None
    """`(points,)` or `(points, out)`."""
    times: Sequence[Any] | None = None
    classes: tuple[str, ...] = ()
    """The names of the outputs, where each has a column."""


def from_archive(file: Path, wanted: Wanted) -> Saved:
    """The arrays of an `.npz` archive, by their names.

    Raises:
        ValueError: a name that the archive lacks, no clear array of predictions, another rank than the factors and dims name; what
            `data.archives` refuses, pickled arrays above all.
    """
    names = names_of(file)
    for argument, given in (("predictions", wanted.predictions), ("labels", wanted.truth)):
        if len(given) > 1:
            msg = f"{argument}: got {', '.join(given)} for an archive, expected the name of one array, one of {names}; stack them "
            msg += "along a last axis"
            raise ValueError(msg)
    others = [*wanted.truth, *([wanted.times] if wanted.times else [])]
    left = [name for name in names if name not in others]
    [predictions] = wanted.predictions or ([PREDICTIONS] if PREDICTIONS in names else left if len(left) == 1 else [""])
    if not predictions:
        msg = f"predictions: got an archive with the arrays {names}, expected one of the name {PREDICTIONS!r}; say which, "
        msg += f"--predictions {left[0] if left else 'NAME'}"
        raise ValueError(msg)
    looked_for = {PREDICTIONS: predictions} | dict(zip(("labels",), wanted.truth, strict=False))
    found = arrays_of(file, looked_for | ({"times": wanted.times} if wanted.times else {}))
    array, truth, times = found[PREDICTIONS], found.get("labels"), found.get("times")
    axes = (*wanted.factors, *(("times",) if wanted.times else ()))
    rank = array.ndim - len(axes)
    if rank not in (1, 2) or 0 in array.shape:
        wide = ", ".join((*axes, "points"))
        msg = f"predictions: got shape {array.shape} for {', '.join(axes)}, expected ({wide}) or ({wide}, out), none "
        msg += "of them empty; name each leading axis by --factors"
        raise ValueError(msg)
    dims = (*(("times",) if wanted.times else ()), "points", *(("out",) if rank == 2 else ()))
    num_points = array.shape[len(axes)]
    if truth is not None and (truth.ndim == 0 or len(truth) != num_points):
        msg = f"labels: got shape {truth.shape} for predictions of shape {array.shape}, expected one for each of the {num_points} "
        msg += f"points on the axis after {axes[-1]}; save them in the same order"
        raise ValueError(msg)
    return Saved(array, dims, truth, None if times is None else times.tolist())
