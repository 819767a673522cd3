"""A folder that keeps the finished runs of one study: records written once and whole, found again by levels and setting.

    study.json                          what makes the study itself: see `identity`
    STUDY-SETTING-DIGEST.npz            levels "runs factors", and what the trial returned for them, leaf by leaf

Every dispatch writes one record, so that a killed process loses the dispatch under way and nothing else. A record's name
follows from the study's identity, its setting and its levels, and its content from them: two processes that write the
same record write the same bytes. Files without the study in their name are never touched: the folder may hold anything.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int, Shaped

from jaxdl.ensembles.identity import digest
from jaxdl.files import from_npz, sweep_temporaries, to_npz, write_atomically
from jaxdl.paths import as_path, read_regular

STUDY = "study.json"
WORD = 16
"""Hexadecimal digits of each part of a record's name."""
MOST_RUNS_IN_BLOCK = 2**16
"""Far more than fill any device; a larger block is a slip, for which memory would be taken."""
WORD_FORM = f"[0-9a-f]{{{WORD}}}"


class StoreError(RuntimeError):
    """The store cannot be used: it belongs to another study, or the system refuses to read or write it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         merge(f"{folder}/all", f"{folder}/nothing")
    ...     except StoreError as error:
    ...         print("nothing" in str(error))
    True
    """


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
            stored = _read_identity(folder / STUDY)
            if stored is None:
                write_atomically(folder / STUDY, (json.dumps(dict(identity), indent=1) + "\n").encode())
            elif stored != dict(identity):
                raise StoreError(_difference(folder, stored, identity))
            sweep_temporaries(folder, rf"{re.escape(STUDY)}|{self._digest[:WORD]}-{WORD_FORM}-{WORD_FORM}\.npz")
            if fresh:
                self._forget()
        except OSError as error:
            msg = f"cannot keep runs in {folder}: {error.strerror or error}. Name a folder that can be written"
            raise StoreError(msg) from error

    def places(self, setting: str, shape: Sequence[int], rows: Sequence[jax.ShapeDtypeStruct]) -> Places:
        """Where the runs of a table of `shape` are, at one setting; every record is read and verified.

        A record that is damaged, or does not hold `rows` (what one run returns, leaf by leaf), is warned about and set
        aside, so that its runs are computed again.
        """
        num_runs = int(np.prod(shape))
        record, row = np.full(num_runs, -1, np.int32), np.zeros(num_runs, np.int32)
        for path in _named(self._folder, self._digest, setting):
            try:
                arrays = self._load(path)
                _check_rows(arrays, len(shape), rows)
            except FileNotFoundError:
                continue  # another process has set it aside
            except (OSError, ValueError) as error:
                warnings.warn(f"{path}: {error}. It is left out and its runs are computed again", stacklevel=2)
                _set_aside(path)
                continue
            levels = arrays["levels"]
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
        path = self._folder / _name(self._digest, setting, levels)
        arrays = {f"leaf_{index:03}": leaf for index, leaf in enumerate(leaves)}
        try:
            write_atomically(path, to_npz({**arrays, "levels": levels, "study": np.array(self._digest)}))
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

    def adopt(self, source: Path) -> int:
        """Copy the records of another store of this study that are not here, and say how many; damaged ones are warned about."""
        copied = 0
        for path in _named(source, self._digest):
            copy = self._folder / path.name
            if self._is_whole(copy):
                continue
            try:
                self._load(path)
            except (OSError, ValueError) as error:
                warnings.warn(f"{path}: {error}. It is not merged, and its runs will be computed again", stacklevel=3)
                continue
            try:
                if copy.is_file():
                    _set_aside(copy)
                write_atomically(copy, read_regular(path))
            except OSError as error:
                msg = (
                    f"cannot copy {path} to {self._folder}: {error.strerror or error}. What was copied before is whole"
                )
                raise StoreError(msg) from error
            copied += 1
        return copied

    def _load(self, path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
        """What a record of this study holds; its name tells of its levels, so that both must fit."""
        arrays = from_npz(read_regular(path))
        if str(arrays.get("study")) != self._digest:
            msg = "it belongs to another study"
            raise ValueError(msg)
        levels = arrays.get("levels")
        if levels is None or levels.dtype != np.int32 or levels.ndim != 2 or (levels < 0).any():
            msg = "its levels are no table of levels"
            raise ValueError(msg)
        if _name(self._digest, path.name.split("-")[1], levels) != path.name:
            msg = "its levels are not those that it is named by"
            raise ValueError(msg)
        return arrays

    def _is_whole(self, path: Path) -> bool:
        try:
            self._load(path)
        except (OSError, ValueError):
            return False
        return True

    def _forget(self) -> None:
        """Remove the records of this study, by name and content; a damaged one is set aside when its runs are looked for."""
        for path in _named(self._folder, self._digest):
            if self._is_whole(path):
                path.unlink(missing_ok=True)  # peers may be forgetting it too


def _name(study: str, setting: str, levels: Int[np.ndarray, "runs factors"]) -> str:
    return f"{study[:WORD]}-{setting}-{hashlib.sha256(levels.tobytes()).hexdigest()[:WORD]}.npz"


def _named(folder: Path, study: str, setting: str = WORD_FORM) -> list[Path]:
    """The files that bear the name of a record of this study, whatever they hold."""
    form = re.compile(rf"{study[:WORD]}-{setting}-{WORD_FORM}\.npz")
    return sorted(path for path in folder.glob("*.npz") if form.fullmatch(path.name) and path.is_file())


def _check_rows(
    arrays: Mapping[str, Shaped[np.ndarray, "..."]], num_factors: int, rows: Sequence[jax.ShapeDtypeStruct]
) -> None:
    """Raises ValueError unless a record holds what the trial returns: a row of every leaf for each of its levels."""
    levels = arrays["levels"]
    if levels.shape[1] != num_factors or not len(levels):
        msg = f"its levels have the shape {levels.shape}"
        raise ValueError(msg)
    names = [f"leaf_{index:03}" for index in range(len(rows))]
    if sorted(arrays) != [*names, "levels", "study"]:
        msg = f"it holds {sorted(arrays)}, expected {len(rows)} leaves"
        raise ValueError(msg)
    for name, row in zip(names, rows, strict=True):
        leaf, shape = arrays[name], (len(levels), *row.shape)
        # As the format writes it: a type that NumPy does not know is so many bytes.
        dtype = np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(np.dtype(row.dtype)))
        if leaf.dtype != dtype or leaf.shape != shape:
            msg = f"{name} is {leaf.dtype} of the shape {leaf.shape}, expected {dtype} of {shape}"
            raise ValueError(msg)


def _set_aside(path: Path) -> None:
    """Rename a record that cannot be used, to a name that is free."""
    names = (path.with_suffix(".damaged" if not number else f".{number}.damaged") for number in range(10**6))
    try:
        path.rename(next(name for name in names if not name.exists()))
    except OSError:
        return  # a folder that cannot be written is said so when the runs are


def merge(target: str | Path, *sources: str | Path) -> int:
    """Copy the records of other stores of the same study into `target`; returns how many were new.

    Shards that computed parts of a study in folders of their own are joined so, in any order.

    Raises:
        StoreError: a source without a study, or of another study than the target's.

    >>> import tempfile
    >>> from jaxdl import designs
    >>> from jaxdl.ensembles import Engine, UnfinishedStudyError, run
    >>> def share(folder, k):
    ...     engine = Engine(store=folder, shard=(k, 2), progress=False)
    ...     try:
    ...         run(lambda keys: jax.random.normal(keys["data"], (3,)), designs.crossed(data=32), jax.random.key(0), engine=engine)
    ...     except UnfinishedStudyError:
    ...         pass
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for k in (1, 2):
    ...         share(f"{folder}/{k}", k)
    ...     merge(f"{folder}/1", f"{folder}/2") > 0
    True
    """
    copied = 0
    for source in [as_path("sources", each) for each in sources]:
        identity = _read_identity(source / STUDY)
        if identity is None:
            msg = f"{source} holds no study ({STUDY} is missing); pass folders that were given as store="
            raise StoreError(msg)
        copied += Store(as_path("target", target), identity).adopt(source)
    return copied


def stored_block(folder: Path) -> int | None:
    """The block size with which the study in `folder` was created; None when there is none."""
    stored = _read_identity(folder / STUDY)
    if stored is None:
        return None
    block = int(stored["block"]) if re.fullmatch(r"[0-9]{1,9}", stored.get("block", "")) else 0
    if not 1 <= block <= MOST_RUNS_IN_BLOCK:
        raise StoreError(_no_study(folder / STUDY))
    return block


def computed_elsewhere(template: str, placeholder: str, identity: Mapping[str, str]) -> dict[Path, str]:
    """Folders named by this template that hold the same draws of the same design on other devices, and which those are.

    What a trial lowers to differs between platforms, so that it is not compared: the root key is what tells studies apart.
    """
    same = ("root key", "sources", "inner sources")
    pattern = Path(template.replace(placeholder, "*"))
    found = {}
    for folder in sorted(pattern.parent.glob(pattern.name)):
        try:
            stored = _read_identity(folder / STUDY)
        except StoreError:
            continue
        is_same = stored is not None and all(stored.get(name) == identity[name] for name in same)
        if stored is not None and is_same and stored.get("devices", "") != identity["devices"]:
            found[folder] = stored.get("devices", "")
    return found


def _read_identity(path: Path) -> dict[str, str] | None:
    try:
        stored = json.loads(read_regular(path).decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}. Name a folder"
        raise StoreError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path} is damaged ({error}); remove it to start the study again, or restore it"
        raise StoreError(msg) from error
    if not isinstance(stored, dict) or not all(isinstance(value, str) for value in stored.values()):
        raise StoreError(_no_study(path))
    return stored


def _no_study(path: Path) -> str:
    return f"{path} does not describe a study; name another folder"


def _difference(folder: Path, stored: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    differing = [name for name in {**stored, **wanted} if stored.get(name) != wanted.get(name)]
    shared = [name for name in differing if name in stored and name in wanted]
    text = "; ".join(f"{name}: {_differing(stored[name], wanted[name])}" for name in shared)
    if len(shared) < len(differing):
        text += f"{'; ' if text else ''}made by another version of jaxdl, with another list of what makes a study"
    return f"{folder} holds another study ({text}). Name another folder, or go back to what it was made with"


def _differing(stored: str, wanted: str) -> str:
    """Both values, or of long ones the words that only one of them has."""
    if max(len(stored), len(wanted)) > 80:
        each, other = stored.split(), wanted.split()
        stored, wanted = (" ".join(word for word in a if word not in b) for a, b in ((each, other), (other, each)))
    return f"{_short(stored)} there, {_short(wanted)} here"


def _short(value: str) -> str:
    is_digest = re.fullmatch(r"[0-9a-f]{64}", value)
    return f"{value[:12]}…" if is_digest else ascii(value[:300])[1:-1] or "nothing"
