"""`python -m jaxdl doctor` reports what is installed, which devices there are, and whether known answers come out."""

import importlib.metadata
import os
import platform
import re
import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl import ensembles, truths
from jaxdl.ensembles.devices import compiler_options, num_cores

REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(?:\[.*\])?(?:>=(?P<oldest>[\d.]+))?[^;]*(?:;.*extra == \"(?P<extra>\w+)\")?"
)
"""One line of a package's metadata, such as `xarray>=2024.1; extra == "xarray"`."""
EXTRAS = ("experiments", "xarray", "test")
"""The extras in the report; the others are for people who work on jaxdl itself."""


class Requirement(NamedTuple):
    """A package that jaxdl needs, always or for one of its extras."""

    name: str
    oldest: str
    """The oldest version that will do; empty where any will."""
    extra: str
    """Empty where it is always needed."""

    @property
    def version(self) -> str | None:
        """The version installed, if it is and will do."""
        try:
            version = importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:
            return None
        return version if _numbers(version) >= _numbers(self.oldest) else None

    def __str__(self) -> str:
        return f"{self.name}>={self.oldest}" if self.oldest else self.name


class Finding(NamedTuple):
    """One line of the report; `remedy` is empty when there is nothing to do."""

    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.subject:14}{self.text}" + (f"\n{'':14}-> {self.remedy}" if self.remedy else "")


def examine() -> Iterator[Finding]:
    """All findings, in order; the last three are problems with exact answers, of a few seconds each."""
    yield from packages()
    present = list(devices())
    yield from present
    if not any(finding.remedy for finding in present):
        yield from known_answers()


def requirements() -> list[Requirement]:
    """The packages that jaxdl's metadata requires."""
    lines = importlib.metadata.requires("jaxdl") or []
    matches = [match for line in lines if (match := REQUIREMENT.match(line))]
    return [Requirement(**match.groupdict("")) for match in matches if match["name"] != "jaxdl"]


def packages() -> Iterator[Finding]:
    """The versions of what is installed, and what is missing or too old."""
    yield Finding("python", f"{platform.python_version()} on {platform.platform()}")
    needed = requirements()
    always = [each for each in needed if not each.extra]
    versions = ", ".join(f"{each.name} {each.version}" for each in always if each.version)
    missing = " ".join(f'"{each}"' for each in always if each.version is None)
    yield Finding(
        "packages",
        f"jaxdl {importlib.metadata.version('jaxdl')}, {versions}",
        f"pip install --upgrade {missing}" if missing else "",
    )
    for extra in EXTRAS:
        absent = [str(each) for each in needed if each.extra == extra and each.version is None]
        yield Finding(
            f"[{extra}]",
            f"without {', '.join(absent)}" if absent else "complete",
            f'pip install "jaxdl[{extra}]"' if absent else "",
        )


def devices() -> Iterator[Finding]:
    """The devices, the cores, and where compiled programs are kept."""
    try:
        present = jax.devices()
    except (RuntimeError, AssertionError) as error:
        asked = jax.config.jax_platforms  # type: ignore[attr-defined]
        yield Finding(
            "devices", f"none ({asked}: {error})", 'unset JAX_PLATFORMS, or pip install "jax[cuda13]" or "jax[tpu]"'
        )
        return
    yield Finding("devices", f"{len(present)} x {present[0].device_kind} ({present[0].platform}), {num_cores()} cores")
    if present[0].platform != "cpu":
        yield from arithmetic(" ".join(present[0].client.platform_version.split()))
    cache = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    yield Finding("compilations", f"kept in {cache}" if cache else "kept by the experiments only (~/.cache/jaxdl)")


def arithmetic(driver: str) -> Iterator[Finding]:
    """What an accelerator's numbers rest on: digits of products, bits that repeat, memory that others may want."""
    # With k bits after the first, a product of 1 + 2^-k is exact, and of 1 + 2^-(k+1) not.
    operands = 1 + 2.0 ** -jnp.arange(24, dtype=jnp.float32)
    products = jax.jit(lambda x: jax.vmap(lambda each: (each * jnp.eye(16)) @ jnp.eye(16))(x)[:, 0, 0])(operands)
    bits = int(jnp.sum(products == operands)) - 1
    coarse = "; curvature, truths and closed forms ask for all, networks train with these" if bits < 23 else ""
    yield Finding("precision", f"matrix products of float32 keep {bits} bits of 23 unless asked otherwise{coarse}")
    options = compiler_options(jax.devices())
    chosen = ", ".join(f"{name}={value}" for name, value in options.items()) or "the compiler's own choice"
    yield Finding("bits", f"{chosen}; a study's identity holds the driver, {driver}: gather where you computed")
    preallocates = os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "true").lower() not in ("false", "0")
    several = "one process takes most of it at once; for several on one device set XLA_PYTHON_CLIENT_PREALLOCATE=false"
    yield Finding("memory", several if preallocates else "taken as it is needed, so that processes can share a device")


def known_answers() -> Iterator[Finding]:
    """Whether the engine and the estimators return three exact values, each within 4 standard errors."""
    studies = (
        truths.sample_mean(num_runs=100),
        truths.ridge_regression(num_runs=100),
        truths.crossed_effects(num_data=16, num_inits=8),
    )
    for study, exact in studies:
        started = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            card = truths.certify([(study, exact)], jax.random.key(0), num_seeds=8)
        wrong = [row for row in card.rows if not row.passed]
        text = "; ".join(f"{row.term} is {row.estimate:.6f}, exactly {row.exact:.6f}" for row in wrong)
        yield Finding(
            "known answer",
            text or f"{study.name}: all {len(card.rows)} terms right, {time.monotonic() - started:.1f} s",
            "this machine computes wrong numbers with these versions: please report this output" if wrong else "",
        )


def main() -> int:
    """Print the report; returns 1 when something is to be done about more than an absent extra, else 0."""
    ensembles.use_cpu_devices()
    status = 0
    for finding in examine():
        print(finding, flush=True)
        status |= bool(finding.remedy) and not finding.subject.startswith("[")
    return status


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with, to be compared; of `0.10.2.dev3` they are 0, 10 and 2."""
    leading = re.match(r"[\d.]*", version)
    return tuple(int(part) for part in (leading[0] if leading else "").split(".") if part)
