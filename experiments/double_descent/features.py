"""Least squares and ridge on p random ReLU features of a teacher network's inputs, and their limit at p = infinity."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from experiments.double_descent.linear import NOISE_STD, N, for_all_labels
from jaxdl import designs, learners, models
from jaxdl.data import problems
from jaxdl.decomposition import Decomposition, Target
from jaxdl.types import Dataset, Keys

P = np.array([4, 7, 10, 15, 20, 25, 30, 32, 38, 40, 42, 48, 50, 60, 80, 120, 200, 400])
NUM_INPUTS, NUM_POINTS = 8, 200
INPUT_SCALE = 10.0
"""Factor of the inputs: at 1, the biases leave one feature in twenty active at only one or two of the examples, and its weight then
has no finite variance for p < n; at 10, one in a million."""
STRENGTH = 2.0
"""Of the ridge penalty; the diagonal of the kernel is about INPUT_SCALE² / 2."""
DATA = ("variance[inputs]", "variance[labels]", "variance[inputs, labels]")
WITH_INIT = (
    "variance[init]",
    "variance[inputs, init]",
    "variance[init, labels]",
    "variance[inputs, init, labels]",
)
PARTS = {
    "bias²": ("bias_squared",),
    "variance: data": DATA,
    "variance: initialisation": WITH_INIT[:1],
    "variance: initialisation × inputs": WITH_INIT[1:2],
    "variance: initialisation × label noise": WITH_INIT[2:],
}


def features(lab: Lab, strength: float = 0.0) -> Decomposition:
    """The study at every p, of minimum norm or with a ridge penalty."""
    problem = problems.teacher_network(lab.key("teacher"), NUM_INPUTS, 50, noise_std=NOISE_STD)
    num_features = int(P[-1])
    model = models.random_features(num_features)
    x = problem.test_points(NUM_POINTS)

    def fit(keys: Keys, train: Dataset, p: Scalar) -> Array:
        mask = (jnp.arange(num_features) < p).astype(float)
        # The kernel of p features is p / num_features times that of all: the penalty follows it.
        penalised = learners.ridge(model, strength * p / num_features, mask=mask)
        learn = penalised if strength else learners.least_squares(model, mask=mask)
        return model.apply(learn(keys, train._replace(x=INPUT_SCALE * train.x)), INPUT_SCALE * x)

    design = designs.crossed(inputs=lab["inputs"], init=lab["init"], labels=lab["labels"])
    return lab.decompose(
        "features", for_all_labels(problem, fit), design, block=16, settings=P.astype(np.float32), inner=("labels",),
        target=Target(mean=np.asarray(problem.mean(x)), noise=NOISE_STD**2), dims=("points", "out"), training_size=N,
    )  # fmt: skip


def kernel(lab: Lab, strength: float = 0.0) -> Decomposition:
    """The limit of `features` at p = infinity, with the same data."""
    problem = problems.teacher_network(lab.key("teacher"), NUM_INPUTS, 50, noise_std=NOISE_STD)
    x = problem.test_points(NUM_POINTS)

    def fit(keys: Keys, train: Dataset, strength: Scalar) -> Array:
        del keys
        inputs = INPUT_SCALE * train.x
        gram = arc_cosine_kernel(inputs, inputs) + strength * jnp.eye(N)
        weights = jax.scipy.linalg.solve(gram, train.y, assume_a="pos")
        return jnp.matmul(arc_cosine_kernel(INPUT_SCALE * x, inputs), weights, precision="highest")

    return lab.decompose(
        # By the name of the other study, whose data it shares so.
        "features", for_all_labels(problem, fit), designs.crossed(inputs=lab["inputs"], labels=lab["labels"]), block=16,
        settings=np.array([strength], np.float32), inner=("labels",), dims=("points", "out"), training_size=N,
        target=Target(mean=np.asarray(problem.mean(x)), noise=NOISE_STD**2),
    )  # fmt: skip


def arc_cosine_kernel(x: Float[Array, "n features"], z: Float[Array, "m features"]) -> Float[Array, "n m"]:
    """E[relu(w·x + b) relu(w·z + b)] for w ~ N(0, I / features) and b ~ N(0, 1), the law of `models.random_features`.

        |u| |v| (sin t + (pi - t) cos t) / (2 pi),   u = (x / sqrt(features), 1), v likewise, t the angle between them

    The limit of the random features' own kernel as their number grows. Source: Cho & Saul (2009), degree one.
    """
    u, v = (jnp.pad(a / a.shape[1] ** 0.5, ((0, 0), (0, 1)), constant_values=1.0) for a in (x, z))
    norms = jnp.linalg.norm(u, axis=1)[:, None] * jnp.linalg.norm(v, axis=1)[None, :]
    cosine = jnp.clip(jnp.matmul(u, v.T, precision="highest") / norms, -1, 1)
    angle = jnp.arccos(cosine)
    return norms * (jnp.sin(angle) + (jnp.pi - angle) * cosine) / (2 * jnp.pi)
