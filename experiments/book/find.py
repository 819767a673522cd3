"""Chapters and claims by their files: number, statement, sources and sizes, read from the text of a file that is not imported."""

import ast
import functools
import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"([a-z]+[0-9]+)_[a-z0-9_]+\.py")
FIELD = re.compile(r"(Says|Source|Textbook|Theory|Errs|Scope|Looks|See): *(.*)")
ERRATUM = re.compile(r'"(?P<says>.+?)" \((?P<document>[^)]+)\): (?P<correct>.+)')
PROFILES = ("quick", "full", "smallest")
"""Sizes for a look, for the committed verdict, and for tests."""


class Erratum(NamedTuple):
    """What a document says wrongly, and what is correct."""

    says: str
    document: str
    correct: str


@dataclass(frozen=True)
class Entry:
    """A claim as its file describes it."""

    number: str
    chapter: str
    path: Path

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The file's syntax."""
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @functools.cached_property
    def paragraphs(self) -> list[str]:
        """The statement first, then what else the docstring says outside its fields."""
        return _split(ast.get_docstring(self.tree) or self.path.stem)[0]

    @property
    def statement(self) -> str:
        """The sentence that is tested."""
        return self.paragraphs[0]

    @functools.cached_property
    def fields(self) -> dict[str, list[str]]:
        """Says, Source, Textbook, Theory, Errs, Scope, Looks and See, each with its entries."""
        return _split(ast.get_docstring(self.tree) or "")[1]

    @property
    def errata(self) -> list[Erratum]:
        """What the sources state wrongly; raises ValueError for a line `Errs:` of another form."""
        found = []
        for text in self.fields.get("Errs", ()):
            match = ERRATUM.fullmatch(text)
            if match is None:
                msg = f'{self.path.name}: got the line "Errs: {text}", expected Errs: "what is said" (S0): what is correct'
                raise ValueError(msg)
            found.append(Erratum(**match.groupdict()))
        return found

    @functools.cached_property
    def constants(self) -> list[str]:
        """Names of the constants before `CRITERION`, which are parts of it."""
        names: list[str] = []
        for node in self.tree.body:
            if isinstance(node, ast.Assign):
                assigned = [each.id for each in ast.walk(node.targets[0]) if isinstance(each, ast.Name)]
                if "CRITERION" in assigned:
                    return [name for name in names if name != "SIZES"]
                names += assigned
        msg = f"{self.path.name}: got no CRITERION, expected the rule of the verdict in words; assign it at the top of the file"
        raise ValueError(msg)

    def sizes(self, profile: str) -> dict[str, Any]:
        """The sizes of a profile: those of "quick" with its own changes, and the seed; raises ValueError without such a profile."""
        given: dict[str, dict[str, Any]] = next(
            (
                ast.literal_eval(node.value)
                for node in self.tree.body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SIZES"
            ),
            {},
        )
        if profile not in given:
            msg = f"profile: got {profile}, which {self.number} does not have, expected one of {', '.join(given) or 'none'}"
            raise ValueError(msg)
        return {"seed": 0} | given["quick"] | given[profile]


def claims_below(root: Path = ROOT) -> list[Entry]:
    """Every file CHAPTER/NUMBER_words.py, the documents' claims K001 to K999 first; nothing is imported."""
    found = [
        Entry(match[1].upper(), path.parent.name, path)
        for path in root.glob("*/*.py")
        if (match := NAME.fullmatch(path.name))
    ]
    return sorted(found, key=lambda entry: (not re.fullmatch(r"K\d+", entry.number), entry.number))


def chapters_of(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The claims of each chapter, chapters in the order of their first claims."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.chapter, []).append(entry)
    return found


def question_of(chapter: Path) -> list[str]:
    """The paragraphs of the docstring of a chapter's folder; the first is its question."""
    text = (chapter / "__init__.py").read_text(encoding="utf-8")
    return _split(ast.get_docstring(ast.parse(text)) or chapter.name)[0]


def chosen(words: Sequence[str], entries: Sequence[Entry]) -> list[Entry]:
    """The claims that numbers and names of chapters stand for; raises ValueError for a word that is neither."""
    found: list[Entry] = []
    for word in words:
        of_word = [entry for entry in entries if word.upper() == entry.number or word == entry.chapter]
        if not of_word:
            chapters = ", ".join(chapters_of(entries))
            msg = f"claim: got {word!r:.40}, expected a number such as {entries[0].number}, a chapter ({chapters}), or all"
            raise ValueError(msg)
        found += [entry for entry in of_word if entry not in found]
    return found


def load(entry: Entry) -> ModuleType:
    """The module of a claim, imported."""
    return importlib.import_module(f"experiments.{entry.chapter}.{entry.path.stem}")


def with_changes(entry: Entry, profile: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes of a profile with some changed.

    Raises ValueError for a constant of the criterion, a value of another type, or a count below 1.
    """
    sizes = entry.sizes(profile)
    for name, value in changes.items():
        if name in entry.constants:
            msg = f"{name}: got {value!r:.40} for a part of {entry.number}'s criterion, which is code and not a size; change it in "
            msg += f"{entry.path.relative_to(entry.path.parents[2])}"
            raise ValueError(msg)
        if name in sizes:
            _check(name, value, sizes[name])
    return sizes | {name: value for name, value in changes.items() if name in sizes}


def _check(name: str, value: Any, usual: Any) -> None:
    lowest = 0 if name == "seed" else 1
    if type(value) is not type(usual) or (type(usual) is int and not lowest <= value < 2**32):
        limits = f"a whole number from {lowest} to {2**32 - 1}" if type(usual) is int else f"such as {usual!r}"
        msg = f"{name}: got {value!r:.40}, expected {limits}"
        raise ValueError(msg)


def _split(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """Paragraphs, each on one line unless indented, and the fields, of a docstring."""
    paragraphs: list[str] = []
    fields: dict[str, list[str]] = {}
    for block in text.strip().split("\n\n"):
        lines: list[str] = []
        name = ""
        for line in block.splitlines():
            match = FIELD.fullmatch(line.strip())
            if match:
                name = match[1]
                fields.setdefault(name, []).append(match[2])
            elif name:
                fields[name][-1] += " " + line.strip()
            else:
                lines.append(line)
        is_indented = all(line.startswith("    ") for line in lines)
        if lines:
            paragraphs.append("\n".join(lines) if is_indented else " ".join(" ".join(lines).split()))
    return paragraphs, fields
