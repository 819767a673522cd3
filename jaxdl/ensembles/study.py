"""A study, its arguments checked and its trial traced: what `stream`, `run` and `plan` have in common."""

import dataclasses
import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool

from jaxdl.designs import Design
from jaxdl.designs.layout import check_design
from jaxdl.ensembles.arguments import (
    admitted_settings,
    check_key,
    count_settings,
    inner_axes_of,
    level_of_caller,
    setting_at,
    warn_of_idleness,
)
from jaxdl.ensembles.block_size import BLOCK_ON_CPU, default_block
from jaxdl.ensembles.devices import ensemble_devices
from jaxdl.ensembles.dispatch import num_outer_runs
from jaxdl.ensembles.engine import Engine, check_engine
from jaxdl.ensembles.host_program import HostProgram, settings_on_host
from jaxdl.ensembles.identity import digest
from jaxdl.ensembles.on_host import HostTrial
from jaxdl.ensembles.processes import in_several_processes
from jaxdl.ensembles.program import Program, trace_program
from jaxdl.ensembles.store import computed_elsewhere, stored_block
from jaxdl.paths import as_path
from jaxdl.types import Key, Trial

IDENTITY = "{identity}"


class TracedStudy(NamedTuple):
    """A traced study and how to run it."""

    program: Program | HostProgram
    design: Design
    key: Key
    settings: list[Any]
    """One for each setting; `[None]` without settings."""
    engine: Engine
    store: Path | None
    """The engine's, with the study's identity in its name."""

    @property
    def num_runs(self) -> int:
        """Runs that the engine addresses, at one setting."""
        return num_outer_runs(self.program, self.design)

    @property
    def inner_runs(self) -> int:
        """Runs that the trial makes of each of those."""
        return self.design.num_runs // self.num_runs

    @property
    def is_own(self) -> Bool[np.ndarray, " runs"]:
        """Which runs are of this shard: whole blocks in turn."""
        position, count = self.engine.shard
        return np.arange(self.num_runs) // self.program.block % count == position - 1


def trace_study(
    trial: Trial, design: Design, key: Key, settings: Any, inner: Sequence[str], engine: Engine
) -> TracedStudy:
    """The study with these arguments, which are those of `stream`."""
    check_design(design)
    check_engine(engine)
    if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        msg = (
            "jax_disable_jit: got True, expected False, since jaxdl's ensembles are compiled programs; to look into one run, call "
            "trial(designs.keys_of_run(design, key, run))"
        )
        raise ValueError(msg)
    inner_axes = inner_axes_of(design, inner)
    check_key(key)
    num_settings = count_settings(settings)
    settings = settings_on_host(settings) if isinstance(trial, HostTrial) else admitted_settings(settings)
    each_setting = [None if settings is None else setting_at(settings, index) for index in range(num_settings)]
    if isinstance(trial, HostTrial):
        return _on_host(trial, design, key, each_setting, inner, engine)
    devices = ensemble_devices(engine.devices)

    @functools.cache  # for this call alone: naming the store and choosing the block may ask for one size twice
    def trace(size: int) -> Program:
        return trace_program(trial, design, inner_axes, size, devices, key, each_setting[0])

    block = engine.block_on(devices[0].platform)
    store = None if engine.store is None else as_path("store", engine.store)
    if store is not None and IDENTITY in str(store):
        # The name must not depend on the block chosen below, which is read from the folder: it is that of the default block.
        template, identity = str(store), trace(block or BLOCK_ON_CPU).identity(key)
        store = Path(template.replace(IDENTITY, digest(identity)[:16]))
        if not store.exists():
            _warn_of_others(computed_elsewhere(template, IDENTITY, identity), identity["devices"])
    if block is None:
        created = None if store is None else stored_block(store)
        if created is None:
            num_runs = num_outer_runs(trace(BLOCK_ON_CPU), design)
            created = default_block(devices, trace, num_runs, key, each_setting[0])
        block = created
    program = trace(block)
    outside = program.callbacks - {"debug_callback", "debug_print"}
    if store is not None and outside:
        msg = (
            f"store: got a trial that calls back into Python ({', '.join(sorted(outside))}), expected one whose program holds all "
            "that it computes, since the store cannot tell when the Python function changes; run it without a store"
        )
        raise ValueError(msg)
    if tuple(engine.shard) != (1, 1) and in_several_processes(devices):
        msg = (
            f"shard: got {engine.shard} in several processes, expected (1, 1), since they share the runs among themselves; "
            "choose one of the two"
        )
        raise ValueError(msg)
    warn_of_idleness(design, program, devices)
    return TracedStudy(program, design, key, each_setting, engine, store)


def _warn_of_others(folders: Mapping[Path, str], devices: str) -> None:
    """Say where runs lie that would be computed again, as those of other devices have other bits."""
    if folders:
        first, there = next(iter(folders.items()))
        warnings.warn(
            f"store: {first}{f' and {len(folders) - 1} more' if len(folders) > 1 else ''} holds runs with this root key and "
            f"design, computed on other devices ({there}, here {devices}); they are not used, and all runs are "
            "computed again. To gather "
            "them, make the same call on such devices: finished runs are read, and none is made",
            stacklevel=level_of_caller(),
        )


def _on_host(
    trial: HostTrial, design: Design, key: Key, settings: list[Any], inner: Sequence[str], engine: Engine
) -> TracedStudy:
    """The study of a trial on the host, which is called run by run."""
    if engine.block_on("cpu") not in (None, 1) or inner:
        msg = f"block, inner: got {engine.block} and {tuple(inner)} for a trial on the host, which makes one run at a time; "
        raise ValueError(msg + "leave both out")
    if jax.process_count() > 1:
        msg = "trial: got one on the host in several processes of jax, expected one process; share its runs by Engine(shard=(1, 2))"
        raise ValueError(msg)
    store = None if engine.store is None else as_path("store", engine.store)
    program = HostProgram(trial, design, key, settings[0], store, engine.fresh)
    if store is not None and IDENTITY in str(store):
        store = Path(str(store).replace(IDENTITY, digest(program.identity(key))[:16]))
        program = dataclasses.replace(program, store=store)
    return TracedStudy(program, design, key, settings, engine, store)
