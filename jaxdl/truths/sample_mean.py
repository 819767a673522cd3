"""The mean of a sample, the simplest learner."""

import jax
import numpy as np

from jaxdl import designs
from jaxdl.decomposition import Target
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Keys


def sample_mean(
    *, num_examples: int = 20, noise_std: float = 1.0, offset: float = 0.5, num_runs: int = 200
) -> tuple[Study, Exact]:
    """A constant fitted to n draws of N(0, sigma²), shifted by `offset`: variance sigma²/n, bias² offset², noise sigma².

    >>> study, exact = sample_mean(num_examples=25)
    >>> float(exact["total_variance"])
    0.04
    """

    def trial(keys: Keys) -> jax.Array:
        return noise_std * jax.random.normal(keys["data"], (1, num_examples)).mean(axis=1) + offset

    variance = noise_std**2 / num_examples
    target = Target(mean=np.zeros(1), noise=noise_std**2)
    study = simulated("sample mean", trial, designs.independent(num_runs, "data"), target)
    return study, exact_terms(offset**2, {("data",): variance}, noise_std**2)
