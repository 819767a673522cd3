"""`Lab`: where a claim runs its studies. It knows sizes, keys, the store and the devices, so that a claim needs none of them."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

import jaxdl
from experiments.book.options import Options, share_of
from jaxdl import ensembles
from jaxdl.designs import Design
from jaxdl.designs.layout import MOST_RUNS
from jaxdl.ensembles import Engine, Plan, UnfinishedStudyError
from jaxdl.ensembles.study import trace_study
from jaxdl.types import Key, Trial


class PendingError(RuntimeError):
    """A study has no results yet: it is only planned, or other shares are missing."""


class Pending:
    """Stands in for the results of a study that are not there yet; any use of it raises PendingError.

    A claim that asks for all its studies before it uses one lets every share and every dry run reach all of them.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def _refuse(self, *_: Any) -> Any:
        raise PendingError(self.reason)

    __getattr__ = __getitem__ = __iter__ = __len__ = __or__ = __ror__ = _refuse


def on_cpus(block: int | None) -> dict[str, int] | None:
    """A claim's block for `Engine`: it was chosen on CPUs, and elsewhere the engine chooses.

    >>> on_cpus(64)
    {'cpu': 64}
    """
    return None if block is None else {"cpu": block}


@dataclass(frozen=True)
class Lab:
    """Runs the studies of one claim.

    A study's random numbers depend on the seed, the chapter and its name alone, so that claims of a chapter that ask for the same
    study find each other's runs, and a new study changes no other. `lab["runs"]` is the size of that name.
    """

    chapter: str
    sizes: Mapping[str, Any]
    options: Options = field(default_factory=lambda: Options(progress=False))
    plans: dict[str, Plan] = field(default_factory=dict)
    """Of each study in a dry run."""
    missing: list[str] = field(default_factory=list)
    """Why studies have no results, in a dry run or a share."""
    forgotten: set[Any] = field(default_factory=set)
    """Stores that `fresh` has emptied already."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.sizes:
            msg = f"size: got {name!r}, expected one of {', '.join(self.sizes)}; add it to SIZES"
            raise KeyError(msg)
        return self.sizes[name]

    def key(self, study: str) -> Key:
        """The root key of a study: `fold_in(key(seed), crc32("chapter/study"))`."""
        return jax.random.fold_in(jax.random.key(self["seed"]), np.uint32(self._code(study)))

    def generator(self, name: str) -> np.random.Generator:
        """NumPy's random numbers, for what a claim draws on the host."""
        return np.random.default_rng([self["seed"], self._code(name)])

    def decompose(self, study: str, trial: Trial, design: Design, *, block: int | None = None, **arguments: Any) -> Any:
        """`jaxdl.decompose` of the study of this name, with its key and its store; the block is one for CPUs."""
        return self._results(jaxdl.decompose, study, trial, design, block, arguments)

    def run(self, study: str, trial: Trial, design: Design, *, block: int | None = None, **arguments: Any) -> Any:
        """`ensembles.run` of the study of this name, with its key and its store."""
        return self._results(ensembles.run, study, trial, design, block, arguments)

    def _results(
        self, function: Any, study: str, trial: Trial, design: Design, block: int | None, arguments: dict[str, Any]
    ) -> Any:
        key, options = self.key(study), self.options
        of_study: Any = {name: arguments.get(name, usual) for name, usual in (("settings", None), ("inner", ()))}
        if options.dry_run:
            engine = Engine(block=on_cpus(block), progress=False)
            self.plans[f"{self.chapter}/{study}"] = ensembles.plan(trial, design, key, engine=engine, **of_study)
            return self._pending(f"{study} is planned only")
        engine = self._engine(study, block)
        if options.fresh and engine.store is not None:
            store = trace_study(trial, design, key, of_study["settings"], of_study["inner"], engine).store
            engine = self._engine(study, block, fresh=store not in self.forgotten)
            self.forgotten.add(store)
        try:
            return function(trial, design, key, engine=engine, strict=options.strict, **arguments)
        except UnfinishedStudyError as error:
            if options.judge:
                msg = f"{study}: got no stored runs for it, or not all, expected those of an earlier run; leave out --judge, "
                msg += "or give --fresh in its place where the trial has changed since"
                raise PendingError(msg) from error
            if options.shard == "1/1":
                raise
            return self._pending(f"{study}: {error}")

    def _engine(self, study: str, block: int | None, *, fresh: bool = False) -> Engine:
        options = self.options
        if options.out is None:
            return Engine(block=on_cpus(block), progress=options.progress)
        # The last of as many shares as there can be runs owns none, so that stored runs are read and no others made.
        shard = (MOST_RUNS, MOST_RUNS) if options.judge else share_of("shard", options.shard)
        store = options.out / "blocks" / self.chapter / f"{study}-{{identity}}"
        return Engine(block=on_cpus(block), store=store, fresh=fresh, shard=shard, progress=options.progress)

    def _pending(self, reason: str) -> Pending:
        self.missing.append(reason)
        return Pending(reason)

    def _code(self, study: str) -> int:
        return zlib.crc32(f"{self.chapter}/{study}".encode())
