"""The studies of networks of `penalties`: sparse weights, collapse under weight decay, sparse codes.

Imported by `measure` alone, so that jax is not needed to show a finished run.
"""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool
from scipy import sparse

from experiments.penalties_results import (
    COLLAPSE_NETS,
    COLLAPSE_RATIOS,
    LOWERED,
    NUM_TRAIN,
    NUM_VALIDATION,
    WEIGHT_STRENGTHS,
    activity_settings,
)
from jaxdl import designs, learners, losses, models, objectives, penalties, selection
from jaxdl.data import real, resampling
from jaxdl.types import Dataset, Key, Model, Run

if TYPE_CHECKING:
    from experiments.penalties import Config
    from experiments.runner import Options

COLLAPSE_FEATURES, COLLAPSE_EXAMPLES, COLLAPSE_WIDTH = 4, 40, 8
HEAVY_BALL = {"learning_rate": 0.05, "momentum": 0.9}


def sparse_weights(config: "Config", options: "Options", key: Key) -> dict[str, Any]:
    """K023: a network on digits with an L1 penalty on its kernels, by proximal steps; its first kernel, dense and compressed."""
    sample, test = _digits()
    model = models.mlp_of_width(config.width, config.width, 10)
    risk = objectives.empirical_risk(model, losses.softmax_cross_entropy)

    def threshold_kernels(params, strength):
        return {name: (penalties.soft_threshold(kernel, strength), bias) for name, (kernel, bias) in params.items()}

    def trial(keys, strength):
        train, validation = sample(keys)
        learner = learners.proximal_gradient(
            model, risk, threshold_kernels, strength=strength, learning_rate=0.2, num_steps=config.num_network_steps
        )
        variables = learner(keys, train)
        report = {
            name: _accuracy(model, variables, data) for name, data in (("validation", validation), ("test", test))
        }
        return Run(variables["params"]["hidden"][0], report | {"diverged_at": variables["report"]["diverged_at"]})

    runs = options.run(
        "sparse-weights", trial, designs.independent(config.num_networks, "data", "init"), key,
        settings=jnp.array(WEIGHT_STRENGTHS), block=4, strict=True,
    )  # fmt: skip

    def sizes(kernel):
        return [[kernel.astype(dtype).nbytes, _compressed(kernel.astype(dtype))] for dtype in (np.float32, np.float64)]

    return {
        "weights.bytes": np.array([[sizes(kernel) for kernel in row] for row in runs.outputs]),
        "weights.zeros": (runs.outputs == 0).mean(axis=(2, 3)),
        "weights.validation": runs.aux["validation"],
        "weights.test": runs.aux["test"],
    }


def sparse_codes(config: "Config", options: "Options", key: Key) -> dict[str, Any]:
    """K025: a network on digits with an L1 penalty on its hidden activations; beside it, weight decay as the control."""
    sample, test = _digits()
    model = models.mlp_of_width(config.width, config.width, 10)
    risk = objectives.empirical_risk(model, losses.softmax_cross_entropy)

    def activity(variables, x):
        kernel, bias = variables["params"]["hidden"]
        return jax.nn.relu(x @ kernel + bias[None, :])

    def trial(keys, setting):
        train, validation = sample(keys)
        objective = objectives.with_activity_penalty(risk, activity, penalties.l1, setting["activity"] / config.width)
        objective = objectives.regularized(objective, penalties.l2, setting["decay"])
        learner = learners.gradient_descent(model, objective, optax.adam(1e-2), num_steps=config.num_network_steps)
        variables = learner(keys, train)
        report = {
            name: _accuracy(model, variables, data) for name, data in (("validation", validation), ("test", test))
        }
        active = [jnp.mean(activity(variables, data.x) > 0) for data in (validation, test)]
        return Run(jnp.stack(active), report | {"diverged_at": variables["report"]["diverged_at"]})

    columns = zip(("activity", "decay"), zip(*activity_settings(), strict=True), strict=True)
    runs = options.run(
        "sparse-codes", trial, designs.independent(config.num_networks, "data", "init"), key,
        settings={name: jnp.array(column) for name, column in columns}, block=4, strict=True,
    )  # fmt: skip
    return {
        "codes.active": runs.outputs,
        "codes.validation": runs.aux["validation"],
        "codes.test": runs.aux["test"],
    }


def collapse(config: "Config", options: "Options", key: Key) -> dict[str, Any]:
    """K024: networks trained at a strength in units of |X'y|/n, then on at a smaller one from where they ended. Float64."""
    n = COLLAPSE_EXAMPLES

    def trial_of(depth):
        def trial(keys, is_tanh):
            model = _deep(depth, is_tanh)
            risk = objectives.empirical_risk(model, losses.half_squared_error)
            key_inputs, key_slopes, key_noise = jax.random.split(keys["data"], 3)
            x = jax.random.normal(key_inputs, (n, COLLAPSE_FEATURES))
            slopes = jax.random.normal(key_slopes, (COLLAPSE_FEATURES, 1))
            y = x @ slopes / jnp.linalg.norm(slopes) + 0.3 * jax.random.normal(key_noise, (n, 1))
            data = Dataset(x, y, jnp.ones(n))
            threshold = jnp.linalg.norm(x.T @ y) / n

            def train_on(params, ratio):
                # ratio threshold |w|²/2 beside half the mean square. The start is given, and not drawn.
                objective = objectives.regularized(risk, penalties.l2, ratio * threshold / 2)
                going_on = model._replace(init=lambda *_: {"params": params})
                optimizer = optax.sgd(**HEAVY_BALL)
                learner = learners.gradient_descent(going_on, objective, optimizer, num_steps=config.num_collapse_steps)
                variables = learner({"init": None}, data)
                unexplained = risk(variables, data, None)[0] / (jnp.mean(data.y**2) / 2)
                return variables["params"], jnp.stack([optax.tree.norm(variables["params"]), unexplained])

            def train_twice(ratio):
                start = model.init(keys["init"], x)["params"]
                return jax.lax.scan(train_on, start, jnp.stack([ratio, jnp.full_like(ratio, LOWERED)]))[1]

            # Side by side, and no settings of the study: a step of one small network costs hardly less than that of nine.
            return jax.vmap(train_twice)(jnp.array(COLLAPSE_RATIOS))

        return trial

    results = {}
    for depth in sorted({net.depth for net in COLLAPSE_NETS.values()}):
        nets = {name: net for name, net in COLLAPSE_NETS.items() if net.depth == depth}
        runs = options.run(
            f"collapse-{depth}-layers", trial_of(depth), designs.independent(config.num_collapses, "data", "init"), key,
            settings=jnp.array([net.is_tanh for net in nets.values()]), block=8, strict=True,
        )  # fmt: skip
        for name, outputs in zip(nets, runs.outputs, strict=True):
            results[f"collapse.{name}"] = np.swapaxes(outputs, 0, 1)
    return results


def _deep(depth: int, is_tanh: Bool[Array, ""]) -> Model:
    """A network of `depth` kernels without biases, drawn with variance 1/fan-in; tanh or linear, which may be traced."""
    sizes = [COLLAPSE_FEATURES, *[COLLAPSE_WIDTH] * (depth - 1), 1]

    def init(key, x):
        shapes = list(itertools.pairwise(sizes))
        keys = jax.random.split(key, depth)
        return {
            "params": [
                jax.random.normal(key, shape, x.dtype) / shape[0] ** 0.5
                for key, shape in zip(keys, shapes, strict=True)
            ]
        }

    def apply(variables, x):
        *hidden, output = variables["params"]
        for kernel in hidden:
            x = x @ kernel
            x = jnp.where(is_tanh, jnp.tanh(x), x)
        return x @ output

    return Model(init, apply)


def _digits() -> tuple[Callable[..., tuple[Dataset, Dataset]], Dataset]:
    """`keys -> (training, validation)` digits from a pool, and the test digits, which neither has."""
    digits = real.digits()
    digits = digits._replace(x=digits.x / 16)
    pool, test = (selection.select(digits, rows) for rows in selection.hold_out(jax.random.key(0), 1797, 597))
    draw = resampling.subsample(pool, NUM_TRAIN + NUM_VALIDATION).sample

    def sample(keys):
        drawn = draw(keys)
        train = jax.tree.map(lambda leaf: leaf[:NUM_TRAIN], drawn)
        return train, jax.tree.map(lambda leaf: leaf[NUM_TRAIN:], drawn)

    return sample, test


def _accuracy(model: Model, variables: Any, data: Dataset) -> Any:
    outputs = model.apply(variables, data.x)
    return jnp.mean(jnp.argmax(outputs, axis=1) == jnp.argmax(data.y, axis=1))


def _compressed(kernel: np.ndarray) -> int:
    """Bytes of the compressed rows: values, the column of each as int32, and where each row begins."""
    stored = sparse.csr_array(kernel)
    return stored.data.nbytes + stored.indices.nbytes + stored.indptr.nbytes
