"""Products of vectors with the Hessian of a scalar function, or of a risk over chunks of data.

`hvp` serves any scalar function. `hvp_over`, like the products of `gauss_newton`, takes `(model, loss, variables, dataset)` and
belongs to the risk

    L(params) = sum_i w_i loss(f(params, x_i), y_i) / sum_i w_i

of `objectives.evaluation_risk`: the model predicts, and its further collections are frozen. `operators.restrict` selects a
layer or a block.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Scalar

from jaxdl import arguments
from jaxdl.curvature.checks import (
    check_array,
    check_arrays,
    check_finite,
    check_loss,
    check_loss_value,
    check_parameters,
    is_known,
    refuse_coarse,
    trace_shapes,
)
from jaxdl.curvature.precision import FULL, Precision, at_precision, check_product_precision
from jaxdl.curvature.products.linearized import linearized_gradient, product_at
from jaxdl.curvature.products.operators import Matvec
from jaxdl.kinds import check_counts, check_function
from jaxdl.types import Dataset, Loss, Model, Params, Variables


def hvp(loss: Callable[[Params], Scalar], params: Params, *, precision: Precision = FULL) -> Matvec:
    """Products H v with the Hessian of any scalar function of a pytree; each costs about one gradient.

    The gradient is linearized once. A loss of functions under `jax.custom_vjp`, which have rules for gradients only, is
    differentiated twice in reverse. One array in two places is differentiated as two, with a warning: give tied weights once.

    Args:
        loss: a scalar function of the parameters.
        params: where its curvature is taken.
        precision: of matrix products. Accelerators compute them several times as fast in "tensorfloat32" or "bfloat16", with 10
            or 7 bits: `eigenpairs` certifies what is left of them, and other functions refuse them. CPUs keep all digits.

    Returns:
        `v -> H v`, between pytrees like the parameters. Call it as often as wanted, under `jit`, `vmap` and `scan`.

    Raises:
        ValueError: a loss that is not a real scalar, or computes in less precision than the parameters have; parameters that
            are no arrays, integers, complex, of several types or, where known, not finite; a precision of another name.

    Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994).

    >>> product = hvp(lambda w: w[0] ** 2 * w[1], jnp.array([1.0, 2.0]))
    >>> print(product(jnp.array([1.0, 0.0])))
    [4. 2.]
    """
    check_product_precision("hvp", precision)
    check_parameters("hvp", params)
    check_loss("hvp", loss, params)
    return linearized_gradient("hvp", loss, params, precision=precision)[1]


def hvp_over(
    model: Model,
    loss: Loss,
    variables: Variables,
    dataset: Dataset,
    *,
    chunk_size: int | None = None,
    precision: Precision = FULL,
) -> Matvec:
    """Products with the Hessian of the weighted mean loss over a data set.

    Args:
        model: what predicts; `model.apply`.
        loss: of each example.
        variables: where the curvature is taken; it is that of `variables["params"]`.
        dataset: examples and weights; the risk of no weight at all is zero.
        chunk_size: examples in memory at a time. `None`: all, linearized once, which is faster.
        precision: of matrix products, as of `hvp`.

    Returns:
        `v -> H v`, between pytrees like `variables["params"]`.

    Raises:
        ValueError: arrays of a data set that do not fit together, or a loss that is not one number for each example;
            negative weights, where known; a chunk size below one; parameters and precision as `hvp` refuses them.

    >>> from jaxdl import losses, models
    >>> data = Dataset(jnp.ones((3, 1)), jnp.zeros((3, 1)), jnp.ones(3))
    >>> at = {"params": {"weights": jnp.ones((1, 1))}}
    >>> print(hvp_over(models.constant(), losses.squared_error, at, data, chunk_size=2)(at["params"])["weights"])
    [[2.]]
    """
    params = check_risk("hvp_over", model, loss, variables, dataset)

    def risk_of(part: Dataset) -> Callable[[Params], Scalar]:
        return lambda params: weighted_loss(loss, model.apply({**variables, "params": params}, part.x), part)

    if chunk_size is None:

        def product(part: Dataset) -> Matvec:
            return linearized_gradient("hvp_over", risk_of(part), params, precision=precision)[1]

    else:
        # Linearizing first pays only where one chunk meets many vectors.
        unkept = product_at("hvp_over", risk_of(dataset), params, precision=precision)

        def product(part: Dataset) -> Matvec:
            return lambda vector: unkept(risk_of(part), params, vector)

    return sum_over_chunks("hvp_over", product, params, dataset, chunk_size, precision)


def check_deterministic(loss: Callable[[Params], Scalar], params: Params) -> None:
    """Refuse a loss whose value differs between two evaluations, as hidden dropout or minibatches make it.

    Raises:
        ValueError: two values that differ by more than rounding, or are not finite; a loss that is not a scalar. Under `jit`
            the values are not known.

    >>> draw = iter([1.0, 2.0])
    >>> check_deterministic(lambda w: next(draw) * w.sum(), jnp.ones(2))
    Traceback (most recent call last):
    ...
    ValueError: check_deterministic: got a loss of 2.0 and then of 4.0 at the same parameters, expected equal ones; ...
    """
    check_arrays("check_deterministic", params)
    check_function("check_deterministic", loss, ("params",), "pass a function from parameters to a scalar", what="loss")
    values = [loss(params) for _ in range(2)]
    check_loss_value("check_deterministic", jax.eval_shape(lambda: values[0]))
    if not all(map(is_known, values)):
        return
    first, second = map(float, values)
    # Sums in an order of the machine's choosing, as on some accelerators, may differ by a few units of rounding.
    if not abs(first - second) <= 100 * float(jnp.finfo(jnp.result_type(values[0])).eps) * abs(first):
        msg = (
            f"check_deterministic: got a loss of {first} and then of {second} at the same parameters, expected equal "
            "ones; fix the random keys and the data, and evaluate without dropout"
        )
        raise ValueError(msg)


def sum_over_chunks(
    name: str,
    product: Callable[[Dataset], Matvec],
    params: Params,
    dataset: Dataset,
    chunk_size: int | None,
    precision: Precision,
) -> Matvec:
    """The sum of the products of all chunks, whose weights add up to one; all of it is traced at this precision."""
    check_product_precision(name, precision)
    if chunk_size is not None:
        check_counts(name, 1, chunk_size=chunk_size)
    total = jnp.sum(dataset.weight)
    dataset = dataset._replace(weight=dataset.weight / jnp.where(total > 0, total, 1))
    num_examples = dataset.weight.size
    if chunk_size is None or chunk_size >= num_examples:
        return at_precision(at_precision(product, precision)(dataset), precision)
    missing = -num_examples % chunk_size

    def in_chunks(leaf: Array, mode: str) -> Array:
        padded = jnp.pad(leaf, [(0, missing)] + [(0, 0)] * (leaf.ndim - 1), mode=mode)
        return padded.reshape(-1, chunk_size, *leaf.shape[1:])

    # Copies of the last example rather than zeros, at which a model may not be differentiable; their weight is zero.
    parts = Dataset(in_chunks(dataset.x, "edge"), in_chunks(dataset.y, "edge"), in_chunks(dataset.weight, "constant"))

    def matvec(vector: Params) -> Params:
        # A sum of products, never the product of a scanned sum: its derivative would keep every chunk in memory.
        def add(sums: Params, part: Dataset) -> tuple[Params, None]:
            return jax.tree.map(jnp.add, sums, product(part)(vector)), None

        return lax.scan(add, jax.tree.map(jnp.zeros_like, params), parts)[0]

    return at_precision(matvec, precision)


def check_risk(name: str, model: Model, loss: Loss, variables: Variables, dataset: Dataset) -> Params:
    """The parameters, after a check that all shapes fit together."""
    if not isinstance(variables, Mapping) or "params" not in variables:
        got = sorted(variables) if isinstance(variables, Mapping) else type(variables).__name__
        msg = f'{name}: got variables of {got}, expected a mapping with "params", such as model.init returns'
        raise ValueError(msg)
    params = variables["params"]
    check_parameters(name, params)
    arguments.check_model(name, model)
    arguments.check_loss(name, loss)
    if not isinstance(dataset, Dataset):
        msg = f"{name}: got a data set of type {type(dataset).__name__}, expected a jaxdl.types.Dataset of x, y and weight"
        raise ValueError(msg)
    for label, field in zip(Dataset._fields, dataset, strict=True):
        check_array(name, f"{label} of the data set", field)
    x, y, weight = (jnp.shape(field) for field in dataset)
    if len(x) < 2 or len(y) != 2 or len(weight) != 1 or not x[0] == y[0] == weight[0] > 0:
        msg = (
            f"{name}: got x {x}, y {y} and weight {weight}, expected (n, ...), (n, out) and (n,), with n above 0; one feature "
            "or output becomes a column by [:, None], a column of weights one axis by [:, 0]"
        )
        raise ValueError(msg)
    check_finite(name, "weights", dataset.weight, "leave an example out by a weight of zero")
    if is_known(dataset.weight) and (np.asarray(dataset.weight) < 0).any():
        msg = f"{name}: got negative weights, expected none below zero"
        raise ValueError(msg)
    values, coarse, _ = trace_shapes(
        name,
        "model with its loss",
        lambda params, rest, data: loss(model.apply({**rest, "params": params}, data.x), data.y),
        params,
        {collection: rest for collection, rest in variables.items() if collection != "params"},
        dataset,
    )
    refuse_coarse(name, "model or loss", coarse, params)
    if not isinstance(values, jax.ShapeDtypeStruct) or values.shape != weight:
        msg = (
            f"{name}: got losses of shape {jax.tree.map(lambda leaf: leaf.shape, values)} for {weight[0]} examples, "
            f"expected {weight}, one for each: reducing them, with the weights, is done here"
        )
        raise ValueError(msg)
    return params


def weighted_loss(loss: Loss, outputs: Float[Array, "n out"], part: Dataset) -> Scalar:
    """The sum of losses times weights; `sum_over_chunks` has normalized the weights."""
    return jnp.sum(part.weight * loss(outputs, part.y))
