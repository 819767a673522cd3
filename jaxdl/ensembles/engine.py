"""`Engine`: how a study is run. Nothing here changes what a run computes, but for the size of the block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax

from jaxdl.designs.layout import MOST_RUNS
from jaxdl.ensembles.devices import ensemble_devices
from jaxdl.ensembles.store import MOST_RUNS_IN_BLOCK
from jaxdl.kinds import as_count, check_flag
from jaxdl.paths import as_path

MEMORY_LIMIT = 2**30
PLATFORMS = ("cpu", "gpu", "tpu")
SHARES = "pass (k, K), k from 1 to K: (1, 3), (2, 3) and (3, 3) make a study of three shares"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How the runs of a study are computed and kept; taken by `run`, `stream`, `plan`, `decompose` and `triangulate`.

    Raises:
        ValueError: when a value is of the wrong kind, or two do not fit together.

    >>> Engine(block=16, progress=False).block
    16
    >>> Engine(shard=(1, 2))
    Traceback (most recent call last):
    ...
    ValueError: shard: got (1, 2) without a store, expected a folder where the shares meet; pass store=folder
    """

    block: int | Mapping[str, int] | None = None
    """Runs that are vectorised together; the last bits of a run depend on it. By default the store's, or 8 on CPUs and elsewhere
    what computes fastest when the study begins. All runs of a block wait for the slowest; 1 suits trials whose numbers of steps
    differ. `{"cpu": 64}` says it for CPUs alone: what suits a core leaves a GPU idle."""
    devices: Sequence[jax.Device] | None = None
    """By default all of them, those of other processes too when jax runs in several."""
    store: str | Path | None = None
    """A folder that keeps finished runs: the same call continues from them, and more levels or settings reuse them. The text
    "{identity}" in it becomes the study's identity, so that studies that differ get folders of their own."""
    shard: tuple[int, int] = (1, 1)
    """`(k, K)`: compute the k-th of K shares, k = 1, ..., K. Needs a store."""
    fresh: bool = False
    """Forget what the store holds."""
    memory_limit: int = MEMORY_LIMIT
    """Bytes of outputs that are kept in memory where all are kept at once; more go to a temporary file."""
    progress: bool = True
    """Show progress on standard error."""

    def __post_init__(self) -> None:
        for block in self.block.values() if isinstance(self.block, Mapping) else [self.block]:
            remedy = "memory is taken for a whole block, filled or not (the default, 8, suits CPUs)"
            if block is not None:
                as_count("block", block, high=MOST_RUNS_IN_BLOCK, remedy=remedy)
        if isinstance(self.block, Mapping) and not set(self.block) <= set(PLATFORMS):
            msg = f"block: got {dict(self.block)!r:.60}, expected platforms among {PLATFORMS}; pass {{'cpu': 64}}"
            raise ValueError(msg)
        if self.devices is not None:
            ensemble_devices(self.devices)
        if self.store is not None:
            as_path("store", self.store)
        as_count("memory_limit", self.memory_limit, low=0, remedy="pass a number of bytes")
        for flag in ("fresh", "progress"):
            check_flag(flag, getattr(self, flag))
        self._check_shard()

    def block_on(self, platform: str) -> int | None:
        """The block asked for on a platform, as jax names it; None where the engine chooses.

        >>> Engine(block={"cpu": 64}).block_on("cpu"), Engine(block={"cpu": 64}).block_on("gpu")
        (64, None)
        """
        block = self.block.get(platform) if isinstance(self.block, Mapping) else self.block
        return None if block is None else int(block)

    def _check_shard(self) -> None:
        shard = self.shard
        if not isinstance(shard, tuple | list) or len(shard) != 2:
            msg = f"shard: got {shard!r}, expected two whole numbers; {SHARES}"
            raise ValueError(msg)
        shares = as_count("shard", shard[1], what=f"{shard!r:.60} with K", high=MOST_RUNS, remedy=SHARES)
        as_count("shard", shard[0], what=f"{shard!r:.60} with k", high=shares, remedy=SHARES)
        if shares > 1 and self.store is None:
            msg = f"shard: got {shard} without a store, expected a folder where the shares meet; pass store=folder"
            raise ValueError(msg)
        if shares > 1 and self.fresh:
            msg = (
                f"shard: got {shard} with fresh=True, expected one of the two, as fresh would forget what other shares have "
                "stored; remove the folder before the first share"
            )
            raise ValueError(msg)


def check_engine(engine: Engine) -> None:
    """Refuse anything but an `Engine`."""
    if not isinstance(engine, Engine):
        msg = f"engine: got {engine!r:.60}, expected an Engine; pass ensembles.Engine(block=8, store=folder)"
        raise ValueError(msg)
