"""Run folders: OUT/EXPERIMENT/HASH, whose files are written whole or not at all; `manifest.json` comes last.

The hash is that of the experiment and its configuration, so a run is found again by what it measured; where and on how
many devices it ran is no part of it.
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from experiments import forms

MANIFEST = "manifest.json"


class Run(NamedTuple):
    """A finished run, as it lies on disk and as it is shown."""

    folder: Path
    config: dict[str, Any]
    """the experiment, its profile, and under "fields" all of its configuration"""
    manifest: dict[str, Any]
    table: str
    claims: list[dict[str, Any]]


def check_name(name: str) -> None:
    """Names become files and folders: raises ValueError unless `name` is made of a-z, 0-9, _ and -."""
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        msg = f"The name {name!r} becomes a file name; use lower-case letters, digits, '_' and '-' only."
        raise ValueError(msg)


def given_path(text: str, name: str) -> Path:
    """The path that the option `name` was given, with `~` as the home folder; raises ValueError for an empty one."""
    path = os.path.expanduser(text)
    if not text.strip() or "\0" in text or path.startswith("~"):
        msg = f"{name} is {text!r}; expected a path. The current folder is '.', and one named ~ is './~'."
        raise ValueError(msg)
    return Path(path)


def path_of(out: Path, experiment: str, config: Any) -> Path:
    """The folder of the run of `experiment` with the dataclass `config`."""
    identity = json.dumps([experiment, dataclasses.asdict(config)], sort_keys=True, allow_nan=False)
    return out / experiment / hashlib.sha256(identity.encode()).hexdigest()[:12]


def read(folder: Path) -> Run | None:
    """The finished run in `folder`, or None without a manifest; raises OSError or ValueError for damaged files."""
    if not (folder / MANIFEST).exists():
        return None
    config, manifest, claims = (
        forms.read(folder / name, form)
        for name, form in (
            ("config.json", forms.Configured),
            (MANIFEST, forms.Manifest),
            ("claims.json", list[forms.Claimed]),
        )
    )
    if hashlib.sha256(forms.content_of(folder / "config.json")).hexdigest() != manifest["config_sha256"]:
        msg = f"config.json is not the one that {MANIFEST} was written for"
        raise ValueError(msg)
    return Run(folder, config, manifest, forms.content_of(folder / "table.txt").decode(), claims)


def finished_runs(out: Path, experiment: str) -> Iterator[Run]:
    """All readable finished runs of one experiment, the oldest first."""
    runs = []
    for marker in out.glob(f"{experiment}/*/{MANIFEST}"):
        try:
            runs.append(read(marker.parent))
        except (OSError, ValueError):
            continue  # a damaged run is reported and computed again when its own command is given
    return iter(sorted(filter(None, runs), key=lambda run: run.manifest["finished"]))


def unfinish(folder: Path) -> None:
    """Remove the mark of a finished run, before any of its files is replaced."""
    (folder / MANIFEST).unlink(missing_ok=True)


def write(folder: Path, name: str, content: bytes | str) -> None:
    """Write one file, whole or not at all, even when the process is killed or the power fails."""
    from jaxdl.files import write_atomically

    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.encode() if isinstance(content, str) else content)


def read_config(path: Path, experiment: str) -> tuple[str, dict[str, Any]]:
    """The profile and the fields of the configuration in a `config.json`.

    Raises ValueError when the file cannot be read, or is another experiment's.
    """
    try:
        described = forms.read(path, forms.Configured)
    except (OSError, ValueError) as error:
        msg = f"{path} is not the config.json of a run ({type(error).__name__}: {error})."
        raise ValueError(msg) from error
    if described["experiment"] != experiment:
        msg = f"{path} is of the experiment {described['experiment']!r}, not {experiment!r}; give it to that one's command."
        raise ValueError(msg)
    return described["profile"], described["fields"]


def to_json(value: Any) -> str:
    """Readable JSON that is the same for equal values."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
