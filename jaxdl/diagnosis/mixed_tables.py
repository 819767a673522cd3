"""Tables as people have them: numbers beside text, missing cells, commas as decimal points. Each decision becomes a note."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from jaxdl.data.cells import MISSING, MISSING_NAMES, NUMBER, groups_thousands, has_decimal_commas, numbers_or_nan
from jaxdl.data.lines import delimiter_or_found, header_of, lines_of, refuse_ragged, text_of
from jaxdl.data.tables import INDEX, STEPS_OF_ONE

Array = np.ndarray
MAX_BYTES = 2**30
MOST_CLASSES = 10
"""Different whole numbers of a target that is taken for classes; more are measurements, unless the caller says otherwise."""
FEWEST_ROWS = 80
ALMOST_ALL = 0.9
"""The share of different texts from which on a column names rows, and of numbers from which on it is one of numbers."""

Task = Literal["regression", "classification"]


class Examples(NamedTuple):
    """A table as numbers: missing cells are nan, texts are numbered by their names."""

    x: Float[Array, "n features"]
    y: Float[Array, " n"] | Int[Array, " n"]
    """Numbers, or the numbers of classes."""
    columns: tuple[str, ...]
    is_text: tuple[bool, ...]
    """Which columns of x hold categories."""
    target: str
    classes: tuple[str, ...]
    """The names of the classes; none for regression."""
    notes: tuple[str, ...]

    @property
    def task(self) -> Task:
        """What the target asks for."""
        return "classification" if self.classes else "regression"


def read_examples(
    file: Path,
    target: str,
    *,
    task: Task | None = None,
    delimiter: str | None = None,
    leave_out: Sequence[str] = (),
    encoding: str = "utf-8",
) -> Examples:
    """The examples of a text table with a header.

    A column of numbers may have missing cells, and points or commas in its numbers. Every other column is one of categories, but
    for texts that differ in nearly every row, which name rows and are left out, as are row numbers and constants.

    Args:
        file: the table.
        target: the column to predict. Rows in which it is missing are left out.
        task: "regression" or "classification"; unless given, texts and at most ten different whole numbers are classes.
        delimiter: between the cells; found in the first line unless given.
        leave_out: columns that are not used.
        encoding: of the text.

    Raises:
        ValueError: no such column, too few rows, a target that does not vary, no column to predict from; what `data.lines` refuses.
    """
    text = text_of(file, encoding, MAX_BYTES, as_options=True)
    separator = delimiter_or_found(delimiter, text)
    lines = lines_of(file, text, separator, as_options=True)
    columns = header_of(file, lines[0], as_options=True)
    rows = lines[1:]
    if not rows:
        msg = f"path: got {file}, which has a header and no rows, expected {FEWEST_ROWS} or more; write them"
        raise ValueError(msg)
    refuse_ragged(file, rows, columns)
    for argument, names in (("target", [target]), ("leave-out", leave_out)):
        for name in names:
            if name not in columns:
                msg = f"{argument}: got {name!r}, expected a column of {file}, one of {columns}; name it as the header does"
                raise ValueError(msg)
    if target in leave_out:
        msg = f"leave-out: got {target!r}, which is the target as well, expected a column to predict from; name others"
        raise ValueError(msg)
    cells = {
        name: [cell.strip() for cell in column] for name, column in zip(columns, zip(*rows, strict=True), strict=True)
    }
    has_commas = has_decimal_commas(separator, cells)
    notes: list[str] = []
    kept = np.flatnonzero(~_missing_in(cells[target], has_commas))
    if len(kept) < len(rows):
        notes.append(f"{len(rows) - len(kept)} of {len(rows)} rows have no {target} and are left out")
    if len(kept) < FEWEST_ROWS:
        msg = f"path: got {len(kept)} rows with a {target} in {file}, expected {FEWEST_ROWS} or more; fewer cannot be split "
        msg += "into sets to train and to test on; collect more"
        raise ValueError(msg)
    y, classes = _labels(target, [cells[target][row] for row in kept], task, has_commas, notes)
    x, names, is_text = [], [], []
    for name in columns:
        if name == target or name in leave_out:
            continue
        values, holds_text = _feature(name, [cells[name][row] for row in kept], has_commas, notes)
        if values is not None:
            x.append(values)
            names.append(name)
            is_text.append(holds_text)
    if not x:
        msg = f"path: got {file} without a column to predict {target} from, expected one or more that vary; add columns"
        raise ValueError(msg)
    matrix = np.stack(x, axis=1)
    first = _first_of_copies(matrix, y)
    if len(first) < len(y):
        count = len(y) - len(first)
        if not classes and len(np.unique(y[first])) > ALMOST_ALL * len(first):
            matrix, y = matrix[first], y[first]
            notes.append(f"{count} rows are copies of others, which would be trained and tested on, and are left out")
        else:
            notes.append(f"{count} rows equal others; if they are copies, remove them, as the risk comes out too low")
    if len(y) < FEWEST_ROWS:
        msg = f"path: got {len(y)} different rows in {file}, expected {FEWEST_ROWS} or more; collect more"
        raise ValueError(msg)
    return Examples(matrix, y, tuple(names), tuple(is_text), target, classes, tuple(notes))


def _first_of_copies(x: Float[Array, "n features"], y: Num[Array, " n"]) -> Int[Array, " rows"]:
    """The rows that equal no earlier one, missing cells being equal."""
    rows = np.column_stack([np.nan_to_num(x, nan=np.inf), y])
    return np.sort(np.unique(rows, axis=0, return_index=True)[1])


def _missing_in(cells: Sequence[str], has_commas: bool) -> Bool[Array, " n"]:
    """Which cells of a column are missing: those that mark a missing number, or of a column of names those that are no name."""
    bare = [cell.lower().lstrip("+-") for cell in cells]
    is_missing = np.array([cell in MISSING for cell in bare])
    num_numbers = int((~np.isnan(numbers_or_nan(cells, has_commas=has_commas))).sum())
    if num_numbers and num_numbers >= ALMOST_ALL * (~is_missing).sum():
        return is_missing
    return np.array([cell in MISSING_NAMES for cell in bare])


def _labels(
    target: str, cells: Sequence[str], task: Task | None, has_commas: bool, notes: list[str]
) -> tuple[Num[Array, " n"], tuple[str, ...]]:
    numbers = numbers_or_nan(cells, has_commas=has_commas)
    is_number = ~np.isnan(numbers)
    different = np.unique(numbers[is_number]) if is_number.any() else np.zeros(0)
    if task == "regression" or (task is None and is_number.mean() >= ALMOST_ALL):
        if not is_number.all():
            row = int(np.argmin(is_number))
            msg = f"target: got {cells[row]!r:.40} in column {target!r}, where {int(is_number.sum())} of {len(cells)} rows hold "
            msg += "numbers, expected numbers alone; correct it or remove the row"
            msg += "" if NUMBER.fullmatch(cells[row]) else ", or say --task classification"
            raise ValueError(msg)
        is_measured = len(different) > MOST_CLASSES or (different != np.round(different)).any()
        if task == "regression" or (is_measured and len(different) > 2):
            if len(different) < 2:
                msg = f"target: got {cells[0]!r} in every row of column {target!r}, expected numbers that vary; name another column"
                raise ValueError(msg)
            _tell_of_thousands(target, cells, numbers, has_commas, notes)
            return numbers, ()
        notes.append(
            f"{target} has {len(different)} different values and is taken for classes; --task regression if it is measured"
        )
    names, codes = np.unique(cells, return_inverse=True)
    if len(names) < 2 or len(names) > len(cells) / 5:
        count = "one value" if len(names) < 2 else f"{len(names)} different values"
        msg = f"target: got {count} such as {cells[0]!r:.30} in the {len(cells)} rows of column {target!r}, expected numbers, or "
        msg += "classes of 5 rows or more on average; remove signs of currencies and separators of thousands, join rare classes, "
        msg += "or name another column"
        raise ValueError(msg)
    return codes.reshape(-1), tuple(names.tolist())


def _feature(
    name: str, cells: Sequence[str], has_commas: bool, notes: list[str]
) -> tuple[Float[Array, " n"] | None, bool]:
    """One column as numbers and whether they stand for texts; nothing, and a note, for one that tells nothing."""
    is_missing = _missing_in(cells, has_commas)
    present = [cell for cell, missing in zip(cells, is_missing, strict=True) if not missing]
    label = name or "the column without a name"
    if len(set(present)) < 2 and len(present) in (0, len(cells)):
        notes.append(f"{label} is the same in every row and is left out")
        return None, False
    numbers = numbers_or_nan(cells, has_commas=has_commas)
    num_numbers = int((~np.isnan(numbers)).sum())
    if num_numbers >= ALMOST_ALL * len(present):
        if INDEX.fullmatch(name) or not name or _counts_rows(numbers):
            notes.append(f"{label} holds row numbers and is left out")
            return None, False
        _tell_of_thousands(label, cells, numbers, has_commas, notes)
        if num_numbers < len(present):
            odd = cells[int(np.argmax(np.isnan(numbers) & ~is_missing))]
            notes.append(
                f"{label}: {len(present) - num_numbers} cells such as {odd!r:.20} are no numbers and count as missing"
            )
        if num_numbers < len(cells):
            notes.append(
                f"{label}: {len(cells) - num_numbers} missing cells are filled with the median of the training rows"
            )
        return numbers, False
    texts, codes = np.unique(np.where(is_missing, "", cells), return_inverse=True)
    if len(texts) > 20 and len(texts) > len(cells) / 2:
        notes.append(
            f"{label}: {len(texts)} texts such as {present[0]!r:.20} in {len(cells)} rows name rows rather than kinds; left out"
        )
        return None, True
    if len(present) < len(cells):
        notes.append(f"{label}: {len(cells) - len(present)} missing cells are a category of their own")
    return codes.reshape(-1).astype(float), True


def _tell_of_thousands(
    label: str, cells: Sequence[str], numbers: Float[Array, " n"], has_commas: bool, notes: list[str]
) -> None:
    """A note where points without a comma after them were taken to group thousands."""
    grouped = [
        cell for cell, number in zip(cells, numbers, strict=True) if groups_thousands(cell) and abs(number) >= 1000
    ]
    if has_commas and grouped:
        notes.append(f"{label}: points such as that of {grouped[0]!r:.20} are taken to group thousands")


def _counts_rows(numbers: Float[Array, " n"]) -> bool:
    """Whether whole numbers rise by one from row to row, but for a few rows that are gone."""
    steps = np.diff(numbers)
    return bool((steps > 0).all() and (numbers == np.round(numbers)).all() and (steps == 1).mean() >= STEPS_OF_ONE)
