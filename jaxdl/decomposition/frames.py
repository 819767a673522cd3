"""Decompositions as data frames of pandas, and as text with commas between the cells."""

import csv
import io
import math
import os
from typing import TYPE_CHECKING, Any

from jaxdl.decomposition.record import Record
from jaxdl.decomposition.rows import Row, headings, rows_of
from jaxdl.files import write_atomically
from jaxdl.paths import as_path

if TYPE_CHECKING:
    from pandas import DataFrame


def to_pandas(result: Record) -> "DataFrame":
    """A row for each term at each setting and time; `attrs` hold the loss, the design and the notes."""
    try:
        import pandas
    except ImportError as error:
        msg = "to_pandas: got no pandas, expected it installed; pip install 'pandas>=2.2'"
        raise ImportError(msg) from error
    frame = pandas.DataFrame.from_records(list(rows_of(result)), columns=list(Row._fields))[list(headings(result))]
    levels = dict(zip(result.design.factors, result.design.shape, strict=True))
    frame.attrs = {"loss": result.loss, "levels": levels, "notes": list(result.notes)}
    return frame


def to_csv(result: Record, path: str | os.PathLike[str]) -> None:
    """Write the rows to `path`, whole or not at all."""
    file = as_path("path", path)
    if file.exists() and not file.is_file():
        msg = f"path: got {file}, which is a folder or a device, expected the name of a file; name one in it"
        raise ValueError(msg)
    if not file.parent.is_dir():
        msg = f"path: got {file}, expected a file in a folder that is there; make {file.parent} first"
        raise FileNotFoundError(msg)
    names = headings(result)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows_of(result))
    write_atomically(file, text.getvalue().encode())


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(value)
