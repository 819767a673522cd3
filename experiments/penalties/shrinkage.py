"""Ridge polynomials at fixed inputs, and the exact bias² and variance of each strength: the study of K019."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from jaxdl import designs, learners, models
from jaxdl.data import problems
from jaxdl.decomposition import Decomposition, Target, squared_error
from jaxdl.types import Keys

DEGREE, NUM_EXAMPLES, NOISE_STD = 12, 20, 0.3
STRENGTHS = np.array([0.0, *(10.0 ** (np.arange(-8, 5) / 2))])
"""Zero is least squares; then 1e-4 to 100, two to a decade."""
PROBLEM = problems.noisy_sine(NOISE_STD)
INPUTS = np.linspace(-1, 1, NUM_EXAMPLES)
POINTS = (2 * np.arange(200) + 1) / 200 - 1


class Terms(NamedTuple):
    """Of each strength: at the test points, and along the eigenvectors u of X'X."""

    bias_squared: Float[np.ndarray, " strengths"]
    variance: Float[np.ndarray, " strengths"]
    mean_along: Float[np.ndarray, "strengths eigenvectors"]
    variance_along: Float[np.ndarray, "strengths eigenvectors"]


def weights(lab: Lab, wandering: float = 0.0) -> Float[np.ndarray, "strengths runs weights"]:
    """The fits of every run, which share its labels; the penalty is of the distance from a point that wanders with the labels."""
    model = models.polynomial(DEGREE)

    def trial(keys: Keys, strength: Scalar) -> Float[Array, " weights"]:
        train = PROBLEM.sample_at(keys, jnp.asarray(INPUTS)[:, None])
        center = wandering * jax.random.normal(jax.random.fold_in(keys["labels"], 1), (DEGREE + 1, 1))
        there = model.apply({"params": {"weights": center}}, train.x)
        fit = learners.ridge(model, strength)(keys, train._replace(y=train.y - there))
        return (fit["params"]["weights"] + center)[:, 0]

    with jax.enable_x64(True):
        design = designs.independent(lab["runs"], "labels")
        found = lab.run("shrinkage", trial, design, settings=jnp.array(STRENGTHS), block=256)
    return np.asarray(found.outputs)


def features(x: Float[np.ndarray, " points"]) -> Float[np.ndarray, "points weights"]:
    """The normalised Legendre polynomials that the model has."""
    return np.polynomial.legendre.legvander(x, DEGREE) * np.sqrt(2 * np.arange(DEGREE + 1) + 1)


def mean_at(x: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """The truth."""
    return np.sin(np.pi * x) + x / 2


def decomposed(found: Float[np.ndarray, "strengths runs weights"]) -> Decomposition:
    """Bias² and variance of the predictions at even points, the strengths in the place of times."""
    predictions = np.moveaxis(found @ features(POINTS).T, 0, 1)
    return squared_error(
        predictions, factors=("labels",), target=Target(mean=mean_at(POINTS), noise=NOISE_STD**2),
        dims=("times", "points"),
    )  # fmt: skip


def excess(found: Float[np.ndarray, "strengths runs weights"]) -> Float[np.ndarray, "strengths runs"]:
    """The risk above the noise of each fit."""
    return ((found @ features(POINTS).T - mean_at(POINTS)) ** 2).mean(axis=-1)


def exact_terms() -> Terms:
    """The closed forms."""
    left, s, right = np.linalg.svd(features(INPUTS), full_matrices=False)
    kept = s**2 / (s**2 + STRENGTHS[:, None])
    smoother = features(POINTS) @ ((right.T / s) * kept[:, None, :] @ left.T)
    along = left.T @ mean_at(INPUTS)
    return Terms(
        ((smoother @ mean_at(INPUTS) - mean_at(POINTS)) ** 2).mean(axis=1),
        NOISE_STD**2 * (smoother**2).sum(axis=2).mean(axis=1),
        kept * along,
        NOISE_STD**2 * kept**2,
    )


def farthest(found: Float[np.ndarray, "runs weights"]) -> float:
    """How many standard errors the means and variances of u'Xw at λ = 0 lie from their closed forms at most.

    Each is one number: those of other strengths are multiples of it.
    """
    exact, num = exact_terms(), len(found)
    left, _, _ = np.linalg.svd(features(INPUTS), full_matrices=False)
    along = found @ features(INPUTS).T @ left
    of_means = (along.mean(axis=0) - exact.mean_along[0]) / NOISE_STD * num**0.5
    of_variances = (along.var(axis=0, ddof=1) / exact.variance_along[0] - 1) * ((num - 1) / 2) ** 0.5
    return float(max(np.abs(of_means).max(), np.abs(of_variances).max()))
