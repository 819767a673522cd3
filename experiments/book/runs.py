"""Folders of finished claims: OUT/NUMBER/HASH, whose files are written whole or not at all; `manifest.json` comes last.

The hash is that of the number and its sizes: a run is found again by what it measured, wherever and however it ran.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

MANIFEST = "manifest.json"


class Run(NamedTuple):
    """A finished claim as it lies on disk."""

    folder: Path
    config: dict[str, Any]
    """number, chapter, profile and sizes"""
    finding: dict[str, Any]
    manifest: dict[str, Any]
    drawings: list[bytes]
    """its figures as SVG, in order"""


def given_path(name: str, text: str) -> Path:
    """The path of an option, with `~` as the home folder; raises ValueError for an empty one."""
    path = os.path.expanduser(text)
    if not text.strip() or "\0" in text or path.startswith("~"):
        msg = f"{name}: got {text!r:.40}, expected a path; the current folder is '.', and one named ~ is './~'"
        raise ValueError(msg)
    return Path(path)


def path_of(out: Path, number: str, sizes: Mapping[str, Any]) -> Path:
    """The folder of the claim of this number at these sizes."""
    return out / number / digest(json.dumps([number, sizes], sort_keys=True, allow_nan=False).encode())[:12]


def read(folder: Path) -> Run | None:
    """The finished run in a folder, or None without a manifest.

    Raises OSError or ValueError when a file is not the one that was written.
    """
    if not (folder / MANIFEST).exists():
        return None
    manifest = json.loads(content_of(folder / MANIFEST))
    sealed = manifest.pop("seal", None) if isinstance(manifest, dict) else None
    if sealed is None or sealed != digest(to_json(manifest).encode()):
        msg = f"{MANIFEST} is not the one that was written"
        raise ValueError(msg)
    contents = {name: content_of(folder / name) for name in manifest["files"]}
    for name, content in contents.items():
        if digest(content) != manifest["files"][name]:
            msg = f"{name} is not the one that {MANIFEST} was written for"
            raise ValueError(msg)
    config, finding = json.loads(contents["config.json"]), json.loads(contents["finding.json"])
    return Run(folder, config, finding, manifest, drawings_of(contents))


def finished(out: Path, number: str) -> list[Run]:
    """All readable runs of a claim, the oldest first."""

    def readable() -> Iterator[Run]:
        for marker in out.glob(f"{number}/*/{MANIFEST}"):
            try:
                run = read(marker.parent)
            except (OSError, ValueError):
                continue  # a damaged run is reported and computed again when its own command is given
            if run is not None:
                yield run

    return sorted(readable(), key=lambda run: run.manifest["finished"])


def finish(folder: Path, files: Mapping[str, bytes | str], manifest: Mapping[str, Any]) -> None:
    """Write the files, then the manifest with their hashes; until then the run is not finished."""
    (folder / MANIFEST).unlink(missing_ok=True)
    contents = {name: content.encode() if isinstance(content, str) else content for name, content in files.items()}
    for name, content in contents.items():
        write(folder / name, content)
    described = {**manifest, "files": {name: digest(content) for name, content in contents.items()}}
    write(folder / MANIFEST, to_json({**described, "seal": digest(to_json(described).encode())}))


def drawings_of(files: Mapping[str, Any]) -> list[bytes]:
    """The SVG files among a run's, in order of their names."""
    return [files[name] for name in sorted(files) if name.endswith(".svg")]


def write(path: Path, content: bytes | str) -> None:
    """Write one file, whole or not at all, even when the process is killed or the power fails."""
    from jaxdl.files import write_atomically

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.encode() if isinstance(content, str) else content)


def content_of(path: Path) -> bytes:
    """What a file holds; raises ValueError for a pipe, which would be waited for."""
    if path.exists() and not path.is_file():
        msg = f"{path.name} is no regular file"
        raise ValueError(msg)
    return path.read_bytes()


def read_config(path: Path) -> dict[str, Any]:
    """A run's config.json; raises ValueError when the file cannot be read or is something else."""
    try:
        config = json.loads(content_of(path).decode())
        is_config = {"number": str, "profile": str, "sizes": dict}.items()
        if not isinstance(config, dict) or not all(isinstance(config.get(name), kind) for name, kind in is_config):
            msg = "other content"
            raise ValueError(msg)
    except (OSError, ValueError, RecursionError) as error:
        msg = f"config: got {path}, which is not the config.json of a claim ({type(error).__name__}: {error!s:.80})"
        raise ValueError(msg) from error
    return config


def to_json(value: Any) -> str:
    """Readable JSON, its entries in their own order."""
    return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
