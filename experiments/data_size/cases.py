"""Learning problems with something wrong: too little capacity, too few data, steps that are too small, or nothing but noisy labels.

Drawn from severe to hardly there: a recipe that is right in clear cases alone would be of little use.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from jaxdl import diagnostics, models
from jaxdl.decomposition.noise import replicates
from jaxdl.diagnostics import MeasuredError, Remedy
from jaxdl.types import Key, Keys

CAUSES = ("too little capacity", "too few data", "steps too small", "noise alone")
REMEDIES = (Remedy.CAPACITY, Remedy.DATA, Remedy.OPTIMIZER, Remedy.NONE)
"""In the order of the causes, and of the arms after the first."""
NUM_FEATURES = 16
NUM_STEPS = 400
LONGER = 4
"""How many times as long the model is trained to see whether its training error still falls."""
NUM_TEST_POINTS = 8 * NUM_FEATURES
NUM_VALIDATION = 200
NUM_REPEATED = 100
LARGEST_SIZE = 300
MORE_DATA = 4
USUAL_NOISE_STD = 0.1
"""Of the labels where they are clean."""

Diagnose = Callable[[Mapping[str, np.ndarray], int], Mapping[str, Remedy]]


def draw_cases(generator: np.random.Generator, num: int) -> dict[str, np.ndarray]:
    """The settings of all cases: causes in turn, each on a curve and on a linear map in turn, the rest at random."""
    cause, is_curve = np.arange(num) % 4, np.arange(num) // 4 % 2 == 0

    def between(low: float, high: float) -> np.ndarray:
        return generator.uniform(low, high, num)

    def whole(low: int, high: int) -> np.ndarray:
        return generator.integers(low, high + 1, num)

    def by_cause(*options: np.ndarray) -> np.ndarray:
        return np.choose(cause, options)

    def by_kind(curve: np.ndarray, linear: np.ndarray) -> np.ndarray:
        return np.where(is_curve, curve, linear)

    all_features = np.full(num, NUM_FEATURES)
    return {
        "case": np.arange(num),
        "is_curve": is_curve,
        "frequency": np.where(cause == 0, between(0.5, 2), between(0.5, 1)).astype(np.float32),
        "features": by_cause(
            by_kind(whole(2, 5), whole(4, 14)),
            by_kind(whole(8, 14), all_features),
            by_kind(whole(6, 8), all_features),
            by_kind(whole(5, 7), all_features),
        ),
        "size": by_cause(whole(100, 300), whole(18, 80), whole(150, 300), whole(100, LARGEST_SIZE)),
        "step": np.where(cause == 2, 10 ** between(-3.3, -1.3), 1).astype(np.float32),
        "noise_std": np.where(cause == 3, between(0.2, 0.8), USUAL_NOISE_STD).astype(np.float32),
    }


def with_remedies(cases: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The settings of four arms of each case, one after another: as it is, and with each of three remedies."""
    arms = [
        cases,
        {**cases, "features": np.minimum(np.where(cases["is_curve"], cases["features"] + 6, NUM_FEATURES), NUM_FEATURES)},
        {**cases, "size": MORE_DATA * cases["size"]},
        {**cases, "step": np.ones_like(cases["step"])},
    ]  # fmt: skip
    return {name: np.stack([arm[name] for arm in arms], axis=1).reshape(-1) for name in cases}


def remedied(keys: Keys, setting: dict[str, Scalar]) -> Float[Array, " points"]:
    """A trial: gradient descent on a linear model, and its predictions less the truth.

    Less the truth, because each case has another one, and a study has one target.
    """
    grid = (2 * jnp.arange(NUM_TEST_POINTS) + 1.0) / NUM_TEST_POINTS - 1.0
    corners = jnp.tile(jnp.sqrt(float(NUM_FEATURES)) * jnp.eye(NUM_FEATURES), (NUM_TEST_POINTS // NUM_FEATURES, 1))
    phi, y, is_used = _draw(_key_of_case(keys, setting), setting, MORE_DATA * LARGEST_SIZE)
    is_training = jnp.arange(phi.shape[0]) < setting["size"]
    weights = _descent(jnp.where(is_training[:, None], phi, 0), jnp.where(is_training, y, 0), setting, NUM_STEPS)
    points = jnp.where(setting["is_curve"], models.legendre(grid, NUM_FEATURES - 1), corners)
    truth = jnp.where(setting["is_curve"], _curve(grid, setting), jnp.sum(corners, axis=1) / NUM_FEATURES**0.5)
    return (points * is_used[None, :]) @ weights - truth


def measured_errors(keys: Keys, setting: dict[str, Scalar]) -> dict[str, Array]:
    """A trial: what a practitioner sees of a case. Means and standard errors of training, validation and longer-trained
    error, the noise, and repeated labels of equal inputs, (100, 2).
    """
    key_train, key_validation, key_repeated = jax.random.split(_key_of_case(keys, setting), 3)
    phi, y, _ = _draw(key_train, setting, LARGEST_SIZE)
    is_training = jnp.arange(LARGEST_SIZE) < setting["size"]
    phi, y = jnp.where(is_training[:, None], phi, 0), jnp.where(is_training, y, 0)
    weights, longer = (_descent(phi, y, setting, num_steps) for num_steps in (NUM_STEPS, LONGER * NUM_STEPS))
    new_phi, new_y, _ = _draw(key_validation, setting, NUM_VALIDATION)
    return {
        "training": _mean_and_error((phi @ weights - y) ** 2, is_training),
        "longer": _mean_and_error((phi @ longer - y) ** 2, is_training),
        "validation": _mean_and_error((new_phi @ weights - new_y) ** 2, jnp.full(NUM_VALIDATION, True)),
        "noise": setting["noise_std"] ** 2,
        "repeated": setting["noise_std"] * jax.random.normal(key_repeated, (NUM_REPEATED, 2)),
    }


def recipes(worthwhile: float) -> Diagnose:
    """The remedy for a case by four recipes, which differ in the reference and in what counts as a gap."""

    def diagnose(errors: Mapping[str, np.ndarray], case: int) -> dict[str, Remedy]:
        training, validation, longer = (
            MeasuredError(*map(float, errors[name][case, 0])) for name in ("training", "validation", "longer")
        )
        seen: dict[str, Any] = {"training": training, "validation": validation, "worthwhile": worthwhile}
        seen["trained_longer"] = longer
        as_estimated = {**seen, "level": 0.5}  # the texts compare the numbers themselves
        known, clean = MeasuredError(float(errors["noise"][case, 0])), MeasuredError(USUAL_NOISE_STD**2)
        inputs = np.repeat(np.arange(NUM_REPEATED, dtype=float), 2)[:, None]
        noise = replicates(inputs, errors["repeated"][case, 0].reshape(-1, 1))
        found = {
            "noise of these labels": diagnostics.diagnose(**as_estimated, reference=known),
            "noise, estimated": diagnostics.diagnose_with_noise(**as_estimated, noise=noise),
            "noise, gaps by tests": diagnostics.diagnose(**seen, reference=known),
            "noise of clean labels": diagnostics.diagnose(**as_estimated, reference=clean),
        }
        return {name: diagnosis.remedy for name, diagnosis in found.items()}

    return diagnose


def shares_removed(
    excess: Float[np.ndarray, " arms"], noise_std: Float[np.ndarray, " cases"]
) -> Float[np.ndarray, "3 cases"]:
    """The share of the risk that each of three remedies removes in each case."""
    of_case = excess.reshape(len(noise_std), 4).T
    return (of_case[0] - of_case[1:]) / (of_case[0] + noise_std.astype(float) ** 2)


def best_remedies(shares: Float[np.ndarray, "3 cases"], worthwhile: float) -> np.ndarray:
    """For each case the index of the remedy that lowers the risk most; none unless by the share `worthwhile`."""
    return np.where(shares.max(axis=0) > worthwhile, shares.argmax(axis=0), len(shares))


def _key_of_case(keys: Keys, setting: dict[str, Scalar]) -> Key:
    """Cases share nothing, so that they count as independent; the arms of a case share all."""
    return jax.random.fold_in(keys["data"], setting["case"])


def _draw(
    key: Key, setting: dict[str, Scalar], num_rows: int
) -> tuple[Float[Array, "n p"], Float[Array, " n"], Float[Array, " p"]]:
    """Features, those not in use zero; labels; and which are in use."""
    key_inputs, key_labels = jax.random.split(key)
    normal = jax.random.normal(key_inputs, (num_rows, NUM_FEATURES))
    x = 2 * jax.scipy.stats.norm.cdf(normal[:, 0]) - 1
    truth = jnp.where(setting["is_curve"], _curve(x, setting), jnp.sum(normal, axis=1) / NUM_FEATURES**0.5)
    is_used = (jnp.arange(NUM_FEATURES) < setting["features"]).astype(x.dtype)
    phi = jnp.where(setting["is_curve"], models.legendre(x, NUM_FEATURES - 1), normal) * is_used[None, :]
    return phi, truth + setting["noise_std"] * jax.random.normal(key_labels, (num_rows,)), is_used


def _curve(x: Float[Array, " n"], setting: dict[str, Scalar]) -> Float[Array, " n"]:
    return jnp.sin(jnp.pi * setting["frequency"] * x) + x / 2


def _descent(
    phi: Float[Array, "n p"], y: Float[Array, " n"], setting: dict[str, Scalar], num_steps: int
) -> Float[Array, " p"]:
    """Gradient descent from zero on the mean squared error, by way of its normal equations: the same steps, at p² each.

    The step is the share `step` of the largest that surely converges, 1 / the largest absolute row sum.
    """
    moments, products = phi.T @ phi, phi.T @ y
    step = setting["step"] / jnp.max(jnp.sum(jnp.abs(moments), axis=1))
    return jax.lax.fori_loop(0, num_steps, lambda _, w: w - step * (moments @ w - products), jnp.zeros_like(products))


def _mean_and_error(values: Float[Array, " n"], is_used: Array) -> Float[Array, " 2"]:
    n = jnp.sum(is_used)
    mean = jnp.sum(jnp.where(is_used, values, 0)) / n
    variance = jnp.sum(jnp.where(is_used, (values - mean) ** 2, 0)) / (n - 1)
    return jnp.stack([mean, jnp.sqrt(variance / n)])
