"""The processor as XLA's compiler sees it: the last bits of a run depend on the instructions that it may use."""

import functools
import os
import platform
import re
import subprocess
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
MODEL = (
    *("vendor_id", "cpu family", "model", "stepping"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "isa"),
)
"""What LLVM knows a processor by, on x86, ARM and RISC-V."""
ARITHMETIC = re.compile(r"(?:pni|s?sse|avx|fma|f16c|amx|bmi)\w*")
"""Matches x86's instructions for arithmetic; the kernel adds and drops others, which tell of its own doings."""


def processor() -> str:
    """The architecture, the model and its instructions for arithmetic, and the limit that `XLA_FLAGS` sets them."""
    limit = re.findall(r"--xla_cpu_max_isa=(\S+)", os.environ.get("XLA_FLAGS", ""))
    return " ".join([platform.machine(), *_model(), *(f"limit={word}" for word in limit[-1:])])


@functools.cache
def _model() -> tuple[str, ...]:
    try:
        words = described(CPUINFO.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        words = ()
    return words or (_name().replace(" ", "-"),)


def described(cpuinfo: str) -> tuple[str, ...]:
    """The words of Linux's description that decide the arithmetic, in order, over all cores.

    >>> described(chr(10).join(["model : 17", "flags : fpu avx2 fma", "model : 17"]))
    ('model=17', 'avx2', 'fma')
    """
    lines = {tuple(part.strip() for part in line.split(":", 1)) for line in cpuinfo.splitlines() if ":" in line}
    model = sorted(f"{name}={value}".replace(" ", "-") for name, value in lines if name in MODEL)
    x86 = {word for name, value in lines if name == "flags" for word in value.split() if ARITHMETIC.fullmatch(word)}
    arm = {word for name, value in lines if name == "Features" for word in value.split()}
    return (*model, *sorted(x86 | arm))


def _name() -> str:
    """The name of the processor on other systems."""
    if platform.system() != "Darwin":
        return platform.processor()
    asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return platform.processor()
