"""What jax must know before it computes anything: its devices, its cache of compiled programs, and the other processes."""

import os
import sys
from pathlib import Path

from experiments.book.options import Options, share_of


class CannotRunError(Exception):
    """Why a claim cannot be run here, in one line."""


def set_up_jax(options: Options) -> None:
    """Give jax its devices, before its backend starts, a compilation cache that outlives the process, and its peers.

    Raises CannotRunError when the wanted kind of device is missing, or the peers are.
    """
    import jax

    from jaxdl import ensembles

    if options.device is not None:
        jax.config.update("jax_platforms", "cuda" if options.device == "gpu" else options.device)
    if options.device in (None, "cpu"):
        ensembles.use_cpu_devices(options.devices)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(cache / "jaxdl"))
    # A dry run reads the cache and leaves it as it is.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9 if options.dry_run else 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    try:
        if options.distributed:
            join_processes(options)
    except (RuntimeError, ValueError) as error:
        msg = f"error: cannot join the other processes: {error}"
        raise CannotRunError(msg) from error
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # jax asserts that a plug-in is there
        extra = {"gpu": "cuda13", "tpu": "tpu"}.get(options.device or "")
        cause = f" ({str(error).splitlines()[0]})" if str(error) else ""
        remedy = (
            f'no {options.device} found: pip install "jax[{extra}]", or --device cpu' if extra else "error: no device"
        )
        raise CannotRunError(remedy + cause) from error


def join_processes(options: Options) -> None:
    """Connect this process to the others of its job; the first one listens on a port, without a password."""
    import jax

    if options.coordinator is None:
        jax.distributed.initialize()
    else:
        position, count = share_of("process", options.process or "")
        jax.distributed.initialize(options.coordinator, num_processes=count, process_id=position - 1)
    if jax.process_index() == 0:
        print(f"{jax.process_count()} processes, {jax.device_count()} devices", file=sys.stderr)
