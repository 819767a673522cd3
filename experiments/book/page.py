"""Pages about finished claims: they begin with the answers, load nothing, and read on a screen, a phone and paper."""

import base64
import math
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from experiments.book import glossary, power
from experiments.book.find import ROOT
from experiments.book.glossary import linked
from experiments.book.runs import Run

STYLE = Path(__file__).with_name("page.css")
VERDICTS = ("supported", "restricted", "refuted", "inconclusive", "exact")
LONGEST_TABLE = 12
"""Rows that a page shows before a table is folded."""
MARK = 'class="label">jaxdl'
FACTS = {
    "says": "The source says",
    "source": "Source",
    "textbook": "Textbook",
    "scope": "Scope",
    "looks": "Earlier looks",
    "see": "Must agree with",
}


def page(
    title: str, prose: Sequence[str], runs: Sequence[Run], folder: Path, *, main: str = "", notice: str = ""
) -> str:
    """A page about some claims, to lie in `folder`; `main` and `notice` are HTML. Every other string is escaped."""
    paragraphs = "".join(
        f"<pre>{escape(text)}</pre>\n" if text.startswith("    ") else f"<p>{linked(text)}</p>\n" for text in prose
    )
    answers = f'<ol class="claims">\n{"".join(_answer(run) for run in runs)}</ol>\n' if len(runs) > 1 else ""
    articles = main or "".join(claim(run, folder, [each.finding["number"] for each in runs]) for run in runs)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<p {MARK} &middot; {counts(runs)}</p>
<h1>{escape(title)}</h1>
{notice}{answers}<div class="prose">
{paragraphs}</div>
</header>
<main>
{articles}{glossary.html()}</main>
</body>
</html>
"""


def check_own(path: Path) -> None:
    """Raises ValueError when there is a file at `path` that is no page of this module, which must not be replaced."""
    if path.exists() and not (path.is_file() and MARK.encode() in path.read_bytes()):
        msg = f"out: got a folder whose {path.name} is no page of the book and would be replaced; move it, or name another"
        raise ValueError(msg)


def claim(run: Run, folder: Path, beside: Collection[str] = ()) -> str:
    """All about one claim, the answer first; numbers of claims that stand `beside` it on the page become links."""
    found = run.finding
    drawings = [figure(*each) for each in zip(found["captions"], run.drawings, strict=True)]
    tables = "".join(table(title, columns) for title, columns in found["tables"].items())
    return f"""<article id="{escape(found["number"])}">
<p class="label"><a href="#{escape(found["number"])}">{escape(found["number"])}</a> {chip(found["verdict"])}</p>
<h2>{escape(found["statement"])}</h2>
{f'<p class="condition">True here: {linked(found["condition"])}</p>' if found["condition"] else ""}
<p>{linked(found["reading"])}</p>
{"".join(drawings[:1])}{definitions(facts(found, beside))}
{tables}{"".join(drawings[1:])}<details><summary>How it was run</summary>
{definitions(_how(run, folder))}</details>
</article>
"""


def facts(found: Mapping[str, Any], beside: Collection[str] = ()) -> dict[str, str]:
    """What a reader is told besides statement, verdict and reading, as HTML by its name."""
    reference = ", ".join(f"{name} {number(value)}" for name, value in found["reference"].items())
    theory = [] if found["theory"] is None else [f"{number(found['theory'])} exactly."]
    named = {
        "Measured": estimate(found),
        "Theory": " ".join([*theory, *found["theory_note"]]),
        "Held against": reference,
        **power.of(found),
        "Criterion": found["criterion"],
        "For the source": found["means"],
        **{title: " ".join(found.get(name, ())) for name, title in FACTS.items()},
    }
    errata: dict[str, str] = {}
    for each in found["errata"]:
        head, text = f"Wrong in {each['document']}", f"“{escape(each['says'])}” Correct: {escape(each['correct'])}"
        errata[head] = f"{errata[head]}<br>{text}" if head in errata else text
    shown = {name: linked(text) for name, text in named.items() if text}
    if FACTS["see"] in shown:
        shown[FACTS["see"]] = re.sub(
            r"[A-Z]+[0-9]+", lambda match: _link(match[0]) if match[0] in beside else match[0], shown[FACTS["see"]]
        )
    return shown | errata


def estimate(found: Mapping[str, Any]) -> str:
    """The shown number, what it is of, and its interval, where it has one."""
    low, high = found["interval"]
    ends = "" if str(low) == "nan" else f", {found['ends']} [{number(low)}, {number(high)}]"
    return f"{number(found['estimate'])}{ends}: {found['what']}"


def number(value: Any) -> str:
    """Four significant digits, also of the words that stand for nan and infinity.

    >>> number(0.123456), number(20000), number("inf")
    ('0.1235', '20000', 'inf')
    """
    return str(value) if isinstance(value, int) else f"{float(value):.4g}"


def cells(column: Mapping[str, Any]) -> list[str]:
    """The cells of a table's column, as text."""
    values = [
        value if isinstance(value, str) and not _is_number(value) else number(value) for value in column["values"]
    ]
    if "errors" in column:
        return [_with_error(*map(float, pair)) for pair in zip(column["values"], column["errors"], strict=True)]
    if "ends" in column:
        return [f"{value} [{number(a)}, {number(b)}]" for value, a, b in zip(values, *column["ends"], strict=True)]
    return values


def table(title: str, columns: Mapping[str, Any]) -> str:
    """A table, whose first column names the rows; a long one is folded."""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(each)}</td>" for each in rest)}</tr>\n'
        for first, *rest in zip(*map(cells, columns.values()), strict=True)
    )
    content = f"""<div class="scroll" tabindex="0"><table>
<caption>{linked(title)}</caption>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}</tbody></table></div>
"""
    if rows.count("<tr>") <= LONGEST_TABLE:
        return content
    return f"<details><summary>Table: {escape(title)}</summary>\n{content}</details>\n"


def figure(caption: str, drawing: bytes) -> str:
    """A drawing with its caption."""
    source = f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}"
    return f'<figure><img src="{source}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>\n'


def chip(verdict: str, prefix: str = "") -> str:
    """A verdict in its colour, linked to its meaning."""
    return f'<a class="chip {escape(verdict)}" href="#{glossary.anchor_of(verdict)}">{escape(prefix + verdict)}</a>'


def counts(runs: Sequence[Run]) -> str:
    """How many claims have each verdict."""
    verdicts = [run.finding["verdict"] for run in runs]
    return " ".join(chip(verdict, f"{verdicts.count(verdict)} ") for verdict in VERDICTS if verdict in verdicts)


def definitions(values: Mapping[str, str]) -> str:
    """A list of names and values, which are HTML."""
    return (
        "<dl>\n" + "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>\n" for name, value in values.items()) + "</dl>\n"
    )


def profile_of(run: Run) -> str:
    """The profile, and how many of its sizes were changed: "quick, 2 sizes changed"."""
    changed = run.manifest["changed"]
    return run.config["profile"] + (f", {changed} size{'s' if changed > 1 else ''} changed" if changed else "")


def provenance(run: Run) -> str:
    """One line: at which sizes, when, how long, on what and from which code."""
    made, git = run.manifest, run.manifest["git"]
    commit = [] if git is None else [f"commit {git['commit'][:10]}{' with changes' if git['dirty'] else ''}"]
    devices = f"{made['devices']['count']} x {made['devices']['kind']}"
    when = f"finished {made['finished']} after {made['seconds']} s"
    return ", ".join([profile_of(run), when, devices, made["dtype"], f"jax {made['packages']['jax']}", *commit])


def _answer(run: Run) -> str:
    number, statement = (escape(run.finding[name]) for name in ("number", "statement"))
    chips = chip(run.finding["verdict"])
    return f'<li><a class="label" href="#{number}">{number}</a> <span>{statement}</span> {chips}</li>\n'


def _link(number: str) -> str:
    return f'<a href="#{number}">{number}</a>'


def _how(run: Run, folder: Path) -> dict[str, str]:
    path = run.finding["file"]
    source = os.path.relpath(ROOT.parent / path, folder.resolve())
    sizes = ", ".join(f"{name} {value}" for name, value in run.config["sizes"].items())
    plain = {"Command": run.manifest["command"], "Profile": profile_of(run), "Sizes": sizes, "Run": provenance(run)}
    links = {"Claim's file": f'<a href="{escape(source)}">{escape(path)}</a>'}
    shown = {
        name: f"<code>{escape(text)}</code>" if name == "Command" else escape(text) for name, text in plain.items()
    }
    packages = {name: version for name, version in run.manifest["packages"].items() if version}
    return shown | links | {"Versions": escape(", ".join(f"{name} {version}" for name, version in packages.items()))}


def _with_error(value: float, error: float) -> str:
    """A number to the second digit of its error."""
    if not (math.isfinite(error) and error > 0):
        return f"{value:.4g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    if digits < 7:
        return f"{value:.{digits}f} ± {error:.{digits}f}"
    return f"{value:.6f} ± {error:.0e}" if abs(value) >= 1e-4 else f"{value:.2g} ± {error:.0e}"


def _is_number(text: str) -> bool:
    return text in ("nan", "inf", "-inf")


def lines(columns: Mapping[str, Any]) -> Iterator[str]:
    """A table for a terminal."""
    texts = [[head, *cells(column)] for head, column in columns.items()]
    widths = [max(map(len, each)) for each in texts]
    for row in zip(*texts, strict=True):
        first, *rest = (
            cell.ljust(widths[0]) if place == 0 else cell.rjust(widths[place]) for place, cell in enumerate(row)
        )
        yield "  ".join([first, *rest]).rstrip()
