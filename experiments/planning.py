"""Dry runs: what an experiment will take, from the plan of each of its studies."""

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.options import Execution, PlannedError

FILES = "config.json, results.npz, figures/, table.txt, claims.json, report.html, manifest.json"


def planned(measure: Callable[[], Mapping[str, Any]], options: Execution, folder: Path) -> str:
    """What the studies of an experiment will take in time and memory; nothing of it is computed but a few timed blocks.

    A study that needs the results of another cannot be planned, and is missing.
    """
    started = time.monotonic()
    with contextlib.suppress(PlannedError):
        measure()
    elapsed = time.monotonic() - started
    timing = sum(plan.measuring_seconds for _, plan in options.plans)
    training = sum(plan.seconds for _, plan in options.plans)
    other = max(elapsed - timing, 0)
    largest = max((plan.num_devices * plan.block_bytes + plan.results_bytes for _, plan in options.plans), default=0)
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
            f"time    about {other + training:.0f} s: {training:.0f} s of runs, {other:.0f} s to trace and compile them; estimates "
            "and figures besides",
            f"memory  about {_size(largest)} for the largest study, besides the programs",
            "flops   as XLA counts them, the body of a loop once; a training's are more",
            f"files   {folder}: {FILES}",
            f"        {options.out / options.experiment / 'blocks'}: finished runs",
            "studies that need the results of another are not planned; nothing was written",
        ]
    )


def _size(num_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if num_bytes < 1024:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1024
    return f"{num_bytes:.3g} GiB"
