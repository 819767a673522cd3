"""Networks on noisy labels with any rate, number of steps, weight decay and dropout, and which of them are tried."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar, ScalarLike

from experiments.network_size.digits import NUM_CLASSES, is_right, with_wrong_labels
from jaxdl import designs, learners, losses, models, objectives
from jaxdl.data import orders, resampling
from jaxdl.types import Dataset, Key, Keys, Model, Trial, Variables

EXAMPLES, MAX_WIDTH, BATCH_SIZE = 200, 128, 50
TIMES = (50, 100, 200, 400)
"""Numbers of steps."""
WRONG = 0.2
"""Of the training labels."""


def with_dropout(max_width: int, width: ScalarLike, rate: ScalarLike) -> Model:
    """`models.mlp_of_width` that drops hidden units while it trains, at a rate that may be traced."""
    model = models.mlp_of_width(max_width, width, NUM_CLASSES)
    is_used = jnp.arange(max_width) < width

    def train_apply(variables: Variables, x: Array, key: Key | None) -> tuple[Array, Variables]:
        assert key is not None  # the model is stochastic
        (hidden, c), (output, b) = variables["params"]["hidden"], variables["params"]["output"]
        # Bytes, because drawing uniform numbers would cost as much as the rest of the step: rates count in 1/256.
        is_kept = jax.random.bits(key, (x.shape[0], max_width), jnp.uint8) >= 256 * rate
        activity = jnp.where(is_used[None, :] & is_kept, jax.nn.relu(x @ hidden + c[None, :]), 0) / (1 - rate)
        return activity @ output + b[None, :], variables

    return model._replace(train_apply=train_apply, stochastic=True)


def trial_of(pool: Dataset, test: Dataset, wrong: float) -> Trial:
    """`(keys, setting)` -> whether test digits, of which `wrong` are mislabelled, are predicted right, at each of `TIMES`."""
    sample = resampling.subsample(pool, EXAMPLES).sample

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Float[Array, "times points"]:
        keys = designs.tied(keys, order="init", dropout="init", judges="labels")
        model = with_dropout(MAX_WIDTH, setting["width"], setting["dropout"])
        learner = learners.minibatch_descent(
            model, objectives.empirical_risk(model, losses.softmax_cross_entropy),
            optax.adamw(setting["rate"], weight_decay=setting["decay"]), num_steps=TIMES[-1], times=TIMES,
            batch_size=BATCH_SIZE, order=orders.reshuffled_each_epoch,
        )  # fmt: skip
        trajectory = learner(keys, with_wrong_labels(keys["labels"], sample(keys), WRONG))
        judges = with_wrong_labels(keys["judges"], test, wrong)
        return jax.vmap(lambda variables: is_right(model, variables, judges))(trajectory).astype(float)

    return trial


def drawn_cells(
    rng: np.random.Generator, num: int, arms: Mapping[str, tuple[int, bool, int]]
) -> dict[str, Float[np.ndarray, "arms cells"]]:
    """For arms by their width and whether they have a penalty: the same random rates, decays and dropouts, or zero.

    Every second cell has no dropout, which harms small networks.
    """
    width, has_penalty = (np.array(column, float)[:, None] for column in list(zip(*arms.values(), strict=True))[:2])
    every = np.ones((len(arms), num))
    rate, decay = 10 ** rng.uniform(-3, -1.5, num), 10 ** rng.uniform(-1.5, 1, num)
    dropout = rng.uniform(0, 0.75, num) * (np.arange(num) % 2)
    cells = {"width": width * every, "rate": rate * every, "decay": decay * has_penalty}
    cells["dropout"] = dropout * has_penalty
    return {name: values.astype(np.float32) for name, values in cells.items()}


def best_cells(
    scores: Float[np.ndarray, "arms cells times"], arms: Mapping[str, tuple[int, bool, int]]
) -> list[tuple[int, int]]:
    """The cell and the time with the highest score of each arm, which may stop at its first time and at later ones."""
    found = []
    for of_arm, (*_, first) in zip(scores, arms.values(), strict=True):
        cell, time = np.unravel_index(of_arm[:, first:].argmax(), of_arm[:, first:].shape)
        found.append((int(cell), int(time) + first))
    return found
