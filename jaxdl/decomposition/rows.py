"""The numbers of a decomposition as rows, one for each term at each setting and time: what every file format writes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxdl.decomposition.named_terms import label_of
from jaxdl.decomposition.record import Record


class Row(NamedTuple):
    """One number, with all that must be read with it; nan for what the design does not give."""

    setting: float | int | None
    """Its value, or its position where it has none; None without the axis."""
    time: float | int | None
    term: str
    estimate: float
    standard_error: float
    degrees_of_freedom: float
    low: float
    """The lower end of the 95 % interval."""
    high: float
    population: str
    estimand: str


def rows_of(result: Record) -> Iterator[Row]:
    """All rows, terms varying fastest."""
    for index in np.ndindex(np.shape(next(iter(result.estimates.values())))):
        at = positions(result, index)
        for term, estimates in result.estimates.items():
            has_error = not np.isnan(result.standard_errors[term][index])
            low, high = (float(end[term][index]) for end in (result.lower_ends, result.upper_ends))
            yield Row(
                at.get("settings"),
                at.get("times"),
                label_of(term),
                float(estimates[index]),
                float(result.standard_errors[term][index]),
                float(result.degrees_of_freedom[term][index]),
                low if has_error else np.nan,
                high if has_error else np.nan,
                result.populations[term],
                result.estimands[term],
            )


def positions(result: Record, index: tuple[int, ...]) -> dict[str, float | int]:
    """The setting and the time at an index, by the name of the axis: their values, or their positions where they have none."""
    found: dict[str, float | int] = {}
    for axis, position in zip(result.axes, index, strict=True):
        known = result.settings if axis == "settings" else result.times
        found[axis] = position if known is None else np.asarray(known)[position].item()
    return found


def headings(result: Record) -> tuple[str, ...]:
    """The fields of a row that this result has."""
    absent = {axis.removesuffix("s") for axis in ("settings", "times") if axis not in result.axes}
    return tuple(name for name in Row._fields if name not in absent)
