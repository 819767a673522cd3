"""Generated pages on disk: written only where their text has changed, so that a second build is short."""

from collections.abc import Mapping
from pathlib import Path


def write_folder(folder: Path, pages: Mapping[str, str]) -> None:
    """Make `folder` hold these pages and no others: `{"name.md": text}`."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        write_page(folder / name, text)


def write_page(path: Path, text: str) -> None:
    """Write one page, if it differs from what is there."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def one_line(text: str) -> str:
    """Text on one line, with what Markdown would take for markup escaped, outside of code between backticks."""
    parts = " ".join(text.split()).split("`")
    return "`".join(part if place % 2 else escaped(part) for place, part in enumerate(parts))


def escaped(text: str) -> str:
    """Text that Markdown shows as it stands."""
    for mark in ("\\", "*", "_", "<", "[", "]", "|", "$", "{", "#"):
        text = text.replace(mark, f"\\{mark}")
    return text
