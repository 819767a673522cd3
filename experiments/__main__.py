"""`python -m experiments`: every experiment with its question, and what its latest run said about its claims."""

import argparse
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import experiments
from experiments import run_folder
from experiments.runner import Experiment


def experiments_in(package: ModuleType) -> Iterator[Experiment]:
    """The experiments that the modules of `package` define, by name."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name != "__main__":
            found = vars(importlib.import_module(f"{package.__name__}.{module.name}")).get("EXPERIMENT")
            if isinstance(found, Experiment):
                yield found


def summary(experiment: Experiment, out: Path) -> str:
    """Name, question, and the verdicts of the latest finished run below `out`."""
    runs = list(run_folder.finished_runs(out, experiment.name))
    lines = [experiment.name, f"  {experiment.question}"]
    if runs:
        verdicts = ", ".join(f"{claim['number']} {claim['verdict']}" for claim in runs[-1].claims)
        lines += [f"  {verdicts or 'no claims'}", f"  {runs[-1].config['profile']}: {runs[-1].folder / 'report.html'}"]
    else:
        lines += [f"  not run yet: python -m experiments.{experiment.name}"]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the runs (default: results)")
    out = parser.parse_args().out
    print("\n\n".join(summary(experiment, out) for experiment in experiments_in(experiments)))
