"""What keeping a study on disk costs: beside the same study without a store, and when it is only read again.

    python -m benchmarks.store            # about three minutes on two cores

The study trains one network a run, so long that a block of 8 takes about 0.3 s. Rounds alternate; a ratio is the median over
rounds of ratios within one round.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.machine import banner
from jaxdl import designs, ensembles
from jaxdl.types import Keys, Outputs, Trial

SECONDS_PER_BLOCK = 0.3


def trial_of(num_steps: int) -> Trial:
    """A trial of that many matrix products, with 500 x 10 predictions."""

    def trial(keys: Keys) -> Outputs:
        matrix = jax.random.normal(keys["data"], (64, 64)) / 8
        state = jax.lax.fori_loop(0, num_steps, lambda _, x: jnp.tanh(x @ matrix), jnp.ones((500, 64)))
        return state[:, :10]

    return trial


def seconds(trial: Trial, num_runs: int, store: Path | None = None, **options: Any) -> float:
    """Wall time of the study; further options are the engine's."""
    start = time.perf_counter()
    design, engine = designs.independent(num_runs, "data"), ensembles.Engine(store=store, **options)
    for chunks in ensembles.stream(trial, design, jax.random.key(0), engine=engine):
        for _ in chunks:
            pass
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    parser.add_argument("--blocks", type=int, default=20, help="blocks of each device in a round")
    chosen = parser.parse_args()
    num_devices = ensembles.use_cpu_devices()
    print(banner(" ".join(["python -m benchmarks.store", *sys.argv[1:]]), {"jax": jax.__version__}))

    seconds(trial_of(50), 8 * num_devices)
    calibration = trial_of(400)
    seconds(calibration, 8 * num_devices)
    steps = int(400 * SECONDS_PER_BLOCK / (seconds(calibration, 8 * num_devices * 4) / 4))
    trial, num_runs = trial_of(steps), 8 * num_devices * chosen.blocks
    seconds(trial, 8 * num_devices)
    ratios, apart = [], []
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory() as folder:
            plain, stored = seconds(trial, num_runs), seconds(trial, num_runs, Path(folder))
            again = seconds(trial, num_runs, Path(folder))
        ratios.append(stored / plain)
        apart.append((plain, stored, again))
    plain, stored, again = (statistics.median(column) for column in zip(*apart, strict=True))
    print(
        f"{num_runs} runs, {plain / chosen.blocks:.2f} s a block: {plain:.2f} s without a store, {stored:.2f} s with one"
    )
    print(
        f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}); read again in {again:.2f} s"
    )

    with tempfile.TemporaryDirectory() as folder:
        small = trial_of(2)
        seconds(small, 10_000, Path(folder))
        start = time.perf_counter()
        seconds(small, 10_000, Path(folder))
        records = len(list(Path(folder).glob("*.npz")))
        print(f"10,000 runs of 500 x 10 predictions in {records} records: read in {time.perf_counter() - start:.2f} s")

    with tempfile.TemporaryDirectory() as folder:
        for position in (1, 2, 3):
            with contextlib.suppress(ensembles.UnfinishedStudyError):
                seconds(small, 10_000, Path(folder), shard=(position, 3))
        print(f"the same from three shards: read in {seconds(small, 10_000, Path(folder)):.2f} s")


if __name__ == "__main__":
    main()
