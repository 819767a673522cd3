"""Symmetric operators on pytrees, given by their products: checks, flat vectors, dense matrices, blocks.

An operator is a function `matvec` that maps a pytree to one of the same structure, shapes and type, linearly. `like` is
any pytree of that form, such as the parameters themselves; only its shapes and its type are read.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from jaxdl.curvature.lanczos import FlatMatvec, vector_norm
from jaxdl.types import Key, Params

Matvec = Callable[[Params], Params]
"""A linear map of pytrees like the parameters, symmetric wherever a spectrum is asked for."""

ASYMMETRY = 1000
"""An operator is refused as asymmetric beyond this many units of rounding."""


def check_parameters(name: str, params: PyTree) -> None:
    """Refuse, in the name of the caller, parameters that have no curvature.

    Raises:
        ValueError: no parameters; integers or complex numbers; floats of several types; values that are not finite,
            where they are known.
    """
    shapes = jax.tree.leaves(_shapes(params))
    dtypes = sorted({str(shape.dtype) for shape in shapes})
    if sum(shape.size for shape in shapes) == 0:
        msg = f"{name}: got {jax.tree.structure(params)} without any numbers, expected at least one parameter"
        raise ValueError(msg)
    if len(dtypes) > 1 or not jnp.issubdtype(dtypes[0], jnp.floating):
        msg = (
            f"{name}: got parameters of type {' and '.join(dtypes)}, expected real floats of one type; cast them, "
            "split complex ones into real and imaginary parts, and keep integers out of the parameters"
        )
        raise ValueError(msg)
    known = [leaf for leaf in jax.tree.leaves(params) if not isinstance(leaf, jax.core.Tracer | jax.ShapeDtypeStruct)]
    # With NumPy, since under an outer trace a jax function of known values is traced as well.
    if not all(np.isfinite(np.asarray(leaf).astype(np.float64)).all() for leaf in known):
        msg = f"{name}: got parameters with NaN or infinite values, expected finite ones; did the training diverge?"
        raise ValueError(msg)


def check_symmetric(matvec: Matvec, like: Params, key: Key, *, probes: int = 2) -> None:
    """Refuse an operator for which u · A v and v · A u differ by more than rounding, on random u and v.

    By more than `ASYMMETRY` eps (|A u| + |A v|), that is, which for normal u and v also tells an asymmetry of that size
    relative to the Frobenius norm, in any dimension. Under `jit` nothing is known yet, and nothing is checked.

    Raises:
        ValueError: an asymmetric operator; one whose products are not finite, or so small that the type holds no digits of
            them; one that changes the structure.

    >>> check_symmetric(lambda v: jnp.array([[0.0, 1.0], [2.0, 0.0]]) @ v, jnp.ones(2), jax.random.key(0))
    Traceback (most recent call last):
    ...
    ValueError: check_symmetric: got u·Av and v·Au that differ by ... of |Au| + |Av|, expected at most ...
    """
    if isinstance(key, jax.core.Tracer):
        return
    flat_matvec, template, _ = ravelled("check_symmetric", matvec, like)
    limit = ASYMMETRY * float(jnp.finfo(template.dtype).eps)
    pairs = jax.random.normal(key, (probes, 2, template.size), template.dtype)
    if isinstance(pairs, jax.core.Tracer):
        return
    for u, v in pairs:
        images = flat_matvec(u), flat_matvec(v)
        if any(isinstance(image, jax.core.Tracer) for image in images):
            return
        difference = jnp.abs(jnp.vdot(u, images[1]) - jnp.vdot(v, images[0]))
        norm = vector_norm(images[0]) + vector_norm(images[1])
        if not bool(jnp.isfinite(difference)):
            msg = "check_symmetric: got a product with NaN or infinite values, expected finite ones"
            raise ValueError(msg)
        if bool(norm < jnp.finfo(template.dtype).tiny) and any(np.asarray(image).any() for image in images):
            msg = (
                f"check_symmetric: got products so small that {template.dtype} loses their digits, expected numbers above "
                f"{float(jnp.finfo(template.dtype).tiny):.0e}; scale the function up, or compute in float64"
            )
            raise ValueError(msg)
        if bool(difference > limit * norm):
            msg = (
                f"check_symmetric: got u·Av and v·Au that differ by {float(difference / norm):.1e} of |Au| + |Av|, "
                f"expected at most {limit:.0e}; is the operator symmetric, and is its function deterministic?"
            )
            raise ValueError(msg)


def ravelled(
    name: str, matvec: Matvec, like: Params
) -> tuple[FlatMatvec, Float[Array, " p"], Callable[[Array], Params]]:
    """The operator on flat vectors, a vector of zeros of their shape and type, and the way back to pytrees.

    Raises:
        ValueError: in the name of the caller, a `like` that `check_parameters` refuses for its shapes or types, or of half
            precision; a matvec that changes the structure, the shapes or the type.

    >>> matvec, zeros, unravel = ravelled("doubled", lambda v: jax.tree.map(lambda a: 2 * a, v), {"a": jnp.ones((1, 2))})
    >>> print(matvec(zeros + 1), unravel(zeros))
    [2. 2.] {'a': Array([[0., 0.]], dtype=float64)}
    """
    shapes = _shapes(like)
    check_parameters(name, shapes)
    check_precision(name, jax.tree.leaves(shapes)[0].dtype)
    zeros, unravel = ravel_pytree(jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes))
    image = jax.eval_shape(matvec, shapes)
    if _form(image) != _form(shapes):
        msg = (
            f"{name}: got a matvec that returns {_form(image)}, expected what it was given, {_form(shapes)}; "
            "a linear operator on parameters returns their structure, shapes and type"
        )
        raise ValueError(msg)
    return lambda vector: ravel_pytree(matvec(unravel(vector)))[0], zeros, unravel


def check_same_form(name: str, what: str, tree: PyTree, like: Params) -> None:
    """Refuse, in the name of the caller, a pytree whose structure, shapes or type are not those of the parameters.

    >>> check_same_form("step", "a gradient", jnp.ones(2), jnp.zeros(3))
    Traceback (most recent call last):
    ...
    ValueError: step: got a gradient of float64[2], expected the form of the parameters, float64[3]
    """
    got, expected = _form(_shapes(tree)), _form(_shapes(like))
    if got != expected:
        msg = f"{name}: got {what} of {got}, expected the form of the parameters, {expected}"
        raise ValueError(msg)


def dense(matvec: Matvec, like: Params, *, chunk_size: int = 4) -> Float[Array, "p p"]:
    """The matrix of an operator, one product for each of its p columns, `chunk_size` of them at once.

    Rows and columns are in the order of `jax.flatten_util.ravel_pytree`. On CPUs about 4 at once are fastest.

    Raises:
        ValueError: as `ravelled`; a chunk size below one.

    >>> print(dense(lambda v: {"a": 2 * v["a"], "b": v["b"]}, {"a": jnp.ones(1), "b": jnp.ones(1)}))
    [[2. 0.]
     [0. 1.]]
    """
    check_chunk_size("dense", chunk_size)
    flat_matvec, zeros, _ = ravelled("dense", matvec, like)
    num_chunks = -(-zeros.size // chunk_size)
    # Rows of zeros at the end, so that one compiled body serves all chunks.
    identity = jnp.eye(num_chunks * chunk_size, zeros.size, dtype=zeros.dtype)
    columns = lax.map(jax.vmap(flat_matvec), identity.reshape(num_chunks, chunk_size, zeros.size))
    return columns.reshape(-1, zeros.size)[: zeros.size].T


def restrict(matvec: Matvec, like: Params, keep: PyTree[bool]) -> tuple[Matvec, Params]:
    """The diagonal block P A Pᵀ of an operator that belongs to some of the parameters: a layer, all biases, ...

    Args:
        matvec: the whole operator A.
        like: the parameters.
        keep: booleans, a prefix of `like`: one for a whole layer, say, or one for every leaf, such as
            `jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)`.

    Returns:
        The block's matvec, and its `like`: the parameters with `None` in the place of what is left out.

    Raises:
        ValueError: a `keep` that is no prefix of `like`, or keeps nothing.

    >>> params = {"hidden": jnp.ones(2), "output": jnp.ones(1)}
    >>> block, like = restrict(lambda v: jax.tree.map(lambda a: a * a.size, v), params, {"hidden": True, "output": False})
    >>> print(dense(block, like))
    [[2. 0.]
     [0. 2.]]
    """
    leaves, structure = jax.tree.flatten(like)
    try:
        is_kept: Sequence[Any] = jax.tree.leaves(
            jax.tree.map(lambda kept, part: jax.tree.map(lambda _: kept, part), keep, like)
        )
    except ValueError as error:
        msg = f"restrict: got keep={keep}, expected booleans in a prefix of {structure}"
        raise ValueError(msg) from error
    if not any(is_kept):
        msg = f"restrict: got keep={keep}, which keeps nothing; expected at least one True"
        raise ValueError(msg)

    def selected(tree: Params) -> Params:
        parts = jax.tree.leaves(tree)
        return jax.tree.unflatten(
            structure, [part if kept else None for part, kept in zip(parts, is_kept, strict=True)]
        )

    def block(vector: Params) -> Params:
        given = iter(jax.tree.leaves(vector))
        parts = [next(given) if kept else jnp.zeros_like(leaf) for leaf, kept in zip(leaves, is_kept, strict=True)]
        return selected(matvec(jax.tree.unflatten(structure, parts)))

    return block, selected(like)


def check_precision(name: str, dtype: jnp.dtype) -> None:
    """Refuse half precision, for which there is no linear algebra."""
    if jnp.finfo(dtype).bits < 32:
        msg = f"{name}: got parameters of type {dtype}, which has no linear algebra, expected float32 or float64; cast them"
        raise ValueError(msg)


def check_chunk_size(name: str, chunk_size: int | None) -> None:
    """Refuse an empty chunk."""
    if chunk_size is not None and chunk_size < 1:
        msg = f"{name}: got chunk_size={chunk_size}, expected at least 1"
        raise ValueError(msg)


def _shapes(tree: PyTree) -> PyTree:
    return jax.eval_shape(lambda same: same, tree)


def _form(tree: PyTree) -> PyTree:
    """Structure, shapes and types, to be compared and to be shown."""
    return jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", tree)
