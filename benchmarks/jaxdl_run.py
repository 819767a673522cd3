"""`jaxdl.ensembles.run`: the engine, in blocks of 8."""

import jax
import numpy as np
from jaxtyping import Array, Int

from benchmarks.jaxdl_trial import SOURCES, trial_of
from benchmarks.problem import Problem
from benchmarks.worker import Contestant, serve
from jaxdl import designs, ensembles
from jaxdl.types import Keys


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    del threads  # one device for each core, which is set before anything computes
    predict = trial_of(problem, width)

    def trial(keys: Keys) -> Int[Array, " points"]:
        return predict(keys).argmax(axis=1)

    design = designs.independent(fits, *SOURCES)

    def fit(seed: int) -> Int[np.ndarray, "fits points"]:
        return ensembles.run(trial, design, jax.random.key(seed)).outputs

    return fit


if __name__ == "__main__":
    ensembles.use_cpu_devices()
    serve(prepare, "jaxdl", "jax")
