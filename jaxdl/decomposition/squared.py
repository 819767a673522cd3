"""The squared-error decomposition of predictions that are there already, as arrays with named leading factors."""

import math
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float

from jaxdl import designs
from jaxdl.decomposition.assemble import assemble
from jaxdl.decomposition.crossed import crossed_estimates
from jaxdl.decomposition.estimates import Estimates
from jaxdl.decomposition.grouped import GroupedMoments
from jaxdl.decomposition.result import Decomposition
from jaxdl.decomposition.target import Reference, Target, resolve
from jaxdl.designs import Design

Array = np.ndarray
KNOWN_DIMS = ("times", "points", "out")
UNITS_BYTES = 2**25  # of predictions in double precision, folded at once


def squared_error(
    predictions: Float[Array, "..."],
    *,
    factors: Sequence[str] = (),
    design: Design | None = None,
    target: Target | None = None,
    dims: Sequence[str] = ("points",),
    nested: bool = False,
    random_points: bool = False,
    training_size: int | None = None,
) -> Decomposition:
    """Unbiased bias², variance components and noise of the squared error, with standard errors.

        E|f - y|² = |E f - E[y|x]|² + sum_u V_u + E|y - E[y|x]|²

    averaged over test points and summed over outputs, where V_u is the variance component of the set u of factors. All
    estimates are U-statistics: unbiased for any number of levels, and adding up exactly.

    Args:
        predictions: `(levels of each factor, then dims)`.
        factors: names of the leading axes, crossed with one another unless `nested`. A single factor is K independent runs.
        design: instead of `factors`, the design that made the predictions: `ensembles.run(trial, design, key).outputs`.
        target: what is known of the truth; without it, variances only.
        dims: names of the trailing axes, among "times" (kept), "points" (averaged) and "out" (summed), in this order.
        nested: each factor draws its levels anew inside every level of the factors before it.
        random_points: let standard errors speak of test points drawn anew, not of these.
        training_size: the number of training examples, for the labels of the result.

    Raises:
        ValueError: on shapes that do not fit, fewer than two levels of a factor, NaN or infinity.

    References:
        Efron & Stein (1981), The jackknife estimate of variance; Geman, Bienenstock & Doursat (1992).

    >>> rng = np.random.default_rng(0)
    >>> predictions = rng.normal(size=(50, 1, 20)) + rng.normal(size=(1, 30, 20))
    >>> result = squared_error(predictions, factors=("data", "init"), target=Target(mean=np.zeros(20), noise=0.25))
    >>> bool(abs(result.variance[("data",)] - 1) < 4 * result.standard_errors[("data",)])
    True
    """
    predictions = np.asarray(predictions)
    if not (np.issubdtype(predictions.dtype, np.number) or jax.dtypes.issubdtype(predictions.dtype, np.inexact)):
        msg = f"got predictions of dtype {predictions.dtype}; expected real numbers"
        raise ValueError(msg)
    if np.iscomplexobj(predictions):
        msg = "got complex predictions; pass real and imaginary parts as two outputs, on an axis 'out'"
        raise ValueError(msg)
    check_dims(dims)
    if isinstance(factors, str) or bool(factors) == (design is not None) or len(set(factors)) < len(factors):
        msg = f"got factors={factors!r} and design={design}; name each leading axis once, factors=('data', 'init'), or "
        msg += "give the design"
        raise ValueError(msg)
    num_factors = len(factors) if design is None else len(design.shape)
    if predictions.ndim != num_factors + len(dims) or 0 in predictions.shape:
        named = tuple(factors) if design is None else design.factors
        msg = f"got predictions of shape {predictions.shape} for factors {named} and dims {tuple(dims)}; "
        msg += "expected one axis for each, none of them empty"
        raise ValueError(msg)
    shape = predictions.shape[:num_factors]
    if design is None:
        design = (designs.nested if nested else designs.crossed)(**dict(zip(factors, shape, strict=True)))
    if design.shape != shape:
        msg = f"got predictions of shape {predictions.shape} for a design of shape {design.shape}; their leading axes must agree"
        raise ValueError(msg)
    check_levels(design)
    if not np.isfinite(predictions).all():
        count = int((~np.isfinite(predictions)).sum())
        msg = f"got {count} NaN or infinite predictions; leave those runs out, whole levels at a time"
        raise ValueError(msg)
    dims = tuple(dims)
    reference = None if target is None else resolve(target, point_shape(predictions.shape[num_factors:], dims))
    estimates = estimate(canonical(predictions, dims), design, reference)
    axes = ("times",) if "times" in dims else ()
    return assemble([estimates], design, reference, axes=axes, random_points=random_points, training_size=training_size)


def estimate(
    table: Float[Array, "*levels times points out"],
    design: Design,
    reference: Reference | None,
    kept: Sequence[Array] | None = None,
) -> Estimates:
    """The terms of a full table of predictions; of a crossed one, from the levels in `kept` alone."""
    if len(design.shape) > 1 and not design.is_nested:
        return crossed_estimates(table, design, reference, kept)
    moments = GroupedMoments(design, reference)
    size = max(1, UNITS_BYTES // (8 * math.prod(table.shape[1:])))
    for start in range(0, len(table), size):
        part = table[start : start + size]
        moments.add(part, np.ones(len(part)))
    return moments.estimates()


def canonical(predictions: Array, dims: tuple[str, ...]) -> Float[Array, "... times points out"]:
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
        isinstance(dims, str)
        or "points" not in dims
        or tuple(dims) != tuple(name for name in KNOWN_DIMS if name in dims)
    ):
        msg = f"got dims={dims!r}; name the trailing axes from {KNOWN_DIMS}, in this order, with 'points' among them"
        raise ValueError(msg)


def check_levels(design: Design) -> None:
    """Refuse designs in which a factor has one level, and therefore no variance to measure."""
    for factor, count in zip(design.factors, design.shape, strict=True):
        if count < 2:
            msg = f"got {count} level of {factor!r}, whose variance needs at least 2 (3 for a standard error); add levels, or "
            msg += "leave the source out of the design and fix it in the trial"
            raise ValueError(msg)
