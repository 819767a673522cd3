"""The glossary: a page from `docs/glossary.csv`, and the count of its rows."""

import csv
import importlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from docs.generator.files import one_line, write_page

FILE = Path(__file__).parent.parent / "glossary.csv"
KINDS = {
    "code": "a name of jaxdl",
    "pointer": "a name of another library, with the defaults that differ",
    "word": "a line of definition",
}
LETTERS = {
    "A": "Learning and probability",
    "B": "Bias, variance and capacity",
    "C": "Regularisation",
    "D": "Data, splits and preprocessing",
    "O": "Optimisation",
    "L": "The loss surface",
    "N": "Networks",
    "G": "Differentiation",
    "H": "Practice",
    "P": "Representations and applications",
}


class Concept(NamedTuple):
    """A row of the glossary."""

    id: str
    name: str
    kind: str
    definition: str
    names: str
    """What to import, several apart by spaces: `jaxdl.losses.squared_error jax.nn.softmax`."""
    note: str
    """How to use it, and the defaults that differ from those of the documents."""
    claims: str
    correction: str
    """What the documents say wrongly, and what is correct."""

    @property
    def imports(self) -> list[str]:
        """The names, one by one."""
        return self.names.split()


def concepts() -> list[Concept]:
    """The rows, in their order; raises ValueError for a row of another width, or of a kind that is not known."""
    with FILE.open(encoding="utf-8", newline="") as opened:
        head, *rows = csv.reader(opened)
    found = []
    for row in rows:
        if len(row) != len(Concept._fields) or row[2] not in KINDS:
            msg = f"glossary.csv: got {row}, expected {head}, of a kind in {list(KINDS)}; quote what holds a comma"
            raise ValueError(msg)
        found.append(Concept(*row))
    return found


def imported(name: str) -> object:
    """What `package.module.name` is; raises ImportError or AttributeError when it is not there."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            thing = getattr(thing, part)
        return thing
    msg = f"got {name}, expected a name that can be imported"
    raise ImportError(msg)


def write(folder: Path) -> None:
    """Write the page."""
    write_page(folder / "glossary.md", page(concepts()))


def page(rows: list[Concept]) -> str:
    """The glossary in Markdown."""
    counts = Counter(row.kind for row in rows)
    counted = ", ".join(f"{counts[kind]} end as {words}" for kind, words in KINDS.items())
    parts = [
        "# Glossary",
        f"{len(rows)} concepts of the study documents: {counted}. *Measured by* names the claims of the book; *Correction* says"
        " where the documents err.",
    ]
    for letter, title in LETTERS.items():
        own = [row for row in rows if row.id.startswith(letter)]
        if own:
            parts.append(f"## {title}")
            parts += [_entry(row) for row in own]
    return "\n\n".join(parts) + "\n"


def _entry(row: Concept) -> str:
    lines = [f"({row.id})=", f"{one_line(row.name)}", f": {one_line(row.definition)}"]
    if row.imports:
        lines += [
            "",
            f"  {', '.join(f'`{name}`' for name in row.imports)}" + (f". {one_line(row.note)}" if row.note else ""),
        ]
    elif row.note:
        lines += ["", f"  {one_line(row.note)}"]
    if row.claims:
        lines += [
            "",
            f"  *Measured by* {', '.join(f'[{number}](claims/{number}.md)' for number in row.claims.split())}.",
        ]
    if row.correction:
        lines += ["", f"  *Correction.* {one_line(row.correction)}"]
    return "\n".join(lines)
