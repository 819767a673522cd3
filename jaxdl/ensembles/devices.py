"""The devices an ensemble runs on, and the one call that gives a process as many CPU devices as it has cores."""

import os
from collections.abc import Iterable, Sequence

import jax
import threadpoolctl

from jaxdl.kinds import as_count

MOST_DEVICES_PER_CORE = 32
"""Devices beyond the cores wait for one another, and each takes memory and threads: more than so many are a slip."""
GPUS = ("gpu", "cuda", "rocm")
"""As jax names their platform."""
LEVEL = "xla_backend_optimization_level"
DETERMINISTIC = "xla_gpu_deterministic_ops"


def use_cpu_devices(count: int | None = None) -> int:
    """Give this process `count` CPU devices, by default one for each core and at least two; returns the count.

    JAX sees all cores as one device, on which small networks use one core at a time. Call this once, at the top of a
    notebook or script, before the first computation: JAX fixes its devices then. The experiments' command line calls it.

    Several devices leave one thread to each call of BLAS and LAPACK, in NumPy too, from then on: beside the devices' own, more
    only wait for each other, and small decompositions take several times as long. `threadpoolctl.threadpool_limits` lifts that.

    Raises:
        ValueError: when `count` is no whole number from 1 to 32 for each core.
        RuntimeError: when JAX has fixed another number of devices already.

    >>> count = len(jax.devices("cpu"))             # in a script it comes first, and needs no number
    >>> use_cpu_devices(count) == count
    True
    """
    count = max(2, num_cores()) if count is None else count
    count = check_count(count)
    try:
        if jax.config.jax_num_cpu_devices != count:  # type: ignore[attr-defined]
            jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError as error:
        if jax.local_device_count("cpu") != count:  # else fixed already, by another option, to the same number
            msg = (
                f"cannot change to {count} CPU devices: this process has computed something with JAX already. Restart it (in "
                "a notebook, the kernel) and call use_cpu_devices() before anything else"
            )
            raise RuntimeError(msg) from error
    if count > 1:
        threadpoolctl.threadpool_limits(1, user_api="blas")
    return count


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_count(count: int) -> int:
    """The count, if it is a sensible number of CPU devices on this machine; raises ValueError otherwise."""
    cores = num_cores()
    remedy = f"{MOST_DEVICES_PER_CORE} for each of {cores} cores are the most; pass nothing for one per core"
    return as_count("devices", count, high=MOST_DEVICES_PER_CORE * cores, remedy=remedy)


def ensemble_devices(devices: Sequence[jax.Device] | None) -> tuple[jax.Device, ...]:
    """The given devices, or all of the default platform, those of other processes too."""
    if devices is None:
        return tuple(jax.devices())
    chosen = tuple(devices) if isinstance(devices, Iterable) else ()
    are_devices = all(isinstance(device, jax.Device) for device in chosen)
    if not chosen or not are_devices or len({(device.platform, device.id) for device in chosen}) < len(chosen):
        msg = f"devices: got {devices!r}, expected different devices out of jax.devices(); pass None for all of them"
        raise ValueError(msg)
    if len({device.platform for device in chosen}) > 1:
        msg = f"devices: got {chosen}, expected one kind of device, as another computes other last bits"
        raise ValueError(msg)
    return chosen


def compiler_options(devices: Sequence[jax.Device]) -> dict[str, int]:
    """Options for XLA besides its flags, which win where they name the same.

    On CPUs level 2 of LLVM's optimisation, unless jax chooses a level: level 3, XLA's own choice, compiles three times as long, and
    unrolls the loops over narrow layers into code that takes a tenth longer to run.

    On GPUs deterministic operations: XLA would else choose kernels by timing them, so that every process may get other bits, and
    would add in the order in which threads happen to finish.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if devices[0].platform in GPUS:
        return {} if DETERMINISTIC in flags else {DETERMINISTIC: True}
    is_free = LEVEL not in flags and not jax.config.read("jax_disable_most_optimizations")
    return {LEVEL: 2} if devices[0].platform == "cpu" and is_free else {}
