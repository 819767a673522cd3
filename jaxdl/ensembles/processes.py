"""Several processes with JAX's own engine: each computes the blocks of its devices, and the results are gathered once."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Bool, Shaped

from jaxdl.ensembles.store import Places


def in_several_processes(devices: Sequence[jax.Device]) -> bool:
    """Whether some of the devices belong to other processes."""
    return any(device.process_index != jax.process_index() for device in devices)


def of_all_processes(values: Bool[np.ndarray, " runs"]) -> Bool[np.ndarray, "processes runs"]:
    """What every process has; every process calls it with its own, and waits for the others."""
    return np.asarray(multihost_utils.process_allgather(values)).reshape(-1, len(values))


def joined(
    is_there: Bool[np.ndarray, "processes runs"],
    places: Places,
    records: Mapping[int, Sequence[Any]],
    shapes: Sequence[tuple[int, ...]],
    dtypes: Sequence[np.dtype],
) -> list[Shaped[np.ndarray, "runs ..."]]:
    """The leaves of all runs, each from the first process that holds it; every process gets the same."""
    owner = is_there.argmax(axis=0)
    leaves = []
    for number, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True)):
        own = np.zeros((len(places.record), *shape), dtype)
        for record, content in records.items():
            runs = np.flatnonzero(places.record == record)
            own[runs] = content[number][places.row[runs]]
        # As bytes: a gather of numbers would lose those that jax's default precision lacks.
        raw = own.reshape(len(own), -1).view(np.uint8)
        gathered = np.asarray(multihost_utils.process_allgather(raw))
        leaves.append(gathered[owner, np.arange(len(own))].view(dtype).reshape(own.shape))
    return leaves
