"""Learners with a closed form, for models that are linear in their parameters: f(x) = features(x) @ weights.

Each minimizes over the weights w, with phi = features(x) and the data set's weights c_i (zero removes an example),

    sum_i c_i |phi_i w - y_i|² + strength |w|²,

a sum and not a mean, without a factor 1/2. A `mask "p"` of ones and zeros leaves features out: their weights
are zero, at an unchanged shape, so one compilation serves a sweep over polynomial degrees or numbers of features.

A learner reads the source `"init"` only where the model draws something besides its weights (`models.random_features`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real, ScalarLike

from jaxdl.admission import as_numbers
from jaxdl.arguments import check_model, key_of
from jaxdl.examples import admitted_examples
from jaxdl.kinds import as_strength, shown
from jaxdl.rounding import product
from jaxdl.types import Dataset, Keys, Learner, Model, Variables


def least_squares(model: Model, *, mask: Real[Array, " p"] | Sequence[float] | None = None) -> Learner:
    """Weighted least squares; among several minimizers, the one of smallest norm.

    It uses the singular value decomposition of the weighted features; singular values below eps max(n, p) times the largest
    count as zero. It is robust at any shape and rank; `least_squares_qr` is ten times faster at full column rank.

    Args:
        model: a model with `features`.
        mask: one for the features in use, zero for the others; it may be traced. All are used by default.

    Returns:
        A learner, `(keys, dataset) -> variables`.

    Raises:
        ValueError: a model without `features`; a mask or targets that do not fit the model; data that do not fit together or are
            not finite.

    >>> from jaxdl import models
    >>> data = Dataset(jnp.array([[0.0], [1.0]]), jnp.array([[1.0], [3.0]]), jnp.ones(2))
    >>> print(least_squares(models.linear())({}, data)["params"]["weights"].round(3).T)
    [[1. 2.]]
    """
    used = _check("least_squares", model, mask)

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        frozen, phi, y = _weighted_problem("least_squares", model, keys, dataset, used)
        left, singular_values, right = jnp.linalg.svd(phi, full_matrices=False)
        in_range = singular_values > _rank_tolerance(phi) * jnp.max(singular_values)
        inverses = jnp.where(in_range, 1 / jnp.where(in_range, singular_values, 1), 0)
        return _with_weights(frozen, product(right.T, inverses[:, None] * product(left.T, y)))

    return learner


def least_squares_qr(model: Model, *, mask: Real[Array, " p"] | Sequence[float] | None = None) -> Learner:
    """Weighted least squares at full column rank, without LAPACK, for many small fits at once on any number of devices.

    It uses modified Gram-Schmidt on the augmented matrix [phi, y], which is backward stable (Björck, 1967). Features that
    the mask leaves out are skipped. If a column depends on earlier ones, to within eps max(n, p), all weights are NaN;
    `least_squares` handles that.

    Args:
        model: a model with `features`, at most as many as there are examples.
        mask: one for the features in use, zero for the others; it may be traced. All are used by default.

    Returns:
        A learner, `(keys, dataset) -> variables`.

    Raises:
        ValueError: as `least_squares`; a model with more features than examples.

    >>> from jaxdl import models
    >>> data = Dataset(jnp.array([[0.0], [1.0]]), jnp.array([[1.0], [3.0]]), jnp.ones(2))
    >>> print(least_squares_qr(models.linear())({}, data)["params"]["weights"].round(3).T)
    [[1. 2.]]
    """
    used = _check("least_squares_qr", model, mask)

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        frozen, phi, y = _weighted_problem("least_squares_qr", model, keys, dataset, used)
        num_examples, num_parameters = phi.shape
        if num_parameters > num_examples:
            msg = (
                f"least_squares_qr: got {num_parameters} features and {num_examples} examples, expected at most as "
                "many features as examples; use least_squares, which then finds the solution of smallest norm"
            )
            raise ValueError(msg)
        upper, projections = _orthogonalize(phi, y)
        return _with_weights(frozen, _solution_of_triangular(upper, projections))

    return learner


def ridge(model: Model, strength: ScalarLike, *, mask: Real[Array, " p"] | Sequence[float] | None = None) -> Learner:
    """Weighted ridge regression: argmin_w sum_i c_i |phi_i w - y_i|² + strength |w|². Intercepts are penalized too.

    It solves the normal equations, of size p for p <= n, and otherwise in their dual form, of size n. For an intercept
    without a penalty, center features and targets and leave it out.

    Args:
        model: a model with `features`.
        strength: positive, or zero at full rank; it may be traced. Note that it is compared with a *sum* over examples.
        mask: one for the features in use, zero for the others; it may be traced. All are used by default.

    Returns:
        A learner, `(keys, dataset) -> variables`.

    Raises:
        ValueError: as `least_squares`; a strength that is no scalar, or negative.

    >>> from jaxdl import models
    >>> data = Dataset(jnp.ones((3, 1)), jnp.full((3, 1), 4.0), jnp.ones(3))
    >>> print(ridge(models.constant(), 1.0)({}, data)["params"]["weights"])
    [[3.]]
    """
    used = _check("ridge", model, mask)
    strength = as_strength("ridge", strength)

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        frozen, phi, y = _weighted_problem("ridge", model, keys, dataset, used)
        solve = partial(jax.scipy.linalg.solve, assume_a="pos")
        num_examples, num_parameters = phi.shape
        diagonal = jnp.asarray(strength, phi.dtype) * jnp.eye(min(phi.shape), dtype=phi.dtype)
        if num_parameters <= num_examples:
            weights = solve(product(phi.T, phi) + diagonal, product(phi.T, y))
        else:
            weights = product(phi.T, solve(product(phi, phi.T) + diagonal, y))
        return _with_weights(frozen, weights)

    return learner


def _weighted_problem(
    name: str, model: Model, keys: Keys, dataset: Dataset, mask: Real[Array, " p"] | None
) -> tuple[Variables, Float[Array, "n p"], Float[Array, "n out"]]:
    """The model's frozen variables, then features and targets times the root of each example's weight."""
    dataset = admitted_examples(name, dataset)
    if dataset.y.ndim != 2:
        msg = f"{name}: got y of shape {dataset.y.shape}, expected (n, out); flatten its outputs: y.reshape(len(y), -1)"
        raise ValueError(msg)
    # The structure alone tells whether there is anything to draw: the weights are about to be replaced.
    structure = jax.eval_shape(model.init, jax.random.key(0), dataset.x)
    if set(structure) == {"params"}:
        frozen = {}
    else:
        drawn = model.init(key_of(name, keys, "init"), dataset.x)
        frozen = {collection: part for collection, part in drawn.items() if collection != "params"}
    assert model.features is not None  # refused when the learner was made
    phi = model.features(frozen, dataset.x)
    if not all(
        part.dtype in (jnp.float32, jnp.float64) for part in (phi, dataset.y) if not _is_whole(part)
    ) or _is_whole(phi):
        msg = (
            f"{name}: got features of dtype {phi.dtype} and y of dtype {dataset.y.dtype}, expected float32 or float64, in which "
            "the equations are solved; pass x.astype(jnp.float32), y.astype(jnp.float32)"
        )
        raise ValueError(msg)

    expected = {"weights": (phi.shape[1], dataset.y.shape[1])}
    shapes = jax.tree.map(lambda leaf: leaf.shape, structure["params"])
    if shapes != expected:
        msg = (
            f"{name}: got a model with parameters of shapes {shapes}, expected {expected} for {phi.shape[1]} features and "
            f"targets of shape {dataset.y.shape}; give the model num_outputs={dataset.y.shape[1]}"
        )
        raise ValueError(msg)
    if mask is not None:
        if mask.shape != (phi.shape[1],):
            msg = (
                f"{name}: got a mask of shape {mask.shape}, expected ({phi.shape[1]},), an entry for each feature; "
                "models.degree_mask makes one for a polynomial"
            )
            raise ValueError(msg)
        phi = phi * mask.astype(phi.dtype)[None, :]
    scale = jnp.sqrt(dataset.weight)[:, None]
    return frozen, scale * phi, scale * dataset.y


def _orthogonalize(
    phi: Float[Array, "n p"], y: Float[Array, "n out"]
) -> tuple[Float[Array, "p p"], Float[Array, "p out"]]:
    """R and Qᵀy of the decomposition phi = QR; rows of features that are zero are zero, of dependent ones NaN."""
    num_parameters = phi.shape[1]
    # Columns are kept as rows, whose entries are then neighbors in memory; dots are sums over them.
    columns = jnp.concatenate([phi, y], axis=1).T
    norms = jnp.linalg.norm(phi, axis=0)
    tolerance = _rank_tolerance(phi)

    def remove(columns: Array, k: Array) -> tuple[Array, Array]:
        column = columns[k]
        norm = jnp.linalg.norm(column)
        norm = jnp.where((norm <= tolerance * norms[k]) & (norms[k] > 0), jnp.nan, norm)
        direction = column / jnp.where(norms[k] > 0, norm, 1)
        is_later = jnp.arange(columns.shape[0]) > k
        products = jnp.where(is_later, product(columns, direction), 0)
        return columns - products[:, None] * direction[None, :], products.at[k].set(norm)

    rows = jax.lax.scan(remove, columns, jnp.arange(num_parameters))[1]
    return rows[:, :num_parameters], rows[:, num_parameters:]


def _solution_of_triangular(upper: Float[Array, "p p"], targets: Float[Array, "p out"]) -> Float[Array, "p out"]:
    """Back substitution, with zero for the unknowns whose row is zero."""

    def substitute(solution: Array, k: Array) -> tuple[Array, None]:
        pivot = upper[k, k]
        is_used = pivot != 0
        value = (targets[k] - product(upper[k], solution)) / jnp.where(is_used, pivot, 1)
        return solution.at[k].set(jnp.where(is_used, value, 0)), None

    return jax.lax.scan(substitute, jnp.zeros_like(targets), jnp.arange(upper.shape[0]), reverse=True)[0]


def _rank_tolerance(phi: Float[Array, "n p"]) -> float:
    return float(jnp.finfo(phi.dtype).eps) * max(phi.shape)


def _with_weights(frozen: Variables, weights: Float[Array, "p out"]) -> Variables:
    return {**frozen, "params": {"weights": weights}}


def _is_whole(array: Any) -> bool:
    return any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.integer, jnp.bool_))


def _check(name: str, model: Model, mask: Any) -> Any:
    """The mask as an array, after a check of model and mask."""
    check_model(name, model)
    if model.features is None:
        msg = (
            f"{name}: got a model without features, expected one that is linear in its parameters, such as "
            "models.polynomial; train others with learners.gradient_descent"
        )
        raise ValueError(msg)
    if mask is None or isinstance(mask, jax.core.Tracer):
        return mask
    msg = f"{name}: got mask={shown(mask)}, expected an array of ones and zeros; models.degree_mask makes one for a polynomial"
    try:
        host = as_numbers("mask", mask)
    except ValueError as error:
        raise ValueError(msg) from error
    if not np.isin(host, (0, 1)).all():
        raise ValueError(msg)
    return mask if isinstance(mask, jax.Array) else host
