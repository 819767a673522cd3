"""Learning curves measured, fitted, and compared with what they predict."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Scalar

from experiments.data_size.curve import PROBLEM, Fit, N, first
from jaxdl import designs, learning_curves
from jaxdl.statistics import Estimate, Interval, bootstrap_interval, t_interval
from jaxdl.types import Keys, Trial

NUM_TEST = 1000
LEVEL = 0.9
"""Of the predictive intervals."""


class Forecasts(NamedTuple):
    """Of one learner: many curves, each fitted and held against the risk that was then measured at the last size."""

    means: Float[np.ndarray, "sizes curves"]
    errors: Float[np.ndarray, "sizes curves"]
    low: Float[np.ndarray, " curves"]
    high: Float[np.ndarray, " curves"]
    predicted: Float[np.ndarray, " curves"]
    exponents: Float[np.ndarray, " curves"]
    constant: Interval
    """What the last fitted point alone would predict: that nothing changes any more."""

    @property
    def covered(self) -> Bool[np.ndarray, " curves"]:
        """Whether each interval holds the risk that was then measured."""
        return (self.low <= self.means[-1]) & (self.means[-1] <= self.high)

    @property
    def scores(self) -> Float[np.ndarray, "2 curves"]:
        """Interval scores (Gneiting & Raftery, 2007) of the curve and of the constant: width, and what misses cost; low is good."""
        low, high = (np.stack(ends) for ends in zip((self.low, self.high), self.constant, strict=True))
        misses = np.maximum(low - self.means[-1], 0) + np.maximum(self.means[-1] - high, 0)
        return high - low + 2 / (1 - LEVEL) * misses


def risks_of(fits: Mapping[str, Fit]) -> Trial:
    """One measurement for a learning curve: `(keys, n)` -> the risk of each learner on noisy test labels of its own.

    The training and test sets of different n share nothing, as the errors of a learning curve must not.
    """

    def trial(keys: Keys, size: Scalar) -> dict[str, Scalar]:
        named = ("data", "test", "validation", "init", "order")
        drawn = dict(zip(named, jax.random.split(jax.random.fold_in(keys["data"], size), len(named)), strict=True))
        train = first(PROBLEM.sample(drawn, int(N[-1])), size)
        test = PROBLEM.sample({"data": drawn["test"]}, NUM_TEST)
        return {name: jnp.mean((fit(drawn, train)(test.x) - test.y) ** 2) for name, fit in fits.items()}

    return trial


def cross_validated(fits: Mapping[str, Fit]) -> Trial:
    """Five-fold learning curves from one pool: `(keys, {"size", "pool"})` -> the validation risk in each fold.

    The training sets are the first n of what each fold leaves, as scikit-learn's `learning_curve` has them.
    """
    num_rows = 5 * int(N[-1]) // 4

    def trial(keys: Keys, setting: dict[str, Scalar]) -> dict[str, Float[Array, " 5"]]:
        # The pool of the largest n is drawn anew: it is the future that the smaller pool is to predict.
        pool = PROBLEM.sample({"data": jax.random.fold_in(keys["data"], setting["pool"])}, num_rows)
        keys = designs.tied(keys, validation="data", init="data", order="data")
        row, fold_size = jnp.arange(num_rows), setting["pool"] // 5

        def risk(fold: Scalar) -> dict[str, Scalar]:
            is_held_out = row // fold_size == fold
            is_rest = (row < setting["pool"]) & ~is_held_out
            train = pool._replace(weight=(is_rest & (jnp.cumsum(is_rest) <= setting["size"])).astype(pool.x.dtype))
            squares = {name: (fit(keys, train)(pool.x) - pool.y)[:, 0] ** 2 for name, fit in fits.items()}
            return {name: jnp.sum(jnp.where(is_held_out, each, 0)) / fold_size for name, each in squares.items()}

        return jax.vmap(risk)(jnp.arange(5))

    return trial


def forecasts(
    outputs: Mapping[str, Float[np.ndarray, "sizes curves*repeats"]],
    sizes: Float[np.ndarray, " fitted"],
    last: int,
    num_curves: int,
    num_resamples: int,
) -> dict[str, Forecasts]:
    """For each learner its curves, fitted to the first `sizes`, with 90 % predictive intervals of the risk at `last`, which is
    measured in the last row.
    """
    return {
        name: _forecasts(sizes, last, risks.reshape(len(risks), num_curves, -1).astype(float), num_resamples)
        for name, risks in outputs.items()
    }


def score_ratio(each: Forecasts, level: float, seed: int) -> Estimate:
    """The scores of the curves, summed, relative to those of the constants, with a bootstrap interval over curves."""

    def ratio(scores: Float[np.ndarray, "curves 2"]) -> float:
        return float(scores[:, 0].sum() / scores[:, 1].sum())

    ends = bootstrap_interval(each.scores.T, statistic=ratio, num_resamples=2000, seed=seed, level=level)
    return Estimate(ratio(each.scores.T), Interval(*map(float, ends)))


def _forecasts(
    sizes: Float[np.ndarray, " fitted"], last: int, risks: Float[np.ndarray, "sizes curves repeats"], num_resamples: int
) -> Forecasts:
    num_repeats = risks.shape[2]
    means, errors = risks.mean(axis=2), risks.std(axis=2, ddof=1) / num_repeats**0.5
    found = []
    for curve in range(risks.shape[1]):
        fit = learning_curves.fit(
            sizes, means[: len(sizes), curve], errors[: len(sizes), curve], degrees_of_freedom=num_repeats - 1
        )
        interval = learning_curves.predictive_interval(
            fit, last, standard_error=errors[-1, curve], level=LEVEL, num_resamples=num_resamples, seed=curve
        )
        found.append((*interval, learning_curves.risk_at(fit, last), fit.exponent))
    constant = t_interval(means[-2], np.hypot(errors[-2], errors[-1]), num_repeats - 1, level=LEVEL)
    low, high, predicted, exponents = np.array(found).T
    return Forecasts(means, errors, low, high, predicted, exponents, constant)
