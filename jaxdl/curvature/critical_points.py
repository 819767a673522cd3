"""Critical points of any scalar function: found from many starts at once, and told from places that are only flat.

Everything is dense: one search holds a Hessian, so this is for up to a few hundred parameters; `newton_mr` is for more.
"""

import enum
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, Scalar, ScalarLike

from jaxdl.curvature.levenberg_marquardt import (
    FlatLoss,
    Tolerances,
    conditions,
    derivatives,
    levenberg_marquardt,
    product,
)
from jaxdl.types import Params

ROUNDING = 10
"""Eigenvalues are computed to this many units of rounding times |H| sqrt(n)."""
SAFETY = 4
"""An eigenvalue is told from zero when it exceeds this many times its change over one more Newton step."""


class Kind(enum.IntEnum):
    """What a point is."""

    MINIMUM = 0
    """critical, all eigenvalues positive"""
    MAXIMUM = 1
    """critical, all eigenvalues negative"""
    SADDLE = 2
    """critical, eigenvalues of both signs (and perhaps of zero)"""
    DEGENERATE = 3
    """critical, no two signs, some eigenvalue zero: the Hessian does not tell whether it is a minimum, maximum or saddle"""
    GRADIENT_FLAT = 4
    """not critical: the gradient is not zero but lies in the Hessian's kernel, so its norm has a stationary point"""
    DIVERGED = 5
    """not finite, or outside of the radius"""
    UNFINISHED = 6
    """none of these: the search ran out of steps, or rounding stopped it"""


class CriticalPoints(NamedTuple):
    """What was found at one point; with a leading axis "starts" on everything when it comes from many."""

    params: Params
    value: Float[Array, "*starts"]
    gradient_norm: Float[Array, "*starts"]
    flatness: Float[Array, "*starts"]
    """|H g| / |g|: near zero where the gradient lies in the Hessian's kernel; nan where the gradient is exactly zero"""
    spectrum: Float[Array, "*starts p"]
    """The Hessian's eigenvalues in increasing order."""
    tolerance: Float[Array, "*starts"]
    """Eigenvalues of at most this size count as zero."""
    inertia: Int[Array, "*starts 3"]
    """The number of negative, zero and positive eigenvalues; the first one is the index."""
    kind: Int[Array, "*starts"]
    """A `Kind`."""
    num_steps: Int[Array, "*starts"]


def critical_points(
    loss: Callable[[Params], Scalar],
    starts: Params,
    *,
    max_steps: int = 200,
    gradient_tolerance: ScalarLike | None = None,
    flat_tolerance: ScalarLike | None = None,
    radius: ScalarLike = np.inf,
) -> CriticalPoints:
    """The critical points that Levenberg-Marquardt on the gradient reaches from many starts, each with its index.

        w <- w - (H² + s² I)⁻¹ H g,   s = damping |g| / (1 + |w|)

    A step that lowers |g| is taken. The damping adapts (Nielsen, 1999) and vanishes with the gradient, so that convergence
    is quadratic, to isolated points and to manifolds of them alike (Fan and Yuan, 2005). A point counts as

    - critical where |g| <= gradient_tolerance |H| (1 + |w|);
    - gradient-flat where not, and |H g| <= flat_tolerance |g| max(|H|, |g| / (1 + |w|)). To minimise |g| leads to such
      points too, often more often than to critical ones (Frye et al., 2021): they have no index worth the name.

    An eigenvalue counts as zero up to c eps |H| sqrt(n), plus four times the change of the spectrum over one more Newton
    step: where that step changes the eigenvalues as much as they are large, as around a degenerate point, their
    signs say nothing.

    Args:
        loss: a scalar function of the parameters, twice differentiable.
        starts: parameters with a leading axis, one entry for each start.
        max_steps: when a search is given up; one start alone ends as it does among others.
        gradient_tolerance: by default eps^(3/4): 2e-12 in double precision, 6e-6 in single precision.
        flat_tolerance: by default 8 sqrt(eps), which is as near as rounding lets |g| be minimised. Beyond condition numbers
            of the inverse a slow descent may be taken for a flat place.
        radius: points with |w| beyond it have diverged; give it where the gradient vanishes at infinity, as that of
            networks of saturating units does.

    Returns:
        A record of every start, in their order, whatever it reached; `merge` reduces them to distinct critical points.

    Raises:
        ValueError: starts without a common leading axis, or not of floating point; a loss that is not a scalar; no steps.

    >>> def double_well(w):
    ...     return (w["x"] ** 2 - 1) ** 2
    >>> found = critical_points(double_well, {"x": jnp.array([-2.0, 0.1, 0.7])})
    >>> print(found.params["x"].round(5), [Kind(int(kind)).name for kind in found.kind])
    [-1.  0.  1.] ['MINIMUM', 'MAXIMUM', 'MINIMUM']

    Sources: Frye et al., "Critical point-finding methods reveal gradient-flat regions of deep network losses" (2021);
    Nielsen, "Damping parameter in Marquardt's method" (1999).
    """
    check_points(loss, starts)
    if max_steps < 1:
        msg = f"critical_points: got max_steps={max_steps}, expected at least 1"
        raise ValueError(msg)

    def search(start: Params) -> CriticalPoints:
        flat, unravel = ravel_pytree(start)

        def flat_loss(w: Float[Array, " p"]) -> Scalar:
            return loss(unravel(w))

        tolerances = _tolerances(flat.dtype, gradient_tolerance, flat_tolerance, radius)
        state = levenberg_marquardt(flat_loss, flat, max_steps, tolerances)
        found = _inspected(flat_loss, state.flat, tolerances)
        return found._replace(params=unravel(found.params), num_steps=state.num_steps)

    return jax.vmap(search)(starts)


def critical_point(
    loss: Callable[[Params], Scalar],
    params: Params,
    *,
    gradient_tolerance: ScalarLike | None = None,
    flat_tolerance: ScalarLike | None = None,
    radius: ScalarLike = np.inf,
) -> CriticalPoints:
    """What one given point is: the record that `critical_points` makes, without the search. Arguments as there.

    >>> saddle = critical_point(lambda w: w[0] ** 2 - w[1] ** 2, jnp.zeros(2))
    >>> print(saddle.inertia, Kind(int(saddle.kind)).name)
    [1 0 1] SADDLE
    """
    check_points(loss, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params))
    flat, unravel = ravel_pytree(params)
    tolerances = _tolerances(flat.dtype, gradient_tolerance, flat_tolerance, radius)
    found = _inspected(lambda w: loss(unravel(w)), flat, tolerances)
    return found._replace(params=unravel(found.params))


def _inspected(loss: FlatLoss, flat: Float[Array, " p"], tolerances: Tolerances) -> CriticalPoints:
    eps = jnp.finfo(flat.dtype).eps
    gradient, hessian = derivatives(loss, flat)
    spectrum, vectors = jnp.linalg.eigh(hessian)
    norm = jnp.max(jnp.abs(spectrum))
    # Along directions of no curvature a gradient of nothing but rounding would make an endless step.
    damped = spectrum / (spectrum**2 + eps * norm**2 + jnp.finfo(flat.dtype).tiny)
    next_point = flat - product(vectors, damped * product(vectors.T, gradient))
    change = jnp.max(jnp.abs(jnp.linalg.eigvalsh(derivatives(loss, next_point)[1]) - spectrum))
    zero = ROUNDING * eps * norm * flat.size**0.5 + SAFETY * change
    negative, positive = (jnp.sum(sign * spectrum > zero) for sign in (-1, 1))
    inertia = jnp.stack([negative, flat.size - negative - positive, positive]).astype(jnp.int32)
    is_critical, is_flat, is_lost = conditions(flat, gradient, hessian, tolerances)
    kind = jnp.select(
        [is_lost, ~is_critical & is_flat, ~is_critical, (negative > 0) & (positive > 0), inertia[1] > 0, positive > 0],
        [Kind.DIVERGED, Kind.GRADIENT_FLAT, Kind.UNFINISHED, Kind.SADDLE, Kind.DEGENERATE, Kind.MINIMUM],
        Kind.MAXIMUM,
    )
    gradient_norm = jnp.linalg.norm(gradient)
    return CriticalPoints(
        params=flat,
        value=loss(flat),
        gradient_norm=gradient_norm,
        flatness=jnp.linalg.norm(product(hessian, gradient)) / gradient_norm,
        spectrum=spectrum,
        tolerance=zero,
        inertia=inertia,
        kind=kind.astype(jnp.int32),
        num_steps=jnp.zeros((), jnp.int32),
    )


def check_points(loss: Callable[[Params], Scalar], points: Params) -> None:
    """Raise ValueError unless all leaves of `points` are of floating point with one leading axis, and `loss` is a scalar.

    >>> check_points(lambda w: w, jnp.ones(3))
    """
    leaves = jax.tree.leaves(points)
    shapes = [jnp.shape(leaf) for leaf in leaves]
    if len({shape[:1] for shape in shapes} - {()}) != 1 or () in shapes:
        msg = f"got points of shapes {shapes}, expected one common leading axis; for one point add it by leaf[None]"
        raise ValueError(msg)
    dtypes = [jnp.result_type(leaf) for leaf in leaves]
    if not all(jnp.issubdtype(dtype, jnp.floating) for dtype in dtypes):
        msg = f"got parameters of types {[str(dtype) for dtype in dtypes]}, expected floating point; convert them first"
        raise ValueError(msg)
    values = jax.eval_shape(jax.vmap(loss), points)
    if not isinstance(values, jax.ShapeDtypeStruct) or values.shape != shapes[0][:1]:
        msg = f"got a loss that returns {values} for {shapes[0][0]} points, expected one number each; reduce it"
        raise ValueError(msg)


def _tolerances(
    dtype: jnp.dtype, gradient: ScalarLike | None, flat: ScalarLike | None, radius: ScalarLike
) -> Tolerances:
    eps = float(jnp.finfo(dtype).eps)
    chosen = Tolerances(eps**0.75 if gradient is None else gradient, 8 * eps**0.5 if flat is None else flat, radius)
    return jax.tree.map(lambda tolerance: jnp.asarray(tolerance, dtype), chosen)
