"""Critical points of any scalar function, from many starts at once, distinguished from places that are only flat.

Every search holds a dense Hessian, so this is for up to a few hundred parameters; `newton_mr` is for more.
"""

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PyTree, Scalar, ScalarLike

from jaxdl.curvature.checks import check_floats, check_loss, check_precision, shapes_of, warn_of_tied
from jaxdl.curvature.critical.levenberg_marquardt import (
    FlatLoss,
    Tolerances,
    conditions,
    derivatives,
    is_short,
    levenberg_marquardt,
    newton_step,
    polish,
)
from jaxdl.curvature.precision import FULL
from jaxdl.curvature.products.linearized import linearized_gradient
from jaxdl.kinds import check_counts, check_numbers
from jaxdl.rounding import negligible, product
from jaxdl.types import Params

SAFETY = 4
"""An eigenvalue differs from zero if it exceeds this many times its change over one more Newton step."""


class Kind(enum.IntEnum):
    """The kind of a point at which a search ends.

    >>> Kind(2).name, Kind.SADDLE == 2
    ('SADDLE', True)
    """

    MINIMUM = 0
    """critical, all eigenvalues positive"""
    MAXIMUM = 1
    """critical, all eigenvalues negative"""
    SADDLE = 2
    """critical, eigenvalues of both signs (and perhaps of zero)"""
    DEGENERATE = 3
    """critical, no two signs, some eigenvalue zero: the Hessian leaves open whether it is a minimum, maximum or saddle"""
    GRADIENT_FLAT = 4
    """not critical: the gradient is not zero but lies in the Hessian's kernel, so its norm has a stationary point"""
    DIVERGED = 5
    """not finite, or outside of the radius"""
    UNFINISHED = 6
    """none of these: the search ran out of steps, or rounding stopped it"""


class CriticalPoints(NamedTuple):
    """The properties of one point, or of many, with a leading axis "starts" on every field.

    >>> found = critical_points(lambda w: jnp.sum(w**2), jnp.ones((2, 3)))
    >>> print(found.spectrum[0], found.inertia[0])
    [2. 2. 2.] [0 0 3]
    """

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


class EscapeDirections(NamedTuple):
    """The most negative curvatures at a point, with their directions.

    >>> ways = escape_directions(lambda w: w[0] ** 2 - 3 * w[1] ** 2, jnp.zeros(2), num_directions=1)
    >>> print(ways.curvatures, jnp.abs(ways.directions))
    [-6.] [[0. 1.]]
    """

    curvatures: Float[Array, " directions"]
    """The smallest eigenvalues of the Hessian, in increasing order."""
    directions: Params
    """Eigenvectors of norm one, with a leading axis "directions"; the slope along each is not positive."""


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
    is quadratic, to isolated points and to manifolds of them (Fan and Yuan, 2005). Newton steps H⁺ g end the search, as H² does
    not resolve soft directions. A point counts as

    - critical if |g| <= gradient_tolerance |H| (1 + |w|), and |H⁺ g| <= sqrt(gradient_tolerance) (1 + |w|). The first condition
      misses directions in which H is small, along which a small gradient may be far from its zero;
    - gradient-flat if it is not critical, |H g| <= flat_tolerance |g| max(|H|, |g| / (1 + |w|)), and |H g| / |g| counts as zero.
      Minimizing |g| leads to such points too, often more often than to critical ones (Frye et al., 2021). They have no
      meaningful index.

    An eigenvalue counts as zero up to c eps |H| sqrt(n), plus four times the change of the spectrum over one more Newton step.
    Around a degenerate point that step changes the eigenvalues by as much as their size, and their signs mean nothing. H⁺ leaves
    out eigenvalues up to c eps |H| sqrt(n), which are rounding.

    As only steps that lower |g| are taken, a search that would have to raise |g| on its way, as Rosenbrock's from the left of
    x = -1/4, ends elsewhere or unfinished.

    Args:
        loss: a scalar function of the parameters, twice differentiable.
        starts: parameters with a leading axis, one entry for each start.
        max_steps: when a search is given up; one start alone ends as it does among others.
        gradient_tolerance: by default eps^(3/4): 2e-12 in double precision, 6e-6 in single precision.
        flat_tolerance: by default 8 sqrt(eps), which is as near as rounding lets |g| be minimized. Where the condition
            number exceeds the inverse, 8e6 in double precision and 360 in single precision, and the Hessian changes much
            over a Newton step, a place where descent is slow may be taken for a flat one.
        radius: points with |w| beyond it have diverged; give it where the gradient vanishes at infinity, as that of
            networks of saturating units does.

    Returns:
        A record of every start, in their order, wherever it ended; `distinct` reduces them to distinct critical points.

    Raises:
        ValueError: starts without a common leading axis, or not of single or double precision; a loss that is not a real
            scalar; no steps.

    >>> def double_well(w):
    ...     return (w["x"] ** 2 - 1) ** 2
    >>> found = critical_points(double_well, {"x": jnp.array([-2.0, 0.1, 0.7])})
    >>> print(found.params["x"].round(5), [Kind(int(kind)).name for kind in found.kind])
    [-1.  0.  1.] ['MINIMUM', 'MAXIMUM', 'MINIMUM']

    Sources: Frye et al., "Critical point-finding methods reveal gradient-flat regions of deep network losses" (2021);
    Nielsen, "Damping parameter in Marquardt's method" (1999).
    """
    check_counts("critical_points", 1, max_steps=max_steps)
    _check_tolerances("critical_points", gradient_tolerance, flat_tolerance, radius)
    check_points("critical_points", loss, starts)

    def search(start: Params) -> CriticalPoints:
        flat, unravel = ravel_pytree(start)

        def flat_loss(w: Float[Array, " p"]) -> Scalar:
            return loss(unravel(w))

        tolerances = _tolerances(flat.dtype, gradient_tolerance, flat_tolerance, radius)
        state = levenberg_marquardt(flat_loss, flat, max_steps, tolerances)
        state = polish(flat_loss, state, max_steps, tolerances)
        found = _classify(flat_loss, state.flat, tolerances)
        return found._replace(params=unravel(found.params), num_steps=state.num_steps)

    # Where a search meets NaN, its record says so: no fault for a mode of debugging to stop at.
    with jax.debug_nans(False), jax.default_matmul_precision(FULL):
        return jax.vmap(search)(starts)


def critical_point(
    loss: Callable[[Params], Scalar],
    params: Params,
    *,
    gradient_tolerance: ScalarLike | None = None,
    flat_tolerance: ScalarLike | None = None,
    radius: ScalarLike = np.inf,
) -> CriticalPoints:
    """The record of one given point, as `critical_points` makes it, without the search. Arguments are the same.

    >>> saddle = critical_point(lambda w: w[0] ** 2 - w[1] ** 2, jnp.zeros(2))
    >>> print(saddle.inertia, Kind(int(saddle.kind)).name)
    [1 0 1] SADDLE
    """
    _check_tolerances("critical_point", gradient_tolerance, flat_tolerance, radius)
    check_point("critical_point", loss, params)
    flat, unravel = ravel_pytree(params)
    tolerances = _tolerances(flat.dtype, gradient_tolerance, flat_tolerance, radius)
    with jax.debug_nans(False), jax.default_matmul_precision(FULL):
        found = _classify(lambda w: loss(unravel(w)), flat, tolerances)
    return found._replace(params=unravel(found.params))


def escape_directions(loss: Callable[[Params], Scalar], params: Params, *, num_directions: int = 1) -> EscapeDirections:
    """The ways out of a saddle: the directions of most negative curvature, downhill.

    Where a curvature is not negative, its direction is no way out.

    Raises:
        ValueError: a number that is not between 1 and the number of parameters; a loss that is not a scalar.

    >>> curvatures, directions = escape_directions(lambda w: w[0] ** 2 - w[1] ** 2 + w[1], jnp.zeros(2))
    >>> print(curvatures, abs(directions[0, 0]), directions[0, 1])
    [-2.] 0.0 -1.0
    """
    check_counts("escape_directions", 1, num_directions=num_directions)
    check_point("escape_directions", loss, params)
    flat, unravel = ravel_pytree(params)
    if num_directions > flat.size:
        msg = f"escape_directions: got num_directions={num_directions}, expected from 1 to {flat.size}, the number of parameters"
        raise ValueError(msg)
    gradient, hessian = derivatives(lambda w: loss(unravel(w)), flat)
    spectrum, vectors = jnp.linalg.eigh(hessian)
    chosen = vectors.T[:num_directions]
    slopes = product(chosen, gradient)
    return EscapeDirections(
        spectrum[:num_directions], jax.vmap(unravel)(jnp.where(slopes[:, None] > 0, -chosen, chosen))
    )


def _classify(loss: FlatLoss, flat: Float[Array, " p"], tolerances: Tolerances) -> CriticalPoints:
    gradient, hessian = derivatives(loss, flat)
    spectrum, vectors = jnp.linalg.eigh(hessian)
    step = newton_step(gradient, spectrum, vectors)
    change = jnp.max(jnp.abs(jnp.linalg.eigvalsh(derivatives(loss, flat - step)[1]) - spectrum))
    # Where the Hessian is not finite a step away, nothing is known of its signs here.
    zero = negligible(spectrum) + SAFETY * jnp.where(jnp.isfinite(change), change, jnp.inf)
    negative, positive = (jnp.sum(sign * spectrum > zero) for sign in (-1, 1))
    inertia = jnp.stack([negative, flat.size - negative - positive, positive]).astype(jnp.int32)
    is_small, is_flat, is_lost = conditions(flat, gradient, hessian, tolerances)
    is_critical = is_small & is_short(step, flat, tolerances)
    gradient_norm = jnp.linalg.norm(gradient)
    image_norm = jnp.linalg.norm(product(hessian, gradient))
    is_flat = is_flat & (image_norm <= zero * gradient_norm)
    kind = jnp.select(
        [is_lost, ~is_critical & is_flat, ~is_critical, (negative > 0) & (positive > 0), inertia[1] > 0, positive > 0],
        [Kind.DIVERGED, Kind.GRADIENT_FLAT, Kind.UNFINISHED, Kind.SADDLE, Kind.DEGENERATE, Kind.MINIMUM],
        Kind.MAXIMUM,
    )
    return CriticalPoints(
        params=flat,
        value=loss(flat),
        gradient_norm=gradient_norm,
        flatness=image_norm / gradient_norm,
        spectrum=spectrum,
        tolerance=zero,
        inertia=inertia,
        kind=kind.astype(jnp.int32),
        num_steps=jnp.zeros((), jnp.int32),
    )


def check_points(name: str, loss: Callable[[Params], Scalar], starts: Params) -> None:
    """Refuse points without a common leading axis, and what `check_point` refuses.

    >>> check_points("critical_points", lambda w: w, jnp.ones(3))
    """
    check_floats(name, starts)
    warn_of_tied(name, starts)
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(starts)]
    if len({shape[:1] for shape in shapes} - {()}) != 1 or () in shapes:
        msg = f"{name}: got points of shapes {shapes}, expected one common leading axis; for one point add it by leaf[None]"
        raise ValueError(msg)
    first = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), shapes_of(starts))
    check_point(name, loss, first)


def check_point(name: str, loss: Callable[[Params], Scalar], params: PyTree) -> None:
    """Refuse a point not of single or double precision, and a loss without a Hessian.

    Raises:
        ValueError: what `check_floats` and `check_loss` refuse; a loss that jax cannot differentiate twice.

    >>> check_point("critical_point", lambda w: w, jnp.ones(()))
    """
    check_floats(name, params)
    warn_of_tied(name, params)
    shapes = shapes_of(params)
    check_precision(name, jax.tree.leaves(shapes)[0].dtype)
    check_loss(name, loss, shapes)
    jax.eval_shape(lambda at: linearized_gradient(name, loss, at)[0], shapes)


def _check_tolerances(name: str, gradient: ScalarLike | None, flat: ScalarLike | None, radius: ScalarLike) -> None:
    given: dict[str, Any] = {"gradient_tolerance": gradient, "flat_tolerance": flat, "radius": radius}
    check_numbers(name, 0, **{label: number for label, number in given.items() if number is not None})


def _tolerances(
    dtype: jnp.dtype, gradient: ScalarLike | None, flat: ScalarLike | None, radius: ScalarLike
) -> Tolerances:
    eps = float(jnp.finfo(dtype).eps)
    chosen = Tolerances(eps**0.75 if gradient is None else gradient, 8 * eps**0.5 if flat is None else flat, radius)
    return jax.tree.map(lambda tolerance: jnp.asarray(tolerance, dtype), chosen)
