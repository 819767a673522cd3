"""Peak memory of 100,000 independent runs beside that of 1,000: statistics stream, so it hardly grows.

    python -m benchmarks.memory              # half a minute on two cores
    python -m benchmarks.memory --crossed    # instead: 16 x 16 x 16 levels over 10,000 points and 10 classes (some minutes, Linux)

Each study has a process of its own, whose largest resident set is compared: Python, JAX and compilation included. A crossed
design keeps its predictions, here in a file; its process's own (anonymous) memory is told apart from pages of mapped files,
which the system takes back when it needs them, and is to stay under 2 GB. Both are sampled every few milliseconds.
"""

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.machine import banner

RUNS = (1_000, 100_000)
LIMIT = 1.2
LARGEST_OWN = 2e9 / 2**20  # MiB
SECONDS_BETWEEN_SAMPLES = 0.005
MEMORY_LIMIT = 2**20  # bytes of predictions, beyond which they go to a file
KINDS = {"own": ("RssAnon",), "mapped": ("RssFile", "RssShmem")}


def fresh_process(*arguments: str) -> str:
    """What this module prints in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def peak_memory(num_runs: int) -> float:
    """Largest resident set of a fresh process after a study of so many runs, in MiB."""
    return float(fresh_process("--study", str(num_runs)))


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

    jaxdl.decompose(trial, designs.independent(num_runs, "data"), jax.random.key(0))
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


def crossed_study(levels: int, num_points: int, num_classes: int) -> None:
    """Decompose random logits over three crossed factors by squared error and by cross-entropy, and print peaks as JSON."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import jaxdl
    from jaxdl import decomposition, designs, ensembles

    ensembles.use_cpu_devices()
    shape = (num_points, num_classes)

    def trial(keys):
        data, init, order = (jax.random.normal(keys[name], shape, jnp.float32) for name in ("data", "init", "order"))
        return data + init * order

    labels = np.eye(num_classes)[np.arange(num_points) % num_classes]
    design = designs.crossed(data=levels, init=levels, order=levels)
    told = {}
    for loss in (decomposition.squared_error, decomposition.cross_entropy):
        start = time.perf_counter()
        with Peaks() as peaks:
            result = jaxdl.decompose(
                trial, design, jax.random.key(0), loss=loss, target=decomposition.Target(labels=labels),
                dims=("points", "out"), engine=ensembles.Engine(memory_limit=MEMORY_LIMIT),
            )  # fmt: skip
        errors = {str(term): float(error) for term, error in result.standard_errors.items()}
        told[loss.name] = {**peaks.mebibytes, "seconds": time.perf_counter() - start, "standard errors": errors}
    print(json.dumps(told))


class Peaks:
    """The largest sizes of this process's own memory and of its mapped files within a `with` block, in MiB."""

    def __init__(self) -> None:
        self.mebibytes = dict.fromkeys(KINDS, 0.0)
        self._done = threading.Event()
        self._sampling = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Peaks":
        self._sampling.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._sampling.join()

    def _sample(self) -> None:
        while True:
            now = resident()
            self.mebibytes = {kind: max(peak, now[kind]) for kind, peak in self.mebibytes.items()}
            if self._done.wait(SECONDS_BETWEEN_SAMPLES):
                return


def resident() -> dict[str, float]:
    """This process's own resident memory and that of mapped files, in MiB, as Linux tells them apart."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {
        name: float(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "kB" in value
    }
    return {kind: sum(sizes[name] for name in names) / 2**10 for kind, names in KINDS.items()}


def compare_runs(sizes: Sequence[int]) -> tuple[bool, dict]:
    """Whether memory stays flat from the smaller to the larger number of runs."""
    small, large = (peak_memory(runs) for runs in sizes)
    for runs, mebibytes in zip(sizes, (small, large), strict=True):
        print(f"{runs:8} runs {mebibytes:8.1f} MiB")
    print(f"ratio {large / small:.3f}, expected at most {LIMIT}")
    return large / small <= LIMIT, {"runs": list(sizes), "mebibytes": [small, large]}


def measure_crossed(levels: int, num_points: int, num_classes: int) -> tuple[bool, dict]:
    """Whether a crossed study stays under 2 GB of its own memory, with standard errors of all terms."""
    found = json.loads(fresh_process("--crossed-study", *map(str, (levels, num_points, num_classes))))
    spooled = 4 * levels**3 * num_points * num_classes / 2**20
    print(
        f"{levels} x {levels} x {levels} levels, {num_points} points, {num_classes} classes: {spooled:.0f} MiB in a file"
    )
    for loss, told in found.items():
        have = sum(error == error for error in told["standard errors"].values())
        print(
            f"{loss:16} own memory {told['own']:8.1f} MiB, expected below {LARGEST_OWN:.0f}; mapped files "
            f"{told['mapped']:8.1f} MiB; {told['seconds']:.0f} s; {have} of {len(told['standard errors'])} terms with errors"
        )
    passed = all(
        told["own"] <= LARGEST_OWN and all(error == error for error in told["standard errors"].values())
        for told in found.values()
    )
    return passed, {"levels": levels, "points": num_points, "classes": num_classes, "losses": found}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs=2, default=RUNS, help="runs of the small study and of the large one")
    parser.add_argument("--crossed", action="store_true", help="three crossed factors, predictions in a file (Linux)")
    parser.add_argument("--levels", type=int, default=16, help="of each factor of the crossed study")
    parser.add_argument("--points", type=int, default=10_000, help="of the crossed study")
    parser.add_argument("--classes", type=int, default=10, help="of the crossed study")
    parser.add_argument("--json", type=Path, help="where to write what was found")
    parser.add_argument("--study", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--crossed-study", type=int, nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.study:
        study(chosen.study)
        return 0
    if chosen.crossed_study:
        crossed_study(*chosen.crossed_study)
        return 0
    if chosen.crossed and not Path("/proc/self/status").exists():
        parser.error("--crossed reads /proc/self/status, which this system does not have; run it on Linux")
    command = f"python -m benchmarks.memory{' --crossed' if chosen.crossed else ''}"
    told = banner(command, {name: version(name) for name in ("jax", "jaxdl")})
    print(told)
    if chosen.crossed:
        passed, found = measure_crossed(chosen.levels, chosen.points, chosen.classes)
    else:
        passed, found = compare_runs(chosen.runs)
    if chosen.json:
        chosen.json.write_text(json.dumps({"banner": told, **found}, indent=1))
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
