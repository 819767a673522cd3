"""The step of training that all descents share, its state, and its report.

Training differentiates `variables["params"]` and carries all other collections along. Learners return one more collection,
`variables["report"]`. Its int32 `"diverged_at"` is the first step count t at which the objective of the parameters after t
steps, or the parameters returned, were not finite; -1 if there was none.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int, Scalar

from jaxdl.arguments import initial_variables, key_of, value_of
from jaxdl.types import Dataset, Keys, Model, Objective, Params, Variables


class State(NamedTuple):
    """The state that the next step needs."""

    variables: Variables
    optimizer_state: Any
    diverged_at: Int[Array, ""]


Optimizer: TypeAlias = optax.GradientTransformation | optax.MultiSteps

Step = Callable[[Array, State], State]
"""`(index, state) -> state`: the update from `index` to `index + 1` steps."""


def initial_state(model: Model, optimizer: Optimizer, keys: Keys, dataset: Dataset, *, name: str = "training") -> State:
    """The state before any step; reads the source `"init"`. Errors begin with `name`."""
    variables = initial_variables(name, model, keys, dataset.x)
    with jax.numpy_dtype_promotion("standard"):  # optax relies on it
        return State(variables, optimizer.init(variables["params"]), jnp.int32(-1))


def training_step(
    model: Model,
    objective: Objective,
    optimizer: Optimizer,
    keys: Keys,
    batch_at: Callable[[Array], Dataset],
    *,
    name: str = "training",
) -> Step:
    """One update on the batch of the step's index.

    Reads the source `"dropout"` where the model is stochastic; each step uses that key folded with its index.
    """
    key_dropout = key_of(name, keys, "dropout") if model.stochastic else None
    # Line searches and plateau schedules want the objective as well; others ignore it.
    if isinstance(optimizer, optax.MultiSteps):
        optimizer = optax.GradientTransformationExtraArgs(optimizer.init, optimizer.update)
    update = optax.with_extra_args_support(optimizer).update

    def step(index: Array, state: State) -> State:
        batch = batch_at(index)
        key = None if key_dropout is None else jax.random.fold_in(key_dropout, index)

        def evaluate(params: Params) -> tuple[Scalar, Variables]:
            return value_of(name, objective, {**state.variables, "params": params}, batch, key)

        params = state.variables["params"]
        (value, variables), gradient = jax.value_and_grad(evaluate, has_aux=True)(params)
        check_same_arrays(name, state.variables, variables)
        with jax.numpy_dtype_promotion("standard"):  # optax relies on it
            updates, optimizer_state = update(
                gradient, state.optimizer_state, params, value=value, grad=gradient, value_fn=lambda p: evaluate(p)[0]
            )
            params = optax.apply_updates(params, updates)
        return State(
            {**variables, "params": params},
            optimizer_state,
            earliest(state.diverged_at, ~jnp.isfinite(value), index),
        )

    return step


def diverged_at(state: State, index: Array | int) -> Int[Array, ""]:
    """The first step count that diverged, or -1, for a state after `index` steps."""
    is_finite = jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state.variables["params"])])
    return earliest(state.diverged_at, ~jnp.all(is_finite), index)


def check_same_arrays(name: str, before: Variables, after: Variables) -> None:
    """Refuse a step that changes names, shapes or types of variables: the next one could not take them."""
    shapes = [
        jax.tree.map(lambda leaf: (jnp.shape(leaf), jnp.result_type(leaf)), dict(each)) for each in (before, after)
    ]
    if shapes[0] != shapes[1]:
        changed = sorted(part for part in {**shapes[0], **shapes[1]} if shapes[0].get(part) != shapes[1].get(part))
        msg = (
            f"{name}: got an objective that changes the names, shapes or dtypes of variables[{', '.join(map(repr, changed))}], "
            "expected those of the model's init; return the variables that it was given, with new values"
        )
        raise ValueError(msg)


def earliest(earlier: Int[Array, ""], has_diverged: Bool[Array, ""], index: Array | int) -> Int[Array, ""]:
    """The first step count that diverged: `earlier` unless that is -1, else `index` if it has diverged, else -1."""
    return jnp.where((earlier < 0) & has_diverged, jnp.int32(index), earlier)
