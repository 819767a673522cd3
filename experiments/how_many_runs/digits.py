"""Networks on one training set of handwritten digits, even or odd, by seed: their predictions, and the labels."""

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int

from experiments.book.lab import Lab
from experiments.book.sealed import parts
from jaxdl import designs, learners, losses, models, objectives
from jaxdl.data import orders, real
from jaxdl.types import Dataset, Keys

NUM_DIGITS, WIDTH, STEPS, BATCH = 200, 32, 300, 50
DIGITS = real.digits()


def predictions(lab: Lab) -> tuple[Int[np.ndarray, "seeds points"], Int[np.ndarray, " points"]]:
    """The class that each seed predicts at every test point, and the classes."""
    data = DIGITS._replace(x=DIGITS.x / 16, y=(DIGITS.y.argmax(axis=1) % 2)[:, None].astype(jnp.float32))
    pool, test = parts(data, sealed=lab["sealed"])
    train = Dataset(*(field[:NUM_DIGITS] for field in pool))
    model = models.mlp_of_width(WIDTH, WIDTH, 1)
    fit = learners.minibatch_descent(
        model, objectives.empirical_risk(model, losses.sigmoid_cross_entropy), optax.adam(1e-2), num_steps=STEPS,
        batch_size=BATCH, order=orders.with_replacement,
    )  # fmt: skip

    def trial(keys: Keys) -> Array:
        variables = fit({"init": keys["seed"], "order": keys["order"]}, train)
        return (model.apply(variables, test.x)[:, 0] > 0).astype(jnp.float32)

    runs = lab.run("even or odd", trial, designs.independent(lab["seeds"], "seed", "order")).outputs
    return np.asarray(runs, int), np.asarray(test.y)[:, 0].astype(int)
