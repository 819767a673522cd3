"""Proximal-gradient descent, for penalties with a corner: it reaches weights that are exactly zero."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Scalar, ScalarLike

from jaxdl.arguments import check_model, check_objective, initial_variables, key_of, value_of
from jaxdl.examples import admitted_examples
from jaxdl.kinds import as_count, as_strength, check_function, check_scalar
from jaxdl.learners.training import State, check_same_arrays, diverged_at, earliest
from jaxdl.penalties.proximal import Proximal
from jaxdl.types import Dataset, Keys, Learner, Model, Objective, Params, Variables


class _Momentum(NamedTuple):
    ahead: Params
    """v, where the next gradient is taken"""
    size: Scalar
    residual: Scalar


def proximal_gradient(
    model: Model,
    objective: Objective,
    proximal: Proximal,
    *,
    strength: ScalarLike,
    learning_rate: ScalarLike,
    num_steps: int,
    accelerated: bool = True,
) -> Learner:
    """Full-batch descent on objective + strength * penalty, where the penalty enters by its proximal operator.

        w <- proximal(v - η ∇objective(v), η strength),  v = w

    (ISTA), or accelerated, with v ahead of w by Nesterov's momentum (FISTA; Beck and Teboulle, 2009), which is dropped whenever
    it points uphill (O'Donoghue and Candès, 2015). Subgradient steps jump over a corner for ever, but these land on it: with
    `penalties.soft_threshold` weights are exactly zero. For a convex objective of smoothness L and η <= 1/L both converge, in
    general like O(1/steps) and O(1/steps²). For any other objective they approach a critical point at best.

    Args:
        model: what is trained; its `init` gives the start.
        objective: the smooth part of what is minimized; a penalty of the parameters that has a corner does not belong in it.
        proximal: an operator of `jaxdl.penalties`, such as `soft_threshold` or `lq_threshold(q)`.
        strength: of the penalty beside the objective; it may be traced.
        learning_rate: η; it may be traced. A convex quadratic |Xw - y|²/(2n) has L = |X'X|/n, which the largest sum of
            absolute values in a row of X'X/n bounds.
        num_steps: number of steps.
        accelerated: whether to use momentum.

    Returns:
        A learner that reads the sources `"init"`, and `"dropout"` where the model is stochastic, `(keys, dataset) -> variables`.
        `variables["report"]` holds `"diverged_at"` as in `gradient_descent`, and `"residual"`, the norm of the last step divided
        by η, which is zero at a solution; without a penalty it is the gradient's norm.

    Raises:
        ValueError: what is no model, objective or operator; a number of steps that is no whole number, or negative; a strength that
            is negative, a learning rate that is not positive; when called, data that do not fit together or are not finite.

    >>> from jaxdl import losses, models, objectives, penalties
    >>> model = models.linear(intercept=False)
    >>> risk = objectives.empirical_risk(model, losses.half_squared_error)
    >>> learner = proximal_gradient(model, risk, penalties.soft_threshold, strength=1.0, learning_rate=1.0, num_steps=1)
    >>> data = Dataset(2**0.5 * jnp.eye(2), 2**0.5 * jnp.array([[3.0], [0.5]]), jnp.ones(2))
    >>> print(learner({"init": jax.random.key(0)}, data)["params"]["weights"].round(3).T)
    [[2. 0.]]
    """
    name = "proximal_gradient"
    check_model(name, model)
    check_objective(name, objective)
    remedy = "pass an operator such as penalties.soft_threshold or penalties.lq_threshold(0.5)"
    check_function(name, proximal, ("params", "strength"), remedy, what="proximal")
    strength = as_strength(name, strength)
    check_scalar(
        name,
        learning_rate,
        what="learning_rate",
        expected="a positive scalar",
        allowed=lambda rate: 0 < rate < jnp.inf,
        remedy="vmap over several",
    )
    num_steps = as_count(name, num_steps, what="num_steps", low=0)

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        dataset = admitted_examples(name, dataset)
        key_dropout = key_of(name, keys, "dropout") if model.stochastic else None

        def step(index: Array, state: State) -> State:
            key = None if key_dropout is None else jax.random.fold_in(key_dropout, index)
            before, (ahead, size, _) = state.variables["params"], state.optimizer_state

            def evaluate(params: Params) -> tuple[Scalar, Variables]:
                return value_of(name, objective, {**state.variables, "params": params}, dataset, key)

            (value, updated), gradient = jax.value_and_grad(evaluate, has_aux=True)(ahead)
            descended = jax.tree.map(lambda v, g: v - jnp.asarray(learning_rate, v.dtype) * g, ahead, gradient)
            params = proximal(descended, learning_rate * strength)
            check_same_arrays(name, state.variables, {**updated, "params": params})
            moved = _minus(params, ahead)
            residual = optax.tree.norm(moved)
            momentum = _Momentum(params, size, residual / jnp.asarray(learning_rate, residual.dtype))
            if accelerated:
                progress = _minus(params, before)
                is_uphill = optax.tree.vdot(moved, progress) < 0
                larger = (1 + jnp.sqrt(1 + 4 * size**2)) / 2
                rate = jnp.where(is_uphill, 0, (size - 1) / larger)
                ahead = jax.tree.map(lambda w, d: w + rate.astype(w.dtype) * d, params, progress)
                momentum = momentum._replace(ahead=ahead, size=jnp.where(is_uphill, 1, larger))
            first_bad = earliest(state.diverged_at, ~jnp.isfinite(value), index)
            return State({**updated, "params": params}, momentum, first_bad)

        variables = initial_variables(name, model, keys, dataset.x)
        # Whole numbers as inputs have no precision to follow.
        is_float = jnp.issubdtype(dataset.x.dtype, jnp.floating)
        one = jnp.ones((), dataset.x.dtype if is_float else float)
        start = State(variables, _Momentum(variables["params"], one, jnp.inf * one), jnp.int32(-1))
        end = lax.fori_loop(0, num_steps, step, start)
        report = {"diverged_at": diverged_at(end, num_steps), "residual": end.optimizer_state.residual}
        return {**end.variables, "report": report}

    return learner


def _minus(left: Params, right: Params) -> Any:
    return jax.tree.map(jnp.subtract, left, right)
