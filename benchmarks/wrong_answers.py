"""A gallery of wrong answers: eigenvalues of operators with known spectra, in float32, by every tool there is.

    python -m benchmarks.wrong_answers             # some minutes; a tool that is not installed is said to be missing
    python -m benchmarks.wrong_answers --values    # what was returned, too

An eigenvalue is wrong when it is farther than 1e-4 of the norm from what it claims to be, the i-th from its end of the
spectrum, and falsely certified when the tool says, by a flag or by stopping, that it has converged. Each tool has the
same few random starts.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from benchmarks.eigenvalue_tools import Found, Tool, tools
from benchmarks.machine import banner
from benchmarks.torture import SIZE, Case, cases

LIMIT = 1e-4
"""Relative to the norm: an eigenvalue farther off is wrong."""


@dataclass(frozen=True)
class Verdict:
    """One tool on one case, over all starts."""

    case: str
    tool: str
    num_asked: int = 0
    num_returned: int = 0
    num_wrong: int = 0
    num_falsely_certified: int | None = None
    """`None`: the tool certifies nothing."""
    worst: float = 0.0
    """The largest error, relative to the norm."""
    errors: tuple[str, ...] = ()
    """What was raised, for each start that raised."""
    values: tuple[tuple[float, ...], ...] = ()
    """What was returned, for each start that returned."""

    def __str__(self) -> str:
        parts = []
        if self.errors:
            raised = ", ".join(sorted({error.partition(":")[0] for error in self.errors}))
            parts.append(raised + (f" ({len(self.errors)}×)" if self.values else ""))
        if self.num_returned < self.num_asked:
            parts.append(f"{self.num_returned} of {self.num_asked} returned")
        if self.num_wrong:
            by = "NaN" if np.isnan(self.worst) else f"{self.worst:.0e}".replace("e-0", "e-").replace("e+0", "e+")
            parts.append(f"**{self.num_wrong} wrong**, by up to {by}")
        elif self.num_returned:
            parts.append("right")
        if self.num_falsely_certified:
            parts.append(f"**{self.num_falsely_certified} falsely certified**")
        return "; ".join(parts)


def judge(case: Case, tool: Tool, seeds: Sequence[int]) -> Verdict:
    """Ask a tool from each start, and compare; raises ImportError where it is not installed."""
    found: list[Found] = []
    errors = []
    for seed in seeds:
        try:
            found.append(tool.solve(case, seed))
        except ImportError:
            raise
        except Exception as error:  # whatever a tool raises is its answer
            errors.append(f"{type(error).__name__}: {error}".splitlines()[0])
    off = [np.abs(each.values - each.exact) / case.scale for each in found]
    wrong = [~(each <= LIMIT) for each in off]  # NaN is wrong
    flags = [each.certified for each in found]
    certifies = any(flag is not None for flag in flags)
    return Verdict(
        case.name,
        tool.label,
        num_asked=sum(each.num_asked for each in found),
        num_returned=sum(each.values.size for each in found),
        num_wrong=int(sum(each.sum() for each in wrong)),
        num_falsely_certified=int(sum((w & f).sum() for w, f in zip(wrong, flags, strict=True) if f is not None))
        if certifies
        else None,
        worst=float(np.max(np.concatenate(off))) if found else 0.0,
        errors=tuple(errors),
        values=tuple(tuple(each.values.tolist()) for each in found),
    )


def gallery(
    asked: Sequence[Tool], among: Sequence[Case], seeds: Sequence[int]
) -> tuple[list[list[Verdict]], list[str]]:
    """The verdicts of each tool that is there, and a line for each that is not."""
    columns, missing = [], []
    for tool in asked:
        try:
            columns.append([judge(case, tool, seeds) for case in among])
        except ImportError as error:
            missing.append(f"missing: {tool.label} ({error})")
        print(f"  {tool.label}", end="\r", file=sys.stderr, flush=True)
    return columns, missing


def table(columns: Sequence[Sequence[Verdict]]) -> str:
    """Markdown: a row for each case, a column for each tool, and a last row of totals."""
    lines = ["| | " + " | ".join(column[0].tool for column in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in zip(*columns, strict=True):
        lines.append(f"| {row[0].case} | " + " | ".join(map(str, row)) + " |")
    lines.append("| all | " + " | ".join(map(totals, columns)) + " |")
    return "\n".join(lines)


def totals(column: Sequence[Verdict]) -> str:
    """Of one tool."""
    returned, wrong = (sum(getattr(each, name) for each in column) for name in ("num_returned", "num_wrong"))
    certified = [each.num_falsely_certified for each in column]
    says = "certifies nothing" if not any(each is not None for each in certified) else (
        f"{sum(filter(None, certified))} falsely certified"
    )  # fmt: skip
    raised = sum(len(each.errors) for each in column)
    return f"{wrong} of {returned} wrong; {says}" + (f"; raised {raised}×" if raised else "")


def versions(asked: Sequence[Tool]) -> dict[str, str]:
    """Of the packages that are installed."""
    found = {}
    for name in {name for tool in asked for name in tool.packages}:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=SIZE, help="dimension of the operators")
    parser.add_argument("--starts", type=int, default=3, help="random starts")
    parser.add_argument("--values", action="store_true", help="print what was returned from the first start")
    parser.add_argument("--json", type=Path, help="where to write all that was returned")
    chosen = parser.parse_args(arguments)
    command = " ".join(["python -m benchmarks.wrong_answers", *(sys.argv[1:] if arguments is None else arguments)])
    asked, among = tools(), cases(chosen.size)
    told = banner(command, versions(asked))
    columns, missing = gallery(asked, among, range(chosen.starts))
    print(told, end="\n\n")
    print("\n".join([table(columns), "", *(f"{tool.label}: {tool.settings}" for tool in asked), *missing]))
    verdicts = [verdict for column in columns for verdict in column]
    if chosen.values:
        print()
        for verdict in verdicts:
            shown = " ".join(f"{value:.5g}" for value in verdict.values[0]) if verdict.values else verdict.errors[0]
            print(f"{verdict.case}, {verdict.tool}: {shown}")
    if chosen.json:
        record = {"banner": told, "missing": missing, "verdicts": [asdict(verdict) for verdict in verdicts]}
        chosen.json.write_text(json.dumps(record, indent=1))
    return 1 if any(each.num_wrong or each.num_falsely_certified or each.errors for each in columns[0]) else 0


if __name__ == "__main__":
    raise SystemExit(main())
