"""What the claims about zeros share: linear problems of any sparsity, and |w|^q tuned on validation data."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from jaxdl import designs, learners, losses, models, objectives, penalties
from jaxdl.types import Dataset, Key, Keys, Run

NUM_EXAMPLES, NUM_FEATURES = 100, 50
NUM_NONZERO, SIGNAL = 5, 5.0
"""Of the usual truth: five inputs matter, and the mean of the labels has five times the variance of their noise, which is one."""
EXPONENTS = (0.5, 1.0, 1.5, 2.0, 4.0)
STRENGTHS = 10.0 ** (np.arange(-12, 5) / 4)
"""0.001 to 10 beside half the mean square, four to a decade."""
MODEL = models.linear(intercept=False)
RISK = objectives.empirical_risk(MODEL, losses.half_squared_error)


class Drawn(NamedTuple):
    """A problem with its data."""

    truth: Float[Array, " features"]
    covariance: Float[Array, "features features"]
    train: Dataset
    validation: Dataset


def draw(
    keys: Keys,
    num_nonzero: Any,
    signal: Any,
    correlation: Any = 0.0,
    shape: tuple[int, int] = (NUM_EXAMPLES, NUM_FEATURES),
) -> Drawn:
    """Inputs with correlation^|i-j|; evenly spread ones matter, with one size and random signs; b'Σb is the signal.

    The noise has variance one. Signs are drawn with the data, so that runs are problems.
    """
    num_examples, num_features = shape
    place = jnp.arange(num_features)
    covariance = jnp.asarray(correlation) ** jnp.abs(place[:, None] - place[None, :])
    matters = (place + 1) * num_nonzero // num_features > place * num_nonzero // num_features
    key_signs, key_train = jax.random.split(keys["data"])
    signs = jnp.where(matters, jax.random.rademacher(key_signs, (num_features,), float), 0.0)
    truth = signs * jnp.sqrt(signal / (signs @ covariance @ signs))
    root = jnp.linalg.cholesky(covariance)

    def sample(key: Key) -> Dataset:
        key_inputs, key_noise = jax.random.split(key)
        x = jax.random.normal(key_inputs, shape) @ root.T
        noise = jax.random.normal(key_noise, (num_examples, 1))
        return Dataset(x, x @ truth[:, None] + noise, jnp.ones(num_examples))

    return Drawn(truth, covariance, sample(key_train), sample(keys["validation"]))


def largest_rate(x: Float[Array, "n p"]) -> Scalar:
    """A step that surely converges: one over the largest absolute row sum of X'X/n."""
    return x.shape[0] / jnp.max(jnp.sum(jnp.abs(x.T @ x), axis=1))


def proximal(train: Dataset, q: Any, strength: Any, num_steps: int, start: Array | None = None) -> tuple[Array, Scalar]:
    """The weights where proximal descent ends, from zero unless told, and the norm of its last step over the rate."""
    begin = jnp.zeros((train.x.shape[1], 1)) if start is None else start[:, None]
    learn = learners.proximal_gradient(
        MODEL._replace(init=lambda *_: {"params": {"weights": begin}}), RISK, penalties.lq_threshold(q),
        strength=strength, learning_rate=largest_rate(train.x), num_steps=num_steps,
    )  # fmt: skip
    variables = learn({"init": None}, train)
    return variables["params"]["weights"][:, 0], variables["report"]["residual"]


def best_on(validation: Dataset, weights: Float[Array, "strengths features"]) -> Scalar:
    """The index of the strength with the least error there."""
    return jnp.argmin(jnp.mean((validation.x @ weights.T - validation.y) ** 2, axis=0))


def exponents(lab: Lab) -> Any:
    """For each exponent the weights of the strength that is best on validation data; every one has the same grid and solver.

    "recall" is the share of the inputs that matter whose weights are not zero; "subgradient" the share of zeros of descent on the
    same objective without a proximal step.
    """

    def trial(keys: Keys, q: Scalar) -> Run:
        drawn = draw(keys, NUM_NONZERO, SIGNAL)
        grid = jnp.asarray(STRENGTHS, drawn.train.x.dtype)
        weights, residuals = jax.vmap(lambda strength: proximal(drawn.train, q, strength, lab["steps"]))(grid)
        best = best_on(drawn.validation, weights)
        chosen = weights[best]
        objective = objectives.regularized(RISK, penalties.lq(q), grid[best])
        scattered = MODEL._replace(init=lambda key, x: {"params": {"weights": jax.random.normal(key, (x.shape[1], 1))}})
        optimizer = optax.sgd(largest_rate(drawn.train.x) / 2)
        descent = learners.gradient_descent(scattered, objective, optimizer, num_steps=lab["steps"])
        plain = descent(designs.tied(keys, init="data"), drawn.train)["params"]["weights"]
        report = {
            "recall": jnp.sum((chosen != 0) & (drawn.truth != 0)) / NUM_NONZERO,
            "excess": jnp.sum((chosen - drawn.truth) ** 2),
            "subgradient": jnp.mean(plain == 0),
            "residual": residuals[best],
            "strength": grid[best],
        }
        return Run(chosen, report)

    design = designs.independent(lab["problems"], "data", "validation")
    return lab.run("exponents", trial, design, settings=jnp.array(EXPONENTS), block=8)
