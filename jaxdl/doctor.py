"""`python -m jaxdl doctor`: what is installed, which devices there are, whether known answers come out, and what to do if not."""

import importlib.metadata
import importlib.util
import platform
import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import jax

from jaxdl import ensembles, truths
from jaxdl.ensembles.devices import num_cores

REQUIRED = ("jaxdl", "jax", "jaxlib", "flax", "optax", "chex", "numpy", "scipy", "jaxtyping", "rich", "threadpoolctl")
EXTRAS = {
    "experiments": ("tyro", "matplotlib", "sklearn"),
    "xarray": ("xarray",),
    "test": ("pytest", "xdist", "hypothesis", "beartype", "pandas"),
}
OLDEST_JAX = (0, 10)


class Finding(NamedTuple):
    """One line of the report; `remedy` is empty when there is nothing to do."""

    subject: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.subject:14}{self.found}" + (f"\n{'':14}-> {self.remedy}" if self.remedy else "")


def examine() -> Iterator[Finding]:
    """All findings, one after the other; the last three are problems with exact answers, of a few seconds each."""
    yield from packages()
    found = list(devices())
    yield from found
    if not any(finding.remedy for finding in found):
        yield from known_answers()


def packages() -> Iterator[Finding]:
    """Versions, and what is missing."""
    yield Finding("python", f"{platform.python_version()} on {platform.platform()}")
    versions = {name: _version(name) for name in REQUIRED}
    missing = [name for name, version in versions.items() if version is None]
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    remedy = f"pip install {' '.join(missing)}" if missing else ""
    if jax.__version_info__ < OLDEST_JAX:
        remedy = 'pip install --upgrade "jax>=0.10"'
    yield Finding("packages", told, remedy)
    for extra, modules in EXTRAS.items():
        absent = [module for module in modules if importlib.util.find_spec(module) is None]
        yield Finding(
            f"[{extra}]",
            f"without {', '.join(absent)}" if absent else "complete",
            f'pip install "jaxdl[{extra}]"' if absent else "",
        )


def devices() -> Iterator[Finding]:
    """The devices, the cores, and where compiled programs are kept."""
    try:
        found = jax.devices()
    except (RuntimeError, AssertionError) as error:
        asked = jax.config.jax_platforms  # type: ignore[attr-defined]
        yield Finding(
            "devices", f"none ({asked}: {error})", 'unset JAX_PLATFORMS, or pip install "jax[cuda13]" or "jax[tpu]"'
        )
        return
    told = f"{len(found)} x {found[0].device_kind} ({found[0].platform}), {num_cores()} cores"
    yield Finding("devices", told)
    cache = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    yield Finding("compilations", f"kept in {cache}" if cache else "kept by the experiments only (~/.cache/jaxdl)")


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
        told = "; ".join(f"{row.term} is {row.estimate:.6f}, exactly {row.exact:.6f}" for row in wrong)
        yield Finding(
            "known answer",
            told or f"{study.name}: all {len(card.rows)} terms right, {time.monotonic() - started:.1f} s",
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


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
