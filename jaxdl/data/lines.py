"""The lines of a text table as cells, under a header of names; or an error that says which option reads the file."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from jaxdl.data.cells import NUMBER


def text_of(file: Path, encoding: str, max_bytes: int, *, as_options: bool = False) -> str:
    """The whole file as text; errors name arguments of Python, or options of the command line."""
    with open(file, "rb") as opened:
        magic = opened.read(4)
    if magic == b"PK\3\4":
        msg = (
            f"path: got {file}, a zip archive or an Excel workbook, expected text; unpack it, or save the sheet as CSV"
        )
        raise ValueError(msg)
    try:
        with gzip.open(file, "rb") if magic[:2] == b"\x1f\x8b" else open(file, "rb") as stream:
            content = stream.read(max_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        msg = f"path: got {file}, a damaged gzip file ({error}), expected a whole one; compress it again"
        raise ValueError(msg) from error
    if len(content) > max_bytes:
        msg = f"path: got {file} of more than {max_bytes} bytes of text, expected at most max_bytes; raise it if you trust the file"
        raise ValueError(msg)
    is_utf_8 = encoding in ("utf-8", "utf8", "UTF-8")
    try:
        # utf-8-sig: spreadsheets put a byte-order mark in front, which would become part of the first column's name.
        text = content.decode("utf-8-sig" if is_utf_8 else encoding)
    except (UnicodeDecodeError, LookupError, TypeError) as error:
        likely = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1" if is_utf_8 else "utf-8"
        msg = f"encoding: got {encoding!r}, by which {file} is no text ({error}), expected its own; for example "
        msg += _argument("encoding", likely, as_options)
        raise ValueError(msg) from error
    if "\0" in text:
        msg = f"path: got {file}, which holds NUL bytes, expected text; if it is text of 16 bits, pass "
        msg += _argument("encoding", "utf-16-le", as_options)
        raise ValueError(msg)
    return text


def delimiter_of(text: str) -> str:
    """The character between the cells, as the first line has it: of semicolon, tab and comma the one that occurs most."""
    first = re.sub('"[^"]*"', "", next(iter(text.strip().splitlines()), ""))
    return max(";\t,", key=lambda each: (first.count(each), each == ","))


def delimiter_or_found(delimiter: str | None, text: str) -> str:
    """The delimiter that was given as an option, or the one of the first line.

    Raises:
        ValueError: no single character, a quote, or the end of a line.
    """
    if delimiter is None:
        return delimiter_of(text)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        msg = f"delimiter: got {delimiter!r:.20}, expected one character; leave --delimiter out, and the first line tells it"
        raise ValueError(msg)
    return delimiter


def lines_of(file: Path, text: str, delimiter: str, *, as_options: bool = False) -> list[list[str]]:
    """The cells of all lines that are not empty; errors name arguments of Python, or options of the command line."""
    first = next(iter(text.strip().splitlines()), "")
    others = [other for other in ",;\t| " if other in first]
    if delimiter not in first and first.startswith("#"):
        msg = f"path: got {file}, whose first line {first!r:.60} is a comment, expected a header; remove lines of comments"
        raise ValueError(msg)
    if delimiter not in first and others:
        msg = f"delimiter: got {delimiter!r}, which the first line {first!r:.60} of {file} lacks, expected its own; "
        msg += f"pass {_argument('delimiter', others[0], as_options)}"
        raise ValueError(msg)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        lines = [line for line in reader if line]
    except csv.Error as error:
        msg = f"path: got {file}, which is no table at line {reader.line_num} ({error}), expected paired quotes and short cells"
        raise ValueError(msg) from error
    if not lines:
        msg = f"path: got {file}, which is empty, expected a header and rows"
        raise ValueError(msg)
    return lines


def header_of(file: Path, header: Sequence[str], *, is_given: bool = False, as_options: bool = False) -> list[str]:
    """The names of the columns, refused if they are numbers or repeated."""
    columns, argument = [name.strip() for name in header], "names" if is_given else "path"
    if any(NUMBER.fullmatch(name) for name in columns):
        msg = (
            f"{argument}: got numbers in the first line {columns!r:.80} of {file}, expected a header of names; "
            "rename those columns, or add the names of a file without a header "
        )
        msg += "as its first line" if as_options else "by names=[...]"
        raise ValueError(msg)
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        msg = f"{argument}: got the columns {repeated} twice or more in {file}, expected no two names the same"
        raise ValueError(msg)
    return columns


def _argument(name: str, value: str, as_options: bool) -> str:
    in_shells = "$" * (value == "\t")  # \t is a tabulator in $'\t' alone
    return f"--{name} {in_shells}{value!r}" if as_options else f"{name}={value!r}"


def refuse_ragged(file: Path, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Refuse rows with more or fewer cells than there are columns."""
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(columns):
            is_comment = bool(cells) and cells[0].lstrip().startswith("#")
            remedy = "remove lines of comments" if is_comment else "quote cells that hold a delimiter"
            if all(len(row) == len(columns) + 1 for row in rows):
                remedy = "R writes row numbers without a name: use write.csv(table, row.names = FALSE), or name it in the header"
            msg = f"path: got {len(cells)} cells in row {number} of {file}, expected {len(columns)}, one for each column; {remedy}"
            raise ValueError(msg)
