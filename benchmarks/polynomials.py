"""A million polynomials through `jaxdl.decompose`: degree 9, 40 examples of a noisy sine each, by least squares.

    python -m benchmarks.polynomials         # about two minutes on two cores: a million fits for each size of block
    python -m benchmarks.polynomials --runs 20000

Each run draws its own data; all predict at 20 points, where the truth is known. A hundred of the runs are done again by
NumPy in double precision, one after the other: the check that both computed the same, and the peer.
"""

import argparse
import json
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np

import jaxdl
from benchmarks.machine import banner
from jaxdl import decomposition, designs, ensembles, learners, models
from jaxdl.data import problems
from jaxdl.types import Keys

DEGREE = 9
NUM_EXAMPLES = 40
NUM_POINTS = 20
NOISE_STD = 0.3
CHECKED_RUNS = 100
TOLERANCE = 1e-3
"""Of predictions of single fits in single precision, beside labels of size one."""

problem = problems.noisy_sine(noise_std=NOISE_STD)
model = models.polynomial(DEGREE)
learner = learners.least_squares_qr(model)


def trial(keys: Keys) -> jax.Array:
    """Predictions `"points"` of one polynomial."""
    return model.apply(learner(keys, problem.sample(keys, NUM_EXAMPLES)), problem.test_points(NUM_POINTS))[:, 0]


def seconds_of_study(num_runs: int, block: int) -> tuple[float, float]:
    """Seconds of a whole decomposition, once compiled, and the total variance that it found."""
    design = designs.independent(num_runs, "data")
    target = decomposition.Target(
        mean=np.asarray(problem.mean(problem.test_points(NUM_POINTS)))[:, 0], noise=NOISE_STD**2
    )

    def study(seed: int) -> decomposition.Decomposition:
        return jaxdl.decompose(trial, design, jax.random.key(seed), target=target, engine=ensembles.Engine(block=block))

    # The program depends on how many blocks one dispatch may hold, so it is a study of the same size that compiles it;
    # its first dispatch is enough.
    next(next(ensembles.stream(trial, design, jax.random.key(1), engine=ensembles.Engine(block=block))))
    start = time.perf_counter()
    result = study(0)
    return time.perf_counter() - start, float(result.total_variance)


def numpy_fits(num_fits: int) -> tuple[float, float]:
    """Seconds for one fit by `numpy.polynomial.Legendre.fit`, and the largest difference from our predictions."""
    root, design = jax.random.key(0), designs.independent(num_fits, "data")
    ours = ensembles.run(trial, design, root).outputs
    keys = [designs.keys_of_run(design, root, run) for run in range(num_fits)]
    samples = [
        jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), problem.sample(key, NUM_EXAMPLES)) for key in keys
    ]
    points = np.asarray(problem.test_points(NUM_POINTS), np.float64)[:, 0]
    start = time.perf_counter()
    theirs = [
        np.polynomial.Legendre.fit(each.x[:, 0], each.y[:, 0], DEGREE, domain=[-1, 1])(points) for each in samples
    ]
    return (time.perf_counter() - start) / num_fits, float(np.abs(np.stack(theirs) - ours).max())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000, help="polynomials in a study")
    parser.add_argument(
        "--blocks", type=int, nargs="+", default=[8, 64, 256, 512], help="runs that are vectorised together"
    )
    parser.add_argument("--json", type=Path, help="where to write all measurements")
    chosen = parser.parse_args(arguments)
    ensembles.use_cpu_devices()

    told = banner("python -m benchmarks.polynomials", {name: version(name) for name in ("jax", "jaxdl", "numpy")})
    seconds_per_fit, difference = numpy_fits(CHECKED_RUNS)
    agrees = difference <= TOLERANCE
    print(told)
    print(f"{CHECKED_RUNS} fits again by NumPy: largest difference {difference:.1e}{'' if agrees else ', TOO LARGE'}")
    print(f"one after the other, NumPy would take {seconds_per_fit * chosen.runs:.0f} s for {chosen.runs} fits\n")
    print(f"{'block':>6}{'seconds':>9}{'fits/s':>11}{'NumPy / it':>12}{'variance':>10}")
    rows = []
    for block in chosen.blocks:
        seconds, variance = seconds_of_study(chosen.runs, block)
        ratio = seconds_per_fit * chosen.runs / seconds
        print(f"{block:6}{seconds:9.2f}{chosen.runs / seconds:11.0f}{ratio:12.1f}{variance:10.4f}", flush=True)
        rows.append({"block": block, "seconds": seconds, "ratio": ratio, "variance": variance})
    if chosen.json:
        record = {
            "banner": told,
            "runs": chosen.runs,
            "numpy_seconds_per_fit": seconds_per_fit,
            "difference": difference,
        }
        chosen.json.write_text(json.dumps({**record, "blocks": rows}, indent=1))
    return 0 if agrees else 1


if __name__ == "__main__":
    raise SystemExit(main())
