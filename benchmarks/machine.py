"""What a benchmark ran on."""

import os
import platform
from pathlib import Path


def processor() -> str:
    """Model and cores: `AMD EPYC, 2 cores`."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.processor() or platform.machine()
    return f"{name}, {num_cores()} cores"


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def banner(command: str, versions: dict[str, str]) -> str:
    """Machine, load, versions and command, in three lines."""
    listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"{processor()}; load average {load}\nPython {platform.python_version()}, {listed}\n$ {command}"
