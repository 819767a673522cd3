"""The table of claims in README.md: generated from verdicts/*.json, the claims of runs at full size.

`python -m experiments readme` copies the finished full runs below `--out` into verdicts/, and writes the table.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import forms, report, run_folder
from experiments.runner import Experiment

README = Path(__file__).with_name("README.md")
VERDICTS = Path(__file__).with_name("verdicts")
PROFILE = "full"
BEGIN = "<!-- Written by `python -m experiments readme`; do not edit below this line. -->"
END = "<!-- Edit again below this line. -->"

Record = Mapping[str, Any]
"""config, manifest and claims of one run, as its files hold them"""


def write(
    experiments: Sequence[Experiment], out: Path, *, verdicts: Path = VERDICTS, readme: Path = README
) -> list[str]:
    """Store what `out` holds of full runs, write the table, and return the names of the experiments stored.

    Raises ValueError when the README has no place for the table.
    """
    stored = []
    for experiment in experiments:
        run = run_folder.read(run_folder.path_of(out, experiment.name, experiment.profiles[PROFILE]))
        if run is not None:
            run_folder.write(verdicts, f"{experiment.name}.json", run_folder.to_json(record(run)))
            stored.append(experiment.name)
    text = with_table(readme.read_text(encoding="utf-8"), table(experiments, verdicts))
    run_folder.write(readme.parent, readme.name, text)
    return stored


def record(run: run_folder.Run) -> Record:
    """What is kept of a run; nothing of it names a path of the machine."""
    name, profile = run.config["experiment"], run.config["profile"]
    environment = {key: value for key, value in run.manifest["environment"].items() if "/" not in value}
    command = f"python -m experiments.{name} --profile {profile}"
    return {
        "config": run.config,
        "manifest": run.manifest | {"command": command, "environment": environment},
        "claims": run.claims,
    }


def kept(name: str, verdicts: Path = VERDICTS) -> Record | None:
    """The record of an experiment of this name, or None without one."""
    path = verdicts / f"{name}.json"
    return forms.read(path, forms.Verdicts) if path.exists() else None


def current(experiment: Experiment, verdicts: Path = VERDICTS) -> Record | None:
    """The record of an experiment, or None without one; raises ValueError when the full profile has changed since."""
    found = kept(experiment.name, verdicts)
    fields = json.loads(json.dumps(dataclasses.asdict(experiment.profiles[PROFILE])))
    if found is not None and found["config"]["fields"] != fields:
        msg = (
            f"{experiment.name}.json holds a run with other values than the {PROFILE} profile now has; run "
            f"`python -m experiments.{experiment.name} --profile {PROFILE}`, then `python -m experiments readme`."
        )
        raise ValueError(msg)
    return found


def table(experiments: Sequence[Experiment], verdicts: Path = VERDICTS) -> str:
    """Two tables in Markdown: all claims in order, and the experiments that measured them."""
    records = {experiment.name: current(experiment, verdicts) for experiment in experiments}
    claims = [(claim, name) for name, each in records.items() if each for claim in each["claims"]]
    claims.sort(key=lambda pair: (pair[0]["number"] if pair[0]["number"].startswith("K") else "~", pair[1]))
    return "\n".join(
        [
            "| claim | statement | verdict | estimate | theory | measured by |",
            "|---|---|---|---|---|---|",
            *(_row(_claim_cells(claim, name)) for claim, name in claims),
            "",
            "| experiment | question | full profile |",
            "|---|---|---|",
            *(_row(_experiment_cells(experiment, records[experiment.name])) for experiment in experiments),
        ]
    )


def with_table(text: str, table: str) -> str:
    """The README's text, with this table in its place; raises ValueError when its two marks are not there in order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"The README has no place for the table; put these two lines where it belongs:\n{BEGIN}\n{END}"
        raise ValueError(msg)
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


def _claim_cells(claim: Mapping[str, Any], name: str) -> Iterator[str]:
    yield claim["number"]
    yield _escape(claim["statement"])
    yield f"**{claim['verdict']}**" + (f": {_escape(claim['condition'])}" if claim["condition"] else "")
    yield _escape(report.estimate(claim))
    yield _escape(report.theory(claim))
    yield f"[{name}]({name}.py)"


def _experiment_cells(experiment: Experiment, found: Record | None) -> Iterator[str]:
    yield f"[{experiment.name}]({experiment.name}.py)"
    yield _escape(experiment.question)
    if found is None:
        yield "not run yet"
        return
    made = found["manifest"]
    yield f"{made['seconds']:.0f} s on {made['devices']['count']} x {made['devices']['kind']}, jax {made['packages']['jax']}"


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    for mark in ("\\", "|", "*", "_", "`", "<", "["):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
