"""Gradient descent with any optax optimizer: on all examples, or on minibatches in any order.

The learners read the source `"init"`, and `"dropout"` where the model is stochastic. Their variables have one more
collection, `variables["report"]`. Its int32 `"diverged_at"` is the first step count t at which the objective of the
parameters after t steps, or the parameters returned, were not finite; -1 if there was none.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int

from jaxdl.admission import as_numbers, at_hand
from jaxdl.arguments import check_model, check_objective, check_optimizer, key_of
from jaxdl.examples import admitted_examples
from jaxdl.kinds import as_count, check_function, shown
from jaxdl.learners.training import Optimizer, State, Step, diverged_at, initial_state, training_step
from jaxdl.types import Dataset, Key, Keys, Learner, Model, Objective, Variables

Order = Callable[[Key, int, int, int], Int[Array, "steps batch"]]
"""`(key, num_examples, batch_size, num_steps) -> rows of each minibatch`: see `jaxdl.data.orders`."""


def gradient_descent(
    model: Model,
    objective: Objective,
    optimizer: Optimizer,
    *,
    num_steps: int,
    times: Sequence[int] | Int[Array, " times"] | None = None,
) -> Learner:
    """Full-batch descent: each step follows the gradient of the objective on all examples.

    Args:
        model: what is trained; its `init` gives the start.
        objective: what is minimized.
        optimizer: any optax optimizer, schedules included. Build it inside the trial to trace or vmap its settings.
        num_steps: number of steps.
        times: step counts, increasing, between 0 (the start) and `num_steps`, at which to return the variables.

    Returns:
        A learner, `(keys, dataset) -> variables`. With `times`, every leaf has a leading axis "times".

    Raises:
        ValueError: what is no model, objective or optimizer; a number of steps that is no whole number, or negative; times that are
            empty, out of range or not increasing; when called, data that do not fit together or are not finite; keys
            without a source.

    >>> import optax
    >>> from jaxdl import losses, models, objectives
    >>> model = models.constant()
    >>> risk = objectives.empirical_risk(model, losses.half_squared_error)
    >>> learner = gradient_descent(model, risk, optax.sgd(0.5), num_steps=2, times=(0, 1, 2))
    >>> data = Dataset(jnp.ones((2, 1)), jnp.full((2, 1), 4.0), jnp.ones(2))
    >>> print(learner({"init": jax.random.key(0)}, data)["params"]["weights"].reshape(-1))
    [0. 2. 3.]
    """
    num_steps, stops = _check("gradient_descent", model, objective, optimizer, num_steps, times)

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        dataset = admitted_examples("gradient_descent", dataset)
        state = initial_state(model, optimizer, keys, dataset, name="gradient_descent")
        step = training_step(model, objective, optimizer, keys, lambda _: dataset, name="gradient_descent")
        return _run(step, state, num_steps, stops)

    return learner


def minibatch_descent(
    model: Model,
    objective: Objective,
    optimizer: Optimizer,
    *,
    num_steps: int,
    batch_size: int,
    order: Order,
    times: Sequence[int] | Int[Array, " times"] | None = None,
) -> Learner:
    """Stochastic descent: each step follows the gradient of the objective on one minibatch.

    It reads the source `"order"` as well. A minibatch carries the weights of its rows, and its objective is its own weighted
    mean. Without weights its gradient is an unbiased estimate of the full one, with them nearly so.

    Args:
        model: what is trained; its `init` gives the start.
        objective: what is minimized.
        optimizer: any optax optimizer, schedules included. Build it inside the trial to trace or vmap its settings.
        num_steps: number of steps, one minibatch each.
        batch_size: examples in a minibatch.
        order: which rows each step uses: a function from `jaxdl.data.orders`, or another of its signature, whose rows
            must lie between 0 and n - 1.
        times: step counts, increasing, between 0 (the start) and `num_steps`, at which to return the variables.

    Returns:
        A learner, `(keys, dataset) -> variables`. With `times`, every leaf has a leading axis "times".

    Raises:
        ValueError: as `gradient_descent`; a batch size the order refuses; an order of another shape, or of rows that are not there.

    >>> import optax
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
    num_steps, stops = _check("minibatch_descent", model, objective, optimizer, num_steps, times)
    batch_size = as_count("minibatch_descent", batch_size, what="batch_size")
    parameters = ("key", "num_examples", "batch_size", "num_steps")
    check_function(
        "minibatch_descent", order, parameters, "pass one such as data.orders.reshuffled_each_epoch", what="order"
    )

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        dataset = jax.tree.map(jnp.asarray, admitted_examples("minibatch_descent", dataset))
        rows = order(key_of("minibatch_descent", keys, "order"), dataset.x.shape[0], batch_size, num_steps)
        rows = _as_rows(rows, dataset.x.shape[0], (num_steps, batch_size))

        def batch_at(index: Array) -> Dataset:
            # Checking the bounds of every row would cost a tenth of the training of a small network.
            return jax.tree.map(lambda leaf: leaf.at[rows[index]].get(mode="promise_in_bounds"), dataset)

        state = initial_state(model, optimizer, keys, dataset, name="minibatch_descent")
        step = training_step(model, objective, optimizer, keys, batch_at, name="minibatch_descent")
        return _run(step, state, num_steps, stops)

    return learner


def _run(step: Step, state: State, num_steps: int, stops: tuple[int, ...] | None) -> Variables:
    """Reported variables after `num_steps` steps, or stacked at each of `stops`."""
    if stops is None:
        return _with_report(lax.fori_loop(0, num_steps, step, state), num_steps)

    def segment(state: State, bounds: tuple[Array, Array]) -> tuple[State, Variables]:
        start, stop = bounds
        # The bounds are traced, so that segments of every length share one compiled step.
        state = lax.fori_loop(start, stop, step, state)
        return state, _with_report(state, stop)

    bounds = jnp.array((0, *stops[:-1]), jnp.int32), jnp.array(stops, jnp.int32)
    return lax.scan(segment, state, bounds)[1]


def _with_report(state: State, index: Array | int) -> Variables:
    return {**state.variables, "report": {"diverged_at": diverged_at(state, index)}}


def _as_rows(rows: Any, num_examples: int, shape: tuple[int, ...]) -> Int[Array, "steps batch"]:
    rows = rows if isinstance(rows, jax.Array) else as_numbers("minibatch_descent: an order", rows)
    if rows.shape != shape:
        msg = (
            f"minibatch_descent: got an order of shape {rows.shape}, expected (num_steps, batch_size) = {shape}; return the "
            "rows of one minibatch for each step"
        )
        raise ValueError(msg)
    if not jnp.issubdtype(rows.dtype, jnp.integer):
        msg = f"minibatch_descent: got an order of dtype {rows.dtype}, expected whole numbers; return rows"
        raise ValueError(msg)
    # Of rows that are traced only the order itself can know; minibatches are taken without a look at each row.
    host = at_hand(rows)
    if host is not None and host.size and not 0 <= host.min() <= host.max() < num_examples:
        bounds = f"{host.min()} to {host.max()}"
        msg = f"minibatch_descent: got an order with rows {bounds}, expected rows from 0 to {num_examples - 1}"
        raise ValueError(msg)
    return jnp.asarray(rows)


def _check(
    name: str,
    model: Model,
    objective: Objective,
    optimizer: Optimizer,
    num_steps: int,
    times: Sequence[int] | Int[Array, " times"] | None,
) -> tuple[int, tuple[int, ...] | None]:
    """The number of steps and the times to stop at, after a check of all arguments."""
    check_model(name, model)
    check_objective(name, objective)
    check_optimizer(name, optimizer)
    num_steps = as_count(name, num_steps, what="num_steps", low=0)
    if times is None:
        return num_steps, None
    if isinstance(times, jax.Array | np.ndarray) and at_hand(times) is not None and times.ndim == 1:
        times = np.asarray(times).tolist()
    if not isinstance(times, Iterable) or isinstance(times, jax.Array | np.ndarray):
        msg = f"{name}: got times={shown(times)}, expected increasing step counts, such as ({num_steps},)"
        raise ValueError(msg)
    stops = tuple(times)
    is_whole = all(isinstance(stop, int | np.integer) and not isinstance(stop, bool) for stop in stops)
    if not stops or not is_whole or stops != tuple(sorted(set(stops))) or stops[0] < 0 or stops[-1] > num_steps:
        msg = (
            f"{name}: got times={stops} and num_steps={num_steps}, expected increasing step counts between 0 and "
            f"{num_steps}; sort them, drop repeats, or raise num_steps"
        )
        raise ValueError(msg)
    return num_steps, stops
