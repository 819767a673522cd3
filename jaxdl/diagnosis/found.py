"""What a diagnosis holds: numbers with their intervals, each of a stated training size."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdl.decomposition.noise_bracket import NoiseBracket

Array = np.ndarray
TOGETHER = "bias_squared_plus_noise"


class Number(NamedTuple):
    """An estimate with its 95 % interval, or a forecast with one of 90 %, which has no standard error."""

    estimate: float
    standard_error: float
    low: float
    high: float


class Forecast(NamedTuple):
    """The risk measured at some training sizes, and what a power law through it says of others."""

    sizes: Int[Array, " sizes"]
    risks: Float[Array, " sizes"]
    standard_errors: Float[Array, " sizes"]
    ahead: dict[int, Number]
    """By training size: the risk there."""
    misfit: float
    """The p-value of the power law; nan where three sizes leave nothing to test it by."""


class Diagnosis(NamedTuple):
    """What `diagnose` found."""

    target: str
    task: Literal["regression", "classification"]
    model: str
    """A name of `learners.NAMES`."""
    described: str
    num_rows: int
    num_pool: int
    """Rows that training sets are drawn from."""
    num_test: int
    training_size: int
    """Of each run: all numbers of `terms` are of this size."""
    num_runs: int
    terms: dict[str, Number]
    """`bias_squared_plus_noise`, `variance[data]`, `variance[seed]` of a learner that has one; `risk`, their sum."""
    constant_risk: float
    """Of the best constant, on the test points."""
    noise: NoiseBracket
    bias_squared: Number
    """The estimate is nan: a table gives an interval alone."""
    forecast: Forecast
    notes: tuple[str, ...]
