"""A door for those who have probabilities and no logits, and a word to those who hand the one over as the other."""

import warnings

import numpy as np
from jaxtyping import Float, Num, Shaped

from jaxdl.decomposition import potentials
from jaxdl.decomposition.doubles import finite_doubles
from jaxdl.decomposition.potentials import Potential
from jaxdl.kinds import as_scalar

Array = np.ndarray
TOLERANCE = 1e-2
"""By how much sums of probabilities in low precision, or rounded ones, may miss one."""
FEWEST_ROWS = 10
"""Fewer rows of logits may sum to one by chance, or by hand."""


def log_probabilities(
    probabilities: Shaped[Array, "*rows classes"], *, smallest: float | None = None
) -> Float[Array, "*rows classes"]:
    """Logits for `cross_entropy` from predicted probabilities, such as a forest's: log max(p, smallest).

    A zero has no logarithm, and the loss of a label that was given no chance is infinite. `smallest` says what to put in its
    place; the risk depends on it where such labels occur. Smoothing the probabilities beforehand, (n p + 1)/(n + classes), is
    another way.

    Raises:
        ValueError: rows that are no distribution; zeros without `smallest`; a `smallest` that is no probability.

    >>> log_probabilities(np.array([[0.25, 0.75], [1.0, 0.0]]), smallest=0.01).round(4)
    array([[-1.3863, -0.2877],
           [ 0.    , -4.6052]])
    """
    values = finite_doubles("probabilities", probabilities)
    if values.ndim < 1 or values.shape[-1] < 2 or 0 in values.shape:
        msg = f"probabilities: got shape {values.shape}, expected (..., classes) with 2 or more; for the probability p of one of "
        msg += "two classes pass np.stack([1 - p, p], axis=-1)"
        raise ValueError(msg)
    if not _are_distributions(values):
        msg = f"probabilities: got numbers between {values.min():.3g} and {values.max():.3g}, expected non-negative rows that sum "
        msg += "to one; scores that are logits already need no logarithm"
        raise ValueError(msg)
    if smallest is not None:
        expected = "a probability between 0 and 1, such as 1e-3"
        smallest = as_scalar("smallest", smallest, expected=expected, allowed=lambda value: 0 < value < 1)
    if smallest is None and not values.all():
        msg = f"probabilities: got {int((values == 0).sum())} zeros, whose logarithm is no number, expected positive ones; clip "
        msg += "them, log_probabilities(probabilities, smallest=1e-3), or smooth them"
        raise ValueError(msg)
    return np.log(values if smallest is None else np.maximum(values, smallest))


def warn_of_probabilities(potential: Potential, predictions: Num[Array, "... out"]) -> None:
    """Say so where predictions that should be logits look like probabilities."""
    if predictions.size < FEWEST_ROWS * predictions.shape[-1]:
        return
    if potential is potentials.softmax:
        first = predictions[(0,) * (predictions.ndim - 1)]  # one row settles nearly every case
        total, divided = (100, " / 100") if first.sum(dtype=np.float64) > 50 else (1, "")
        if _are_distributions(first, total) and _are_distributions(predictions, total):
            warnings.warn(
                f"predictions: got rows of non-negative numbers that sum to {total}, which look like probabilities, where the "
                f"softmax loss takes logits; pass decomposition.log_probabilities(probabilities{divided}), unless they are logits",
                stacklevel=2,
            )
    elif potential is potentials.bernoulli and 0 <= predictions.flat[0] <= 1:
        low, high = predictions.min(), predictions.max()
        if 0 <= low < high <= 1:
            warnings.warn(
                "predictions: got numbers between 0 and 1 only, which look like probabilities, where the Bernoulli loss takes "
                "logits; pass log(p / (1 - p)), unless they are logits",
                stacklevel=2,
            )


def _are_distributions(values: Num[Array, "*rows classes"], total: int = 1) -> bool:
    """Whether no entry is negative and all rows sum to `total`, 1 or per cent."""
    sums = values.sum(axis=-1, dtype=np.float64)
    return bool((values >= 0).all() and (np.abs(sums - total) < TOLERANCE * total).all())
