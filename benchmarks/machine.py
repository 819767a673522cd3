"""What a benchmark ran on."""

import os
import platform
from pathlib import Path

VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "asimd": "NEON"}
"""Flags of processors by the vector instructions they stand for, the widest first."""


def processor() -> str:
    """Model, vector instructions and cores: `AMD EPYC, AVX2, 2 cores`."""
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.exists() else ""
    name = (_values(text, "model name") or [platform.processor() or platform.machine()])[0]
    return ", ".join(part for part in (name, instruction_set(text), f"{num_cores()} cores") if part)


def instruction_set(information: str) -> str:
    """The widest vector instructions that the text of /proc/cpuinfo names, or nothing.

    >>> instruction_set("flags : fpu sse2 avx avx2")
    'AVX2'
    """
    flags = " ".join(_values(information, "flags") + _values(information, "Features")).split()
    return next((vectors for flag, vectors in VECTORS.items() if flag in flags), "")


def _values(information: str, name: str) -> list[str]:
    lines = (line.partition(":") for line in information.splitlines())
    return [value.strip() for key, _, value in lines if key.strip() == name]


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def banner(command: str, versions: dict[str, str]) -> str:
    """Machine, load, versions and command, in three lines."""
    listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"{processor()}; load average {load}\nPython {platform.python_version()}, {listed}\n$ {command}"
