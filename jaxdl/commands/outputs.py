"""Results into files, by the suffix of their names."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxdl.commands.answers import plain
from jaxdl.decomposition import Decomposition
from jaxdl.decomposition.rows import Row, headings, rows_of
from jaxdl.files import write_atomically
from jaxdl.paths import as_path

SUFFIXES = (".csv", ".json", ".npz", ".txt")


def place_of(out: str) -> Path:
    """The file or folder to write to, checked before anything is computed.

    Raises:
        ValueError: another suffix, or a folder that is not there for a file.
    """
    place = as_path("out", out)
    if place.suffix not in ("", *SUFFIXES) and not place.is_dir():
        msg = f"out: got {out!r}, expected a name that ends in {', '.join(SUFFIXES)}, or a folder for all of them"
        raise ValueError(msg)
    if place.suffix and not place.is_dir() and not place.parent.is_dir():
        msg = f"out: got {out!r}, expected a file in a folder that is there; make {place.parent} first"
        raise ValueError(msg)
    if not place.suffix and place.exists() and not place.is_dir():
        msg = f"out: got {out!r}, which is a file, expected a folder, or a name that ends in {', '.join(SUFFIXES)}"
        raise ValueError(msg)
    return place


def write(result: Decomposition, place: Path) -> list[Path]:
    """Write a result to a file, or in every format to a folder, which is made; returns the files."""
    if place.suffix not in SUFFIXES or place.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return [path for suffix in SUFFIXES for path in write(result, place / f"decomposition{suffix}")]
    if place.suffix == ".npz":
        result.save(place)
    elif place.suffix == ".csv":
        result.to_csv(place)
    else:
        text = result.table() if place.suffix == ".txt" else json.dumps(described(result), indent=1, ensure_ascii=False)
        write_atomically(place, (text + "\n").encode())
    return [place]


def described(result: Decomposition) -> dict[str, Any]:
    """The result for JSON, which has no nan: what the design does not give is null."""
    names = headings(result)
    return {
        "loss": result.loss,
        "design": dict(zip(result.design.factors, result.design.shape, strict=True)),
        "fixed": list(result.design.fixed),
        "training_size": result.training_size,
        "notes": list(result.notes),
        "terms": [
            {name: plain(value) if isinstance(value, float) else value for name, value in _named(row, names)}
            for row in rows_of(result)
        ],
    }


def _named(row: Row, names: Sequence[str]) -> list[tuple[str, Any]]:
    return [(name, getattr(row, name)) for name in names]
