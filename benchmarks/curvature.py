"""What curvature costs: ratios of times within one run, and agreement with curvlinops.

    python -m benchmarks.curvature            # some minutes on two cores
    python -m benchmarks.curvature --only "a Hessian product"

Both sides of a comparison run in processes of their own, compiled outside the clock, and take turns; a ratio is the median
over rounds of ratios within one round. A side whose library is not installed is said to be missing.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.machine import banner
from benchmarks.worker import Worker

PARITY = 1e-12


class Comparison(NamedTuple):
    """The time of one contestant over that of another, by their names in `curvature_contestants`."""

    label: str
    above: str
    below: str
    at_most: float | None = None
    at_least: float | None = None

    def meets(self, ratio: float) -> bool:
        """Whether a ratio is what the project aims for."""
        return (self.at_most is None or ratio <= self.at_most) and (self.at_least is None or ratio >= self.at_least)

    @property
    def aim(self) -> str:
        """In words."""
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"


COMPARISONS = (
    Comparison("a Hessian product / a gradient", "products", "gradients", at_most=1.6),
    Comparison("products in chunks / whole", "chunked_products", "whole_products", at_most=1.4),
    Comparison("60 Lanczos steps / by matfree", "lanczos", "lanczos_matfree", at_most=1.0),
    Comparison("top 5 by curvlinops, SciPy / by us", "top_five_curvlinops", "top_five", at_least=2.0),
    Comparison("64 spectra by jit(vmap) / by the engine", "spectra_vmapped", "spectra", at_least=2.0),
    Comparison("training with sharpness / alone", "training_tracked", "training_alone", at_most=1.3),
)
MEMORY_SHARE = 1 / 6
ORTHOGONALITY = 10
"""Our basis may be this many times as far from orthonormal as matfree's."""
RESIDUAL = 1e-5
"""Largest one of both sides, relative to the norm: what the contestants are asked for."""


class Measured(NamedTuple):
    """A comparison over all rounds."""

    comparison: Comparison
    above: list[float]
    below: list[float]
    facts: dict[str, dict[str, Any]]

    @property
    def ratios(self) -> np.ndarray:
        """Within each round."""
        return np.array(self.above) / np.array(self.below)

    @property
    def ratio(self) -> float:
        """The median over rounds."""
        return float(np.median(self.ratios))

    def __str__(self) -> str:
        ratios, comparison = self.ratios, self.comparison
        spread = f"({ratios.min():.2f} to {ratios.max():.2f})"
        seconds = f"{np.median(self.above):.3f} s / {np.median(self.below):.3f} s"
        verdict = _verdict(comparison.meets(self.ratio))
        return f"{comparison.label:42}{self.ratio:7.2f} {spread:>18}  {seconds:22}{comparison.aim:>14}  {verdict}"


def measure(comparison: Comparison, rounds: int) -> tuple[Measured, dict[str, str]]:
    """Let both take turns; the first of a round alternates."""
    names = (comparison.above, comparison.below)
    workers = {name: Worker("benchmarks.curvature_contestants", [name]) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    facts: dict[str, dict[str, Any]] = {}
    for index in range(rounds):
        for name in names[:: 1 if index % 2 else -1]:
            told = workers[name].measure(index)
            seconds[name].append(told["seconds"])
            facts[name] = told["facts"]
    for worker in workers.values():
        worker.close()
    versions = {name: version for worker in workers.values() for name, version in worker.versions.items()}
    return Measured(comparison, seconds[names[0]], seconds[names[1]], facts), versions


def details(measured: Measured) -> tuple[list[str], bool]:
    """What else is known of a comparison, in lines, and whether that is as the project aims for."""
    above, below = (measured.facts[name] for name in (measured.comparison.above, measured.comparison.below))
    if measured.comparison.above == "chunked_products":
        share = above["mebibytes"] / below["mebibytes"]
        is_met = share <= MEMORY_SHARE
        return [
            f"  memory {above['mebibytes']:.1f} MiB / {below['mebibytes']:.1f} MiB = 1 / {1 / share:.1f}, "
            f"at most 1 / {1 / MEMORY_SHARE:g}: {_verdict(is_met)}"
        ], is_met
    if "orthogonality" in above:
        is_met = above["orthogonality"] <= ORTHOGONALITY * below["orthogonality"]
        return [
            f"  largest entry of QQᵀ - I: {above['orthogonality']:.1e} and {below['orthogonality']:.1e}, at most "
            f"{ORTHOGONALITY} times as large: {_verdict(is_met)}"
        ], is_met
    if "residual" in above:
        off = np.abs(np.array(above["values"]) - below["values"]).max() / max(below["values"])
        is_met = bool(max(above["residual"], below["residual"], off / 2) <= RESIDUAL)
        return [
            f"  residuals {above['residual']:.1e} and {below['residual']:.1e} of the norm, {below['products']} products of "
            f"ours; values differ by {off:.1e}; at most {RESIDUAL:g} each, and twice that between them: {_verdict(is_met)}"
        ], is_met
    return [], True


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def parity() -> tuple[list[str], bool, dict[str, str]]:
    """Our products against those of curvlinops, on the same weights and uneven batches."""
    worker = Worker("benchmarks.curvature_contestants", ["parity"])
    differences = worker.measure(0)["facts"]
    worker.close()
    is_met = all(difference <= PARITY for difference in differences.values())
    lines = [f"agreement with curvlinops, uneven batches, float64: {_verdict(is_met)}, at most {PARITY:g}"]
    return [*lines, *(f"  {name}: {off:.1e}" for name, off in differences.items())], is_met, worker.versions


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11, help="turns of each side")
    parser.add_argument("--only", default="", help="comparisons whose label contains this")
    parser.add_argument("--json", type=Path, help="where to write all measurements")
    chosen = parser.parse_args(arguments)
    command = " ".join(["python -m benchmarks.curvature", *(sys.argv[1:] if arguments is None else arguments)])
    versions: dict[str, str] = {}
    lines, record, is_met = [], [], True
    for comparison in COMPARISONS:
        if chosen.only not in comparison.label:
            continue
        print(f"  {comparison.label}", file=sys.stderr, flush=True)
        try:
            measured, found = measure(comparison, chosen.rounds)
        except RuntimeError as error:
            lines.append(f"{comparison.label:42} missing: {error}")
            continue
        versions |= found
        more, is_as_aimed = details(measured)
        lines += [str(measured), *more]
        is_met = is_met and comparison.meets(measured.ratio) and is_as_aimed
        record.append({**measured._asdict(), "comparison": comparison._asdict()})
    if not chosen.only:
        try:
            told, agrees, found = parity()
            versions |= found
            is_met = is_met and agrees
            lines += told
        except RuntimeError as error:
            lines.append(f"agreement with curvlinops: missing: {error}")
    told_first = banner(command, versions)
    print(told_first + "\nmedians over rounds of ratios within a round\n\n" + "\n".join(lines))
    if chosen.json:
        chosen.json.write_text(json.dumps({"banner": told_first, "comparisons": record, "lines": lines}, indent=1))
    return 0 if is_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
