"""Tables of text: read exactly, or refused with the option that reads them.

Nothing is guessed. A cell is a number only if a spreadsheet would call it one. Row numbers are not features. Missing cells are
refused. The file is read again only to describe an error.
"""

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl.data.arrays import from_arrays
from jaxdl.data.cells import numbers_of
from jaxdl.data.lines import header_of, lines_of, refuse_ragged, text_of
from jaxdl.kinds import as_count
from jaxdl.paths import as_file
from jaxdl.types import Dataset

INDEX = re.compile(r"index|Unnamed: [0-9.]+")
"""What pandas calls an index that it keeps as a column."""
STEPS_OF_ONE = 0.9
"""The share of steps by one, or of steps by minus one, from which on a column of whole numbers may be an index with gaps."""
FEWEST_ROWS = 10
"""Fewer rows may be in order by chance."""


def from_csv(
    path: str | os.PathLike[str],
    target: str | Sequence[str],
    *,
    features: Sequence[str] | None = None,
    leave_out: Sequence[str] = (),
    categories: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] | None = None,
    num_classes: int | None = None,
    delimiter: str = ",",
    decimal: str = ".",
    encoding: str = "utf-8",
    max_bytes: int = 2**32,
) -> Dataset:
    r"""A data set from a text table with a header: the columns `target` as y, in that order, all others as x.

    Cells are numbers, or one of the `categories` of their column. Empty lines are skipped; rows are counted from 1, below the
    header. Files compressed by gzip are unpacked.

    Args:
        path: of the file; `~` is the home folder.
        target: the name or names of the columns of y. Whole labels from 0 turn one-hot by `num_classes`, as in `from_arrays`.
        features: the columns of x, in this order; all but the targets unless given. Only a column that is named here may be
            called index or Unnamed: 0, as pandas does, or hold the row numbers, 0 to n-1 or 1 to n: elsewhere the first column is
            then taken for an index and refused. A first column of whole numbers in order, with few gaps, brings a warning.
        leave_out: columns that are not read, whatever they hold; `""` is a column without a name.
        categories: for each column of text its values. It becomes one-hot in their order, in x as in y.
        names: of all columns, for a file without a header.
        num_classes: see `target`.
        delimiter: between cells, one character.
        decimal: `"."` or `","`.
        encoding: of the text, such as `"latin-1"` or `"utf-16"`.
        max_bytes: of the file once unpacked.

    Raises:
        ValueError: no header; names that are numbers, missing or repeated; columns that the file lacks; rows of another length;
            cells that are missing, no finite number, or none of their categories; a column of row numbers; another encoding,
            delimiter or kind of file, such as a folder; or whatever `from_arrays` refuses.
        OSError: the file cannot be opened, `FileNotFoundError` where it is missing.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "cars.csv").write_text("weight;price;fuel\n1,5;9;gas\n0,5;7;diesel\n")
    ...     from_csv(f"{folder}/cars.csv", "price", delimiter=";", decimal=",", categories={"fuel": ["diesel", "gas"]}).x.tolist()
    [[1.5, 0.0, 1.0], [0.5, 1.0, 0.0]]
    """
    for name, value, allowed in (("delimiter", delimiter, None), ("decimal", decimal, (".", ","))):
        if not isinstance(value, str) or len(value) != 1 or value in '"\r\n\0' or (allowed and value not in allowed):
            msg = f"{name}: got {value!r}, expected {'one character' if allowed is None else 'a point or a comma'}"
            raise ValueError(msg)
    if delimiter == decimal:
        msg = f"decimal: got {decimal!r}, which is the delimiter as well, expected two characters; pass delimiter=';'"
        raise ValueError(msg)
    file = as_file("path", path)
    lines = lines_of(file, text_of(file, encoding, as_count("max_bytes", max_bytes)), delimiter)
    header, rows = (lines[0], lines[1:]) if names is None else (_names("names", names), lines)
    columns = header_of(file, header, is_given=names is not None)
    targets = _chosen("target", [target] if isinstance(target, str) else target, columns, file)
    left_out = _chosen("leave_out", leave_out, columns, file)
    named = None if features is None else _chosen("features", features, columns, file)
    texts = _categories(categories or {}, columns, file)
    inputs = [name for name in columns if name not in targets and name not in left_out] if named is None else named
    for argument, repeated in (
        ("leave_out", {*left_out} & {*targets, *(named or ())}),
        ("features", {*inputs} & {*targets}),
    ):
        if repeated:
            msg = f"{argument}: got {sorted(repeated)}, which other arguments name as well, expected one use of each column"
            raise ValueError(msg)
    for wanted, argument in ((targets, "target"), (inputs, "features")):
        if not wanted:
            msg = f"{argument}: got no column of {file}, expected one or more of {columns}"
            raise ValueError(msg)
    if not rows:
        msg = f"path: got {file}, which has a header and no rows, expected one row or more"
        raise ValueError(msg)
    refuse_ragged(file, rows, columns)
    if "" in {*inputs, *targets}:
        place = columns.index("") + 1
        msg = (
            f"path: got {file}, whose column {place} has no name, expected names; pass leave_out=[''] if it holds row numbers, as "
            "pandas and R write, or if a delimiter ends each line"
        )
        raise ValueError(msg)
    table = {
        name: numbers_of(file, name, [row[columns.index(name)].strip() for row in rows], texts.get(name), decimal)
        for name in (*inputs, *targets)
    }
    if named is None:
        _refuse_index(file, inputs, table[columns[0]] if inputs[0] == columns[0] else None)
    x, y = (np.concatenate([table[name] for name in wanted], axis=1) for wanted in (inputs, targets))
    return from_arrays(x, y, num_classes=num_classes)


def _names(argument: str, value: Any) -> list[str]:
    """Names of columns, as a list."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(name, str) for name in value):
        msg = f"{argument}: got {value!r:.60}, expected a list of names"
        raise ValueError(msg)
    return list(value)


def _chosen(argument: str, value: Any, columns: Sequence[str], file: Path) -> list[str]:
    """Names of columns of the file, each once."""
    chosen = _names(argument, value)
    for name in chosen:
        if name not in columns:
            msg = f"{argument}: got {name!r}, expected a column of {file}, one of {columns}"
            raise ValueError(msg)
    if len({*chosen}) < len(chosen):
        msg = f"{argument}: got {chosen}, expected each column once"
        raise ValueError(msg)
    return chosen


def _categories(value: Any, columns: Sequence[str], file: Path) -> dict[str, list[str]]:
    """The values of each column of text."""
    if not isinstance(value, Mapping):
        msg = f"categories: got {value!r:.60}, expected columns and their values; pass {{'sex': ['female', 'male']}}"
        raise ValueError(msg)
    _chosen("categories", list(value), columns, file)
    texts = {name: [text.strip() for text in _names(f"categories[{name!r}]", values)] for name, values in value.items()}
    for name, values in texts.items():
        if not values or len({*values}) < len(values):
            msg = f"categories[{name!r}]: got {values}, expected one value or more, no two the same"
            raise ValueError(msg)
    return texts


def _refuse_index(file: Path, inputs: Sequence[str], first: np.ndarray | None) -> None:
    """Refuse row numbers among the features, by their name or as the values of the `first` column, and warn of likely ones.

    It takes three rows or more, as 0 and 1 in order are common.
    """
    indices = [name for name in inputs if INDEX.fullmatch(name)]
    values = None if first is None or first.shape[1] > 1 else first[:, 0]
    if not indices and values is not None and len(values) >= 3:
        is_counted = any((values == np.arange(start, start + len(values))).all() for start in (0, 1))
        indices = [inputs[0]] if is_counted else []
    if indices:
        msg = (
            f"path: got row numbers in column {indices[0]!r} of {file}, expected features; pass leave_out={indices}, or, if it "
            "is one, name the columns of x by features=[...]"
        )
        raise ValueError(msg)
    if values is None or len(values) < FEWEST_ROWS or (values != np.round(values)).any():
        return
    steps = np.diff(values) * np.sign(values[-1] - values[0])
    if (steps > 0).all() and (steps == 1).mean() >= STEPS_OF_ONE:
        warnings.warn(
            f"path: got whole numbers in order in column {inputs[0]!r} of {file}, which may be row numbers with gaps; pass "
            f"leave_out=[{inputs[0]!r}], or, if it is a feature, name the columns of x by features=[...]",
            stacklevel=3,
        )
