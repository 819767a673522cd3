"""The engine: trials over a design, in blocks over all devices, the same to the last bit wherever they run."""

from jaxdl.ensembles.devices import use_cpu_devices
from jaxdl.ensembles.diverged import DivergedRun, DivergedRunsError
from jaxdl.ensembles.engine import Engine
from jaxdl.ensembles.on_host import on_host
from jaxdl.ensembles.plan import Plan, plan
from jaxdl.ensembles.run import Runs, prepare, run
from jaxdl.ensembles.store import StoreError, merge
from jaxdl.ensembles.stream import Chunk, UnfinishedStudyError, stream

__all__ = [
    "Chunk",
    "DivergedRun",
    "DivergedRunsError",
    "Engine",
    "Plan",
    "Runs",
    "StoreError",
    "UnfinishedStudyError",
    "merge",
    "on_host",
    "plan",
    "prepare",
    "run",
    "stream",
    "use_cpu_devices",
]
