"""The code on the pages, so that a test can run it: what stands between fences, by its language."""

import re
from pathlib import Path
from typing import NamedTuple

SITE = Path(__file__).parent.parent
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w{}-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE
)


class Block(NamedTuple):
    """A block of code, and its language."""

    language: str
    code: str


def pages() -> list[Path]:
    """Pages that people wrote; the others follow from code that is tested as it is."""
    generated = {"api", "claims", "_build"}
    return sorted(
        path
        for path in SITE.rglob("*.md")
        if path.relative_to(SITE).parts[0] not in generated and path.name != "glossary.md"
    )


def is_notebook(path: Path) -> bool:
    """Whether the build of the site runs the page, cell by cell."""
    return path.read_text(encoding="utf-8").startswith("---\nfile_format: mystnb")


def blocks(text: str) -> list[Block]:
    """All blocks of a page, in order."""
    return [Block(match["language"], match["code"]) for match in FENCE.finditer(text)]


def code_of(path: Path) -> str:
    """What a reader types, from the top of a page to its end: its Python blocks, or the cells of a notebook."""
    language = "{code-cell}" if is_notebook(path) else "python"
    return "\n".join(block.code for block in blocks(path.read_text(encoding="utf-8")) if block.language == language)
