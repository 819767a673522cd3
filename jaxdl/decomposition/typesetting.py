"""Tables as text of at most 100 columns, as HTML and as LaTeX."""

import functools
import html
import textwrap
from collections.abc import Iterable, Iterator

from jaxdl.decomposition.table import Block, Sheet

WIDTH = 100
# What LaTeX reads as commands, or its standard fonts lack.
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": "$|$", "<": "$<$", ">": "$>$", "²": "$^2$",
    "½": r"$\frac{1}{2}$", "±": r"$\pm$", "η": r"$\eta$", "π": r"$\pi$", "≠": r"$\neq$", "*": "$^*$",
    "†": r"$^\dagger$", "‡": r"$^\ddagger$", "φ": r"$\varphi$", "·": r"$\cdot$",
}  # fmt: skip


def as_text(sheet: Sheet, width: int = WIDTH) -> str:
    """Plain text; a block with more columns than fit is cut into several, one below the other."""
    parts = [wrapped([sheet.title], width)]
    for block in sheet.blocks:
        parts.extend(lines(each) for each in _fitting(block, width))
    return "\n\n".join([*parts, wrapped(sheet.footnotes, width)])


def lines(block: Block) -> str:
    """A block as columns of plain text, as wide as they are.

    >>> print(lines(Block("", ("term", "estimate"), (("risk", "0.5"),))))
    term  estimate
    ----  --------
    risk  0.5
    """
    widths = _widths(block)
    rows = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (block.headings, *block.rows)]
    rows.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([block.title, *rows] if block.title else rows)


def wrapped(paragraphs: Iterable[str], width: int = WIDTH) -> str:
    """Paragraphs one below the other, broken into lines whose later ones are indented.

    >>> print(wrapped(["one line", "one that is too long"], 14))
    one line
    one that is
      too long
    """
    fill = functools.partial(textwrap.fill, width=width, subsequent_indent="  ")
    return "\n".join(fill(each, break_long_words=False, break_on_hyphens=False) for each in paragraphs)


def as_html(sheet: Sheet) -> str:
    """A table for notebooks and pages: numbers on the right, all text escaped."""
    parts = [f"<p>{html.escape(sheet.title)}</p>"]
    for block in sheet.blocks:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in block.headings)
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n" for row in block.rows)
        caption = f"<caption>{html.escape(block.title)}</caption>" if block.title else ""
        parts.append(f"<table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>")
    notes = "<br>\n".join(html.escape(note) for note in sheet.footnotes)
    return "\n".join([*parts, f"<p><small>{notes}</small></p>"])


def as_latex(sheet: Sheet) -> str:
    r"""`tabular` environments with the rules of the package booktabs, and the footnotes in \footnotesize below."""
    parts = [_latex(sheet.title) + r"\par\medskip"]
    for block in sheet.blocks:
        columns = "l" + "r" * (len(block.headings) - 1)
        rows = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(block.headings), r"\midrule"]
        rows += [*map(_latex_row, block.rows), r"\bottomrule", r"\end{tabular}"]
        title = [_latex(block.title) + r"\par"] if block.title else []
        parts.append("\n".join([*title, *rows]) + r"\par\medskip")
    notes = "\\\\\n".join(map(_latex, sheet.footnotes))
    return "\n".join([*parts, rf"{{\footnotesize\raggedright {notes}\par}}", ""])


def _fitting(block: Block, width: int) -> Iterator[Block]:
    """The columns in as many parts as it takes, each with the columns that say what a row is about."""
    widths, keys = _widths(block), block.num_keys
    start = keys
    while start < len(widths):
        stop, total = start + 1, sum(each + 2 for each in widths[:keys]) + widths[start]
        while stop < len(widths) and total + 2 + widths[stop] <= width:
            total += 2 + widths[stop]
            stop += 1
        chosen = [*range(keys), *range(start, stop)]
        rows = tuple(tuple(row[place] for place in chosen) for row in block.rows)
        yield Block(block.title, tuple(block.headings[place] for place in chosen), rows)
        start = stop


def _widths(block: Block) -> list[int]:
    return [max(map(len, column)) for column in zip(block.headings, *block.rows, strict=True)]


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"
