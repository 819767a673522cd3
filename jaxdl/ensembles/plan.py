"""`plan`: what a study will take in memory and time, from its compiled program and a few timed blocks of it."""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from jaxdl.designs import Design
from jaxdl.ensembles.block_size import program_bytes
from jaxdl.ensembles.dispatch import dispatch
from jaxdl.ensembles.engine import Engine
from jaxdl.ensembles.host_program import HostProgram
from jaxdl.ensembles.study import TracedStudy, trace_study
from jaxdl.ensembles.workers import count_workers
from jaxdl.types import Key, Trial

SECONDS_TIMED = 0.6


class Plan(NamedTuple):
    """The size of a study; every number but the seconds is exact for this machine and these versions.

    >>> from jaxdl import designs
    >>> found = plan(lambda keys: jax.random.normal(keys["data"], (3,)), designs.crossed(data=4), jax.random.key(0))
    >>> found.num_runs, found.num_settings
    (4, 1)
    """

    num_runs: int
    """Over all settings."""
    num_settings: int
    block: int
    num_devices: int
    block_bytes: int
    """Memory of the program on one device: its arguments, results and temporaries."""
    results_bytes: int
    """What all runs return, on the host or in the store."""
    block_flops: float
    """Floating-point operations of one block as XLA counts them, the body of a loop once."""
    compile_seconds: float
    block_seconds: float
    """Of one block on each device, side by side."""
    measuring_seconds: float
    """How long it took to measure that."""
    store: Path | None
    """The folder that will hold the runs, with the study's identity in its name; `None`: they are not kept."""

    @property
    def seconds(self) -> float:
        """Time of all runs, without the compilation."""
        runs_at_once = self.block * self.num_devices
        return self.num_settings * -(-self.num_runs // self.num_settings // runs_at_once) * self.block_seconds


def plan(
    trial: Trial,
    design: Design,
    key: Key,
    *,
    settings: Any = None,
    inner: Sequence[str] = (),
    engine: Engine = Engine(),
) -> Plan:
    """What this study would take: its program is compiled and a few blocks are timed; nothing is stored.

    The arguments are those of `stream`.

    Raises:
        ValueError: as `stream` does; a block that does not fit in a device's memory, or results that fit neither in memory nor
            on disk.
        StoreError: when the store cannot be read.

    >>> from jaxdl import designs
    >>> def trial(keys):
    ...     return jax.random.normal(keys["data"], (3,))
    >>> found = plan(trial, designs.independent(400, "data"), jax.random.key(0))
    >>> found.num_runs, found.block
    (400, 8)
    """
    return plan_of(trace_study(trial, design, key, settings, inner, engine))


def plan_of(study: TracedStudy) -> Plan:
    """The plan of a traced study."""
    program, design = study.program, study.design
    started = time.monotonic()
    if isinstance(program, HostProgram):
        return _plan_on_host(study, program)
    executable = program.executable
    compile_seconds = time.monotonic() - started
    block_bytes = program_bytes(executable.compiled.memory_analysis())
    of_run = sum(leaf.size * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(program.results)) / program.block
    results_bytes = round(of_run * study.num_runs * len(study.settings))
    _check_memory(study, block_bytes, results_bytes)
    at_once = program.block * len(executable.devices)
    runs = np.arange(min(study.num_runs, at_once))
    _seconds(study, runs)  # the first execution, which is slower
    # As the real runs are dispatched: a single small block would cost more to send than to compute.
    some = np.arange(min(study.num_runs, at_once * max(1, int(SECONDS_TIMED / _seconds(study, runs)))))
    block_seconds = _seconds(study, some) / -(-len(some) // at_once)
    costs = executable.compiled.cost_analysis() or {}
    return Plan(
        num_runs=design.num_runs * len(study.settings),
        num_settings=len(study.settings),
        block=program.block * study.inner_runs,
        num_devices=len(executable.devices),
        block_bytes=block_bytes,
        results_bytes=results_bytes,
        block_flops=float(costs.get("flops", float("nan"))),
        compile_seconds=compile_seconds,
        block_seconds=block_seconds,
        measuring_seconds=time.monotonic() - started - compile_seconds,
        store=study.store,
    )


def _plan_on_host(study: TracedStudy, program: HostProgram) -> Plan:
    """The plan of a trial on the host, from its first run."""
    started = time.monotonic()
    _seconds(study, np.arange(1))
    seconds = time.monotonic() - started
    num_runs = study.design.num_runs * len(study.settings)
    of_run = sum(leaf.size * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(program.results))
    return Plan(
        num_runs=num_runs,
        num_settings=len(study.settings),
        block=1,
        num_devices=count_workers(program.trial.workers),
        block_bytes=0,
        results_bytes=of_run * num_runs,
        block_flops=float("nan"),
        compile_seconds=0.0,
        block_seconds=seconds,
        measuring_seconds=time.monotonic() - started,
        store=study.store,
    )


def _seconds(study: TracedStudy, runs: Int[np.ndarray, " runs"]) -> float:
    started = time.monotonic()
    for _ in dispatch(study.program, study.design, study.key, study.settings[0], runs):
        pass
    return time.monotonic() - started


def _check_memory(study: TracedStudy, block_bytes: int, results_bytes: int) -> None:
    """Refuse, before anything is executed, a study that cannot be held."""
    device = study.program.devices[0]
    is_cpu = device.platform == "cpu"
    # On CPUs all devices share the machine's memory.
    memory = _host_memory() if is_cpu else (device.memory_stats() or {}).get("bytes_limit")
    needed = block_bytes * (len(study.program.devices) if is_cpu else 1)
    if memory is not None and needed > memory:
        msg = (
            f"block: got {study.program.block}, whose program takes {needed / 2**30:.3g} GiB, expected at most the "
            f"{memory / 2**30:.3g} GiB of the machine or device; pass a smaller block, or return less from each run"
        )
        raise ValueError(msg)
    folder = study.store or Path(tempfile.gettempdir())
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    # Other designs stream without a store.
    is_kept = study.store is not None or study.design.is_crossed
    if is_kept and results_bytes > max(free, min(study.engine.memory_limit, _host_memory() or 0)):
        msg = (
            f"design: got {study.design.num_runs * len(study.settings)} runs that return {results_bytes / 2**30:.3g} GiB, expected "
            f"at most the {free / 2**30:.3g} GiB that are free in {folder}; run fewer, return less from each, or name a larger disk"
        )
        raise ValueError(msg)


def _host_memory() -> int | None:
    """The machine's memory in bytes, where the system says it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
