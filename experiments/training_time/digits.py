"""What the claims about training time share: a network on digits with wrong labels, decomposed at many stopping times.

Digits' own labels are taken as right. Training sets are drawn without replacement from a pool that they share, of 1198 digits with
the seal open and 799 without: the variance of the digits over fresh sets of 200 is 1.2 or 1.33 times as large.
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
from experiments.book.sealed import Parts, parts
from jaxdl import designs, learners, losses, models, objectives
from jaxdl.data import label_noise, orders, real, resampling
from jaxdl.decomposition import Decomposition, Target
from jaxdl.decomposition.derive import Derived
from jaxdl.types import Dataset, Keys, Run, Trial

SHARE = 0.2
"""Of the training labels that are wrong."""
NUM_DIGITS, NUM_POINTS, WIDTH, BATCH_SIZE = 200, 300, 32, 50
NUM_CLASSES = 10
RATE = 1e-2
"""The learning rate of Adam."""
DIGITS = real.digits()
PARTS = {
    "bias²": ("bias_squared",),
    "variance: digits": ("variance[data]",),
    "variance: wrong labels": ("variance[labels]", "variance[data, labels]"),
    "variance: initialisation, order": ("variance[init]", "variance[data, init]"),
    "variance: wrong labels × initialisation": ("variance[labels, init]", "variance[data, labels, init]"),
}
WITH_LABELS = PARTS["variance: wrong labels"] + PARTS["variance: wrong labels × initialisation"]


def split(lab: Lab) -> Parts:
    """The pool of training sets, and the first test digits; from the sealed third only where a profile says so."""
    pool, test = parts(DIGITS._replace(x=DIGITS.x / 16), sealed=lab["sealed"])
    return Parts(pool, jax.tree.map(lambda leaf: leaf[:NUM_POINTS], test))


def label_means(test: Dataset) -> Float[np.ndarray, "points classes"]:
    """E[label | digit] at the test digits, of which a share is wrong."""
    known = np.asarray(test.y, np.float64)
    return (1 - SHARE) * known + SHARE / (NUM_CLASSES - 1) * (1 - known)


def log_times(num_steps: int, num_times: int) -> tuple[int, ...]:
    """Zero, and increasing step counts up to `num_steps` that are as even in the logarithm as whole numbers can be."""
    times = [0]
    for index in range(num_times - 1):
        even = num_steps ** (index / (num_times - 2))
        times.append(max(times[-1] + 1, round(even)))
    return tuple(times)


def trial_of(lab: Lab, times: Sequence[int], *, moved: int = 0, rate: float = RATE, share: float = SHARE) -> Trial:
    """`keys` -> predictions (times, points, classes) of the labels, `moved` classes on in training.

    Wrong labels are drawn for the whole pool, so that training sets that share a digit share its label.
    """
    pool, test = split(lab)
    right = jnp.argmax(pool.y, axis=1)
    model = models.mlp_of_width(WIDTH, WIDTH, NUM_CLASSES, output_scale=0.1)
    fit = learners.minibatch_descent(
        model, objectives.empirical_risk(model, losses.squared_error), optax.adam(rate), num_steps=times[-1],
        batch_size=BATCH_SIZE, order=orders.reshuffled_each_epoch, times=times,
    )  # fmt: skip

    def trial(keys: Keys) -> Run:
        classes = label_noise.wrong_labels(keys["labels"], right, share, NUM_CLASSES) if share else right
        labels = jax.nn.one_hot((classes + moved) % NUM_CLASSES, NUM_CLASSES, dtype=pool.y.dtype)
        train = resampling.subsample(pool._replace(y=labels), NUM_DIGITS).sample(keys)
        trajectory = fit(designs.tied(keys, order="init"), train)
        return Run(jax.vmap(model.apply, in_axes=(0, None))(trajectory, test.x), trajectory["report"])

    return trial


def training(lab: Lab, *, share: float = SHARE, points_are_drawn: bool = True, **changes: Any) -> Decomposition:
    """The study that most claims judge: all stopping times, by source; without wrong labels there is one source less.

    Errors include the draw of the test digits unless told otherwise. `changes` are those of `trial_of`.
    """
    times = log_times(lab["steps"], lab["times"])
    of_labels, test = {"labels": lab["labels"]} if share else {}, split(lab).test
    target = Target(probabilities=label_means(test)) if share else Target(labels=np.asarray(test.y))
    return lab.decompose(
        "training", trial_of(lab, times, share=share, **changes),
        designs.crossed(data=lab["data"], **of_labels, init=lab["init"]), times=times,
        target=target, dims=("times", "points", "out"),
        random_points=points_are_drawn, training_size=NUM_DIGITS,
    )  # fmt: skip


def parts_of(result: Decomposition) -> dict[str, Derived]:
    """The parts of the risk at every time, and the risk."""
    return terms_of(result, {**PARTS, "risk": "risk"})
