"""Fits per second of small networks: jaxdl beside PyTorch, scikit-learn with mlxtend, plain JAX, and the machine's peak.

    python -m benchmarks.fits            # about ten minutes on two cores
    python -m benchmarks.fits --quick    # about one: two rounds at H = 16

Every contestant trains 64-H-H-10 on bootstrap samples of 512 digits, 300 steps of Adam on minibatches of 64, and predicts
500 others. Each runs in a process of its own and compiles outside the clock. In every round all take their turn, and a ratio
is the median, over rounds, of ratios within one round.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.machine import banner, num_cores
from benchmarks.problem import flops_per_fit
from benchmarks.worker import Worker

WIDTHS = (16, 32, 128)


class Contestant(NamedTuple):
    """`module` runs with `threads`, and makes a `share` of the fits that jaxdl makes in a round."""

    label: str
    module: str
    threads: int
    share: float = 1.0
    same_law: bool = True
    """Whether initial weights and minibatches have the law of ours."""


OURS = Contestant("jaxdl.ensembles.run", "benchmarks.jaxdl_run", num_cores())
DECOMPOSE = Contestant("jaxdl.decompose", "benchmarks.jaxdl_decompose", num_cores())
PLAIN = Contestant("jit(vmap(fit))", "benchmarks.jax_vmap", num_cores())


def peers() -> tuple[Contestant, ...]:
    """Each with one thread and with all cores; its better counts."""
    return tuple(
        Contestant(f"{label}, {threads} thread{'s' if threads > 1 else ''}", module, threads, share, same_law)
        for label, module, share, same_law in (
            ("PyTorch loop", "benchmarks.torch_loop", 1 / 64, True),
            ("torch.func.vmap", "benchmarks.torch_vmap", 1, True),
            ("mlxtend, scikit-learn", "benchmarks.mlxtend_decomposition", 1 / 64, False),
        )
        for threads in sorted({1, num_cores()})
    )


@dataclass(frozen=True)
class Row:
    """One contestant at one width, over all rounds."""

    label: str
    fits_per_second: float
    gigaflops: float
    accuracy: float
    accuracy_error: float
    accuracy_agrees: bool
    ratio: float
    """Ours over this one."""
    smallest_ratio: float
    largest_ratio: float
    ratio_at_peak: float
    """What the ratio would be if we ran at the machine's matrix-product peak."""


def summarise(
    contestants: Sequence[Contestant], rates: Mapping[str, Sequence[float]], accuracies: Mapping[str, Sequence[float]],
    peaks: Sequence[float], flops: int,
) -> list[Row]:  # fmt: skip
    """A row for each contestant from its fits per second in each round, its fits' accuracies, and the peak in GFLOP/s.

    A contestant that sat out has the first rounds alone.
    """
    rows = []
    for contestant in contestants:
        theirs = np.array(rates[contestant.label])
        ours, peak = (np.array(each[: len(theirs)]) for each in (rates[OURS.label], peaks))
        values = np.array(accuracies[contestant.label])
        rows.append(
            Row(
                contestant.label,
                fits_per_second=float(np.median(theirs)),
                gigaflops=float(np.median(theirs)) * flops / 1e9,
                accuracy=float(values.mean()) if values.size else float("nan"),
                accuracy_error=float(values.std(ddof=1) / values.size**0.5) if values.size else float("nan"),
                accuracy_agrees=agree(np.array(accuracies[OURS.label]), values, contestant.same_law),
                ratio=float(np.median(ours / theirs)),
                smallest_ratio=float((ours / theirs).min()),
                largest_ratio=float((ours / theirs).max()),
                ratio_at_peak=float(np.median(peak * 1e9 / flops / theirs)),
            )
        )
    return rows


def agree(ours: np.ndarray, theirs: np.ndarray, same_law: bool) -> bool:
    """Whether mean accuracies differ by at most 4 standard errors.

    Where the law of initial weights or of minibatches differs, the means do too: there, by two standard deviations of single
    fits besides. A contestant that tells no accuracies is not judged.
    """
    if not theirs.size:
        return True
    standard_error = (ours.var(ddof=1) / ours.size + theirs.var(ddof=1) / theirs.size) ** 0.5
    allowance = 0.0 if same_law else 2 * ours.std(ddof=1)
    return bool(abs(ours.mean() - theirs.mean()) <= 4 * standard_error + allowance)


def table(rows: Sequence[Row]) -> str:
    """Text, one line for each row."""
    lines = [
        f"{'':34}{'fits/s':>9}{'GFLOP/s':>9}{'accuracy':>18}{'ours / it':>11}{'(range)':>17}{'at peak':>9}",
    ]
    for row in rows:
        accuracy = f"{row.accuracy:.4f} ± {row.accuracy_error:.4f}" if row.accuracy == row.accuracy else "-"
        spread = f"({row.smallest_ratio:.3g} to {row.largest_ratio:.3g})"
        mark = "" if row.accuracy_agrees else "  ACCURACY DIFFERS"
        lines.append(
            f"{row.label:34}{row.fits_per_second:9.2f}{row.gigaflops:9.2f}{accuracy:>18}{row.ratio:11.2f}{spread:>17}"
            f"{row.ratio_at_peak:9.2f}{mark}"
        )
    return "\n".join(lines)


def measure(width: int, fits: int, rounds: int, contestants: Sequence[Contestant]) -> tuple[list[Row], dict]:
    """Start all workers, let them take turns, and return the table's rows and all that was measured."""
    counts = {each.label: max(2, round(fits * each.share)) for each in contestants}
    workers = {
        each.label: Worker(
            each.module, ["--width", str(width), "--fits", str(counts[each.label]), "--threads", str(each.threads)]
        )
        for each in contestants
    }
    peak = Worker("benchmarks.peak")
    rates: dict[str, list[float]] = {label: [] for label in workers}
    accuracies: dict[str, list[float]] = {label: [] for label in workers}
    peaks: list[dict[str, float]] = []
    for index in range(rounds):
        peaks.append(peak.measure(index))
        # Each round begins with another contestant, so that none always follows the same one.
        taking_part = [each.label for each in contestants if not (index and sits_out(each, contestants, rates))]
        for label in np.roll(taking_part, -index).tolist():
            answer = workers[label].measure(index + 1)
            rates[label].append(counts[label] / answer["seconds"])
            accuracies[label] += answer["accuracies"]
        print(f"  H = {width}, round {index + 1} of {rounds}", end="\r", file=sys.stderr, flush=True)
    for worker in (*workers.values(), peak):
        worker.close()
    best_peaks = [max(each.values()) for each in peaks]
    rows = summarise(contestants, rates, accuracies, best_peaks, flops_per_fit(width))
    versions = {name: version for worker in workers.values() for name, version in worker.versions.items()}
    raw = {"width": width, "fits": counts, "fits_per_second": rates, "accuracies": accuracies, "peaks": peaks}
    return rows, {
        **raw,
        "peak": float(np.median(best_peaks)),
        "versions": versions,
        "rows": [asdict(row) for row in rows],
    }


def sits_out(contestant: Contestant, contestants: Sequence[Contestant], rates: Mapping[str, Sequence[float]]) -> bool:
    """Whether the first round showed that another number of threads suits this library three times better.

    Two threads that wait for each other on a busy machine can take minutes for what one does in a second.
    """
    first = rates[contestant.label][0]
    return any(each.module == contestant.module and rates[each.label][0] > 3 * first for each in contestants)


def better_of(rows: Sequence[Row], contestants: Sequence[Contestant]) -> list[Row]:
    """Of a peer's rows, which differ in threads alone, the fastest."""
    best: dict[str, Row] = {}
    for row, contestant in zip(rows, contestants, strict=True):
        if contestant.module not in best or row.fits_per_second > best[contestant.module].fits_per_second:
            best[contestant.module] = row
    return list(best.values())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=list(WIDTHS), help="hidden widths H")
    parser.add_argument("--rounds", type=int, default=5, help="turns that every contestant takes")
    parser.add_argument(
        "--fits", type=int, default=512, help="fits in a round, a quarter of them beyond H = 32; loops make a 64th"
    )
    parser.add_argument("--quick", action="store_true", help="H = 16, two rounds of 64 fits")
    parser.add_argument("--json", type=Path, help="where to write all measurements")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.widths, chosen.rounds, chosen.fits = [16], 2, 64

    command = " ".join(["python -m benchmarks.fits", *(sys.argv[1:] if arguments is None else arguments)])
    contestants = (OURS, DECOMPOSE, PLAIN, *peers())
    results = []
    for width in chosen.widths:
        fits = chosen.fits if width <= 32 else max(16, chosen.fits // 4)
        rows, raw = measure(width, fits, chosen.rounds, contestants)
        if not results:
            print(banner(command, raw["versions"]))
            print("medians over rounds; at peak: the ratio that 100 % of the matrix-product peak would give\n")
        print(
            f"H = {width}: {flops_per_fit(width) / 1e6:.0f} Mflop per fit; matrix-product peak {raw['peak']:.1f} GFLOP/s"
        )
        print(table(better_of(rows, contestants)), end="\n\n", flush=True)
        results.append(raw)
    if chosen.json:
        record = {
            "command": command,
            "load_average": os.getloadavg(),
            "banner": banner(command, results[0]["versions"]),
        }
        chosen.json.write_text(json.dumps({**record, "widths": results}, indent=1))
    return 0 if all(row["accuracy_agrees"] for raw in results for row in raw["rows"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
