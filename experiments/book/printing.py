"""What finished claims look like on a terminal: verdicts first, one line each, then what was measured."""

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

from experiments.book import page
from experiments.book.runs import Run

COLORS = {"supported": 32, "refuted": 31, "restricted": 33, "inconclusive": 36, "exact": 34}


def print_anything() -> None:
    """Let `print` write characters that the encoding lacks as question marks, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a notebook's, or none at all, is left as it is
            stream.reconfigure(errors="replace")


def show(runs: Sequence[Run]) -> None:
    """Print the verdicts, then each claim; colors on a terminal only, and not under NO_COLOR."""
    for run in runs:
        print(verdict_line(run.finding["number"], run.finding["verdict"], run.finding["statement"]))
    width = max(40, min(shutil.get_terminal_size((100, 24)).columns, 110))
    for run in runs:
        found = run.finding
        facts = {
            "measured": page.estimate(found),
            "theory": " ".join(
                [*([] if found["theory"] is None else [page.number(found["theory"])]), *found["theory_note"]]
            ),
            "criterion": found["criterion"],
            "condition": found["condition"],
        }
        texts = [found["reading"], *(f"{name}: {text}" for name, text in facts.items() if text)]
        print(f"\n{found['number']}  {page.provenance(run)}")
        for text in texts:
            print(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    "))
        for title, columns in found["tables"].items():
            print("\n  " + title)
            print("\n".join(f"  {line}" for line in page.lines(columns)))
        print(f"\n  page     {run.folder / 'page.html'}\n  figures  {run.folder / 'figures'}")


def verdict_line(number: str, verdict: str, text: str) -> str:
    """Number, verdict and statement."""
    padded = f"{verdict or 'not run':13}"
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and verdict in COLORS
    coloured = f"\033[{COLORS[verdict]}m{padded}\033[0m" if is_coloured else padded
    return f"{number:6} {coloured} {text}"
