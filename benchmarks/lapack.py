"""What it costs that an ensemble calls LAPACK for one matrix at a time: beside plain `jit(vmap)`, which batches them.

    python -m benchmarks.lapack           # about two minutes on two cores

A trial decomposes one random matrix. Rounds alternate; a ratio is the median over rounds of ratios within one round.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.machine import banner
from jaxdl import designs, ensembles
from jaxdl.types import Keys, Outputs, Trial

SIZES = {5: 20_000, 20: 4000, 100: 400}
"""Rows of the matrix, and runs of a round."""


def positive(keys: Keys, size: int) -> jax.Array:
    """A random positive definite matrix."""
    factor = jax.random.normal(keys["data"], (size + 5, size))
    return factor.T @ factor + jnp.eye(size)


CALLS: dict[str, Callable[[Keys, int], Outputs]] = {
    "solve": lambda keys, size: jnp.linalg.solve(positive(keys, size), jnp.ones(size)),
    "cholesky": lambda keys, size: jnp.linalg.cholesky(positive(keys, size))[0],
    "eigvalsh": lambda keys, size: jnp.linalg.eigvalsh(positive(keys, size)),
    "lstsq": lambda keys, size: jnp.linalg.lstsq(positive(keys, size), jnp.ones(size))[0],
}


def seconds(call: Callable[[], Any]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def ratio(trial: Trial, num_runs: int, rounds: int) -> list[float]:
    """Time of the engine over that of one compiled batch of all runs, round by round."""
    design = designs.independent(num_runs, "data")
    plain = jax.jit(jax.vmap(lambda key: trial({"data": key})))
    keys = jax.random.split(jax.random.key(0), num_runs)
    contestants = (lambda: ensembles.run(trial, design, jax.random.key(0)).outputs, lambda: plain(keys))
    for contestant in contestants:
        seconds(contestant)
    return [seconds(contestants[0]) / seconds(contestants[1]) for _ in range(rounds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each")
    chosen = parser.parse_args()
    ensembles.use_cpu_devices()
    print(banner(" ".join(["python -m benchmarks.lapack", *sys.argv[1:]]), {"jax": jax.__version__}))
    print("time of the engine over that of jit(vmap), median and range over rounds")
    for name, call in CALLS.items():
        for size, num_runs in SIZES.items():
            ratios = ratio(lambda keys, call=call, size=size: call(keys, size), num_runs, chosen.rounds)  # type: ignore[misc]
            print(f"{name:10}{size:5}  {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
