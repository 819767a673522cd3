"""`jax.jit(jax.vmap(fit))` of our own trial: what one writes without an engine."""

import jax
import numpy as np
from jaxtyping import Int

from benchmarks.jaxdl_trial import SOURCES, trial_of
from benchmarks.problem import Problem
from benchmarks.worker import Contestant, serve


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    del threads  # XLA uses all cores
    predict = trial_of(problem, width)
    fit_all = jax.jit(jax.vmap(lambda keys: predict(keys).argmax(axis=1)))

    def fit(seed: int) -> Int[np.ndarray, "fits points"]:
        keys = [jax.random.split(key, fits) for key in jax.random.split(jax.random.key(seed), len(SOURCES))]
        return np.asarray(fit_all(dict(zip(SOURCES, keys, strict=True))))

    return fit


if __name__ == "__main__":
    serve(prepare, "jax")
