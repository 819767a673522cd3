"""Dry runs: what an experiment will take, measured from one block of each of its studies."""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.options import Execution

FILES = "config.json, results.npz, figures/, table.txt, claims.json, report.html, manifest.json"


def rehearse(work: Callable[[], Any], options: Execution, folder: Path) -> str:
    """Do the work with one timed block of each study in place of all runs, and say what the real run will take.

    The arrays have the shapes of the real ones, so that this process's largest memory is the real run's too.
    """
    started = time.monotonic()
    stopped = ""
    try:
        work()
    except Exception as error:
        stopped = f"\nwithout what cannot be done with stand-ins ({type(error).__name__}: {error})"
    elapsed = time.monotonic() - started
    timing = sum(plan.measuring_seconds for _, plan in options.plans)
    training = sum(plan.seconds for _, plan in options.plans)
    other = max(elapsed - timing, 0)
    heads = ("runs", "block", "devices", "per device", "results", "Gflop/block", "compile", "time")
    rows = [
        (
            study,
            str(plan.num_runs),
            str(plan.block),
            str(plan.num_devices),
            _size(plan.block_bytes),
            _size(plan.results_bytes),
            f"{plan.block_flops / 1e9:.3g}",
            f"{plan.compile_seconds:.1f} s",
            f"{plan.seconds:.1f} s",
        )
        for study, plan in options.plans
    ]
    return "\n".join(
        [
            *(f"{row[0]:28}" + "".join(f"{cell:>13}" for cell in row[1:]) for row in (("study", *heads), *rows)),
            "",
            f"time    about {other + training:.0f} s: {training:.0f} s of runs, {other:.0f} s to compile them and to estimate",
            f"memory  about {_size(_largest_memory())} on the host",
            "flops   as XLA counts them, the body of a loop once; a training's are more",
            f"files   {folder}: {FILES}",
            f"        {options.out / options.experiment / 'blocks'}: finished runs",
            f"nothing was written{stopped}",
        ]
    )


def _largest_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _size(num_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if num_bytes < 1024:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1024
    return f"{num_bytes:.3g} GiB"
