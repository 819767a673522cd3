"""The engine on convolutional networks, and the trial of both JAX contestants."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int

from benchmarks.convolutions import STEPS
from benchmarks.problem import BATCH_SIZE, LEARNING_RATE, NUM_CLASSES, Problem
from benchmarks.worker import Contestant, serve
from jaxdl import designs, ensembles, learners, losses, models, objectives
from jaxdl.data import orders, real
from jaxdl.types import Keys, Trial

SOURCES = ("init", "order")


class Small(nn.Module):
    """conv 16, pool, conv 32, dense 64."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = x.reshape(-1, 8, 8, 1)
        x = nn.max_pool(nn.relu(nn.Conv(16, (3, 3))(x)), (2, 2), (2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        return nn.Dense(NUM_CLASSES)(nn.relu(nn.Dense(64)(x.reshape(len(x), -1))))


class Deep(nn.Module):
    """Three convolutions of 32 channels with batch normalization."""

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        x = x.reshape(-1, 8, 8, 1)
        for layer in range(3):
            x = nn.Conv(32, (3, 3))(x)
            x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x))
            x = nn.max_pool(x, (2, 2), (2, 2)) if layer < 2 else x
        return nn.Dense(NUM_CLASSES)(x.reshape(len(x), -1))


def trial_of(problem: Problem, number: int) -> Trial:
    """`keys -> predicted classes`."""
    data = real.from_arrays(problem.x, problem.labels, num_classes=NUM_CLASSES)
    x_test = jnp.asarray(problem.x_test)
    model = (
        models.from_flax(Deep(), train_kwargs={"train": True}, mutable=("batch_stats",))
        if number
        else models.from_flax(Small())
    )
    learner = learners.minibatch_descent(
        model, objectives.empirical_risk(model, losses.softmax_cross_entropy), optax.adam(LEARNING_RATE),
        num_steps=STEPS, batch_size=BATCH_SIZE, order=orders.with_replacement,
    )  # fmt: skip

    def trial(keys: Keys) -> Int[Array, " points"]:
        return model.apply(learner(keys, data), x_test).argmax(axis=1)

    return trial


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    del threads  # one device for each core, which is set before anything computes
    trial, design = trial_of(problem, width), designs.independent(fits, *SOURCES)
    return lambda seed: np.asarray(ensembles.run(trial, design, jax.random.key(seed)).outputs)


if __name__ == "__main__":
    ensembles.use_cpu_devices()
    serve(prepare, "jaxdl", "jax", "flax")
