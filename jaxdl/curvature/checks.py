"""Checks of parameters, losses and vectors for `jaxdl.curvature`. Errors begin with the name of the function that was called.

Structure, shapes and types are checked whenever a function is called or traced. Values are checked where they are known; under
an outer `jit` none are. Counts, numbers, keys and functions are checked by `jaxdl.kinds`.
"""

import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jaxdl import admission
from jaxdl.curvature.precision import FULL, lower_precision, product_unit
from jaxdl.kinds import check_function


def check_parameters(name: str, params: PyTree) -> None:
    """Refuse parameters that have no curvature, and warn of one array under two names.

    Raises:
        ValueError: what `check_floats` refuses; values that are not finite, where they are known.
    """
    check_floats(name, params)
    warn_of_tied(name, params)
    check_finite(name, "parameters", params, "did the training diverge?")


def warn_of_tied(name: str, params: PyTree) -> None:
    """Warn of one array in two places: jax differentiates by both, as if they were independent."""
    places: dict[int, str] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if not isinstance(leaf, jax.Array | np.ndarray):
            continue
        place = jax.tree_util.keystr(path)
        first = places.setdefault(id(leaf), place)
        if first != place:
            msg = (
                f"{name}: got one array at both {first} and {place}, which are differentiated as two independent parameters. "
                "Where they are tied, give the array once, and let the loss use it twice; where not, copy one by jnp.array"
            )
            warnings.warn(msg, stacklevel=4)


def check_floats(name: str, params: PyTree) -> None:
    """Refuse parameters whose types have no curvature.

    Raises:
        ValueError: leaves that are no arrays; no parameters; integers or complex numbers; floats of several types.

    >>> check_floats("hvp", {"w": jnp.ones(2), "activation": jnp.tanh})
    Traceback (most recent call last):
    ...
    ValueError: hvp: got a ... at ['activation'] among the parameters, which is not an array, expected arrays alone; ...
    """
    check_arrays(name, params)
    shapes = jax.tree.leaves(shapes_of(params))
    dtypes = sorted({str(shape.dtype) for shape in shapes})
    if sum(shape.size for shape in shapes) == 0:
        msg = f"{name}: got {jax.tree.structure(params)} without any numbers, expected at least one parameter"
        raise ValueError(msg)
    if len(dtypes) > 1 or not jnp.issubdtype(shapes[0].dtype, jnp.floating):
        msg = (
            f"{name}: got parameters of type {' and '.join(dtypes)}, expected real floats of one type; cast them, "
            "split complex ones into real and imaginary parts, and keep integers out of the parameters"
        )
        raise ValueError(msg)


def check_array(name: str, what: str, values: Any) -> None:
    """Refuse anything but an array without a mask."""
    if not isinstance(values, np.ndarray | jax.Array) or isinstance(values, np.ma.MaskedArray):
        msg = f"{name}: got {what} of type {type(values).__name__}, expected an array; jax.numpy.asarray makes one"
        raise ValueError(msg)


def check_arrays(name: str, params: PyTree) -> None:
    """Refuse leaves that are not arrays: functions, names, tables, masks."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        is_number = isinstance(leaf, int | float | complex | np.number | np.bool_)
        is_array = isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) or (
            isinstance(leaf, np.ndarray)
            and not isinstance(leaf, np.ma.MaskedArray)
            and (leaf.dtype.kind == "b" or jnp.issubdtype(leaf.dtype, jnp.number))
        )
        if not (is_number or is_array):
            where = f" at {jax.tree_util.keystr(path)}" if path else ""
            msg = (
                f"{name}: got a {type(leaf).__name__}{where} among the parameters, which is not an array, expected arrays "
                "alone; partition the model, and let the loss close over what is not differentiated"
            )
            raise ValueError(msg)


def check_finite(name: str, what: str, tree: PyTree, remedy: str) -> None:
    """Refuse numbers that are known and not finite."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if is_known(leaf):
            admission.check_finite(f"{name}: {what}{jax.tree_util.keystr(path)}", leaf, remedy=remedy)


def check_precision(name: str, dtype: jnp.dtype) -> None:
    """Refuse half precision, for which there is no linear algebra."""
    if jnp.finfo(dtype).bits < 32:
        msg = f"{name}: got parameters of type {dtype}, which has no linear algebra, expected float32 or float64; cast them"
        raise ValueError(msg)


def check_same_form(name: str, what: str, tree: PyTree, like: PyTree) -> None:
    """Refuse a pytree whose structure, shapes or type are not those of the parameters.

    >>> check_same_form("step", "a gradient", jnp.ones(2), jnp.zeros(3))
    Traceback (most recent call last):
    ...
    ValueError: step: got a gradient of float64[2], expected the form of the parameters, float64[3]
    """
    check_arrays(name, tree)
    got, expected = form(shapes_of(tree)), form(shapes_of(like))
    if got != expected:
        msg = f"{name}: got {what} of {got}, expected the form of the parameters, {expected}"
        raise ValueError(msg)


def check_alike(name: str, tree: PyTree, params: PyTree) -> None:
    """Refuse a pytree whose structure or shapes are not those of the parameters."""
    for each in (params, tree):
        check_arrays(name, each)
    structures: list[Any] = [jax.tree.structure(each) for each in (tree, params)]
    shapes = [[jnp.shape(leaf) for leaf in jax.tree.leaves(each)] for each in (tree, params)]
    if structures[0] != structures[1] or shapes[0] != shapes[1]:
        msg = f"{name}: got {structures[0]} of shapes {shapes[0]}, expected {structures[1]} of shapes {shapes[1]}"
        raise ValueError(msg)


def check_vector(name: str, what: str, values: Any, kind: type = jnp.floating) -> None:
    """Refuse anything but a vector of numbers of a kind, with at least one entry.

    >>> check_vector("inertia_of", "eigenvalues", jnp.eye(2))
    Traceback (most recent call last):
    ...
    ValueError: inertia_of: got eigenvalues of type float64 and shape (2, 2), expected an array of real floats of shape (p,)
    """
    check_axes(name, what, values, "(p,)", kind)
    if values.size == 0:
        msg = f"{name}: got no {what}, expected at least one"
        raise ValueError(msg)


def check_axes(name: str, what: str, values: Any, shape: str, kind: type = jnp.floating) -> None:
    """Refuse anything but an array of numbers of a kind, with the axes of a shape such as "(p, p)".

    >>> check_axes("rescaled", "a matrix", jnp.ones((2, 3)), "(p, p)")
    Traceback (most recent call last):
    ...
    ValueError: rescaled: got a matrix of type float64 and shape (2, 3), expected an array of real floats of shape (p, p)
    """
    check_array(name, what, values)
    axes = shape.strip("(),").split(", ")
    sizes = {axis: {size for at, size in zip(axes, values.shape, strict=False) if at == axis} for axis in axes}
    is_fitting = values.ndim == len(axes) and all(len(seen) == 1 for seen in sizes.values())
    is_real = any(jnp.issubdtype(values.dtype, real) for real in ({kind, jnp.floating}))
    if not (is_fitting and is_real):
        numbers = "real floats" if kind is jnp.floating else "real numbers"
        msg = f"{name}: got {what} of type {values.dtype} and shape {values.shape}, expected an array of {numbers} of shape {shape}"
        raise ValueError(msg)


def check_type(name: str, what: str, value: Any, kind: type, maker: str) -> None:
    """Refuse a value of another type."""
    if not isinstance(value, kind):
        msg = f"{name}: got {what} of type {type(value).__name__}, expected what {maker} returns"
        raise ValueError(msg)


def check_loss(name: str, loss: Any, params: PyTree) -> None:
    """Refuse anything but a real scalar function of the parameters, computed in their precision.

    >>> check_loss("hvp", lambda w: (w.sum(), {"accuracy": 1.0}), jnp.ones(2))
    Traceback (most recent call last):
    ...
    ValueError: hvp: got a loss that returns a tuple, with values besides the loss, expected a scalar alone; take it by [0], ...
    """
    check_function(name, loss, ("params",), "pass a function from parameters to a scalar", what="loss")
    value, coarse, _ = trace_shapes(name, "loss", loss, params)
    check_loss_value(name, value)
    refuse_coarse(name, "loss", coarse, params)


def check_loss_value(name: str, value: PyTree) -> None:
    """Refuse the shape and type of a loss that is not one real number."""
    if isinstance(value, tuple) and len(value) > 1 and getattr(value[0], "shape", None) == ():
        msg = (
            f"{name}: got a loss that returns a tuple, with values besides the loss, expected a scalar alone; take it by [0], "
            "as in lambda params: loss(params)[0], and leave aux out"
        )
        raise ValueError(msg)
    if not isinstance(value, jax.ShapeDtypeStruct) or value.shape != ():
        msg = (
            f"{name}: got a loss that returns {jax.tree.map(lambda leaf: leaf.shape, value)}, expected a scalar, of shape "
            "(); reduce it over examples, with their weights"
        )
        raise ValueError(msg)
    if not jnp.issubdtype(value.dtype, jnp.floating):
        msg = f"{name}: got a loss of type {value.dtype}, expected a real float"
        raise ValueError(msg)


def refuse_coarse(name: str, what: str, coarse: str | None, params: PyTree) -> None:
    """Refuse a function that computes in less precision than its parameters have."""
    if coarse is not None:
        dtype = jax.tree.leaves(shapes_of(params))[0].dtype
        msg = (
            f"{name}: got a {what} that computes in {coarse}, below the precision of its parameters, {dtype}, expected {dtype} "
            f"throughout: products with errors of {float(jnp.finfo(coarse).eps):.0e} certify nothing; cast nothing to {coarse}"
        )
        raise ValueError(msg)


def refuse_coarse_products(name: str, unit: float, dtype: jnp.dtype) -> None:
    """Refuse an operator whose matrix products keep fewer digits than their type has."""
    if unit > float(jnp.finfo(dtype).eps):
        msg = (
            f"{name}: got a matvec whose matrix products keep digits of {unit:.0e} alone, expected those of {dtype}, on which its "
            'result rests; leave out precision=, or linearize under jax.default_matmul_precision("highest"). Of products in lower '
            "precision eigenpairs says what they certify"
        )
        raise ValueError(msg)


class TracedShapes(NamedTuple):
    """What a function returns, and how precisely."""

    shapes: PyTree
    """Shapes and types."""
    coarse: str | None
    """The lowest float type, where that is below the first argument's."""
    unit: float
    """Of rounding, of the coarsest matrix product that depends on the first argument."""


def trace_shapes(name: str, what: str, function: Any, *arguments: PyTree) -> TracedShapes:
    """The shapes and types that a function returns, and its precision, with full matrix products where it chooses no other.

    Raises:
        ValueError: in the name of the caller, a function that raises an error when it is traced.
    """
    try:
        with jax.default_matmul_precision(FULL):
            jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        is_value_needed = isinstance(error, jax.errors.JAXTypeError)
        remedy = (
            "a function of jax.numpy, with jnp.where or lax.cond in the place of branches" if is_value_needed else ""
        )
        shown = form(shapes_of(arguments[0]))
        msg = (
            f"{name}: the {what} raised {type(error).__name__} at {shown}: {reason.rstrip('.')}; expected "
            f"{remedy or 'a function of pytrees like that alone'}"
        )
        raise ValueError(msg) from error
    num_first = len(jax.tree.leaves(arguments[0]))
    return TracedShapes(shapes, lower_precision(jaxpr, num_first), product_unit(jaxpr, num_first))


def is_known(value: Any) -> bool:
    """Whether a number or an array has values: not a tracer, nor a shape alone."""
    return not isinstance(value, jax.core.Tracer | jax.ShapeDtypeStruct)


def shapes_of(tree: PyTree) -> PyTree:
    """The shapes and types of a pytree of arrays."""
    return jax.eval_shape(lambda same: same, tree)


def form(tree: PyTree) -> PyTree:
    """Structure, shapes and types as a pytree of texts, for comparisons and messages."""
    return jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", tree)
