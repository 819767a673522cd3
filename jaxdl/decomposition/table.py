"""What the tables of a decomposition say: numbers in columns, and below them what each of them is a number of."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.named_terms import Terms, label_of
from jaxdl.decomposition.record import Record
from jaxdl.decomposition.rows import positions

HEADINGS = ("term", "estimate", "std. error", "95 % interval")
MARKS = ("", "*", "†", "‡")


class Block(NamedTuple):
    """Rows under headings; a title where a table has several."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_keys: int = 1
    """The first columns, which say what a row is about: every part of a wide table repeats them."""


class Sheet(NamedTuple):
    """A table, to be set as text, HTML or LaTeX."""

    title: str
    blocks: tuple[Block, ...]
    footnotes: tuple[str, ...]


def full(result: Record) -> Sheet:
    """A block of rows for each setting and time, a row for each term; negative estimates stay negative."""
    shape = np.shape(next(iter(result.estimates.values())))
    marks = _marks(result, list(result.estimates))
    blocks = [
        Block(_place(result, index), HEADINGS, tuple(_row(result, term, index, marks) for term in result.estimates))
        for index in np.ndindex(shape)
    ]
    return Sheet(_title(result), tuple(blocks), _footnotes(result, list(result.estimates), marks))


def compact(result: Record, terms: Sequence[Any] | None = None) -> Sheet:
    """A row for each setting and time, a column for each term: its estimate ± its standard error."""
    chosen = chosen_terms(result, terms)
    marks = _marks(result, chosen)
    axes = tuple(axis.removesuffix("s") for axis in result.axes)
    rows = [
        (
            *(f"{value:.6g}" for value in positions(result, index).values()),
            *(_with_error(result, term, index) for term in chosen),
        )
        for index in np.ndindex(np.shape(result.estimates[chosen[0]]))
    ]
    headings = (*axes, *(f"{label_of(term)}{marks[result.populations[term]]}" for term in chosen))
    of_cells = "estimate ± standard error"
    footnotes = _footnotes(result, chosen, marks)
    return Sheet(_title(result), (Block("", headings, tuple(rows), len(axes)),), (of_cells, *footnotes))


def over_classes(results: Mapping[int, Record], terms: Sequence[Any] | None = None) -> Sheet:
    """The compact tables of several classes in one, with the class and its number of test points in front."""
    sheets = {label: compact(result, terms) for label, result in results.items()}
    first = next(iter(results.values()))
    rows = [
        (str(label), str(results[label].per_point.estimates["total_variance"].shape[-1]), *row)
        for label, sheet in sheets.items()
        for row in sheet.blocks[0].rows
    ]
    [block] = compact(first, terms).blocks
    footnotes = dict.fromkeys(note for sheet in sheets.values() for note in sheet.footnotes)
    of_classes = {
        f"note: {of_class(label, result.per_point.estimates['total_variance'].shape[-1])}"
        for label, result in results.items()
    }
    kept = tuple(note for note in footnotes if note not in of_classes)
    headings = ("class", "points", *block.headings)
    return Sheet(_title(first), (Block("", headings, tuple(rows), 2 + block.num_keys),), kept)


def of_class(label: int, num_points: int) -> str:
    """The note of the result of one class."""
    return f"at the {num_points} test points of class {label} alone"


def chosen_terms(result: Record, terms: Sequence[Any] | None) -> list[Term]:
    """The terms that are named, or all; `"data"` stands for `"variance[data]"`.

    Raises:
        ValueError: text in place of a sequence, no name at all, or a name that no term has.
    """
    if terms is None:
        return list(result.estimates)
    if isinstance(terms, str) or not isinstance(terms, Sequence) or not terms:
        msg = f"terms: got {terms!r:.80}, expected a sequence of names, such as ('risk', 'variance[data]'); one is written "
        msg += "('risk',)"
        raise ValueError(msg)
    names = Terms(result.estimates, result.estimates.__getitem__)
    known = result.variance
    chosen: list[Term] = []
    for name in terms:
        if name in names:
            chosen.append(names.names()[name])
        else:
            _ = names[name] if name not in known else known[name]  # raises for a name that neither has
            chosen.append((name,))
    return chosen


def grouping(result: Record) -> str:
    """Says that errors come from fewer groups than there are levels, where they do; else it is empty."""
    if "groups" not in result.replicates:
        return ""
    num_groups = int((~np.isnan(result.replicates["groups"]["total_variance"])).any(axis=_later_axes(result)).sum())
    num_levels = result.design.shape[0]
    if num_levels <= num_groups:
        return ""
    units = f"levels of {result.design.factors[0]}" if len(result.design.sources) == 1 else "units"
    return f"standard errors and intervals come from {num_groups} groups of the {num_levels} {units}"


def _later_axes(result: Record) -> tuple[int, ...]:
    return tuple(range(1, 1 + len(result.axes)))


def _title(result: Record) -> str:
    levels = zip(result.design.factors, result.design.shape, strict=True)
    runs = f"{result.design.num_runs} runs, " + " x ".join(f"{count} {factor}" for factor, count in levels)
    fixed = f", one {' and '.join(result.design.fixed)}" if result.design.fixed else ""
    size = "" if result.training_size is None else f"; training size {result.training_size}"
    return f"{result.loss}: {runs}{fixed}{size}"


def _marks(result: Record, terms: Sequence[Term]) -> dict[str, str]:
    """A mark for each population, none for the one of most terms."""
    populations = [result.populations[term] for term in terms]
    by_size = sorted(dict.fromkeys(populations), key=populations.count, reverse=True)
    return dict(zip(by_size, MARKS, strict=False))


def _row(result: Record, term: Term, index: tuple[int, ...], marks: dict[str, str]) -> tuple[str, ...]:
    low, high = (np.asarray(bound)[index] for bound in result.intervals[term])
    error = result.standard_errors[term][index]
    interval = "none" if np.isnan(error) else f"{low:.5g} to {high:.5g}"
    shown = "none" if np.isnan(error) else f"{error:.2g}"
    return f"{label_of(term)}{marks[result.populations[term]]}", f"{result.estimates[term][index]:.5g}", shown, interval


def _with_error(result: Record, term: Term, index: tuple[int, ...]) -> str:
    error = result.standard_errors[term][index]
    estimate = f"{result.estimates[term][index]:.4g}"
    return estimate if np.isnan(error) else f"{estimate} ± {error:.1g}"


def _footnotes(result: Record, terms: Sequence[Term], marks: dict[str, str]) -> tuple[str, ...]:
    """The population of all terms, then the estimand of each, then notes."""
    (most, _), *others = marks.items()
    populations = f"population: {most}" + "".join(f"; of those marked {mark}: {other}" for other, mark in others)
    estimands = [f"{label_of(term)} = {result.estimands[term]}" for term in terms]
    notes = [f"note: {note}" for note in (*filter(None, [grouping(result)]), *result.notes)]
    return (populations, *estimands, *notes)


def _place(result: Record, index: tuple[int, ...]) -> str:
    found = positions(result, index)
    return ", ".join(f"{axis.removesuffix('s')} {value:.6g}" for axis, value in found.items())
