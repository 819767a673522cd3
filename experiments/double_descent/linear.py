"""Least squares on p of 100 Gaussian features, and its exact terms."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from jaxdl import designs, learners, models
from jaxdl.data import problems
from jaxdl.data.problems import Problem
from jaxdl.decomposition import Decomposition, Target
from jaxdl.decomposition.named_terms import label_of
from jaxdl.truths.random_design import minimum_norm_terms
from jaxdl.types import Dataset, Keys, Trial

N = 40
NOISE_STD = 0.3
P = np.array(
    [4, 8, 12, 16, 20, 25, 30, 31, 32, 33, 34, 35, 36, 38, 40, 42, 44, 45, 46, 47, 48, 49, 50, 55, 60, 70, 80, 90, 100]
)
"""Features in use; the truth uses as many as the last."""
GAP = 5
"""Closer to n than this no errors are claimed. A measured variance has itself a finite variance for |p - n| > 3, and its standard
error has one for |p - n| > 7: in between, errors are often too small."""


def linear(lab: Lab, num_inputs: int, num_labels: int, strength: float = 0.0) -> Decomposition:
    """The study at every p, of minimum norm or with a ridge penalty."""
    num_features = int(P[-1])
    problem = problems.gaussian_linear(jnp.full(num_features, num_features**-0.5), NOISE_STD)
    model = models.linear(intercept=False)
    x = problem.test_points(num_features)

    def fit(keys: Keys, train: Dataset, p: Scalar) -> Array:
        mask = (jnp.arange(num_features) < p).astype(float)
        learn = learners.ridge(model, strength, mask=mask) if strength else learners.least_squares(model, mask=mask)
        return model.apply(learn(keys, train), x)

    return lab.decompose(
        "linear", for_all_labels(problem, fit), designs.crossed(inputs=num_inputs, labels=num_labels), block=16,
        settings=P.astype(np.float32), inner=("labels",), target=Target(mean=np.asarray(problem.mean(x)), noise=NOISE_STD**2),
        dims=("points", "out"), training_size=N,
    )  # fmt: skip


def for_all_labels(problem: Problem, fit: Callable[[Keys, Dataset, Any], Array]) -> Trial:
    """A trial over all levels of the label noise at once, so that what depends on the inputs alone is computed once."""

    def trial(keys: Keys, setting: Any) -> Array:
        def with_labels(key_labels: Any) -> Array:
            return fit(keys, problem.sample({"inputs": keys["inputs"], "labels": key_labels}, N), setting)

        return jax.vmap(with_labels)(keys["labels"])

    return trial


def exact_terms(noise_std: float = NOISE_STD) -> dict[str, Float[np.ndarray, " sizes"]]:
    """Every term at every p; nan for n - 1 <= p <= n + 1, where the variance is infinite."""
    values = [minimum_norm_terms(N, int(p), int(P[-1]), 1.0, noise_std) if abs(p - N) > 1 else {} for p in P]
    return {label_of(term): np.array([each.get(term, np.nan) for each in values]) for term in values[0]}
