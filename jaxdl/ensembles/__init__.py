"""The engine: trials over a design, in blocks over all devices, the same to the last bit wherever they run."""

from jaxdl.ensembles.collect import Runs, run
from jaxdl.ensembles.devices import use_cpu_devices
from jaxdl.ensembles.dispatch import Chunk, stream
from jaxdl.ensembles.diverged import DivergedRun, DivergedRunsError

__all__ = ["Chunk", "DivergedRun", "DivergedRunsError", "Runs", "run", "stream", "use_cpu_devices"]
