"""What the claims about training time share: a network on digits with wrong labels, decomposed at many stopping times.

Digits' own labels are taken as right. Training sets are drawn without replacement from a pool of 1200, which they share: the
variance of the digits over fresh sets is 1200 / (1200 - 200) = 1.2 times as large.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from experiments.book.finding import terms_of
from experiments.book.lab import Lab
from jaxdl import designs, learners, losses, models, objectives, selection
from jaxdl.data import label_noise, orders, real, resampling
from jaxdl.decomposition import Decomposition, Target
from jaxdl.decomposition.derive import Derived
from jaxdl.types import Keys, Run, Trial

SHARE = 0.2
"""Of the training labels that are wrong."""
NUM_DIGITS, NUM_POINTS, WIDTH, BATCH_SIZE = 200, 300, 32, 50
NUM_CLASSES = 10
RATE = 1e-2
"""The learning rate of Adam."""
DIGITS = real.digits()
POOL, TEST = (
    selection.select(DIGITS._replace(x=DIGITS.x / 16), rows)
    for rows in selection.hold_out(jax.random.key(0), 1797, 597)
)
X = TEST.x[:NUM_POINTS]
PARTS = {
    "bias²": ("bias_squared",),
    "variance: digits": ("variance[data]",),
    "variance: wrong labels": ("variance[labels]", "variance[data, labels]"),
    "variance: initialisation, order": ("variance[init]", "variance[data, init]"),
    "variance: wrong labels × initialisation": ("variance[labels, init]", "variance[data, labels, init]"),
}
WITH_LABELS = PARTS["variance: wrong labels"] + PARTS["variance: wrong labels × initialisation"]


def label_means() -> Float[np.ndarray, "points classes"]:
    """E[label | digit] at the test digits, of which a share is wrong."""
    known = np.asarray(TEST.y[:NUM_POINTS], np.float64)
    return (1 - SHARE) * known + SHARE / (NUM_CLASSES - 1) * (1 - known)


def log_times(num_steps: int, num_times: int) -> tuple[int, ...]:
    """Zero, and increasing step counts up to `num_steps` that are as even in the logarithm as whole numbers can be."""
    times = [0]
    for index in range(num_times - 1):
        even = num_steps ** (index / (num_times - 2))
        times.append(max(times[-1] + 1, round(even)))
    return tuple(times)


def trial_of(times: Sequence[int], *, moved: int = 0, rate: float = RATE) -> Trial:
    """`keys` -> predictions (times, points, classes) of the labels, `moved` classes on in training.

    Wrong labels are drawn for the whole pool, so that training sets that share a digit share its label.
    """
    right = jnp.argmax(POOL.y, axis=1)
    model = models.mlp_of_width(WIDTH, WIDTH, NUM_CLASSES, output_scale=0.1)
    fit = learners.minibatch_descent(
        model, objectives.empirical_risk(model, losses.squared_error), optax.adam(rate), num_steps=times[-1],
        batch_size=BATCH_SIZE, order=orders.reshuffled_each_epoch, times=times,
    )  # fmt: skip

    def trial(keys: Keys) -> Run:
        classes = label_noise.wrong_labels(keys["labels"], right, SHARE, NUM_CLASSES)
        labels = jax.nn.one_hot((classes + moved) % NUM_CLASSES, NUM_CLASSES, dtype=POOL.y.dtype)
        train = resampling.subsample(POOL._replace(y=labels), NUM_DIGITS).sample(keys)
        trajectory = fit(designs.tied(keys, order="init"), train)
        return Run(jax.vmap(model.apply, in_axes=(0, None))(trajectory, X), trajectory["report"])

    return trial


def training(lab: Lab, **changes: Any) -> Decomposition:
    """The study that most claims judge: all stopping times, by source; `changes` are those of `trial_of`."""
    times = log_times(lab["steps"], lab["times"])
    return lab.decompose(
        "training", trial_of(times, **changes),
        designs.crossed(data=lab["data"], labels=lab["labels"], init=lab["init"]), times=times,
        target=Target(probabilities=label_means()), dims=("times", "points", "out"),
        training_size=NUM_DIGITS,
    )  # fmt: skip


def parts_of(result: Decomposition) -> dict[str, Derived]:
    """The parts of the risk at every time, and the risk."""
    return terms_of(result, {**PARTS, "risk": "risk"})
