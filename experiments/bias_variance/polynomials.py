"""Least-squares polynomials and other learners of a noisy sine at fixed inputs, with exact bias² and variance."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar
from numpy.polynomial.legendre import legvander

from experiments.book.finding import equivalent
from experiments.book.lab import Lab
from jaxdl import designs, learners, losses, models, objectives
from jaxdl.data import problems
from jaxdl.decomposition import Decomposition, Target, squared_error
from jaxdl.statistics import Verdict
from jaxdl.types import Keys, Learner, Model, Run, Trial

MAX_DEGREE = 12
NUM_EXAMPLES, NOISE_STD, NUM_POINTS = 40, 0.3, 200
MOST_EXAMPLES = 160
NUM_BATCHES = 20
"""Of runs, each decomposed on its own: the replicates of rank and sign tests."""
X = (2 * np.arange(NUM_POINTS) + 1) / NUM_POINTS - 1
MEAN = np.sin(np.pi * X) + X / 2
TARGET = Target(mean=MEAN, noise=NOISE_STD**2)


def polynomial_trial() -> Trial:
    """`(keys, {"degree", "num_examples", "noise_std"})` -> predictions, and risks on the training labels and two fresh sorts.

    Inputs are an even grid on [-1, 1], padded with examples of weight zero, so that one compilation serves all settings.
    """
    model = models.polynomial(MAX_DEGREE)
    x_test = problems.noisy_sine().test_points(NUM_POINTS)
    index = jnp.arange(MOST_EXAMPLES)

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Run:
        problem = problems.noisy_sine(setting["noise_std"])
        is_used = index < setting["num_examples"]
        x = jnp.where(is_used, 2 * index / (setting["num_examples"] - 1) - 1, 0.0)[:, None]
        train = problem.sample_at(keys, x)._replace(weight=is_used.astype(x.dtype))
        mask = models.degree_mask(MAX_DEGREE, setting["degree"])
        variables = learners.least_squares_qr(model, mask=mask)(keys, train)
        key_test, key_again = jax.random.split(keys["test"])
        predictions, fitted = model.apply(variables, x_test), model.apply(variables, x)
        y_test = problem.labels(key_test, x_test)

        def risk_at_inputs(labels: Array) -> Scalar:
            return jnp.sum(train.weight * (fitted - labels)[:, 0] ** 2) / setting["num_examples"]

        risks = {
            "train": risk_at_inputs(train.y),
            "again": risk_at_inputs(problem.labels(key_again, x)),
            "test": jnp.mean((predictions - y_test) ** 2),
            "oracle": jnp.mean((problem.mean(x_test) - y_test) ** 2),
        }
        return Run(predictions[:, 0], risks)

    return trial


def polynomials(lab: Lab, study: str, settings: Sequence[tuple[int, int, float]], num_runs: int) -> Any:
    """The runs of polynomials at settings (degree, examples, noise), on common random numbers."""
    names = ("degree", "num_examples", "noise_std")
    columns = {name: jnp.array(column) for name, column in zip(names, zip(*settings, strict=True), strict=True)}
    design = designs.independent(num_runs, "labels", "test")
    return lab.run(study, polynomial_trial(), design, settings=columns, block=64)


def by_degree(lab: Lab) -> Any:
    """The runs of every degree at the usual number of examples and noise."""
    settings = [(degree, NUM_EXAMPLES, NOISE_STD) for degree in range(MAX_DEGREE + 1)]
    return polynomials(lab, "capacity", settings, lab["runs"])


def other_learners() -> dict[str, Trial]:
    """Ridge, a small network, and gradient descent with too small a step, at the same inputs and noise."""
    polynomial, network = models.polynomial(MAX_DEGREE), models.mlp((8,), 1, activation=jax.nn.tanh)

    def descent(model: Model, optimizer: Any, num_steps: int) -> Learner:
        objective = objectives.empirical_risk(model, losses.squared_error)
        return learners.gradient_descent(model, objective, optimizer, num_steps=num_steps)

    return {
        "ridge": _tested(polynomial, learners.ridge(polynomial, 1.0)),
        "network": _tested(network, descent(network, optax.adam(0.05), 200)),
        "small step": _tested(polynomial, descent(polynomial, optax.sgd(1e-3), 100)),
    }


def run_other(lab: Lab, name: str) -> Any:
    """The runs of one of the other learners."""
    sources = ("labels", "test") if name == "ridge" else ("labels", "test", "init")
    study, design = name.replace(" ", "-"), designs.independent(lab["runs"], *sources)
    return lab.run(study, other_learners()[name], design, block=32)


def _tested(model: Model, learn: Learner) -> Trial:
    problem = problems.noisy_sine(NOISE_STD)
    x_test, x = problem.test_points(NUM_POINTS), jnp.linspace(-1, 1, NUM_EXAMPLES)[:, None]

    def trial(keys: Keys) -> Run:
        train = problem.sample_at(keys, x)
        variables = learn(keys, train)
        predictions = model.apply(variables, x_test)
        risks = {
            "train": jnp.mean((model.apply(variables, x) - train.y) ** 2),
            "test": jnp.mean((predictions - problem.labels(keys["test"], x_test)) ** 2),
        }
        return Run(predictions[:, 0], risks)

    return trial


def decomposed(predictions: Float[np.ndarray, "runs points"]) -> Decomposition:
    """Bias², variance and noise of runs that share nothing."""
    return squared_error(predictions, factors=("labels",), target=TARGET, training_size=NUM_EXAMPLES)


def excess(predictions: Float[np.ndarray, "*runs points"], mean: Any = MEAN) -> Float[np.ndarray, "*runs"]:
    """Mean squared distance from `mean` over test points, for each run."""
    return np.mean((np.asarray(predictions, np.float64) - mean) ** 2, axis=-1)


def exact_terms(degree: int, num_examples: int = NUM_EXAMPLES) -> tuple[float, float]:
    """bias² and variance of least squares at fixed inputs: f(x) = s(x)·y with s(x) = features(x)' pinv(features)."""
    x = np.linspace(-1, 1, num_examples)
    smoother = legvander(X, degree) @ np.linalg.pinv(legvander(x, degree))
    bias = smoother @ (np.sin(np.pi * x) + x / 2) - MEAN
    return float(np.mean(bias**2)), float(NOISE_STD**2 * np.mean((smoother**2).sum(axis=1)))


def exact_by_degree() -> dict[str, Float[np.ndarray, " degrees"]]:
    """Both terms at every degree."""
    terms = np.array([exact_terms(degree) for degree in range(MAX_DEGREE + 1)])
    return {"bias_squared": terms[:, 0], "total_variance": terms[:, 1]}


def agreements(
    results: Sequence[Decomposition], known: dict[str, Float[np.ndarray, " degrees"]], margin: float
) -> list[Verdict]:
    """Whether bias² and variance of each result are the known ones, within this share of the risk."""
    risks = known["bias_squared"] + known["total_variance"] + NOISE_STD**2

    def difference(degree: int, term: str) -> Any:
        return results[degree].derive(lambda t: (t[term] - known[term][degree]) / risks[degree])

    return [equivalent(difference(degree, term), margin) for degree in range(len(results)) for term in known]
