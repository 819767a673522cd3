"""Symmetric operators on pytrees, given by their products: checks, flat vectors, dense matrices, blocks.

An operator is a function `matvec` that maps a pytree to one of the same structure, shapes and type, linearly. `like` is
any pytree of that form, such as the parameters themselves; only its shapes and its type are read.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree, Scalar

from jaxdl.curvature.checks import (
    check_arrays,
    check_floats,
    check_precision,
    check_same_form,
    form,
    is_known,
    refuse_coarse,
    refuse_coarse_products,
    shapes_of,
    trace_shapes,
)
from jaxdl.curvature.precision import at_precision
from jaxdl.kinds import as_key, check_counts, check_function
from jaxdl.programs.kept import compiled
from jaxdl.rounding import product, vector_norm
from jaxdl.types import Key, Params

Matvec = Callable[[Params], Params]
"""A linear map of pytrees like the parameters; spectra need a symmetric one."""
FlatMatvec = Callable[[Float[Array, " p"]], Float[Array, " p"]]
"""The same on flat vectors."""

DENSE_SIZE = 1000
"""Up to this dimension a matrix is formed where that makes a result exact: with about as many products as an estimate takes."""
ASYMMETRY = 1000
"""An operator is refused as asymmetric, or as not linear, beyond this many units of rounding."""
COARSE_ASYMMETRY = 10
"""The same in units of products in lower precision, whose sums round no further."""
HIGHEST = 'On accelerators, products linearized in TF32 or bfloat16 differ so: do it under jax.default_matmul_precision("highest")'


class Operator(NamedTuple):
    """An operator on flat vectors."""

    matvec: FlatMatvec
    zeros: Float[Array, " p"]
    """A vector of its shape and type."""
    unravel: Callable[[Array], Params]
    """The map back to pytrees."""
    unit: float
    """Of rounding, of its matrix products: that of its type, unless they are in lower precision."""


class Restricted(NamedTuple):
    """A diagonal block of an operator.

    >>> params = {"a": jnp.ones(1), "b": jnp.ones(1)}
    >>> block = restrict(lambda v: {"a": 2 * v["a"], "b": 3 * v["b"]}, params, {"a": False, "b": True})
    >>> print(block.matvec({"a": None, "b": jnp.ones(1)})["b"])
    [3.]
    """

    matvec: Matvec
    like: Params
    """The parameters with `None` in the place of what is left out."""


def check_symmetric(matvec: Matvec, like: Params, key: Key, *, num_probes: int = 2) -> None:
    """Refuse an operator that is not symmetric, or not linear, by its products with random u and v.

    It is refused if u · A v and v · A u differ by more than `ASYMMETRY` eps (|A u| + |A v|), or `COARSE_ASYMMETRY` units of
    products in lower precision, where it chooses one. For normal u and v this shows an
    asymmetry of that size relative to the Frobenius norm, in any dimension. It is also refused if A u and -3 A (-u/3) differ so:
    it is then not linear, or computes with fewer digits than it returns. Under `jit` no values are known, and none are checked.

    Raises:
        ValueError: an asymmetric operator, or one that is not linear; one whose products are not finite, or so small that
            the type holds no digits of them; one that `flat_operator` refuses.

    >>> check_symmetric(lambda v: jnp.array([[0.0, 1.0], [2.0, 0.0]]) @ v, jnp.ones(2), jax.random.key(0))
    Traceback (most recent call last):
    ...
    ValueError: check_symmetric: got u·Av and v·Au that differ by ... of |Au| + |Av|, expected at most ...
    """
    check_counts("check_symmetric", 1, num_probes=num_probes)
    as_key("check_symmetric", key, what="key")
    operator = operator_of("check_symmetric", matvec, like)
    refuse_asymmetric(
        "check_symmetric", operator.matvec, operator.zeros, key, num_probes=num_probes, unit=operator.unit
    )


def refuse_asymmetric(
    name: str, matvec: FlatMatvec, zeros: Float[Array, " p"], key: Key, *, num_probes: int, unit: float = 0.0
) -> None:
    """Does what `check_symmetric` does, for the function `name` and on flat vectors."""
    if isinstance(key, jax.core.Tracer):
        return
    limit = _limit(zeros.dtype, unit)
    pairs = jax.random.normal(key, (num_probes, 2, zeros.size), zeros.dtype)
    if isinstance(pairs, jax.core.Tracer):
        return
    for index, (u, v) in enumerate(pairs):
        images = matvec(u), matvec(v)
        if not all(map(is_known, images)):
            return
        difference = jnp.abs(product(u, images[1]) - product(v, images[0]))
        norm = vector_norm(images[0]) + vector_norm(images[1])
        _refuse_values(name, difference, norm, images)
        if bool(difference > limit * norm):
            msg = (
                f"{name}: got u·Av and v·Au that differ by {float(difference / norm):.1e} of |Au| + |Av|, "
                f"expected at most {limit:.0e}; is the operator symmetric, is its function deterministic, and does it compute "
                f"in the precision of {zeros.dtype}? {HIGHEST}"
            )
            raise ValueError(msg)
        if index == 0:
            _refuse_unlike_thirds(name, matvec, u, images[0], limit)


def refuse_nonlinear(name: str, matvec: FlatMatvec, zeros: Float[Array, " p"]) -> None:
    """Refuse an operator for which A u is not -3 A (-u/3) at a random u, where values are known.

    >>> refuse_nonlinear("trace", lambda v: v**2, jnp.zeros(2))
    Traceback (most recent call last):
    ...
    ValueError: trace: got Au and -3A(-u/3) that differ by ... of |Au|, expected at most ...
    """
    # The same for every call, since not all callers have a key.
    u = jax.random.normal(jax.random.key(0), zeros.shape, zeros.dtype)
    _refuse_unlike_thirds(name, matvec, u, matvec(u), _limit(zeros.dtype, 0.0))


def _limit(dtype: jnp.dtype, unit: float) -> float:
    """The difference up to which products agree."""
    return max(ASYMMETRY * float(jnp.finfo(dtype).eps), COARSE_ASYMMETRY * unit)


def _refuse_unlike_thirds(
    name: str, matvec: FlatMatvec, u: Float[Array, " p"], image: Float[Array, " p"], limit: float
) -> None:
    # No power of two, so that products in few digits are rounded otherwise; below one, so that nothing more overflows.
    third = matvec(-u / 3)
    if not (is_known(image) and is_known(third)):
        return
    difference, norm = vector_norm(image + 3 * third), vector_norm(image)
    _refuse_values(name, difference, norm, (image, third))
    if not (np.asarray(image).any() or np.asarray(third).any()):
        # Zero, or lost on the way: what becomes of a larger vector is larger.
        _refuse_values(name, norm, norm, (matvec(u * 2.0 ** (3 * jnp.finfo(u.dtype).maxexp // 5)),))
    if bool(difference > limit * jnp.maximum(norm, 3 * vector_norm(third))):
        msg = (
            f"{name}: got Au and -3A(-u/3) that differ by {float(difference / jnp.maximum(norm, 3 * vector_norm(third))):.1e} of "
            f"|Au|, expected at most {limit:.0e}; a matvec is linear, such as hvp's, and neither a loss nor a gradient. {HIGHEST}"
        )
        raise ValueError(msg)


def _refuse_values(name: str, difference: Scalar, norm: Scalar, images: tuple[Array, ...]) -> None:
    if not bool(jnp.isfinite(difference)):
        msg = (
            f"{name}: got a product with NaN or infinite values, expected finite ones; does the function overflow here?"
        )
        raise ValueError(msg)
    tiny = jnp.finfo(norm.dtype).tiny
    if bool(norm < tiny) and any(np.asarray(image).any() for image in images):
        msg = (
            f"{name}: got products so small that {norm.dtype} loses their digits, expected numbers above "
            f"{float(tiny):.0e}; scale the function up, or compute in float64"
        )
        raise ValueError(msg)


def flat_operator(
    name: str, matvec: Matvec, like: Params
) -> tuple[FlatMatvec, Float[Array, " p"], Callable[[Array], Params]]:
    """The operator on flat vectors, a vector of zeros of their shape and type, and the map back to pytrees.

    Raises:
        ValueError: what `operator_of` refuses, and matrix products in a lower precision.

    >>> matvec, zeros, unravel = flat_operator("doubled", lambda v: jax.tree.map(lambda a: 2 * a, v), {"a": jnp.ones((1, 2))})
    >>> print(matvec(zeros + 1), unravel(zeros))
    [2. 2.] {'a': Array([[0., 0.]], dtype=float64)}
    """
    operator = operator_of(name, matvec, like)
    refuse_coarse_products(name, operator.unit, operator.zeros.dtype)
    return operator[:3]


def operator_of(name: str, matvec: Matvec, like: Params) -> Operator:
    """The operator on flat vectors, with matrix products of full precision where it has chosen no other.

    Raises:
        ValueError: in the name of the caller, a `like` that `check_floats` refuses, or of half precision; a matvec that is
            no function, raises an error, computes in lower types than that of `like`, or changes the structure, the
            shapes or the type.

    >>> operator_of("doubled", lambda v: 2 * v, jnp.ones(2, jnp.float32)).unit == 2**-23
    True
    """
    check_floats(name, like)
    shapes = shapes_of(like)
    check_precision(name, jax.tree.leaves(shapes)[0].dtype)
    zeros, unravel = ravel_pytree(jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes))
    check_matvec(name, matvec)
    image, coarse, unit = trace_shapes(name, "matvec", matvec, shapes)
    if form(image) != form(shapes):
        msg = (
            f"{name}: got a matvec that returns {form(image)}, expected what it was given, {form(shapes)}; "
            "a linear operator on parameters returns their structure, shapes and type"
        )
        raise ValueError(msg)
    refuse_coarse(name, "matvec", coarse, shapes)
    return Operator(at_precision(lambda vector: ravel_pytree(matvec(unravel(vector)))[0]), zeros, unravel, unit)


def check_matvec(name: str, matvec: Any) -> None:
    """Refuse anything but a function of one vector.

    >>> check_matvec("trace", jnp.eye(2))
    Traceback (most recent call last):
    ...
    ValueError: trace: got matvec=an array of shape (2, 2) and type ..., expected a function (vector); a matrix A is given as ...
    """
    check_function(name, matvec, ("vector",), "a matrix A is given as lambda v: A @ v", what="matvec")


def dense(matvec: Matvec, like: Params, *, chunk_size: int = 4) -> Float[Array, "p p"]:
    """The matrix of an operator, from one product for each of its p columns, `chunk_size` at once.

    Rows and columns are in the order of `jax.flatten_util.ravel_pytree`. On CPUs about 4 at once are fastest.

    Raises:
        ValueError: as `flat_operator`; a chunk size below one; an operator that is not linear, unless traced.

    >>> print(dense(lambda v: {"a": 2 * v["a"], "b": v["b"]}, {"a": jnp.ones(1), "b": jnp.ones(1)}))
    [[2. 0.]
     [0. 1.]]
    """
    check_counts("dense", 1, chunk_size=chunk_size)
    flat_matvec, zeros, _ = flat_operator("dense", matvec, like)
    refuse_nonlinear("dense", flat_matvec, zeros)
    return columns_of(flat_matvec, zeros, chunk_size=chunk_size)


def columns_of(matvec: FlatMatvec, zeros: Float[Array, " p"], *, chunk_size: int = 4) -> Float[Array, "p p"]:
    """The matrix of an operator on flat vectors, without the checks of `dense`.

    >>> print(columns_of(lambda v: 2 * v, jnp.zeros(2)))
    [[2. 0.]
     [0. 2.]]
    """
    return compiled(_columns, matvec, zeros, zeros, chunk_size=chunk_size)


def _columns(matvec: FlatMatvec, zeros: Float[Array, " p"], *, chunk_size: int) -> Float[Array, "p p"]:
    num_chunks = -(-zeros.size // chunk_size)
    # Rows of zeros at the end, so that one compiled body serves all chunks.
    identity = jnp.eye(num_chunks * chunk_size, zeros.size, dtype=zeros.dtype)
    columns = lax.map(jax.vmap(matvec), identity.reshape(num_chunks, chunk_size, zeros.size))
    return columns.reshape(-1, zeros.size)[: zeros.size].T


def restrict(matvec: Matvec, like: Params, keep: PyTree[bool]) -> Restricted:
    """The diagonal block P A Pᵀ of an operator for some of the parameters: a layer, all biases, ...

    Args:
        matvec: the whole operator A.
        like: the parameters.
        keep: booleans, a prefix of `like`: one for a whole layer, say, or one for every leaf, such as
            `jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)`.

    Returns:
        The block's matvec and its `like`, as a `Restricted`.

    Raises:
        ValueError: a `keep` that is no prefix of `like`, holds anything but booleans, or keeps nothing; leaves of `like` that
            are no arrays. The block refuses vectors that are not like its `like`.

    >>> params = {"hidden": jnp.ones(2), "output": jnp.ones(1)}
    >>> block, like = restrict(lambda v: jax.tree.map(lambda a: a * a.size, v), params, {"hidden": True, "output": False})
    >>> print(dense(block, like))
    [[2. 0.]
     [0. 2.]]
    """
    check_matvec("restrict", matvec)
    check_arrays("restrict", like)
    leaves, structure = jax.tree.flatten(like)
    for leaf in jax.tree.leaves(keep):
        if not (
            isinstance(leaf, bool | np.bool_)
            or (
                isinstance(leaf, np.ndarray | jax.Array)
                and is_known(leaf)
                and leaf.dtype.kind == "b"
                and leaf.ndim == 0
            )
        ):
            msg = (
                f"restrict: got keep={keep}, with {leaf!r} of type {type(leaf).__name__}, expected booleans in a prefix of "
                f"{structure}; one layer is kept by {{name: name == 'Dense_1' for name in params}}"
            )
            raise ValueError(msg)
    try:
        is_kept: Sequence[Any] = jax.tree.leaves(
            jax.tree.map(lambda kept, part: jax.tree.map(lambda _: kept, part), keep, like)
        )
    except ValueError as error:
        msg = (
            f"restrict: got keep={keep}, expected booleans in a prefix of {structure}; name every part, with False for "
            "what is left out"
        )
        raise ValueError(msg) from error
    if not any(is_kept):
        msg = f"restrict: got keep={keep}, which keeps nothing; expected at least one True"
        raise ValueError(msg)

    def select(tree: Params) -> Params:
        parts = jax.tree.leaves(tree)
        return jax.tree.unflatten(
            structure, [part if kept else None for part, kept in zip(parts, is_kept, strict=True)]
        )

    kept_like = select(like)

    def block(vector: Params) -> Params:
        check_same_form("restrict", "a vector", vector, kept_like)
        given = iter(jax.tree.leaves(vector))
        parts = [next(given) if kept else jnp.zeros_like(leaf) for leaf, kept in zip(leaves, is_kept, strict=True)]
        return select(matvec(jax.tree.unflatten(structure, parts)))

    return Restricted(block, kept_like)
