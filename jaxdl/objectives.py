"""Objectives: what training minimises. The one place where losses are reduced over examples."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar, ScalarLike

from jaxdl.types import Dataset, Key, Loss, Model, Objective, Penalty, Variables


def empirical_risk(model: Model, loss: Loss) -> Objective:
    """The weighted mean loss of the model *as it trains*: sum_i w_i loss(f(x_i), y_i) / sum_i w_i.

    Dropout and batch statistics are active (`model.train_apply`, where the model has one). Weights that sum to zero, as
    those of a minibatch may, give zero: such a batch teaches nothing.

    Returns:
        An objective, `(variables, dataset, key) -> (value, variables)`, with the model's further collections updated.

    >>> from jaxdl import losses, models
    >>> risk = empirical_risk(models.constant(), losses.squared_error)
    >>> data = Dataset(jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]), jnp.array([3.0, 1.0]))
    >>> print(risk({"params": {"weights": jnp.zeros((1, 1))}}, data, None)[0])
    3.0
    """

    def objective(variables: Variables, dataset: Dataset, key: Key | None) -> tuple[Scalar, Variables]:
        if model.train_apply is None:
            outputs, updated = model.apply(variables, dataset.x), variables
        else:
            outputs, updated = model.train_apply(variables, dataset.x, key)
        return _weighted_mean(loss(outputs, dataset.y), dataset.weight), updated

    return objective


def evaluation_risk(model: Model, loss: Loss) -> Objective:
    """The weighted mean loss of the model *as it predicts* (`model.apply`): no dropout, frozen batch statistics.

    For held-out examples. Variables are returned as they came, and the key is ignored.

    >>> from jaxdl import losses, models
    >>> risk = evaluation_risk(models.constant(), losses.squared_error)
    >>> data = Dataset(jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]), jnp.ones(2))
    >>> print(risk({"params": {"weights": jnp.zeros((1, 1))}}, data, None)[0])
    5.0
    """
    return empirical_risk(model._replace(train_apply=None, stochastic=False), loss)


def regularized(objective: Objective, penalty: Penalty, strength: ScalarLike) -> Objective:
    """An objective plus strength * penalty(params); `strength` may be traced, so one compilation serves a sweep.

    >>> from jaxdl import losses, models, penalties
    >>> risk = empirical_risk(models.constant(), losses.squared_error)
    >>> data = Dataset(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.ones(1))
    >>> print(regularized(risk, penalties.l2, 0.5)({"params": {"weights": jnp.full((1, 1), 2.0)}}, data, None)[0])
    3.0
    """

    def penalised(variables: Variables, dataset: Dataset, key: Key | None) -> tuple[Scalar, Variables]:
        value, updated = objective(variables, dataset, key)
        return value + strength * penalty(variables["params"]), updated

    return penalised


def _weighted_mean(values: Float[Array, " n"], weight: Float[Array, " n"]) -> Scalar:
    total = jnp.sum(weight)
    return jnp.sum(weight * values) / jnp.where(total > 0, total, 1)
