"""`Triangulation`: the result of `triangulate`, a table of estimates with the law and the conditions of each."""

from typing import NamedTuple

HEADINGS = ("scheme", "term", "at n", "estimate", "std. error", "over draws", "law", "conditional on", "estimand")
FOOTNOTE = (
    "V and B are the variance and the bias² + noise over draws. Laws are exact for the sample mean and hold to first order for "
    "smooth learners.\nA standard error covers the sampling of draws, and with bias² + noise that of test points and labels. An "
    "estimate that is conditional on this data set would change with another; the error leaves that out."
)


class Row(NamedTuple):
    """One number of a triangulation."""

    scheme: str
    term: str
    """`"variance"` or `"bias_squared_plus_noise"`; never bias² alone, which one data set does not identify."""
    training_size: int
    """Size of the fresh training sets for which the estimate holds."""
    estimate: float
    """By the law."""
    standard_error: float
    over_draws: float
    """Before the law."""
    law: str
    """The estimate from V and B, the variance and the bias² + noise over draws."""
    conditional_on: str
    estimand: str


class Triangulation(NamedTuple):
    """The rows of `triangulate`, two for each scheme; prints as a table."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """Which schemes had runs that diverged, and what was left out."""

    def table(self) -> str:
        """All rows and notes as plain text."""
        cells = [HEADINGS, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*lines, "", FOOTNOTE, *(f"note: {note}" for note in self.notes)])

    def __str__(self) -> str:
        return self.table()


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (f"{row.estimate:.5g}", f"{row.standard_error:.2g}", f"{row.over_draws:.5g}")
    return row.scheme, row.term, str(row.training_size), *numbers, row.law, row.conditional_on, row.estimand
