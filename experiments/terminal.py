"""What is printed where the terminal, or the file behind a pipe, has no Unicode."""

import io
import sys


def print_anything() -> None:
    """Let `print` write characters that the encoding lacks as question marks, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a notebook's, or none at all, is left as it is
            stream.reconfigure(errors="replace")
