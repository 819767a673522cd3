"""Peak memory of 100,000 independent runs beside that of 1,000: statistics stream, so it hardly grows.

    python -m benchmarks.memory              # half a minute on two cores

Each study has a process of its own, whose largest resident set is compared: Python, JAX and compilation included.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.machine import banner

RUNS = (1_000, 100_000)
LIMIT = 1.2


def peak_memory(num_runs: int) -> float:
    """Largest resident set of a fresh process after a study of so many runs, in MiB."""
    command = [sys.executable, "-m", "benchmarks.memory", "--study", str(num_runs)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def study(num_runs: int) -> None:
    """Decompose cubic polynomials fitted to 20 examples each, and print this process's peak memory in MiB."""
    import jax

    import jaxdl
    from jaxdl import designs, ensembles, learners, models
    from jaxdl.data import problems

    ensembles.use_cpu_devices()
    problem, model = problems.noisy_sine(), models.polynomial(3)
    learner, x_test = learners.least_squares_qr(model), problem.test_points(100)

    def trial(keys):
        return model.apply(learner(keys, problem.sample(keys, 20)), x_test)[:, 0]

    jaxdl.decompose(trial, designs.independent(num_runs, "data"), jax.random.key(0), progress=False)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs=2, default=RUNS, help="runs of the small study and of the large one")
    parser.add_argument("--json", type=Path, help="where to write both")
    parser.add_argument("--study", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.study:
        study(chosen.study)
        return 0
    told = banner("python -m benchmarks.memory", {name: version(name) for name in ("jax", "jaxdl")})
    small, large = (peak_memory(runs) for runs in chosen.runs)
    print(told)
    for runs, mebibytes in zip(chosen.runs, (small, large), strict=True):
        print(f"{runs:8} runs {mebibytes:8.1f} MiB")
    print(f"ratio {large / small:.3f}, expected at most {LIMIT}")
    if chosen.json:
        chosen.json.write_text(json.dumps({"banner": told, "runs": chosen.runs, "mebibytes": [small, large]}, indent=1))
    return 0 if large / small <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
