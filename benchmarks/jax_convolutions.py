"""`jax.jit(jax.vmap(fit))` of the convolutional trial, with XLA's own convolutions."""

import jax
import numpy as np

from benchmarks.jaxdl_convolutions import SOURCES, trial_of
from benchmarks.problem import Problem
from benchmarks.worker import Contestant, serve


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    del threads  # XLA uses all cores
    fit_all = jax.jit(jax.vmap(trial_of(problem, width)))

    def fit(seed: int) -> np.ndarray:
        keys = [jax.random.split(key, fits) for key in jax.random.split(jax.random.key(seed), len(SOURCES))]
        return np.asarray(fit_all(dict(zip(SOURCES, keys, strict=True))))

    return fit


if __name__ == "__main__":
    serve(prepare, "jax")
