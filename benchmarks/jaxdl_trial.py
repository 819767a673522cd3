"""The trial of both JAX contestants: a bootstrap sample, a network, minibatch descent."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from benchmarks.problem import BATCH_SIZE, LEARNING_RATE, NUM_CLASSES, NUM_STEPS, Problem
from jaxdl import learners, losses, models, objectives
from jaxdl.data import orders, real, resampling
from jaxdl.types import Keys, Trial

SOURCES = ("data", "init", "order")


def trial_of(problem: Problem, width: int) -> Trial:
    """`keys -> logits "points out"`."""
    sample = resampling.bootstrap(real.from_arrays(problem.x, problem.labels, num_classes=NUM_CLASSES)).sample
    x_test = jnp.asarray(problem.x_test)
    model = models.mlp((width, width), NUM_CLASSES)
    learner = learners.minibatch_descent(
        model,
        objectives.empirical_risk(model, losses.softmax_cross_entropy),
        optax.adam(LEARNING_RATE),
        num_steps=NUM_STEPS,
        batch_size=BATCH_SIZE,
        order=orders.with_replacement,
    )

    def trial(keys: Keys) -> Float[Array, "points out"]:
        return model.apply(learner(keys, sample(keys)), x_test)

    return trial
