"""Newton's method with a dense Hessian, for convex problems of at most a few thousand parameters."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Scalar, ScalarLike

from jaxdl.arguments import check_model, check_objective, initial_variables, value_of
from jaxdl.examples import admitted_examples
from jaxdl.kinds import as_count, as_strength
from jaxdl.types import Dataset, Keys, Learner, Model, Objective, Variables

NUM_HALVINGS = 10
"""How often a step is halved before it is given up."""


def newton(model: Model, objective: Objective, *, num_steps: int, damping: ScalarLike = 0.0) -> Learner:
    """Newton's method: w <- w - s (H + damping I)⁻¹ g, with the gradient g and the dense Hessian H of the objective.

    The step size s is the largest of 1, 1/2, 1/4, ..., 2^-NUM_HALVINGS that does not raise the objective, and 0 if all
    of them do. Steps near the solution are full ones. So one step solves a quadratic, and convergence on a smooth convex
    objective is quadratic (Boyd and Vandenberghe, 2004, 9.5).

    Args:
        model: a model that trains as it predicts.
        objective: what to minimize; convex, or started where it is.
        num_steps: number of steps.
        damping: added to the Hessian's diagonal; needed where the Hessian is singular, as that of softmax regression
            without a penalty is. It may be traced.

    Returns:
        A learner that reads the source `"init"`, `(keys, dataset) -> variables`. `variables["report"]["diverged_at"]`
        is the first step whose objective was not finite, or -1.

    Raises:
        ValueError: what is no model or objective; a number of steps that is no whole number, or negative; a damping that is
            negative; a model with dropout or batch statistics; when called, data that do not fit together or are not finite.

    >>> from jaxdl import losses, models, objectives
    >>> model = models.constant()
    >>> learner = newton(model, objectives.empirical_risk(model, losses.squared_error), num_steps=1)
    >>> data = Dataset(jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]), jnp.ones(2))
    >>> print(learner({"init": jax.random.key(0)}, data)["params"]["weights"])
    [[2.]]
    """
    check_model("newton", model)
    check_objective("newton", objective)
    damping = as_strength("newton", damping, what="damping")
    num_steps = as_count("newton", num_steps, what="num_steps", low=0)
    if model.train_apply is not None:
        msg = (
            "newton: got a model that trains differently from how it predicts (dropout or batch statistics), expected "
            "a deterministic objective; use learners.gradient_descent"
        )
        raise ValueError(msg)

    def learner(keys: Keys, dataset: Dataset) -> Variables:
        dataset = admitted_examples("newton", dataset)
        variables = initial_variables("newton", model, keys, dataset.x)
        start, unravel = ravel_pytree(variables["params"])

        def value_at(flat: Array) -> Scalar:
            return value_of("newton", objective, {**variables, "params": unravel(flat)}, dataset, None)[0]

        def step(flat: Array, _: None) -> tuple[Array, Scalar]:
            value, gradient = jax.value_and_grad(value_at)(flat)
            hessian = jax.hessian(value_at)(flat)
            diagonal = jnp.asarray(damping, flat.dtype) * jnp.eye(flat.size, dtype=flat.dtype)
            direction = jnp.linalg.solve(hessian + diagonal, gradient)
            sizes = 0.5 ** jnp.arange(NUM_HALVINGS + 1, dtype=flat.dtype)
            candidates = flat[None, :] - sizes[:, None] * direction[None, :]
            is_no_worse = jax.vmap(value_at)(candidates) <= value
            chosen = candidates[jnp.argmax(is_no_worse)]
            return jnp.where(jnp.any(is_no_worse), chosen, flat), value

        # Accelerators multiply with 8 to 11 bits unless asked otherwise, which solves another system.
        with jax.default_matmul_precision("highest"):
            flat, values = lax.scan(step, start, length=num_steps)
            is_bad = ~jnp.isfinite(jnp.append(values, value_at(flat)))
        diverged_at = jnp.where(jnp.any(is_bad), jnp.argmax(is_bad), -1).astype(jnp.int32)
        return {**variables, "params": unravel(flat), "report": {"diverged_at": diverged_at}}

    return learner
