"""The book of claims: a page for each claim and chapter, from the claim's file and the verdict of its full run."""

import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from docs.generator.files import one_line, write_folder
from experiments.book import find, glossary, page, readme
from experiments.book.find import Entry

BOOKS = {
    "UDL": "Prince, Understanding Deep Learning (UDL)",
    "ESL": "Hastie, Tibshirani & Friedman, The Elements of Statistical Learning (ESL)",
    "Deep Learning": "Goodfellow, Bengio & Courville, Deep Learning",
    "Forecasting: Principles and Practice": "Hyndman & Athanasopoulos, Forecasting: Principles and Practice",
    "Wainwright, High-Dimensional Statistics": "Wainwright, High-Dimensional Statistics",
}
CITED = re.compile(rf"({'|'.join(map(re.escape, BOOKS))})(?:, chapters?)? (\d+(?:\.\d+)*)(?: and (\d+))?")
FIGURES = {"bias_variance": "bias_variance.png", "critical_points": "critical_points.png"}
CAPTIONS = {
    "bias_variance": "Parts of the risk of networks on digits against their width, by source",
    "critical_points": "Index against energy: critical points of the spherical 3-spin model lie along the theory's curve",
}
FACTS = {
    "Says": "The source says",
    "Source": "Source",
    "Textbook": "Textbook",
    "Theory": "Theory",
    "Scope": "Scope",
    "Looks": "Earlier looks",
    "See": "Must agree with",
}
Verdict = Mapping[str, Any]


def write(folder: Path) -> None:
    """Write the pages of the book."""
    entries = find.claims_below()
    known = {entry.number: readme.committed(entry.number) for entry in entries}
    chapters = find.chapters_of(entries)
    pages = {f"{entry.number}.md": claim(entry, known[entry.number], set(known)) for entry in entries}
    pages |= {f"{name}.md": chapter(name, own, known) for name, own in chapters.items()}
    pages |= {"textbooks.md": textbooks(entries, known), "errata.md": errata(entries), "words.md": words()}
    write_folder(folder, pages | {"index.md": index(chapters, known)})


def index(chapters: Mapping[str, Sequence[Entry]], known: Mapping[str, Verdict | None]) -> str:
    """The first page of the book."""
    verdicts = [each["verdict"] for each in known.values() if each]
    counted = ", ".join(f"{verdicts.count(name)} {name}" for name in page.VERDICTS if name in verdicts)
    rows = "\n".join(
        f"| [{name}]({name}.md) | {one_line(find.question_of(own[0].path.parent)[0])} | {len(own)} |"
        for name, own in chapters.items()
    )
    toc = "\n".join(["textbooks", "errata", "words", *chapters])
    return f"""# The book of claims

{len(known)} claims about learning, each measured, with an estimate, an interval, a criterion that was fixed beforehand, and a
verdict: {counted}. Those numbered K come from study documents on deep learning, which the pages call S0 to S4; the
others come from papers and from other tools.

- [Which claims does a chapter of a textbook touch?](textbooks.md)
- [What the documents say wrongly, and what is correct](errata.md)
- [What the words of a page mean](words.md)

| chapter | question | claims |
|---|---|---:|
{rows}

Run any of them, and read the verdict of your own run. The claims are in a clone of the repository, not in the wheel:

```console
$ python -m experiments K008                     # seconds: verdict, tables, and a page with figures
$ python -m experiments K008 --profile full      # the sizes of these pages
$ python -m experiments K008 --notebook          # a notebook: change a number, and run it again
```

```{{toctree}}
:hidden:

{toc}
```
"""


def chapter(name: str, entries: Sequence[Entry], known: Mapping[str, Verdict | None]) -> str:
    """A chapter: its question, its figure and its claims."""
    question, *rest = find.question_of(entries[0].path.parent)
    rows = "\n".join(
        f"| [{entry.number}]({entry.number}.md) | {one_line(entry.statement)} | {_chip(known[entry.number])} |"
        for entry in entries
    )
    drawn = ""
    if name in FIGURES:
        drawn = (
            f"```{{image}} ../../experiments/figures/{FIGURES[name]}\n:alt: {CAPTIONS[name]}\n:class: on-paper\n```\n\n"
        )
    toc = "\n".join(entry.number for entry in entries)
    return f"""# {name.replace("_", " ").capitalize()}

**{one_line(question)}**

{chr(10).join(one_line(text) + chr(10) for text in rest)}
{drawn}| claim | statement | verdict |
|---|---|---|
{rows}

```console
$ python -m experiments {name}
```

```{{toctree}}
:hidden:

{toc}
```
"""


def claim(entry: Entry, known: Verdict | None, numbers: set[str]) -> str:
    """All about one claim, the answer first."""
    facts = [
        (
            title,
            _linked(one_line(" ".join(entry.fields[name])), numbers)
            if name == "See"
            else one_line(" ".join(entry.fields[name])),
        )
        for name, title in FACTS.items()
        if name in entry.fields
    ]
    wrong = [
        (f"Wrong in {each.document}", f"“{one_line(each.says)}” Correct: {one_line(each.correct)}")
        for each in entry.errata
    ]
    command = f"python -m experiments {entry.number}"
    return f"""({entry.number})=
# {entry.number}

**{one_line(entry.statement)}**

{_answer(entry, known)}
## What stands behind it

{chr(10).join(f"{title}{chr(10)}: {text}{chr(10)}" for title, text in [*facts, *wrong])}
## Run it

In a clone of the repository, `pip install -e ".[experiments]"`, and then:

```console
$ {command}
$ {command} --profile full
$ {command} --notebook
```

The first takes seconds and writes a page with tables and figures below `results/`. The second has the sizes of this page. The third
writes `{entry.number}.ipynb`, in which every size can be changed. The claim is one file,
`experiments/{entry.chapter}/{entry.path.name}`.
"""


def textbooks(entries: Sequence[Entry], known: Mapping[str, Verdict | None]) -> str:
    """Claims by the sections of the textbooks that they touch."""
    cited: dict[str, list[tuple[tuple[int, ...], Entry]]] = {book: [] for book in BOOKS}
    for entry in entries:
        for match in CITED.finditer(" ".join(entry.fields.get("Textbook", ()))):
            for section in filter(None, match.groups()[1:]):
                cited[match[1]].append((tuple(map(int, section.split("."))), entry))
    parts = [
        "# Claims by textbook",
        "Which claims does chapter 8 of UDL touch? Each is listed with the section and its verdict.",
    ]
    for book, title in BOOKS.items():
        chapters = sorted({section[0] for section, _ in cited[book]})
        parts.append(f"## {title}")
        for number in chapters:
            found = sorted(
                ((section, entry) for section, entry in cited[book] if section[0] == number),
                key=lambda each: (each[0], each[1].number),
            )
            rows = [
                f"| {'.'.join(map(str, section))} | [{entry.number}]({entry.number}.md) | {one_line(entry.statement)} "
                f"| {_chip(known[entry.number])} |"
                for section, entry in found
            ]
            parts.append(
                "\n".join(
                    [
                        f"### {book}, chapter {number}",
                        "",
                        "| section | claim | statement | verdict |",
                        "|---|---|---|---|",
                        *rows,
                    ]
                )
            )
    return "\n\n".join(parts) + "\n"


def errata(entries: Sequence[Entry]) -> str:
    """What the documents state wrongly."""
    rows = [
        f"| {one_line(each.document)} | {one_line(each.says)} | {one_line(each.correct)} | [{entry.number}]({entry.number}.md) |"
        for entry in entries
        for each in entry.errata
    ]
    return "\n".join(
        [
            "# What the documents say wrongly",
            "",
            "S0 to S4 are the study documents that the claims come from. Each sentence stands beside what is correct, and the",
            "claim that measured it.",
            "",
            "| document | says | correct | measured by |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def words() -> str:
    """The words of art of the pages."""
    rows = "\n".join(f"{one_line(term)}\n: {one_line(meaning)}\n" for term, meaning in glossary.TERMS.items())
    return f"# Words of the book\n\n{rows}\n"


def _answer(entry: Entry, known: Verdict | None) -> str:
    if known is None:
        return f"No full run has been judged yet; the criterion stands in `{entry.path.name}`.\n\n"
    made = known["made"]
    theory = f" Exactly: {page.number(known['theory'])}." if known["theory"] is not None else ""
    condition = f"True here: {one_line(known['condition'])}\n\n" if known["condition"] else ""
    git = made["git"]["commit"][:10] if made["git"] else "unknown"
    sizes = ", ".join(f"{name} {value}" for name, value in known["sizes"].items())
    run = f"Run of {made['finished'][:10]}, {made['seconds']:.0f} s on {made['devices']['count']} x {made['devices']['kind']}, "
    run += f"jax {made['packages']['jax']}, commit {git}; {sizes}."
    return f"""Verdict
: {_chip(known)}

{condition}{one_line(known["reading"])}

{_drawing(known)}
Measured
: {one_line(page.estimate(known))}.{theory}

Criterion
: {one_line(known["criterion"])}

How it was run
: {one_line(run)}

"""


def _chip(known: Verdict | None) -> str:
    if known is None:
        return "not run yet"
    return f"[{known['verdict']}]{{.chip .{known['verdict']}}}"


def _linked(text: str, numbers: set[str]) -> str:
    return re.sub(
        r"\b[A-Z]+[0-9]+\b", lambda match: f"[{match[0]}]({match[0]}.md)" if match[0] in numbers else match[0], text
    )


def _drawing(known: Verdict) -> str:
    """The shown number with its interval, and the exact value, on a line; nothing where there is no interval."""
    ends = [_finite(value) for value in known["interval"]]
    estimate, theory = _finite(known["estimate"]), _finite(known["theory"])
    marks = [value for value in (*ends, estimate, theory) if value is not None]
    if estimate is None or None in ends or max(marks) <= min(marks):
        return ""
    low, high = min(marks), max(marks)
    span = high - low

    def place(value: float) -> float:
        return round(60 + 480 * (value - low) / span, 1)

    a, b = (place(end) for end in ends if end is not None)
    label = f"{page.estimate(known)}" + (f"; exactly {page.number(theory)}" if theory is not None else "")
    exact = ""
    if theory is not None:
        exact = (
            f'<line class="exact" x1="{place(theory)}" x2="{place(theory)}" y1="8" y2="48"/>'
            f'<text class="exact" x="{place(theory)}" y="76" text-anchor="middle">exact {page.number(theory)}</text>'
        )
    return f"""```{{raw}} html
<figure class="estimate"><svg viewBox="0 0 600 84" role="img" aria-label="{escape(label)}">
<line class="axis" x1="30" x2="570" y1="48" y2="48"/>
<line class="reach" x1="{a}" x2="{b}" y1="28" y2="28"/><line class="reach" x1="{a}" x2="{a}" y1="22" y2="34"/>
<line class="reach" x1="{b}" x2="{b}" y1="22" y2="34"/><circle cx="{place(estimate)}" cy="28" r="5"/>
<text x="{place(estimate)}" y="14" text-anchor="middle">{page.number(estimate)}</text>{exact}
</svg><figcaption>{escape(known["what"])}: estimate and {escape(known["ends"])}</figcaption></figure>
```
"""


def _finite(value: Any) -> float | None:
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else None
