"""`jaxdl.decompose`: the engine, in blocks of 8, and the decomposition of the squared error of all logits."""

import jax
import numpy as np
from jaxtyping import Int

import jaxdl
from benchmarks.jaxdl_trial import SOURCES, trial_of
from benchmarks.problem import Problem
from benchmarks.worker import Contestant, serve
from jaxdl import designs, ensembles


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    del threads  # one device for each core, which is set before anything computes
    trial = trial_of(problem, width)
    design = designs.independent(fits, *SOURCES)

    def fit(seed: int) -> Int[np.ndarray, "fits points"]:
        jaxdl.decompose(trial, design, jax.random.key(seed), dims=("points", "out"))
        # Single predictions are folded into moments and gone: `jaxdl_run` is who vouches for the accuracy.
        return np.empty((0, len(problem.x_test)), np.int64)

    return fit


if __name__ == "__main__":
    ensembles.use_cpu_devices()
    serve(prepare, "jaxdl", "jax")
