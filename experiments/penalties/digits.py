"""What the claims about networks share: digits in sealed parts, accuracy, and intervals over networks and test digits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Scalar, ScalarLike

from experiments.book.lab import Lab
from experiments.book.sealed import parts
from jaxdl import designs, learners, losses, models, objectives, penalties
from jaxdl.data import real, resampling
from jaxdl.types import Dataset, Keys, Params, Run, Variables

NUM_TRAIN, NUM_VALIDATION, WIDTH = 300, 200, 32
MODEL = models.mlp_of_width(WIDTH, WIDTH, 10)
RISK = objectives.empirical_risk(MODEL, losses.softmax_cross_entropy)
STRENGTHS = np.array([0.0, *(10.0 ** (np.arange(-16, -5) / 4))])
"""Of L1 on the kernels: none, and 1e-4 to 0.03, four to a decade."""

ACTIVITIES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
DECAYS = (1e-4, 1e-3, 1e-2)
"""Strengths of the penalty on activations and, alone, of weight decay."""


def digits(lab: Lab) -> tuple[Callable[[Keys], tuple[Dataset, Dataset]], Dataset]:
    """`keys -> (training, validation)` digits from the pool, and the test digits, of which none is in it."""
    data = real.digits()
    pool, test = parts(data._replace(x=data.x / 16), lab["sealed"])
    draw = resampling.subsample(pool, NUM_TRAIN + NUM_VALIDATION).sample

    def sample(keys: Keys) -> tuple[Dataset, Dataset]:
        drawn = draw(keys)
        train = jax.tree.map(lambda leaf: leaf[:NUM_TRAIN], drawn)
        return train, jax.tree.map(lambda leaf: leaf[NUM_TRAIN:], drawn)

    return sample, test


def is_right(variables: Variables, data: Dataset) -> Bool[Array, " digits"]:
    """Whether the network names each digit rightly."""
    return jnp.argmax(MODEL.apply(variables, data.x), axis=1) == jnp.argmax(data.y, axis=1)


def sparse_kernels(lab: Lab) -> Any:
    """Networks with L1 on their kernels by proximal steps: the first kernel, and which digits are right, at each strength."""
    sample, test = digits(lab)

    def threshold(params: Params, strength: ScalarLike) -> Params:
        return {name: (penalties.soft_threshold(kernel, strength), bias) for name, (kernel, bias) in params.items()}

    def trial(keys: Keys, strength: Scalar) -> Run:
        train, validation = sample(keys)
        learn = learners.proximal_gradient(
            MODEL, RISK, threshold, strength=strength, learning_rate=0.2, num_steps=lab["steps"]
        )
        variables = learn(keys, train)
        outputs = {
            "kernel": variables["params"]["hidden"][0],
            "validation": jnp.mean(is_right(variables, validation)),
            "test": is_right(variables, test),
        }
        return Run(outputs, {"diverged_at": variables["report"]["diverged_at"]})

    design = designs.independent(lab["networks"], "data", "init")
    return lab.run("sparse-kernels", trial, design, settings=jnp.array(STRENGTHS, jnp.float32), block=4)


def hidden(variables: Variables, x: Float[Array, "n pixels"]) -> Float[Array, "n units"]:
    """Activations of the hidden units."""
    kernel, bias = variables["params"]["hidden"]
    return jax.nn.relu(x @ kernel + bias[None, :])


def sparse_codes(lab: Lab) -> Any:
    """Every strength of the penalty on activations, then every strength of weight decay, which is the control."""
    sample, test = digits(lab)

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Run:
        train, validation = sample(keys)
        objective = objectives.with_activity_penalty(RISK, hidden, penalties.l1, setting["activity"] / WIDTH)
        objective = objectives.regularized(objective, penalties.l2, setting["decay"])
        learn = learners.gradient_descent(MODEL, objective, optax.adam(1e-2), num_steps=lab["steps"])
        variables = learn(keys, train)
        active = {
            name: jnp.mean(hidden(variables, data.x) > 0) for name, data in (("validation", validation), ("test", test))
        }
        return Run({**active, "right": is_right(variables, test)}, {"diverged_at": variables["report"]["diverged_at"]})

    settings = {
        "activity": jnp.array([*ACTIVITIES, *[0.0] * len(DECAYS)]),
        "decay": jnp.array([*[0.0] * len(ACTIVITIES), *DECAYS]),
    }
    return lab.run("codes", trial, designs.independent(lab["networks"], "data", "init"), settings=settings, block=4)
