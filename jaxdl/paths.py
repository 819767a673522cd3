"""The door for paths of files and folders that a caller names."""

import errno
import os
import stat
from pathlib import Path
from typing import Any


def as_path(name: str, path: Any) -> Path:
    """A path that a caller gave as the argument `name`, with `~` as the home folder.

    Raises:
        ValueError: the path is empty or no path, or the home folder is not known.

    >>> as_path("store", "results/study")
    PosixPath('results/study')
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        msg = f"{name}: got {path!r:.60}, expected the name of a file or a folder; the current folder is '.'"
        raise ValueError(msg)
    try:
        os.fsencode(text)
        return Path(text).expanduser()
    except UnicodeEncodeError as error:
        msg = f"{name}: got {text!r}, which no file can be named on this system, expected a path; write it without those characters"
        raise ValueError(msg) from error
    except RuntimeError as error:
        msg = f"{name}: got {text!r}, whose home folder is not known, expected a path; write it in full, or './~...' for a file so "
        msg += "named"
        raise ValueError(msg) from error


def as_file(name: str, path: Any) -> Path:
    """The path of an ordinary file that is there. A pipe or a device is refused: reading one may never end.

    Raises:
        ValueError: what `as_path` refuses, an address, or the path of anything but a file.
        FileNotFoundError: there is none of that name.
        OSError: what else the operating system says of it.
    """
    if isinstance(path, str) and "://" in path:
        msg = f"{name}: got the address {path}, expected the path of a file on this machine; download it first"
        raise ValueError(msg)
    file = as_path(name, path)
    try:
        mode = file.stat().st_mode
    except FileNotFoundError as error:
        msg = f"{name}: got {file}, expected a file that is there; check the name and the folder"
        raise FileNotFoundError(msg) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a named pipe" if stat.S_ISFIFO(mode) else "a device or socket"
        msg = f"{name}: got {file}, which is {kind}, expected a file; copy its content to one"
        raise ValueError(msg)
    return file


def read_regular(path: Path) -> bytes:
    """The content of a file, which is never waited for.

    Raises:
        OSError: what the system says, or the path is a pipe, a socket, a device or a folder.
    """
    # Without O_NONBLOCK opening a pipe would wait for somebody who writes to it.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read()
