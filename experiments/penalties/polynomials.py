"""What the claims about Gaussian priors share: polynomials of degree 12 through 5 points, and the strengths of their penalty."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar
from numpy.polynomial import legendre

from experiments.book.lab import Lab
from jaxdl import designs, learners, models, objectives, priors
from jaxdl.data import problems
from jaxdl.types import Keys

DEGREE, NUM_EXAMPLES, NOISE_STD = 12, 5, 0.3
VARIANCES = np.array([0.01, 0.1, 1.0, 10.0, 100.0])
"""Of the prior."""

Strength = Callable[[Any], Any]
"""The penalty's strength beside the negative log-likelihood, by the prior's variance."""


def right(variance: Any) -> Any:
    """-log N(w; 0, s²) = |w|²/(2s²) + constant."""
    return 1 / (2 * variance)


def printed(variance: Any) -> Any:
    """What the lectures print."""
    return variance / 2


def fits(lab: Lab) -> dict[str, Float[np.ndarray, "variances runs ..."]]:
    """Data "x" and "y", and the weights that each strength gives; "newton" maximises the posterior itself."""
    model = models.polynomial(DEGREE)
    problem = problems.noisy_sine(NOISE_STD)

    def trial(keys: Keys, variance: Scalar) -> dict[str, Array]:
        train = problem.sample({"data": keys["data"]}, NUM_EXAMPLES)
        posterior = objectives.map_estimate(model, priors.normal_errors(NOISE_STD), priors.normal(jnp.sqrt(variance)))
        learn = {"newton": learners.newton(model, posterior, num_steps=2)}
        # Beside the negative log-likelihood |r|²/(2σ²), strength a of |w|² is ridge of strength 2σ²a.
        learn |= {
            strength.__name__: learners.ridge(model, 2 * NOISE_STD**2 * strength(variance))
            for strength in (right, printed)
        }
        sources = designs.tied(keys, init="data")
        weights = {name: fit(sources, train)["params"]["weights"][:, 0] for name, fit in learn.items()}
        return {"x": train.x, "y": train.y, **weights}

    with jax.enable_x64(True):
        design = designs.independent(lab["fits"], "data")
        return dict(lab.run("prior", trial, design, settings=jnp.array(VARIANCES), block=32).outputs)


def posterior_means(found: dict[str, np.ndarray]) -> Float[np.ndarray, "variances runs weights"]:
    """By conditioning the joint normal law of weights and labels, which minimises nothing."""
    phi = legendre.legvander(found["x"][..., 0], DEGREE) * np.sqrt(2 * np.arange(DEGREE + 1) + 1)
    variances = VARIANCES[:, None, None, None]
    covariance = variances * phi @ phi.swapaxes(-1, -2) + NOISE_STD**2 * np.eye(NUM_EXAMPLES)
    return (variances * phi.swapaxes(-1, -2) @ np.linalg.solve(covariance, found["y"]))[..., 0]


def roughness(weights: Float[np.ndarray, "*rest weights"]) -> Float[np.ndarray, "*rest"]:
    """The integral of f''² over [-1, 1], exact: Gauss's rule of 13 nodes for a polynomial of degree 20."""
    nodes, shares = legendre.leggauss(DEGREE + 1)
    normalised = weights * np.sqrt(2 * np.arange(DEGREE + 1) + 1)
    second = legendre.legder(np.moveaxis(normalised, -1, 0), 2)
    return (shares * legendre.legval(nodes, second) ** 2).sum(axis=-1)
