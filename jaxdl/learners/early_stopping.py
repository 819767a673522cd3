"""Gradient descent that stops when the error on held-out examples no longer falls."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int, Scalar

from jaxdl.arguments import check_model, check_objective, check_optimizer, key_of, value_of
from jaxdl.examples import admitted_examples
from jaxdl.kinds import as_count, check_scalar
from jaxdl.learners.training import Optimizer, State, diverged_at, initial_state, training_step
from jaxdl.types import Dataset, Key, Keys, Learner, Model, Objective, Variables


def early_stopping(
    model: Model,
    objective: Objective,
    optimizer: Optimizer,
    *,
    validation: Objective,
    num_steps: int,
    patience: int,
    validation_fraction: float = 0.2,
) -> Learner:
    """Full-batch descent that returns the variables with the smallest validation objective.

    It reads the sources `"init"`, `"split"`, and `"dropout"` where the model is stochastic. A random part of the examples,
    drawn from `"split"`, has no weight in training, and all others have none in validation. The
    validation objective is computed after every step. Training ends when it has not fallen for `patience` steps (Prechelt,
    1998), or after `num_steps`.

    Args:
        model: what is trained; its `init` gives the start.
        objective: what is minimized.
        optimizer: any optax optimizer, schedules included.
        validation: what is watched, such as `objectives.evaluation_risk(model, loss)`.
        num_steps: number of steps at most.
        patience: steps without a new smallest validation objective that end the training.
        validation_fraction: share of the examples held out, rounded to a number of examples.

    Returns:
        A learner, `(keys, dataset) -> variables`, whose `variables["report"]` holds `"diverged_at"` as in `descent`,
        `"best_at"`, the number of steps to the returned variables, and `"stopped_at"`, the number of steps in all. Parameters are
        NaN where the weights of either part happen to be all zero.

    Raises:
        ValueError: as `gradient_descent`; what is no validation objective; a patience below one; a fraction that leaves either part
            empty.

    >>> import optax
    >>> from jaxdl import losses, models, objectives
    >>> model = models.constant()
    >>> risk = objectives.empirical_risk(model, losses.half_squared_error)
    >>> learner = early_stopping(model, risk, optax.sgd(1.0), validation=risk, num_steps=9, patience=2)
    >>> data = Dataset(jnp.ones((5, 1)), jnp.full((5, 1), 4.0), jnp.ones(5))
    >>> variables = learner({"init": jax.random.key(0), "split": jax.random.key(1)}, data)
    >>> print(variables["params"]["weights"], variables["report"]["best_at"], variables["report"]["stopped_at"])
    [[4.]] 1 3
    """
    check_model("early_stopping", model)
    check_objective("early_stopping", objective)
    check_objective("early_stopping", validation, what="validation")
    check_optimizer("early_stopping", optimizer)
    num_steps = as_count("early_stopping", num_steps, what="num_steps", low=0)
    patience = as_count(
        "early_stopping", patience, what="patience", low=1, remedy="use gradient_descent to take every step"
    )

    check_scalar(
        "early_stopping",
        validation_fraction,
        what="validation_fraction",
        expected="a share between 0 and 1",
        allowed=lambda share: 0 <= share <= 1,
    )

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        dataset = admitted_examples("early_stopping", dataset)
        is_held_out = _held_out(key_of("early_stopping", keys, "split"), dataset.x.shape[0], validation_fraction)
        training_part = dataset._replace(weight=jnp.where(is_held_out, 0, dataset.weight))
        validation_part = dataset._replace(weight=jnp.where(is_held_out, dataset.weight, 0))
        step = training_step(model, objective, optimizer, keys, lambda _: training_part, name="early_stopping")

        def validation_of(state: State) -> Scalar:
            return value_of("early_stopping", validation, state.variables, validation_part, None, what="validation")[0]

        def is_running(search: _Search) -> Bool[Array, ""]:
            return (search.num_taken < num_steps) & (search.num_taken - search.best_at < patience)

        def advance(search: _Search) -> _Search:
            state, num_taken = step(search.num_taken, search.state), search.num_taken + 1
            value = validation_of(state)
            challenger = (state.variables, value, num_taken)
            incumbent = (search.best_variables, search.best_value, search.best_at)
            is_better = value < search.best_value
            best = jax.tree.map(lambda new, old: jnp.where(is_better, new, old), challenger, incumbent)
            return _Search(state, num_taken, *best)

        state, zero = initial_state(model, optimizer, keys, dataset, name="early_stopping"), jnp.int32(0)
        start = _Search(state, zero, state.variables, validation_of(state), zero)
        end = lax.while_loop(is_running, advance, start)
        report = {
            "diverged_at": diverged_at(end.state, end.num_taken),
            "best_at": end.best_at,
            "stopped_at": end.num_taken,
        }
        # Bootstrap weights may leave a part empty: then nothing was learned, or nothing watched, and NaN shows it.
        is_judged = (jnp.sum(training_part.weight) > 0) & (jnp.sum(validation_part.weight) > 0)
        params = jax.tree.map(lambda leaf: jnp.where(is_judged, leaf, jnp.nan), end.best_variables["params"])
        return {**end.best_variables, "params": params, "report": report}

    return learner


class _Search(NamedTuple):
    state: State
    num_taken: Int[Array, ""]
    best_variables: Variables
    best_value: Scalar
    best_at: Int[Array, ""]


def _held_out(key: Key, num_examples: int, fraction: float) -> Bool[Array, " n"]:
    num_held_out = round(fraction * num_examples)
    if not 0 < num_held_out < num_examples:
        msg = (
            f"early_stopping: got validation_fraction={fraction}, which holds out {num_held_out} of {num_examples} "
            f"examples, expected between 1 and {num_examples - 1}; change the fraction or the number of examples"
        )
        raise ValueError(msg)
    return jax.random.permutation(key, num_examples) < num_held_out
