"""Where files come from: one door for paths, so that no folder, pipe or empty name is opened by accident."""

import os
import stat
from typing import Any

Path = str | os.PathLike[str]


def as_file(name: str, path: Any) -> str:
    """The path of an ordinary file, `~` expanded. A pipe or a device is refused: reading one may never end.

    Raises:
        ValueError: no path, an empty one, an address, or one of anything but a file.
        OSError: what the operating system says of it, `FileNotFoundError` above all.
    """
    if not isinstance(path, str | os.PathLike):
        msg = f"{name}: got {path!r:.60}, expected the path of a file; write data at hand to one, or use from_arrays"
        raise ValueError(msg)
    text = os.fspath(path)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        msg = f"{name}: got {text!r}, expected the path of a file"
        raise ValueError(msg)
    if "://" in text:
        msg = f"{name}: got the address {text}, expected the path of a file on this machine; download it first"
        raise ValueError(msg)
    text = os.path.expanduser(text)
    mode = os.stat(text).st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a named pipe" if stat.S_ISFIFO(mode) else "a device or socket"
        msg = f"{name}: got {text}, which is {kind}, expected a file"
        raise ValueError(msg)
    return text
