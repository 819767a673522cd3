"""How often two runs predict different classes, and whether that is their error, as it is where their votes are calibrated."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from jaxdl.decomposition.derive import Derived
from jaxdl.decomposition.target import Target
from jaxdl.decomposition.zero_one import kohavi_wolpert
from jaxdl.designs import Design

Array = np.ndarray


class Disagreement(NamedTuple):
    """Each number with its standard error and interval, over runs and test points drawn anew.

    >>> votes = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 1]])
    >>> found = disagreement(votes, np.array([0, 1, 1, 0]), factors=("init",))
    >>> print(f"{found.disagreement.estimate:.3f} {found.error.estimate:.3f} {found.gap.estimate:.3f}")
    0.417 0.250 0.167
    """

    disagreement: Derived
    """P(f ≠ f') of two runs."""
    error: Derived
    """P(f ≠ y)."""
    gap: Derived
    """The first less the second: negative where the procedure is surer of itself than it is right."""


def disagreement(
    predictions: Shaped[Array, "..."],
    labels: Shaped[Array, " points"],
    *,
    factors: Sequence[str] = (),
    design: Design | None = None,
    dims: Sequence[str] = ("points",),
    nested: bool = False,
    shared: Sequence[str] = (),
) -> Disagreement:
    """The disagreement of two runs, their error, and the gap between the two, all unbiased.

        P(f ≠ f') = 1 - E|q|² = 2 V,      P(f ≠ y) = B + V,      gap = V - B,

    where q is the law of the predicted class at a point, and V and B are the variance and the bias² + noise of Kohavi and Wolpert.
    Where a share q_k of the points with vote q_k for class k has that label, the gap is zero: points without labels tell the error.

    Args:
        predictions: class numbers `(levels of each factor, points)`, or scores with an axis "out" in `dims`.
        labels: class numbers `(points,)`.
        factors: names of the leading axes, crossed with one another unless `nested`.
        design: instead of `factors`, the design of the runs.
        dims: names of the trailing axes.
        nested: each factor draws its levels anew inside every level of the factors before it.
        shared: factors whose level the two runs share, as two seeds on one training set do; by default they share nothing.

    Returns:
        `Disagreement`: three of `Derived`, each with the axis "times" where there is one.

    Raises:
        ValueError: what `kohavi_wolpert` refuses; too few levels for errors; a shared factor that the design lacks.

    Source: Jiang, Nagarajan, Baek & Kolter (2022), Assessing generalization of SGD via disagreement, arXiv 2106.13799.

    >>> rng = np.random.default_rng(0)
    >>> labels, votes = rng.random(400) < 0.3, rng.random((60, 400)) < 0.3       # 2 · 0.3 · 0.7 of both
    >>> found = disagreement(votes.astype(int), labels.astype(int), factors=("seed",))
    >>> bool(abs(found.disagreement.estimate - 0.42) < 0.02), bool(found.gap.interval.low < 0 < found.gap.interval.high)
    (True, True)
    """
    result = kohavi_wolpert(
        predictions,
        factors=factors,
        design=design,
        target=Target(labels=labels),
        dims=dims,
        nested=nested,
        random_points=True,
    )
    names = tuple(shared) if isinstance(shared, tuple | list) else None
    if names is None or not set(names) <= set(result.design.factors):
        msg = (
            f"shared: got {shared!r}, expected some of the factors that vary, {result.design.factors}; shared=('data',)"
        )
        raise ValueError(msg)
    outer = result.design.factors[: len(names)]
    if result.design.is_nested and set(names) != set(outer):
        msg = f"shared: got {shared!r} of a nested design, expected its outer factors first; a level inside of another is shared "
        msg += f"only with it: shared={outer!r}"
        raise ValueError(msg)
    kept = [term for term in result.variance if not set(term) <= set(names)]
    if names and not kept:
        msg = f"shared: got {shared!r}, all that varies, expected fewer; two runs that share everything are one run"
        raise ValueError(msg)
    read = kept if names else ["total_variance"]
    return Disagreement(
        result.derive(lambda terms: 2 * sum(terms[term] for term in read)),
        result.derive(lambda terms: terms["risk"]),
        result.derive(lambda terms: 2 * sum(terms[term] for term in read) - terms["risk"]),
    )
