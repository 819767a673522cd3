"""A folder that keeps the finished runs of one study: records written once and whole, found again by levels and setting.

    study.json                          what makes the study itself: see `identity`
    SETTING-DIGEST.npz                  levels "runs factors", and what the trial returned for them, leaf by leaf

Every dispatch writes one record, so that a killed process loses the dispatch under way and nothing else. A record's name
follows from its levels and its setting, and its content from them and the study's identity: two processes that write
the same record write the same bytes.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from jaxdl.archives import from_npz, sweep_temporaries, to_npz, write_atomically
from jaxdl.ensembles.identity import digest

STUDY = "study.json"


class StoreError(RuntimeError):
    """The store cannot be used: it belongs to another study, or the system refuses to read or write it."""


class Places(NamedTuple):
    """Where the store holds each run: the number of a record, or -1, and the row in it."""

    record: Int[np.ndarray, " runs"]
    row: Int[np.ndarray, " runs"]


class Store:
    """The finished runs of the study with `identity`, below `folder`.

    Raises:
        StoreError: the folder holds another study (with what differs), or cannot be read or made.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str], *, fresh: bool = False):
        self._folder = folder
        self._digest = digest(identity)
        self._records: list[Path] = []
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True)
            found = _read_identity(folder / STUDY)
            if found is None:
                write_atomically(folder / STUDY, (json.dumps(dict(identity), indent=1) + "\n").encode())
            elif found != dict(identity):
                raise StoreError(_difference(folder, found, identity))
            sweep_temporaries(folder)
            if fresh:
                for path in folder.glob("*.npz"):
                    path.unlink(missing_ok=True)  # peers may be forgetting it too
        except OSError as error:
            msg = f"cannot keep runs in {folder}: {error.strerror or error}. Name a folder that can be written"
            raise StoreError(msg) from error

    def places(self, setting: str, shape: Sequence[int]) -> Places:
        """Where the runs of a table of `shape` are, at one setting; every record is read and verified.

        A damaged record is warned about and set aside, so that its runs are computed again.
        """
        num_runs = int(np.prod(shape))
        record, row = np.full(num_runs, -1, np.int32), np.zeros(num_runs, np.int32)
        for path in sorted(self._folder.glob(f"{setting}-*.npz")):
            try:
                levels = self._load(path)["levels"]
            except FileNotFoundError:
                continue  # another process has set it aside
            except (OSError, ValueError, KeyError) as error:
                self._set_aside(path, error)
                continue
            if levels.ndim != 2 or levels.shape[1] != len(shape):
                self._set_aside(path, ValueError(f"its levels have the shape {levels.shape}"))
                continue
            is_inside = (levels < np.array(shape)).all(axis=1)  # the study may have been larger before
            runs = np.ravel_multi_index(tuple(levels[is_inside].T), tuple(shape))
            record[runs], row[runs] = len(self._records), np.flatnonzero(is_inside)
            self._records.append(path)
        return Places(record, row)

    def write(
        self, setting: str, levels: Int[np.ndarray, "runs factors"], leaves: Sequence[Shaped[np.ndarray, "..."]]
    ) -> None:
        """Keep the results of the runs at `levels`: each leaf has one row for each.

        Raises:
            StoreError: what the system says; all that was written before stays.
        """
        name = hashlib.sha256(levels.tobytes()).hexdigest()[:16]
        arrays = {f"leaf_{index:03}": leaf for index, leaf in enumerate(leaves)}
        try:
            write_atomically(
                self._folder / f"{setting}-{name}.npz",
                to_npz({**arrays, "levels": levels, "study": np.array(self._digest)}),
            )
        except OSError as error:
            msg = (
                f"cannot write to {self._folder}: {error.strerror or error}. All runs stored before are whole; mend this, and "
                "the same call continues from them"
            )
            raise StoreError(msg) from error

    def read(self, record: int, dtypes: Sequence[np.dtype]) -> list[Shaped[np.ndarray, "..."]]:
        """The leaves of a record that `places` found; `dtypes` names those that NumPy's format does not know.

        Raises:
            StoreError: when it has vanished or changed since.
        """
        path = self._records[record]
        try:
            arrays = self._load(path)
        except (OSError, ValueError) as error:
            msg = (
                f"{path} was there a moment ago and cannot be read now: {error}. The same call computes its runs again"
            )
            raise StoreError(msg) from error
        return [arrays[f"leaf_{index:03}"].view(dtype) for index, dtype in enumerate(dtypes)]

    def adopt(self, path: Path) -> bool:
        """Copy a record of another store of this study, unless there is a whole one; a damaged one is warned about."""
        copy = self._folder / path.name
        try:
            self._load(copy)
        except (OSError, ValueError, KeyError):
            pass
        else:
            return False
        try:
            self._load(path)
            write_atomically(copy, path.read_bytes())
        except (ValueError, KeyError) as error:
            warnings.warn(f"{path}: {error}. It is not merged, and its runs will be computed again", stacklevel=3)
            return False
        except OSError as error:
            msg = f"cannot copy {path} to {self._folder}: {error.strerror or error}. What was copied before is whole"
            raise StoreError(msg) from error
        return True

    def _load(self, path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
        arrays = from_npz(path.read_bytes())
        if str(arrays["study"]) != self._digest:
            msg = "it belongs to another study"
            raise ValueError(msg)
        return arrays

    def _set_aside(self, path: Path, error: Exception) -> None:
        warnings.warn(f"{path}: {error}. It is left out and its runs are computed again", stacklevel=2)
        try:
            path.rename(path.with_suffix(".damaged"))
        except OSError:
            return  # a folder that cannot be written is said so when the runs are


def merge(target: str | Path, *sources: str | Path) -> int:
    """Copy the records of other stores of the same study into `target`; returns how many were new.

    Shards that computed parts of a study in folders of their own are joined so, in any order.

    Raises:
        StoreError: a source without a study, or of another study than the target's.
    """
    copied = 0
    for source in map(Path, sources):
        identity = _read_identity(source / STUDY)
        if identity is None:
            msg = f"{source} holds no study ({STUDY} is missing); pass folders that were given as store="
            raise StoreError(msg)
        store = Store(Path(target), identity)
        for path in sorted(source.glob("*.npz")):
            copied += store.adopt(path)
    return copied


def stored_block(folder: Path) -> int | None:
    """The block size with which the study in `folder` was created; None when there is none."""
    found = _read_identity(folder / STUDY)
    return None if found is None else int(found["block"])


def _read_identity(path: Path) -> dict[str, str] | None:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}. Name a folder"
        raise StoreError(msg) from error
    except ValueError as error:
        msg = f"{path} is damaged ({error}); remove it to start the study again, or restore it"
        raise StoreError(msg) from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        msg = f"{path} does not describe a study; name another folder"
        raise StoreError(msg)
    return found


def _difference(folder: Path, found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    differing = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    told = "; ".join(f"{name}: {_short(found.get(name))} there, {_short(wanted.get(name))} here" for name in differing)
    return f"{folder} holds another study ({told}). Name another folder, or go back to what it was made with"


def _short(value: str | None) -> str:
    return "nothing" if value is None else value if len(value) <= 80 else f"{value[:12]}…"
