"""Named arrays of a `.npz` archive, read without pickle and only as far as their sizes are trusted."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped


def names_of(file: Path) -> list[str]:
    """The names of the arrays of an archive.

    Raises:
        ValueError: the file is no archive, or a damaged one.
    """
    return list(_sizes(file))


def arrays_of(file: Path, wanted: Mapping[str, str], max_bytes: int = 2**32) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The array of each argument in `wanted`, which gives its name in the archive.

    Raises:
        ValueError: not an archive, a name that it lacks, an array of more than `max_bytes` once unpacked, one of Python objects,
            a damaged file.
    """
    sizes = _sizes(file)
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {argument: _read(archive, sizes, argument, name, max_bytes) for argument, name in wanted.items()}
    except _DAMAGED as error:
        raise ValueError(_damaged(file, error)) from error


# What numpy and zipfile raise for damaged, encrypted or unusual archives, and for sizes that they only claim.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, MemoryError, OSError)


def _damaged(file: Path, error: Exception) -> str:
    return (
        f"path: got {file}, which is damaged or encrypted ({error}), expected an archive by numpy.savez; write it again"
    )


def _sizes(file: Path) -> dict[str, int]:
    """The size of each array once unpacked, asked of the directory: a small file cannot fill the memory before it is refused."""
    with open(file, "rb") as opened:
        if not zipfile.is_zipfile(opened):
            msg = f"path: got {file}, which is no .npz archive, expected one; write it by numpy.savez(path, name=array, ...)"
            raise ValueError(msg)
    try:
        with zipfile.ZipFile(file) as directory:
            return {info.filename.removesuffix(".npy"): info.file_size for info in directory.infolist()}
    except _DAMAGED as error:
        raise ValueError(_damaged(file, error)) from error


def _read(archive: Any, sizes: dict[str, int], argument: str, name: str, max_bytes: int) -> np.ndarray:
    """One array of an open archive."""
    if name not in sizes:
        msg = f"{argument}: got {name!r}, expected the name of an array, one of {list(sizes)}; name one of these"
        raise ValueError(msg)
    if sizes[name] > max_bytes:
        msg = f"{argument}: got array {name!r} of {sizes[name]} bytes, expected at most max_bytes={max_bytes}; "
        msg += "raise it if you trust the file"
        raise ValueError(msg)
    try:
        return archive[name]
    except (ValueError, TypeError, SyntaxError) as error:
        msg = (
            f"{argument}: got array {name!r}, which cannot be read ({error}), expected an array of numbers; objects are never "
            "unpickled: save them as numbers"
        )
        raise ValueError(msg) from error
