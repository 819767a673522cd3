"""Sets of critical points: which of them are distinct, and whether one is missing."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, PyTree

from jaxdl.curvature.checks import check_type
from jaxdl.curvature.critical.points import CriticalPoints, Kind
from jaxdl.kinds import check_counts, check_function, check_numbers, shown
from jaxdl.types import Params

CRITICAL = (Kind.MINIMUM, Kind.MAXIMUM, Kind.SADDLE, Kind.DEGENERATE)


class Distinct(NamedTuple):
    """Distinct critical points, in order of increasing value.

    >>> from jaxdl.curvature.critical import critical_points
    >>> wells = critical_points(lambda w: (w**2 - 1) ** 2, jax.numpy.array([-2.0, 0.1, 2.0, 3.0]))
    >>> print(distinct(wells).counts, distinct(wells).points.value.round(6))
    [1 2 1] [0. 0. 1.]
    """

    points: CriticalPoints
    """One record of each."""
    counts: Int[np.ndarray, " distinct"]
    """The number of starts that led to each."""
    labels: Int[np.ndarray, " starts"]
    """The index of the point that each start led to; -1 for none."""


def distinct(
    points: CriticalPoints,
    *,
    tolerance: float | None = None,
    symmetries: Sequence[Callable[[Params], Params]] = (),
) -> Distinct:
    """The distinct ones among critical points: two are one if they, or images under a symmetry, lie within a distance.

        two points w, v are one where |T w - v| <= tolerance (1 + |v|) for a symmetry T or the identity

    It runs on the host, as the number of points is part of the answer. Points that are not critical are left out.

    Args:
        points: the result of `critical_points`.
        tolerance: relative distance up to which two points are one; by default 2 eps^(3/8), that is 3e-6 in double and 5e-3
            in single precision, since `critical_points` leaves each as far as eps^(3/8) from the true one.
        symmetries: maps of parameters under which the loss does not change, such as permutations of hidden units, or
            shifts by a period; a whole group, inverses included, unless one map per pair is enough.

    Raises:
        ValueError: a record without a leading axis, or of no starts; a tolerance that is not positive.

    >>> from jaxdl.curvature.critical.points import critical_points
    >>> points = critical_points(lambda w: (w[0] ** 2 - 1) ** 2, jax.numpy.array([[-2.0], [0.1], [0.7], [1.5]]))
    >>> distinct(points).counts.tolist(), distinct(points, symmetries=[lambda w: -w]).counts.tolist()
    ([1, 2, 1], [3, 1])
    """
    check_type("distinct", "a record", points, CriticalPoints, "critical_points")
    if callable(symmetries):
        msg = f"distinct: got symmetries={shown(symmetries)}, expected a sequence of functions; put it into a list"
        raise ValueError(msg)
    for image in symmetries:
        check_function("distinct", image, ("params",), "pass one such as lambda w: -w", what="a symmetry")
    if tolerance is None:
        tolerance = 2 * float(np.finfo(np.asarray(points.value).dtype).eps) ** 0.375
    check_numbers("distinct", 0, tolerance=tolerance)
    if tolerance == 0:
        msg = f"distinct: got tolerance={tolerance}, expected a positive distance"
        raise ValueError(msg)
    if np.ndim(points.value) != 1:
        msg = f"distinct: got values of shape {np.shape(points.value)}, expected one axis of starts"
        raise ValueError(msg)
    if len(points.value) == 0:
        msg = "distinct: got a record of no starts, expected at least one"
        raise ValueError(msg)
    images = np.stack([_rows(points.params), *(_rows(jax.vmap(image)(points.params)) for image in symmetries)], axis=1)
    values, kinds = np.asarray(points.value), np.asarray(points.kind)
    labels = np.full(len(values), -1)
    chosen: list[int] = []
    order = [start for start in np.argsort(values, kind="stable") if kinds[start] in CRITICAL]
    known = np.empty((0, images.shape[2]))
    for start in order:
        distances = np.linalg.norm(known[:, None, :] - images[start][None, :, :], axis=2).min(axis=1, initial=math.inf)
        near = distances <= tolerance * (1 + np.linalg.norm(known, axis=1))
        if near.any():
            labels[start] = int(np.argmin(np.where(near, distances, np.inf)))
        else:
            labels[start] = len(chosen)
            chosen.append(int(start))
            known = np.concatenate([known, images[start][:1]])
    rows = np.array(chosen, dtype=int)
    chosen_points = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], points)
    return Distinct(chosen_points, np.bincount(labels[labels >= 0], minlength=len(rows)), labels)


class Completeness(NamedTuple):
    """Whether the numbers of critical points of each index add up.

    >>> from jaxdl.curvature.critical import critical_points
    >>> wells = critical_points(lambda w: (w**2 - 1) ** 2, jax.numpy.array([-2.0, 0.1, 2.0]))
    >>> completeness(distinct(wells).points, euler_characteristic=1).adds_up
    True
    """

    index_sum: int
    """The sum of (-1)^index over the points that are not degenerate."""
    num_degenerate: int
    """Points with a zero eigenvalue, which the sum leaves out."""
    adds_up: bool
    """No point is degenerate, and the sum is as expected: necessary for a list to be complete, though not sufficient."""


def completeness(points: CriticalPoints, *, euler_characteristic: int = 1) -> Completeness:
    """The check of Poincaré and Hopf that no critical point is missing.

        sum over all critical points of (-1)^index = the Euler characteristic

    The characteristic is 1 for a function that grows in all directions (coercive), 0 on a torus, 2 on a sphere of even dimension
    and 0 on one of odd dimension. The points must be distinct: reduce them by `distinct` first.

    Source: Milnor, *Morse Theory* (1963), theorem 5.2.

    >>> from jaxdl.curvature.critical.points import critical_points
    >>> points = critical_points(lambda w: (w[0] ** 2 - 1) ** 2, jax.numpy.array([[-2.0], [0.1], [0.7]]))
    >>> completeness(distinct(points).points)
    Completeness(index_sum=1, num_degenerate=0, adds_up=True)
    """
    check_type("completeness", "points", points, CriticalPoints, "distinct(...).points")
    check_counts("completeness", -(2**31), euler_characteristic=euler_characteristic)
    if np.ndim(points.kind) != 1:
        msg = f"completeness: got kinds of shape {np.shape(points.kind)}, expected one axis of points, as of distinct"
        raise ValueError(msg)
    inertia = np.asarray(points.inertia)[np.isin(np.asarray(points.kind), CRITICAL)]
    is_degenerate = inertia[:, 1] > 0
    index_sum = int(np.sum((-1) ** inertia[~is_degenerate, 0]))
    num_degenerate = int(is_degenerate.sum())
    return Completeness(index_sum, num_degenerate, num_degenerate == 0 and index_sum == euler_characteristic)


def _rows(params: PyTree) -> Float[np.ndarray, "starts p"]:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
