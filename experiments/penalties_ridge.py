"""The studies of ridge regression of `penalties`: its solution, the prior behind it, and what it does to bias and variance.

Imported by `measure` alone, so that jax is not needed to show a finished run. All of it in double precision.
"""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.polynomial import legendre

from experiments.penalties_results import (
    DEGREE,
    NOISE_STD,
    NUM_BATCHES,
    NUM_POINTS,
    PRIOR_VARIANCES,
    RIDGE_STRENGTHS,
    SHRINKAGE_STRENGTHS,
)
from jaxdl import decomposition, designs, learners, losses, models, objectives, penalties, priors
from jaxdl.data import problems
from jaxdl.decomposition import Target
from jaxdl.types import Dataset, Key

if TYPE_CHECKING:
    from experiments.penalties import Config
    from experiments.runner import Options

DESIGN_SHAPE = (30, 10)
DESCENT_STEPS = 2000


def solution(config: "Config", options: "Options", key: Key) -> dict[str, Any]:
    """K017: the closed form, and descent on the penalised loss, against an orthogonal method that forms no normal equations."""
    num_examples, num_features = DESIGN_SHAPE
    model = models.linear(intercept=False)
    risk = objectives.empirical_risk(model, losses.half_squared_error)

    def trial(keys, strength):
        key_inputs, key_slopes, key_noise = jax.random.split(keys["data"], 3)
        x = jax.random.normal(key_inputs, DESIGN_SHAPE)
        y = x @ jax.random.normal(key_slopes, (num_features, 1)) + jax.random.normal(key_noise, (num_examples, 1))
        train = Dataset(x, y, jnp.ones(num_examples))
        # Half the mean square beside strength |w|²/(2n) is ridge, divided by 2n.
        objective = objectives.regularized(risk, penalties.l2, strength / (2 * num_examples))
        smoothness = jnp.max(jnp.sum(jnp.abs(x.T @ x), axis=1)) + strength
        optimizer = optax.sgd(num_examples / smoothness)
        descent = learners.gradient_descent(model, objective, optimizer, num_steps=DESCENT_STEPS)
        fits = [learners.ridge(model, strength), descent]
        sources = designs.tied(keys, init="data")
        found = jnp.stack([fit(sources, train)["params"]["weights"][:, 0] for fit in fits])
        return {"x": x, "y": y, "found": found}

    strengths = jnp.array(RIDGE_STRENGTHS)
    runs = options.run(
        "ridge-solution", trial, designs.independent(config.num_designs, "data"), key, settings=strengths, block=32, strict=True,
    ).outputs  # fmt: skip
    x, y, found = (runs[name] for name in ("x", "y", "found"))
    roots = np.sqrt(np.array(RIDGE_STRENGTHS))[:, None, None, None] * np.eye(num_features)
    stacked = np.concatenate([x, np.broadcast_to(roots, (*x.shape[:2], num_features, num_features))], axis=2)
    padded = np.concatenate([y, np.zeros((*y.shape[:2], num_features, 1))], axis=2)
    exact = (np.linalg.pinv(stacked) @ padded)[..., 0]
    distance = np.linalg.norm(found - exact[:, :, None], axis=-1)
    return {"solution.errors": distance / np.linalg.norm(exact, axis=-1)[:, :, None]}


def prior(config: "Config", options: "Options", key: Key) -> dict[str, Any]:
    """K018: the most probable polynomial, ridge of both strengths, and the posterior mean by conditioning a joint normal law."""
    model = models.polynomial(DEGREE)
    problem = problems.noisy_sine(NOISE_STD)

    def trial(keys, variance):
        train = problem.sample({"data": keys["data"]}, 5)
        posterior = objectives.map_estimate(model, priors.normal_errors(NOISE_STD), priors.normal(jnp.sqrt(variance)))
        # Beside the negative log-likelihood |r|²/(2σ²), strength a of |w|² is ridge of strength 2σ²a.
        right, printed = (2 * NOISE_STD**2 * strength for strength in (1 / (2 * variance), variance / 2))
        fits = [
            learners.newton(model, posterior, num_steps=2),
            learners.ridge(model, right),
            learners.ridge(model, printed),
        ]
        sources = designs.tied(keys, init="data")
        weights = jnp.stack([fit(sources, train)["params"]["weights"][:, 0] for fit in fits])
        return {"x": train.x, "y": train.y, "w": weights}

    runs = options.run(
        "prior", trial, designs.independent(config.num_fits, "data"), key, settings=jnp.array(PRIOR_VARIANCES), block=32,
        strict=True,
    ).outputs  # fmt: skip
    phi = legendre.legvander(runs["x"][..., 0], DEGREE) * np.sqrt(2 * np.arange(DEGREE + 1) + 1)
    variances = np.array(PRIOR_VARIANCES)[:, None, None, None]
    covariance = variances * phi @ phi.swapaxes(-1, -2) + NOISE_STD**2 * np.eye(5)
    mean = (variances * phi.swapaxes(-1, -2) @ np.linalg.solve(covariance, runs["y"]))[..., 0]
    distance = np.linalg.norm(runs["w"] - mean[:, :, None], axis=-1) / np.linalg.norm(mean, axis=-1)[:, :, None]
    return {"prior.distance": distance, "prior.roughness": _roughness(runs["w"])}


def shrinkage(config: "Config", options: "Options", key: Key) -> dict[str, Any]:
    """K019: bias² and variance of ridge polynomials over strengths, and in each eigendirection, beside their closed forms."""
    model = models.polynomial(DEGREE)
    problem = problems.noisy_sine(NOISE_STD)
    inputs = np.linspace(-1, 1, config.num_examples)[:, None]
    points = np.asarray(problem.test_points(NUM_POINTS))

    def trial(keys, strength):
        train = problem.sample_at(keys, jnp.asarray(inputs))
        return learners.ridge(model, strength)(keys, train)["params"]["weights"][:, 0]

    strengths = np.array(SHRINKAGE_STRENGTHS)
    design = designs.independent(config.num_samples, "labels")
    weights = options.run(
        "shrinkage", trial, design, key, settings=jnp.asarray(strengths), block=64, strict=True
    ).outputs
    features = model.features
    assert features is not None  # the model is linear in its parameters
    phi, phi_test = (np.asarray(features({}, jnp.asarray(x))) for x in (inputs, points))
    mean, mean_test = (np.asarray(problem.mean(jnp.asarray(x)))[:, 0] for x in (inputs, points))
    left, s, right = np.linalg.svd(phi, full_matrices=False)

    def decomposed(samples, features, target):
        return decomposition.squared_error(
            samples @ features.T, factors=("labels",), target=Target(mean=target, noise=NOISE_STD**2)
        )

    def terms(result):
        return [result.bias_squared, result.total_variance, result.risk]

    at_points = [decomposed(each, phi_test, mean_test) for each in weights]
    batches = np.stack(np.split(weights, NUM_BATCHES, axis=1), axis=1)
    # u_j'(Xw), one coordinate for each eigenvalue s_j² of X'X; it is normal, as the labels are.
    coordinates = weights @ phi.T @ left
    g = s**2 / (s**2 + strengths[:, None])
    smoother = phi_test @ ((right.T / s) * g[:, None, :] @ left.T)
    exact = [
        ((smoother @ mean - mean_test) ** 2).mean(axis=1),
        NOISE_STD**2 * (smoother**2).sum(axis=2).mean(axis=1),
    ]
    return {
        "shrinkage.estimates": [terms(result) for result in at_points],
        "shrinkage.errors": [
            [result.standard_errors[name] for name in ("bias_squared", "total_variance", "risk")]
            for result in at_points
        ],
        "shrinkage.batches": [[terms(decomposed(batch, phi_test, mean_test)) for batch in each] for each in batches],
        "shrinkage.runs": ((weights @ phi_test.T - mean_test) ** 2).mean(axis=-1) + NOISE_STD**2,
        "shrinkage.exact": np.stack([*exact, sum(exact) + NOISE_STD**2], axis=1),
        "eigen.values": s**2,
        "eigen.found": np.stack([coordinates.mean(axis=1), coordinates.var(axis=1, ddof=1)], axis=1),
        "eigen.exact": np.stack([g * (left.T @ mean), NOISE_STD**2 * g**2], axis=1),
        "eigen.mean": left.T @ mean,
    }


def _roughness(weights: Any) -> Any:
    """The integral of f''² over [-1, 1], exact: Gauss's rule of 13 nodes for a polynomial of degree 20."""
    nodes, shares = legendre.leggauss(DEGREE + 1)
    normalised = weights * np.sqrt(2 * np.arange(DEGREE + 1) + 1)
    second = legendre.legder(np.moveaxis(normalised, -1, 0), 2)
    return (shares * legendre.legval(nodes, second) ** 2).sum(axis=-1)
