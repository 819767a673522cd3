"""Daily traffic, and its forecast by linear autoregression on more and more past days."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from jaxdl import designs, learners, models, selection
from jaxdl.types import Dataset, Key, Keys

LAGS = (1, 7, 28, 56)
YEARS = (1, 2, 3)
DAYS = 365
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridge penalties per example, of standardised lags."""
SHARE_HELD_OUT = 0.2
"""The last part of the training days, on which the strength is tuned before all of them are fitted."""


class Forecaster(NamedTuple):
    """A linear forecast from the lags, by their means and that of the labels."""

    lags_mean: Float[Array, " lags"]
    mean: Float[Array, " 1"]
    weights: Float[Array, "lags 1"]

    def __call__(self, lags: Float[Array, "n lags"]) -> Float[Array, "n 1"]:
        """The forecast of each row."""
        return self.mean[None, :] + (lags - self.lags_mean[None, :]) @ self.weights


def traffic(key: Key, num_days: int, drift: Scalar, period: int = 7) -> Float[Array, " days"]:
    """A trend, a pattern, weekly by default, that drifts, and an autoregression of order two.

        y_t = t / 100 + s_t + u_t,  s_t = s_{t-period} + drift e_t,  u_t = 0.5 u_{t-1} + 0.2 u_{t-2} + v_t

    with standard normal e and v, and s of standard deviation 3 in the first one.
    """
    key_pattern, key_drift, key_noise = jax.random.split(key, 3)
    num_periods = -(-num_days // period)
    pattern = 3 * jax.random.normal(key_pattern, (1, period)) + drift * jnp.cumsum(
        jax.random.normal(key_drift, (num_periods, period)), axis=0
    )

    def step(last: tuple[Array, Array], shock: Array) -> tuple[tuple[Array, Array], Array]:
        value = 0.5 * last[0] + 0.2 * last[1] + shock
        return (value, last[0]), value

    zero = jnp.zeros(())
    _, noise = jax.lax.scan(step, (zero, zero), jax.random.normal(key_noise, (num_days,)))
    return jnp.arange(num_days) / 100 + pattern.reshape(-1)[:num_days] + noise


def forecast_errors(
    lab: Lab, drifts: Float[np.ndarray, " drifts"], period: int = 7
) -> Float[np.ndarray, "drifts years lags series"]:
    """Mean absolute errors on the year after the training days, of the same series for all numbers of lags."""

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Scalar:
        return _error(keys, setting, period)

    drift, years, lags = np.meshgrid(drifts, YEARS, LAGS, indexing="ij")
    settings = {"drift": drift.ravel().astype(np.float32), "years": years.ravel(), "lags": lags.ravel()}
    runs = lab.run("traffic", trial, designs.independent(lab["series"], "data"), settings=settings, block=16)
    return runs.outputs.astype(float).reshape(*drift.shape, -1)


def crossing(levels: Float[np.ndarray, " levels"], values: Float[np.ndarray, " levels"]) -> float:
    """Where values, between levels on straight lines, first reach zero from below; the last level where they never do.

    >>> crossing(np.array([0.0, 1.0, 3.0]), np.array([-2.0, -1.0, 1.0]))
    2.0
    """
    if not (values >= 0).any():
        return float(levels[-1])
    place = int(np.argmax(values >= 0))
    return float(np.interp(0.0, values[place - 1 : place + 1], levels[place - 1 : place + 1]) if place else levels[0])


def _error(keys: Keys, setting: dict[str, Scalar], period: int) -> Scalar:
    num_training = max(YEARS) * DAYS
    num_days = max(LAGS) + num_training + DAYS
    model = models.linear(intercept=False)
    x, y = _lagged(traffic(keys["data"], num_days, setting["drift"], period))
    is_used = (jnp.arange(max(LAGS)) < setting["lags"]).astype(x.dtype)
    day = jnp.arange(num_training)
    is_training = day >= num_training - setting["years"] * DAYS
    is_held_out = day >= num_training - (SHARE_HELD_OUT * setting["years"] * DAYS).astype(int)
    past = Dataset(x[:num_training], y[:num_training], jnp.ones(num_training, x.dtype))

    def fit(weight: Array, strength: Scalar) -> Forecaster:
        total = jnp.sum(weight)
        lags_mean, mean = weight @ past.x / total, weight @ past.y / total
        scale = jnp.sqrt(weight @ (past.y - mean[None, :]) ** 2 / total)
        lags = (past.x - lags_mean[None, :]) / scale[None, :] * is_used[None, :]
        scaled = Dataset(lags, (past.y - mean[None, :]) / scale[None, :], weight)
        weights = learners.ridge(model, strength * total)(keys, scaled)["params"]["weights"]
        return Forecaster(lags_mean, mean, weights * is_used[:, None])

    def held_out_error(strength: Scalar) -> Scalar:
        forecast = fit((is_training & ~is_held_out).astype(x.dtype), strength)
        return jnp.sum(jnp.where(is_held_out[:, None], jnp.abs(forecast(past.x) - past.y), 0))

    best = selection.search(held_out_error, jnp.array(STRENGTHS, x.dtype)).best
    forecast = fit(is_training.astype(x.dtype), best)
    return jnp.mean(jnp.abs(forecast(x[num_training:]) - y[num_training:]))


def _lagged(series: Float[Array, " days"]) -> tuple[Float[Array, "n lags"], Float[Array, "n 1"]]:
    """Each day that has all lags before it: yesterday first; and the day itself."""
    num_lags = max(LAGS)
    rows = jnp.arange(series.shape[0] - num_lags)[:, None] + num_lags - 1 - jnp.arange(num_lags)[None, :]
    return series[rows], series[num_lags:, None]
