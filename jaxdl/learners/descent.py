"""Gradient descent with any optax optimiser: on all examples, or on minibatches in any order.

The learners read the source `"init"`, and `"dropout"` where the model is stochastic. The variables they return hold a
further collection, `variables["report"]`, with an int32 `"diverged_at"`: the first step count t at which the objective
of the parameters after t steps, or the parameters returned, were not finite; -1 if there was none.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Int

from jaxdl.learners.training import State, Step, check_num_steps, diverged_at, initial_state, training_step
from jaxdl.types import Dataset, Key, Keys, Learner, Model, Objective, Variables

Order = Callable[[Key, int, int, int], Int[Array, "steps batch"]]
"""`(key, num_examples, batch_size, num_steps) -> rows of each minibatch`: see `jaxdl.data.orders`."""


def gradient_descent(
    model: Model,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    *,
    num_steps: int,
    times: Sequence[int] | None = None,
) -> Learner:
    """Full-batch descent: each step follows the gradient of the objective on all examples.

    Args:
        model: what is trained; its `init` gives the start.
        objective: what is minimised.
        optimizer: any optax optimiser, schedules included. Build it inside the trial to trace or vmap its settings.
        num_steps: number of steps.
        times: step counts, increasing, between 0 (the start) and `num_steps`, at which to return the variables.

    Returns:
        A learner, `(keys, dataset) -> variables`. With `times`, every leaf has a leading axis "times".

    Raises:
        ValueError: a negative number of steps; times that are empty, out of range or not increasing.

    >>> from jaxdl import losses, models, objectives
    >>> model = models.constant()
    >>> risk = objectives.empirical_risk(model, losses.half_squared_error)
    >>> learner = gradient_descent(model, risk, optax.sgd(0.5), num_steps=2, times=(0, 1, 2))
    >>> data = Dataset(jnp.ones((2, 1)), jnp.full((2, 1), 4.0), jnp.ones(2))
    >>> print(learner({"init": jax.random.key(0)}, data)["params"]["weights"].reshape(-1))
    [0. 2. 3.]
    """
    stops = _checked_times("gradient_descent", num_steps, times)

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        state = initial_state(model, optimizer, keys, dataset)
        step = training_step(model, objective, optimizer, keys, lambda _: dataset)
        return _run(step, state, num_steps, stops)

    return learner


def minibatch_descent(
    model: Model,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    *,
    num_steps: int,
    batch_size: int,
    order: Order,
    times: Sequence[int] | None = None,
) -> Learner:
    """Stochastic descent: each step follows the gradient of the objective on one minibatch.

    Reads the source `"order"` besides. A minibatch carries the weights of its rows, and its objective is *its*
    weighted mean; without weights this is an unbiased estimate of the full gradient, with them nearly so.

    Args:
        model: what is trained; its `init` gives the start.
        objective: what is minimised.
        optimizer: any optax optimiser, schedules included. Build it inside the trial to trace or vmap its settings.
        num_steps: number of steps, one minibatch each.
        batch_size: examples in a minibatch.
        order: which rows each step uses: a function from `jaxdl.data.orders`, or another of its signature, whose rows
            must lie between 0 and n - 1.
        times: step counts, increasing, between 0 (the start) and `num_steps`, at which to return the variables.

    Returns:
        A learner, `(keys, dataset) -> variables`. With `times`, every leaf has a leading axis "times".

    Raises:
        ValueError: a negative number of steps; times that are empty, out of range or not increasing; a batch size the
            order refuses; an order of another shape.

    >>> from jaxdl import losses, models, objectives
    >>> from jaxdl.data import orders
    >>> model = models.constant()
    >>> risk = objectives.empirical_risk(model, losses.half_squared_error)
    >>> learner = minibatch_descent(
    ...     model, risk, optax.sgd(0.5), num_steps=2, batch_size=1, order=orders.with_replacement
    ... )
    >>> data = Dataset(jnp.ones((2, 1)), jnp.full((2, 1), 4.0), jnp.ones(2))
    >>> print(learner({"init": jax.random.key(0), "order": jax.random.key(1)}, data)["params"]["weights"])
    [[3.]]
    """
    stops = _checked_times("minibatch_descent", num_steps, times)

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        rows = order(keys["order"], dataset.x.shape[0], batch_size, num_steps)
        if rows.shape != (num_steps, batch_size):
            msg = (
                f"minibatch_descent: got an order of shape {rows.shape}, expected (num_steps, batch_size) = "
                f"({num_steps}, {batch_size}); return the rows of one minibatch for each step"
            )
            raise ValueError(msg)

        def batch_at(index: Array) -> Dataset:
            # Checking the bounds of every row would cost a tenth of the training of a small network.
            return jax.tree.map(lambda leaf: leaf.at[rows[index]].get(mode="promise_in_bounds"), dataset)

        state = initial_state(model, optimizer, keys, dataset)
        return _run(training_step(model, objective, optimizer, keys, batch_at), state, num_steps, stops)

    return learner


def _run(step: Step, state: State, num_steps: int, stops: tuple[int, ...] | None) -> Variables:
    """Reported variables after `num_steps` steps, or stacked at each of `stops`."""
    if stops is None:
        return _reported(lax.fori_loop(0, num_steps, step, state), num_steps)

    def segment(state: State, bounds: tuple[Array, Array]) -> tuple[State, Variables]:
        start, stop = bounds
        # The bounds are traced, so that segments of every length share one compiled step.
        state = lax.fori_loop(start, stop, step, state)
        return state, _reported(state, stop)

    bounds = jnp.array((0, *stops[:-1]), jnp.int32), jnp.array(stops, jnp.int32)
    return lax.scan(segment, state, bounds)[1]


def _reported(state: State, index: Array | int) -> Variables:
    return {**state.variables, "report": {"diverged_at": diverged_at(state, index)}}


def _checked_times(name: str, num_steps: int, times: Sequence[int] | None) -> tuple[int, ...] | None:
    check_num_steps(name, num_steps)
    if times is None:
        return None
    stops = tuple(times)
    if not stops or stops != tuple(sorted(set(stops))) or stops[0] < 0 or stops[-1] > num_steps:
        msg = (
            f"{name}: got times={stops} and num_steps={num_steps}, expected increasing step counts between 0 and "
            f"{num_steps}; sort them, drop repeats, or raise num_steps"
        )
        raise ValueError(msg)
    return stops
