"""Least squares on p of 100 Gaussian features, and its exact terms."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N = 40
NOISE_STD = 0.3
P = np.array(
    [4, 8, 12, 16, 20, 25, 30, 31, 32, 33, 34, 35, 36, 38, 40, 42, 44, 45, 46, 47, 48, 49, 50, 55, 60, 70, 80, 90, 100]
)
"""Features in use; the truth uses as many as the last."""
GAP = 8
"""Closer to n than this nothing is judged by means: a measured variance has a finite variance only for |p - n| > 3, and its
standard error has one only for |p - n| > 7."""


def linear(
    lab: Lab,
    num_inputs: int,
    num_labels: int,
    strength: float = 0.0,
    num_used: int = int(P[-1]),
    noise_std: float = NOISE_STD,
) -> Decomposition:
    """The study at every p, of minimum norm or with a ridge penalty; the truth is a sum of the first `num_used` features."""
    num_features = int(P[-1])
    weights = jnp.where(jnp.arange(num_features) < num_used, num_used**-0.5, 0.0)
    problem = problems.gaussian_linear(weights, noise_std)
    model = models.linear(intercept=False)
    x = problem.test_points(num_features)

    def fit(keys: Keys, train: Dataset, p: Scalar) -> Array:
        mask = (jnp.arange(num_features) < p).astype(float)
        learn = learners.ridge(model, strength, mask=mask) if strength else learners.least_squares(model, mask=mask)
        return model.apply(learn(keys, train), x)

    return lab.decompose(
        "linear", for_all_labels(problem, fit), designs.crossed(inputs=num_inputs, labels=num_labels), block=16,
        settings=P.astype(np.float32), inner=("labels",), target=Target(mean=np.asarray(problem.mean(x)), noise=noise_std**2),
        dims=("points", "out"), training_size=N,
    )  # fmt: skip


def risks_by_inputs(result: Decomposition) -> Float[np.ndarray, "inputs sizes"]:
    """The mean risk of each level of the inputs, at every p: a mean over levels is known with and without each of them."""
    without = result.replicates["inputs"]["risk"]
    return len(without) * result.risk - (len(without) - 1) * without


def at_the_peak(figure: "Figure", exact: Sequence[Float[np.ndarray, " sizes"]] = (), label: str = "exact") -> "Figure":
    """The same figure against p, with a line at p = n and exact curves, in black, where they are finite.

    Where sizes near n are left out, no line leads across.
    """
    axes = figure.axes[0]
    for line in axes.get_lines():
        x, y = (np.asarray(each, float) for each in line.get_data())
        if not (np.abs(x - N) < GAP).any():
            beyond = np.searchsorted(x, N)
            line.set_data(np.insert(x, beyond, np.nan), np.insert(y, beyond, np.nan))
    axes.axvline(N, color="gray", linewidth=1, linestyle="--", label="p = n")
    for place, values in enumerate(exact):
        axes.plot(P, values, color="black", linewidth=0.9, zorder=3, label=None if place else label)
    axes.legend(fontsize="small", framealpha=0.9)
    return figure


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
