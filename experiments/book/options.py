"""How claims are run: options that change no result."""

import re
from dataclasses import dataclass
from pathlib import Path

DEVICES = ("cpu", "gpu", "tpu")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where and how claims are run; raises ValueError for options that exclude one another."""

    out: Path | None = None
    """Folder of results and finished runs; None keeps nothing."""
    fresh: bool = False
    device: str | None = None
    devices: int | None = None
    shard: str = "1/1"
    dry_run: bool = False
    judge: bool = False
    """Read stored runs, compute none."""
    distributed: bool = False
    coordinator: str | None = None
    process: str | None = None
    progress: bool = True
    strict: bool = False

    def __post_init__(self) -> None:
        if self.devices is not None and not 1 <= self.devices <= 1024:
            msg = f"devices: got {self.devices}, expected 1 to 1024; leave it out for one per core"
            raise ValueError(msg)
        if self.devices is not None and self.device not in (None, "cpu"):
            msg = f"devices: got {self.devices} with {self.device}, expected CPUs; CUDA_VISIBLE_DEVICES and its like choose others"
            raise ValueError(msg)
        share_of("shard", self.shard)
        if (self.coordinator is None) != (self.process is None):
            msg = "coordinator, process: got one of them, expected both or none; pass --coordinator HOST:PORT --process k/K"
            raise ValueError(msg)
        if self.process is not None:
            share_of("process", self.process)
        if self.coordinator is not None and not self.distributed:
            msg = "coordinator: got one for a single process, expected several; add --distributed"
            raise ValueError(msg)
        if self.fresh and (self.shard != "1/1" or self.judge):
            msg = "fresh: got it with --shard or --judge, whose stored runs it would forget; remove the folder of blocks instead"
            raise ValueError(msg)
        if sum((self.distributed, self.shard != "1/1", self.dry_run, self.judge)) > 1:
            msg = "distributed, shard, dry-run, judge: got several, expected one of them at most"
            raise ValueError(msg)


def share_of(name: str, text: str) -> tuple[int, int]:
    """`"2/8"` as `(2, 8)`; raises ValueError for anything else."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    position, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= position <= count:
        msg = f"{name}: got {text!r:.40}, expected k/K with k from 1 to K, such as 2/8"
        raise ValueError(msg)
    return position, count
