"""What the claims on handwritten digits share: their parts, networks on them, and intervals over networks and digits."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, ScalarLike

from experiments.book import sealed
from jaxdl import learners, losses, objectives
from jaxdl.data import label_noise, real
from jaxdl.types import Dataset, Key, Keys, Model, Variables

NUM_CLASSES = 10
DIGITS = real.digits()._replace(x=real.digits().x / 16)


def parts(is_sealed: bool) -> sealed.Parts:
    """Digits to train on and others to judge by, with intensities from 0 to 1."""
    return sealed.parts(DIGITS, is_sealed)


def with_wrong_labels(key: Key, dataset: Dataset, share: ScalarLike) -> Dataset:
    """The same digits, of whose labels a share is wrong."""
    classes = label_noise.wrong_labels(key, jnp.argmax(dataset.y, axis=1), share, NUM_CLASSES)
    return dataset._replace(y=jax.nn.one_hot(classes, NUM_CLASSES, dtype=dataset.y.dtype))


def is_right(model: Model, variables: Variables, dataset: Dataset) -> Bool[Array, " n"]:
    """Whether the largest output is that of the label."""
    return jnp.argmax(model.apply(variables, dataset.x), axis=1) == jnp.argmax(dataset.y, axis=1)


def descended(model: Model, rate: float, num_steps: int, keys: Keys, train: Dataset) -> Variables:
    """Trained by Adam on all examples at once, on the cross-entropy."""
    objective = objectives.empirical_risk(model, losses.softmax_cross_entropy)
    return learners.gradient_descent(model, objective, optax.adam(rate), num_steps=num_steps)(keys, train)
