"""Files that are written whole or not at all, and NumPy archives without pickle whose bytes depend on their arrays alone."""

import contextlib
import errno
import io
import math
import os
import re
import secrets
import socket
import stat
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import ArrayLike, Shaped

_DATE = (1980, 1, 1, 0, 0, 0)
"""The first that the format knows; a fixed one, so that equal arrays give equal files."""
SECONDS_OF_A_WRITE = 600  # far more than a record takes between two of its writes
SECONDS_OF_A_DAY = 86_400


def write_atomically(path: Path, content: bytes) -> None:
    """Write a temporary file beside `path`, bring it to the disk, and rename it.

    Whoever reads `path` finds the old content or the new one, also when this process is killed or the power fails.

    Raises:
        OSError: what the system says (disk full, no permission, no such folder); no temporary file stays behind.
    """
    if path.exists() and not path.is_file():  # a pipe, say, which the new file would replace
        raise OSError(errno.EEXIST, f"{path.name} is there and is no file", str(path))
    temporary = path.with_name(f".{path.name}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep_temporaries(folder: Path, names: str) -> int:
    """Remove what killed processes left behind in `folder` of files whose names match `names`; returns how many.

    That is those of this machine whose process is gone, after some minutes, and those of others after a day. Containers may share a
    host's name and not its processes: a file that is still written to is young.
    """
    swept = 0
    for path in folder.glob(".*.tmp"):
        found = re.fullmatch(rf"\.(?:{names})\.([^.]+)\.(\d{{1,10}})\.[0-9a-f]{{8}}\.tmp", path.name)
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if not found or not stat.S_ISREG(status.st_mode):
            continue  # not ours
        host, pid = found.groups()
        age = time.time() - status.st_mtime
        is_left = host == _host() and age > SECONDS_OF_A_WRITE and not _is_alive(int(pid))
        if is_left or age > SECONDS_OF_A_DAY:
            with contextlib.suppress(OSError):  # another user's, or swept by a peer
                path.unlink()
                swept += 1
    return swept


def to_npz(arrays: Mapping[str, ArrayLike]) -> bytes:
    """A NumPy archive: names in order, no dates, no compression, no pickle.

    Raises:
        ValueError: an array of Python objects.

    >>> from_npz(to_npz({"a": np.arange(3)}))["a"]
    array([0, 1, 2])
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(arrays[name]), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy", date_time=_DATE), content.getvalue())
    return archive.getvalue()


def from_npz(content: bytes) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The arrays of an archive of `to_npz`, with every checksum verified.

    Raises:
        ValueError: when the archive is damaged, compressed (its size in memory would be unknown) or holds objects.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = file.infolist()
            if any(each.compress_type != zipfile.ZIP_STORED for each in members):
                msg = "the archive is compressed, which jaxdl never writes"
                raise ValueError(msg)
            arrays = {each.filename.removesuffix(".npy"): _array(file.read(each)) for each in members}
    except (ValueError, MemoryError):
        raise
    except Exception as error:  # zipfile and NumPy's parser of headers raise a dozen kinds on bytes that are not theirs
        msg = f"the archive is damaged: {error}"
        raise ValueError(msg) from error
    if len(arrays) < len(members):
        msg = "the archive is damaged: two of its arrays have one name"
        raise ValueError(msg)
    return arrays


def _array(content: bytes) -> Shaped[np.ndarray, "..."]:
    """An array in NumPy's format, whose header is believed only as far as there are bytes."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        msg = f"the archive holds an array of format {version}, which jaxdl never writes"
        raise ValueError(msg)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if math.prod(shape) * dtype.itemsize != len(content) - file.tell():
        msg = f"the archive holds {len(content) - file.tell()} bytes for an array of {shape} {dtype}"
        raise ValueError(msg)
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def _host() -> str:
    return socket.gethostname().replace(".", "-")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
