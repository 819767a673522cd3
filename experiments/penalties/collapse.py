"""Networks under weight decay in units of |X'y|/n, and then under less of it: the study of K024 and WD1."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from jaxdl import designs, learners, losses, objectives, penalties
from jaxdl.types import Dataset, Key, Keys, Model, Params, Trial

NUM_FEATURES, NUM_EXAMPLES, WIDTH = 4, 40, 8
RATIOS = np.array([0.25, 0.5, 0.75, 0.9, 0.95, 1.05, 1.1, 1.25, 1.5])
"""Strengths of weight decay over |X'y|/n."""
LOWERED = 0.25
"""The ratio to which the strength is then lowered."""
MUCH, LESS = 0.3, 0.01
"""Decays of the network whose X'y is zero."""
COLLAPSED = 1e-3
"""Weights of a smaller norm are gone."""


def network(num_features: int, depth: int, *, is_tanh: bool, scale: float = 1.0) -> Model:
    """`depth` kernels without biases, drawn with variance scale²/fan-in."""
    sizes = [num_features, *[WIDTH] * (depth - 1), 1]

    def init(key: Key, x: Array) -> Params:
        keys = jax.random.split(key, depth)
        shapes = list(itertools.pairwise(sizes))
        return {
            "params": [
                scale * jax.random.normal(each, shape, x.dtype) / shape[0] ** 0.5
                for each, shape in zip(keys, shapes, strict=True)
            ]
        }

    def apply(variables: Params, x: Array) -> Array:
        *hidden, output = variables["params"]
        for kernel in hidden:
            x = x @ kernel
            x = jnp.tanh(x) if is_tanh else x
        return x @ output

    return Model(init, apply)


def trained(
    model: Model, data: Dataset, params: Params, strength: Any, num_steps: int
) -> tuple[Params, Float[Array, " 3"]]:
    """Heavy-ball descent on half the mean square + strength |w|²/2 from the weights given: where it ends, and the norm there, the
    share of the mean square that is left, and the objective.
    """
    risk = objectives.empirical_risk(model, losses.half_squared_error)
    objective = objectives.regularized(risk, penalties.l2, strength / 2)
    begin = model._replace(init=lambda *_: {"params": params})
    learn = learners.gradient_descent(begin, objective, optax.sgd(0.05, momentum=0.9), num_steps=num_steps)
    end = learn({"init": None}, data)
    left = risk(end, data, None)[0] / (jnp.mean(data.y**2) / 2)
    seen = jnp.stack([optax.tree.norm(end["params"]), left, objective(end, data, None)[0]])
    return end["params"], seen


def trial_of(depth: int, num_steps: int) -> Trial:
    """`keys` -> (ratios, phases, 3): linear networks trained at each ratio, then on at the lower one from where they ended."""
    model = network(NUM_FEATURES, depth, is_tanh=False)

    def trial(keys: Keys) -> Float[Array, "ratios phases seen"]:
        key_inputs, key_slopes, key_noise = jax.random.split(keys["data"], 3)
        x = jax.random.normal(key_inputs, (NUM_EXAMPLES, NUM_FEATURES))
        slopes = jax.random.normal(key_slopes, (NUM_FEATURES, 1))
        noise = 0.3 * jax.random.normal(key_noise, (NUM_EXAMPLES, 1))
        data = Dataset(x, x @ slopes / jnp.linalg.norm(slopes) + noise, jnp.ones(NUM_EXAMPLES))
        threshold = jnp.linalg.norm(x.T @ data.y) / NUM_EXAMPLES

        def train_twice(ratio: Scalar) -> Array:
            start = model.init(keys["init"], x)["params"]
            return jax.lax.scan(
                lambda params, each: trained(model, data, params, each * threshold, num_steps),
                start, jnp.stack([ratio, jnp.full_like(ratio, LOWERED)]),
            )[1]  # fmt: skip

        # Side by side, and no settings of the study: a step of one small network costs hardly less than that of nine.
        return jax.vmap(train_twice)(jnp.array(RATIOS))

    return trial


def linear(lab: Lab, depth: int) -> Float[np.ndarray, "runs ratios phases seen"]:
    """Linear networks of two or three layers, each run with data and a start of its own."""
    with jax.enable_x64(True):
        design = designs.independent(lab["runs"], "data", "init")
        return np.asarray(lab.run(f"linear-{depth}-layers", trial_of(depth, lab["steps"]), design, block=8).outputs)


def curved(lab: Lab) -> Float[np.ndarray, "runs 3 seen"]:
    """Two tanh layers and a cubic of one input that is uncorrelated with it.

    What is seen is that after too much decay, then on under less, and fresh under less. Where X'y = 0, zero is a minimum at any
    decay, and no lowest one at a small decay.
    """
    model = network(1, 2, is_tanh=True)
    x = jnp.linspace(-2.0, 2.0, NUM_EXAMPLES)[:, None]

    def trial(keys: Keys) -> Float[Array, "3 seen"]:
        y = x**3 - x * jnp.sum(x**4) / jnp.sum(x**2)
        data = Dataset(x, y / jnp.sqrt(jnp.mean(y**2)), jnp.ones(NUM_EXAMPLES))
        start = model.init(keys["init"], x)["params"]
        end, much = trained(model, data, start, MUCH, lab["steps"])
        less = trained(model, data, end, LESS, lab["steps"])[1]
        return jnp.stack([much, less, trained(model, data, start, LESS, lab["steps"])[1]])

    with jax.enable_x64(True):
        return np.asarray(lab.run("curved", trial, designs.independent(lab["runs"], "init"), block=8).outputs)
