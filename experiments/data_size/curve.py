"""What the claims about data share: a noisy curve, learners of it, and training sets whose size is a setting.

One number of rows serves all n: examples beyond the n-th have weight zero, so that each larger training set contains the smaller
ones and one program serves all sizes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Scalar, ScalarLike

from jaxdl import designs, learners, losses, models, objectives
from jaxdl.data import problems
from jaxdl.decomposition import Target
from jaxdl.types import Dataset, Key, Keys, Trial, Variables

Predict = Callable[[Float[Array, "points 1"]], Float[Array, "points 1"]]
Fit = Callable[[Keys, Dataset], Predict]

N = np.array([20, 40, 80, 160, 320, 640, 1280])
NOISE_STD = 0.3
PROBLEM = problems.noisy_sine(NOISE_STD)
X = PROBLEM.test_points(100)
TARGET = Target(mean=np.asarray(PROBLEM.mean(X), np.float64), noise=NOISE_STD**2)
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Of the penalties that are tuned, per example: what is added to the sum over examples is n times as large."""
NUM_VALIDATION = 100
FIXED_STRENGTH = 20.0
"""Of the ridge penalty that does not grow with n, in all claims: added to the sum over examples."""
ONE_SOURCE = {"validation": "data", "init": "data", "order": "data"}
"""All that is random in a learner is drawn anew with the training set."""


def first(dataset: Dataset, size: ScalarLike) -> Dataset:
    """The first `size` examples, at an unchanged shape."""
    return dataset._replace(weight=(jnp.arange(dataset.x.shape[0]) < size).astype(dataset.x.dtype))


def trial_of(fits: Mapping[str, Fit]) -> Trial:
    """`(keys, n)` -> the predictions of each learner, all from the same n examples."""

    def trial(keys: Keys, size: Scalar) -> dict[str, Float[Array, "points 1"]]:
        keys = designs.tied(keys, **ONE_SOURCE)
        train = first(PROBLEM.sample(keys, int(N[-1])), size)
        return {name: fit(keys, train)(X) for name, fit in fits.items()}

    return trial


def polynomial(degree: int) -> Fit:
    """Least squares."""
    model = models.polynomial(degree)
    learn = learners.least_squares_qr(model)

    def fit(keys: Keys, train: Dataset) -> Predict:
        del keys
        return _predictor(model, learn({}, train))

    return fit


def fixed_ridge(degree: int = 3) -> Fit:
    """Ridge regression whose penalty does not grow with n."""
    model = models.polynomial(degree)
    learn = learners.ridge(model, FIXED_STRENGTH)
    return lambda keys, train: _predictor(model, learn(keys, train))


def tuned_features(num_features: int) -> Fit:
    """Ridge regression on random features, of the strength that is best on validation data of its own."""
    model = models.random_features(num_features)

    def fit(keys: Keys, train: Dataset) -> Predict:
        return _predictor(
            model, tuned(lambda strength: learners.ridge(model, strength)(keys, train), keys, train, model)
        )

    return fit


def nearest(num_neighbours: int) -> Fit:
    """The mean of the nearest neighbours, as many at every n."""

    def fit(keys: Keys, train: Dataset) -> Predict:
        del keys

        def predict(x: Float[Array, "points 1"]) -> Float[Array, "points 1"]:
            distances = jnp.where(train.weight[None, :] > 0, jnp.abs(x - train.x[:, 0][None, :]), jnp.inf)
            _, places = jax.lax.top_k(-distances, num_neighbours)
            return jnp.mean(train.y[places], axis=1)

        return predict

    return fit


def line_then_cubic(num_examples: int) -> Fit:
    """A learner that changes its class once it has this many examples."""
    line, cubic = polynomial(1), polynomial(3)

    def fit(keys: Keys, train: Dataset) -> Predict:
        before, after = line(keys, train), cubic(keys, train)
        return lambda x: jnp.where(jnp.sum(train.weight) > num_examples, after(x), before(x))

    return fit


def one_pass(width: int, batch_size: int, step: float = 0.02) -> Fit:
    """A network that sees each example once; the step is a fifth of the largest that is stable at the start."""
    model = models.mlp_of_width(width, width, 1, output_scale=0.1)

    def in_sequence(key: Key, num_examples: int, batch_size: int, num_steps: int) -> Int[Array, "steps batch"]:
        del key, num_examples  # examples are drawn independently: their own order is a random one
        return jnp.arange(num_steps * batch_size).reshape(num_steps, batch_size)

    # Batches beyond the n-th example weigh nothing and, with plain gradient descent, change nothing.
    learn = learners.minibatch_descent(
        model, objectives.empirical_risk(model, losses.squared_error), optax.sgd(step),
        num_steps=int(N[-1]) // batch_size, batch_size=batch_size, order=in_sequence,
    )  # fmt: skip
    return lambda keys, train: _predictor(model, learn(keys, train))


def tuned(fit: Callable[[Scalar], Variables], keys: Keys, train: Dataset, model: Any) -> Variables:
    """The variables, among those of all strengths times n, of the smallest error on validation data."""
    validation = PROBLEM.sample({"data": keys["validation"]}, NUM_VALIDATION)
    strengths = jnp.array(STRENGTHS, validation.x.dtype)
    candidates = jax.vmap(lambda strength: fit(strength * jnp.sum(train.weight)))(strengths)
    outputs = jax.vmap(model.apply, in_axes=(0, None))(candidates, validation.x)
    best = jnp.argmin(jnp.mean((outputs - validation.y[None]) ** 2, axis=(1, 2)))
    return jax.tree.map(lambda leaf: leaf[best], candidates)


def _predictor(model: Any, variables: Variables) -> Predict:
    return lambda x: model.apply(variables, x)
