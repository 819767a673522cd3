"""How an experiment is run: options that change no result, and what they mean for each of its studies."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from experiments import run_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxdl.designs import Design
    from jaxdl.ensembles import Engine, Plan
    from jaxdl.types import Key, Trial

Device = Literal["cpu", "gpu", "tpu"]


@dataclass(frozen=True)
class Options:
    """Where and how to run it; changes no result."""

    out: Path = Path("results")
    """folder that receives EXPERIMENT/HASH/, and EXPERIMENT/blocks/ for finished runs"""
    fresh: bool = False
    """compute again, also what is finished"""
    device: Device | None = None
    """kind of device; by default the best there is"""
    devices: int | None = None
    """CPU devices to use; by default one for each core and at least two"""
    shard: str = "1/1"
    """k/K: compute the k-th of K shares of the runs, store them, and stop"""
    dry_run: bool = False
    """compile, time one block of each study, print memory and time, and write nothing"""
    distributed: bool = False
    """join the other processes of this job through jax.distributed (found from Slurm, Open MPI, Kubernetes or a TPU pod)"""
    coordinator: str | None = None
    """HOST:PORT of the first process, where it is not found so"""
    process: str | None = None
    """k/K: this is the k-th of K processes, where that is not found so"""
    progress: bool = True
    """show how far it is, and the time left"""
    strict: bool = False
    """stop with an error when any run diverges; computes again"""

    def __post_init__(self) -> None:
        if self.devices is not None and self.devices < 1:
            msg = f"devices is {self.devices}; expected at least 1, or nothing for one per core."
            raise ValueError(msg)
        if self.devices is not None:
            from jaxdl.ensembles.devices import check_count

            check_count(self.devices)
        if self.devices is not None and self.device not in (None, "cpu"):
            msg = f"devices is a number of CPU devices; on a {self.device}, CUDA_VISIBLE_DEVICES and its like choose them."
            raise ValueError(msg)
        share_of(self.shard, "shard")
        if (self.coordinator is None) != (self.process is None):
            msg = "coordinator and process belong together: --coordinator HOST:PORT --process k/K."
            raise ValueError(msg)
        if self.process is not None:
            share_of(self.process, "process")
        if self.coordinator is not None and not self.distributed:
            msg = "coordinator and process are for several processes; add --distributed."
            raise ValueError(msg)
        if self.fresh and self.shard != "1/1":
            msg = "fresh would forget what other shards have stored; remove the folder of blocks before the first of them."
            raise ValueError(msg)
        if sum((self.distributed, self.shard != "1/1", self.dry_run)) > 1:
            msg = "distributed, shard and dry-run exclude one another; choose one."
            raise ValueError(msg)

    def run(
        self, study: str, trial: "Trial", design: "Design", key: "Key", *, block: int | None = None, **arguments: Any
    ) -> Any:
        """`ensembles.run` of the study of this name."""
        from jaxdl import ensembles

        return ensembles.run(trial, design, key, engine=self._engine(study, block), **arguments)

    def decompose(
        self, study: str, trial: "Trial", design: "Design", key: "Key", *, block: int | None = None, **arguments: Any
    ) -> Any:
        """`jaxdl.decompose` of the study of this name."""
        import jaxdl

        return jaxdl.decompose(trial, design, key, engine=self._engine(study, block), **arguments)

    def part(self, measure: "Callable[..., Mapping[str, Any]]", *arguments: Any) -> "Mapping[str, Any]":
        """The results of a part of an experiment that needs no other: `measure(*arguments)`."""
        return measure(*arguments)

    def _engine(self, study: str, block: int | None) -> "Engine":
        from jaxdl.ensembles import Engine

        run_folder.check_name(study)
        return Engine(block=block, progress=self.progress)


class PlannedError(RuntimeError):
    """A study of a dry run has been planned, and has no results."""


@dataclass(frozen=True)
class Execution(Options):
    """Options of an experiment that is being run: its studies are stored, shared or planned."""

    experiment: str = ""
    plans: list[tuple[str, "Plan"]] = dataclasses.field(default_factory=list)
    """The plan of each study of a dry run."""
    missing: list[str] = dataclasses.field(default_factory=list)
    """Why each part without results has none: it is planned only, or other shares are missing."""

    def run(
        self, study: str, trial: "Trial", design: "Design", key: "Key", *, block: int | None = None, **arguments: Any
    ) -> Any:
        """`ensembles.run` of the study of this name, or its plan.

        Raises:
            PlannedError: in a dry run.
        """
        if self.dry_run:
            self._plan(study, trial, design, key, block, arguments)
        return super().run(study, trial, design, key, block=block, **arguments)

    def decompose(
        self, study: str, trial: "Trial", design: "Design", key: "Key", *, block: int | None = None, **arguments: Any
    ) -> Any:
        """`jaxdl.decompose` of the study of this name, or its plan.

        Raises:
            PlannedError: in a dry run.
        """
        if self.dry_run:
            self._plan(study, trial, design, key, block, arguments)
        return super().decompose(study, trial, design, key, block=block, **arguments)

    def part(self, measure: "Callable[..., Mapping[str, Any]]", *arguments: Any) -> "Mapping[str, Any]":
        """The results of a part, or nothing where they cannot be had now; the next part then goes on."""
        from jaxdl.ensembles import UnfinishedStudyError

        try:
            return measure(*arguments)
        except (PlannedError, UnfinishedStudyError) as error:
            if not self.dry_run and self.shard == "1/1":
                raise
            self.missing.append(str(error))
            return {}

    def _plan(
        self,
        study: str,
        trial: "Trial",
        design: "Design",
        key: "Key",
        block: int | None,
        arguments: "Mapping[str, Any]",
    ) -> NoReturn:
        from jaxdl import ensembles

        of_study = {name: arguments[name] for name in ("settings", "inner") if name in arguments}
        plan = ensembles.plan(trial, design, key, engine=self._engine(study, block), **of_study)
        self.plans.append((study, plan))
        raise PlannedError(study)

    def _engine(self, study: str, block: int | None) -> "Engine":
        engine = super()._engine(study, block)
        if self.dry_run:
            return engine
        # Studies that differ (another seed, another network) get folders of their own; equal ones meet, whatever their size.
        store = self.out / self.experiment / "blocks" / f"{study}-{{identity}}"
        return dataclasses.replace(engine, store=store, fresh=self.fresh, shard=share_of(self.shard, "shard"))


def execution_of(options: Options, experiment: str) -> Execution:
    """The same options, for the studies of one experiment."""
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Options)}
    return Execution(**given, experiment=experiment)


def share_of(text: str, name: str) -> tuple[int, int]:
    """`"2/8"` as `(2, 8)`; raises ValueError for anything else."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    position, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= position <= count:
        msg = f"{name} is {text!r}; expected k/K with k from 1 to K, such as 2/8."
        raise ValueError(msg)
    return position, count
