"""Eigenpairs at both ends of a symmetric operator's spectrum, each certified by its residual.

The method is thick-restart Lanczos (Wu and Simon, 2000), with two additions. A fresh Krylov space, orthogonal to the pairs
that have converged and started at random, confirms them: one Krylov space holds only one direction of every eigenspace, and a
restarted one never sees the others. And every residual is recomputed by a product of its own, as a recurrence can drift.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Scalar

from jaxdl.curvature.checks import check_same_form
from jaxdl.curvature.products.operators import (
    FlatMatvec,
    Matvec,
    columns_of,
    operator_of,
    refuse_asymmetric,
)
from jaxdl.curvature.spectra.lanczos import Krylov, extend, orthogonalize, start_along, unfilled
from jaxdl.curvature.spectra.under_vmap import eigh
from jaxdl.kinds import as_key, check_counts, check_numbers
from jaxdl.programs.kept import compiled
from jaxdl.rounding import product, vector_norm
from jaxdl.types import Key, Params

SLAB = 2**14
"""Entries of every vector that are rotated at a time: 4 MB of a basis of 60."""
FLOOR = 10
"""No residual is claimed to be below this many units of rounding, relative to the operator."""


class Eigenpairs(NamedTuple):
    """Eigenvalues in decreasing order: `top` of the largest ones, then `bottom` of the smallest ones.

    >>> pairs = eigenpairs(lambda v: jnp.array([3.0, 1.0]) * v, jnp.zeros(2), jax.random.key(0), top=1, bottom=1)
    >>> print(pairs.values, pairs.converged)
    [3. 1.] [ True  True]
    """

    values: Float[Array, " pairs"]
    vectors: Params
    """Of norm one and orthogonal; every leaf of the parameters with a leading axis "pairs"."""
    residual_bounds: Float[Array, " pairs"]
    """|A y - θ y| + 10 eps |A|: *an* eigenvalue of a symmetric A lies within this distance of each value.

    Where the operator's matrix products are in lower precision, eps is their unit of rounding: 2^-10 in TF32, 2^-7 in bfloat16.
    """
    converged: Bool[Array, " pairs"]
    """The bound is at most the tolerance, and a fresh random Krylov space found no other value in this place."""
    num_matvecs: Int[Array, ""]
    norm: Scalar
    """The largest |A v| seen for a unit vector v: at most the norm of A, and close to it."""


class _Search(NamedTuple):
    """A Krylov space, and the Rayleigh-Ritz pairs in it: values in increasing order, and coefficients of the vectors."""

    krylov: Krylov
    values: Float[Array, " columns"]
    rotation: Float[Array, "columns columns"]
    cycles: Int[Array, ""]
    num_matvecs: Int[Array, ""]


class _Round(NamedTuple):
    """The claims of a search, and their check by the beginning of the next one."""

    basis: Float[Array, "rows p"]
    """The vectors claimed, a random one, and zeros: where the next search begins. The first begins with the start and zeros."""
    num_given: Int[Array, ""]
    values: Float[Array, " pairs"]
    residual_bounds: Float[Array, " pairs"]
    converged: Bool[Array, " pairs"]
    is_done: Bool[Array, ""]
    cycles: Int[Array, ""]
    num_matvecs: Int[Array, ""]
    scale: Scalar


def eigenpairs(
    matvec: Matvec,
    like: Params,
    key: Key,
    *,
    top: int = 5,
    bottom: int = 5,
    tolerance: float = 1e-5,
    basis_size: int | None = None,
    max_cycles: int = 100,
    dense_size: int = 100,
    start: Params | None = None,
) -> Eigenpairs:
    """The largest and the smallest eigenvalues of a symmetric operator, with eigenvectors and certified residuals.

    A small residual proves that *an* eigenvalue is near, not that it is the k-th. The confirmation by a random Krylov space
    makes it very likely that none was missed, such as a second copy of a multiple one.

    Args:
        matvec: the operator, as of `hvp`; it may close over traced values, and everything here may be vmapped. Under
            `vmap`, each member returns exactly what it returns alone; slower members do not change it.
        like: a pytree of its form.
        key: for the start, the confirmation, and the replacements at breakdowns.
        top: how many of the largest eigenvalues.
        bottom: how many of the smallest, that is the most negative, ones.
        tolerance: largest residual bound of a converged pair, relative to the norm of the operator; at least 30 units of
            rounding, so that an operator in lower precision needs a larger one than the default: 0.03 in TF32.
        basis_size: Krylov vectors held at a time; by default 3 (top + bottom) + 30, and 40 at least. In memory are one more than
            that, six vectors besides, and the pairs returned: 29 GiB for 10 pairs of 1e8 parameters on a GPU, 15 with a basis of
            24. On CPUs a few more.
        max_cycles: Krylov spaces, fresh or restart, before the search ends unconverged; at least 2.
        dense_size: up to this dimension, or the basis size, the matrix is formed and decomposed outright; beyond some
            hundred dimensions that is slower, and no more exact.
        start: where the search begins, such as the sum of the eigenvectors of a similar operator; random if `None`.

    Returns:
        Values, vectors, residual bounds, flags, and the number of products taken. Nothing has converged where a product, or
        its norm, is not finite.

    Raises:
        ValueError: more pairs than dimensions, or none; a tolerance below what the precision can certify; a basis too small;
            an asymmetric operator, products that are not finite (both unless traced); an operator that changes the
            structure, the shapes or the type; a start of another form; parameters of several types, or not of real
            floats of single or double precision.

    >>> pairs = eigenpairs(lambda v: jnp.array([3.0, -1.0, 2.0]) * v, jnp.zeros(3), jax.random.key(0), top=1, bottom=1)
    >>> print(pairs.values, pairs.converged, pairs.num_matvecs)
    [ 3. -1.] [ True  True] 3
    """
    as_key("eigenpairs", key, what="key")
    key_symmetry, key_start, key_search = jax.random.split(key, 3)
    flat_matvec, zeros, unravel, unit = operator_of("eigenpairs", matvec, like)
    check_counts("eigenpairs", 0, top=top, bottom=bottom, dense_size=dense_size)
    columns = max(40, 3 * (top + bottom) + 30) if basis_size is None else basis_size
    _check(zeros, unit, top, bottom, columns, tolerance, max_cycles)
    if start is not None:
        check_same_form("eigenpairs", "a start", start, like)
    refuse_asymmetric("eigenpairs", flat_matvec, zeros, key_symmetry, num_probes=2, unit=unit)
    if zeros.size <= max(dense_size, columns):
        pairs = _decompose(columns_of(flat_matvec, zeros), top, bottom, tolerance, unit)
    else:
        drawn = jax.random.normal(key_start, zeros.shape, zeros.dtype)
        first = drawn if start is None else start_along(ravel_pytree(start)[0], drawn)
        _refuse_too_large(columns, top + bottom, zeros, jax.devices()[0].memory_stats())
        pairs = compiled(
            _search, flat_matvec, zeros, first, key_search, top=top, bottom=bottom, columns=columns, tolerance=tolerance,
            max_cycles=max_cycles, unit=unit,
        )  # fmt: skip
    return pairs._replace(vectors=jax.vmap(unravel)(pairs.vectors))


def _check(
    zeros: Float[Array, " p"], unit: float, top: int, bottom: int, columns: int, tolerance: float, max_cycles: int
) -> None:
    check_counts("eigenpairs", 1, basis_size=columns, max_cycles=max_cycles)
    check_numbers("eigenpairs", 0, tolerance=tolerance)
    if not 1 <= top + bottom <= zeros.size:
        msg = (
            f"eigenpairs: got top={top} and bottom={bottom} for an operator of dimension {zeros.size}, expected one pair "
            "or more, and no more than dimensions; lower top or bottom"
        )
        raise ValueError(msg)
    if columns < top + bottom + 2:
        msg = f"eigenpairs: got basis_size={columns}, expected at least top + bottom + 2 = {top + bottom + 2}"
        raise ValueError(msg)
    if max_cycles < 2:
        msg = (
            f"eigenpairs: got max_cycles={max_cycles}, expected at least 2: one to find pairs, and one to confirm them"
        )
        raise ValueError(msg)
    lowest = 3 * FLOOR * unit
    if not tolerance >= lowest:
        is_coarse = unit > float(jnp.finfo(zeros.dtype).eps)
        what = f"products with digits of {unit:.0e} certify" if is_coarse else f"{zeros.dtype} certifies"
        remedy = "leave out precision=, or linearize in full precision" if is_coarse else "or compute in float64"
        got = f"eigenpairs: got tolerance={tolerance}, expected at least {lowest:.1e}"
        msg = f"{got}, below which {what} nothing; raise it, {remedy}"
        raise ValueError(msg)


def _refuse_too_large(columns: int, num_pairs: int, zeros: Float[Array, " p"], memory: dict[str, Any] | None) -> None:
    """Refuse, before it starts, a search whose vectors do not fit in the memory that a device says it has."""
    limit = (memory or {}).get("bytes_limit", math.inf)
    needed = (columns + num_pairs + 7) * zeros.size * zeros.dtype.itemsize
    if needed > limit:
        msg = (
            f"eigenpairs: got basis_size={columns} for {zeros.size} parameters, which takes {needed / 2**30:.3g} GiB besides the "
            f"operator's own, expected at most the {limit / 2**30:.3g} GiB of the device; lower basis_size, to no less than "
            f"{num_pairs + 2}, or the number of pairs"
        )
        raise ValueError(msg)


def _decompose(matrix: Float[Array, "p p"], top: int, bottom: int, tolerance: float, unit: float) -> Eigenpairs:
    values, rotation = eigh((matrix + matrix.T) / 2)
    norm = jnp.max(jnp.abs(values))
    wanted = _ends(values.size, top, bottom)
    values, vectors = values[wanted], rotation.T[wanted]
    images = product(vectors, matrix.T)
    residuals = vector_norm(images - values[:, None] * vectors)
    bounds = residuals + FLOOR * unit * norm
    converged = jnp.isfinite(norm) & (bounds <= tolerance * norm)
    return Eigenpairs(values, vectors, bounds, converged, jnp.int32(matrix.shape[0]), norm)


def _ends(size: int, top: int, bottom: int) -> np.ndarray:
    """The positions of both ends, in decreasing order, among values in increasing order."""
    return np.concatenate([np.arange(size - 1, size - 1 - top, -1), np.arange(bottom - 1, -1, -1)])


def _search(
    matvec: FlatMatvec,
    start: Float[Array, " p"],
    key: Key,
    *,
    top: int,
    bottom: int,
    columns: int,
    tolerance: float,
    max_cycles: int,
    unit: float,
) -> Eigenpairs:
    """Rounds of a fresh Krylov space and its restarts, until a fresh one confirms the claims of the round before."""
    num_pairs, dtype = top + bottom, start.dtype
    floor = FLOOR * unit
    # Beside the wanted ones, neighbors are kept at a restart: they keep the Krylov space rich.
    more = 2 * (columns - num_pairs) // 5
    more_top = more * top // num_pairs
    wanted, kept = _ends(columns, top, bottom), _ends(columns, top + more_top, bottom + more - more_top)

    def search_once(
        krylov: Krylov, drawn: Array, first: int, given: Int[Array, ""] | int, before: _Search | _Round
    ) -> _Search:
        # Every cycle takes other shifts, or it would replace what is exhausted by what it has seen already.
        spare = jnp.roll(drawn, columns * before.cycles)
        krylov = extend(matvec, krylov, spare, first=first, given=given)
        # The upper triangle alone: an arrowhead, or whatever the given rows make of it, needs no special case.
        values, rotation = eigh(krylov.coefficients)
        return _Search(krylov, values, rotation, before.cycles + 1, before.num_matvecs + (columns - first))

    def restart(search: _Search, drawn: Array) -> _Search:
        basis = _rotated(search.krylov.basis, search.rotation[:, kept])
        empty = unfilled(basis.at[kept.size].set(basis[-1]).at[kept.size + 1 :].set(0))
        krylov = empty._replace(
            coefficients=empty.coefficients.at[: kept.size, : kept.size].set(jnp.diag(search.values[kept])),
            remainders=empty.remainders.at[: kept.size].set(_residuals(search, kept, is_last_outside=False)),
            scale=search.krylov.scale,
        )
        return search_once(krylov, drawn, kept.size, 1, search)

    def is_unfinished(search: _Search) -> Bool[Array, ""]:
        # The floor twice: what is certified later is a residual of rounded products, plus the floor.
        limit = (tolerance - 2 * floor) * search.krylov.scale
        is_close = jnp.all(_residuals(search, wanted, is_last_outside=True) <= limit)
        return ~is_close & jnp.all(jnp.isfinite(search.values)) & (search.cycles < max_cycles)

    def next_round(before: _Round) -> _Round:
        drawn = jax.random.normal(jax.random.fold_in(key, before.cycles), start.shape, dtype)
        krylov = unfilled(before.basis)._replace(scale=before.scale)
        search = search_once(krylov, drawn, 0, before.num_given, before)
        scale = search.krylov.scale
        # The first columns are products with the vectors claimed.
        offsets = (
            search.krylov.coefficients[:, :num_pairs]
            - jnp.eye(columns, num_pairs, dtype=dtype) * before.values[None, :]
        )
        residuals = jnp.hypot(vector_norm(offsets.T), search.krylov.remainders[:num_pairs])
        bounds = residuals + floor * scale
        # The first round has no claims to confirm.
        is_near = (jnp.abs(search.values[wanted] - before.values) <= tolerance * scale) & (before.cycles > 0)
        is_confirmed = jnp.isfinite(scale) & is_near
        is_done = jnp.all(is_confirmed) | (search.cycles >= max_cycles) | ~jnp.all(jnp.isfinite(search.values))
        search = lax.while_loop(lambda s: is_unfinished(s) & ~is_done, lambda s: restart(s, drawn), search)
        # The claims stand in the first rows of a fresh basis, and stay there where they are confirmed.
        basis = _rotated(search.krylov.basis, search.rotation[:, wanted], is_kept=is_done)
        other, _ = orthogonalize(drawn, basis[:num_pairs])
        return _Round(
            basis.at[num_pairs].set(other / vector_norm(other)).at[num_pairs + 1 :].set(0),
            jnp.int32(num_pairs + 1),
            jnp.where(is_done, before.values, search.values[wanted]),
            bounds,
            is_confirmed & (bounds <= tolerance * scale),
            is_done,
            search.cycles,
            search.num_matvecs,
            search.krylov.scale,
        )

    claims = jnp.zeros(num_pairs, dtype)
    basis = jnp.zeros((columns + 1, start.size), dtype).at[0].set(start / vector_norm(start))
    zero = jnp.int32(0)
    first = _Round(basis, zero + 1, claims, claims, claims > 0, zero > 0, zero, zero, jnp.zeros((), dtype))
    last = lax.while_loop(lambda r: ~r.is_done, next_round, first)
    # A search that was over in its first round, for not being finite, claims nothing.
    values, bounds = (jnp.where(last.cycles > 1, numbers, jnp.nan) for numbers in (last.values, last.residual_bounds))
    return Eigenpairs(values, last.basis[:num_pairs], bounds, last.converged, last.num_matvecs, last.scale)


def _rotated(
    basis: Float[Array, "rows p"], rotation: Float[Array, "columns chosen"], *, is_kept: Bool[Array, ""] | bool = False
) -> Float[Array, "rows p"]:
    """The basis with the chosen Ritz vectors in its first rows, unless those are kept.

    A slab of entries at a time, in place: a second basis would double the memory.
    """
    num_columns, num_chosen = rotation.shape
    num_slabs = basis.shape[1] // SLAB

    def rotated(part: Float[Array, "columns entries"]) -> Float[Array, "chosen entries"]:
        return jnp.where(is_kept, part[:num_chosen], product(rotation.T, part))

    def rotate(index: Array, basis: Float[Array, "rows p"]) -> Float[Array, "rows p"]:
        at = (jnp.zeros_like(index), index * SLAB)
        return lax.dynamic_update_slice(basis, rotated(lax.dynamic_slice(basis, at, (num_columns, SLAB))), at)

    if num_slabs:
        basis = lax.fori_loop(0, num_slabs, rotate, basis)
    rest = basis[:num_columns, num_slabs * SLAB :]
    return basis.at[:num_chosen, num_slabs * SLAB :].set(rotated(rest))


def _residuals(search: _Search, chosen: np.ndarray, *, is_last_outside: bool) -> Float[Array, " chosen"]:
    """Norms of what the products with Ritz vectors leave outside the basis, its last row excluded or included."""
    krylov = search.krylov
    outside = jnp.where(krylov.followed, 0, krylov.remainders)
    if is_last_outside:
        outside = outside.at[-1].set(krylov.remainders[-1])
    return vector_norm((outside[:, None] * search.rotation[:, chosen]).T)
