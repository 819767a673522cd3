"""Every experiment with its question and what its latest run said about its claims; `all` runs them into one report."""

import argparse
import importlib
import pkgutil
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import experiments
from experiments import readme, run_folder
from experiments import whole_book as book
from experiments.book import command_line
from experiments.book.printing import print_anything
from experiments.options import Device, Options
from experiments.runner import Experiment


def experiments_in(package: ModuleType) -> Iterator[Experiment]:
    """The experiments that the modules of `package` define, by name."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name != "__main__":
            found = vars(importlib.import_module(f"{package.__name__}.{module.name}")).get("EXPERIMENT")
            if isinstance(found, Experiment):
                yield found


def summary(experiment: Experiment, out: Path, committed: Path = readme.VERDICTS) -> str:
    """Name, question, and the verdicts of the latest finished run below `out`, else of the `committed` one."""
    runs = list(run_folder.finished_runs(out, experiment.name))
    kept = readme.kept(experiment.name, committed)
    lines = [experiment.name, f"  {experiment.question}"]
    if runs:
        lines += [_verdicts(runs[-1].claims), f"  {runs[-1].config['profile']}: {runs[-1].folder / 'report.html'}"]
    elif kept:
        lines += [
            _verdicts(kept["claims"]),
            f"  {kept['config']['profile']}, as committed: {kept['manifest']['command']}",
        ]
    else:
        lines += [f"  not run yet: python -m experiments.{experiment.name}"]
    return "\n".join(lines)


def _verdicts(claims: Sequence[Mapping[str, Any]]) -> str:
    return "  " + (", ".join(f"{claim['number']} {claim['verdict']}" for claim in claims) or "no claims")


def main(found: Sequence[Experiment], arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status: 0, 1 (an experiment failed), 2 (usage) or 130 (Ctrl-C)."""
    print_anything()
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__, allow_abbrev=False)
    where = "folder of the runs (default: results)"
    parser.add_argument("--out", default="results", help=where)
    commands = parser.add_subparsers(dest="command", title="instead of the list")
    everything = commands.add_parser("all", help="run all experiments, and write OUT/report.html", allow_abbrev=False)
    profiles = sorted({profile for experiment in found for profile in experiment.profiles}, reverse=True)
    everything.add_argument("--profile", choices=profiles, default="quick", help="their size (default: quick)")
    everything.add_argument("--only", metavar="A,B", help="run these alone")
    everything.add_argument("--fresh", action="store_true", help="compute finished runs again")
    everything.add_argument("--device", choices=get_args(Device), help="kind of device (default: the best there is)")
    everything.add_argument("--devices", type=int, help="CPU devices to use (default: one for each core)")
    everything.add_argument("--no-progress", action="store_true", help="do not show how far it is")
    table = commands.add_parser("readme", help="write the table of claims from the full runs", allow_abbrev=False)
    for command in (everything, table):
        command.add_argument("--out", default=argparse.SUPPRESS, help=where)
    given = parser.parse_args(arguments)

    try:
        out = run_folder.given_path(given.out, "out")
        if given.command == "all":
            Options(device=given.device, devices=given.devices)  # raises for what each of them would refuse
            only = given.only.split(",") if given.only else []
            unknown = sorted(set(only) - {experiment.name for experiment in found})
            if unknown:
                known = ", ".join(experiment.name for experiment in found)
                parser.error(f"no experiment {', '.join(unknown)}; expected some of {known}")
            passed = (("--device", given.device), ("--devices", given.devices))
            return book.write(
                found,
                given.profile,
                out,
                only=only,
                fresh=given.fresh,
                arguments=[word for name, value in passed if value is not None for word in (name, str(value))],
                progress=not given.no_progress,
                again=shlex.join(["python", "-m", "experiments", *(word for word in arguments if word != "--fresh")]),
            )
        if given.command == "readme":
            stored = readme.write(found, out)
            print(f"stored from {out}: {', '.join(stored) or 'nothing'}\nwritten: {readme.README}")
            return 0
        print("\n\n".join(summary(experiment, out) for experiment in found))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    # The experiments that are no chapters of the book yet have a command line of their own, after the book's.
    if {"-h", "--help"} & {*sys.argv} or words[:1] not in ([], ["all"], ["readme"]):
        command_line.run()
    raise SystemExit(command_line.main(sys.argv[1:]) or main(list(experiments_in(experiments)), sys.argv[1:]))
