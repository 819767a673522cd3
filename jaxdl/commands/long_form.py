"""Predictions in a table in long form: a row for each run and test point, in any order."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from jaxdl.commands.saved import Saved, Wanted
from jaxdl.data.cells import MISSING, MISSING_NAMES, NUMBER, has_decimal_commas, numbers_or_nan
from jaxdl.data.lines import delimiter_or_found, header_of, lines_of, refuse_ragged, text_of

Array = np.ndarray
PREDICTION = "prediction"
MAX_BYTES = 2**32


class _Column(NamedTuple):
    """The cells of one column, each as the number of its value; values in order of size, or of the alphabet."""

    name: str
    codes: Int[Array, " rows"]
    values: list[str]


def from_table(
    file: Path, wanted: Wanted, *, point: str, delimiter: str | None = None, encoding: str = "utf-8"
) -> Saved:
    """The predictions of a table in long form, with one axis for each factor, and points.

    Where semicolons are between the cells, commas may be decimal points.

    Raises:
        ValueError: a column that the table lacks, a cell that is missing or no number, a run and point that come twice or not at
            all, labels that differ within a point; rows of another length, or whatever else `data.lines` refuses.
    """
    text = text_of(file, encoding, MAX_BYTES, as_options=True)
    separator = delimiter_or_found(delimiter, text)
    lines = lines_of(file, text, separator, as_options=True)
    columns = header_of(file, lines[0], as_options=True)
    rows = lines[1:]
    if not rows:
        msg = f"path: got {file}, which has a header and no rows, expected a row for each run and point; write them"
        raise ValueError(msg)
    refuse_ragged(file, rows, columns)
    table = {
        name: [cell.strip() for cell in column] for name, column in zip(columns, zip(*rows, strict=True), strict=True)
    }
    has_commas = has_decimal_commas(separator, table)
    outputs = wanted.predictions or (PREDICTION,)
    names = {"factors": wanted.factors, "point": (point,), "predictions": outputs, "labels": wanted.truth}
    for argument, asked in (names | {"times": (wanted.times,) if wanted.times else ()}).items():
        for name in asked:
            if name not in table:
                msg = (
                    f"{argument}: got {name!r}, expected a column of {file}, one of {columns}; name it by --{argument}"
                )
                raise ValueError(msg)
    for argument, axis in (("times", wanted.times), ("point", point)):
        if axis in wanted.factors:
            msg = f"{argument}: got {axis!r}, which is a factor as well, expected a column of its own; name each column once"
            raise ValueError(msg)
    axes = [*wanted.factors, *([wanted.times] if wanted.times else []), point]
    cells = [_column(file, name, table[name]) for name in axes]
    if wanted.nested:
        cells = _within(cells, len(wanted.factors))
    shape = tuple(int(each.codes.max()) + 1 for each in cells)
    place = _places(file, cells, shape, is_nested=wanted.nested)
    predictions = _values(file, outputs, table, has_commas=has_commas)[place]
    has_out = len(outputs) > 1
    predictions = predictions.reshape(*shape, len(outputs)) if has_out else predictions.reshape(shape)
    truth = _truth(file, wanted.truth, table, cells[-1], has_commas=has_commas) if wanted.truth else None
    times = [float(value) for value in cells[-2].values] if wanted.times and _are_numbers(cells[-2].values) else None
    dims = (*(("times",) if wanted.times else ()), "points", *(("out",) if has_out else ()))
    return Saved(predictions, dims, truth, times, outputs if has_out else ())


def _column(file: Path, name: str, cells: Sequence[str]) -> _Column:
    texts = np.array(cells)
    values, codes = np.unique(texts, return_inverse=True)
    names = values.tolist()
    missing = [value for value in names if value.lower() in MISSING_NAMES]
    if missing:
        row = 1 + int(np.argmax(texts == missing[0]))
        msg = f"{name}: got {missing[0]!r} in row {row} of {file}, expected a level or a point in every row; fill it in, or remove "
        msg += "the row"
        raise ValueError(msg)
    if _are_numbers(names):
        order = np.argsort([float(value) for value in names], kind="stable")
        return _Column(name, np.argsort(order)[codes], [names[index] for index in order])
    return _Column(name, codes, names)


def _are_numbers(values: Sequence[str]) -> bool:
    return all(NUMBER.fullmatch(value) for value in values)


def _within(cells: list[_Column], num_factors: int) -> list[_Column]:
    """Levels counted anew within each level of the factors before, whatever they are called there."""
    result, path = cells[:1], cells[0].codes
    for each in cells[1:num_factors]:
        pairs, inverse = np.unique(np.stack([path, each.codes]), axis=1, return_inverse=True)
        inverse = inverse.reshape(-1)
        first = np.searchsorted(pairs[0], pairs[0])  # where each outer level begins
        result.append(_Column(each.name, (np.arange(pairs.shape[1]) - first)[inverse], each.values))
        path = inverse
    return [*result, *cells[num_factors:]]


def _places(file: Path, cells: list[_Column], shape: tuple[int, ...], *, is_nested: bool) -> Int[Array, " rows"]:
    """The row of each run and point, in the order of the axes; refuse those that come twice, or not at all."""
    size = int(np.prod(np.array(shape, object)))
    if size >= 2**62:
        msg = f"factors: got {shape} levels and points in {file}, expected a balanced table; check the names of the columns"
        raise ValueError(msg)
    flat = np.ravel_multi_index([each.codes for each in cells], shape)
    order = np.argsort(flat, kind="stable")
    found = flat[order]
    twice = np.flatnonzero(found[1:] == found[:-1])
    if len(twice):
        first, second = sorted(int(row) + 1 for row in order[twice[0] : twice[0] + 2])
        what = ", ".join(f"{each.name} {each.values[each.codes[first - 1]]}" for each in cells)
        msg = f"path: got rows {first} and {second} of {file} for one run and point ({what}), expected one; "
        msg += "name what tells them apart by --factors, or remove one"
        raise ValueError(msg)
    if len(found) < size:
        gap = int(np.flatnonzero(found != np.arange(len(found)))[0]) if found[-1] >= len(found) else len(found)
        levels = np.unravel_index(gap, shape)
        what = ", ".join(
            f"{each.name} {each.values[level] if not is_nested or len(each.values) == count else f'number {level}'}"
            for each, level, count in zip(cells, levels, shape, strict=True)
        )
        remedy = "add them, or leave out whole levels"
        if not is_nested and len(cells) > 2 and _is_nested(cells[0].codes, cells[1].codes):
            remedy = f"each {cells[1].name} belongs to one {cells[0].name}: pass --nested"
        msg = f"path: got {len(found)} rows in {file} for {' x '.join(map(str, shape))} {', '.join(each.name for each in cells)}, "
        msg += f"expected {size}; {size - len(found)} are missing, the first is {what}; {remedy}"
        raise ValueError(msg)
    return order


def _is_nested(outer: Int[Array, " rows"], inner: Int[Array, " rows"]) -> bool:
    """Whether each inner level occurs in one outer level alone."""
    pairs = np.unique(np.stack([inner, outer]), axis=1)
    return len(np.unique(pairs[0])) == pairs.shape[1]


def _values(
    file: Path, names: Sequence[str], table: Mapping[str, Sequence[str]], *, has_commas: bool
) -> Shaped[Array, "rows *outputs"]:
    """Columns of numbers, or one column of names of classes."""
    columns = [
        _numbers_or_names(file, name, table[name], may_be_names=len(names) == 1, has_commas=has_commas)
        for name in names
    ]
    return np.stack(columns, axis=-1) if len(columns) > 1 else columns[0]


def _numbers_or_names(
    file: Path, name: str, cells: Sequence[str], *, may_be_names: bool, has_commas: bool
) -> Float[Array, " rows"] | Shaped[Array, " rows"]:
    numbers = numbers_or_nan(cells, has_commas=has_commas)
    is_number = ~np.isnan(numbers)
    if is_number.all():
        return numbers
    row = int(np.argmin(is_number))
    marks = MISSING if is_number.any() else MISSING_NAMES
    missing = next((at for at, text in enumerate(cells) if text.lower().lstrip("+-") in marks), None)
    if missing is not None or is_number.any() or not may_be_names:
        row = row if missing is None else missing
        msg = f"{name}: got {cells[row]!r:.60} in row {row + 1} of {file}, expected a finite number in every row; "
        msg += "leave out each level or point that lacks one"
        raise ValueError(msg)
    return np.array(cells)


def _truth(
    file: Path, names: Sequence[str], table: Mapping[str, Sequence[str]], points: _Column, *, has_commas: bool
) -> Shaped[Array, "points *out"]:
    """The labels of each point, which all rows of that point must share."""
    values = _values(file, names, table, has_commas=has_commas)
    _, first = np.unique(points.codes, return_index=True)
    of_points = values[first]
    differs = of_points[points.codes] != values
    if differs.any():
        row = int(np.argwhere(differs)[0][0])
        at = points.codes[row]
        msg = f"labels: got {of_points[at]} and {values[row]} at {points.name} {points.values[at]} (rows {first[at] + 1} and "
        msg += f"{row + 1} of {file}), expected one label for each point; the point must name the same test example in every run"
        raise ValueError(msg)
    return of_points
