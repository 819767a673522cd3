"""The plain-text table of a decomposition."""

import numpy as np

from jaxdl.decomposition.named_terms import label_of
from jaxdl.decomposition.record import Record

HEADINGS = ("term", "estimate", "std. error", "95 % interval", "estimand", "population")


def format_table(result: Record) -> str:
    """One block of rows for each setting and time; negative estimates stay negative."""
    shape = np.shape(next(iter(result.estimates.values())))
    runs = f"{result.loss}: {result.design.num_runs} runs, " + " x ".join(
        f"{count} {factor}" for factor, count in zip(result.design.factors, result.design.shape, strict=True)
    )
    fixed = f", one {' and '.join(result.design.fixed)}" if result.design.fixed else ""
    size = "" if result.training_size is None else f"; training size {result.training_size}"
    blocks = [f"{runs}{fixed}{size}"]
    for index in np.ndindex(shape):
        rows = [HEADINGS, *(_row(result, term, index) for term in result.estimates)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        title = _title(result, index)
        blocks.append("\n".join([title, *lines] if title else lines))
    blocks.extend(f"note: {note}" for note in result.notes)
    return "\n\n".join(blocks)


def _row(result: Record, term, index: tuple[int, ...]) -> tuple[str, ...]:
    low, high = (np.asarray(bound)[index] for bound in result.intervals[term])
    error = result.standard_errors[term][index]
    interval = "none" if np.isnan(error) else f"{low:.5g} to {high:.5g}"
    shown = "none" if np.isnan(error) else f"{error:.2g}"
    return (
        label_of(term), f"{result.estimates[term][index]:.5g}", shown, interval, result.estimands[term], result.populations[term]
    )  # fmt: skip


def _title(result: Record, index: tuple[int, ...]) -> str:
    parts = []
    for axis, position in zip(result.axes, index, strict=True):
        known = result.settings if axis == "settings" else result.times
        if known is not None:
            parts.append(f"{axis.removesuffix('s')} {known[position]:.6g}")
        else:
            parts.append(f"{axis.removesuffix('s')} {position}")
    return ", ".join(parts)
