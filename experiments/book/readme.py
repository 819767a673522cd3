"""The table of claims in the README: generated from verdicts/NUMBER.json, the findings of full runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.book import find, page, runs
from experiments.book.find import Entry

README = find.ROOT / "README.md"
VERDICTS = find.ROOT / "verdicts"
BEGIN = "<!-- Claims: written by `python -m experiments readme`; do not edit below this line. -->"
END = "<!-- Claims: edit again below this line. -->"
KEPT = (
    "number",
    "statement",
    "verdict",
    "condition",
    "what",
    "estimate",
    "interval",
    "ends",
    "theory",
    "reading",
    "criterion",
)


def write(entries: Sequence[Entry], out: Path, *, verdicts: Path = VERDICTS, path: Path = README) -> int:
    """Copy the full runs below `out` to `verdicts`, and write the table; returns the exit status."""
    stored = []
    for entry in entries:
        run = runs.read(runs.path_of(out, entry.number, entry.sizes("full")))
        if run is not None:
            runs.write(verdicts / f"{entry.number}.json", runs.to_json(record(run)))
            stored.append(entry.number)
    runs.write(path, with_table(path.read_text(encoding="utf-8"), table(entries, verdicts)))
    print(f"stored from {out}: {', '.join(stored) or 'nothing'}\nwritten: {path}")
    return 0


def record(run: runs.Run) -> dict[str, Any]:
    """What is kept of a full run; nothing of it names a path of the machine."""
    made = {name: run.manifest[name] for name in ("git", "packages", "devices", "dtype", "finished", "seconds")}
    return {name: run.finding[name] for name in KEPT} | {"sizes": run.config["sizes"], "made": made}


def committed(number: str, verdicts: Path = VERDICTS) -> dict[str, Any] | None:
    """What is kept of a claim's full run, or None."""
    path = verdicts / f"{number}.json"
    return json.loads(path.read_bytes()) if path.exists() else None


def table(entries: Sequence[Entry], verdicts: Path = VERDICTS) -> str:
    """A table in Markdown for each chapter.

    Raises ValueError when the full sizes, the statement or the chapter have changed since a verdict was committed.
    """
    parts = []
    for chapter, of_chapter in find.chapters_of(entries).items():
        rows = ["| claim | statement | verdict | measured | theory |", "|---|---|---|---|---|"]
        for entry in of_chapter:
            known = committed(entry.number, verdicts)
            if known is not None and known["sizes"] != json.loads(json.dumps(entry.sizes("full"))):
                msg = f"{entry.number}: got a committed verdict at other sizes than the full ones, expected the same; run "
                msg += f"`python -m experiments {entry.number} --profile full`, then `python -m experiments readme`"
                raise ValueError(msg)
            rows.append(f"| {' | '.join(_cells(entry, known))} |")
        question = find.question_of(of_chapter[0].path.parent)[0]
        parts.append("\n".join([f"**[{chapter}]({chapter}/)** {escaped(question)}", "", *rows]))
    return "\n\n".join(parts)


def with_table(text: str, table: str) -> str:
    """The README's text with this table in its place; raises ValueError when its two marks are not there in order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"README: got no place for the table, expected these two lines where it belongs:\n{BEGIN}\n{END}"
        raise ValueError(msg)
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


def _cells(entry: Entry, known: Mapping[str, Any] | None) -> Iterator[str]:
    yield f"[{entry.number}]({entry.chapter}/{entry.path.name})"
    yield escaped(entry.statement)
    if known is None:
        yield from ("not run yet", "", "")
        return
    yield f"**{known['verdict']}**" + (f": {escaped(known['condition'])}" if known["condition"] else "")
    yield escaped(page.estimate(known))
    yield "" if known["theory"] is None else page.number(known["theory"])


def escaped(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    for mark in ("\\", "|", "*", "_", "`", "<", "["):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
