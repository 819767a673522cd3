"""The problem that every contestant solves: many small networks on bootstrap samples of the digits."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.datasets import load_digits

NUM_FEATURES = 64
NUM_CLASSES = 10
NUM_EXAMPLES = 512
NUM_POINTS = 500
BATCH_SIZE = 64
NUM_STEPS = 300
LEARNING_RATE = 1e-3


class Problem(NamedTuple):
    """Training examples, from which each fit draws its own bootstrap sample, and the points it predicts at."""

    x: Float[np.ndarray, "n features"]
    labels: Int[np.ndarray, " n"]
    x_test: Float[np.ndarray, "points features"]
    labels_test: Int[np.ndarray, " points"]


def digits() -> Problem:
    """512 digits to train on and 500 to predict, in float32, standardised by the mean and deviation of the former."""
    x, labels = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(x))
    train, test = rows[:NUM_EXAMPLES], rows[NUM_EXAMPLES : NUM_EXAMPLES + NUM_POINTS]
    deviation = x[train].std(axis=0)
    standardised = (x - x[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    x, labels = standardised.astype(np.float32), labels.astype(np.int64)
    return Problem(x[train], labels[train], x[test], labels[test])


def flops_per_fit(width: int) -> int:
    """Model flops of one fit of 64-H-H-10: what the mathematics needs, whatever a program does.

    With W weights, of which W1 in the first layer, a step on B examples takes 2BW to predict, 2BW for the gradient of
    the weights, and 2B(W - W1) for that of the layers' inputs, which the first layer does not need: 6BW - 2BW1.
    Biases, activations, the optimiser and the predictions at test points count for nothing.
    """
    first = NUM_FEATURES * width
    weights = first + width * width + width * NUM_CLASSES
    return NUM_STEPS * BATCH_SIZE * (6 * weights - 2 * first)


def accuracies(predicted: Int[np.ndarray, "fits points"], problem: Problem) -> Float[np.ndarray, " fits"]:
    """The share of test points that each fit gets right."""
    return (predicted == problem.labels_test).mean(axis=1)
