"""The cells of one column of a text table as numbers, or an error about the first that is none."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

MISSING = {"", "?", ".", "na", "n/a", "#n/a", "nan", "null", "none", "missing", "<na>", "inf", "infinity"}
"""How people mark a missing number, in small letters and without a sign."""
MISSING_NAMES = {"", "na", "n/a", "#n/a", "nan", "<na>"}
"""Those that are no name: a class, a level or a point may be called none."""
# What Python's float reads and no spreadsheet means, such as 1_2, nan or digits of other scripts, is no number here.
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?([0-9]+|[1-9][0-9]{0,2}(\.[0-9]{3})+)?,[0-9]+([eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")
_WHOLE = re.compile(r"[+-]?([0-9]+)(\.0*)?")
_MAX_SHOWN = 20


def has_decimal_comma(cell: str) -> bool:
    """Whether a cell is a number with a comma in it, such as 1,5 or 1.234,5.

    >>> [cell for cell in ("1,5", "1.234,5", "1.234", "a, 5") if has_decimal_comma(cell)]
    ['1,5', '1.234,5']
    """
    return _DECIMAL_COMMA.fullmatch(cell) is not None


def has_decimal_commas(delimiter: str, columns: Mapping[str, Sequence[str]]) -> bool:
    """Whether commas are decimal points in a table: some cells say so, and semicolons are between them.

    >>> has_decimal_commas(";", {"x": ["1,5"], "y": ["2"]}), has_decimal_commas(";", {"x": ["1.5"]})
    (True, False)
    """
    return delimiter == ";" and any(has_decimal_comma(cell) for column in columns.values() for cell in column)


def groups_thousands(cell: str) -> bool:
    """Whether the points of a cell may group thousands, as in 1.234 or 1.234.567.

    >>> [cell for cell in ("1.234", "1.5", "0.123", "12.345.678") if groups_thousands(cell)]
    ['1.234', '12.345.678']
    """
    return _THOUSANDS.fullmatch(cell) is not None


def numbers_or_nan(cells: Sequence[str], *, has_commas: bool) -> Float[np.ndarray, " n"]:
    """The cells of one column as numbers; nan for what is none.

    In a table that has commas as decimal points, points group thousands, so that 1.234 is the number of 1.234,0. But where a cell
    such as 1.5 shows a decimal point, they are decimal in the whole column; beside 0,5 they may be either, and are no numbers.

    >>> numbers_or_nan(["1.234", "1.234,5", "1.234.567"], has_commas=True).tolist()
    [1234.0, 1234.5, 1234567.0]
    >>> numbers_or_nan(["1.234", "1.5"], has_commas=True).tolist(), numbers_or_nan(["0,5", "1.5"], has_commas=True).tolist()
    ([1.234, 1.5], [0.5, nan])
    """
    are_decimal = any("." in cell and NUMBER.fullmatch(cell) and not groups_thousands(cell) for cell in cells)
    are_either = are_decimal and any(map(has_decimal_comma, cells))

    def number(cell: str) -> float:
        if not has_commas:
            text = cell
        elif has_decimal_comma(cell) or (groups_thousands(cell) and not are_decimal):
            text = cell.replace(".", "").replace(",", ".")
        else:
            text = "" if are_either and "." in cell else cell
        value = float(text) if NUMBER.fullmatch(text) else math.nan
        return value if math.isfinite(value) else math.nan

    return np.array([number(cell) for cell in cells], float)


def numbers_of(
    file: Path, name: str, cells: Sequence[str], values: Sequence[str] | None, decimal: str
) -> Float[np.ndarray, "n width"]:
    """One column of the table as numbers `(n, 1)`, or one-hot `(n, categories)`."""
    if values is not None:
        codes = {value: code for code, value in enumerate(values)}
        for row, cell in enumerate(cells, start=1):
            if cell not in codes:
                msg = f"categories[{name!r}]: got {cell!r} in row {row} of {file}, expected one of {values}; "
                msg += "add it, or remove the row"
                raise ValueError(msg)
        return np.eye(len(values))[[codes[cell] for cell in cells]]
    # With decimal commas a point is no part of a number: it may group thousands.
    texts = cells if decimal == "." else [cell.replace(".", " ").replace(",", ".") for cell in cells]
    numbers = [float(text) if NUMBER.fullmatch(text) else math.nan for text in texts]
    for row, (cell, text, number) in enumerate(zip(cells, texts, numbers, strict=True), start=1):
        if not math.isfinite(number) or _is_changed(text, number):
            msg = f"path: got {cell!r:.60} in row {row}, column {name!r} of {file}, expected a finite number; "
            msg += _remedy(name, cell, cells, decimal)
            raise ValueError(msg)
    return np.array(numbers)[:, None]


def _is_changed(text: str, number: float) -> bool:
    """Whether the float is zero where the text is not, or another whole number."""
    if number == 0:
        return len(text) > 5 and re.search("[1-9]", re.split("[eE]", text)[0]) is not None
    whole = _WHOLE.fullmatch(text) if len(text) > 15 else None
    return whole is not None and int(whole[1].lstrip("0")) != abs(number)


def _remedy(name: str, cell: str, cells: Sequence[str], decimal: str) -> str:
    """The remedy for a column with a cell that is no number."""
    if cell.lower().lstrip("+-") in MISSING:
        return f"it is missing or infinite: remove or impute such rows, or pass leave_out=[{name!r}]"
    if decimal == "," and "." in cell and NUMBER.fullmatch(cell):
        return "if its point is a decimal one, leave decimal=',' out; if it groups thousands, remove it"
    if NUMBER.fullmatch(cell.replace(",", ".") if decimal == "," else cell):
        return f"no float holds it: rescale it, or pass leave_out=[{name!r}] if it is an identifier"
    if NUMBER.fullmatch(cell.replace(".", "").replace(",", ".")) and re.search(r",[0-9]{1,2}$|,[0-9]{4,}$", cell):
        return "if its comma is a decimal one, pass decimal=',' and the file's delimiter"
    plain = re.sub(r"[\s,'.$€£¥%]", "", cell)
    if plain.isascii() and plain.isdigit():
        return "remove separators of thousands, signs of percent and of currencies"
    if re.fullmatch(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*", cell):
        return f"turn dates into numbers, such as days since the first, or pass leave_out=[{name!r}]"
    likely = "".join(map(_likely, cell))
    if NUMBER.fullmatch(likely):
        odd = next(character for character in cell if _likely(character) != character)
        return f"{odd!r} ({unicodedata.name(odd, 'no name')}) is no part of a number: write {likely!r:.60}"
    values = sorted({*cells})
    if len(values) <= _MAX_SHOWN:
        return f"a column of text becomes one-hot by categories={{{name!r}: {values!r}}}; or pass leave_out=[{name!r}]"
    return f"encode its {len(values)} different texts as numbers or categories, or pass leave_out=[{name!r}]"


def _likely(character: str) -> str:
    """The sign, digit or exponent of a number that a character stands for; any other as it is."""
    if character == "\N{MINUS SIGN}" or unicodedata.category(character) == "Pd":
        return "-"
    return "e" if character in "dD" else str(unicodedata.decimal(character, character))
