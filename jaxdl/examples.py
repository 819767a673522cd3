"""The door for examples: every objective, learner and selection admits data sets here, and takes a loss of each example here.

Shapes and types are static facts, known while a program is traced: checking them costs a run nothing. Values are checked too
where they are at hand, once for each training, on the host.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from jaxdl.admission import as_real, at_hand, check_finite, refuse_unless, type_name
from jaxdl.types import Dataset, Loss


def as_dataset(name: str, dataset: Any) -> Dataset:
    """A data set whose parts fit together, as arrays: x "n ...", y "n out ..." and weight "n". Values are not looked at.

    What a model and a loss make of x and y is theirs, so that x may be images or whole numbers, and y may be whole numbers. What
    is no JAX array stays on the host, where its values can be looked at even while a program is traced.

    Raises:
        ValueError: what is no `Dataset`; no examples; parts of other shapes or lengths; text, complex numbers, masked or missing
            entries, random keys.

    >>> as_dataset("fit", Dataset(jnp.ones((3, 2)), jnp.ones(3), jnp.ones(3)))
    Traceback (most recent call last):
    ...
    ValueError: fit: got y of shape (3,), expected (n, out); make its numbers a column: y[:, None]
    """
    if not isinstance(dataset, Dataset):
        given = type_name(dataset)
        msg = (
            f"{name}: got a data set of type {given}, expected Dataset(x, y, weight); make one by data.real.from_arrays"
        )
        raise ValueError(msg)
    x, y, weight = (as_real(f"{name}: {part}", value) for part, value in zip(Dataset._fields, dataset, strict=True))
    if x.ndim < 2:
        msg = f"{name}: got x of shape {x.shape}, expected (n, features); make its numbers a column: x[:, None]"
        raise ValueError(msg)
    n = x.shape[0]
    if n == 0:
        msg = f"{name}: got x of shape {x.shape}, expected one example or more"
        raise ValueError(msg)
    if y.ndim < 2:
        msg = f"{name}: got y of shape {y.shape}, expected (n, out); make its numbers a column: y[:, None]"
        raise ValueError(msg)
    if y.shape[0] != n or 0 in y.shape:
        msg = f"{name}: got y of shape {y.shape} for x of shape {x.shape}, expected (n, out) = ({n}, out), a row for each of x"
        raise ValueError(msg)
    if weight.shape != (n,):
        remedy = "pass weight[:, 0]" if weight.shape == (n, 1) else f"for equal weights pass jnp.ones({n})"
        msg = (
            f"{name}: got weight of shape {weight.shape}, expected (n,) = ({n},), a number for each row of x; {remedy}"
        )
        raise ValueError(msg)
    return Dataset(x, y, weight)


def fitting_examples(name: str, dataset: Any) -> Dataset:
    """As `as_dataset`, with weights of single or double precision, in which sums over examples are exact enough."""
    dataset = as_dataset(name, dataset)
    dtype = dataset.weight.dtype
    if jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4:
        msg = (
            f"{name}: got weight of dtype {dtype}, in which sums over examples are not exact enough, expected float32 or "
            "float64; pass weight.astype(jnp.float32)"
        )
        raise ValueError(msg)
    return dataset


def admitted_examples(name: str, dataset: Any) -> Dataset:
    """As `fitting_examples`; of arrays at hand, not traced, the values as well.

    Raises:
        ValueError: in addition, numbers that are not finite; weights that are negative, all zero, or too large or small to add up.

    >>> admitted_examples("fit", Dataset(jnp.ones((2, 1)), jnp.ones((2, 1)), jnp.array([1.0, -1.0])))
    Traceback (most recent call last):
    ...
    ValueError: fit: weight: got 1 of 2 entries such as -1.0 in row 1 (counted from 0), expected finite numbers, 0 or more; ...
    """
    dataset = fitting_examples(name, dataset)
    for part, value in (("x", dataset.x), ("y", dataset.y)):
        check_finite(f"{name}: {part}", value, remedy="remove or impute it, as a weight of zero does not hide it")
    check_weights(f"{name}: weight", dataset.weight)
    weight = at_hand(dataset.weight)
    if weight is not None and weight.dtype.kind == "f":
        limits, total = np.finfo(weight.dtype), weight.sum(dtype=np.float64)
        if not limits.tiny <= total <= limits.max:
            msg = f"{name}: got weights with a sum of {total:.3g}, which {weight.dtype} cannot hold; rescale them to a mean of 1"
            raise ValueError(msg)
    return dataset


def weighted_examples(name: str, dataset: Any) -> Dataset:
    """As `as_dataset`, as JAX arrays, for what draws rows: y "n out" alone, and of values at hand the weights.

    Raises:
        ValueError: in addition, a y with further axes; weights that are negative or not finite.
    """
    dataset = as_dataset(name, dataset)
    if dataset.y.ndim != 2:
        msg = f"{name}: got y of shape {dataset.y.shape}, expected (n, out); make it so by y.reshape(len(y), -1)"
        raise ValueError(msg)
    check_weights(f"{name}: weight", dataset.weight, all_zero=True)
    return Dataset(*map(jnp.asarray, dataset))


def check_weights(name: str, weight: Shaped[Array | np.ndarray, " n"], *, all_zero: bool = False) -> None:
    """Refuse weights at hand that are negative or not finite; and, unless `all_zero` is allowed, those without a positive one."""
    host = at_hand(weight)
    if host is None:
        return
    is_weight = np.isfinite(host) & (host >= 0)
    refuse_unless(is_weight, name, host, "finite numbers, 0 or more", "a weight of zero removes an example")
    if not (all_zero or (host > 0).any()):
        msg = f"{name}: got zeros alone, expected a positive one; for equal weights pass jnp.ones({len(host)})"
        raise ValueError(msg)


def check_inputs(name: str, x: Shaped[Array, "..."]) -> None:
    """Refuse inputs whose precision a model's parameters cannot take: theirs is that of the inputs.

    >>> check_inputs("mlp", jnp.arange(3, dtype=jnp.int32)[:, None])
    Traceback (most recent call last):
    ...
    ValueError: mlp: got x of dtype int32, expected float32 or float64, as the parameters are; pass x.astype(float)
    """
    if x.dtype not in (jnp.float32, jnp.float64):
        msg = f"{name}: got x of dtype {x.dtype}, expected float32 or float64, as the parameters are; pass x.astype(float)"
        raise ValueError(msg)


def losses_of_examples(
    name: str, loss: Loss, outputs: Any, dataset: Dataset, *, is_trained: bool
) -> Shaped[Array, " n"]:
    """`loss(outputs, dataset.y)`, checked to be one real number for each example.

    Args:
        name: of the caller; errors begin with it.
        loss: of single examples, never reduced over them.
        outputs: of the model, at the data set's inputs.
        dataset: as `fitting_examples` returns it.
        is_trained: whether gradients are taken, so that whole numbers, such as counts of errors, do not do.

    Raises:
        ValueError: outputs without their last axis; losses of another shape, reduced over examples, or of a type that cannot train.
    """
    n = dataset.x.shape[0]
    if isinstance(outputs, jax.Array | np.ndarray) and (outputs.ndim < 2 or outputs.shape[0] != n):
        msg = f"{name}: got a model with outputs of shape {outputs.shape} for {n} examples, expected (n, out) = ({n}, out)"
        msg += "; for a single output add the last axis: outputs[:, None]" if outputs.shape == (n,) else ""
        raise ValueError(msg)
    if is_trained and isinstance(outputs, jax.Array) and not jnp.issubdtype(outputs.dtype, jnp.inexact):
        msg = f"{name}: got a model with outputs of dtype {outputs.dtype}, whose gradient is zero, expected floats to train"
        raise ValueError(msg)
    values = loss(outputs, dataset.y)
    if not isinstance(values, jax.Array | np.ndarray | np.number | float | int):
        msg = f"{name}: got a loss that returns {type(values).__name__}, expected an array of shape (n,) = ({n},)"
        raise ValueError(msg)
    values = jnp.asarray(values)
    if values.shape != (n,) or _depends_on_number(loss, outputs, dataset.y):
        is_elementwise = values.ndim > 1 and values.shape[0] == n
        remedy = "sum over outputs: jnp.sum(..., axis=-1)" if is_elementwise else "do not reduce over examples"
        msg = (
            f"{name}: got losses of shape {values.shape} for {n} examples, expected (n,) = ({n},), one loss for each example; "
            f"{remedy}, as the mean with the examples' weights is taken here"
        )
        raise ValueError(msg)
    if jnp.issubdtype(values.dtype, jnp.complexfloating):
        msg = f"{name}: got losses of dtype {values.dtype}, expected real numbers; return jnp.abs(...) or jnp.real(...)"
        raise ValueError(msg)
    if is_trained and not jnp.issubdtype(values.dtype, jnp.floating):
        msg = (
            f"{name}: got losses of dtype {values.dtype}, whose gradient is zero, expected floats; train with a smooth loss, such "
            "as losses.softmax_cross_entropy, and judge by this one: objectives.evaluation_risk"
        )
        raise ValueError(msg)
    return values


def _depends_on_number(loss: Loss, outputs: Any, y: Any) -> bool:
    """Whether losses of shape (n,) would have another shape for n + 1 examples: outputs, as many as examples, taken for them."""
    if not isinstance(outputs, jax.Array | np.ndarray) or outputs.shape[0] not in outputs.shape[1:]:
        return False
    longer = [jax.ShapeDtypeStruct((len(part) + 1, *part.shape[1:]), part.dtype) for part in (outputs, y)]
    try:
        return jax.eval_shape(loss, *longer).shape != (len(y) + 1,)
    except Exception:  # a loss may know its examples by number, and is then no loss of n + 1
        return False
