"""What a run was made with: code, versions, devices, settings of the environment, time, and the hash of its results."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGES = ("jaxdl", "jax", "jaxlib", "flax", "optax", "numpy", "matplotlib", "scikit-learn")
FLAGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_threefry_partitionable", "jax_debug_nans")
CHECKOUT = Path(__file__).resolve().parents[2]


def describe_machine() -> dict[str, Any]:
    """The code, versions, devices and precision a run is about to use; starts jax's backend."""
    import jax

    devices = jax.local_devices()
    return {
        "git": git_state(CHECKOUT),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": {
            "kind": devices[0].device_kind,
            "count": len(devices),
            "process": jax.process_index(),
            "processes": jax.process_count(),
        },
        "flags": {name: str(getattr(jax.config, name)) for name in FLAGS},
        "dtype": "float64" if jax.config.read("jax_enable_x64") else "float32",
        "environment": environment(os.environ),
    }


def describe_run(command: str, seconds: float) -> dict[str, Any]:
    """What is known once the results are there."""
    return {
        "command": command,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
    }


def environment(variables: Any) -> dict[str, str]:
    """The variables that can change numbers or speed, and no others: the environment may hold secrets."""
    named = {"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "NPROC"}
    return {name: variables[name] for name in sorted(variables) if name in named or name.startswith(("JAX_", "XLA_"))}


def git_state(checkout: Path) -> dict[str, Any] | None:
    """The commit, and whether files differ from it; None outside a git checkout, or without git or a commit."""
    if not (checkout / ".git").exists():  # an installed copy inside somebody else's checkout must not borrow its commit
        return None
    try:
        commit, changes = (
            subprocess.run(["git", *command], cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()
            for command in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
