"""Objectives, which training minimizes. Losses are reduced over examples here and nowhere else.

An objective checks, while a program is traced, that its data set fits together and that its loss gives one number for each
example.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree, Real, Scalar, ScalarLike, Shaped

from jaxdl.arguments import check_loss, check_model, check_objective, check_penalty, check_value, value_of
from jaxdl.examples import fitting_examples, losses_of_examples
from jaxdl.kinds import as_strength, check_function
from jaxdl.types import Dataset, Key, Loss, Model, Objective, Penalty, Variables

__all__ = ["empirical_risk", "evaluation_risk", "map_estimate", "regularized", "with_activity_penalty"]


def empirical_risk(model: Model, loss: Loss) -> Objective:
    """The weighted mean loss of the model *as it trains*: sum_i w_i loss(f(x_i), y_i) / sum_i w_i.

    Dropout and batch statistics are active (`model.train_apply`, where the model has one). Weights that sum to zero, as
    those of a minibatch may, give zero.

    Returns:
        An objective, `(variables, dataset, key) -> (value, variables)`, with the model's further collections updated.

    Raises:
        ValueError: what is no model or no loss; when called, data that do not fit together, a loss that does not give one float for
            each example, no key for a stochastic model.

    >>> from jaxdl import losses, models
    >>> risk = empirical_risk(models.constant(), losses.squared_error)
    >>> data = Dataset(jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]), jnp.array([3.0, 1.0]))
    >>> print(risk({"params": {"weights": jnp.zeros((1, 1))}}, data, None)[0])
    3.0
    """
    return _risk("empirical_risk", model, loss, is_trained=True)


def evaluation_risk(model: Model, loss: Loss) -> Objective:
    """The weighted mean loss of the model *as it predicts* (`model.apply`): no dropout, frozen batch statistics.

    For held-out examples. Variables are returned as they came, and the key is ignored. The loss may count errors.

    Raises:
        ValueError: see `empirical_risk`.

    >>> from jaxdl import losses, models
    >>> risk = evaluation_risk(models.constant(), losses.squared_error)
    >>> data = Dataset(jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]), jnp.ones(2))
    >>> print(risk({"params": {"weights": jnp.zeros((1, 1))}}, data, None)[0])
    5.0
    """
    check_model("evaluation_risk", model)
    as_it_predicts = model._replace(train_apply=None, stochastic=False)
    return _risk("evaluation_risk", as_it_predicts, loss, is_trained=False)


def regularized(objective: Objective, penalty: Penalty, strength: ScalarLike) -> Objective:
    """An objective plus strength * penalty(params); `strength` may be traced, so one compilation serves a sweep.

    Raises:
        ValueError: what is no objective or no penalty, or a value of either that is no scalar; a strength that is
            negative or no scalar.

    >>> from jaxdl import losses, models, penalties
    >>> risk = empirical_risk(models.constant(), losses.squared_error)
    >>> data = Dataset(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.ones(1))
    >>> print(regularized(risk, penalties.l2, 0.5)({"params": {"weights": jnp.full((1, 1), 2.0)}}, data, None)[0])
    3.0
    """
    check_objective("regularized", objective)
    check_penalty("regularized", penalty)
    strength = as_strength("regularized", strength)

    def penalized(variables: Variables, dataset: Dataset, key: Key | None) -> tuple[Scalar, Variables]:
        value, updated = value_of("regularized", objective, variables, dataset, key)
        return value + strength * check_value("regularized", "a penalty", penalty(variables["params"])), updated

    return penalized


def with_activity_penalty(
    objective: Objective,
    activity: Callable[[Variables, Shaped[Array, "n *features"]], PyTree[Real[Array, "n ..."]]],
    penalty: Penalty,
    strength: ScalarLike,
) -> Objective:
    """An objective plus strength times the weighted mean, over examples, of a penalty of each example's activations.

        value + strength sum_i c_i penalty(h_i) / sum_i c_i,  h = activity(variables, x)

    With `penalties.l1` it favors sparse codes (Goodfellow, Bengio and Courville, 2016, section 7.10). Unlike `regularized`, it
    penalizes values at examples and not parameters. They are computed once more than by the objective; if `activity` repeats the
    first layers of a deterministic model, the compiler shares the work.

    Args:
        objective: what to add to.
        activity: `(variables, x) -> activations`, an array or a pytree of arrays with one row for each example. For a linen
            module: `lambda variables, x: module.apply(variables, x, capture_intermediates=True)[1]["intermediates"]`.
        penalty: of one example's activations, such as `penalties.l1`.
        strength: may be traced.

    Raises:
        ValueError: activations that do not have one row for each example; a penalty that is no scalar; as `regularized`.

    >>> from jaxdl import losses, models, penalties
    >>> risk = empirical_risk(models.constant(), losses.squared_error)
    >>> sparse = with_activity_penalty(risk, lambda variables, x: x, penalties.l1, 0.5)
    >>> data = Dataset(jnp.array([[1.0, -1.0], [2.0, 4.0]]), jnp.zeros((2, 1)), jnp.ones(2))
    >>> print(sparse({"params": {"weights": jnp.zeros((1, 1))}}, data, None)[0])
    2.0
    """
    check_objective("with_activity_penalty", objective)
    check_function(
        "with_activity_penalty",
        activity,
        ("variables", "x"),
        "return activations with a row for each example",
        what="activity",
    )
    check_penalty("with_activity_penalty", penalty)
    strength = as_strength("with_activity_penalty", strength)

    def penalty_of(row: PyTree) -> Scalar:
        return check_value("with_activity_penalty", "a penalty", penalty(row))

    def penalized(variables: Variables, dataset: Dataset, key: Key | None) -> tuple[Scalar, Variables]:
        dataset = fitting_examples("with_activity_penalty", dataset)
        value, updated = value_of("with_activity_penalty", objective, variables, dataset, key)
        rows = activity(variables, dataset.x)
        shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(rows)]
        if any(shape[:1] != dataset.weight.shape for shape in shapes):
            msg = (
                f"with_activity_penalty: got activations of shapes {shapes} for {dataset.weight.shape[0]} examples, expected "
                "one row for each example on their first axis"
            )
            raise ValueError(msg)
        return value + strength * _weighted_mean(jax.vmap(penalty_of)(rows), dataset.weight), updated

    return penalized


def map_estimate(model: Model, likelihood: Loss, prior: Penalty) -> Objective:
    """The negative log posterior density of the parameters, without its constant; the most probable ones minimize it.

        sum_i c_i likelihood(f(x_i), y_i) + prior(w)

    It is a *sum* over examples, as in Bayes' rule, so the share of the prior falls with the number of examples. In
    `regularized(empirical_risk(...), ...)` the penalty keeps its share.

    Args:
        model: what is fitted, as it trains.
        likelihood: the negative log density of the targets of one example, such as `priors.normal_errors(noise_std)`, or
            `losses.softmax_cross_entropy`.
        prior: the negative log density of the parameters, such as `priors.normal(std)`.

    Returns:
        An objective, `(variables, dataset, key) -> (value, variables)`.

    Raises:
        ValueError: as `empirical_risk`; a prior that is no function of the parameters, or whose value is no scalar.

    >>> from jaxdl import losses, models, penalties
    >>> posterior = map_estimate(models.constant(), losses.squared_error, penalties.l2)
    >>> data = Dataset(jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]), jnp.ones(2))
    >>> print(posterior({"params": {"weights": jnp.full((1, 1), 2.0)}}, data, None)[0])
    6.0
    """
    risk = _risk("map_estimate", model, likelihood, is_trained=True)
    check_penalty("map_estimate", prior, what="prior")

    def posterior(variables: Variables, dataset: Dataset, key: Key | None) -> tuple[Scalar, Variables]:
        mean, updated = risk(variables, dataset, key)
        return jnp.sum(dataset.weight) * mean + check_value(
            "map_estimate", "a prior", prior(variables["params"])
        ), updated

    return posterior


def _risk(name: str, model: Model, loss: Loss, *, is_trained: bool) -> Objective:
    check_model(name, model)
    check_loss(name, loss)

    def objective(variables: Variables, dataset: Dataset, key: Key | None) -> tuple[Scalar, Variables]:
        dataset = fitting_examples(name, dataset)
        if model.train_apply is None:
            outputs, updated = model.apply(variables, dataset.x), variables
        elif model.stochastic and key is None:
            msg = (
                f"{name}: got no key for a model that draws random numbers while it trains, expected one; give the learner the "
                "same model, or take objectives.evaluation_risk, which draws none"
            )
            raise ValueError(msg)
        else:
            outputs, updated = model.train_apply(variables, dataset.x, key)
        return _weighted_mean(
            losses_of_examples(name, loss, outputs, dataset, is_trained=is_trained), dataset.weight
        ), updated

    return objective


def _weighted_mean(values: Real[Array, " n"], weight: Real[Array, " n"]) -> Scalar:
    total = jnp.sum(weight)
    return jnp.sum(weight * values) / jnp.where(total > 0, total, 1)
