"""Products of vectors with the curvature matrices of a model's Jacobian: Gauss-Newton, Fisher, empirical Fisher.

Each takes `(model, loss, variables, dataset)`, and sums over chunks of the data if `chunk_size` is given, as `hvp_over` does.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.curvature.precision import FULL, Precision
from jaxdl.curvature.products.hessian import check_risk, sum_over_chunks, weighted_loss
from jaxdl.curvature.products.linearized import jacobian_products, linearized_gradient
from jaxdl.curvature.products.operators import Matvec
from jaxdl.kinds import check_function
from jaxdl.types import Dataset, Loss, Model, Params, Variables

Labels = Callable[[Float[Array, "n out"]], tuple[Float[Array, "kinds n out"], Float[Array, "kinds n"]]]
"""`outputs -> (targets, probabilities)`: the law of an example's label according to the model, on finitely many kinds."""


def ggn(
    model: Model,
    loss: Loss,
    variables: Variables,
    dataset: Dataset,
    *,
    chunk_size: int | None = None,
    precision: Precision = FULL,
) -> Matvec:
    """Products with the generalized Gauss-Newton matrix G = sum_i w_i Jᵢᵀ (∇²_f lossᵢ) Jᵢ / sum_i w_i.

    It is the Hessian without the curvature of the model. It is positive semidefinite if the loss is convex in the outputs. It
    is the whole Hessian if the model is linear, or fits every example so that ∇_f loss = 0. Arguments, result and errors are
    those of `hvp_over`.

    Source: Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent" (2002).

    >>> from jaxdl import losses, models
    >>> data = Dataset(jnp.ones((3, 1)), jnp.zeros((3, 1)), jnp.ones(3))
    >>> at = {"params": {"weights": jnp.ones((1, 1))}}
    >>> print(ggn(models.constant(), losses.half_squared_error, at, data)(at["params"])["weights"])
    [[1.]]
    """
    params = check_risk("ggn", model, loss, variables, dataset)

    def product(part: Dataset) -> Matvec:
        outputs, push, pull = _linearize("ggn", model, variables, part, precision)
        curvature = linearized_gradient(
            "ggn", lambda outputs: weighted_loss(loss, outputs, part), outputs, precision=precision
        )[1]
        return lambda vector: pull(curvature(push(vector)))

    return sum_over_chunks("ggn", product, params, dataset, chunk_size, precision)


def fisher(
    model: Model,
    loss: Loss,
    variables: Variables,
    dataset: Dataset,
    labels: Labels,
    *,
    chunk_size: int | None = None,
    precision: Precision = FULL,
) -> Matvec:
    """Products with the Fisher matrix F = sum_i w_i Jᵢᵀ E_y[gᵢ gᵢᵀ] Jᵢ / sum_i w_i, with gᵢ = ∇_f loss(fᵢ, y).

    The loss is a negative log-likelihood, and `labels` its law of y given the outputs: the model's own labels, not those
    of the data set (see `empirical_fisher`). For the natural parameters of an exponential family F is `ggn` (Martens,
    "New insights and perspectives on the natural gradient method", 2020).

    Args:
        model: what predicts; `model.apply`.
        loss: of each example, the negative logarithm of a likelihood, up to a constant.
        variables: where the curvature is taken.
        dataset: examples and weights; targets are not read.
        labels: for instance `softmax_labels` or `gaussian_labels`; or, for a Monte-Carlo estimate, a function that
            returns targets drawn from a key, each with probability 1 / kinds.
        chunk_size: examples that are in memory at a time; `None`: all.
        precision: of matrix products, as of `hvp`.

    Returns:
        `v -> F v`, between pytrees like `variables["params"]`.

    Raises:
        ValueError: as `hvp_over`.

    >>> from jaxdl import losses, models
    >>> data = Dataset(jnp.ones((3, 1)), jnp.zeros((3, 1)), jnp.ones(3))
    >>> at = {"params": {"weights": jnp.ones((1, 1))}}
    >>> print(fisher(models.constant(), losses.half_squared_error, at, data, gaussian_labels)(at["params"])["weights"])
    [[1.]]
    """
    check_function("fisher", labels, ("outputs",), "pass one such as softmax_labels", what="labels")
    return _second_moment(
        "fisher", model, loss, variables, dataset, lambda outputs, _: labels(outputs), chunk_size, precision
    )


def empirical_fisher(
    model: Model,
    loss: Loss,
    variables: Variables,
    dataset: Dataset,
    *,
    chunk_size: int | None = None,
    precision: Precision = FULL,
) -> Matvec:
    """Products with the second moment of the gradients, sum_i w_i gᵢ gᵢᵀ / sum_i w_i, with gᵢ that of example i's loss.

    It does not approximate the Fisher matrix unless labels follow the model's own law (Kunstner, Balles and Hennig,
    "Limitations of the empirical Fisher approximation", 2019). Arguments, result and errors are those of `hvp_over`.

    >>> from jaxdl import losses, models
    >>> data = Dataset(jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]), jnp.ones(2))
    >>> at = {"params": {"weights": jnp.ones((1, 1))}}
    >>> print(empirical_fisher(models.constant(), losses.half_squared_error, at, data)(at["params"])["weights"])
    [[2.]]
    """

    def observed(_: Array, targets: Float[Array, "n out"]) -> tuple[Array, Array]:
        return targets[None], jnp.ones((1, len(targets)), targets.dtype)

    return _second_moment("empirical_fisher", model, loss, variables, dataset, observed, chunk_size, precision)


def softmax_labels(outputs: Float[Array, "n out"]) -> tuple[Float[Array, "out n out"], Float[Array, "out n"]]:
    """Every class with its probability by the logits, the law of `losses.softmax_cross_entropy`.

    >>> outputs = jnp.array([[0.0, 1.0]])
    >>> labels, weights = softmax_labels(outputs)
    >>> bool(jnp.allclose(jnp.sum(weights[:, :, None] * labels, axis=0), jax.nn.softmax(outputs)))           # their mean
    True
    """
    num_classes = outputs.shape[-1]
    classes = jnp.eye(num_classes, dtype=outputs.dtype)[:, None, :]
    return jnp.broadcast_to(classes, (num_classes, *outputs.shape)), jax.nn.softmax(outputs).T


def sigmoid_labels(outputs: Float[Array, "n out"]) -> tuple[Float[Array, "2*out n out"], Float[Array, "2*out n"]]:
    """Independent binary labels whose logits are the outputs: the law of `losses.sigmoid_cross_entropy`.

    They are 2 out points, rather than 2^out, with the right mean p and variance p (1 - p): scores linear in y need no more.

    >>> outputs = jnp.array([[0.0, 1.0]])
    >>> labels, weights = sigmoid_labels(outputs)
    >>> bool(jnp.allclose(jnp.sum(weights[:, :, None] * labels, axis=0), jax.nn.sigmoid(outputs)))           # their mean
    True
    """
    probabilities = jax.nn.sigmoid(outputs)
    return _of_moments(probabilities, probabilities * (1 - probabilities))


def gaussian_labels(outputs: Float[Array, "n out"]) -> tuple[Float[Array, "2*out n out"], Float[Array, "2*out n"]]:
    """Independent labels of variance one around the outputs: the law of `losses.half_squared_error`.

    They are 2 out points with the right mean and variance: scores linear in y need no more.

    >>> outputs = jnp.array([[0.0, 1.0]])
    >>> labels, weights = gaussian_labels(outputs)
    >>> bool(jnp.allclose(jnp.sum(weights[:, :, None] * labels, axis=0), outputs))           # their mean
    True
    """
    return _of_moments(outputs, jnp.ones_like(outputs))


def _second_moment(
    name: str,
    model: Model,
    loss: Loss,
    variables: Variables,
    dataset: Dataset,
    labels: Callable[[Array, Array], tuple[Array, Array]],
    chunk_size: int | None,
    precision: Precision,
) -> Matvec:
    """Products with the weighted mean of Jᵀ E[g gᵀ] J, over labels that may depend on outputs and on targets."""
    params = check_risk(name, model, loss, variables, dataset)

    def product(part: Dataset) -> Matvec:
        outputs, push, pull = _linearize(name, model, variables, part, precision)
        targets, probabilities = labels(outputs, part.y)
        scores = jax.vmap(lambda y: jax.grad(lambda f: jnp.sum(loss(f, y)))(outputs))(targets)
        weights = part.weight[None, :] * probabilities

        def matvec(vector: Params) -> Params:
            along = jnp.einsum("kno,no->kn", scores, push(vector))
            return pull(jnp.einsum("kno,kn->no", scores, weights * along))

        return matvec

    return sum_over_chunks(name, product, params, dataset, chunk_size, precision)


def _linearize(
    name: str, model: Model, variables: Variables, part: Dataset, precision: str
) -> tuple[Array, Callable[[Params], Array], Callable[[Array], Params]]:
    """Outputs, and products with their Jacobian and with its transpose."""
    return jacobian_products(
        name,
        lambda params: model.apply({**variables, "params": params}, part.x),
        variables["params"],
        precision=precision,
    )


def _of_moments(mean: Float[Array, "n out"], variance: Float[Array, "n out"]) -> tuple[Array, Array]:
    """Two points on each axis around the mean, of equal probability, with these moments."""
    num_examples, num_outputs = mean.shape
    axes = jnp.sqrt(num_outputs * variance)[None] * jnp.eye(num_outputs, dtype=mean.dtype)[:, None, :]
    targets = jnp.concatenate([mean[None] + axes, mean[None] - axes])
    return targets, jnp.full((2 * num_outputs, num_examples), 1 / (2 * num_outputs), mean.dtype)
